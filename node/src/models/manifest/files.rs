//! An author's files, and what they say of themselves.

use super::super::progress::Progress;
use super::super::{Error, Location};
use sibyl_engine::gguf::{check_header, GgufFile};
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::{Architecture, Task as EngineTask};
use sibyl_files::chunk_root;
use sibyl_primitives::model::{ModelFile, Task};
use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The context of all-MiniLM-L6-v2, which is what weights without a config.json are taken for.
const MINILM_CONTEXT: u32 = 256;
/// The tokenizer beside safetensors.
const TOKENIZER: &str = "tokenizer.json";
/// The settings beside safetensors.
const CONFIG: &str = "config.json";
/// The folder of the settings of what becomes of a text's tokens.
const POOLING: &str = "1_Pooling";

/// A model's files as their author has them, in the engine's order.
pub struct AuthorFiles {
	/// Where they are.
	pub paths: Vec<PathBuf>,
	/// What the chain is to say of each.
	pub described: Vec<ModelFile>,
	/// The program that runs them.
	pub architecture: Architecture,
	/// What the model does.
	pub task: Task,
	/// Units that the model reads at most.
	pub context: u32,
	/// What the files say that may be done with them.
	pub licence: Option<String>,
}

impl AuthorFiles {
	/// Reads and hashes them.
	pub fn read(paths: &[PathBuf], location: &Location) -> Result<Self, Error> {
		let mut paths = paths.to_vec();
		// The engine's order: weights, tokenizer, settings.
		paths.sort_by_key(|path| place(path));
		let first = paths.first().cloned().unwrap_or_default();
		let is_gguf = !paths.iter().any(|path| name(path) == TOKENIZER);
		if is_gguf {
			let unreadable = |source| Error::Unreadable { path: first.clone(), source };
			let mut file = File::open(&first).map_err(unreadable)?;
			let size = file.metadata().map_err(unreadable)?.len();
			// Before all of it is hashed, which may be gigabytes.
			check_header(&mut file, size).map_err(unreadable)?.map_err(|error| refused(&first, &error))?;
		}
		if is_gguf && paths.len() > 1 {
			return Err(refused(&first, &format!("{} files were given and no {TOKENIZER}", paths.len())));
		}
		let hashed: Result<Vec<_>, _> = paths.iter().map(|path| hash(path, location)).collect();
		let hashed = hashed?;
		let (architecture, context, licence) = match hashed.first() {
			Some((_, file)) if is_gguf => of_gguf(&first, file)?,
			_ => (Architecture::Bert, of_settings(&paths)?, None),
		};
		let task = match architecture.task() {
			EngineTask::Classification => Task::Classify,
			EngineTask::Generation => Task::Generate,
			EngineTask::Embedding => Task::Embed,
		};
		let described = hashed.into_iter().map(|(described, _)| described).collect();
		Ok(Self { paths, described, architecture, task, context, licence })
	}

	/// Why they can't be registered.
	pub fn refused(&self, reason: &dyn Display) -> Error {
		refused(self.paths.first().map_or(Path::new(""), PathBuf::as_path), reason)
	}
}

fn refused(path: &Path, reason: &dyn Display) -> Error {
	Error::NotRegistrable { path: path.into(), reason: reason.to_string() }
}

/// What the file is called in the model's distribution.
fn name(path: &Path) -> String {
	let of = |part: Option<&std::ffi::OsStr>| part.map_or_else(String::new, |part| part.to_string_lossy().into_owned());
	let folder = of(path.parent().and_then(Path::file_name));
	match of(path.file_name()) {
		file if file == CONFIG && folder == POOLING => format!("{POOLING}/{CONFIG}"),
		file => file,
	}
}

fn place(path: &Path) -> usize {
	[TOKENIZER, CONFIG, "1_Pooling/config.json"].iter().position(|other| name(path) == *other).map_or(0, |at| at + 1)
}

/// What the chain is to say of a file.
fn hash(path: &Path, location: &Location) -> Result<(ModelFile, VerifiedFile), Error> {
	let progress = Progress::new(format!("hashing {}", name(path)));
	let file = VerifiedFile::open(path, &mut |done, total| progress.show(done, total));
	let file = file.map_err(|error| location.explain(error))?;
	let unreadable = |source| Error::Unreadable { path: path.into(), source };
	let root = File::open(path).and_then(chunk_root).map_err(unreadable)?;
	let name = super::text("a file's name", &name(path))?;
	Ok((ModelFile { name, size: file.size(), sha256: file.sha256().0.into(), chunk_root: root }, file))
}

/// What a GGUF file says of itself.
fn of_gguf(path: &Path, file: &VerifiedFile) -> Result<(Architecture, u32, Option<String>), Error> {
	let gguf = GgufFile::open(file).map_err(|error| refused(path, &error))?;
	let name: &str = gguf.get("general.architecture").map_err(|error| refused(path, &error))?;
	let unknown = || refused(path, &format!("the engine has no architecture {name:?}"));
	let architecture = Architecture::find(name).ok_or_else(unknown)?;
	let context = gguf.get(&format!("{name}.context_length")).map_err(|error| refused(path, &error))?;
	let licence = gguf.find::<&str>("general.license").ok().flatten().map(String::from);
	Ok((architecture, context, licence))
}

/// The context that the settings beside safetensors name.
fn of_settings(paths: &[PathBuf]) -> Result<u32, Error> {
	let Some(path) = paths.iter().find(|path| name(path) == CONFIG) else { return Ok(MINILM_CONTEXT) };
	let bytes = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
	let settings: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| refused(path, &error))?;
	let context = settings["max_position_embeddings"].as_u64().and_then(|context| u32::try_from(context).ok());
	context.ok_or_else(|| refused(path, &"it has no number as its max_position_embeddings"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn files_are_taken_in_the_engines_order_whatever_the_command_lines_is() {
		let mut paths =
			["m/1_Pooling/config.json", "m/config.json", "m/tokenizer.json", "m/model.safetensors"].map(PathBuf::from);
		paths.sort_by_key(|path| place(path));
		let names = paths.map(|path| name(&path));
		assert_eq!(names, ["model.safetensors", "tokenizer.json", "config.json", "1_Pooling/config.json"]);
	}

	#[test]
	fn what_is_no_model_is_refused_by_its_file() {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let refusal = |name: &str, content: Option<&str>| {
			let path = folder.path().join(name);
			content.into_iter().for_each(|content| std::fs::write(&path, content).expect("there is room"));
			let error = AuthorFiles::read(&[path], &Location::default()).map(|_| ()).expect_err("it is no model");
			error.to_string()
		};
		let text = refusal("a.gguf", Some("no GGUF"));
		assert!(text.contains("a.gguf can't be registered (") && text.contains("GGUF"), "{text}");
		assert!(refusal("absent.gguf", None).contains("absent.gguf"));
	}
}

//! The host of a node's child: the engine that computes on this machine's CPU.

use super::{Host, Memory, Resources};
use crate::{LoadError, LoadOrder};
use sibyl_engine::{
	gguf::GgufFile,
	store::{Sha256Hash, StoreError, VerifiedFile},
	BatchLimits, CheckedFile, Engine, EngineError, Inference, LanguageModel, LocalEngine, ModelDescription, Request,
	SentenceEmbedder, Task,
};
use std::{fs::File, sync::Mutex};

/// What a model may keep of the tokens of all requests that run at once; a single one may take more. SmolLM2 has room for
/// 22,000 tokens.
const CACHE_BYTES: u64 = 512 << 20;

/// [`LocalEngine`], from open files and within the child's memory.
pub struct LocalHost {
	engine: LocalEngine,
	memory: Memory,
	places: usize,
	/// One model at a time: what is left of the memory is only known when the one before has taken its own.
	loading: Mutex<()>,
}

impl LocalHost {
	/// With the model that is compiled in.
	pub fn new(Resources { threads, places, memory }: Resources) -> Result<Self, EngineError> {
		let limits = BatchLimits { places, cache_bytes: CACHE_BYTES };
		let engine = LocalEngine::embedded(threads)?.with_batch_limits(limits);
		Ok(Self { engine, memory, places, loading: Mutex::default() })
	}
}

impl Host for LocalHost {
	fn load(&self, order: LoadOrder) -> Result<ModelDescription, LoadError> {
		let LoadOrder { name, architecture, files, context, available } = order;
		let _one_at_a_time = super::lock(&self.loading);
		let left = available.into_iter().chain(self.memory.left()).min();
		let within = |needed| match left {
			Some(available) if available < needed => Err(LoadError::Memory { needed, available }),
			_ => Ok(()),
		};
		let files = files.into_iter().map(|(file, sha256)| verified(file, sha256)).collect::<Result<Vec<_>, _>>()?;
		let needed = match (architecture.task(), &files[..]) {
			(Task::Generation, [file]) => {
				let file = GgufFile::open(file).map_err(EngineError::from)?;
				let one = LanguageModel::memory_needed(&file, context as usize)?;
				LanguageModel::memory_needed_at_once(&file, 0, self.places)?.saturating_add(CACHE_BYTES).max(one)
			}
			(Task::Embedding, files) => SentenceEmbedder::memory_needed(files),
			(_, files) => files.iter().map(|file| 2 * file.size()).sum(),
		};
		within(needed)?;
		let files: Vec<CheckedFile<'_>> = files.iter().map(Into::into).collect();
		Ok(self.engine.load(&name, architecture, &files)?)
	}

	fn unload(&self, sha256: &[u8; 32]) {
		self.engine.unload(sha256);
	}
}

impl Engine for LocalHost {
	fn models(&self) -> Vec<ModelDescription> {
		self.engine.models()
	}

	fn infer(&self, request: &Request) -> Result<Inference, EngineError> {
		self.engine.infer(request)
	}
}

fn verified(file: File, sha256: [u8; 32]) -> Result<VerifiedFile, EngineError> {
	VerifiedFile::hashed(file, Sha256Hash(sha256)).map_err(|error| match error {
		StoreError::Hash { expected, actual, .. } => {
			EngineError::HashMismatch { expected: expected.0, actual: actual.0 }
		}
		error => EngineError::Internal(error.to_string()),
	})
}

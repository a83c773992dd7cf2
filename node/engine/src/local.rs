use crate::gguf::GgufFile;
use crate::kernels::{check_float_environment, pool::Pool, Kernels};
use crate::models::batch::BatchLimits;
use crate::models::{bert::Bert, common_lingua::CommonLingua, generator::Generator, Model};
use crate::store::VerifiedFile;
use crate::{
	self_test, Architecture, Engine, EngineError, Inference, ModelDescription, ModelFile, Request, Task, Tier,
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

/// The SHA-256 of the model that is compiled in: the weights of common-lingua 0.2.3.
pub const COMMON_LINGUA: [u8; 32] = [
	0xb5, 0x90, 0x56, 0x9d, 0x54, 0x9a, 0x34, 0x70, 0x8f, 0x0c, 0xba, 0xcd, 0x92, 0xb2, 0x70, 0x31, 0x8e, 0x87, 0xeb,
	0x88, 0x1a, 0xff, 0x28, 0xa5, 0xef, 0x75, 0xa7, 0xf3, 0x0f, 0x3b, 0x3a, 0xe7,
];

/// A file that has been hashed.
#[derive(Clone, Copy, Debug)]
pub struct CheckedFile<'a> {
	place: Place<'a>,
	sha256: [u8; 32],
}

#[derive(Clone, Copy, Debug)]
enum Place<'a> {
	Memory(&'a [u8]),
	File(&'a VerifiedFile),
}

impl<'a> CheckedFile<'a> {
	/// Hashes the bytes of a file, which may have any hash.
	pub fn of(bytes: &'a [u8]) -> Self {
		Self { place: Place::Memory(bytes), sha256: Sha256::digest(bytes).into() }
	}

	/// Hashes the bytes of a file, which must have the expected hash.
	pub fn check(bytes: &'a [u8], expected: [u8; 32]) -> Result<Self, EngineError> {
		let actual: [u8; 32] = Sha256::digest(bytes).into();
		match actual == expected {
			true => Ok(Self { place: Place::Memory(bytes), sha256: actual }),
			false => Err(EngineError::HashMismatch { expected, actual }),
		}
	}

	fn size(&self) -> u64 {
		match self.place {
			Place::Memory(bytes) => bytes.len() as u64,
			Place::File(file) => file.size(),
		}
	}

	/// All of its bytes.
	fn bytes(&self) -> Result<Cow<'a, [u8]>, EngineError> {
		match self.place {
			Place::Memory(bytes) => Ok(bytes.into()),
			Place::File(file) => match file.contents() {
				Ok(bytes) => Ok(bytes.into()),
				Err(error) => Err(EngineError::Internal(error.to_string())),
			},
		}
	}

	fn gguf(&self) -> Result<GgufFile<'a>, EngineError> {
		Ok(match self.place {
			Place::Memory(bytes) => GgufFile::parse(bytes)?,
			Place::File(file) => GgufFile::open(file)?,
		})
	}
}

impl<'a> From<&'a VerifiedFile> for CheckedFile<'a> {
	fn from(file: &'a VerifiedFile) -> Self {
		Self { place: Place::File(file), sha256: file.sha256().0 }
	}
}

/// An engine that computes on this machine's CPU.
pub struct LocalEngine {
	models: RwLock<Vec<Loaded>>,
	kernels: Kernels,
	threads: usize,
	limits: BatchLimits,
}

#[derive(Clone)]
struct Loaded {
	description: ModelDescription,
	model: Arc<dyn Model>,
}

impl LocalEngine {
	/// An engine without models that computes in the given number of threads (at least one), on the fastest tier of this
	/// CPU. A model that generates serves all requests for it together in these threads, each other model each of its
	/// requests.
	pub fn new(threads: usize) -> Self {
		let (kernels, limits) = (Kernels::best(), BatchLimits::default());
		Self { models: RwLock::default(), kernels, threads: threads.max(1), limits }
	}

	/// The same engine with other limits on the requests that each model that generates runs at once. They count for models
	/// that are loaded later.
	pub fn with_batch_limits(mut self, limits: BatchLimits) -> Self {
		self.limits = limits;
		self
	}

	/// An engine with the model that is compiled in.
	pub fn embedded(threads: usize) -> Result<Self, EngineError> {
		let engine = Self::new(threads);
		let weights = CheckedFile::check(common_lingua::WEIGHTS, COMMON_LINGUA)?;
		engine.load("common-lingua", Architecture::CommonLingua, &[weights])?;
		Ok(engine)
	}

	/// Loads a model from its files, the one that it is named by first. [`Architecture::Bert`] is one GGUF file; or safetensors
	/// and, in this order, `tokenizer.json`, `config.json` and `1_Pooling/config.json`, of which the last two are left out where
	/// the model is all-MiniLM-L6-v2. Requests are served meanwhile.
	///
	/// A model that is loaded already is left as it is. Says what is loaded. The first load of a process makes the
	/// [`self_test`].
	pub fn load(
		&self,
		name: &str,
		architecture: Architecture,
		files: &[CheckedFile<'_>],
	) -> Result<ModelDescription, EngineError> {
		if let Some(loaded) = files.first().and_then(|first| self.find(&first.sha256)) {
			return Ok(loaded.description);
		}
		self_test()?;
		let model: Arc<dyn Model> = match (architecture, files) {
			(Architecture::CommonLingua, [file]) => Arc::new(CommonLingua::load(&file.bytes()?)?),
			(Architecture::Bert, [file]) => Arc::new(Bert::from_gguf(&file.gguf()?, &Pool::new(self.threads)?)?),
			(Architecture::Bert, [weights, tokenizer]) => {
				Arc::new(Bert::load(&weights.bytes()?, &tokenizer.bytes()?, None)?)
			}
			(Architecture::Bert, [weights, tokenizer, config, pooling]) => {
				let settings = [config.bytes()?, pooling.bytes()?];
				Arc::new(Bert::load(
					&weights.bytes()?,
					&tokenizer.bytes()?,
					Some(settings.each_ref().map(AsRef::as_ref)),
				)?)
			}
			(architecture, [file]) if architecture.task() == Task::Generation => {
				let model = Generator::load(&file.gguf()?, self.threads, self.limits)?;
				if model.architecture() != architecture {
					let actual = model.architecture();
					return Err(EngineError::InvalidModel(format!(
						"it is of architecture {actual}, not {architecture}"
					)));
				}
				Arc::new(model)
			}
			(Architecture::Fake, _) => return Err(EngineError::InvalidModel("a fake has no file".into())),
			(_, files) => {
				let count = files.len();
				return Err(EngineError::InvalidModel(format!("{count} files, which {architecture} does not have")));
			}
		};
		let files = files.iter().map(|file| ModelFile { size: file.size(), sha256: file.sha256 }).collect();
		let description = ModelDescription { name: name.into(), architecture, files, task: architecture.task() };
		let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
		// Another thread may have been quicker.
		if models.iter().all(|other| other.description.files.first() != description.files.first()) {
			models.push(Loaded { description: description.clone(), model });
		}
		Ok(description)
	}

	/// Forgets the model that is named by the file of this hash. Its memory is free when the requests that are being
	/// answered are.
	pub fn unload(&self, sha256: &[u8; 32]) {
		self.models.write().unwrap_or_else(PoisonError::into_inner).retain(|loaded| !loaded.description.is(sha256));
	}

	/// The same engine on another tier, for tests and benchmarks.
	#[doc(hidden)]
	pub fn on_tier(mut self, tier: Tier) -> Result<Self, EngineError> {
		self.kernels = Kernels::new(tier).ok_or(EngineError::TierUnavailable(tier.name()))?;
		Ok(self)
	}

	/// The same engine with another number of threads (at least one).
	pub fn with_threads(mut self, threads: usize) -> Self {
		self.threads = threads.max(1);
		self
	}

	/// The tier that this engine computes on.
	pub fn tier(&self) -> Tier {
		self.kernels.tier()
	}

	fn find(&self, sha256: &[u8; 32]) -> Option<Loaded> {
		let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
		models.iter().find(|loaded| loaded.description.is(sha256)).cloned()
	}
}

impl Engine for LocalEngine {
	fn models(&self) -> Vec<ModelDescription> {
		let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
		models.iter().map(|loaded| loaded.description.clone()).collect()
	}

	fn infer(&self, request: &Request) -> Result<Inference, EngineError> {
		let Loaded { model, .. } = self.find(&request.model).ok_or(EngineError::UnknownModel(request.model))?;
		if !check_float_environment() {
			return Err(EngineError::FloatEnvironment);
		}
		model.run(request, self.kernels, self.threads)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Limits, Refusal};

	fn request(model: [u8; 32]) -> Request {
		Request::new(model, "hello", Limits { max_input_bytes: 512, max_output_units: 0 })
	}

	#[test]
	fn the_embedded_model_should_be_described() {
		let engine = LocalEngine::embedded(1).unwrap();
		let expected = ModelDescription {
			name: "common-lingua".into(),
			architecture: Architecture::CommonLingua,
			files: vec![ModelFile { size: 3_868_096, sha256: COMMON_LINGUA }],
			task: Task::Classification,
		};
		assert_eq!(engine.models(), [expected]);
	}

	#[test]
	fn a_model_that_was_not_loaded_should_be_an_error_and_no_refusal() {
		let engine = LocalEngine::new(1);
		assert_eq!(engine.infer(&request(COMMON_LINGUA)), Err(EngineError::UnknownModel(COMMON_LINGUA)));
	}

	#[test]
	fn a_file_with_another_hash_should_not_be_parsed() {
		let file = b"not even safetensors";
		let actual: [u8; 32] = Sha256::digest(file).into();
		let error = CheckedFile::check(file, COMMON_LINGUA).unwrap_err();
		assert_eq!(error, EngineError::HashMismatch { expected: COMMON_LINGUA, actual });
	}

	#[test]
	fn a_file_that_is_no_model_should_be_an_error_and_change_nothing() {
		let engine = LocalEngine::new(1);
		let file = b"not even safetensors";
		let file = CheckedFile::check(file, Sha256::digest(file).into()).unwrap();
		for architecture in [Architecture::CommonLingua, Architecture::Llama] {
			assert!(matches!(engine.load("x", architecture, &[file]), Err(EngineError::InvalidModel(_))));
			assert!(matches!(engine.load("x", architecture, &[file, file]), Err(EngineError::InvalidModel(_))));
		}
		assert_eq!(engine.models(), []);
	}

	#[test]
	fn a_model_should_be_loaded_once_until_it_is_unloaded() {
		let engine = LocalEngine::embedded(1).unwrap();
		let weights = CheckedFile::check(common_lingua::WEIGHTS, COMMON_LINGUA).unwrap();
		let description = engine.load("again", Architecture::CommonLingua, &[weights]).unwrap();
		assert_eq!(engine.models(), [description]);
		engine.unload(&COMMON_LINGUA);
		assert_eq!(engine.models(), []);
	}

	#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
	#[test]
	fn a_thread_that_flushes_denormals_should_get_an_error() {
		let outcome = std::thread::spawn(|| {
			let engine = LocalEngine::embedded(1).unwrap();
			crate::kernels::with_flushed_denormals(|| engine.infer(&request(COMMON_LINGUA)))
		});
		assert_eq!(outcome.join().unwrap(), Err(EngineError::FloatEnvironment));
	}

	#[test]
	fn an_unknown_model_should_count_before_a_bad_input() {
		let engine = LocalEngine::embedded(1).unwrap();
		let empty = Request { input: "".into(), ..request([7; 32]) };
		assert_eq!(engine.infer(&empty), Err(EngineError::UnknownModel([7; 32])));
		let empty = Request { input: "".into(), ..request(COMMON_LINGUA) };
		assert_eq!(engine.infer(&empty), Ok(Inference::refused(Refusal::EmptyInput)));
	}
}

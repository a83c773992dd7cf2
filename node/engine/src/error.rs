use crate::kernels::NoMemory;
use std::fmt;

/// Why this engine cannot compute an outcome. Other engines may be able to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
	/// The engine does not have the model.
	#[error("this engine has no model with SHA-256 {}", Hex(.0))]
	UnknownModel([u8; 32]),
	/// A file is not the one that was asked for.
	#[error("the model's file has SHA-256 {}, expected {}", Hex(.actual), Hex(.expected))]
	HashMismatch {
		/// The hash that was asked for.
		expected: [u8; 32],
		/// The file's hash.
		actual: [u8; 32],
	},
	/// A file is larger than a model of this architecture can be.
	#[error("the model's file has {size} bytes, more than {limit}")]
	FileTooLarge {
		/// The file's size.
		size: u64,
		/// The largest size.
		limit: u64,
	},
	/// A file has not the contents that its architecture demands.
	#[error("the model's file is not valid: {0}")]
	InvalidModel(String),
	/// The CPU lacks the instructions that were asked for.
	#[error("this CPU cannot compute on tier {0}")]
	TierUnavailable(&'static str),
	/// This build has other tables or functions than the semantics: [`self_test`](crate::self_test) has found some.
	#[error(
		"this build would disagree with others: {0} differ from semantics version 1; build it with the toolchain of \
		rust-toolchain.toml, the versions of Cargo.lock and no feature \"onig\" of the crate tokenizers"
	)]
	SelfTest(&'static str),
	/// Something in this process has changed the rounding mode or the treatment of denormals.
	#[error("the floating-point environment of this thread is not the default one")]
	FloatEnvironment,
	/// The system has no more memory for a model's weights, or for what it keeps of its requests' tokens.
	#[error(
		"the system gives no memory for the {bytes} bytes that weights or a request's tokens take: let the engine run fewer \
		 requests at once, or a smaller model"
	)]
	NoMemory {
		/// The bytes that were asked for.
		bytes: u64,
	},
	/// The request's [`Stop`](crate::Stop) said that nobody wants the answer.
	#[error("the inference was stopped")]
	Stopped,
	/// The engine panicked.
	#[error("the engine panicked: {0}")]
	Panicked(String),
	/// The process that the engine runs in ended, or was ended, and why: what it did, as the rest of a sentence about it.
	#[error("the engine's process {0}")]
	Process(String),
	/// A fault of the engine's.
	#[error("internal error: {0}")]
	Internal(String),
}

impl From<NoMemory> for EngineError {
	fn from(NoMemory(bytes): NoMemory) -> Self {
		Self::NoMemory { bytes }
	}
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
	}
}

use super::dtype;
use crate::EngineError;
use std::fmt;

/// Why a file is not read. The strings are the file's and may hold anything; a message shows them escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
	/// The file begins with other bytes.
	#[error("the file is not GGUF")]
	NotGguf,
	/// The file cannot be read, or was changed meanwhile.
	#[error("{0}")]
	Unreadable(String),
	/// The version is not read.
	#[error("the file has GGUF version {0}; 2 and 3 are read, little-endian")]
	Version(u32),
	/// The file ends too early.
	#[error("the file ends at byte {at}, within {reading}")]
	Truncated {
		/// What was read.
		reading: &'static str,
		/// Where it would begin.
		at: usize,
	},
	/// A count or a length is over its limit.
	#[error("the file has {count} {what}, more than {limit}")]
	TooMany {
		/// What there are too many of.
		what: &'static str,
		/// How many the file says there are.
		count: u64,
		/// The most that are allowed.
		limit: u64,
	},
	/// A count or a length cannot be true in a file of this size.
	#[error("the file claims {count} {what}, for which it is too small")]
	CountExceedsFile {
		/// What there are too many of.
		what: &'static str,
		/// How many the file says there are.
		count: u64,
	},
	/// A string is not UTF-8.
	#[error("the string at byte {at} is not UTF-8")]
	NotUtf8 {
		/// Where the string begins.
		at: usize,
	},
	/// A key or a tensor has no name.
	#[error("the name at byte {at} is empty")]
	EmptyName {
		/// Where the name would begin.
		at: usize,
	},
	/// Two keys have the same name.
	#[error("the key {0:?} occurs twice")]
	DuplicateKey(String),
	/// Two tensors have the same name.
	#[error("the tensor {0:?} occurs twice")]
	DuplicateTensor(String),
	/// A value has a type that the format does not have.
	#[error("the value of {key:?} has type {id}, which does not exist")]
	ValueType {
		/// The key.
		key: String,
		/// The type's number.
		id: u32,
	},
	/// A value is an array of arrays.
	#[error("the value of {0:?} is an array of arrays")]
	NestedArray(String),
	/// A truth value is neither 0 nor 1.
	#[error("the value of {0:?} has a truth value that is neither 0 nor 1")]
	TruthValue(String),
	/// The alignment of tensors is not a power of two that makes sense.
	#[error("the alignment {0} is not a power of two from 8 to 65536")]
	Alignment(u64),
	/// A tensor's type is not one that the engine computes with.
	#[error("the tensor {tensor:?} has type {}, which this engine does not compute with", TypeName(*id))]
	TensorType {
		/// The tensor.
		tensor: String,
		/// The type's number.
		id: u32,
	},
	/// A tensor has a type that the engine does not compute with, as the architecture is one that it does not know.
	#[error("architecture {0:?} is not known")]
	Architecture(String),
	/// Much of the file belongs to no tensor.
	#[error("{bytes} bytes of the file belong to no tensor")]
	Unused {
		/// How many.
		bytes: u64,
	},
	/// A tensor's shape is impossible.
	#[error("the shape of tensor {tensor:?} is not valid: {reason}")]
	Shape {
		/// The tensor.
		tensor: String,
		/// What is wrong.
		reason: &'static str,
	},
	/// A tensor begins where none may begin.
	#[error("the tensor {tensor:?} has offset {offset}, not a multiple of {alignment}")]
	Misaligned {
		/// The tensor.
		tensor: String,
		/// Its offset.
		offset: u64,
		/// The file's alignment.
		alignment: u64,
	},
	/// A tensor does not end within the file.
	#[error("the tensor {0:?} reaches beyond the file's end")]
	OutsideFile(String),
	/// Two tensors share bytes.
	#[error("the tensors {first:?} and {second:?} overlap")]
	Overlap {
		/// The one with the lower offset.
		first: String,
		/// The other.
		second: String,
	},
	/// The tensors are larger than allowed.
	#[error("the tensors need more than {limit} bytes of memory")]
	TooMuchMemory {
		/// The most bytes that are allowed.
		limit: u64,
	},
	/// A key is missing.
	#[error("the key {0:?} is missing")]
	MissingKey(String),
	/// A key's value has another type than needed.
	#[error("the value of {key:?} is {found}, not {expected}")]
	KeyType {
		/// The key.
		key: String,
		/// The type that is needed.
		expected: &'static str,
		/// What the value is.
		found: &'static str,
	},
}

impl From<GgufError> for EngineError {
	fn from(error: GgufError) -> Self {
		match error {
			// Another try may have another end.
			GgufError::Unreadable(reason) => Self::Internal(reason),
			error => Self::InvalidModel(error.to_string()),
		}
	}
}

/// A type's name by its number.
struct TypeName(u32);

impl fmt::Display for TypeName {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		dtype::name(f, self.0)
	}
}

//! GGUF files, read without trusting them.
//!
//! A [`GgufFile`] borrows a file, or its bytes in memory, and checks the whole header before it gives anything out: counts,
//! lengths and shapes against limits and against the file's size, names for duplicates, tensors for their types, their
//! alignment and that no two overlap. What it allocates is in proportion to the number of keys and tensors, each of which
//! takes its bytes in the file; arrays and tensors stay where they are.
//!
//! Versions 2 and 3, little-endian. Arrays of arrays do not occur in models and are refused. The values of tensors are
//! the model's matter.

mod data;
mod dtype;
mod error;
mod header;
mod reader;
mod value;

pub use data::TensorData;
pub use dtype::GgufDtype;
pub use error::GgufError;
pub use header::check_header;
pub use value::{Floats, FromValue, Integers, Strings, Value};

use crate::store::VerifiedFile;
use reader::Reader;
use std::collections::BTreeMap;

const MAGIC: &[u8; 4] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 16;
const MAX_DIMENSIONS: u32 = 4;
/// An empty name's length, a type and a value of one byte.
const MIN_KEY_BYTES: usize = 8 + 4 + 1;
/// An empty name's length, the number of dimensions, one of them, the type and the offset.
const MIN_TENSOR_BYTES: usize = 8 + 4 + 8 + 4 + 8;

/// What a file may contain at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GgufLimits {
	/// The most keys.
	pub keys: u64,
	/// The most tensors.
	pub tensors: u64,
	/// The longest name of a key or a tensor, in bytes.
	pub name_bytes: u64,
	/// The longest string, in bytes.
	pub string_bytes: u64,
	/// The most items of an array.
	pub array_items: u64,
	/// The most bytes of all tensors together.
	pub tensor_bytes: u64,
}

impl Default for GgufLimits {
	/// Many times what models of a few billion parameters need.
	fn default() -> Self {
		Self {
			keys: 1 << 12,
			tensors: 1 << 14,
			name_bytes: 256,
			string_bytes: 1 << 24,
			array_items: 1 << 22,
			tensor_bytes: 1 << 35,
		}
	}
}

/// A tensor in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorView<'a> {
	/// The tensor's name.
	pub name: &'a str,
	/// The type of its weights.
	pub dtype: GgufDtype,
	/// Its dimensions in GGUF's order: the first is the length of a row, along which blocks lie.
	pub shape: Vec<usize>,
	/// Its bytes: `shape.product() / block_weights · block_bytes`.
	pub data: TensorData<'a>,
}

/// A file whose header has been checked.
#[derive(Clone, Debug)]
pub struct GgufFile<'a> {
	values: BTreeMap<&'a str, Value<'a>>,
	tensors: Vec<TensorView<'a>>,
	by_name: BTreeMap<&'a str, usize>,
	tensor_bytes: u64,
	held_bytes: u64,
}

/// What is before the tensors' bytes.
struct Header<'a> {
	values: BTreeMap<&'a str, Value<'a>>,
	described: Vec<Described<'a>>,
	/// Where the tensors' bytes begin.
	start: u64,
}

impl<'a> Header<'a> {
	fn read(bytes: &'a [u8], limits: &GgufLimits) -> Result<Self, GgufError> {
		let mut reader = Reader::new(bytes, limits);
		// A short file of another kind should not be called cut off.
		if !MAGIC.starts_with(bytes) && !bytes.starts_with(MAGIC) {
			return Err(GgufError::NotGguf);
		}
		reader.take(MAGIC.len(), "the magic number")?;
		let version = reader.u32("the version")?;
		if !(2..=3).contains(&version) {
			return Err(GgufError::Version(version));
		}
		let tensors = reader.u64("the number of tensors")?;
		let keys = reader.u64("the number of keys")?;
		reader.check_count("tensors", tensors, limits.tensors, MIN_TENSOR_BYTES)?;
		reader.check_count("keys", keys, limits.keys, MIN_KEY_BYTES)?;

		let mut values = BTreeMap::new();
		for _ in 0..keys {
			let key = reader.name("the name of a key")?;
			let value = Value::read(&mut reader, key)?;
			if values.insert(key, value).is_some() {
				return Err(GgufError::DuplicateKey(key.into()));
			}
		}
		let alignment = alignment(&values)?;
		let described = (0..tensors).map(|_| describe(&mut reader, alignment)).collect::<Result<Vec<_>, _>>();
		let described = described.map_err(|error| match (error, values.get("general.architecture")) {
			// Which types another architecture has is not what its user needs to know.
			(GgufError::TensorType { .. }, Some(Value::String(name))) if !is_known(name) => {
				GgufError::Architecture((*name).into())
			}
			(error, _) => error,
		})?;
		Ok(Self { values, described, start: (reader.position() as u64).next_multiple_of(alignment) })
	}
}

fn is_known(architecture: &str) -> bool {
	crate::Architecture::find(architecture).is_some()
}

fn tensor_bytes(described: &[Described<'_>], limits: &GgufLimits) -> Result<u64, GgufError> {
	described
		.iter()
		.try_fold(0_u64, |total, tensor| total.checked_add(tensor.size))
		.filter(|total| *total <= limits.tensor_bytes)
		.ok_or(GgufError::TooMuchMemory { limit: limits.tensor_bytes })
}

/// A tensor as the header describes it.
struct Described<'a> {
	name: &'a str,
	dtype: GgufDtype,
	shape: Vec<usize>,
	offset: u64,
	size: u64,
}

/// How much of a file is read for its header, at most: vocabularies of a quarter of a million tokens take a tenth of it.
const MAX_HEADER_BYTES: usize = 128 << 20;

impl<'a> GgufFile<'a> {
	/// Reads and checks the header of a file in memory, with the usual limits.
	pub fn parse(bytes: &'a [u8]) -> Result<Self, GgufError> {
		Self::parse_within(bytes, &GgufLimits::default())
	}

	/// Reads and checks the header of a file in memory.
	pub fn parse_within(bytes: &'a [u8], limits: &GgufLimits) -> Result<Self, GgufError> {
		let data = |start: u64, length: usize| {
			let data = bytes.get(usize::try_from(start).ok()?..)?.get(..length)?;
			Some(TensorData::Memory(data))
		};
		Self::located(Header::read(bytes, limits)?, limits, data)
	}

	/// Reads and checks the header of a file, with the usual limits. The tensors stay where they are.
	pub fn open(file: &'a VerifiedFile) -> Result<Self, GgufError> {
		let limits = GgufLimits::default();
		let are_enough = |bytes: &[u8]| {
			let ends = !matches!(
				Header::read(bytes, &limits),
				Err(GgufError::Truncated { .. } | GgufError::CountExceedsFile { .. })
			);
			ends || bytes.len() >= MAX_HEADER_BYTES
		};
		let head = file.head(are_enough).map_err(|error| GgufError::Unreadable(error.to_string()))?;
		let data = |start: u64, length: usize| {
			let is_within = start.checked_add(length as u64)? <= file.size();
			is_within.then_some(TensorData::File { file, start, length })
		};
		let read = Self::located(Header::read(head, &limits)?, &limits, data)?;
		Ok(Self { held_bytes: file.held_bytes(), ..read })
	}

	/// The tensors by their bytes, of which `data` has so many from each place, if the file has them.
	fn located(
		header: Header<'a>,
		limits: &GgufLimits,
		data: impl Fn(u64, usize) -> Option<TensorData<'a>>,
	) -> Result<Self, GgufError> {
		let Header { values, described, start } = header;
		let tensor_bytes = tensor_bytes(&described, limits)?;
		refuse_overlaps(&described)?;
		let tensors: Vec<_> =
			described.into_iter().map(|tensor| tensor.locate(start, &data)).collect::<Result<_, _>>()?;
		let mut by_name = BTreeMap::new();
		for (index, tensor) in tensors.iter().enumerate() {
			if by_name.insert(tensor.name, index).is_some() {
				return Err(GgufError::DuplicateTensor(tensor.name.into()));
			}
		}
		Ok(Self { values, tensors, by_name, tensor_bytes, held_bytes: 0 })
	}

	/// How many bytes of memory the file takes while it is read, those of a caller that has them all not counted.
	pub fn held_bytes(&self) -> u64 {
		self.held_bytes
	}

	/// How many bytes all tensors have together: what a loaded model takes at least.
	pub fn tensor_bytes(&self) -> u64 {
		self.tensor_bytes
	}

	/// A key's value, if the file has the key. It is an error if the value is of another type.
	///
	/// [`FromValue`] says which types there are.
	pub fn find<T: FromValue<'a>>(&self, key: &str) -> Result<Option<T>, GgufError> {
		let Some(value) = self.values.get(key) else { return Ok(None) };
		match T::from_value(value) {
			Some(value) => Ok(Some(value)),
			None => Err(GgufError::KeyType { key: key.into(), expected: T::EXPECTED, found: value.describe() }),
		}
	}

	/// A key's value. It is an error if the file does not have the key or the value is of another type.
	pub fn get<T: FromValue<'a>>(&self, key: &str) -> Result<T, GgufError> {
		self.find(key)?.ok_or_else(|| GgufError::MissingKey(key.into()))
	}

	/// All keys and their values, in the order of the keys' names.
	pub fn values(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
		self.values.iter().map(|(key, value)| (*key, value))
	}

	/// A tensor.
	pub fn tensor(&self, name: &str) -> Option<&TensorView<'a>> {
		self.by_name.get(name).and_then(|index| self.tensors.get(*index))
	}

	/// All tensors, in the order in which the file lists them.
	pub fn tensors(&self) -> impl ExactSizeIterator<Item = &TensorView<'a>> {
		self.tensors.iter()
	}
}

fn alignment(values: &BTreeMap<&str, Value<'_>>) -> Result<u64, GgufError> {
	let alignment = match values.get("general.alignment") {
		None => DEFAULT_ALIGNMENT,
		Some(Value::U32(alignment)) => u64::from(*alignment),
		Some(other) => {
			return Err(GgufError::KeyType {
				key: "general.alignment".into(),
				expected: "a 32-bit unsigned integer",
				found: other.describe(),
			})
		}
	};
	if alignment.is_power_of_two() && (8..=MAX_ALIGNMENT).contains(&alignment) {
		Ok(alignment)
	} else {
		Err(GgufError::Alignment(alignment))
	}
}

fn describe<'a>(reader: &mut Reader<'a>, alignment: u64) -> Result<Described<'a>, GgufError> {
	let name = reader.name("the name of a tensor")?;
	let shape_error = |reason| GgufError::Shape { tensor: name.into(), reason };
	let dimensions = reader.u32("a tensor's number of dimensions")?;
	if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
		return Err(shape_error("it has not one to four dimensions"));
	}
	let mut shape = Vec::new();
	let mut weights = 1_u64;
	for _ in 0..dimensions {
		let length = reader.u64("a tensor's dimension")?;
		if length == 0 {
			return Err(shape_error("a dimension is zero"));
		}
		weights = weights.checked_mul(length).ok_or_else(|| shape_error("its product overflows"))?;
		shape.push(usize::try_from(length).map_err(|_| shape_error("a dimension is too large for this machine"))?);
	}
	let id = reader.u32("a tensor's type")?;
	let dtype = GgufDtype::from_id(id).ok_or_else(|| GgufError::TensorType { tensor: name.into(), id })?;
	if !shape[0].is_multiple_of(dtype.block_weights()) {
		return Err(shape_error("a row is not a whole number of blocks"));
	}
	let blocks = weights / dtype.block_weights() as u64;
	let size = blocks.checked_mul(dtype.block_bytes() as u64).ok_or_else(|| shape_error("its size overflows"))?;
	let offset = reader.u64("a tensor's offset")?;
	if !offset.is_multiple_of(alignment) {
		return Err(GgufError::Misaligned { tensor: name.into(), offset, alignment });
	}
	Ok(Described { name, dtype, shape, offset, size })
}

fn refuse_overlaps(tensors: &[Described<'_>]) -> Result<(), GgufError> {
	let mut by_offset: Vec<_> = tensors.iter().collect();
	by_offset.sort_by_key(|tensor| tensor.offset);
	for pair in by_offset.windows(2) {
		let (first, second) = (pair[0], pair[1]);
		if first.offset.saturating_add(first.size) > second.offset {
			return Err(GgufError::Overlap { first: first.name.into(), second: second.name.into() });
		}
	}
	Ok(())
}

impl<'a> Described<'a> {
	fn locate(
		self,
		start: u64,
		data: impl Fn(u64, usize) -> Option<TensorData<'a>>,
	) -> Result<TensorView<'a>, GgufError> {
		let Self { name, dtype, shape, offset, size } = self;
		let from = start.checked_add(offset);
		let data = from.zip(usize::try_from(size).ok()).and_then(|(from, size)| data(from, size));
		let data = data.ok_or_else(|| GgufError::OutsideFile(name.into()))?;
		Ok(TensorView { name, dtype, shape, data })
	}
}

#[cfg(test)]
mod tests;

//! Safetensors files, read without trusting them.
//!
//! The header is limited before it is parsed, and what it says about tensors is checked against the file's size: the
//! tensors must cover the data without holes and overlaps, and be of a type that the engine reads.

use safetensors::tensor::Metadata;
use safetensors::Dtype;
use std::collections::BTreeMap;

/// The header's length comes first, in as many bytes.
const LENGTH_BYTES: usize = 8;
/// No header is longer, in bytes. A parsed header takes a few times as much memory.
const MAX_HEADER: u64 = 4 << 20;
const MAX_DIMENSIONS: usize = 4;

/// Why a file is not read. The strings are the file's and may hold anything; a message shows them escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsError {
	/// The file ends within its header.
	#[error("the file ends within its header")]
	Truncated,
	/// The header is longer than allowed.
	#[error("the header has {length} bytes, more than {limit}")]
	HeaderTooLarge {
		/// The header's length.
		length: u64,
		/// The longest header.
		limit: u64,
	},
	/// The header is no JSON, or what it says of the tensors contradicts itself.
	#[error("the header is not valid: {0}")]
	Header(String),
	/// The tensors do not end where the file ends.
	#[error("the tensors have {described} bytes, the file has {present} for them")]
	Size {
		/// How many bytes the header describes.
		described: u64,
		/// How many bytes there are.
		present: u64,
	},
	/// A tensor's type is not one that the engine reads.
	#[error("tensor {tensor:?} has type {dtype}, which this engine does not read")]
	TensorType {
		/// The tensor.
		tensor: String,
		/// Its type.
		dtype: String,
	},
	/// A tensor's shape is impossible.
	#[error("tensor {0:?} has a shape with a zero or with more than four dimensions")]
	Shape(String),
	/// A tensor is missing.
	#[error("tensor {0:?} is missing")]
	Missing(String),
}

/// The types of tensors that the engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SafetensorsDtype {
	/// 32-bit floats.
	F32,
	/// 8-bit integers.
	I8,
	/// 64-bit integers: no weights, but positions that some files carry along.
	I64,
}

impl SafetensorsDtype {
	fn of(dtype: Dtype) -> Option<Self> {
		Some(match dtype {
			Dtype::F32 => Self::F32,
			Dtype::I8 => Self::I8,
			Dtype::I64 => Self::I64,
			_ => return None,
		})
	}
}

/// A tensor in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetensorsView<'a> {
	/// The type of its values.
	pub dtype: SafetensorsDtype,
	/// Its dimensions, the last of which is the length of a row.
	pub shape: Vec<usize>,
	/// Its bytes, row-major and little-endian, at any address.
	pub data: &'a [u8],
}

/// A file whose header has been checked.
#[derive(Clone, Debug)]
pub struct SafetensorsFile<'a> {
	tensors: BTreeMap<String, SafetensorsView<'a>>,
}

impl<'a> SafetensorsFile<'a> {
	/// Reads and checks the header.
	pub fn parse(bytes: &'a [u8]) -> Result<Self, SafetensorsError> {
		let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or(SafetensorsError::Truncated)?;
		let length = u64::from_le_bytes(*length);
		if length > MAX_HEADER {
			return Err(SafetensorsError::HeaderTooLarge { length, limit: MAX_HEADER });
		}
		// Not over the limit, as the line above has made sure.
		let (header, data) = rest.split_at_checked(length as usize).ok_or(SafetensorsError::Truncated)?;
		// Not `SafeTensors::deserialize`: it adds sizes that a header may choose so that the sum wraps.
		let metadata: Metadata =
			serde_json::from_slice(header).map_err(|error| SafetensorsError::Header(error.to_string()))?;
		let infos: BTreeMap<_, _> = metadata.tensors().into_iter().collect();
		let end = infos.values().map(|info| info.data_offsets.1).max().unwrap_or(0);
		if end != data.len() {
			return Err(SafetensorsError::Size { described: end as u64, present: data.len() as u64 });
		}
		let mut tensors = BTreeMap::new();
		for (name, info) in infos {
			let Some(dtype) = SafetensorsDtype::of(info.dtype) else {
				return Err(SafetensorsError::TensorType { tensor: name, dtype: info.dtype.to_string() });
			};
			if info.shape.contains(&0) || info.shape.len() > MAX_DIMENSIONS {
				return Err(SafetensorsError::Shape(name));
			}
			let (from, to) = info.data_offsets;
			let data = data.get(from..to).ok_or(SafetensorsError::Truncated)?;
			tensors.insert(name, SafetensorsView { dtype, shape: info.shape.clone(), data });
		}
		Ok(Self { tensors })
	}

	/// A tensor.
	pub fn tensor(&self, name: &str) -> Result<&SafetensorsView<'a>, SafetensorsError> {
		self.tensors.get(name).ok_or_else(|| SafetensorsError::Missing(name.into()))
	}

	/// All tensors, in the order of their names.
	pub fn tensors(&self) -> impl ExactSizeIterator<Item = (&str, &SafetensorsView<'a>)> {
		self.tensors.iter().map(|(name, view)| (name.as_str(), view))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn file(header: &str, data: usize) -> Vec<u8> {
		[&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![1; data]].concat()
	}

	fn error(header: &str, data: usize) -> SafetensorsError {
		SafetensorsFile::parse(&file(header, data)).expect_err("the file is not valid")
	}

	const SMALL: &str = r#"{"__metadata__":{"format":"pt"},
		"b":{"dtype":"I8","shape":[3],"data_offsets":[16,19]},
		"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
		"one":{"dtype":"F32","shape":[],"data_offsets":[19,23]}}"#;

	#[test]
	fn a_file_should_be_read_as_it_was_written() {
		let bytes = file(SMALL, 23);
		let file = SafetensorsFile::parse(&bytes).unwrap();
		let a = SafetensorsView { dtype: SafetensorsDtype::F32, shape: vec![2, 2], data: &[1; 16] };
		assert_eq!(file.tensor("a"), Ok(&a));
		assert_eq!(file.tensor("one").unwrap().shape, [0; 0]);
		assert_eq!(file.tensor("c"), Err(SafetensorsError::Missing("c".into())));
		let names: Vec<_> = file.tensors().map(|(name, _)| name).collect();
		assert_eq!(names, ["a", "b", "one"]);
	}

	#[test]
	fn a_file_cut_off_at_any_byte_or_longer_should_be_an_error() {
		let bytes = file(SMALL, 23);
		for length in 0..bytes.len() {
			SafetensorsFile::parse(&bytes[..length]).unwrap_err();
		}
		assert_eq!(error(SMALL, 24), SafetensorsError::Size { described: 23, present: 24 });
	}

	#[test]
	fn a_file_with_any_byte_changed_should_be_read_or_refused() {
		let bytes = file(SMALL, 23);
		for at in 0..bytes.len() {
			for change in [1, 0x80, 0xff] {
				let mut changed = bytes.clone();
				changed[at] ^= change;
				let _ = SafetensorsFile::parse(&changed);
			}
		}
	}

	#[test]
	fn a_giant_header_should_be_refused_before_it_is_read() {
		for length in [MAX_HEADER + 1, u64::MAX - 7, u64::MAX] {
			let bytes = [&length.to_le_bytes()[..], b"{}"].concat();
			let expected = SafetensorsError::HeaderTooLarge { length, limit: MAX_HEADER };
			assert_eq!(SafetensorsFile::parse(&bytes).unwrap_err(), expected);
		}
		let bytes = [&MAX_HEADER.to_le_bytes()[..], b"{}"].concat();
		assert_eq!(SafetensorsFile::parse(&bytes).unwrap_err(), SafetensorsError::Truncated);
	}

	#[test]
	fn headers_that_are_no_headers_should_be_refused() {
		let nested = "[".repeat(100_000);
		for header in ["", "[]", "null", "{\"a\":1}", "{\"a\":{}}", "\u{feff}{}", &nested, "{} {}"] {
			assert!(matches!(error(header, 0), SafetensorsError::Header(_)), "{header:.20}");
		}
		for header in [
			r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
			r#"{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}"#,
			r#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#,
			r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
			r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}"#,
			r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
			r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
			r#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}"#,
		] {
			assert!(matches!(error(header, 8), SafetensorsError::Header(_)), "{header}");
		}
	}

	#[test]
	fn holes_and_overlaps_should_be_refused() {
		let two = |from: usize, to: usize| {
			let header = format!(
				r#"{{"a":{{"dtype":"I8","shape":[8],"data_offsets":[0,8]}},
				"b":{{"dtype":"I8","shape":[{}],"data_offsets":[{from},{to}]}}}}"#,
				to - from
			);
			SafetensorsFile::parse(&file(&header, to.max(8))).map(|file| file.tensors().len())
		};
		assert_eq!(two(8, 12), Ok(2));
		for (from, to) in [(7, 12), (9, 12), (0, 8), (4, 6)] {
			assert!(matches!(two(from, to), Err(SafetensorsError::Header(_))), "{from} {to}");
		}
	}

	#[test]
	fn sizes_whose_sum_wraps_should_be_refused() {
		// Sixteen tensors of just under 2⁶⁰ bytes and a last one, up to the byte where the file's end would wrap to.
		let most = u64::MAX / 16;
		let mut entries = Vec::new();
		let mut at = 0;
		for index in 0..16 {
			let size = if index == 15 { u64::MAX - 2_000 - at } else { most };
			let end = at + size;
			entries.push(format!(r#""t{index}":{{"dtype":"I8","shape":[{size}],"data_offsets":[{at},{end}]}}"#));
			at = end;
		}
		let header = format!("{{{}}}", entries.join(","));
		assert!(matches!(error(&header, 16), SafetensorsError::Size { .. } | SafetensorsError::Header(_)));
	}

	#[test]
	fn types_that_the_engine_does_not_read_should_be_refused() {
		for (dtype, size) in [("F64", 8), ("F16", 2), ("BF16", 2), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)] {
			let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{size}]}}}}"#);
			assert!(matches!(error(&header, size), SafetensorsError::TensorType { .. }), "{dtype}");
		}
	}

	#[test]
	fn shapes_that_no_model_has_should_be_refused() {
		for (shape, size) in [("[0]", 0), ("[4,0]", 0), ("[1,1,1,1,1]", 4)] {
			let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{size}]}}}}"#);
			assert_eq!(error(&header, size), SafetensorsError::Shape("a".into()));
		}
	}

	#[test]
	fn the_embedded_model_should_be_read() {
		let file = SafetensorsFile::parse(common_lingua::WEIGHTS).unwrap();
		assert!(file.tensors().len() > 30);
	}
}

use super::reader::Reader;
use super::GgufError;
use std::fmt;

/// A key's value. Arrays stay in the file and are read on the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
	/// An unsigned integer of 8 bits.
	U8(u8),
	/// A signed integer of 8 bits.
	I8(i8),
	/// An unsigned integer of 16 bits.
	U16(u16),
	/// A signed integer of 16 bits.
	I16(i16),
	/// An unsigned integer of 32 bits.
	U32(u32),
	/// A signed integer of 32 bits.
	I32(i32),
	/// An unsigned integer of 64 bits.
	U64(u64),
	/// A signed integer of 64 bits.
	I64(i64),
	/// A float of 32 bits.
	F32(f32),
	/// A float of 64 bits.
	F64(f64),
	/// A truth value.
	Bool(bool),
	/// A string.
	String(&'a str),
	/// An array of integers or truth values.
	Integers(Integers<'a>),
	/// An array of floats.
	Floats(Floats<'a>),
	/// An array of strings.
	Strings(Strings<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
	U8,
	I8,
	U16,
	I16,
	U32,
	I32,
	F32,
	Bool,
	String,
	Array,
	U64,
	I64,
	F64,
}

impl Kind {
	fn from_id(id: u32) -> Option<Self> {
		Some(match id {
			0 => Self::U8,
			1 => Self::I8,
			2 => Self::U16,
			3 => Self::I16,
			4 => Self::U32,
			5 => Self::I32,
			6 => Self::F32,
			7 => Self::Bool,
			8 => Self::String,
			9 => Self::Array,
			10 => Self::U64,
			11 => Self::I64,
			12 => Self::F64,
			_ => return None,
		})
	}

	/// The size of a value, of a string its length's.
	fn size(self) -> usize {
		match self {
			Self::U8 | Self::I8 | Self::Bool => 1,
			Self::U16 | Self::I16 => 2,
			Self::U32 | Self::I32 | Self::F32 => 4,
			Self::U64 | Self::I64 | Self::F64 | Self::String | Self::Array => 8,
		}
	}
}

impl<'a> Value<'a> {
	pub(super) fn read(reader: &mut Reader<'a>, key: &str) -> Result<Self, GgufError> {
		const READING: &str = "a value";
		Ok(match read_kind(reader, key)? {
			Kind::U8 => Self::U8(reader.u8(READING)?),
			Kind::I8 => Self::I8(reader.u8(READING)?.cast_signed()),
			Kind::U16 => Self::U16(reader.u16(READING)?),
			Kind::I16 => Self::I16(reader.u16(READING)?.cast_signed()),
			Kind::U32 => Self::U32(reader.u32(READING)?),
			Kind::I32 => Self::I32(reader.u32(READING)?.cast_signed()),
			Kind::F32 => Self::F32(f32::from_bits(reader.u32(READING)?)),
			Kind::U64 => Self::U64(reader.u64(READING)?),
			Kind::I64 => Self::I64(reader.u64(READING)?.cast_signed()),
			Kind::F64 => Self::F64(f64::from_bits(reader.u64(READING)?)),
			Kind::Bool => match reader.u8(READING)? {
				0 => Self::Bool(false),
				1 => Self::Bool(true),
				_ => return Err(GgufError::TruthValue(key.into())),
			},
			Kind::String => Self::String(reader.string()?),
			Kind::Array => Self::read_array(reader, key)?,
		})
	}

	fn read_array(reader: &mut Reader<'a>, key: &str) -> Result<Self, GgufError> {
		const READING: &str = "an array";
		let kind = read_kind(reader, key)?;
		if kind == Kind::Array {
			return Err(GgufError::NestedArray(key.into()));
		}
		let count = reader.u64(READING)?;
		reader.check_count("items in an array", count, reader.array_limit(), kind.size())?;
		// Not over the file's size, as the line above has made sure.
		let count = count as usize;
		if kind == Kind::String {
			let start = reader.clone();
			for _ in 0..count {
				reader.string()?;
			}
			return Ok(Self::Strings(Strings { reader: start, left: count }));
		}
		let bytes = reader.take(count * kind.size(), READING)?;
		match kind {
			Kind::F32 | Kind::F64 => Ok(Self::Floats(Floats { kind, bytes })),
			Kind::Bool if bytes.iter().any(|byte| *byte > 1) => Err(GgufError::TruthValue(key.into())),
			_ => Ok(Self::Integers(Integers { kind, bytes })),
		}
	}

	/// What kind of value this is, in words.
	pub(super) fn describe(&self) -> &'static str {
		match self {
			Self::U8(_) | Self::U16(_) | Self::U32(_) | Self::U64(_) => "an unsigned integer",
			Self::I8(_) | Self::I16(_) | Self::I32(_) | Self::I64(_) => "a signed integer",
			Self::F32(_) | Self::F64(_) => "a float",
			Self::Bool(_) => "a truth value",
			Self::String(_) => "a string",
			Self::Integers(_) => "an array of integers",
			Self::Floats(_) => "an array of floats",
			Self::Strings(_) => "an array of strings",
		}
	}

	fn integer(&self) -> Option<i128> {
		Some(match self {
			Self::U8(value) => (*value).into(),
			Self::I8(value) => (*value).into(),
			Self::U16(value) => (*value).into(),
			Self::I16(value) => (*value).into(),
			Self::U32(value) => (*value).into(),
			Self::I32(value) => (*value).into(),
			Self::U64(value) => (*value).into(),
			Self::I64(value) => (*value).into(),
			_ => return None,
		})
	}
}

fn read_kind(reader: &mut Reader<'_>, key: &str) -> Result<Kind, GgufError> {
	let id = reader.u32("the type of a value")?;
	Kind::from_id(id).ok_or_else(|| GgufError::ValueType { key: key.into(), id })
}

/// The integers or truth values of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integers<'a> {
	kind: Kind,
	bytes: &'a [u8],
}

/// The floats of an array. Those of 64 bits are rounded to 32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floats<'a> {
	kind: Kind,
	bytes: &'a [u8],
}

/// The strings of an array.
#[derive(Clone)]
pub struct Strings<'a> {
	reader: Reader<'a>,
	left: usize,
}

/// The first N bytes, which are then gone.
fn split<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
	let (first, rest) = bytes.split_first_chunk()?;
	*bytes = rest;
	Some(*first)
}

impl Iterator for Integers<'_> {
	type Item = i128;

	fn next(&mut self) -> Option<i128> {
		let bytes = &mut self.bytes;
		Some(match self.kind {
			Kind::U8 | Kind::Bool => u8::from_le_bytes(split(bytes)?).into(),
			Kind::I8 => i8::from_le_bytes(split(bytes)?).into(),
			Kind::U16 => u16::from_le_bytes(split(bytes)?).into(),
			Kind::I16 => i16::from_le_bytes(split(bytes)?).into(),
			Kind::U32 => u32::from_le_bytes(split(bytes)?).into(),
			Kind::I32 => i32::from_le_bytes(split(bytes)?).into(),
			Kind::U64 => u64::from_le_bytes(split(bytes)?).into(),
			Kind::I64 => i64::from_le_bytes(split(bytes)?).into(),
			Kind::F32 | Kind::F64 | Kind::String | Kind::Array => return None,
		})
	}

	fn size_hint(&self) -> (usize, Option<usize>) {
		let left = self.bytes.len() / self.kind.size();
		(left, Some(left))
	}
}

impl ExactSizeIterator for Integers<'_> {}

impl Iterator for Floats<'_> {
	type Item = f32;

	fn next(&mut self) -> Option<f32> {
		match self.kind {
			Kind::F32 => Some(f32::from_le_bytes(split(&mut self.bytes)?)),
			_ => Some(f64::from_le_bytes(split(&mut self.bytes)?) as f32),
		}
	}

	fn size_hint(&self) -> (usize, Option<usize>) {
		let left = self.bytes.len() / self.kind.size();
		(left, Some(left))
	}
}

impl ExactSizeIterator for Floats<'_> {}

impl<'a> Iterator for Strings<'a> {
	type Item = &'a str;

	fn next(&mut self) -> Option<&'a str> {
		self.left = self.left.checked_sub(1)?;
		// Every string was read once already.
		self.reader.string().ok()
	}

	fn size_hint(&self) -> (usize, Option<usize>) {
		(self.left, Some(self.left))
	}
}

impl ExactSizeIterator for Strings<'_> {}

impl PartialEq for Strings<'_> {
	fn eq(&self, other: &Self) -> bool {
		self.clone().eq(other.clone())
	}
}

impl fmt::Debug for Strings<'_> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "Strings({})", self.left)
	}
}

/// What a key's value can be taken as.
pub trait FromValue<'a>: Sized {
	/// The type in words.
	const EXPECTED: &'static str;

	/// The value as this type. Integers of any width are taken if they fit; nothing else is converted.
	fn from_value(value: &Value<'a>) -> Option<Self>;
}

impl FromValue<'_> for u32 {
	const EXPECTED: &'static str = "an integer that fits 32 bits without a sign";

	fn from_value(value: &Value<'_>) -> Option<Self> {
		value.integer()?.try_into().ok()
	}
}

impl FromValue<'_> for u64 {
	const EXPECTED: &'static str = "an integer that fits 64 bits without a sign";

	fn from_value(value: &Value<'_>) -> Option<Self> {
		value.integer()?.try_into().ok()
	}
}

impl FromValue<'_> for f32 {
	const EXPECTED: &'static str = "a 32-bit float";

	fn from_value(value: &Value<'_>) -> Option<Self> {
		match value {
			Value::F32(value) => Some(*value),
			_ => None,
		}
	}
}

impl FromValue<'_> for bool {
	const EXPECTED: &'static str = "a truth value";

	fn from_value(value: &Value<'_>) -> Option<Self> {
		match value {
			Value::Bool(value) => Some(*value),
			_ => None,
		}
	}
}

impl<'a> FromValue<'a> for &'a str {
	const EXPECTED: &'static str = "a string";

	fn from_value(value: &Value<'a>) -> Option<Self> {
		match value {
			Value::String(value) => Some(value),
			_ => None,
		}
	}
}

impl<'a> FromValue<'a> for Integers<'a> {
	const EXPECTED: &'static str = "an array of integers";

	fn from_value(value: &Value<'a>) -> Option<Self> {
		match value {
			Value::Integers(values) => Some(values.clone()),
			_ => None,
		}
	}
}

impl<'a> FromValue<'a> for Floats<'a> {
	const EXPECTED: &'static str = "an array of floats";

	fn from_value(value: &Value<'a>) -> Option<Self> {
		match value {
			Value::Floats(values) => Some(values.clone()),
			_ => None,
		}
	}
}

impl<'a> FromValue<'a> for Strings<'a> {
	const EXPECTED: &'static str = "an array of strings";

	fn from_value(value: &Value<'a>) -> Option<Self> {
		match value {
			Value::Strings(values) => Some(values.clone()),
			_ => None,
		}
	}
}

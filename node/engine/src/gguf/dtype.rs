use std::fmt;

/// The types of tensors that the engine computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GgufDtype {
	/// 32-bit floats.
	F32,
	/// 16-bit floats, IEEE.
	F16,
	/// 16-bit floats, the upper half of 32-bit ones.
	Bf16,
	/// 4 bits, 32 with one scale.
	Q4_0,
	/// 4 bits, 32 with one scale and one minimum.
	Q4_1,
	/// 5 bits, 32 with one scale.
	Q5_0,
	/// 5 bits, 32 with one scale and one minimum.
	Q5_1,
	/// 8 bits, 32 with one scale.
	Q8_0,
	/// 2 bits, 256 with a scale and a minimum, and 16 × 16 with theirs.
	Q2K,
	/// 3 bits, 256 with a scale, and 16 × 16 with theirs.
	Q3K,
	/// 4 bits, 256 with a scale and a minimum, and 8 × 32 with theirs.
	Q4K,
	/// 5 bits, 256 with a scale and a minimum, and 8 × 32 with theirs.
	Q5K,
	/// 6 bits, 256 with a scale, and 16 × 16 with theirs.
	Q6K,
	/// 4 bits that stand for the values of a table, 32 with one scale.
	Iq4Nl,
	/// 4 bits that stand for the values of a table, 256 with a scale, and 8 × 32 with theirs.
	Iq4Xs,
	/// 4 bits that stand for the values of a table, 32 with one scale, which is a power of two.
	Mxfp4,
}

impl GgufDtype {
	/// Every type.
	pub const ALL: [Self; 16] = [
		Self::F32,
		Self::F16,
		Self::Bf16,
		Self::Q4_0,
		Self::Q4_1,
		Self::Q5_0,
		Self::Q5_1,
		Self::Q8_0,
		Self::Q2K,
		Self::Q3K,
		Self::Q4K,
		Self::Q5K,
		Self::Q6K,
		Self::Iq4Nl,
		Self::Iq4Xs,
		Self::Mxfp4,
	];

	/// The type's number in a file.
	pub const fn id(self) -> u32 {
		match self {
			Self::F32 => 0,
			Self::F16 => 1,
			Self::Q4_0 => 2,
			Self::Q4_1 => 3,
			Self::Q5_0 => 6,
			Self::Q5_1 => 7,
			Self::Q8_0 => 8,
			Self::Q2K => 10,
			Self::Q3K => 11,
			Self::Q4K => 12,
			Self::Q5K => 13,
			Self::Q6K => 14,
			Self::Iq4Nl => 20,
			Self::Iq4Xs => 23,
			Self::Bf16 => 30,
			Self::Mxfp4 => 39,
		}
	}

	/// How many weights a block has. A row is a whole number of blocks.
	pub const fn block_weights(self) -> usize {
		match self {
			Self::F32 | Self::F16 | Self::Bf16 => 1,
			Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 | Self::Iq4Nl | Self::Mxfp4 => 32,
			Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K | Self::Iq4Xs => 256,
		}
	}

	/// How many bytes a block has.
	pub const fn block_bytes(self) -> usize {
		match self {
			Self::F32 => 4,
			Self::F16 | Self::Bf16 => 2,
			Self::Mxfp4 => 17,
			Self::Q4_0 | Self::Iq4Nl => 18,
			Self::Q4_1 => 20,
			Self::Q5_0 => 22,
			Self::Q5_1 => 24,
			Self::Q8_0 => 34,
			Self::Q2K => 84,
			Self::Q3K => 110,
			Self::Iq4Xs => 136,
			Self::Q4K => 144,
			Self::Q5K => 176,
			Self::Q6K => 210,
		}
	}

	pub(super) fn from_id(id: u32) -> Option<Self> {
		Self::ALL.into_iter().find(|dtype| dtype.id() == id)
	}
}

impl fmt::Display for GgufDtype {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		name(f, self.id())
	}
}

/// Writes the name that ggml has for a type, of which the engine knows some only by name.
pub(super) fn name(f: &mut fmt::Formatter<'_>, id: u32) -> fmt::Result {
	let name = match id {
		0 => "F32",
		1 => "F16",
		2 => "Q4_0",
		3 => "Q4_1",
		6 => "Q5_0",
		7 => "Q5_1",
		8 => "Q8_0",
		9 => "Q8_1",
		10 => "Q2_K",
		11 => "Q3_K",
		12 => "Q4_K",
		13 => "Q5_K",
		14 => "Q6_K",
		15 => "Q8_K",
		16 => "IQ2_XXS",
		17 => "IQ2_XS",
		18 => "IQ3_XXS",
		19 => "IQ1_S",
		20 => "IQ4_NL",
		21 => "IQ3_S",
		22 => "IQ2_S",
		23 => "IQ4_XS",
		24 => "I8",
		25 => "I16",
		26 => "I32",
		27 => "I64",
		28 => "F64",
		29 => "IQ1_M",
		30 => "BF16",
		34 => "TQ1_0",
		35 => "TQ2_0",
		39 => "MXFP4",
		_ => return write!(f, "number {id}"),
	};
	f.write_str(name)
}

//! What the tests of several modules share: small files made up, and where the real ones are.

#[path = "../tests/common/mod.rs"]
mod common;
mod seeds;

pub(crate) use common::installed;
pub(crate) use seeds::{tiny_model, tiny_model_of};

use crate::gguf::{GgufDtype, GgufFile};
use crate::kernels::Kernels;
use crate::tokenizer::BpeTokenizer;
use crate::Tier;
use std::env;

/// The kernels of every tier that this CPU has, the plain ones first. Says which it lacks, and fails where
/// `SIBYL_REQUIRE_TIERS` names one of these, as `avx512,avx512-vnni`.
pub(crate) fn tiers() -> Vec<Kernels> {
	let (there, missing): (Vec<_>, Vec<_>) = Tier::ALL.into_iter().partition(|tier| tier.is_available());
	let required = env::var("SIBYL_REQUIRE_TIERS").unwrap_or_default();
	assert_eq!(required_of(&required, &missing), [], "SIBYL_REQUIRE_TIERS names tiers that this CPU lacks");
	missing.iter().for_each(|tier| println!("SKIPPED: this CPU has no {}", tier.name()));
	there.into_iter().filter_map(Kernels::new).collect()
}

/// Those of some tiers that are required, by their names with commas between.
fn required_of(required: &str, tiers: &[Tier]) -> Vec<Tier> {
	let names = required.split(',').map(str::trim).filter(|name| !name.is_empty());
	let required = names.map(|name| Tier::find(name).unwrap_or_else(|| panic!("there is no tier {name}")));
	required.filter(|tier| tiers.contains(tier)).collect()
}

#[test]
fn tiers_should_be_required_by_their_names() {
	let missing = [Tier::AvxVnni, Tier::Avx512, Tier::Neon];
	assert_eq!(required_of("", &missing), []);
	assert_eq!(required_of("scalar,avx2", &missing), []);
	assert_eq!(required_of("avx2, avx512,neon", &missing), [Tier::Avx512, Tier::Neon]);
	assert!(std::panic::catch_unwind(|| required_of("avx-512", &missing)).is_err(), "a name of none");
}

/// The bits of floats. Those of a NaN are not defined; such a value never leaves the engine.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
	values.iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect()
}

/// A digest as text.
pub(crate) fn hex(digest: [u8; 32]) -> String {
	digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Noise that is the same in every run (xorshift, by G. Marsaglia); it starts from anything but zero.
pub(crate) struct Noise(pub u64);

impl Noise {
	/// Any bits: taken for a float's, every exponent occurs.
	pub fn bits(&mut self) -> u32 {
		self.0 ^= self.0 << 13;
		self.0 ^= self.0 >> 7;
		self.0 ^= self.0 << 17;
		(self.0 >> 16) as u32
	}

	/// From −1 to 1.
	pub fn unit(&mut self) -> f32 {
		(self.bits() >> 8) as f32 / 8_388_608.0 - 1.0
	}
}

/// A key's value in a made-up GGUF file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
	U32(u32),
	I32(i32),
	F32(f32),
	Bool(bool),
	String(&'a str),
	Strings(&'a [&'a str]),
	I32s(&'a [i32]),
	F32s(&'a [f32]),
	/// A type's number and bytes that need not fit it.
	Raw(u32, &'a [u8]),
}

/// Builds GGUF files, valid and not.
#[derive(Clone, Debug)]
pub(crate) struct Gguf {
	version: u32,
	alignment: usize,
	keys: u64,
	values: Vec<u8>,
	tensors: u64,
	described: Vec<u8>,
	data: Vec<u8>,
}

impl Gguf {
	pub fn new() -> Self {
		Self {
			version: 3,
			alignment: 32,
			keys: 0,
			values: Vec::new(),
			tensors: 0,
			described: Vec::new(),
			data: Vec::new(),
		}
	}

	pub fn version(mut self, version: u32) -> Self {
		self.version = version;
		self
	}

	/// Sets the alignment, which must come before tensors.
	pub fn alignment(self, alignment: u32) -> Self {
		assert_eq!(self.tensors, 0);
		let mut file = self.value("general.alignment", Item::U32(alignment));
		file.alignment = alignment as usize;
		file
	}

	pub fn value(mut self, key: &str, item: Item<'_>) -> Self {
		let out = &mut self.values;
		put_string(out, key);
		let array = |out: &mut Vec<u8>, kind: u32, length: usize| {
			out.extend(9_u32.to_le_bytes());
			out.extend(kind.to_le_bytes());
			out.extend((length as u64).to_le_bytes());
		};
		match item {
			Item::U32(value) => out.extend([4_u32.to_le_bytes(), value.to_le_bytes()].as_flattened()),
			Item::I32(value) => out.extend([5_u32.to_le_bytes(), value.to_le_bytes()].as_flattened()),
			Item::F32(value) => out.extend([6_u32.to_le_bytes(), value.to_le_bytes()].as_flattened()),
			Item::Bool(value) => out.extend([7, 0, 0, 0, u8::from(value)]),
			Item::String(value) => {
				out.extend(8_u32.to_le_bytes());
				put_string(out, value);
			}
			Item::Strings(values) => {
				array(out, 8, values.len());
				values.iter().for_each(|value| put_string(out, value));
			}
			Item::I32s(values) => {
				array(out, 5, values.len());
				values.iter().for_each(|value| out.extend(value.to_le_bytes()));
			}
			Item::F32s(values) => {
				array(out, 6, values.len());
				values.iter().for_each(|value| out.extend(value.to_le_bytes()));
			}
			Item::Raw(kind, bytes) => {
				out.extend(kind.to_le_bytes());
				out.extend(bytes);
			}
		}
		self.keys += 1;
		self
	}

	/// The same with the keys and values of another file, too.
	pub fn with_values(mut self, other: &Self) -> Self {
		self.keys += other.keys;
		self.values.extend(&other.values);
		self
	}

	/// A tensor with its data, which goes behind that of the others.
	pub fn tensor(mut self, name: &str, shape: &[u64], dtype: GgufDtype, data: &[u8]) -> Self {
		self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
		let offset = self.data.len() as u64;
		self.data.extend(data);
		self.described(name, shape, dtype.id(), offset)
	}

	/// A tensor without data.
	pub fn described(mut self, name: &str, shape: &[u64], dtype: u32, offset: u64) -> Self {
		let out = &mut self.described;
		put_string(out, name);
		out.extend((shape.len() as u32).to_le_bytes());
		shape.iter().for_each(|length| out.extend(length.to_le_bytes()));
		out.extend(dtype.to_le_bytes());
		out.extend(offset.to_le_bytes());
		self.tensors += 1;
		self
	}

	/// Data of no tensor in particular.
	pub fn data(mut self, data: &[u8]) -> Self {
		self.data.extend(data);
		self
	}

	pub fn bytes(&self) -> Vec<u8> {
		let mut bytes = b"GGUF".to_vec();
		bytes.extend(self.version.to_le_bytes());
		bytes.extend(self.tensors.to_le_bytes());
		bytes.extend(self.keys.to_le_bytes());
		bytes.extend(&self.values);
		bytes.extend(&self.described);
		bytes.resize(bytes.len().next_multiple_of(self.alignment.max(1)), 0);
		bytes.extend(&self.data);
		bytes
	}
}

fn put_string(out: &mut Vec<u8>, text: &str) {
	out.extend((text.len() as u64).to_le_bytes());
	out.extend(text.as_bytes());
}

/// Sets the value of a key with a value of four bytes in a file.
pub(crate) fn set_value(file: &mut [u8], key: &str, value: [u8; 4]) {
	let at = file.windows(key.len()).position(|window| window == key.as_bytes()).expect("the file has the key");
	file[at + key.len() + 4..][..4].copy_from_slice(&value);
}

/// The character that stands for a byte in the vocabulary of a byte-level tokenizer.
pub(crate) fn character_of(byte: u8) -> char {
	let printable = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
	if printable(byte) {
		return byte.into();
	}
	let before = (0..byte).filter(|byte| !printable(*byte)).count();
	char::from_u32(0x100 + before as u32).expect("a character; qed")
}

/// A file with a small tokenizer: three control tokens, a token per byte (byte b has id b + 3), and a few merges.
pub(crate) fn bytes_tokenizer_file(pre: &str) -> Gguf {
	const MERGES: [&str; 8] = ["\u{120} t", "h e", "\u{120}t he", "l l", "he ll", "1 2", "Ã ©", "ð Ł"];
	let bytes = (0..=u8::MAX).map(|byte| character_of(byte).to_string());
	let merged = MERGES.iter().map(|merge| merge.replace(' ', ""));
	let controls = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(String::from);
	let tokens: Vec<String> = controls.into_iter().chain(bytes).chain(merged).collect();
	let types: Vec<i32> = (0..tokens.len()).map(|id| if id < 3 { 3 } else { 1 }).collect();
	let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
	Gguf::new()
		.value("tokenizer.ggml.model", Item::String("gpt2"))
		.value("tokenizer.ggml.pre", Item::String(pre))
		.value("tokenizer.ggml.tokens", Item::Strings(&tokens))
		.value("tokenizer.ggml.token_type", Item::I32s(&types))
		.value("tokenizer.ggml.merges", Item::Strings(&MERGES))
		.value("tokenizer.ggml.bos_token_id", Item::U32(1))
		.value("tokenizer.ggml.eos_token_id", Item::U32(2))
}

/// A file with a SentencePiece tokenizer: the texts, the scores and the types of its tokens. The second begins prompts,
/// the third ends answers.
pub(crate) fn sentence_piece_file(tokens: &[(&str, f32, i32)]) -> Gguf {
	let texts: Vec<&str> = tokens.iter().map(|(text, ..)| *text).collect();
	let scores: Vec<f32> = tokens.iter().map(|(_, score, _)| *score).collect();
	let types: Vec<i32> = tokens.iter().map(|(.., kind)| *kind).collect();
	Gguf::new()
		.value("tokenizer.ggml.model", Item::String("llama"))
		.value("tokenizer.ggml.tokens", Item::Strings(&texts))
		.value("tokenizer.ggml.scores", Item::F32s(&scores))
		.value("tokenizer.ggml.token_type", Item::I32s(&types))
		.value("tokenizer.ggml.bos_token_id", Item::U32(1))
		.value("tokenizer.ggml.eos_token_id", Item::U32(2))
}

pub(crate) fn bytes_tokenizer() -> BpeTokenizer {
	let bytes = bytes_tokenizer_file("smollm").bytes();
	let file = GgufFile::parse(&bytes).expect("the file is valid");
	BpeTokenizer::from_gguf(&file).expect("the tokenizer is valid")
}

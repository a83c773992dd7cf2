//! Whether this build has the tables and functions of the semantics.
//!
//! Some of what decides an answer's bits lies outside this crate: the standard library's tables of characters, which come
//! with the toolchain, the engine behind `tokenizers`' patterns, which another crate of the same build can exchange by a
//! feature, the tables of Unicode below it, and `libm`. A build that differs in one of them would disagree with all
//! others, on rare texts first. So their results are hashed, once in a process, before a model is loaded.

use crate::kernels::rope::{RopeScaling, RopeTables, Yarn};
use crate::kernels::Kernels;
use crate::tokenizer::{DIGIT, GPT2, LLAMA3, O200K, QWEN2, TEKKEN};
use crate::EngineError;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use tokenizers::normalizers::{BertNormalizer, NFC};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
	NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
	SplitDelimiterBehavior,
};

/// A part of the semantics, how its results are hashed, and their hash.
type Part = (&'static str, fn(&mut Sha256) -> Result<(), tokenizers::Error>, [u8; 32]);

const PARTS: [Part; 4] = [
	(
		"the standard library's tables of characters",
		characters,
		[
			0xd9, 0x1c, 0x90, 0x0e, 0x08, 0x07, 0xed, 0xd4, 0x25, 0x96, 0x4e, 0xcf, 0xe0, 0xc6, 0x72, 0x96, 0xc2, 0x11,
			0xd0, 0xb9, 0xa0, 0x3f, 0xfa, 0xca, 0xf2, 0x5f, 0xdf, 0x09, 0xd0, 0x3f, 0x19, 0xb9,
		],
	),
	(
		"the splitting of texts by patterns",
		patterns,
		[
			0x59, 0xf9, 0x00, 0xe0, 0x7b, 0x93, 0xb2, 0x7c, 0xea, 0x6e, 0x5d, 0x80, 0x91, 0xa7, 0x72, 0x9d, 0x53, 0xd4,
			0x00, 0x6b, 0xfe, 0x8a, 0x14, 0x7a, 0xae, 0x16, 0x3b, 0x47, 0xfa, 0x73, 0xcd, 0x17,
		],
	),
	(
		"the normalisation of texts",
		normalisation,
		[
			0x8e, 0x16, 0x0d, 0x8a, 0xa4, 0x3b, 0x6a, 0xa1, 0x7f, 0x29, 0x71, 0xe1, 0x19, 0xf1, 0x4a, 0xbf, 0xea, 0x26,
			0x85, 0x82, 0x8c, 0x0f, 0x47, 0x05, 0xd7, 0x58, 0x07, 0x25, 0xf3, 0x76, 0x48, 0x41,
		],
	),
	(
		"the tables of angles and the functions",
		functions,
		[
			0xa3, 0x9e, 0x56, 0x9e, 0x48, 0x9d, 0xac, 0x7f, 0x1e, 0xc1, 0xd7, 0x39, 0x7d, 0xf4, 0x25, 0xfe, 0x9b, 0x9d,
			0x78, 0x8d, 0x73, 0x02, 0x00, 0x40, 0x62, 0x4b, 0xf1, 0x23, 0xe6, 0xac, 0x79, 0xab,
		],
	),
];

/// Makes sure that this build computes with the tables and functions of [`SEMANTICS_VERSION`](crate::SEMANTICS_VERSION);
/// otherwise says which differ. Takes a fraction of a second the first time in a process. Whatever loads a model does it
/// first.
pub fn self_test() -> Result<(), EngineError> {
	#[cfg(test)]
	if tests::DIFFERS.get() {
		return Err(EngineError::SelfTest("on purpose"));
	}
	static RESULT: OnceLock<Option<&'static str>> = OnceLock::new();
	match RESULT.get_or_init(|| first_that_differs(&PARTS)) {
		None => Ok(()),
		Some(part) => Err(EngineError::SelfTest(part)),
	}
}

fn first_that_differs(parts: &[Part]) -> Option<&'static str> {
	let differs = |(_, hash, expected): &&Part| {
		let mut hasher = Sha256::new();
		hash(&mut hasher).is_err() || hasher.finalize()[..] != expected[..]
	};
	parts.iter().find(differs).map(|(name, ..)| *name)
}

/// What tokenizers and templates ask the standard library about every character.
fn characters(hasher: &mut Sha256) -> Result<(), tokenizers::Error> {
	let mut bytes = Vec::new();
	for character in '\0'..=char::MAX {
		let classes = [character.is_whitespace(), character.is_numeric(), character.is_alphabetic()];
		bytes.push(classes.into_iter().rev().fold(0, |bits, is_of| bits << 1 | u8::from(is_of)));
		let mut lower = character.to_lowercase();
		// Most are their own.
		if lower.next() != Some(character) || lower.next().is_some() {
			bytes.extend(character.to_lowercase().flat_map(|lower| u32::from(lower).to_le_bytes()));
		}
	}
	hasher.update(bytes);
	Ok(())
}

/// Letters, marks, digits and spaces of many scripts, some of them new in Unicode; what only some engines join by their
/// rules for case; line breaks of all kinds.
const TEXTS: [&str; 12] = [
	"I'LL pay 12345 for\n\n  two naïve   cafés!\r\n\r\n\tAnd'S  ",
	"it\u{2019}s it'\u{17f} they'\u{17f} WE'RE we'Re \u{130}'d \u{131}'LL \u{212a}'ve",
	"a\u{85}b\u{a0}c\u{1680}d\u{180e}e\u{2028}f\u{2029}g\u{202f}h\u{205f}i\u{3000}j\u{200b}k\u{feff}l\u{b}m\u{c}n\u{1c}o",
	"1\u{660}\u{966}²½Ⅷ①\u{10fb0}\u{1d7ce}\u{1fbf0}\u{1e4f0}\u{10d40}\u{16d70}\u{11de0}x",
	"\u{1c89}\u{1c8a}\u{a7cb}\u{a7cd}\u{a7da}\u{a7dc}\u{a7ce}\u{a7d2}\u{10d50}\u{105c0}\u{11380}\u{16100}\u{16ea0}\u{10940}.",
	"e\u{301} a\u{308}\u{323} \u{1112}\u{1161}\u{11ab} 각 क\u{93c} \u{958} Å\u{212b} \u{fb01} ﬀ \u{1e9e} \u{2126} \u{340} \u{16121}",
	"ÀÉ\u{301}ß ΣΑΣ İI\u{307} Ⅷ x\u{ad}y \u{0}\u{1}\u{fffd} Ǆǅǆ \u{378}\u{e000}",
	"你好，世界。こんにちは、世界！안녕하세요\u{2ebf0}\u{31350}\u{323b0}\u{33479}\u{20000}\u{f900}",
	"الكلام؟ ١٢٣، עברית״ हिन्दी। ไทย ລາວ မြန်မာ ខ្មែរ ᠮᠣᠩᠭᠣᠯ",
	"👩‍👩‍👧‍👦 🇩🇪 ❤\u{fe0f} \u{1fae9} \u{1f6d8} \u{1cc00} \u{1fbef} ∑∫√ «»„“‚‘ – — … © ™ ₿ \u{20c1}",
	"     x    \n \n  y\r\r\n z'll'VE'x ''' \"\" -- ---- ___ $100,000.00 #a@b.c/d?e=f&g",
	"_a_1_\u{203f}\u{2040} x\u{200d}y\u{200c}z \u{e0020}\u{e0100}\u{1f3fb}",
];

/// Adds the parts that a text is split into.
fn split(by: &impl PreTokenizer, text: &str, hasher: &mut Sha256) -> Result<(), tokenizers::Error> {
	let mut parts = PreTokenizedString::from(text);
	by.pre_tokenize(&mut parts)?;
	for (part, _, _) in parts.get_splits(OffsetReferential::Original, OffsetType::None) {
		hasher.update(part);
		hasher.update([0xff]); // no byte of a text
	}
	Ok(())
}

fn patterns(hasher: &mut Sha256) -> Result<(), tokenizers::Error> {
	for pattern in [DIGIT, GPT2, LLAMA3, QWEN2, O200K, TEKKEN] {
		let by = Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false)?;
		TEXTS.iter().try_for_each(|text| split(&by, text, hasher))?;
	}
	Ok(())
}

fn normalisation(hasher: &mut Sha256) -> Result<(), tokenizers::Error> {
	for text in TEXTS {
		let (mut bert, mut composed) = (NormalizedString::from(text), NormalizedString::from(text));
		BertNormalizer::default().normalize(&mut bert)?;
		NFC.normalize(&mut composed)?;
		hasher.update(composed.get());
		split(&BertPreTokenizer, bert.get(), hasher)?;
	}
	Ok(())
}

fn functions(hasher: &mut Sha256) -> Result<(), tokenizers::Error> {
	let factors: Vec<f64> = (0..32).map(|i| 1.0 + f64::from(i) * 0.75).collect();
	let scaling = RopeScaling { factor: 1.5, factors, amplitude: 1.19 };
	hasher.update(RopeTables::new(256, 64, 10_000.0).hash());
	hasher.update(RopeTables::scaled(64, 64, 500_000.0, &scaling).hash());
	let yarn = Yarn { factor: 4.0, original: 8192.0, fast: 32.0, slow: 1.0 };
	let scaling = RopeScaling { factors: yarn.factors(128, 1_000_000.0), amplitude: yarn.amplitude(), factor: 1.0 };
	hasher.update(RopeTables::scaled(64, 128, 1_000_000.0, &scaling).hash());
	// Angles as those of long contexts.
	for angle in (0..64).map(|step| 1_048_575.0 / f64::from(1 + step * step * 7)) {
		hasher.update(libm::cos(angle).to_le_bytes());
		hasher.update(libm::sin(angle).to_le_bytes());
	}
	let kernels = Kernels::best();
	let inputs: Vec<f32> = (-2048..2048_i16).map(|step| f32::from(step) / 23.0).collect();
	let [mut gelu, mut silu, mut tanh_gelu, mut bounded, mut exp] = [(); 5].map(|()| inputs.clone());
	kernels.gelu(&mut gelu);
	kernels.gate_up(&mut silu, &[1.0; 4096]);
	kernels.gelu_up(&mut tanh_gelu, &[1.0; 4096]);
	kernels.bound_by(&mut bounded, 30.0);
	let sum = kernels.softmax_of(&mut exp, 4096, 1.0).unwrap_or(f32::NAN);
	for value in [gelu, silu, tanh_gelu, bounded, exp, vec![sum]].concat() {
		hasher.update(value.to_le_bytes());
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gguf::GgufFile;
	use crate::tests::{hex, Gguf};
	use crate::{Architecture, CheckedFile, LanguageModel, LocalEngine, SentenceEmbedder};
	use std::cell::Cell;

	thread_local! {
		/// Whether this build is to be one that differs, in this thread.
		pub(super) static DIFFERS: Cell<bool> = const { Cell::new(false) };
	}

	#[test]
	fn every_part_should_have_its_hash() {
		let actual = PARTS.map(|(name, hash, _)| {
			let mut hasher = Sha256::new();
			hash(&mut hasher).unwrap();
			(name, hex(hasher.finalize().into()))
		});
		assert_eq!(actual, PARTS.map(|(name, _, expected)| (name, hex(expected))));
		assert_eq!(self_test(), Ok(()));
	}

	#[test]
	fn the_part_that_differs_should_be_named() {
		let [first, (name, hash, mut expected), third, _] = PARTS;
		expected[31] ^= 1;
		assert_eq!(first_that_differs(&[first, (name, hash, expected), third]), Some(name));
		assert_eq!(first_that_differs(&[first, third]), None);
		let failing: Part = ("what fails", |_| Err("on purpose".into()), [0; 32]);
		assert_eq!(first_that_differs(&[failing]), Some("what fails"));
		let error = EngineError::SelfTest(name).to_string();
		assert!(error.contains(name) && error.contains("Cargo.lock"), "{error}");
	}
	#[test]
	fn a_build_that_differs_should_load_nothing() {
		let engine = LocalEngine::new(1);
		let bytes = Gguf::new().bytes();
		let file = GgufFile::parse(&bytes).unwrap();
		let load = |architecture| engine.load("x", architecture, &[CheckedFile::of(&bytes)]).err();
		DIFFERS.set(true);
		let errors = [
			load(Architecture::CommonLingua),
			load(Architecture::Bert),
			load(Architecture::Llama),
			LocalEngine::embedded(1).err(),
			SentenceEmbedder::load(&bytes, b"{}", 1).err(),
			SentenceEmbedder::from_gguf(&file, 1).err(),
			LanguageModel::load(&bytes, 1).err(),
			LanguageModel::from_gguf(&file, 1, &mut |_, _| ()).err(),
		];
		DIFFERS.set(false);
		assert_eq!(errors, [(); 8].map(|()| Some(EngineError::SelfTest("on purpose"))));
		assert!(matches!(load(Architecture::Llama), Some(EngineError::InvalidModel(_))));
	}
}

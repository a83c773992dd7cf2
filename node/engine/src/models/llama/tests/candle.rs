//! Logits beside those of candle-transformers, on random weights. `bench/candle` writes the data; see the README.

use super::greedy;
use super::random_model::{Shape, HEAD};
use crate::gguf::GgufDtype;
use crate::LanguageModel;
use std::path::{Path, PathBuf};
use std::{env, fs};

const FOLDER: &str = "tests/data/candle";
/// The program in `bench/candle` has the same ones.
const TOKENS: [u32; 15] = [1, 11, 35, 73, 29, 95, 79, 77, 89, 19, 59, 17, 85, 71, 71];
/// How many of the tokens are read at once; the others follow one by one.
const PROMPT: usize = 12;

fn models() -> Vec<(&'static str, Shape)> {
	let llama = Shape {
		family: "llama",
		dtype: GgufDtype::F32,
		width: 4 * HEAD,
		hidden: 96,
		heads: 4,
		kv_heads: 2,
		head: HEAD,
		rotated: HEAD,
		vocabulary: 96,
		epsilon: 1e-5,
		rope_base: 10_000.0,
		tied: false,
		biased: false,
		window: 0,
		yarn: false,
	};
	let tied = Shape { kv_heads: 1, rope_base: 500_000.0, tied: true, ..llama };
	let qwen2 = Shape { family: "qwen2", epsilon: 1e-6, rope_base: 1e6, tied: true, ..llama };
	let phi3 = Shape { family: "phi3", ..llama };
	let quantised = |shape| Shape { dtype: GgufDtype::Q8_0, ..shape };
	vec![
		("llama-f32", llama),
		("llama-tied-f32", tied),
		("qwen2-f32", qwen2),
		("phi3-f32", phi3),
		("llama-q8_0", quantised(llama)),
		("llama-tied-q8_0", quantised(tied)),
		("qwen2-q8_0", quantised(qwen2)),
		("phi3-q8_0", quantised(phi3)),
	]
}

/// The logits behind the prompt, and behind each token that follows.
fn logits(file: &[u8]) -> Vec<Vec<f32>> {
	let model = LanguageModel::load(file, 1).unwrap();
	let mut context = model.context();
	let (prompt, rest) = TOKENS.split_at(PROMPT);
	[prompt].into_iter().chain(rest.chunks(1)).map(|part| model.read(&mut context, part).unwrap()).collect()
}

/// Candle's logits.
fn reference(name: &str, vocabulary: usize) -> Vec<Vec<f32>> {
	let path = Path::new(FOLDER).join(format!("{name}.f32"));
	let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
	let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
	assert!(values.iter().all(|value| value.is_finite()), "{name}");
	values.chunks(vocabulary).map(<[f32]>::to_vec).collect()
}

/// Makes sure that no logit differs by more than a part `tolerance` of the largest one, and that the likeliest token is
/// the same wherever the second is further behind than that.
fn check(name: &str, logits: &[Vec<f32>], vocabulary: usize, tolerance: f32) {
	let reference = reference(name, vocabulary);
	assert_eq!([logits.len(), reference.len()], [1 + TOKENS.len() - PROMPT; 2], "{name}");
	let largest = reference.iter().flatten().fold(0.0, |largest: f32, logit| largest.max(logit.abs()));
	let mut difference = 0.0_f32;
	for (logits, reference) in logits.iter().zip(&reference) {
		assert_eq!([logits.len(), reference.len()], [vocabulary; 2], "{name}");
		difference = logits.iter().zip(reference).fold(difference, |most, (a, b)| most.max((a - b).abs()));
		let best = greedy(reference);
		let behind = reference[best.unwrap() as usize] - tolerance * largest;
		if reference.iter().enumerate().all(|(token, logit)| Some(token as u32) == best || *logit < behind) {
			assert_eq!(greedy(logits), best, "{name}");
		}
	}
	println!("{name}: the logits differ by up to {:.1e} of the largest", difference / largest);
	assert!(difference <= tolerance * largest, "{name}: {difference} where the largest logit is {largest}");
}

/// When the data was made, the differences were up to 9.8e-4, since only ours rounds keys and values to half precision (up
/// to 1.6e-6 in floats without that), and 2.5e-2 where candle rounds the inputs of quantised matrices to 8 bits.
#[test]
fn logits_should_be_near_candles() {
	for (name, shape) in models() {
		let logits = logits(&shape.file());
		if shape.dtype == GgufDtype::F32 {
			check(name, &logits, shape.vocabulary, 1e-3);
		} else {
			check(&format!("{name}-as-floats"), &logits, shape.vocabulary, 1e-3);
			check(name, &logits, shape.vocabulary, 4e-2);
		}
	}
}

#[test]
#[ignore = "writes the models for bench/candle into the folder that MODELS names"]
fn write_models_for_candle() {
	let folder = PathBuf::from(env::var_os("MODELS").expect("MODELS names a folder"));
	fs::create_dir_all(&folder).unwrap();
	for (name, shape) in models() {
		fs::write(folder.join(format!("{name}.gguf")), shape.file()).unwrap();
	}
}

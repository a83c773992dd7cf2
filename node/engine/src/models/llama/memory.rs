//! How much memory a model takes.

use super::{Config, CACHE_STEP, MAX_ROWS};
use crate::gguf::{GgufDtype, GgufFile};
use crate::models::answering::KEPT_BYTES;
use crate::EngineError;

/// What a token of the vocabulary takes in a tokenizer, with its merges, and in the tree that formats of answers need, in
/// bytes; measured, and rounded up.
const TOKENIZER_BYTES: u64 = 512 + 64;
/// How many numbers of four bytes per token of the vocabulary a request has: its logits, their terms, and candidates.
const CHOICE_NUMBERS: usize = 8;
/// How many floats of each width a row of a pass has at once, at most.
const ROW_COPIES: u64 = 4;
const FLOAT_BYTES: u64 = 4;
/// Keys and values are kept in half precision.
const HALVES_OF_FLOAT: usize = 2;

/// How many bytes a file's model takes at most while it is loaded and serves so many requests at once, each of so many
/// positions: its weights, keys and values, those of a template's head, the rows of a pass, what chooses tokens, and a
/// tokenizer. The file's own bytes are not counted.
pub(crate) fn memory_needed(file: &GgufFile<'_>, positions: usize, requests: usize) -> Result<u64, EngineError> {
	let config = Config::read(file)?;
	let product =
		|factors: &[usize]| factors.iter().fold(FLOAT_BYTES, |product, factor| product.saturating_mul(*factor as u64));
	let weights = |shape: &[usize], bytes: u64, dtype| match dtype {
		// Become 32-bit floats.
		GgufDtype::F16 | GgufDtype::Bf16 => product(shape),
		// Their factors of four or six bits become bytes: of 84 bytes, 100.
		GgufDtype::Q2K | GgufDtype::Q3K | GgufDtype::Q4K | GgufDtype::Q5K => bytes.saturating_add(bytes / 5),
		_ => bytes,
	};
	let (mut all, mut largest) = (0_u64, 0);
	for tensor in file.tensors() {
		let bytes = weights(&tensor.shape, tensor.data.len() as u64, tensor.dtype);
		all = all.saturating_add(bytes);
		largest = largest.max(bytes);
	}
	let positions = positions.min(config.context).next_multiple_of(CACHE_STEP);
	let cached = positions.saturating_mul(requests).saturating_add(CACHE_STEP);
	let rows =
		product(&[MAX_ROWS, 2 * config.hidden + 2 * config.width + (config.heads + 2 * config.kv_heads) * config.head]);
	let parts = [
		all,
		// A matrix is in its file's order and in its own for a moment.
		largest,
		product(&[2, cached, config.layers, config.kv_heads, config.head / HALVES_OF_FLOAT]),
		product(&[config.tables(), config.context, config.head]),
		rows.saturating_mul(ROW_COPIES),
		product(&[CHOICE_NUMBERS, config.vocabulary, requests]),
		TOKENIZER_BYTES.saturating_mul(config.vocabulary as u64),
		KEPT_BYTES as u64,
	];
	Ok(parts.into_iter().fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
	use super::super::tests::made_up;
	use super::*;

	fn needed(bytes: &[u8], positions: usize) -> u64 {
		memory_needed(&GgufFile::parse(bytes).unwrap(), positions, 1).unwrap()
	}

	#[test]
	fn each_further_request_should_need_what_its_cache_takes_and_some_for_its_choices() {
		let bytes = made_up("llama", GgufDtype::Q4_1);
		let file = GgufFile::parse(&bytes).unwrap();
		let of = |requests| memory_needed(&file, 200, requests).unwrap();
		let each = of(2) - of(1);
		assert_eq!(of(17) - of(1), 16 * each);
		let cache = super::super::tests::load(&bytes).unwrap().cache_bytes(200) as u64;
		assert!((cache..cache + 4_000).contains(&each), "{each}, of which the cache takes {cache}");
		assert_eq!(memory_needed(&file, 200, usize::MAX), Ok(u64::MAX));
	}

	#[test]
	fn more_positions_should_need_more_memory_up_to_the_models_context() {
		let file = made_up("llama", GgufDtype::Q4_1);
		let tensors = GgufFile::parse(&file).unwrap().tensor_bytes();
		assert!(needed(&file, 1) > tensors);
		assert_eq!(needed(&file, 1), needed(&file, CACHE_STEP), "room is made in steps");
		assert!(needed(&file, 1) < needed(&file, 400));
		assert_eq!(needed(&file, 400), needed(&file, usize::MAX / 2));
	}

	#[test]
	fn halves_should_need_what_floats_do() {
		let [floats, halves] = [GgufDtype::F32, GgufDtype::F16].map(|dtype| made_up("llama", dtype));
		assert!(halves.len() < floats.len());
		assert!(needed(&halves, 1) * 10 > needed(&floats, 1) * 9);
	}

	#[test]
	fn smollm2_should_need_what_was_measured() {
		let sha256 = crate::store::known::SMOLLM2.weights.sha256.to_string();
		let Some(path) = crate::tests::installed("smollm2", &sha256) else { return };
		// The resident memory of a run without its file's bytes: 118 MB.
		let needed = needed(&std::fs::read(path).unwrap(), 256);
		assert!((118_000_000..200_000_000).contains(&needed), "{needed}");
	}
}

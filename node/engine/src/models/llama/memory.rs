//! How much memory a model takes.

use super::{Config, CACHE_STEP, MAX_ROWS};
use crate::gguf::GgufFile;
use crate::kernels::lanes::WIDTH;
use crate::kernels::packing::PART_BYTES;
use crate::models::answering::KEPT_BYTES;
use crate::models::batch::AHEAD_ROWS;
use crate::models::linear::weight_bytes;
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

/// In how many threads a model is loaded, at most, each of which has a part of a matrix in hand.
const LOADING_THREADS: u64 = 32;
/// How many bytes more than its part a thread reads of a file, to check them; rounded up.
const CHECKED_BYTES: u64 = 32 << 10;
/// Memory for weights is taken in huge pages, of which the last may be empty but for a byte.
const HUGE_PAGE: u64 = 2 << 20;

/// How many bytes a file's model takes at most while it is loaded and serves so many requests at once, each of so many
/// positions: its weights, what is in hand while they are packed, keys and values, those of a template's head, the rows of
/// a pass, what chooses tokens, and a tokenizer. Nothing is in hand any more when the first request comes. A file in memory
/// is its owner's and not counted.
pub(crate) fn memory_needed(file: &GgufFile<'_>, positions: usize, requests: usize) -> Result<u64, EngineError> {
	let config = Config::read(file)?;
	let product =
		|factors: &[usize]| factors.iter().fold(FLOAT_BYTES, |product, factor| product.saturating_mul(*factor as u64));
	let matrices = file.tensors().filter(|tensor| tensor.shape.len() > 1);
	let columns = matrices.map(|tensor| tensor.data.len() / tensor.shape.iter().skip(1).product::<usize>().max(1));
	let longest = columns.max().unwrap_or(0);
	// A part has at least the columns of a head, which are reordered among themselves.
	let part = (config.head.max(WIDTH) as u64).saturating_mul(longest as u64).max(PART_BYTES as u64);
	let positions = positions.min(config.context).next_multiple_of(CACHE_STEP);
	let cached = positions.saturating_mul(requests).saturating_add(CACHE_STEP);
	let rows =
		product(&[MAX_ROWS, 2 * config.hidden + 2 * config.width + (config.heads + 2 * config.kv_heads) * config.head]);
	let in_hand = part.min(file.tensor_bytes()).saturating_add(CHECKED_BYTES).saturating_mul(LOADING_THREADS);
	let serving = [
		product(&[2, cached, config.layers, config.kv_heads, config.head / HALVES_OF_FLOAT]),
		rows.saturating_mul(ROW_COPIES),
		product(&[CHOICE_NUMBERS, config.vocabulary, requests]),
		// The logits of rows that are read ahead, beside the one row of each request.
		product(&[AHEAD_ROWS, config.vocabulary]),
		KEPT_BYTES as u64,
	];
	let parts = [
		weight_bytes(file),
		HUGE_PAGE,
		file.held_bytes(),
		product(&[config.tables(), config.context, config.head]),
		TOKENIZER_BYTES.saturating_mul(config.vocabulary as u64),
		serving.into_iter().fold(0, u64::saturating_add).max(in_hand),
	];
	Ok(parts.into_iter().fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
	use super::super::tests::made_up;
	use super::*;
	use crate::gguf::GgufDtype;
	use crate::models::linear::stored_bytes;

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
	fn weights_of_16_bits_should_need_half_of_what_floats_do() {
		let files = [GgufDtype::F32, GgufDtype::F16, GgufDtype::Bf16].map(|dtype| made_up("llama", dtype));
		let weights = |file: &[u8]| {
			let file = GgufFile::parse(file).unwrap();
			let matrices = file.tensors().filter(|tensor| tensor.name.starts_with("blk") && tensor.shape.len() > 1);
			matrices.map(|tensor| stored_bytes(tensor.dtype, &tensor.shape)).sum::<u64>()
		};
		let [floats, halves, bf16] = [0, 1, 2].map(|which| weights(&files[which]));
		assert_eq!([halves, bf16], [floats / 2; 2]);
		assert!(needed(&files[0], 1) - needed(&files[1], 1) >= floats - halves);
	}

	#[test]
	fn smollm2_should_need_what_was_measured() {
		let sha256 = crate::store::known::SMOLLM2.weights.sha256;
		let Some(path) = crate::tests::installed("SmolLM2", sha256) else { return };
		// The resident memory of a run without its file's bytes: 118 MB.
		let needed = needed(&std::fs::read(path).unwrap(), 256);
		assert!((118_000_000..210_000_000).contains(&needed), "{needed}");
	}
}

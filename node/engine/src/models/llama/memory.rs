//! How much memory a model takes.

use super::{Config, CACHE_STEP, MAX_ROWS};
use crate::gguf::{GgufDtype, GgufFile};
use crate::models::answering::KEPT_BYTES;
use crate::EngineError;

/// What a token of the vocabulary takes in a tokenizer, with its merges, and in the tree that formats of answers need, in
/// bytes; measured, and rounded up.
const TOKENIZER_BYTES: u64 = 512 + 64;
/// How many floats of each width a row of a pass has at once, at most.
const ROW_COPIES: u64 = 4;
const FLOAT_BYTES: u64 = 4;

/// How many bytes a file's model takes at most while it is loaded and reads so many positions: its weights, keys and
/// values, the rows of a pass, and a tokenizer. The file's own bytes are not counted.
pub(crate) fn memory_needed(file: &GgufFile<'_>, positions: usize) -> Result<u64, EngineError> {
	let config = Config::read(file)?;
	let product =
		|factors: &[usize]| factors.iter().fold(FLOAT_BYTES, |product, factor| product.saturating_mul(*factor as u64));
	let weights = |shape: &[usize], bytes: u64, dtype| match dtype {
		// Become 32-bit floats.
		GgufDtype::F16 | GgufDtype::Bf16 => product(shape),
		_ => bytes,
	};
	let (mut all, mut largest) = (0_u64, 0);
	for tensor in file.tensors() {
		let bytes = weights(&tensor.shape, tensor.data.len() as u64, tensor.dtype);
		all = all.saturating_add(bytes);
		largest = largest.max(bytes);
	}
	let positions = positions.min(config.context).next_multiple_of(CACHE_STEP);
	let rows =
		product(&[MAX_ROWS, 2 * config.hidden + 2 * config.width + (config.heads + 2 * config.kv_heads) * config.head]);
	let parts = [
		all,
		// A matrix is in its file's order and in its own for a moment.
		largest,
		product(&[2, positions, config.layers, config.kv_heads, config.head]),
		product(&[config.context, config.head]),
		rows.saturating_mul(ROW_COPIES),
		product(&[2, config.vocabulary]),
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
		memory_needed(&GgufFile::parse(bytes).unwrap(), positions).unwrap()
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

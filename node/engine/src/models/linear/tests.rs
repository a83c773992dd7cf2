use super::*;
use crate::tests::tiny_model;
use crate::LanguageModel;

const NAN: [u8; 2] = [0, 0x7e];
const INFINITY: [u8; 2] = [0, 0x7c];

/// A small model, some bytes of one of its tensors replaced.
fn load(dtype: GgufDtype, tensor: &str, at: usize, bytes: &[u8]) -> Result<LanguageModel, EngineError> {
	let mut file = tiny_model("qwen2", dtype).bytes();
	let parsed = GgufFile::parse(&file).unwrap();
	let from = parsed.tensor(tensor).unwrap().data.in_memory().unwrap().as_ptr() as usize - file.as_ptr() as usize;
	file[from + at..][..bytes.len()].copy_from_slice(bytes);
	LanguageModel::load(&file, 1)
}

fn assert_not_finite(loaded: Result<LanguageModel, EngineError>, case: &str) {
	match loaded.err() {
		Some(EngineError::InvalidModel(reason)) => assert!(reason.contains("not finite"), "{case}: {reason}"),
		other => panic!("{case}: {other:?}"),
	}
}

#[test]
fn scales_and_minimums_that_are_not_finite_should_be_refused() {
	let formats =
		[GgufDtype::Q4_0, GgufDtype::Q4_1, GgufDtype::Q5_0, GgufDtype::Q5_1, GgufDtype::Q8_0].map(
			|dtype| match dtype {
				GgufDtype::Q4_1 | GgufDtype::Q5_1 => (dtype, 2),
				_ => (dtype, 1),
			},
		);
	for (dtype, halves) in formats {
		for tensor in ["token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_down.weight"] {
			let block = 3 * dtype.block_bytes();
			for half in 0..halves {
				for value in [NAN, INFINITY] {
					let loaded = load(dtype, tensor, block + 2 * half, &value);
					assert_not_finite(loaded, &format!("{dtype:?} {tensor} {half}"));
				}
			}
			load(dtype, tensor, block + 2 * halves, &NAN).unwrap();
		}
	}
}

#[test]
fn floats_that_are_not_finite_should_be_refused() {
	for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(f32::to_le_bytes) {
		for tensor in ["output_norm.weight", "blk.0.attn_norm.weight", "blk.0.attn_q.bias", "blk.0.attn_v.weight"] {
			assert_not_finite(load(GgufDtype::F32, tensor, 8, &value), tensor);
		}
		assert_not_finite(load(GgufDtype::Bf16, "blk.0.ffn_up.weight", 8, &value[2..]), "16 bits, the upper half");
	}
	for value in [NAN, INFINITY] {
		assert_not_finite(load(GgufDtype::F16, "blk.0.ffn_gate.weight", 8, &value), "16 bits");
	}
}

#[test]
fn weights_that_the_system_gives_no_memory_for_should_be_an_error_that_says_so() {
	let bytes = tiny_model("llama", GgufDtype::Q4_0).bytes();
	let file = GgufFile::parse(&bytes).unwrap();
	let pool = Pool::new(1).unwrap();
	let without_memory = Packing::into(WeightMemory::of(1 << 60), &pool);
	let tensor = file.tensor("blk.0.ffn_up.weight").unwrap();
	let matrix = Matrix::new(&without_memory, tensor, [0, 32], 32, |column| column);
	assert_eq!(matrix.err(), Some(EngineError::NoMemory { bytes: 1 << 60 }));
}

//! From a file that is never in memory as a whole.

use super::{load, made_up, shape, wide, Kernels, Llama, Pool, Shape, Workspace};
use crate::gguf::{GgufDtype, GgufError, GgufFile};
use crate::kernels::packing::Packing;
use crate::models::linear::{stored_bytes, Matrix};
use crate::store::VerifiedFile;
use crate::tests::{tiny_model, Item};
use crate::{Architecture, CheckedFile, EngineError, LanguageModel, LocalEngine};
use std::io::Write;
use std::os::unix::fs::FileExt;
use tempfile::NamedTempFile;

fn on_disk(bytes: &[u8]) -> (NamedTempFile, VerifiedFile) {
	let mut file = NamedTempFile::new().unwrap();
	file.write_all(bytes).unwrap();
	let verified = VerifiedFile::open(file.path(), &mut |_, _| ()).unwrap();
	(file, verified)
}

fn logits(model: &LanguageModel) -> Vec<u32> {
	let logits = model.read(&mut model.context(), &[3, 1, 4, 1, 5]).unwrap();
	logits.into_iter().map(f32::to_bits).collect()
}

#[test]
fn a_model_should_be_the_same_from_a_file_as_from_memory_whatever_the_threads() {
	for dtype in GgufDtype::ALL {
		for family in ["llama", "phi3"] {
			let untied = Shape { tied: false, biased: true, vocabulary: 301, ..wide(family, dtype) };
			for bytes in [wide(family, dtype).file(), untied.file()] {
				let (_kept, file) = on_disk(&bytes);
				let expected = logits(&LanguageModel::load(&bytes, 1).unwrap());
				for threads in [1, 3] {
					let gguf = GgufFile::open(&file).unwrap();
					assert_eq!(gguf.tensor_bytes(), GgufFile::parse(&bytes).unwrap().tensor_bytes());
					let model = LanguageModel::from_gguf(&gguf, threads, &mut |_, _| ()).unwrap();
					assert!(logits(&model) == expected, "{family} {dtype} in {threads} threads");
				}
			}
		}
	}
}

#[test]
fn a_file_that_changes_while_it_is_loaded_should_be_an_error_wherever_it_changes() {
	let bytes = made_up("llama", GgufDtype::F16);
	let load = |file: &VerifiedFile| LanguageModel::from_gguf(&GgufFile::open(file)?, 2, &mut |_, _| ()).map(drop);
	let is_changed = |loaded: Result<(), EngineError>| match loaded {
		Err(EngineError::Internal(reason)) => assert!(reason.contains("was changed while it was read"), "{reason}"),
		other => panic!("{other:?}"),
	};
	let parsed = GgufFile::parse(&bytes).unwrap();
	for name in ["token_embd.weight", "blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output_norm.weight"] {
		let place = parsed.tensor(name).unwrap().data.in_memory().unwrap().as_ptr() as usize - bytes.as_ptr() as usize;
		let (written, file) = on_disk(&bytes);
		load(&file).unwrap();
		written.as_file().write_all_at(&[bytes[place + 9] ^ 1], place as u64 + 9).unwrap();
		is_changed(load(&file));
	}
	let (written, file) = on_disk(&bytes);
	written.as_file().write_all_at(&[1], 6).unwrap();
	assert!(matches!(GgufFile::open(&file), Err(GgufError::Unreadable(_))), "in the header");
	is_changed(load(&file));
	let (written, file) = on_disk(&bytes);
	let gguf = GgufFile::open(&file).unwrap();
	written.as_file().set_len(bytes.len() as u64 - 1).unwrap();
	is_changed(LanguageModel::from_gguf(&gguf, 1, &mut |_, _| ()).map(drop));
}

#[test]
fn a_file_that_is_no_gguf_or_cut_off_should_be_refused_as_in_memory() {
	let bytes = made_up("llama", GgufDtype::Q8_0);
	for part in [&bytes[..0], &bytes[..3], &bytes[..100], &bytes[..bytes.len() - 1], b"no model at all"] {
		let (_kept, file) = on_disk(part);
		assert_eq!(GgufFile::open(&file).unwrap_err(), GgufFile::parse(part).unwrap_err());
	}
}

#[test]
fn an_engine_should_load_each_kind_of_file_without_its_bytes_in_memory() {
	let engine = LocalEngine::new(2);
	let (_kept, file) = on_disk(common_lingua::WEIGHTS);
	let loaded = engine.load("lingua", Architecture::CommonLingua, &[CheckedFile::from(&file)]).unwrap();
	assert_eq!((loaded.files[0].size, loaded.files[0].sha256), (file.size(), crate::COMMON_LINGUA));
	let model = tiny_model("llama", GgufDtype::Q8_0)
		.value("tokenizer.ggml.model", Item::String("gpt2"))
		.value("tokenizer.ggml.pre", Item::String("smollm"))
		.value("tokenizer.ggml.tokens", Item::Strings(&["a", "b", "<s>", "c", "?"]))
		.value("tokenizer.ggml.token_type", Item::I32s(&[1, 1, 3, 1, 1]))
		.value("tokenizer.ggml.merges", Item::Strings(&[]))
		.value("tokenizer.ggml.bos_token_id", Item::U32(2))
		.value("tokenizer.ggml.eos_token_id", Item::U32(2));
	let (_kept, file) = on_disk(&model.bytes());
	let loaded = engine.load("llama", Architecture::Llama, &[CheckedFile::from(&file)]).unwrap();
	assert_eq!((loaded.files[0].size, loaded.files[0].sha256), (file.size(), file.sha256().0));
}

#[test]
fn a_tensor_should_take_the_memory_that_is_counted() {
	let pool = Pool::new(1).unwrap();
	for dtype in GgufDtype::ALL {
		let bytes = wide("llama", dtype).file();
		let file = GgufFile::parse(&bytes).unwrap();
		let tensor = file.tensor("blk.0.ffn_down.weight").unwrap();
		let [depth, columns] = tensor.shape[..] else { panic!("a matrix") };
		// The last tile is not full.
		let columns = columns - 3;
		let packing = Packing::new(&pool);
		Matrix::new(&packing, tensor, [0, columns], depth, |column| column).unwrap();
		let (counted, taken) = (stored_bytes(dtype, &[depth, columns]), packing.memory.taken() as u64);
		assert!((counted..=counted + 128).contains(&taken), "{dtype:?}: {taken}, counted {counted}");
	}
}

#[test]
fn an_output_matrix_that_repeats_the_embedding_should_take_no_memory_of_its_own() {
	let tied = tiny_model("llama", GgufDtype::F16).bytes();
	let embedding =
		GgufFile::parse(&tied).unwrap().tensor("token_embd.weight").unwrap().data.in_memory().unwrap().to_vec();
	let with_output = |data: &[u8]| {
		load(&tiny_model("llama", GgufDtype::F16).tensor("output.weight", &[32, 5], GgufDtype::F16, data).bytes())
			.unwrap()
	};
	let is_shared =
		|model: &Llama| model.output.as_ref().unwrap().first().address() == model.embedding.first().address();
	let repeated = with_output(&embedding);
	assert!(is_shared(&repeated));
	let mut other = embedding.clone();
	let last = other.len() - 2;
	other[last] ^= 1;
	assert!(!is_shared(&with_output(&other)));
	let read = |model: &Llama| {
		let pool = Pool::new(1).unwrap();
		let mut on = Workspace::new(Kernels::best(), &pool);
		model.forward(&mut on, &[1, 2], &mut model.cache()).unwrap()
	};
	assert_eq!(read(&repeated), read(&load(&tied).unwrap()));
	assert!(load(&shape("llama", GgufDtype::F32).file()).unwrap().output.is_none());
}

//! What is not loaded, and what is not answered.

use super::*;

/// The made-up file, and where a name's first occurrence ends in it.
fn behind(file: &Gguf, name: &str) -> (Vec<u8>, usize) {
	let bytes = file.bytes();
	let at = bytes.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
	(bytes, at + name.len())
}

fn reason(file: &[u8]) -> String {
	match Bert::from_gguf(&GgufFile::parse(file).unwrap(), &Pool::new(1).unwrap()).err() {
		Some(EngineError::InvalidModel(reason)) => reason,
		other => panic!("{other:?}"),
	}
}

fn assert_refused(file: &Gguf, expected: &str) {
	let reason = reason(&file.bytes());
	assert!(reason.contains(expected), "{expected}: {reason}");
}

#[test]
fn poolings_and_architectures_that_are_not_computed_should_be_refused_by_name() {
	for (pooling, expected) in [(0, "0 (none)"), (3, "3 (last)"), (4, "4 (rank)"), (77, "77, which")] {
		assert_refused(&random(GgufDtype::F32, pooling), expected);
	}
	for (architecture, expected) in [
		("nomic-bert", "positions that rotate"),
		("jina-bert-v2", "ALiBi"),
		("nomic-bert-moe", "experts"),
		("llama", "makes no vectors"),
	] {
		let file = Gguf::new().value("general.architecture", Item::String(architecture));
		assert_refused(&file, &format!("architecture {architecture:?}"));
		assert_refused(&file, expected);
	}
	// Of multilingual e5 and bge-m3.
	let (mut unigram, at) = behind(&random(GgufDtype::F32, 1), "tokenizer.ggml.model");
	assert_eq!(&unigram[at + 12..at + 16], b"bert");
	unigram[at + 12..at + 16].copy_from_slice(b"t5xx");
	assert!(reason(&unigram).contains("t5xx"));
}

#[test]
fn keys_and_tensors_that_are_not_computed_should_be_refused_by_name() {
	let file = random(GgufDtype::F32, 1);
	for (key, item) in [
		("bert.attention.max_alibi_bias", Item::F32(8.0)),
		("bert.expert_count", Item::U32(8)),
		("bert.attention.head_count_kv", Item::U32(1)),
		("bert.attention.key_length", Item::U32(16)),
		("bert.attention.scale", Item::String("large")),
	] {
		assert_refused(&file.clone().value(key, item), key);
	}
	assert_refused(&file.clone().value("split.count", Item::U32(2)), "part 1 of 2");
	for name in ["cls.weight", "blk.0.attn_q_norm.weight", "blk.2.ffn_up.weight", "dense_2.weight"] {
		let other = file.clone().tensor(name, &[96], GgufDtype::F32, &[0; 4 * 96]);
		assert_refused(&other, &format!("the tensor {name:?}"));
	}
	for key in
		["bert.pooling_type", "bert.attention.causal", "bert.attention.layer_norm_epsilon", "bert.context_length"]
	{
		let (mut without, end) = behind(&file, key);
		without[end - 1] = b'!';
		assert!(reason(&without).contains(key), "{key}: {}", reason(&without));
	}
	let (mut causal, end) = behind(&file, "bert.attention.causal");
	causal[end + 4] = 1;
	assert!(reason(&causal).contains("bert.attention.causal is not false"));
}

#[test]
fn sizes_and_vocabularies_that_do_not_fit_should_be_refused() {
	for (sizes, expected) in [
		([2, 96, 288, 5], "heads"),
		([2, 80, 288, 5], "embedding_length"),
		([2, 96, 288, 12], "heads"),
		([2, 96, 8, 3], "feed"),
	] {
		assert_refused(&metadata(sizes, CONTEXT, 1), expected);
	}
	let (sizes, tokens) = ([2, 96, 288, 3], vocabulary());
	let twice = [tokens.clone(), vec!["llo".into()]].concat();
	for (tokens, special, expected) in [
		(&tokens[..], [1, 2, 900], "seperator_token_id is 900"),
		(&tokens[..20], [1, 2, 3], "token_embd.weight has shape"),
		(&twice, [1, 2, 3], "\"##llo\" is there twice"),
	] {
		let file = with_tokens(metadata(sizes, CONTEXT, 1), tokens, special);
		let rows = vec![0; 4 * 96 * vocabulary().len()];
		assert_refused(
			&file.tensor("token_embd.weight", &[96, vocabulary().len() as u64], GgufDtype::F32, &rows),
			expected,
		);
	}
	let (mut begins, end) = behind(&random(GgufDtype::F32, 1), "tokenizer.ggml.bos_token_id");
	begins[end + 4] = 5;
	assert!(reason(&begins).contains("tokenizer.ggml.bos_token_id is 5"));
}

#[test]
fn what_overflows_should_be_a_refusal_in_every_format() {
	let pool = Pool::new(2).unwrap();
	for dtype in [GgufDtype::F32, GgufDtype::F16, GgufDtype::Q8_0, GgufDtype::Q6K] {
		let file = random(dtype, 2).bytes();
		let parsed = GgufFile::parse(&file).unwrap();
		for name in ["blk.0.attn_q.bias", "blk.0.attn_v.bias", "blk.1.ffn_up.bias", "blk.0.layer_output_norm.bias"] {
			let data = parsed.tensor(name).unwrap().data.in_memory().unwrap();
			let at = data.as_ptr().addr() - file.as_ptr().addr();
			let mut broken = file.clone();
			broken[at..at + data.len()].copy_from_slice(&3e38_f32.to_le_bytes().repeat(data.len() / 4));
			let model = Bert::from_gguf(&GgufFile::parse(&broken).unwrap(), &pool).unwrap();
			for kernels in tiers() {
				let stop = model.embed(kernels, &pool, TEXTS[1]).err();
				assert!(matches!(stop, Some(Stop::Refused(Refusal::NotFinite))), "{name}, {dtype:?}: {stop:?}");
			}
		}
	}
}

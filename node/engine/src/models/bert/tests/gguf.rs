//! From GGUF.

mod refusals;
mod words;

use super::*;
use crate::gguf::{GgufDtype, GgufFile};
use crate::tests::{Gguf, Item, Noise};
use crate::{CheckedFile, Engine, LocalEngine};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const GOLDENS: &str = include_str!("../../../../tests/data/made_up_embeddings.txt");
const FOLDER: &str = "tests/data/llama.cpp";

/// How many tokens a made-up model reads.
const CONTEXT: usize = 320;
/// `bench/peers/llamacpp_embeddings.py` has the same texts.
const TEXTS: [&str; 4] = [
	"a",
	"Hello, hello. The sun is out!",
	"Crème brûlée, [SEP] 7 漢 and hello",
	"the quick brown fox jumps over the lazy dog and the dog does not mind, as it is asleep in the sun",
];

/// A vocabulary of letters and some words.
fn vocabulary() -> Vec<String> {
	let letters = || ('a'..='z').map(String::from);
	let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
	let words = ["hello", "the", "sun", ".", ",", "!", "[", "]", "漢"].map(String::from);
	let words = letters().chain(words).map(|word| format!("\u{2581}{word}"));
	special.into_iter().chain(words).chain(letters()).chain(["llo".into()]).collect()
}

fn metadata([layers, width, hidden, heads]: [usize; 4], context: usize, pooling: u32) -> Gguf {
	let sizes = [
		("block_count", layers),
		("embedding_length", width),
		("feed_forward_length", hidden),
		("attention.head_count", heads),
		("context_length", context),
		("pooling_type", pooling as usize),
	];
	let file = Gguf::new()
		.value("general.architecture", Item::String("bert"))
		.value("bert.attention.layer_norm_epsilon", Item::F32(1e-12))
		.value("bert.attention.causal", Item::Bool(false))
		.value("tokenizer.ggml.model", Item::String("bert"))
		.value("tokenizer.ggml.token_type_count", Item::U32(2));
	sizes.into_iter().fold(file, |file, (name, size)| file.value(&format!("bert.{name}"), Item::U32(size as u32)))
}

fn with_tokens(file: Gguf, tokens: &[String], special: [u32; 3]) -> Gguf {
	let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
	let keys = ["unknown_token_id", "cls_token_id", "seperator_token_id"];
	let file = file.value("tokenizer.ggml.tokens", Item::Strings(&tokens));
	let file = file.value("tokenizer.ggml.token_type", Item::I32s(&vec![1; tokens.len()]));
	let file = file.value("tokenizer.ggml.bos_token_id", Item::U32(special[1]));
	keys.into_iter()
		.zip(special)
		.fold(file, |file, (key, id)| file.value(&format!("tokenizer.ggml.{key}"), Item::U32(id)))
}

/// A model of random weights in a format.
fn random(dtype: GgufDtype, pooling: u32) -> Gguf {
	let large = dtype.block_weights() == 256;
	let [layers, width, hidden, heads] = if large { [2, 256, 512, 4] } else { [2, 96, 288, 3] };
	let tokens = vocabulary();
	let mut noise = Noise(17);
	let mut file = with_tokens(metadata([layers, width, hidden, heads], CONTEXT, pooling), &tokens, [1, 2, 3]);
	let mut add = |name: &str, dtype: GgufDtype, shape: &[usize]| {
		let count = shape.iter().product();
		let middle = if name.contains("norm.weight") { 1.0 } else { 0.0 };
		let data = match dtype {
			GgufDtype::F32 => noise.floats(count, middle),
			_ => noise.tensor(dtype, count),
		};
		let shape: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
		file = std::mem::replace(&mut file, Gguf::new()).tensor(name, &shape, dtype, &data);
	};
	let outer = if dtype == GgufDtype::F32 { dtype } else { GgufDtype::Q8_0 };
	add("token_embd.weight", outer, &[width, tokens.len()]);
	add("position_embd.weight", GgufDtype::F32, &[width, CONTEXT]);
	add("token_types.weight", GgufDtype::F32, &[width, 2]);
	let mut norms = vec!["token_embd_norm".to_string()];
	for layer in 0..layers {
		let name = |part: &str| format!("blk.{layer}.{part}");
		for (part, columns, depth) in [
			("attn_q", width, width),
			("attn_k", width, width),
			("attn_v", width, width),
			("attn_output", width, width),
			("ffn_up", hidden, width),
			("ffn_down", width, hidden),
		] {
			add(&name(&format!("{part}.weight")), dtype, &[depth, columns]);
			add(&name(&format!("{part}.bias")), GgufDtype::F32, &[columns]);
		}
		norms.extend([name("attn_output_norm"), name("layer_output_norm")]);
	}
	for name in norms {
		add(&format!("{name}.weight"), GgufDtype::F32, &[width]);
		add(&format!("{name}.bias"), GgufDtype::F32, &[width]);
	}
	file
}

fn load(file: &Gguf) -> Result<Bert, EngineError> {
	Bert::from_gguf(&GgufFile::parse(&file.bytes()).unwrap(), &Pool::new(2).unwrap())
}

/// Whether a made-up file of this format loads, and computes.
pub(in crate::models) fn computes(dtype: GgufDtype) -> bool {
	let pool = Pool::new(1).unwrap();
	load(&random(dtype, 1)).is_ok_and(|model| model.embed(Kernels::best(), &pool, "hello").is_ok())
}

/// The tensors of safetensors, which have other names in GGUF.
fn as_gguf(file: &File, heads: usize, pooling: u32) -> Gguf {
	const NAMES: [(&str, &str); 12] = [
		("encoder.layer.", "blk."),
		("attention.output.dense", "attn_output"),
		("attention.output.LayerNorm", "attn_output_norm"),
		("intermediate.dense", "ffn_up"),
		("output.dense", "ffn_down"),
		("output.LayerNorm", "layer_output_norm"),
		("attention.self.query", "attn_q"),
		("attention.self.key", "attn_k"),
		("attention.self.value", "attn_v"),
		("embeddings.word_embeddings", "token_embd"),
		("embeddings.LayerNorm", "token_embd_norm"),
		("embeddings.position_embeddings", "position_embd"),
	];
	let tokens: Vec<String> = (0..TEST_WORDS).map(|id| format!("\u{2581}{id}")).collect();
	let sizes = [TEST_LAYERS, TEST_WIDTH, TEST_HIDDEN, heads];
	let named = with_tokens(metadata(sizes, TEST_POSITIONS, pooling), &tokens, [0, 1, 2]);
	let tensors = file.0.iter().filter(|(name, _)| !loader::UNUSED.contains(&name.as_str()));
	tensors.fold(named, |named, (name, (_, shape, bytes))| {
		let name = name.replace("embeddings.token_type_embeddings", "token_types");
		let name = NAMES.iter().fold(name, |name, (from, to)| name.replace(from, to));
		let shape: Vec<u64> = shape.iter().rev().map(|length| *length as u64).collect();
		named.tensor(&name, &shape, GgufDtype::F32, bytes)
	})
}

#[test]
fn floats_should_have_the_bits_of_the_same_safetensors() {
	let (file, pool) = (made_up(), Pool::new(2).unwrap());
	let [expected, actual] = [super::load(&file).unwrap(), load(&as_gguf(&file, 2, 1)).unwrap()];
	for length in [1, 5, 64, 65, 80] {
		let embed = |model: &Bert| bits(&model.embed_tokens(Kernels::best(), &pool, &[&tokens(length)]).unwrap()[0]);
		assert!(embed(&actual) == embed(&expected), "{length} tokens");
	}
	assert_eq!((actual.vocabulary(), actual.width(), actual.context()), (TEST_WORDS, TEST_WIDTH, TEST_POSITIONS));
}

#[test]
fn the_first_row_should_be_taken_where_the_file_says_so() {
	let (file, pool) = (made_up(), Pool::new(2).unwrap());
	for heads in [1, 2, 4] {
		let model = load(&as_gguf(&file, heads, 2)).unwrap();
		let sequences = [tokens(70), tokens(3)];
		let actual = model.embed_tokens(Kernels::best(), &pool, &sequences.each_ref().map(Vec::as_slice)).unwrap();
		for (actual, tokens) in actual.iter().zip(&sequences) {
			let expected = plain(&file, tokens, TEST_WIDTH / heads, Pooling::First);
			for (actual, expected) in actual.iter().zip(expected) {
				assert!((f64::from(*actual) - expected).abs() < 1e-6, "{heads} heads: {actual}, expected {expected}");
			}
		}
	}
}

fn golden_models() -> impl Iterator<Item = (GgufDtype, u32)> {
	let first = [GgufDtype::F32, GgufDtype::Q8_0, GgufDtype::Q4K].map(|dtype| (dtype, 2));
	GgufDtype::ALL.into_iter().map(|dtype| (dtype, 1)).chain(first)
}

/// A line per model: what it takes of the rows, its format, and the hash of some embeddings.
fn line((dtype, pooling): (GgufDtype, u32), kernels: Kernels, pool: &Pool, together: bool) -> String {
	let model = load(&random(dtype, pooling)).unwrap();
	let vocabulary = model.vocabulary();
	let tokens = |length: usize| (0..length).map(|at| ((at * at * 7 + at * 3 + length) % vocabulary) as u32).collect();
	let sequences: Vec<Vec<u32>> = [1, 2, 17, 65, 130, 3, CONTEXT].map(tokens).into();
	let sequences: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
	let embeddings = match together {
		true => model.embed_tokens(kernels, pool, &sequences).unwrap().concat(),
		false => sequences.iter().flat_map(|one| model.embed_tokens(kernels, pool, &[one]).unwrap().concat()).collect(),
	};
	format!("{} {dtype:?} {}", ["none", "mean", "cls"][pooling as usize], hash(&embeddings))
}

#[test]
fn made_up_embeddings_of_every_format_should_have_the_committed_bits() {
	let pools = [1, 2, 3].map(|threads| Pool::new(threads).unwrap());
	for kernels in tiers() {
		for (at, model) in golden_models().enumerate() {
			let pool = &pools[at % pools.len()];
			let actual = line(model, kernels, pool, at % 2 == 0);
			assert!(GOLDENS.lines().any(|golden| golden == actual), "{actual}: {:?}", kernels.tier());
		}
	}
	assert_eq!(GOLDENS.lines().count(), golden_models().count());
}

#[test]
#[ignore = "writes the goldens, after a deliberate change of the semantics"]
fn write_made_up_embeddings() {
	let pool = Pool::new(2).unwrap();
	let lines = golden_models().map(|model| line(model, Kernels::best(), &pool, true) + "\n");
	let path = "tests/data/made_up_embeddings.txt";
	fs::write(path, lines.collect::<String>()).unwrap();
}

#[test]
fn an_engine_should_answer_with_a_model_of_one_file() {
	let file = random(GgufDtype::Q5_0, 2).bytes();
	let engine = LocalEngine::new(2);
	let loaded = engine.load("made up", crate::Architecture::Bert, &[CheckedFile::of(&file)]).unwrap();
	let limits = Limits { max_input_bytes: 5000, max_output_units: 0 };
	let request = Request::new(loaded.files[0].sha256, TEXTS[1], limits);
	let Inference { outcome, trace } = engine.infer(&request).unwrap();
	let model = SentenceEmbedder::from_gguf(&GgufFile::parse(&file).unwrap(), 1).unwrap();
	assert_eq!(outcome, Ok(Response::Embedding { values: fixed_point(&model.embed(TEXTS[1]).unwrap()) }));
	let model = Bert::from_gguf(&GgufFile::parse(&file).unwrap(), &Pool::new(1).unwrap()).unwrap();
	let tokens = model.tokens(TEXTS[1]).unwrap();
	let first = model.all_pooled(Kernels::best(), &Pool::new(1).unwrap(), &[&tokens]).unwrap();
	let bytes: Vec<u8> = first[0].iter().flat_map(|value| value.to_le_bytes()).collect();
	assert_eq!(trace, blake2b_256(&[&bytes]));
	let long = Request { input: "a ".repeat(CONTEXT).as_str().into(), ..request };
	assert_eq!(engine.infer(&long).unwrap().outcome, Err(Refusal::ContextExceeded { limit: CONTEXT as u32 }));
}

fn compared() -> impl Iterator<Item = (String, GgufDtype, Gguf)> {
	golden_models().map(|(dtype, pooling)| {
		let name = format!("bert-{}-{dtype}", ["none", "mean", "cls"][pooling as usize]).to_lowercase();
		(name, dtype, random(dtype, pooling))
	})
}

/// llama.cpp has the hyperbolic tangent's GELU from a table of halves, and rounds the inputs of quantised matrices to 8 bits.
#[test]
fn embeddings_should_be_near_llama_cpps() {
	let pool = Pool::new(2).unwrap();
	let mut worst = Vec::new();
	for (name, dtype, file) in compared() {
		let path = Path::new(FOLDER).join(format!("{name}.f32"));
		let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
		let expected: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
		let model = load(&file).unwrap();
		let actual: Vec<f32> =
			TEXTS.into_iter().flat_map(|text| model.embed(Kernels::best(), &pool, text).unwrap()).collect();
		assert_eq!(expected.len(), actual.len(), "{name}");
		let largest =
			expected.iter().zip(&actual).map(|(expected, actual)| (expected - actual).abs()).fold(0.0, f32::max);
		worst.push((name, dtype, largest));
	}
	worst.iter().for_each(|(name, _, difference)| println!("{name}: up to {difference:.1e}"));
	for (name, dtype, difference) in worst {
		let allowed = if matches!(dtype, GgufDtype::F32 | GgufDtype::F16 | GgufDtype::Bf16) { 1e-3 } else { 1e-2 };
		assert!(difference < allowed, "{name}: {difference}");
	}
}

#[test]
#[ignore = "writes the models for bench/peers/llamacpp_embeddings.py into the folder that MODELS names"]
fn write_embedding_models_for_llama_cpp() {
	let folder = PathBuf::from(env::var_os("MODELS").expect("MODELS names a folder"));
	fs::create_dir_all(&folder).unwrap();
	for (name, _, file) in compared() {
		fs::write(folder.join(format!("{name}.gguf")), file.bytes()).unwrap();
	}
}

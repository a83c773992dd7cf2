//! Of all-MiniLM-L6-v2's kind, from safetensors.

mod config;
pub(in crate::models) mod gguf;

use super::*;
use crate::kernels::Tier;
use crate::store::known::MINILM;
use crate::tests::{bits, hex, installed, tiers};
use crate::trace::blake2b_256;
use crate::{Limits, ModelStop, SentenceEmbedder};
use serde_json::{json, Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

const TEST_WIDTH: usize = 64;
/// More than a block of a chain.
const TEST_HIDDEN: usize = 288;
const TEST_WORDS: usize = 30;
const TEST_POSITIONS: usize = 80;
const TEST_LAYERS: usize = 2;

/// Sentences, their tokens and their embeddings by numpy in f64: see `minilm_reference.py`.
const REFERENCE: &str = include_str!("../../../tests/data/minilm_reference.tsv");

const SMALL_TOKENIZER: &str = r###"{"version":"1.0","added_tokens":[],"normalizer":{"type":"Lowercase"},
	"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":null,
	"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},
		{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],"pair":[],
		"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},
			"[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}},
	"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
		"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"hell":3,"##o":4,"x":29}}}"###;

/// The tensors of a safetensors file: type, shape and bytes.
#[derive(Clone, Default)]
struct File(BTreeMap<String, (&'static str, Vec<usize>, Vec<u8>)>);

impl File {
	fn bytes(&self) -> Vec<u8> {
		let mut header = Map::new();
		let mut data = Vec::new();
		for (name, (dtype, shape, bytes)) in &self.0 {
			let offsets = [data.len(), data.len() + bytes.len()];
			header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
			data.extend(bytes);
		}
		let header = Value::Object(header).to_string();
		[&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
	}

	fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
		let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
		self.0.insert(name.into(), ("F32", shape.to_vec(), bytes));
	}

	fn with(mut self, name: &str, shape: &[usize], value: f32) -> Self {
		self.floats(name, shape, &vec![value; shape.iter().product::<usize>()]);
		self
	}

	fn values(&self, name: &str) -> Vec<f64> {
		self.0[name].2.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
	}
}

/// A small model of random weights.
fn made_up() -> File {
	let mut state = 11_u64;
	let mut file = File::default();
	let mut add = |name: &str, shape: &[usize], middle: f32, size: f32| {
		let count = shape.iter().product::<usize>();
		let values: Vec<f32> = std::iter::repeat_with(|| {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			middle + ((state >> 40) as f32 / 8_388_608.0 - 1.0) * size
		})
		.take(count)
		.collect();
		file.floats(name, shape, &values);
	};
	let (width, hidden) = (TEST_WIDTH, TEST_HIDDEN);
	add("embeddings.word_embeddings.weight", &[TEST_WORDS, width], 0.0, 1.0);
	add("embeddings.position_embeddings.weight", &[TEST_POSITIONS, width], 0.0, 0.5);
	add("embeddings.token_type_embeddings.weight", &[2, width], 0.1, 0.2);
	add("pooler.dense.weight", &[width, width], 0.0, 1.0);
	add("pooler.dense.bias", &[width], 0.0, 1.0);
	let mut norms = vec!["embeddings.LayerNorm".to_string()];
	for layer in 0..TEST_LAYERS {
		let name = |part: &str| format!("encoder.layer.{layer}.{part}");
		for (part, columns, depth) in [
			("attention.self.query", width, width),
			("attention.self.key", width, width),
			("attention.self.value", width, width),
			("attention.output.dense", width, width),
			("intermediate.dense", hidden, width),
			("output.dense", width, hidden),
		] {
			add(&name(&format!("{part}.weight")), &[columns, depth], 0.0, 0.3);
			add(&name(&format!("{part}.bias")), &[columns], 0.0, 0.2);
		}
		norms.extend([name("attention.output.LayerNorm"), name("output.LayerNorm")]);
	}
	for name in norms {
		add(&format!("{name}.weight"), &[width], 1.0, 0.3);
		add(&format!("{name}.bias"), &[width], 0.0, 0.3);
	}
	file.0.insert("embeddings.position_ids".into(), ("I64", vec![1, 2], vec![0; 16]));
	file
}

fn load(file: &File) -> Result<Bert, EngineError> {
	Bert::load(&file.bytes(), SMALL_TOKENIZER.as_bytes(), None)
}

fn hash(values: &[f32]) -> String {
	let mut hasher = Sha256::new();
	values.iter().for_each(|value| hasher.update(value.to_bits().to_le_bytes()));
	hasher.finalize().iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn tokens(length: usize) -> Vec<u32> {
	(0..length).map(|at| ((at * at * 7 + at * 3 + length) % TEST_WORDS) as u32).collect()
}

#[test]
fn embeddings_should_not_depend_on_tier_threads_or_the_batch() {
	let model = load(&made_up()).unwrap();
	let sequences: Vec<Vec<u32>> = [1, 2, 15, 16, 17, 33, 64, 65, 80, 3, 7].map(tokens).into();
	let sequences: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
	let pools: Vec<Pool> = (1..=4).map(|threads| Pool::new(threads).unwrap()).collect();
	let scalar = Kernels::new(Tier::Scalar).unwrap();
	let alone = |kernels, pool| -> Vec<Vec<u32>> {
		let one = |tokens: &&[u32]| bits(&model.embed_tokens(kernels, pool, &[tokens]).unwrap()[0]);
		sequences.iter().map(one).collect()
	};
	let expected = alone(scalar, &pools[0]);
	for kernels in tiers() {
		for pool in &pools {
			assert!(alone(kernels, pool) == expected, "{:?}, {} threads", kernels.tier(), pool.threads());
			let together = model.embed_tokens(kernels, pool, &sequences).unwrap();
			let together: Vec<_> = together.iter().map(|values| bits(values)).collect();
			assert!(together == expected, "together on {:?}, {} threads", kernels.tier(), pool.threads());
		}
	}
	let all: Vec<f32> = expected.into_iter().flatten().map(f32::from_bits).collect();
	assert_eq!(hash(&all), "e1fbd6abe8c607db");
}

/// The forward pass in f64, written down plainly, with heads of this size.
fn plain(file: &File, tokens: &[u32], size: usize, pooling: Pooling) -> Vec<f64> {
	let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
	let add = |x: &mut [f64], y: &[f64]| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
	let linear = |x: &[f64], name: &str| -> Vec<f64> {
		let mut out = file.values(&format!("{name}.bias"));
		let weights = file.values(&format!("{name}.weight"));
		out.iter_mut().zip(weights.chunks_exact(x.len())).for_each(|(out, w)| *out += dot(x, w));
		out
	};
	let norm = |x: &[f64], name: &str| -> Vec<f64> {
		let mean = x.iter().sum::<f64>() / x.len() as f64;
		let centred: Vec<f64> = x.iter().map(|x| x - mean).collect();
		let scale = 1.0 / (dot(&centred, &centred) / x.len() as f64 + 1e-12).sqrt();
		let weights = file.values(&format!("{name}.weight")).into_iter().zip(file.values(&format!("{name}.bias")));
		centred.iter().zip(weights).map(|(x, (weight, bias))| x * scale * weight + bias).collect()
	};
	let row = |name: &str, index: usize| {
		file.values(&format!("embeddings.{name}_embeddings.weight"))[index * TEST_WIDTH..][..TEST_WIDTH].to_vec()
	};
	let mut rows: Vec<Vec<f64>> = Vec::new();
	for (position, token) in tokens.iter().enumerate() {
		let mut x = row("word", *token as usize);
		add(&mut x, &row("position", position));
		add(&mut x, &row("token_type", 0));
		rows.push(norm(&x, "embeddings.LayerNorm"));
	}
	for layer in 0..TEST_LAYERS {
		let name = |part: &str| format!("encoder.layer.{layer}.{part}");
		let project = |part: &str| -> Vec<Vec<f64>> {
			rows.iter().map(|x| linear(x, &name(&format!("attention.self.{part}")))).collect()
		};
		let (queries, keys, values) = (project("query"), project("key"), project("value"));
		for (x, query) in rows.iter_mut().zip(&queries) {
			let mut mixed = vec![0.0; TEST_WIDTH];
			for head in (0..TEST_WIDTH).step_by(size) {
				let of = |values: &[f64]| values[head..][..size].to_vec();
				let score = |key: &Vec<f64>| (dot(&of(query), &of(key)) / (size as f64).sqrt()).exp();
				let terms: Vec<f64> = keys.iter().map(score).collect();
				let total = terms.iter().sum::<f64>();
				for (term, value) in terms.iter().zip(&values) {
					let weighted: Vec<f64> = of(value).iter().map(|value| value * term / total).collect();
					add(&mut mixed[head..][..size], &weighted);
				}
			}
			add(x, &linear(&mixed, &name("attention.output.dense")));
			*x = norm(x, &name("attention.output.LayerNorm"));
			let mut hidden = linear(x, &name("intermediate.dense"));
			hidden.iter_mut().for_each(|x| *x *= 0.5 * (1.0 + libm::erf(*x / 2.0_f64.sqrt())));
			add(x, &linear(&hidden, &name("output.dense")));
			*x = norm(x, &name("output.LayerNorm"));
		}
	}
	if pooling == Pooling::First {
		rows.truncate(1);
	}
	let mut mean = vec![0.0; TEST_WIDTH];
	rows.iter().for_each(|row| add(&mut mean, row));
	let length = dot(&mean, &mean).sqrt();
	mean.iter().map(|value| value / length).collect()
}

#[test]
fn the_model_should_compute_what_a_plain_forward_pass_does() {
	let file = made_up();
	let model = load(&file).unwrap();
	assert_eq!([model.width(), model.context(), model.vocabulary()], [TEST_WIDTH, TEST_POSITIONS, TEST_WORDS]);
	let pool = Pool::new(2).unwrap();
	for length in [1, 5, 70] {
		let actual = model.embed_tokens(Kernels::best(), &pool, &[&tokens(length)]).unwrap();
		for (actual, expected) in actual[0].iter().zip(plain(&file, &tokens(length), 32, Pooling::Mean)) {
			assert!((f64::from(*actual) - expected).abs() < 1e-6, "{actual}, expected {expected}");
		}
	}
}

#[test]
fn texts_should_be_embedded_and_those_that_do_not_fit_refused() {
	let model = SentenceEmbedder::load(&made_up().bytes(), SMALL_TOKENIZER.as_bytes(), 2).unwrap();
	let hello = model.embed("Hello x").unwrap();
	assert_eq!(model.tokens("Hello x"), Ok(vec![1, 3, 4, 29, 2]));
	assert_eq!(model.embed_tokens(&[&[1, 3, 4, 29, 2]]), Ok(vec![hello.clone()]));
	assert!((hello.iter().map(|value| f64::from(value * value)).sum::<f64>() - 1.0).abs() < 1e-6);
	assert_eq!((model.threads(), model.dimensions(), model.context_length()), (2, TEST_WIDTH, TEST_POSITIONS));

	model.embed(&"x ".repeat(78)).unwrap();
	let too_long = ModelStop::Refused(Refusal::ContextExceeded { limit: 80 });
	assert_eq!(model.embed(&"x ".repeat(79)), Err(too_long.clone()));
	assert_eq!(model.embed(&"x ".repeat(100_000)), Err(too_long.clone()));
	assert_eq!(model.embed_tokens(&[&[1, 2], &[3; 81]]), Err(too_long));
	for result in [model.embed("").map(|_| ()), model.embed_tokens(&[&[1], &[]]).map(|_| ())] {
		assert_eq!(result, Err(ModelStop::Refused(Refusal::EmptyInput)));
	}
	assert!(matches!(model.embed_tokens(&[&[30]]), Err(ModelStop::Failed(EngineError::Internal(_)))));
	assert_eq!(model.embed_tokens(&[]), Ok(vec![]));
}

#[test]
fn the_trace_should_be_of_the_mean_before_it_is_divided_by_its_length() {
	let model = load(&made_up()).unwrap();
	let request = Request::new([0; 32], "Hello x", Limits { max_input_bytes: 512, max_output_units: 0 });
	let pool = Pool::new(1).unwrap();
	let mut states = model.start(Kernels::best(), &pool, &[&[1, 3, 4, 29, 2]]).unwrap();
	for layer in &model.layers {
		layer.apply(&mut states).unwrap();
	}
	let mut mean = vec![0.0; TEST_WIDTH];
	states.x.chunks_exact(TEST_WIDTH).for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value));
	mean.iter_mut().for_each(|value| *value /= 5.0);
	assert!(mean.iter().map(|value| value * value).sum::<f32>() > 1.1, "it is no unit vector");
	let bytes: Vec<u8> = mean.iter().flat_map(|value| value.to_le_bytes()).collect();
	let expected = blake2b_256(&[&bytes]);
	for kernels in tiers() {
		for threads in 1..=4 {
			let inference = model.run(&request, kernels, threads).unwrap();
			let values = fixed_point(&model.embed(kernels, &pool, "Hello x").unwrap());
			assert_eq!(inference, Inference { outcome: Ok(Response::Embedding { values }), trace: expected });
		}
	}
	let other = Request { input: "Hello".into(), ..request };
	assert_ne!(model.run(&other, Kernels::best(), 1).unwrap().trace, expected);
	assert_eq!(hex(expected), "0e8623500d6a254f208fb0af3099dacc7dd00bf4ef7494998f4d1243061655bd");
}

#[test]
fn an_overflow_anywhere_should_be_the_same_refusal_on_every_tier() {
	const LAYER: &str = "encoder.layer.1";
	let (width, hidden) = (TEST_WIDTH, TEST_HIDDEN);
	let tensors: [(&str, &[usize]); 8] = [
		("embeddings.LayerNorm.bias", &[width]),
		("attention.self.query.bias", &[width]),
		("attention.self.key.weight", &[width, width]),
		("attention.self.value.bias", &[width]),
		("attention.output.LayerNorm.weight", &[width]),
		("intermediate.dense.bias", &[hidden]),
		("output.dense.weight", &[width, hidden]),
		("output.LayerNorm.bias", &[width]),
	];
	let pool = Pool::new(2).unwrap();
	for (part, shape) in tensors {
		let name = if part.starts_with("embeddings") { part.into() } else { format!("{LAYER}.{part}") };
		let model = load(&made_up().with(&name, shape, 3e38)).unwrap();
		for kernels in tiers() {
			let stop = model.embed_tokens(kernels, &pool, &[&tokens(20)]).err();
			assert!(matches!(stop, Some(Stop::Refused(Refusal::NotFinite))), "{name} on {:?}", kernels.tier());
		}
	}
	// A variance of infinity would make zeros of finite values, and a mean of zeros has no direction.
	let rows = [TEST_WORDS, width];
	let mut sizes = made_up();
	sizes.floats("embeddings.word_embeddings.weight", &rows, &[1e30, -1e30].repeat(TEST_WORDS * width / 2));
	let zeros = |file: File, part: &str| file.with(&format!("{LAYER}.output.LayerNorm.{part}"), &[width], 0.0);
	for file in [sizes, zeros(zeros(made_up(), "weight"), "bias")] {
		let stop = load(&file).unwrap().embed_tokens(Kernels::best(), &pool, &[&tokens(20)]).err();
		assert!(matches!(stop, Some(Stop::Refused(Refusal::NotFinite))));
	}
}

fn reason(file: &File) -> String {
	match load(file).err() {
		Some(EngineError::InvalidModel(reason)) => reason,
		other => panic!("{other:?}"),
	}
}

#[test]
fn files_that_differ_from_the_architecture_should_not_load() {
	let file = made_up();
	for name in file.0.keys().filter(|name| !loader::UNUSED.contains(&name.as_str())) {
		let mut without = file.clone();
		without.0.remove(name);
		assert!(reason(&without).contains("missing"), "{name}");
		for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
			let mut broken = file.clone();
			broken.0.get_mut(name).unwrap().2[4..8].copy_from_slice(&value.to_le_bytes());
			assert!(reason(&broken).contains("not finite"), "{name}");
		}
		let (_, shape, bytes) = &file.0[name];
		let mut longer = file.clone();
		let mut other_shape = shape.clone();
		*other_shape.last_mut().unwrap() += 1;
		let row = bytes.len() / shape.last().unwrap();
		longer.0.insert(name.clone(), ("F32", other_shape, [bytes.as_slice(), &vec![0; row]].concat()));
		reason(&longer);
		let mut flat = file.clone();
		flat.0.insert(name.clone(), ("F32", vec![1, bytes.len() / 4, 1], bytes.clone()));
		assert!(reason(&flat).contains("shape"), "{name}");
		let mut integers = file.clone();
		integers.0.insert(name.clone(), ("I8", vec![bytes.len() / 4, 4], bytes.clone()));
		reason(&integers);
	}
	assert!(reason(&file.clone().with("encoder.layer.3.output.dense.bias", &[64], 0.0)).contains("no place"));
	assert!(reason(&file.clone().with("classifier.weight", &[2, 64], 0.0)).contains("no place"));
	assert!(reason(&file.clone().with("embeddings.word_embeddings.weight", &[30, 48], 0.0)).contains("multiples"));
	assert!(reason(&file.clone().with("embeddings.word_embeddings.weight", &[29, 64], 0.0)).contains("tokenizer"));
	assert!(reason(&File::default()).contains("missing"));
	let bytes = file.bytes();
	for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
		assert!(matches!(
			Bert::load(&bytes[..length], SMALL_TOKENIZER.as_bytes(), None),
			Err(EngineError::InvalidModel(_))
		));
	}
	assert!(matches!(Bert::load(&bytes, b"{}", None), Err(EngineError::InvalidModel(_))));
}

#[test]
fn fixed_point_should_round_to_even_and_stay_in_range() {
	let half = |n: f32| (n + 0.5) / 32_767.0;
	assert_eq!(fixed_point(&[0.0, -0.0, 1.0, -1.0, 1.000_000_1, -2.0]), [0, 0, 32_767, -32_767, 32_767, -32_767]);
	for (value, expected) in [(half(0.0), 0), (half(1.0), 2), (half(2.0), 2), (-half(1.0), -2), (0.7 / 32_767.0, 1)] {
		assert_eq!(fixed_point(&[value]), [expected], "{}", value * 32_767.0);
	}
	for integer in i16::MIN + 1..=i16::MAX {
		assert_eq!(fixed_point(&[f32::from(integer) / 32_767.0]), [integer]);
	}
}

fn minilms_tokenizer() -> Option<PathBuf> {
	installed("MiniLM's tokenizer", MINILM.tokenizer.unwrap().sha256)
}

fn minilm() -> Option<Bert> {
	let (weights, tokenizer) = (installed("MiniLM", MINILM.weights.sha256)?, minilms_tokenizer()?);
	Some(Bert::load(&std::fs::read(weights).unwrap(), &std::fs::read(tokenizer).unwrap(), None).unwrap())
}

fn reference() -> impl Iterator<Item = (String, Vec<u32>, Vec<f64>)> {
	REFERENCE.lines().map(|line| {
		let [text, tokens, values] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
		let tokens = tokens.split(' ').map(|token| token.parse().unwrap()).collect();
		(serde_json::from_str(text).unwrap(), tokens, values.split(' ').map(|value| value.parse().unwrap()).collect())
	})
}

#[test]
fn minilm_should_embed_as_the_reference_does() {
	let Some(model) = minilm() else { return };
	assert_eq!([model.width(), model.layers.len(), model.vocabulary(), model.context()], [384, 6, 30_522, 256]);
	let pool = Pool::new(2).unwrap();
	let mut embeddings = Vec::new();
	for (text, tokens, expected) in reference() {
		assert_eq!(model.tokens(&text).unwrap(), tokens, "{text}");
		let actual = model.embed(Kernels::best(), &pool, &text).unwrap();
		let product = actual.iter().zip(&expected).map(|(a, b)| f64::from(*a) * b).sum::<f64>();
		assert!((product - 1.0).abs() < 1e-6, "{text}: cosine {product}");
		for (actual, expected) in actual.iter().zip(&expected) {
			assert!((f64::from(*actual) - expected).abs() < 2e-6, "{text}: {actual}, expected {expected}");
		}
		embeddings.push(actual);
	}
	let like = |a: usize, b: usize| embeddings[a].iter().zip(&embeddings[b]).map(|(a, b)| a * b).sum::<f32>();
	assert!(like(0, 1) > like(0, 2) + 0.3 && like(2, 3) > like(1, 3) + 0.3);
}

#[test]
fn minilm_should_refuse_more_than_256_tokens() {
	let Some(model) = minilm() else { return };
	let pool = Pool::new(2).unwrap();
	let embed = |words: usize| model.embed(Kernels::best(), &pool, &"word ".repeat(words));
	assert!(embed(254).is_ok());
	assert!(matches!(embed(255), Err(Stop::Refused(Refusal::ContextExceeded { limit: 256 }))));
}

#[test]
fn texts_of_254_bytes_should_always_fit_and_255_chinese_characters_not() {
	let Some(model) = minilm() else { return };
	// The last three are three characters each, or more, to the tokenizer.
	for kind in ["a", "a ", ",", "a,", "Zürich, 7 ", "漢", "🦀", "각", "\u{ccb}", "\u{1d160}"] {
		let text = kind.repeat(254 / kind.len());
		let tokens = model.tokens(&text).unwrap().len();
		assert!(tokens <= model.context(), "{kind:?}: {tokens}, docs/faq.md");
	}
	let embed = |text: &str| model.embed(Kernels::best(), &Pool::new(2).unwrap(), text);
	assert!(embed(&",".repeat(254)).is_ok());
	assert!(matches!(embed(&"漢".repeat(255)), Err(Stop::Refused(Refusal::ContextExceeded { limit: 256 }))));
}

#[test]
fn texts_of_words_that_are_not_known_should_have_one_vector() {
	let Some(model) = minilm() else { return };
	let embed = |text: &str| bits(&model.embed(Kernels::best(), &Pool::new(2).unwrap(), text).unwrap());
	assert_eq!(embed("🦀"), embed("🚀🚀"), "docs/faq.md");
	assert_eq!(embed(&"a".repeat(101)), embed(&"b".repeat(101)), "docs/faq.md");
	assert_ne!(embed("🦀"), embed("crab"));
}

/// A line per sequence and step: their numbers and the hash of the sequence's rows. The last step is the embedding.
fn traced(model: &Bert, kernels: Kernels, pool: &Pool, sequences: &[Vec<u32>], first: usize) -> Vec<String> {
	let slices: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
	let mut lines = vec![String::new(); sequences.len()];
	let mut states = model.start(kernels, pool, &slices).unwrap();
	for step in 0..=model.layers.len() {
		if step > 0 {
			model.layers[step - 1].apply(&mut states).unwrap();
		}
		let mut rows = states.x.as_slice();
		for (at, (lines, tokens)) in lines.iter_mut().zip(sequences).enumerate() {
			let (own, others) = rows.split_at(tokens.len() * model.width());
			writeln!(lines, "{} {step} {}", first + at, hash(own)).unwrap();
			rows = others;
		}
	}
	let means = states.pooled();
	for (at, (lines, mean)) in lines.iter_mut().zip(means).enumerate() {
		writeln!(lines, "{} embedding {}", first + at, hash(&unit(kernels, mean).unwrap())).unwrap();
	}
	lines
}

#[test]
fn minilm_should_have_the_golden_hashes_at_every_step() {
	let Some(model) = minilm() else { return };
	let goldens = include_str!("../../../tests/data/minilm_steps.txt");
	let sequences: Vec<Vec<u32>> = reference().map(|(_, tokens, _)| tokens).collect();
	for kernels in tiers() {
		for threads in 1..=4 {
			let pool = Pool::new(threads).unwrap();
			let check = |lines: Vec<String>, how: &str| {
				assert!(lines.concat() == goldens, "{how} on {:?} with {threads} threads", kernels.tier());
			};
			// The reference takes seconds for a pass.
			if kernels.tier() != Tier::Scalar || threads == 2 {
				check(traced(&model, kernels, &pool, &sequences, 0), "together");
			}
			if kernels.tier() != Tier::Scalar {
				let alone = sequences.iter().enumerate();
				let alone =
					alone.flat_map(|(at, tokens)| traced(&model, kernels, &pool, std::slice::from_ref(tokens), at));
				check(alone.collect(), "alone");
			}
		}
	}
}

#[test]
#[ignore = "writes the goldens, after a deliberate change of the semantics"]
fn write_goldens() {
	let sequences: Vec<Vec<u32>> = reference().map(|(_, tokens, _)| tokens).collect();
	let (scalar, pool) = (Kernels::new(Tier::Scalar).unwrap(), Pool::new(2).unwrap());
	let lines = traced(&minilm().unwrap(), scalar, &pool, &sequences, 0);
	std::fs::write("tests/data/minilm_steps.txt", lines.concat()).unwrap();
}

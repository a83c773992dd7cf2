use super::*;
use crate::gguf::GgufDtype;
use crate::kernels::Tier;
use crate::sampling::greedy;
use crate::tests::{bits, installed, tiers, Gguf, Item};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

mod candle;
mod goldens;
mod llama_cpp;
mod loading;
mod random_model;
mod smollm2;
mod support;
mod wanted;

use random_model::{Shape, HEAD, LAYERS};

const WIDTH: usize = 64;
const HIDDEN: usize = 96;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const VOCABULARY: usize = 70;

/// A small model of random weights.
pub(in crate::models) fn made_up(family: &'static str, dtype: GgufDtype) -> Vec<u8> {
	shape(family, dtype).file()
}

fn shape(family: &'static str, dtype: GgufDtype) -> Shape {
	Shape {
		family,
		dtype,
		width: WIDTH,
		hidden: HIDDEN,
		heads: HEADS,
		kv_heads: KV_HEADS,
		head: HEAD,
		rotated: HEAD,
		vocabulary: VOCABULARY,
		epsilon: 1e-5,
		rope_base: 10_000.0,
		tied: true,
		biased: false,
		window: 9,
		yarn: false,
	}
}

/// The shape of a model whose rows are whole blocks of any format.
fn wide(family: &'static str, dtype: GgufDtype) -> Shape {
	Shape { width: 256, hidden: 256, heads: 8, ..shape(family, dtype) }
}

pub(in crate::models) fn load(bytes: &[u8]) -> Result<Llama, EngineError> {
	Llama::load(&GgufFile::parse(bytes).unwrap(), &Pool::new(2).unwrap(), &mut |_, _| ())
}

/// The token that made-up models may refuse.
pub(in crate::models) const REFUSED: u32 = VOCABULARY as u32 - 1;

/// Where such a model comes to a value that is not finite: the norm whose first weight is so large.
pub(in crate::models) const OVERFLOWS: [(&str, f32); 4] = [
	// The next product's input.
	("blk.1.ffn_norm.weight", f32::MAX),
	// The scores.
	("blk.0.attn_norm.weight", 1e20),
	// What is multiplied with the output matrix.
	("output_norm.weight", f32::MAX),
	// The logits.
	("output_norm.weight", 4e37),
];

/// A small model in which only [`REFUSED`] has a first component, which no layer changes, and which overflows.
pub(in crate::models) fn refusing((norm, weight): (&str, f32)) -> Vec<u8> {
	let mut bytes = made_up("llama", GgufDtype::F32);
	let mut set = |name: &str, at: usize, value: f32| {
		let file = GgufFile::parse(&bytes).unwrap();
		let start = file.tensor(name).unwrap().data.in_memory().unwrap().as_ptr() as usize - bytes.as_ptr() as usize;
		bytes[start + 4 * at..][..4].copy_from_slice(&value.to_le_bytes());
	};
	for token in 0..VOCABULARY {
		set("token_embd.weight", token * WIDTH, if token as u32 == REFUSED { 4.0 } else { 0.0 });
	}
	for layer in 0..LAYERS {
		(0..HEADS * HEAD).for_each(|at| set(&format!("blk.{layer}.attn_output.weight"), at, 0.0));
		(0..HIDDEN).for_each(|at| set(&format!("blk.{layer}.ffn_down.weight"), at, 0.0));
	}
	set(norm, 0, weight);
	bytes
}

/// The bits of the logits behind the tokens, and of the hidden row that they are of.
fn read_in_parts(model: &Llama, kernels: Kernels, pool: &Pool, tokens: &[u32], part: usize) -> Vec<u32> {
	let mut on = Workspace::new(kernels, pool);
	let mut cache = model.cache();
	let mut logits = Vec::new();
	for part in tokens.chunks(part) {
		logits = model.forward(&mut on, part, &mut cache).unwrap();
	}
	assert_eq!(cache.length(), tokens.len());
	[bits(&logits), bits(on.hidden())].concat()
}

fn sequence<'a>(tokens: &'a [u32], cache: &'a mut KvCache) -> Sequence<'a> {
	Sequence { tokens, cache, wanted: 1 }
}

/// The logits of each sequence, none of which is refused.
fn pass(model: &Llama, on: &mut Workspace<'_>, sequences: &mut [Sequence<'_>]) -> Vec<Vec<f32>> {
	let passed = model.pass(on, sequences).unwrap();
	passed.into_iter().map(|passed| on.rows().logits(passed.unwrap().unwrap()).to_vec()).collect()
}

/// Logits of the model and their hidden rows must not depend on how they were computed.
fn check(model: &Llama, tokens: &[u32], all_tiers: bool) {
	let pools: Vec<Pool> = (1..=4).map(|threads| Pool::new(threads).unwrap()).collect();
	let first = if all_tiers { Kernels::new(Tier::Scalar).unwrap() } else { Kernels::best() };
	let expected = read_in_parts(model, first, &pools[0], tokens, tokens.len());
	for kernels in tiers().into_iter().filter(|kernels| all_tiers || kernels.tier() == Tier::best()) {
		for pool in &pools {
			for part in [tokens.len(), 1, 7, 64] {
				let actual = read_in_parts(model, kernels, pool, tokens, part);
				assert!(actual == expected, "{:?}, {} threads, parts of {part}", kernels.tier(), pool.threads());
			}
			// Beside two other sequences, one token each at the end.
			let mut on = Workspace::new(kernels, pool);
			let mut caches = [model.cache(), model.cache(), model.cache()];
			let others: [&[u32]; 3] = [&tokens[..5], tokens, &tokens[3..12]];
			let [a, b, c] = &mut caches;
			let last = tokens.len() - 1;
			let mut heads =
				[sequence(&others[0][..4], a), sequence(&others[1][..last], b), sequence(&others[2][..8], c)];
			pass(model, &mut on, &mut heads);
			let [a, b, c] = &mut caches;
			let mut ends =
				[sequence(&others[0][4..], a), sequence(&others[1][last..], b), sequence(&others[2][8..], c)];
			let together = pass(model, &mut on, &mut ends);
			let hidden: Vec<&[f32]> = on.hidden().chunks_exact(model.config.width).collect();
			assert_eq!(hidden.len(), 3);
			let of = |at: usize| [bits(&together[at]), bits(hidden[at])].concat();
			assert!(of(1) == expected, "{:?} beside others", kernels.tier());
			assert_eq!(of(0), read_in_parts(model, kernels, pool, others[0], 2));
		}
	}
}

#[test]
fn loading_should_tell_of_more_and_more_bytes_up_to_all() {
	for family in Family::ALL.map(Family::name) {
		let bytes = made_up(family, GgufDtype::Q4_1);
		let file = GgufFile::parse(&bytes).unwrap();
		let mut told = Vec::new();
		Llama::load(&file, &Pool::new(2).unwrap(), &mut |begun, total| told.push((begun, total))).unwrap();
		assert!(told.is_sorted() && told.len() > 10);
		assert_eq!(told.last(), Some(&(file.tensor_bytes(), file.tensor_bytes())));
	}
}

#[test]
fn logits_and_hidden_rows_should_not_depend_on_tier_threads_parts_or_other_sequences() {
	let tokens: Vec<u32> = (0..75).map(|at| (at * 31 + 7) % VOCABULARY as u32).collect();
	let formats = [
		GgufDtype::Q4_0,
		GgufDtype::Q4_1,
		GgufDtype::Q5_0,
		GgufDtype::Q5_1,
		GgufDtype::Q8_0,
		GgufDtype::F32,
		GgufDtype::F16,
		GgufDtype::Bf16,
	];
	for dtype in formats {
		check(&load(&made_up("llama", dtype)).unwrap(), &tokens[..40], true);
	}
	for dtype in [GgufDtype::Q2K, GgufDtype::Q3K, GgufDtype::Q5K, GgufDtype::Iq4Nl, GgufDtype::Iq4Xs, GgufDtype::Mxfp4]
	{
		check(&load(&wide("llama", dtype).file()).unwrap(), &tokens[..20], true);
	}
	for family in Family::ALL.into_iter().skip(1) {
		check(&load(&made_up(family.name(), GgufDtype::Q4_1)).unwrap(), &tokens, true);
	}
}

/// An answer of several hundred tokens, which no golden has, is read so.
#[test]
fn hundreds_of_tokens_should_be_read_one_by_one_as_at_once() {
	let pool = Pool::new(2).unwrap();
	let tokens: Vec<u32> = (0..600).map(|at| (at * 31 + 7) % VOCABULARY as u32).collect();
	for (family, dtype) in [("llama", GgufDtype::Q4_1), ("gemma3", GgufDtype::F32)] {
		// Later queries do not see the first block of positions.
		let model = load(&Shape { window: 150, ..shape(family, dtype) }.file_for(600)).unwrap();
		let at_once = read_in_parts(&model, Kernels::best(), &pool, &tokens, 600);
		assert!(read_in_parts(&model, Kernels::best(), &pool, &tokens, 1) == at_once, "{family}");
	}
}

#[test]
fn a_cache_should_be_cut_back_and_reused() {
	let model = load(&made_up("llama", GgufDtype::Q5_1)).unwrap();
	let pool = Pool::new(2).unwrap();
	let mut on = Workspace::new(Kernels::best(), &pool);
	let mut cache = model.cache();
	model.forward(&mut on, &[1, 2, 3, 4, 5, 6, 7, 8, 9], &mut cache).unwrap();
	cache.set_length(4);
	let again = model.forward(&mut on, &[50, 60], &mut cache).unwrap();
	let again = [bits(&again), bits(on.hidden())].concat();
	assert_eq!(again, read_in_parts(&model, Kernels::best(), &pool, &[1, 2, 3, 4, 50, 60], 6));
}

#[test]
fn what_a_model_cannot_read_should_be_an_error() {
	let model = load(&made_up("llama", GgufDtype::Q8_0)).unwrap();
	let pool = Pool::new(1).unwrap();
	let mut on = Workspace::new(Kernels::best(), &pool);
	for tokens in [vec![], vec![VOCABULARY as u32], vec![0; 401]] {
		let mut cache = model.cache();
		let result = model.forward(&mut on, &tokens, &mut cache);
		assert!(matches!(result, Err(Stop::Failed(EngineError::Internal(_)))));
		assert_eq!(cache.length(), 0);
	}
	assert!(model.forward(&mut on, &[0; 400], &mut model.cache()).is_ok());
}

#[test]
fn values_that_overflow_should_be_a_refusal() {
	let mut model = load(&made_up("llama", GgufDtype::Q4_1)).unwrap();
	model.layers[1].feed_forward_norm.as_mut().unwrap().fill(f32::MAX);
	let pool = Pool::new(2).unwrap();
	for kernels in tiers() {
		for tokens in [&[1][..], &[1, 2, 3, 4, 5]] {
			let result = model.forward(&mut Workspace::new(kernels, &pool), tokens, &mut model.cache());
			assert!(matches!(result, Err(Stop::Refused(Refusal::NotFinite))), "{:?}", kernels.tier());
		}
	}
}

/// A file with one of a tensor's 32-bit floats changed.
fn with_float(mut bytes: Vec<u8>, tensor: &str, index: usize, value: f32) -> Vec<u8> {
	let file = GgufFile::parse(&bytes).unwrap();
	let data = file.tensor(tensor).unwrap().data.in_memory().unwrap().as_ptr();
	let at = data as usize - bytes.as_ptr() as usize + 4 * index;
	bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
	bytes
}

#[test]
fn what_is_too_large_for_a_norm_or_a_half_should_be_a_refusal_of_who_reads_it() {
	let floats = made_up("llama", GgufDtype::F32);
	let biased = made_up("qwen2", GgufDtype::Q4_1);
	let files = [
		// The square is infinite, which would make zeros of the row.
		(with_float(floats, "token_embd.weight", 3 * WIDTH + 1, 3e19), [1, 3, 2]),
		(with_float(biased.clone(), "blk.1.attn_k.bias", 0, 1e5), [1, 2, 3]),
		(with_float(biased, "blk.1.attn_v.bias", 0, 1e5), [1, 2, 3]),
	];
	let pool = Pool::new(2).unwrap();
	for (at, (file, tokens)) in files.into_iter().enumerate() {
		let model = load(&file).unwrap();
		for kernels in tiers() {
			let mut on = Workspace::new(kernels, &pool);
			let result = model.forward(&mut on, &tokens, &mut model.cache());
			assert!(matches!(result, Err(Stop::Refused(Refusal::NotFinite))), "{at} on {:?}", kernels.tier());
			if at == 0 {
				assert!(model.forward(&mut on, &[1, 2], &mut model.cache()).is_ok());
			}
		}
	}
}

#[test]
fn a_refusal_should_be_of_its_sequence_alone_and_leave_its_cache_as_before() {
	let tokens: Vec<u32> = (0..30).map(|at| (at * 31 + 7) % REFUSED).collect();
	for overflow in OVERFLOWS {
		let model = load(&refusing(overflow)).unwrap();
		for (kernels, threads) in tiers().into_iter().flat_map(|kernels| [(kernels, 1), (kernels, 3)]) {
			let pool = Pool::new(threads).unwrap();
			let mut on = Workspace::new(kernels, &pool);
			let mut caches = [(); 4].map(|()| model.cache());
			model.forward(&mut on, &tokens[..5], &mut caches[1]).unwrap();
			let bad: [&[u32]; 2] = [&[1, 2, REFUSED], &[REFUSED]];
			let [a, b, c, d] = &mut caches;
			let mut sequences =
				[sequence(&tokens[..20], a), sequence(bad[0], b), sequence(&tokens[3..], c), sequence(bad[1], d)];
			let passed = model.pass(&mut on, &mut sequences).unwrap();
			assert_eq!(passed, [Ok(Some(0)), Err(Refusal::NotFinite), passed[2], Err(Refusal::NotFinite)]);
			let made = on.rows();
			for (row, expected) in [(passed[0], &tokens[..20]), (passed[2], &tokens[3..])] {
				let row = row.unwrap().unwrap();
				let actual = [bits(made.logits(row)), bits(made.hidden(row))].concat();
				let expected = read_in_parts(&model, kernels, &pool, expected, 30);
				assert!(actual == expected, "{overflow:?} on {:?}", kernels.tier());
			}
			assert_eq!(caches.each_ref().map(KvCache::length), [20, 5, 27, 0]);
			let logits = model.forward(&mut on, &tokens[5..9], &mut caches[1]).unwrap();
			let actual = [bits(&logits), bits(on.hidden())].concat();
			assert_eq!(actual, read_in_parts(&model, kernels, &pool, &tokens[..9], 9));
		}
	}
}

#[test]
fn only_those_that_want_logits_should_get_them() {
	let model = load(&made_up("qwen2", GgufDtype::Q4_0)).unwrap();
	let pool = Pool::new(2).unwrap();
	let mut on = Workspace::new(Kernels::best(), &pool);
	let (mut a, mut b) = (model.cache(), model.cache());
	let tokens = [1, 2, 3, 4];
	let part = Sequence { wanted: 0, ..sequence(&tokens[..2], &mut a) };
	let passed = model.pass(&mut on, &mut [part, sequence(&tokens, &mut b)]).unwrap();
	assert_eq!(passed, [Ok(None), Ok(Some(0))]);
	assert_eq!([a.length(), b.length()], [2, 4]);
	let expected = read_in_parts(&model, Kernels::best(), &pool, &tokens, 4);
	assert_eq!([bits(on.rows().logits(0)), bits(on.rows().hidden(0))].concat(), expected);
	assert_eq!(model.pass(&mut on, &mut []), Ok(Vec::new()));
}

#[test]
fn a_cache_that_begins_as_another_should_go_on_as_it_does() {
	let tokens: Vec<u32> = (0..300).map(|at| (at * 31 + 7) % VOCABULARY as u32).collect();
	let model = load(&made_up("llama", GgufDtype::Q8_0)).unwrap();
	let pool = Pool::new(2).unwrap();
	let mut on = Workspace::new(Kernels::best(), &pool);
	let mut first = model.cache();
	model.forward(&mut on, &tokens[..290], &mut first).unwrap();
	for length in [1, 15, 16, 100, 256, 290] {
		let mut cache = model.cache();
		cache.begin_as(&first, length).unwrap();
		assert_eq!(cache.length(), length);
		let logits = model.forward(&mut on, &tokens[length..], &mut cache).unwrap();
		let actual = [bits(&logits), bits(on.hidden())].concat();
		assert!(actual == read_in_parts(&model, Kernels::best(), &pool, &tokens, 300), "after {length}");
	}
	let mut cache = model.cache();
	cache.begin_as(&first, 400).unwrap();
	assert_eq!(cache.length(), 290, "no more than there is");
}

#[test]
fn a_cache_should_take_as_many_bytes_as_it_says() {
	let model = load(&made_up("llama", GgufDtype::Q8_0)).unwrap();
	let halves = 2 * LAYERS * KV_HEADS * HEAD;
	assert_eq!(model.cache_bytes(1), CACHE_STEP * halves * size_of::<u16>());
	assert_eq!(model.cache_bytes(CACHE_STEP), model.cache_bytes(1), "room is made in steps");
	assert_eq!(model.cache_bytes(CACHE_STEP + 1), 400 * halves * size_of::<u16>(), "up to the model's context");
	assert_eq!(model.cache_bytes(usize::MAX), model.cache_bytes(400));
}

#[test]
fn memory_that_the_system_does_not_give_should_be_an_error() {
	let mut cache = KvCache::new(1, 1, 32);
	assert!(cache.reserve(usize::MAX / 64).is_err());
	assert_eq!(cache.length(), 0);
	assert!(cache.reserve(1).is_ok());
}

#[test]
fn files_that_do_not_fit_should_be_refused() {
	let invalid = |bytes: &[u8]| matches!(load(bytes), Err(EngineError::InvalidModel(_)));
	assert!(invalid(&Gguf::new().bytes()));
	assert!(invalid(&made_up("gpt2", GgufDtype::Q8_0)));
	let with = |name: &str, item: Item<'_>| {
		Gguf::new().value("general.architecture", Item::String("llama")).value(name, item).bytes()
	};
	assert!(invalid(&with("llama.embedding_length", Item::U32(0))));
	assert!(invalid(&with("llama.embedding_length", Item::U32(u32::MAX))));
	let bytes = made_up("llama", GgufDtype::F32);
	assert!(invalid(&with_float(bytes, "output_norm.weight", 0, f32::NAN)));
}

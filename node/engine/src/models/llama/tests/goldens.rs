//! Hashes of made-up models' answers: every family and format, without a download.

use super::random_model::Shape;
use super::*;

const GOLDENS: &str = include_str!("../../../../tests/data/made_up_models.txt");

const FAMILIES: [&str; 9] = ["llama", "qwen2", "phi3", "qwen3", "smollm3", "granite", "olmo2", "gemma2", "gemma3"];
const FORMATS: [GgufDtype; 16] = [
	GgufDtype::F32,
	GgufDtype::F16,
	GgufDtype::Bf16,
	GgufDtype::Q4_0,
	GgufDtype::Q4_1,
	GgufDtype::Q5_0,
	GgufDtype::Q5_1,
	GgufDtype::Q8_0,
	GgufDtype::Q4K,
	GgufDtype::Q6K,
	GgufDtype::Q2K,
	GgufDtype::Q3K,
	GgufDtype::Q5K,
	GgufDtype::Iq4Nl,
	GgufDtype::Iq4Xs,
	GgufDtype::Mxfp4,
];

/// More than two steps of the cache.
const POSITIONS: usize = 640;
/// Three parts of a pass, the last one short, and more than one step of the cache.
const PROMPT: usize = 300;
const ANSWER: usize = 24;
/// How much of the answer another prompt continues.
const CONTINUED: usize = 11;

fn made_up(family: &'static str, dtype: GgufDtype) -> Llama {
	// Those of 256 weights to a block, whose matrices also have more terms than a block of a chain.
	let large = dtype.block_weights() == 256;
	let shape = Shape {
		family,
		dtype,
		width: if large { 256 } else { 64 },
		// More terms than a block of a chain.
		hidden: if large { 512 } else { 288 },
		heads: if large { 8 } else { 4 },
		kv_heads: 2,
		head: HEAD,
		rotated: HEAD,
		vocabulary: VOCABULARY,
		epsilon: 1e-5,
		rope_base: 10_000.0,
		// Later queries do not see the first block of positions.
		window: 150,
		yarn: false,
		tied: family != "phi3",
		biased: false,
	};
	load(&shape.file_for(700)).unwrap()
}

/// The hash of the rows and logits of a conversation: a prompt, an answer token by token, and another prompt, which goes
/// on from within the answer.
fn conversation(model: &Llama, kernels: Kernels, pool: &Pool) -> String {
	let mut hasher = Sha256::new();
	let (mut on, mut cache) = (Workspace::new(kernels, pool), model.cache());
	let mut take = |on: &Workspace<'_>, logits: &[f32]| {
		on.hidden().iter().chain(logits).for_each(|value| hasher.update(value.to_bits().to_le_bytes()));
	};
	let prompt: Vec<u32> = (0..PROMPT).map(|at| ((at * at + at * 31 + 7) % VOCABULARY) as u32).collect();
	let mut logits = model.forward(&mut on, &prompt, &mut cache).unwrap();
	for _ in 0..ANSWER {
		take(&on, &logits);
		logits = model.forward(&mut on, &[greedy(&logits).unwrap()], &mut cache).unwrap();
	}
	cache.set_length(PROMPT + CONTINUED);
	let more: Vec<u32> = (cache.length()..POSITIONS).map(|at| ((at * 17 + 3) % VOCABULARY) as u32).collect();
	logits = model.forward(&mut on, &more, &mut cache).unwrap();
	take(&on, &logits);
	assert_eq!(cache.length(), POSITIONS);
	hasher.finalize().iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A line per model: its family, its format and the hash.
fn line(family: &'static str, dtype: GgufDtype, kernels: Kernels, pool: &Pool) -> String {
	format!("{family} {dtype:?} {}", conversation(&made_up(family, dtype), kernels, pool))
}

fn models() -> impl Iterator<Item = (&'static str, GgufDtype)> {
	FAMILIES.into_iter().flat_map(|family| FORMATS.map(|dtype| (family, dtype)))
}

#[test]
fn made_up_models_of_every_family_and_format_should_have_the_committed_bits() {
	let pools = [1, 2].map(|threads| Pool::new(threads).unwrap());
	for kernels in tiers() {
		let is_reference = kernels.tier() == Tier::Scalar;
		for (at, (family, dtype)) in models().enumerate() {
			// The reference takes most of a second for each: every format of one family, and some of the others.
			if is_reference && family != "llama" && at % 13 != 0 {
				continue;
			}
			let pools = if is_reference { &pools[at % 2..][..1] } else { &pools[..] };
			for pool in pools {
				let actual = line(family, dtype, kernels, pool);
				let threads = pool.threads();
				assert!(GOLDENS.lines().any(|golden| golden == actual), "{actual}: {:?}, {threads}", kernels.tier());
			}
		}
	}
	assert_eq!(GOLDENS.lines().count(), models().count());
}

#[test]
#[ignore = "writes the goldens, after a deliberate change of the semantics"]
fn write_made_up_goldens() {
	let pool = Pool::new(2).unwrap();
	let lines = models().map(|(family, dtype)| line(family, dtype, Kernels::best(), &pool) + "\n");
	let path = "tests/data/made_up_models.txt";
	std::fs::write(path, lines.collect::<String>()).unwrap();
}

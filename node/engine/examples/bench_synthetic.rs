//! Speed at the shapes of larger models, with random weights: `bench_synthetic [TIER] [RUNS] [NAME]`
//!
//! NAME is a shape's; without it all are measured. The last line is RESULT {…}. A shape takes twice its file's size in memory
//! while it is loaded. `bench_synthetic write NAME FILE.gguf` writes the file of a shape instead, for other programs to read.

use sibyl_engine::gguf::GgufDtype;
use sibyl_engine::{LanguageModel, Tier};
use std::error::Error;
use std::time::Instant;

const PROMPT: usize = 64;
const DECODE: usize = 16;
const ALIGNMENT: usize = 32;
const CONTEXT: u32 = 4096;

/// A model's shape, by the names of GGUF.
struct Shape {
	name: &'static str,
	dtype: GgufDtype,
	architecture: &'static str,
	layers: usize,
	width: usize,
	hidden: usize,
	heads: usize,
	kv_heads: usize,
	vocabulary: usize,
	rope_base: f32,
	/// Whether the embedding is the output matrix too.
	tied: bool,
}

/// 168 million weights, as floats.
const SMALL: Shape = Shape {
	name: "small_f32",
	dtype: GgufDtype::F32,
	architecture: "llama",
	layers: 12,
	width: 1024,
	hidden: 2816,
	heads: 16,
	kv_heads: 4,
	vocabulary: 32_064,
	rope_base: 10_000.0,
	tied: true,
};

/// Llama 3.2 1B.
const LLAMA_1B: Shape = Shape {
	name: "llama_1b",
	dtype: GgufDtype::Q4_0,
	architecture: "llama",
	layers: 16,
	width: 2048,
	hidden: 8192,
	heads: 32,
	kv_heads: 8,
	vocabulary: 128_256,
	rope_base: 500_000.0,
	tied: true,
};

/// Llama 3.2 1B and Phi-3-mini (3.8B), and floats of 32 and 16 bits.
const SHAPES: [Shape; 6] = [
	SMALL,
	Shape { name: "small_f16", dtype: GgufDtype::F16, ..SMALL },
	Shape { name: "small_bf16", dtype: GgufDtype::Bf16, ..SMALL },
	LLAMA_1B,
	Shape { name: "llama_1b_q8_0", dtype: GgufDtype::Q8_0, ..LLAMA_1B },
	Shape {
		name: "phi3_mini",
		dtype: GgufDtype::Q4_0,
		architecture: "phi3",
		layers: 32,
		width: 3072,
		hidden: 8192,
		heads: 32,
		kv_heads: 32,
		vocabulary: 32_064,
		rope_base: 10_000.0,
		tied: false,
	},
];

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let tier = match arguments.next().as_deref() {
		Some("write") => return write(&mut arguments),
		None | Some("best") => Tier::best(),
		Some(name) => Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or("no such tier")?,
	};
	let runs: usize = arguments.next().map_or(Ok(3), |runs| runs.parse())?;
	let mut result = format!("\"tier\":\"{}\"", tier.name());
	let only = arguments.next();
	for shape in SHAPES.into_iter().filter(|shape| only.as_deref().is_none_or(|only| only == shape.name)) {
		let name = shape.name;
		let file = shape.file();
		let start = Instant::now();
		let mut model = LanguageModel::load(&file, 1)?.on_tier(tier)?;
		let load = start.elapsed().as_secs_f64();
		println!("{name} on {}: {:.2} GB, load {load:.2} s", tier.name(), file.len() as f64 / 1e9);
		result += &format!(",\"{name}_bytes\":{},\"{name}_load_seconds\":{load:.2}", file.len());
		drop(file);
		for threads in [1, 2] {
			model = model.with_threads(threads)?;
			let (mut prefill, mut decode) = (Vec::new(), Vec::new());
			for run in 0..runs {
				let token = |at: usize| ((at * 7_919 + run * 97) % shape.vocabulary) as u32;
				let prompt: Vec<u32> = (0..PROMPT).map(token).collect();
				let mut context = model.context();
				let start = Instant::now();
				model.read(&mut context, &prompt)?;
				prefill.push(PROMPT as f64 / start.elapsed().as_secs_f64());
				let start = Instant::now();
				for step in 0..DECODE {
					model.read(&mut context, &[token(PROMPT + step)])?;
				}
				decode.push(DECODE as f64 / start.elapsed().as_secs_f64());
			}
			println!("{name} {threads} threads: prefill {prefill:.2?} tok/s, decode {decode:.2?} tok/s");
			result +=
				&format!(",\"{name}_prefill_{threads}t\":{prefill:.2?},\"{name}_decode_{threads}t\":{decode:.2?}");
		}
	}
	println!("RESULT {{{result}}}");
	Ok(())
}

fn write(arguments: &mut impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
	let (name, path) = arguments.next().zip(arguments.next()).ok_or("usage: bench_synthetic write NAME FILE.gguf")?;
	let shape = SHAPES.into_iter().find(|shape| shape.name == name).ok_or("no such shape")?;
	Ok(std::fs::write(path, shape.file())?)
}

impl Shape {
	fn tensors(&self) -> Vec<(String, Vec<usize>)> {
		let Self { width, hidden, heads, kv_heads, vocabulary, .. } = *self;
		let head = width / heads;
		let mut tensors = vec![("token_embd".into(), vec![width, vocabulary]), ("output_norm".into(), vec![width])];
		if !self.tied {
			tensors.push(("output".into(), vec![width, vocabulary]));
		}
		let products = match self.architecture {
			"phi3" => vec![
				("attn_qkv", [width, width + 2 * kv_heads * head]),
				("attn_output", [width, width]),
				("ffn_up", [width, 2 * hidden]),
				("ffn_down", [hidden, width]),
			],
			_ => vec![
				("attn_q", [width, width]),
				("attn_k", [width, kv_heads * head]),
				("attn_v", [width, kv_heads * head]),
				("attn_output", [width, width]),
				("ffn_gate", [width, hidden]),
				("ffn_up", [width, hidden]),
				("ffn_down", [hidden, width]),
			],
		};
		for layer in 0..self.layers {
			for norm in ["attn_norm", "ffn_norm"] {
				tensors.push((format!("blk.{layer}.{norm}"), vec![width]));
			}
			tensors.extend(products.iter().map(|(name, shape)| (format!("blk.{layer}.{name}"), shape.to_vec())));
		}
		tensors
	}

	fn dtype_of(&self, shape: &[usize]) -> GgufDtype {
		match shape.len() {
			1 => GgufDtype::F32,
			_ => self.dtype,
		}
	}

	fn size(&self, shape: &[usize]) -> usize {
		let dtype = self.dtype_of(shape);
		shape.iter().product::<usize>() / dtype.block_weights() * dtype.block_bytes()
	}

	/// A GGUF file of this shape: norms of ones, all else random.
	fn file(&self) -> Vec<u8> {
		let tensors = self.tensors();
		let mut file = b"GGUF".to_vec();
		file.extend(3_u32.to_le_bytes());
		file.extend((tensors.len() as u64).to_le_bytes());
		let sizes = [
			("block_count", self.layers as u32),
			("embedding_length", self.width as u32),
			("feed_forward_length", self.hidden as u32),
			("attention.head_count", self.heads as u32),
			("attention.head_count_kv", self.kv_heads as u32),
			("context_length", CONTEXT),
			("vocab_size", self.vocabulary as u32),
		];
		let floats = [("attention.layer_norm_rms_epsilon", 1e-5_f32), ("rope.freq_base", self.rope_base)];
		// By "none" llama.cpp reads a file without a vocabulary.
		let texts = [("general.architecture", self.architecture), ("tokenizer.ggml.model", "none")];
		file.extend((texts.len() as u64 + sizes.len() as u64 + floats.len() as u64).to_le_bytes());
		for (name, text) in texts {
			put_string(&mut file, name);
			file.extend(8_u32.to_le_bytes());
			put_string(&mut file, text);
		}
		let sizes = sizes.map(|(name, value)| (name, 4_u32, value.to_le_bytes()));
		let floats = floats.map(|(name, value)| (name, 6_u32, value.to_le_bytes()));
		for (name, kind, value) in sizes.into_iter().chain(floats) {
			put_string(&mut file, &format!("{}.{name}", self.architecture));
			file.extend(kind.to_le_bytes());
			file.extend(value);
		}
		let mut offset = 0;
		for (name, shape) in &tensors {
			put_string(&mut file, &format!("{name}.weight"));
			file.extend((shape.len() as u32).to_le_bytes());
			shape.iter().for_each(|length| file.extend((*length as u64).to_le_bytes()));
			file.extend(self.dtype_of(shape).id().to_le_bytes());
			file.extend((offset as u64).to_le_bytes());
			offset = (offset + self.size(shape)).next_multiple_of(ALIGNMENT);
		}
		file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
		file.reserve_exact(offset);
		let mut noise = Noise(11);
		for (_, shape) in &tensors {
			match shape[..] {
				[length] => (0..length).for_each(|_| file.extend(1_f32.to_le_bytes())),
				_ => noise.fill(self.dtype, shape.iter().product(), &mut file),
			}
			file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
		}
		file
	}
}

fn put_string(file: &mut Vec<u8>, text: &str) {
	file.extend((text.len() as u64).to_le_bytes());
	file.extend(text.as_bytes());
}

/// The least scale of a block, in the bits of an F16, so that no weight is beyond 0.0625: 2⁻⁸ times 8, and 2⁻¹² times 128.
const Q4_0_SCALE: u16 = 0x1c00;
const Q8_0_SCALE: u16 = 0x0c00;

/// Random bits (xorshift).
struct Noise(u64);

impl Noise {
	fn bits(&mut self) -> u64 {
		self.0 ^= self.0 << 13;
		self.0 ^= self.0 >> 7;
		self.0 ^= self.0 << 17;
		self.0
	}

	/// So many weights; floats have magnitudes from 0.0156 to 0.0313.
	fn fill(&mut self, dtype: GgufDtype, count: usize, file: &mut Vec<u8>) {
		let bits = |noise: &mut Self, free: u64, fixed: u64| noise.bits() & free | fixed;
		match dtype {
			GgufDtype::F32 => {
				(0..count).for_each(|_| file.extend((bits(self, 0x807f_ffff, 0x3c80_0000) as u32).to_le_bytes()))
			}
			GgufDtype::F16 => (0..count).for_each(|_| file.extend((bits(self, 0x83ff, 0x2400) as u16).to_le_bytes())),
			GgufDtype::Bf16 => (0..count).for_each(|_| file.extend((bits(self, 0x807f, 0x3c80) as u16).to_le_bytes())),
			GgufDtype::Q8_0 => self.blocks::<{ GgufDtype::Q8_0.block_bytes() }>(count, Q8_0_SCALE, file),
			_ => self.blocks::<{ GgufDtype::Q4_0.block_bytes() }>(count, Q4_0_SCALE, file),
		}
	}

	/// Blocks of thirty-two weights of any value, each with a scale between `least`, in the bits of an F16, and twice that.
	fn blocks<const BYTES: usize>(&mut self, count: usize, least: u16, file: &mut Vec<u8>) {
		for _ in 0..count / GgufDtype::Q4_0.block_weights() {
			let mut block = [0; BYTES];
			let (scale, weights) = block.split_at_mut(2);
			scale.copy_from_slice(&(least + (self.bits() % 0x400) as u16).to_le_bytes());
			weights.chunks_exact_mut(8).for_each(|eight| eight.copy_from_slice(&self.bits().to_le_bytes()));
			file.extend(block);
		}
	}
}

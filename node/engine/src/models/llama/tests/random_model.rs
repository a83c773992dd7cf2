//! Small models of random weights.

use crate::gguf::GgufDtype;
use crate::tests::{Gguf, Item, Noise};

/// The size of a head.
pub(super) const HEAD: usize = 32;
/// The number of layers.
pub(super) const LAYERS: usize = 2;

/// What a model is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
	pub family: &'static str,
	/// The format of the layers' matrices. Embedding and output have it if it is F32, otherwise Q8_0.
	pub dtype: GgufDtype,
	pub width: usize,
	pub hidden: usize,
	pub heads: usize,
	pub kv_heads: usize,
	pub vocabulary: usize,
	pub epsilon: f32,
	pub rope_base: f32,
	/// Whether the embedding is also the output matrix.
	pub tied: bool,
}

impl Noise {
	fn floats(&mut self, count: usize, middle: f32) -> Vec<u8> {
		(0..count).flat_map(|_| (middle + self.unit() * 0.2).to_le_bytes()).collect()
	}

	fn tensor(&mut self, dtype: GgufDtype, count: usize) -> Vec<u8> {
		// A scale of about 0.001 for eight bits and 0.01 for fewer, a minimum of about −0.08.
		let scale = if dtype == GgufDtype::Q8_0 { 0x1400 } else { 0x2000 };
		let halves = if matches!(dtype, GgufDtype::Q4_1 | GgufDtype::Q5_1) { 2 } else { 1 };
		match dtype {
			GgufDtype::F32 => self.floats(count, 0.0),
			GgufDtype::F16 => (0..count).flat_map(|_| ((self.bits() & 0x83ff) as u16 | 0x2c00).to_le_bytes()).collect(),
			GgufDtype::Bf16 => {
				(0..count).flat_map(|_| ((self.bits() & 0x807f) as u16 | 0x3d80).to_le_bytes()).collect()
			}
			GgufDtype::Q4K => (0..count / 256)
				.flat_map(|_| {
					let scale = (0x0c00 + (self.bits() % 0x200) as u16).to_le_bytes();
					let minimum = (0x1800 + (self.bits() % 0x100) as u16).to_le_bytes();
					let mut block = [scale, minimum].concat();
					block.resize_with(dtype.block_bytes(), || self.bits() as u8);
					block
				})
				.collect(),
			GgufDtype::Q6K => (0..count / 256)
				.flat_map(|_| {
					let mut block: Vec<u8> = (2..dtype.block_bytes()).map(|_| self.bits() as u8).collect();
					block.extend((0x0400 + (self.bits() % 0x200) as u16).to_le_bytes());
					block
				})
				.collect(),
			_ => (0..count / 32)
				.flat_map(|_| {
					let mut block = (scale + (self.bits() % 0x200) as u16).to_le_bytes().to_vec();
					if halves == 2 {
						block.extend((0xad00 + (self.bits() % 0x100) as u16).to_le_bytes());
					}
					block.resize_with(dtype.block_bytes(), || self.bits() as u8);
					block
				})
				.collect(),
		}
	}
}

impl Shape {
	/// The model's file, always the same.
	pub fn file(&self) -> Vec<u8> {
		self.file_for(400)
	}

	/// The file of a model that reads so many positions.
	pub fn file_for(&self, context: u32) -> Vec<u8> {
		let Self { family, dtype, width, hidden, heads, kv_heads, vocabulary, .. } = *self;
		let mut noise = Noise(11);
		let key = |name: &str| format!("{family}.{name}");
		let tokens: Vec<String> = (0..vocabulary).map(|token| format!("t{token}")).collect();
		let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
		let mut file = Gguf::new()
			.value("general.architecture", Item::String(family))
			.value("tokenizer.ggml.tokens", Item::Strings(&tokens))
			.value(&key("attention.layer_norm_rms_epsilon"), Item::F32(self.epsilon))
			.value(&key("rope.freq_base"), Item::F32(self.rope_base));
		let sizes = [
			("block_count", LAYERS),
			("embedding_length", width),
			("feed_forward_length", hidden),
			("attention.head_count", heads),
			("attention.head_count_kv", kv_heads),
			("attention.key_length", HEAD),
			("rope.dimension_count", HEAD),
		];
		for (name, size) in sizes {
			file = file.value(&key(name), Item::U32(size as u32));
		}
		file = file.value(&key("context_length"), Item::U32(context));
		let mut add = |name: String, dtype: GgufDtype, shape: &[usize]| {
			let count = shape.iter().product();
			let data = if name.contains("norm") { noise.floats(count, 1.0) } else { noise.tensor(dtype, count) };
			let shape: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
			file = std::mem::replace(&mut file, Gguf::new()).tensor(&name, &shape, dtype, &data);
		};
		let outer = if dtype == GgufDtype::F32 { dtype } else { GgufDtype::Q8_0 };
		add("token_embd.weight".into(), outer, &[width, vocabulary]);
		add("output_norm.weight".into(), GgufDtype::F32, &[width]);
		if !self.tied {
			add("output.weight".into(), outer, &[width, vocabulary]);
		}
		for layer in 0..LAYERS {
			let name = |part: &str| format!("blk.{layer}.{part}.weight");
			let (query, kv) = (heads * HEAD, kv_heads * HEAD);
			add(name("attn_norm"), GgufDtype::F32, &[width]);
			add(name("ffn_norm"), GgufDtype::F32, &[width]);
			if family == "phi3" {
				add(name("attn_qkv"), dtype, &[width, query + 2 * kv]);
				add(name("ffn_up"), dtype, &[width, 2 * hidden]);
			} else {
				for (part, columns) in [("q", query), ("k", kv), ("v", kv)] {
					add(name(&format!("attn_{part}")), dtype, &[width, columns]);
					if family == "qwen2" {
						add(format!("blk.{layer}.attn_{part}.bias"), GgufDtype::F32, &[columns]);
					}
				}
				add(name("ffn_gate"), dtype, &[width, hidden]);
				add(name("ffn_up"), dtype, &[width, hidden]);
			}
			add(name("attn_output"), dtype, &[query, width]);
			add(name("ffn_down"), dtype, &[hidden, width]);
		}
		file.bytes()
	}
}

//! Small models of random weights.

use crate::gguf::GgufDtype;
use crate::tests::{Gguf, Item, Noise};

/// The size of a head.
pub(super) const HEAD: usize = 32;
/// The number of layers of most models.
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
	pub head: usize,
	/// How many values of a head rotate.
	pub rotated: usize,
	pub vocabulary: usize,
	pub epsilon: f32,
	pub rope_base: f32,
	/// Whether the embedding is also the output matrix.
	pub tied: bool,
	/// Whether every matrix of the layers has a bias.
	pub biased: bool,
	/// How many positions layers with a window see, if the family has such layers.
	pub window: u32,
	/// Whether YaRN scales the angles.
	pub yarn: bool,
}

impl Noise {
	pub(in crate::models) fn floats(&mut self, count: usize, middle: f32) -> Vec<u8> {
		(0..count).flat_map(|_| (middle + self.unit() * 0.2).to_le_bytes()).collect()
	}

	/// Blocks of random bytes whose half-precision floats make weights of about 0.05.
	fn blocks(&mut self, dtype: GgufDtype, count: usize) -> Option<Vec<u8>> {
		if dtype == GgufDtype::Mxfp4 {
			// Scales of 2⁻⁷ to 2⁻⁵.
			let mut block = || {
				let mut block: Vec<u8> = (0..dtype.block_bytes()).map(|_| self.bits() as u8).collect();
				block[0] = 121 + block[0] % 3;
				block
			};
			return Some((0..count / dtype.block_weights()).flat_map(|_| block()).collect());
		}
		let (scale, minimum, at) = match dtype {
			GgufDtype::Q2K => (0x1c00, Some(0x1c00), 80),
			GgufDtype::Q3K => (0x1400, None, 108),
			GgufDtype::Q5K => (0x0800, Some(0x1800), 0),
			GgufDtype::Iq4Nl => (0x1000, None, 0),
			GgufDtype::Iq4Xs => (0x0400, None, 0),
			_ => return None,
		};
		let mut bytes = Vec::new();
		for _ in 0..count / dtype.block_weights() {
			let mut block: Vec<u8> = (0..dtype.block_bytes()).map(|_| self.bits() as u8).collect();
			for (which, half) in [Some(scale), minimum].into_iter().flatten().enumerate() {
				let half: u16 = half + (self.bits() % 0x100) as u16;
				block[at + 2 * which..][..2].copy_from_slice(&half.to_le_bytes());
			}
			bytes.extend(block);
		}
		Some(bytes)
	}

	pub(in crate::models) fn tensor(&mut self, dtype: GgufDtype, count: usize) -> Vec<u8> {
		if let Some(blocks) = self.blocks(dtype, count) {
			return blocks;
		}
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
	/// The number of layers: enough for one of each kind.
	pub fn layers(&self) -> usize {
		if self.family == "smollm3" {
			2 * LAYERS
		} else {
			LAYERS
		}
	}

	/// What the family multiplies or bounds by numbers of the file, and rotates by.
	fn scales(&self) -> &'static [(&'static str, f32)] {
		match self.family {
			"granite" => {
				&[("embedding_scale", 12.0), ("residual_scale", 0.22), ("attention.scale", 0.3), ("logit_scale", 2.0)]
			}
			"gemma2" => &[("attn_logit_softcapping", 5.0), ("final_logit_softcapping", 3.0)],
			"gemma3" => &[("rope.scaling.factor", 2.0), ("rope.freq_base_swa", 1_000.0)],
			_ => &[],
		}
	}

	/// The model's file, always the same.
	pub fn file(&self) -> Vec<u8> {
		self.file_for(400)
	}

	/// The file of a model that reads so many positions.
	pub fn file_for(&self, context: u32) -> Vec<u8> {
		let Self { family, dtype, width, hidden, heads, kv_heads, head, vocabulary, .. } = *self;
		let layers = self.layers();
		let mut noise = Noise(11);
		let key = |name: &str| format!("{family}.{name}");
		let tokens: Vec<String> = (0..vocabulary).map(|token| format!("t{token}")).collect();
		let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
		let mut file = Gguf::new()
			.value("general.architecture", Item::String(family))
			.value("tokenizer.ggml.tokens", Item::Strings(&tokens))
			.value("tokenizer.ggml.model", Item::String("gpt2"))
			.value("tokenizer.ggml.pre", Item::String("gpt-2"))
			.value("tokenizer.ggml.token_type", Item::I32s(&vec![1; vocabulary]))
			.value("tokenizer.ggml.merges", Item::Strings(&["t 0"]))
			.value("tokenizer.ggml.bos_token_id", Item::U32(0))
			.value("tokenizer.ggml.eos_token_id", Item::U32(0))
			.value(&key("attention.layer_norm_rms_epsilon"), Item::F32(self.epsilon))
			.value(&key("rope.freq_base"), Item::F32(self.rope_base));
		let sizes = [
			("block_count", layers),
			("embedding_length", width),
			("feed_forward_length", hidden),
			("attention.head_count", heads),
			("attention.head_count_kv", kv_heads),
			("attention.key_length", head),
			("attention.value_length", head),
			("rope.dimension_count", self.rotated),
		];
		for (name, size) in sizes {
			file = file.value(&key(name), Item::U32(size as u32));
		}
		file = file.value(&key("context_length"), Item::U32(context));
		if matches!(family, "olmo2" | "gemma2" | "gemma3") {
			// Of two layers, the first.
			file = file
				.value(&key("attention.sliding_window"), Item::U32(self.window))
				.value(&key("attention.sliding_window_pattern"), Item::U32(2));
		}
		if self.yarn {
			file = file
				.value(&key("rope.scaling.type"), Item::String("yarn"))
				.value(&key("rope.scaling.factor"), Item::F32(4.0))
				.value(&key("rope.scaling.original_context_length"), Item::U32(100));
		}
		for (name, scale) in self.scales() {
			file = file.value(&key(name), Item::F32(*scale));
		}
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
		if self.biased && !self.tied {
			add("output.bias".into(), GgufDtype::F32, &[vocabulary]);
		}
		for layer in 0..layers {
			let name = |part: &str| format!("blk.{layer}.{part}.weight");
			let (query, kv) = (heads * head, kv_heads * head);
			let norms: &[_] = match family {
				"olmo2" => &["post_attention_norm", "post_ffw_norm"],
				"gemma2" | "gemma3" => &["attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"],
				_ => &["attn_norm", "ffn_norm"],
			};
			norms.iter().for_each(|norm| add(name(norm), GgufDtype::F32, &[width]));
			if family == "phi3" {
				add(name("attn_qkv"), dtype, &[width, query + 2 * kv]);
				add(name("ffn_up"), dtype, &[width, 2 * hidden]);
			} else {
				for (part, columns) in [("q", query), ("k", kv), ("v", kv)] {
					add(name(&format!("attn_{part}")), dtype, &[width, columns]);
					if family == "qwen2" || self.biased {
						add(format!("blk.{layer}.attn_{part}.bias"), GgufDtype::F32, &[columns]);
					}
				}
				add(name("ffn_gate"), dtype, &[width, hidden]);
				add(name("ffn_up"), dtype, &[width, hidden]);
			}
			add(name("attn_output"), dtype, &[query, width]);
			add(name("ffn_down"), dtype, &[hidden, width]);
			let head_norms = match family {
				"qwen3" | "gemma3" => [head, head],
				"olmo2" => [query, kv],
				_ => [0, 0],
			};
			for (part, length) in ["q", "k"].iter().zip(head_norms).filter(|(_, length)| *length > 0) {
				add(name(&format!("attn_{part}_norm")), GgufDtype::F32, &[length]);
			}
			if self.biased {
				let joined: &[(&str, usize)] = match family {
					"phi3" => &[("attn_qkv", query + 2 * kv), ("ffn_up", 2 * hidden)],
					_ => &[("ffn_gate", hidden), ("ffn_up", hidden)],
				};
				for (part, columns) in joined.iter().chain(&[("attn_output", width), ("ffn_down", width)]) {
					add(format!("blk.{layer}.{part}.bias"), GgufDtype::F32, &[*columns]);
				}
			}
		}
		file.bytes()
	}
}

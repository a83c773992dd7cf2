//! Small models of random weights, as files that both implementations read.

use serde_json::{json, Map, Value};
use sibyl_engine::gguf::GgufDtype;

/// The tokens of a made-up language model that no text has; the others are the 256 bytes, and byte b is b + 3.
pub const CONTROLS: u32 = 3;
/// The number of tokens.
pub const VOCABULARY: usize = CONTROLS as usize + 256;
/// How many tokens it reads and writes.
pub const CONTEXT: usize = 400;

/// The number of layers of most models.
const LAYERS: usize = 2;

/// Noise that is the same in every run (xorshift, by G. Marsaglia).
pub struct Noise(pub u64);

impl Noise {
	pub fn bits(&mut self) -> u32 {
		self.0 ^= self.0 << 13;
		self.0 ^= self.0 >> 7;
		self.0 ^= self.0 << 17;
		(self.0 >> 16) as u32
	}

	/// From −1 to 1.
	fn unit(&mut self) -> f32 {
		(self.bits() >> 8) as f32 / 8_388_608.0 - 1.0
	}

	fn floats(&mut self, count: usize, middle: f32, size: f32) -> Vec<f32> {
		(0..count).map(|_| middle + self.unit() * size).collect()
	}

	/// A half of this magnitude or a little more, its exponent and first bits given.
	fn half(&mut self, at_least: u16) -> [u8; 2] {
		(at_least + (self.bits() % 0x200) as u16).to_le_bytes()
	}

	/// The blocks of a matrix; all bits of the integers occur.
	fn matrix(&mut self, dtype: GgufDtype, count: usize, size: f32) -> Vec<u8> {
		let floats = |noise: &mut Self| noise.floats(count, 0.0, size);
		match dtype {
			GgufDtype::F32 => bytes_of(&floats(self)),
			// Halves of 2⁻⁵ to 2⁻³, but denormal ones too.
			GgufDtype::F16 => (0..count)
				.flat_map(|at| {
					let bits = self.bits() as u16;
					let half = if at % 97 == 0 { bits & 0x83ff } else { (bits & 0x87ff) + 0x2800 };
					half.to_le_bytes()
				})
				.collect(),
			GgufDtype::Bf16 => {
				floats(self).iter().flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect()
			}
			_ => (0..count / dtype.block_weights()).flat_map(|_| self.block(dtype)).collect(),
		}
	}

	fn block(&mut self, dtype: GgufDtype) -> Vec<u8> {
		let mut block: Vec<u8> = (0..dtype.block_bytes()).map(|_| self.bits() as u8).collect();
		let negative = if self.bits().is_multiple_of(4) { 0x8000 } else { 0 };
		// Some scales are denormal.
		let tiny = self.bits().is_multiple_of(16);
		let mut put = |at: usize, magnitude: u16, sign: u16| {
			let half = self.half(if tiny { 0x0001 } else { magnitude } | sign);
			block[at..at + 2].copy_from_slice(&half);
		};
		match dtype {
			// Of one in sixteen the scale is denormal.
			GgufDtype::Mxfp4 => block[0] = if tiny { block[0] % 2 } else { 121 + block[0] % 3 },
			GgufDtype::Q8_0 | GgufDtype::Iq4Nl => put(0, 0x1000, negative),
			GgufDtype::Iq4Xs => put(0, 0x0400, negative),
			GgufDtype::Q4_0 => put(0, 0x2000, negative),
			GgufDtype::Q5_0 => put(0, 0x1c00, negative),
			GgufDtype::Q4_1 => {
				put(0, 0x2000, negative);
				put(2, 0x2c00, 0x8000 - negative);
			}
			GgufDtype::Q5_1 => {
				put(0, 0x1c00, negative);
				put(2, 0x2c00, 0x8000 - negative);
			}
			GgufDtype::Q4K => {
				put(0, 0x0c00, negative);
				put(2, 0x1800, negative);
			}
			GgufDtype::Q5K => {
				put(0, 0x0800, negative);
				put(2, 0x1800, negative);
			}
			GgufDtype::Q2K => {
				put(80, 0x1c00, negative);
				put(82, 0x1c00, negative);
			}
			GgufDtype::Q3K => put(108, 0x1400, negative),
			GgufDtype::Q6K => put(208, 0x0400, negative),
			other => panic!("{other:?} has no blocks"),
		}
		block
	}
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
	values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// What a language model is made of.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
	pub family: &'static str,
	/// The format of all matrices but the embedding and the output.
	pub dtype: GgufDtype,
	/// The format of these two.
	pub outer: GgufDtype,
	pub width: usize,
	pub hidden: usize,
	pub heads: usize,
	pub kv_heads: usize,
	/// The size of a head.
	pub head: usize,
	/// How many values of a head rotate.
	pub rotated: usize,
	/// Whether every matrix but the embedding has a bias.
	pub biased: bool,
	/// Whether the embedding is also the output matrix.
	pub tied: bool,
	pub rope: Rope,
	/// The token that ends an answer.
	pub stop: u32,
	/// The largest magnitude of a value's weight, where matrices are floats.
	pub values: f32,
}

/// How positions become angles.
#[derive(Clone, Copy, Debug)]
pub enum Rope {
	Plain,
	/// A tensor of factors.
	Freqs,
	/// One factor, and an amplitude.
	Linear,
	/// Two tensors of factors; a context that ends early.
	Long,
	/// Some frequencies are slower.
	Yarn,
}

impl Shape {
	/// Of SmolLM3, enough for a layer where nothing rotates.
	fn layers(&self) -> usize {
		if self.family == "smollm3" {
			2 * LAYERS
		} else {
			LAYERS
		}
	}

	/// The model's file, always the same.
	pub fn file(&self) -> Vec<u8> {
		let Self { family, dtype, outer, width, hidden, heads, kv_heads, head, .. } = *self;
		let mut file = Gguf::default();
		file.value("general.architecture", 8, string(family));
		self.metadata(&mut file);
		let mut noise = Noise(11);
		let (query, kv) = (heads * head, kv_heads * head);
		let mut matrix = |file: &mut Gguf, name: &str, dtype, inner: usize, columns: usize, size| {
			let mut data = noise.matrix(dtype, inner * columns, size);
			if name == "output" {
				// Half of the tokens are as likely as another.
				let half = data.len() / VOCABULARY * (VOCABULARY / 2);
				data.copy_within(..half, half);
			}
			file.tensor(&format!("{name}.weight"), &[inner, columns], dtype, &data);
		};
		matrix(&mut file, "token_embd", outer, width, VOCABULARY, 0.5);
		if !self.tied {
			matrix(&mut file, "output", outer, width, VOCABULARY, 0.5);
		}
		for layer in 0..self.layers() {
			let name = |part: &str| format!("blk.{layer}.{part}");
			if family == "phi3" {
				matrix(&mut file, &name("attn_qkv"), dtype, width, query + 2 * kv, self.values);
				matrix(&mut file, &name("ffn_up"), dtype, width, 2 * hidden, 0.2);
			} else {
				matrix(&mut file, &name("attn_q"), dtype, width, query, 0.2);
				matrix(&mut file, &name("attn_k"), dtype, width, kv, 0.2);
				matrix(&mut file, &name("attn_v"), dtype, width, kv, self.values);
				matrix(&mut file, &name("ffn_gate"), dtype, width, hidden, 0.2);
				matrix(&mut file, &name("ffn_up"), dtype, width, hidden, 0.2);
			}
			matrix(&mut file, &name("attn_output"), dtype, query, width, 0.2);
			matrix(&mut file, &name("ffn_down"), dtype, hidden, width, 0.2);
		}
		let mut floats = |file: &mut Gguf, name: String, count, middle, size| {
			file.tensor(&name, &[count], GgufDtype::F32, &bytes_of(&noise.floats(count, middle, size)));
		};
		floats(&mut file, "output_norm.weight".into(), width, 1.0, 0.3);
		for layer in 0..self.layers() {
			let name = |part: &str| format!("blk.{layer}.{part}");
			let norms: &[(&str, usize)] = match family {
				"qwen3" => &[("attn_norm", width), ("ffn_norm", width), ("attn_q_norm", head), ("attn_k_norm", head)],
				"olmo2" => &[
					("post_attention_norm", width),
					("post_ffw_norm", width),
					("attn_q_norm", query),
					("attn_k_norm", kv),
				],
				"gemma2" => &[
					("attn_norm", width),
					("ffn_norm", width),
					("post_attention_norm", width),
					("post_ffw_norm", width),
				],
				"gemma3" => &[
					("attn_norm", width),
					("ffn_norm", width),
					("post_attention_norm", width),
					("post_ffw_norm", width),
					("attn_q_norm", head),
					("attn_k_norm", head),
				],
				_ => &[("attn_norm", width), ("ffn_norm", width)],
			};
			for (part, length) in norms {
				floats(&mut file, name(&format!("{part}.weight")), *length, 1.0, 0.3);
			}
			let attention: &[(&str, usize)] = match family {
				"phi3" if self.biased => &[("qkv", query + 2 * kv)],
				"qwen2" => &[("q", query), ("k", kv), ("v", kv)],
				_ if self.biased => &[("q", query), ("k", kv), ("v", kv)],
				_ => &[],
			};
			for (part, columns) in attention {
				floats(&mut file, name(&format!("attn_{part}.bias")), *columns, 0.0, 0.2);
			}
			if self.biased {
				if family != "phi3" {
					floats(&mut file, name("ffn_gate.bias"), hidden, 0.0, 0.2);
				}
				let up = if family == "phi3" { 2 * hidden } else { hidden };
				for (part, columns) in [("ffn_up", up), ("attn_output", width), ("ffn_down", width)] {
					floats(&mut file, name(&format!("{part}.bias")), columns, 0.0, 0.2);
				}
			}
		}
		if self.biased && !self.tied {
			floats(&mut file, "output.bias".into(), VOCABULARY, 0.0, 0.2);
		}
		let tensors: &[&str] = match self.rope {
			Rope::Plain | Rope::Linear | Rope::Yarn => &[],
			Rope::Freqs => &["rope_freqs.weight"],
			Rope::Long => &["rope_factors_short.weight", "rope_factors_long.weight"],
		};
		for name in tensors {
			floats(&mut file, name.to_string(), self.rotated / 2, 3.0, 2.0);
		}
		file.bytes()
	}

	fn metadata(&self, file: &mut Gguf) {
		let key = |name: &str| format!("{}.{name}", self.family);
		let sizes = [
			("block_count", self.layers()),
			("embedding_length", self.width),
			("feed_forward_length", self.hidden),
			("attention.head_count", self.heads),
			("attention.head_count_kv", self.kv_heads),
			("attention.key_length", self.head),
			("rope.dimension_count", self.rotated),
			("context_length", CONTEXT),
			// Of two layers, the first; late queries do not see the first block of positions.
			("attention.sliding_window_pattern", 2),
			("attention.sliding_window", 50),
		];
		let has_windows = matches!(self.family, "olmo2" | "gemma2" | "gemma3");
		let sizes = &sizes[..if has_windows { sizes.len() } else { sizes.len() - 2 }];
		for (name, size) in sizes {
			file.value(&key(name), 4, (*size as u32).to_le_bytes());
		}
		let mut float = |name: &str, value: f32| file.value(&key(name), 6, value.to_le_bytes());
		float("attention.layer_norm_rms_epsilon", 1e-5);
		if self.family == "granite" {
			float("embedding_scale", 12.3);
			float("residual_scale", 0.22);
			float("attention.scale", 0.3);
			float("logit_scale", 0.7);
		}
		if self.family == "gemma2" {
			float("attn_logit_softcapping", 5.3);
			float("final_logit_softcapping", 3.1);
		}
		if self.family == "gemma3" {
			float("rope.freq_base_swa", 1_000.0);
			float("rope.scaling.factor", 8.0);
		}
		match self.rope {
			Rope::Plain => (),
			Rope::Freqs => float("rope.freq_base", 500_000.0),
			Rope::Linear => {
				float("rope.freq_base", 1_000_000.0);
				float("rope.scaling.factor", 2.5);
				float("rope.scaling.attn_factor", 1.1);
				file.value(&key("rope.scaling.type"), 8, string("linear"));
			}
			Rope::Yarn => {
				float("rope.freq_base", 20_000.0);
				float("rope.scaling.factor", 3.7);
				float("rope.scaling.attn_factor", 1.1);
				float("rope.scaling.yarn_beta_fast", 20.0);
				file.value(&key("rope.scaling.type"), 8, string("yarn"));
				file.value(&key("rope.scaling.original_context_length"), 4, 300_u32.to_le_bytes());
			}
			Rope::Long => {
				float("rope.scaling.attn_factor", 1.19);
				file.value(&key("rope.scaling.type"), 8, string("longrope"));
				file.value(&key("rope.scaling.original_context_length"), 4, (CONTEXT as u32 - 10).to_le_bytes());
				file.value(&key("attention.sliding_window"), 4, (CONTEXT as u32 - 20).to_le_bytes());
			}
		}
		let controls = (0..CONTROLS).map(|id| format!("<|{id}|>"));
		let bytes = (0..=u8::MAX).map(|byte| character_of(byte).to_string());
		let tokens: Vec<Vec<u8>> = controls.chain(bytes).map(|token| string(&token)).collect();
		let types = (0..VOCABULARY as u32).flat_map(|id| if id < CONTROLS { 3_u32 } else { 1 }.to_le_bytes());
		file.value("tokenizer.ggml.model", 8, string("gpt2"));
		file.value("tokenizer.ggml.pre", 8, string("gpt-2"));
		file.value("tokenizer.ggml.tokens", 9, array(8, VOCABULARY, tokens.concat()));
		file.value("tokenizer.ggml.token_type", 9, array(5, VOCABULARY, types.collect()));
		file.value("tokenizer.ggml.merges", 9, array(8, 0, Vec::new()));
		file.value("tokenizer.ggml.eos_token_id", 4, self.stop.to_le_bytes());
	}
}

/// The character that stands for a byte in the vocabulary of a byte-level tokenizer.
fn character_of(byte: u8) -> char {
	let printable = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
	if printable(byte) {
		return byte.into();
	}
	let before = (0..byte).filter(|byte| !printable(*byte)).count();
	char::from_u32(0x100 + before as u32).expect("a character")
}

fn string(text: &str) -> Vec<u8> {
	[&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn array(kind: u32, count: usize, items: Vec<u8>) -> Vec<u8> {
	[&kind.to_le_bytes()[..], &(count as u64).to_le_bytes(), &items].concat()
}

/// A GGUF file that is being written.
#[derive(Default)]
struct Gguf {
	counts: [u64; 2],
	values: Vec<u8>,
	described: Vec<u8>,
	data: Vec<u8>,
}

impl Gguf {
	const ALIGNMENT: usize = 32;

	fn value(&mut self, key: &str, kind: u32, value: impl AsRef<[u8]>) {
		self.counts[1] += 1;
		self.values.extend([&string(key)[..], &kind.to_le_bytes(), value.as_ref()].concat());
	}

	fn tensor(&mut self, name: &str, shape: &[usize], dtype: GgufDtype, data: &[u8]) {
		self.counts[0] += 1;
		self.data.resize(self.data.len().next_multiple_of(Self::ALIGNMENT), 0);
		self.described.extend(string(name));
		self.described.extend((shape.len() as u32).to_le_bytes());
		shape.iter().for_each(|length| self.described.extend((*length as u64).to_le_bytes()));
		self.described.extend(dtype.id().to_le_bytes());
		self.described.extend((self.data.len() as u64).to_le_bytes());
		self.data.extend(data);
	}

	fn bytes(&self) -> Vec<u8> {
		let [tensors, values] = self.counts.map(u64::to_le_bytes);
		let mut bytes = [b"GGUF", &3_u32.to_le_bytes()[..], &tensors, &values, &self.values, &self.described].concat();
		bytes.resize(bytes.len().next_multiple_of(Self::ALIGNMENT), 0);
		bytes.extend(&self.data);
		bytes
	}
}

/// A tokenizer of eight words, and the two tokens that it puts around a text.
pub fn bert_tokenizer() -> String {
	let around = |id: u32, name: &str| json!({ "id": name, "ids": [id], "tokens": [name] });
	let special = |name: &str| json!({ "SpecialToken": { "id": name, "type_id": 0 } });
	let vocabulary = json!({
		"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "d": 6, "e": 7, "f": 8, "g": 9
	});
	json!({
		"version": "1.0", "added_tokens": [], "normalizer": { "type": "Lowercase" },
		"pre_tokenizer": { "type": "BertPreTokenizer" }, "decoder": null,
		"post_processor": {
			"type": "TemplateProcessing", "pair": [],
			"single": [special("[CLS]"), { "Sequence": { "id": "A", "type_id": 0 } }, special("[SEP]")],
			"special_tokens": { "[CLS]": around(1, "[CLS]"), "[SEP]": around(2, "[SEP]") }
		},
		"model": {
			"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
			"max_input_chars_per_word": 100, "vocab": vocabulary
		}
	})
	.to_string()
}

/// The weights of a model of sentence embeddings, with words for [`bert_tokenizer`].
pub fn bert_weights(width: usize, hidden: usize) -> Vec<u8> {
	let mut noise = Noise(12);
	let mut header = Map::new();
	let mut data = Vec::new();
	let mut add = |name: String, shape: &[usize], middle: f32, size: f32| {
		let values = bytes_of(&noise.floats(shape.iter().product(), middle, size));
		let offsets = [data.len(), data.len() + values.len()];
		header.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": offsets }));
		data.extend(values);
	};
	for (name, rows) in [("word", 10), ("position", 300), ("token_type", 2)] {
		add(format!("embeddings.{name}_embeddings.weight"), &[rows, width], 0.0, 0.5);
	}
	let mut norms = vec!["embeddings.LayerNorm".to_string()];
	for layer in 0..LAYERS {
		let name = |part: &str| format!("encoder.layer.{layer}.{part}");
		for (part, columns, inner) in [
			("attention.self.query", width, width),
			("attention.self.key", width, width),
			("attention.self.value", width, width),
			("attention.output.dense", width, width),
			("intermediate.dense", hidden, width),
			("output.dense", width, hidden),
		] {
			add(name(&format!("{part}.weight")), &[columns, inner], 0.0, 0.3);
			add(name(&format!("{part}.bias")), &[columns], 0.0, 0.2);
		}
		norms.extend([name("attention.output.LayerNorm"), name("output.LayerNorm")]);
	}
	for name in norms {
		add(format!("{name}.weight"), &[width], 1.0, 0.3);
		add(format!("{name}.bias"), &[width], 0.0, 0.3);
	}
	let header = Value::Object(header).to_string();
	[&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// The words of [`bert_gguf`]'s tokenizer behind the three that no text has.
pub const BERT_WORDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// A model of sentence embeddings in GGUF, with heads of a quarter of its width. The pooling is 1, a mean, or 2, the first row.
pub fn bert_gguf(dtype: GgufDtype, pooling: u32) -> Vec<u8> {
	const CONTEXT: usize = 300;
	let large = dtype.block_weights() == 256;
	let [width, hidden] = if large { [256, 512] } else { [192, 288] };
	let mut file = Gguf::default();
	file.value("general.architecture", 8, string("bert"));
	file.value("bert.attention.causal", 7, [0]);
	file.value("bert.attention.layer_norm_epsilon", 6, 1e-9_f32.to_le_bytes());
	let sizes = [
		("block_count", LAYERS),
		("embedding_length", width),
		("feed_forward_length", hidden),
		("attention.head_count", 4),
		("context_length", CONTEXT),
		("pooling_type", pooling as usize),
	];
	for (name, size) in sizes {
		file.value(&format!("bert.{name}"), 4, (size as u32).to_le_bytes());
	}
	let tokens = ["[UNK]", "[CLS]", "[SEP]"].map(String::from).into_iter();
	let tokens: Vec<_> = tokens.chain(BERT_WORDS.map(|word| format!("\u{2581}{word}"))).collect();
	let names: Vec<u8> = tokens.iter().flat_map(|token| string(token)).collect();
	file.value("tokenizer.ggml.model", 8, string("bert"));
	file.value("tokenizer.ggml.tokens", 9, array(8, tokens.len(), names));
	let mut noise = Noise(13);
	let mut add = |name: &str, dtype: GgufDtype, shape: &[usize], middle: f32| {
		let count = shape.iter().product();
		let data = match dtype {
			GgufDtype::F32 => bytes_of(&noise.floats(count, middle, 0.3)),
			_ => noise.matrix(dtype, count, 0.3),
		};
		file.tensor(name, shape, dtype, &data);
	};
	let outer = if large { GgufDtype::Q8_0 } else { dtype };
	add("token_embd.weight", outer, &[width, tokens.len()], 0.0);
	add("position_embd.weight", GgufDtype::F32, &[width, CONTEXT], 0.0);
	if pooling == 1 {
		add("token_types.weight", GgufDtype::F32, &[width, 2], 0.0);
	}
	let mut norms = vec!["token_embd_norm".to_string()];
	for layer in 0..LAYERS {
		let name = |part: &str| format!("blk.{layer}.{part}");
		for (part, columns, inner) in [
			("attn_q", width, width),
			("attn_k", width, width),
			("attn_v", width, width),
			("attn_output", width, width),
			("ffn_up", hidden, width),
			("ffn_down", width, hidden),
		] {
			add(&name(&format!("{part}.weight")), dtype, &[inner, columns], 0.0);
			add(&name(&format!("{part}.bias")), GgufDtype::F32, &[columns], 0.0);
		}
		norms.extend([name("attn_output_norm"), name("layer_output_norm")]);
	}
	for name in norms {
		add(&format!("{name}.weight"), GgufDtype::F32, &[width], 1.0);
		add(&format!("{name}.bias"), GgufDtype::F32, &[width], 0.0);
	}
	file.bytes()
}

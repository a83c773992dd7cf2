//! The files that fuzzing starts from, as small as they come: `fuzz/seeds`, a folder per target.

use super::{bytes_tokenizer_file, sentence_piece_file, Gguf, Item};
use crate::chat::tests::{source, MODELS};
use crate::chat::ChatTemplate;
use crate::gguf::{GgufDtype, GgufFile};
use crate::safetensors_file::SafetensorsFile;
use crate::tokenizer::{BpeTokenizer, JsonTokenizer};
use crate::{check_format, Format, LanguageModel};
use std::fs;
use std::path::Path;

const FOLDER: &str = "fuzz/seeds";

const WORD_PIECE: &str = r###"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"[UNK]",
"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":{"type":
"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":
{"type":"BertPreTokenizer"},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":
0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}
],"special_tokens":{"x":{"id":"x","ids":[3],"tokens":["x"]}}},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true
},"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
"vocab":{"[UNK]":0,"hell":1,"##o":2,"x":3}}}"###;

const JSON_BPE: &str = r#"{"version":"1.0","added_tokens":[{"id":3,"content":"<s>","single_word":false,"lstrip":false,
"rstrip":false,"normalized":true,"special":false}],"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":
"Lowercase"}]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":
"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]},"post_processor":{"type":"ByteLevel",
"add_prefix_space":true,"trim_offsets":false,"use_regex":true},"decoder":{"type":"ByteLevel","add_prefix_space":true,
"trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,"unk_token":null,"fuse_unk":false,
"byte_fallback":false,"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}"#;

const SAFETENSORS: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"I8","shape":[3],"data_offsets":[16,19]},
"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"c":{"dtype":"I64","shape":[1,1],"data_offsets":[19,27]}}"#;

const SCHEMA: &str = r#"{"type":"object","title":"t","properties":{"a":{"type":"string","minLength":1,"maxLength":3},"b":{"type":
"integer","exclusiveMinimum":-5,"maximum":12},"c":{"type":"array","items":{"anyOf":[{"type":"number","multipleOf":0.01,"minimum":
0.5,"maximum":9},{"enum":["x\n",1.5,true,null]},{"const":"é"}]},"minItems":1,"maxItems":2},"d":{"type":"boolean"},"e":{"type":
"null"}},"required":["a"],"additionalProperties":false}"#;

const PATTERN: &str = r"^(?:a|[^b-dé\]]{1,2}|(x\.y)*z+)?.{2,}q{3}$";

/// Values of every type.
fn values() -> Gguf {
	let array = |kind: u32, count: u64, bytes: &[u8]| [&kind.to_le_bytes(), &count.to_le_bytes()[..], bytes].concat();
	Gguf::new()
		.value("u8", Item::Raw(0, &[1]))
		.value("i8", Item::Raw(1, &[0xff]))
		.value("u16", Item::Raw(2, &[1, 2]))
		.value("i16", Item::Raw(3, &[1, 2]))
		.value("u32", Item::U32(7))
		.value("i32", Item::I32(-7))
		.value("f32", Item::F32(0.5))
		.value("bool", Item::Bool(true))
		.value("string", Item::String("é"))
		.value("u64", Item::Raw(10, &[1; 8]))
		.value("i64", Item::Raw(11, &[0xff; 8]))
		.value("f64", Item::Raw(12, &0.5_f64.to_le_bytes()))
		.value("strings", Item::Strings(&["a", "é", ""]))
		.value("i32s", Item::I32s(&[1, -1]))
		.value("f32s", Item::F32s(&[0.5, -1.0]))
		.value("bools", Item::Raw(9, &array(7, 2, &[0, 1])))
		.value("i16s", Item::Raw(9, &array(3, 2, &[1, 2, 3, 4])))
		.value("u64s", Item::Raw(9, &array(10, 1, &[1; 8])))
		.value("f64s", Item::Raw(9, &array(12, 1, &0.5_f64.to_le_bytes())))
}

fn tensors(file: Gguf) -> Gguf {
	file.tensor("a", &[32, 3], GgufDtype::Q4_1, &[7; 60]).tensor("b", &[2, 2, 1, 1], GgufDtype::F32, &[1; 16]).tensor(
		"c",
		&[256],
		GgufDtype::Q6K,
		&[9; 210],
	)
}

/// A tokenizer with few tokens: one of the user's, two control tokens, and one that two merges make.
fn small_tokenizer(pre: &str) -> Gguf {
	let tokens = ["<|im_start|>", "<|im_end|>", "<think>", "h", "e", "l", "o", "\u{120}", "1", "\u{10a}", "he", "hel"];
	let types: Vec<i32> = (0..tokens.len()).map(|id| [3, 3, 4].get(id).copied().unwrap_or(1)).collect();
	Gguf::new()
		.value("tokenizer.ggml.model", Item::String("gpt2"))
		.value("tokenizer.ggml.pre", Item::String(pre))
		.value("tokenizer.ggml.tokens", Item::Strings(&tokens))
		.value("tokenizer.ggml.token_type", Item::I32s(&types))
		.value("tokenizer.ggml.merges", Item::Strings(&["h e", "he l"]))
		.value("tokenizer.ggml.add_bos_token", Item::Bool(true))
		.value("tokenizer.ggml.bos_token_id", Item::U32(0))
		.value("tokenizer.ggml.eos_token_id", Item::U32(1))
		.value("tokenizer.chat_template", Item::String(crate::chat::tests::SMOLLM2))
		.value("text", Item::String("hello <think> hel1\n"))
}

/// A SentencePiece tokenizer with a token of every type, and two pieces that joining makes.
fn small_sentence_piece() -> Gguf {
	let tokens = [
		("<unk>", 0.0, 2),
		("<|im_start|>", 0.0, 3),
		("<|im_end|>", 0.0, 3),
		("<0x0A>", 0.0, 6),
		("<think>", 0.0, 4),
		("\u{2581}", -5.0, 1),
		("h", -6.0, 1),
		("e", -7.0, 1),
		("l", -8.0, 1),
		("he", -1.0, 1),
		("hel", -2.0, 5),
		("\u{2581}he", -2.0, 1),
	];
	sentence_piece_file(&tokens)
		.value("tokenizer.ggml.unknown_token_id", Item::U32(0))
		.value("tokenizer.ggml.add_bos_token", Item::Bool(true))
		.value("tokenizer.ggml.add_eos_token", Item::Bool(false))
		.value("tokenizer.ggml.add_space_prefix", Item::Bool(true))
		.value("general.architecture", Item::String("phi3"))
		.value("tokenizer.chat_template", Item::String(crate::chat::tests::SMOLLM2))
		.value("text", Item::String("hello <think> hel1\n"))
}

/// Weights that are neither large nor all the same.
fn weights(dtype: GgufDtype, count: usize) -> Vec<u8> {
	let noise = |at: usize| ((at * 2_654_435_761) >> 7) as u8;
	match dtype {
		GgufDtype::F32 => {
			(0..count).flat_map(|at| (f32::from(noise(at).cast_signed()) / 512.0).to_le_bytes()).collect()
		}
		GgufDtype::F16 => (0..count).flat_map(|at| [noise(at), 0x2c | noise(at + 1) & 0x80]).collect(),
		GgufDtype::Bf16 => (0..count).flat_map(|at| [noise(at) & 0x7f, 0x3d | noise(at + 1) & 0x80]).collect(),
		_ => {
			let mut bytes: Vec<u8> = (0..count / dtype.block_weights() * dtype.block_bytes()).map(noise).collect();
			for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
				// A scale of about 0.01, a minimum of about −0.08 where there is one.
				block[1] = 0x21;
				if matches!(dtype, GgufDtype::Q4_1 | GgufDtype::Q5_1) {
					block[3] = 0xad;
				}
			}
			bytes
		}
	}
}

/// A language model of one layer, its widths as small as they may be.
pub(crate) fn tiny_model(family: &str, dtype: GgufDtype) -> Gguf {
	tiny_model_of(family, dtype, [5, 40])
}

/// The same that knows so many tokens and reads so many.
pub(crate) fn tiny_model_of(family: &str, dtype: GgufDtype, [vocabulary, context]: [u64; 2]) -> Gguf {
	const WIDTH: u64 = 32;
	let key = |name: &str| format!("{family}.{name}");
	let heads = if family.starts_with("qwen") || family == "olmo2" { 2 } else { 1 };
	let mut file = Gguf::new()
		.value("general.architecture", Item::String(family))
		.value(&key("attention.layer_norm_rms_epsilon"), Item::F32(1e-5))
		.value(&key("rope.freq_base"), Item::F32(10_000.0));
	let sizes = [
		("block_count", 1),
		("context_length", context as u32),
		("embedding_length", WIDTH as u32),
		("feed_forward_length", 32),
		("attention.head_count", heads as u32),
		("attention.head_count_kv", 1),
		("attention.key_length", 32),
		("vocab_size", vocabulary as u32),
	];
	for (name, size) in sizes {
		file = file.value(&key(name), Item::U32(size));
	}
	let scales: &[_] = match family {
		"granite" => {
			&[("embedding_scale", 12.0), ("residual_scale", 0.22), ("attention.scale", 0.3), ("logit_scale", 0.5)]
		}
		"gemma2" => &[("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0)],
		_ => &[],
	};
	for (name, scale) in scales {
		file = file.value(&key(name), Item::F32(*scale));
	}
	let (query, hidden) = (32 * heads, 32);
	let matrices: &[(&str, [u64; 2])] = match family {
		"phi3" => &[("attn_qkv", [WIDTH, 96]), ("ffn_up", [WIDTH, 64])],
		_ => &[
			("attn_q", [WIDTH, query]),
			("attn_k", [WIDTH, 32]),
			("attn_v", [WIDTH, 32]),
			("ffn_gate", [WIDTH, hidden]),
			("ffn_up", [WIDTH, hidden]),
		],
	};
	let floats = GgufDtype::F32;
	let add = |file: Gguf, name: &str, shape: &[u64], dtype| {
		let count: u64 = shape.iter().product();
		file.tensor(name, shape, dtype, &weights(dtype, count as usize))
	};
	file = add(file, "token_embd.weight", &[WIDTH, vocabulary], dtype);
	file = add(file, "output_norm.weight", &[WIDTH], floats);
	let norms: &[(&str, u64)] = match family {
		"olmo2" => {
			&[("post_attention_norm", WIDTH), ("post_ffw_norm", WIDTH), ("attn_q_norm", query), ("attn_k_norm", 32)]
		}
		"gemma2" | "gemma3" => {
			&[("attn_norm", WIDTH), ("ffn_norm", WIDTH), ("post_attention_norm", WIDTH), ("post_ffw_norm", WIDTH)]
		}
		_ => &[("attn_norm", WIDTH), ("ffn_norm", WIDTH)],
	};
	for (name, length) in norms {
		file = add(file, &format!("blk.0.{name}.weight"), &[*length], floats);
	}
	for (name, shape) in [("attn_output", [query, WIDTH]), ("ffn_down", [hidden, WIDTH])].iter().chain(matrices) {
		file = add(file, &format!("blk.0.{name}.weight"), shape, dtype);
	}
	match family {
		"qwen2" => {
			for (name, columns) in [("attn_q", query), ("attn_k", 32), ("attn_v", 32)] {
				file = add(file, &format!("blk.0.{name}.bias"), &[columns], floats);
			}
		}
		"qwen3" | "gemma3" => {
			for name in ["attn_q_norm", "attn_k_norm"] {
				file = add(file, &format!("blk.0.{name}.weight"), &[32], floats);
			}
		}
		_ => (),
	}
	file
}

/// A format's kind, what chooses a text of it, and its source.
fn format_seed(kind: u8, source: &str) -> Vec<u8> {
	[&[kind][..], &[7; 64], source.as_bytes()].concat()
}

/// The folder, the name and the contents of every seed.
fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
	let safetensors =
		|header: &str, data: usize| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![1; data]].concat();
	let output = |file: Gguf| file.tensor("output.weight", &[32, 5], GgufDtype::F16, &weights(GgufDtype::F16, 160));
	let window = |file: Gguf, family: &str| file.value(&format!("{family}.attention.sliding_window"), Item::U32(1));
	let factors = |file: Gguf| file.tensor("rope_freqs.weight", &[16], GgufDtype::F32, &1_f32.to_le_bytes().repeat(16));
	let templates = MODELS.map(|model| ("chat_template", model, source(model).into_bytes()));
	let files = vec![
		("gguf", "values", values().bytes()),
		("gguf", "tensors", tensors(values()).version(2).bytes()),
		("gguf", "aligned", tensors(Gguf::new().alignment(64)).bytes()),
		("bpe_tokenizer", "bytes", bytes_tokenizer_file("smollm").bytes()),
		("bpe_tokenizer", "gpt-2", small_tokenizer("gpt-2").bytes()),
		("bpe_tokenizer", "smollm", small_tokenizer("smollm").bytes()),
		("bpe_tokenizer", "llama-bpe", small_tokenizer("llama-bpe").bytes()),
		("bpe_tokenizer", "qwen2", small_tokenizer("qwen2").bytes()),
		("bpe_tokenizer", "sentence-piece", small_sentence_piece().bytes()),
		("json_tokenizer", "word-piece", WORD_PIECE.into()),
		("json_tokenizer", "bpe", JSON_BPE.into()),
		("language_model", "llama-q4_0", tiny_model("llama", GgufDtype::Q4_0).bytes()),
		("language_model", "llama-q4_1", output(tiny_model("llama", GgufDtype::Q4_1)).bytes()),
		("language_model", "llama-q5_0", factors(tiny_model("llama", GgufDtype::Q5_0)).bytes()),
		("language_model", "qwen2-q5_1", tiny_model("qwen2", GgufDtype::Q5_1).bytes()),
		("language_model", "phi3-q8_0", tiny_model("phi3", GgufDtype::Q8_0).bytes()),
		("language_model", "llama-f32", tiny_model("llama", GgufDtype::F32).bytes()),
		("language_model", "phi3-f16", tiny_model("phi3", GgufDtype::F16).bytes()),
		("language_model", "qwen2-bf16", tiny_model("qwen2", GgufDtype::Bf16).bytes()),
		("language_model", "qwen3-iq4_nl", tiny_model("qwen3", GgufDtype::Iq4Nl).bytes()),
		("language_model", "granite-q8_0", tiny_model("granite", GgufDtype::Q8_0).bytes()),
		("language_model", "olmo2-q4_0", tiny_model("olmo2", GgufDtype::Q4_0).bytes()),
		("language_model", "gemma2-f32", window(tiny_model("gemma2", GgufDtype::F32), "gemma2").bytes()),
		("language_model", "gemma3-q5_1", window(tiny_model("gemma3", GgufDtype::Q5_1), "gemma3").bytes()),
		("format", "schema", format_seed(0, SCHEMA)),
		("format", "pattern", format_seed(1, PATTERN)),
		("safetensors", "three", safetensors(SAFETENSORS, 27)),
		("safetensors", "none", safetensors("{}", 0)),
	];
	files.into_iter().chain(templates).collect()
}

#[test]
fn seeds_should_be_valid_and_the_committed_ones() {
	for (target, name, bytes) in seeds() {
		let path = Path::new(FOLDER).join(target).join(name);
		assert!(fs::read(&path).is_ok_and(|committed| committed == bytes), "{} is another", path.display());
		match target {
			"gguf" => drop(GgufFile::parse(&bytes).unwrap()),
			"bpe_tokenizer" => drop(BpeTokenizer::from_gguf(&GgufFile::parse(&bytes).unwrap()).unwrap()),
			"chat_template" => drop(ChatTemplate::from_source(str::from_utf8(&bytes).unwrap(), "", "").unwrap()),
			"json_tokenizer" => drop(JsonTokenizer::from_json(&bytes).unwrap()),
			"format" => {
				let source = String::from_utf8(bytes[65..].to_vec()).unwrap();
				let format = if bytes[0] == 0 { Format::Json(source) } else { Format::Regex(source) };
				assert_eq!(check_format(&format), Ok(()));
			}
			"safetensors" => drop(SafetensorsFile::parse(&bytes).unwrap()),
			_ => {
				let model = LanguageModel::load(&bytes, 1).unwrap();
				assert_eq!(model.read(&mut model.context(), &[0, 4]).unwrap().len(), 5, "{name}");
			}
		}
	}
}

#[test]
#[ignore = "writes the seeds"]
fn write_seeds() {
	for (target, name, bytes) in seeds() {
		let folder = Path::new(FOLDER).join(target);
		fs::create_dir_all(&folder).unwrap();
		fs::write(folder.join(name), bytes).unwrap();
	}
}

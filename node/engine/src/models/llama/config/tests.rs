use super::{Config, Family};
use crate::gguf::{GgufDtype, GgufFile};
use crate::tests::{set_value, tiny_model, Gguf, Item};
use crate::{EngineError, LanguageModel};

const SIZES: [&str; 8] = [
	"block_count",
	"context_length",
	"embedding_length",
	"feed_forward_length",
	"attention.head_count",
	"attention.head_count_kv",
	"attention.key_length",
	"vocab_size",
];

/// A small model with another value for one key of its family.
fn with(family: &str, name: &str, value: [u8; 4]) -> Result<LanguageModel, EngineError> {
	let mut file = tiny_model(family, GgufDtype::Q8_0).bytes();
	set_value(&mut file, &format!("{family}.{name}"), value);
	LanguageModel::load(&file, 1)
}

/// A small model with one more value.
fn and(name: &str, item: Item<'_>) -> Result<LanguageModel, EngineError> {
	LanguageModel::load(&tiny_model("llama", GgufDtype::Q8_0).value(name, item).bytes(), 1)
}

fn is_invalid(loaded: Result<LanguageModel, EngineError>) -> bool {
	matches!(loaded, Err(EngineError::InvalidModel(_)))
}

#[test]
fn sizes_that_are_zero_giant_or_do_not_fit_the_others_should_be_refused() {
	for family in Family::ALL.map(Family::name) {
		with(family, "context_length", 40_u32.to_le_bytes()).unwrap();
		for name in SIZES {
			for size in [0, 3, 33, 64, 1 << 10, 1 << 16, 1 << 18, 1 << 20, 1 << 31, u32::MAX] {
				let fits = name == "context_length" && (1..=1 << 15).contains(&size);
				let loaded = with(family, name, size.to_le_bytes());
				assert_eq!(is_invalid(loaded), !fits, "{family}: {name} is {size}");
			}
		}
	}
}

#[test]
fn a_long_context_should_need_a_file_that_is_not_small() {
	let longest = 1 << 15;
	assert_eq!(with("llama", "context_length", [0, 0x80, 0, 0]).unwrap().context_length(), longest);
	assert!(is_invalid(with("llama", "context_length", [1, 0x80, 0, 0])));
	let ballast = factors(tiny_model("llama", GgufDtype::Q8_0), "rope_factors_short.weight", 1.0)
		.value("llama.rope.scaling.original_context_length", Item::U32(1 << 20))
		.tensor("rope_factors_long.weight", &[1 << 22], GgufDtype::Bf16, &vec![0; 1 << 23]);
	let mut file = ballast.bytes();
	set_value(&mut file, "llama.context_length", (1_u32 << 16).to_le_bytes());
	assert_eq!(LanguageModel::load(&file, 1).unwrap().context_length(), 2 * longest);
}

#[test]
fn a_window_should_shorten_the_context() {
	let context = |window| and("llama.attention.sliding_window", Item::U32(window)).map(|model| model.context_length());
	assert_eq!(context(7), Ok(7));
	assert_eq!(context(0), Ok(40));
	assert_eq!(context(u32::MAX), Ok(40));
}

#[test]
fn an_epsilon_or_a_base_out_of_range_should_be_refused() {
	let (epsilon, base) = ("attention.layer_norm_rms_epsilon", "rope.freq_base");
	for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0] {
		assert!(is_invalid(with("llama", epsilon, value.to_le_bytes())), "{epsilon} is {value}");
		assert!(is_invalid(with("llama", base, value.to_le_bytes())), "{base} is {value}");
	}
	assert!(is_invalid(with("llama", base, 0.999_f32.to_le_bytes())));
}

#[test]
fn what_the_forward_pass_does_not_compute_should_be_refused() {
	for scaling in ["su", "dynamic", "", "LINEAR", "YaRN"] {
		let Err(EngineError::InvalidModel(reason)) = and("llama.rope.scaling.type", Item::String(scaling)) else {
			panic!("{scaling:?} was loaded");
		};
		assert!(reason.contains(&format!("{scaling:?} is not supported")), "{reason}");
	}
	for rotated in [0, 16, 64, u32::MAX] {
		assert!(is_invalid(and("llama.rope.dimension_count", Item::U32(rotated))), "{rotated}");
	}
	assert!(and("llama.rope.scaling.type", Item::String("none")).is_ok());
	assert!(and("llama.rope.dimension_count", Item::U32(32)).is_ok());
}

#[test]
fn values_of_the_wrong_type_should_be_refused() {
	for (name, item) in [
		("llama.attention.sliding_window", Item::String("7")),
		("llama.rope.scaling.type", Item::U32(0)),
		("llama.rope.scaling.factor", Item::U32(2)),
		("llama.rope.scaling.attn_factor", Item::String("1")),
		("llama.rope.dimension_count", Item::F32(32.0)),
		("tokenizer.ggml.tokens", Item::I32s(&[0; 5])),
	] {
		assert!(is_invalid(and(name, item)), "{name}");
	}
	for architecture in [Item::U32(0), Item::Strings(&["llama"]), Item::String("LLAMA"), Item::String("")] {
		let file = Gguf::new().value("general.architecture", architecture).bytes();
		assert!(is_invalid(LanguageModel::load(&file, 1)), "{architecture:?}");
	}
}

#[test]
fn a_model_without_any_one_of_its_tensors_should_be_refused() {
	for family in Family::ALL.map(Family::name) {
		let file = tiny_model(family, GgufDtype::Q8_0).bytes();
		let parsed = GgufFile::parse(&file).unwrap();
		for name in parsed.tensors().map(|tensor| tensor.name) {
			let mut broken = file.clone();
			let at = file.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap();
			broken[at] = b'x';
			let reason = reason(LanguageModel::load(&broken, 1));
			// A bias that is missing is one that was renamed.
			assert!(reason.contains(&name[1..]), "{family} without {name}: {reason}");
		}
	}
}

#[test]
fn queries_keys_and_values_that_are_joined_otherwise_should_be_refused_by_the_tensor_that_is_there() {
	let (apart, joined) = ("blk.0.attn_q.weight", "blk.0.attn_qkv.weight");
	for (family, there, lacks) in [("phi3", apart, joined), ("llama", joined, apart), ("qwen2", joined, apart)] {
		let mut file = tiny_model(family, GgufDtype::Q8_0).tensor(there, &[32], GgufDtype::F32, &[0; 128]).bytes();
		let at = file.windows(lacks.len()).rposition(|window| window == lacks.as_bytes()).unwrap();
		file[at] = b'x';
		let reason = reason(LanguageModel::load(&file, 1));
		assert!(reason.contains(&format!("{there:?} in place of {lacks:?}")) && reason.contains(family), "{reason}");
	}
}

fn reason(loaded: Result<LanguageModel, EngineError>) -> String {
	match loaded.err() {
		Some(EngineError::InvalidModel(reason)) => reason,
		other => panic!("{other:?}"),
	}
}

#[test]
fn a_tensor_that_is_not_computed_with_should_be_refused_by_its_name() {
	for family in Family::ALL.map(Family::name) {
		for name in [
			"blk.0.attn_q.scale",
			"blk.0.attn_sinks.weight",
			"blk.0.post_attention_norm.weight",
			"blk.0.post_ffw_norm.weight",
			"blk.0.ffn_norm.weight",
			"blk.0.attn_norm.bias",
			"blk.1.attn_norm.weight",
			"output.bias",
			"token_embd_norm.weight",
			"anything",
		] {
			let file = tiny_model(family, GgufDtype::Q8_0);
			if GgufFile::parse(&file.bytes()).unwrap().tensor(name).is_some() {
				continue;
			}
			let reason = reason(load(&file.tensor(name, &[32], GgufDtype::F32, &[0; 128])));
			assert!(reason.contains(&format!("{name:?}")) && reason.contains(family), "{reason}");
		}
	}
	let normed =
		tiny_model("llama", GgufDtype::Q8_0).tensor("blk.0.attn_q_norm.weight", &[32], GgufDtype::F32, &[0; 128]);
	assert!(reason(load(&normed)).contains("attn_q_norm"));
}

#[test]
fn keys_that_change_what_a_model_computes_should_be_refused_by_their_names() {
	let half = 0.5_f32;
	for (name, refused, neutral) in [
		("attention.scale", Item::F32(half), Item::F32(1.0 / 32_f32.sqrt())),
		("attention.causal", Item::Bool(false), Item::Bool(true)),
		("attention.value_length", Item::U32(64), Item::U32(32)),
		("logit_scale", Item::F32(half), Item::F32(1.0)),
		("residual_scale", Item::F32(half), Item::F32(1.0)),
		("embedding_scale", Item::F32(half), Item::F32(0.0)),
		("attn_logit_softcapping", Item::F32(50.0), Item::F32(0.0)),
		("final_logit_softcapping", Item::F32(30.0), Item::F32(0.0)),
		("expert_count", Item::U32(8), Item::U32(0)),
		("use_parallel_residual", Item::Bool(true), Item::Bool(false)),
	] {
		let name = format!("llama.{name}");
		assert!(and(&name, neutral).is_ok(), "{name}");
		for refused in [refused, Item::F32(f32::NAN), Item::String("x")] {
			let reason = reason(and(&name, refused));
			assert!(reason.contains(&name), "{name} is {refused:?}: {reason}");
		}
	}
}

#[test]
fn scales_that_cannot_be_multiplied_by_should_be_refused_by_their_names() {
	let with = |name: &str, value: f32| load(&tiny_model("granite", GgufDtype::Q8_0).value(name, Item::F32(value)));
	for name in ["embedding_scale", "residual_scale", "attention.scale", "logit_scale"] {
		for value in [-1.0, f32::NAN, f32::INFINITY, f32::from_bits(1)] {
			let (mut file, name) = (tiny_model("granite", GgufDtype::Q8_0).bytes(), format!("granite.{name}"));
			set_value(&mut file, &name, value.to_le_bytes());
			assert!(reason(LanguageModel::load(&file, 1)).contains(&name), "{name} is {value}");
		}
	}
	let mut file = tiny_model("granite", GgufDtype::Q8_0).bytes();
	set_value(&mut file, "granite.logit_scale", 0_f32.to_le_bytes());
	assert!(reason(LanguageModel::load(&file, 1)).contains("logit_scale is 0"));
	let at = file.windows(11).position(|window| window == b"logit_scale").unwrap();
	file[at] = b'x';
	assert!(reason(LanguageModel::load(&file, 1)).contains("granite.logit_scale is missing"));
	assert!(reason(with("granite.final_logit_softcapping", 30.0)).contains("final_logit_softcapping"));
}

/// What a file's metadata say, of a model with so many layers.
fn config(family: &'static str, layers: u32, values: &[(&str, Item<'_>)]) -> Result<Config, EngineError> {
	let mut file = tiny_model(family, GgufDtype::Q8_0);
	for (name, item) in values {
		file = file.value(&format!("{family}.{name}"), *item);
	}
	let mut bytes = file.bytes();
	set_value(&mut bytes, &format!("{family}.block_count"), layers.to_le_bytes());
	Config::read(&GgufFile::parse(&bytes).unwrap())
}

#[test]
fn every_family_should_give_its_layers_the_windows_that_its_files_mean() {
	let window = ("attention.sliding_window", Item::U32(7));
	let seen = |family, layers, values: &[_]| -> Vec<usize> {
		let config = config(family, layers, values).unwrap();
		(0..layers as usize).map(|layer| config.window(layer).unwrap_or(0)).collect()
	};
	assert_eq!(seen("gemma2", 4, &[window]), [7, 0, 7, 0]);
	assert_eq!(seen("gemma2", 4, &[]), [4096, 0, 4096, 0]);
	assert_eq!(seen("gemma2", 3, &[("attention.sliding_window", Item::U32(0))]), [0, 0, 0]);
	assert_eq!(seen("gemma3", 8, &[window]), [7, 7, 7, 7, 7, 0, 7, 7]);
	assert_eq!(seen("gemma3", 3, &[]), [0, 0, 0]);
	assert_eq!(seen("olmo2", 5, &[window]), [7, 7, 7, 0, 7]);
	assert_eq!(seen("llama", 3, &[window]), [0, 0, 0], "the context is as short instead");
	let with = |pattern| seen("gemma3", 3, &[window, ("attention.sliding_window_pattern", pattern)]);
	assert_eq!(with(Item::U32(2)), [7, 0, 7]);
	assert_eq!(with(Item::U32(1)), [0, 0, 0]);
	assert_eq!(with(Item::U32(0)), [7, 7, 7]);
	assert_eq!(with(Item::I32s(&[0, 1, 1])), [0, 7, 7]);
	for pattern in [Item::I32s(&[1, 1]), Item::String("2"), Item::F32s(&[1.0])] {
		let refused = config("gemma3", 3, &[window, ("attention.sliding_window_pattern", pattern)]).unwrap_err();
		assert!(refused.to_string().contains("gemma3.attention.sliding_window_pattern"), "{refused}");
	}
}

#[test]
fn windows_should_rotate_as_their_family_does() {
	let window = ("attention.sliding_window", Item::U32(7));
	let linear = ("rope.scaling.factor", Item::F32(8.0));
	let local = |family, values: &[_]| {
		let config = config(family, 6, values).unwrap();
		assert_eq!(config.tables(), 1 + usize::from(config.local_windows().is_some()));
		config.local_windows().map(|windows| (windows.rope_base, windows.rope.factor))
	};
	assert_eq!(local("gemma3", &[window]), None, "all have the base 10000");
	assert_eq!(local("gemma3", &[window, linear]), Some((10_000.0, 1.0)));
	assert_eq!(local("gemma3", &[window, ("rope.freq_base_swa", Item::F32(500.0))]), Some((500.0, 1.0)));
	assert_eq!(local("gemma3", &[linear]), None);
	assert_eq!(local("olmo2", &[window, linear]), Some((10_000.0, 1.0)));
	assert_eq!(local("gemma2", &[window, linear]), None);
	assert_eq!(local("gemma2", &[linear, ("rope.freq_base_swa", Item::F32(500.0))]), Some((500.0, 8.0)));
	for base in [0.5, f32::NAN, f32::INFINITY] {
		let refused = config("gemma3", 6, &[window, ("rope.freq_base_swa", Item::F32(base))]).unwrap_err();
		assert!(refused.to_string().contains("gemma3.rope.freq_base_swa"), "{refused}");
	}
}

#[test]
fn factors_of_frequencies_should_be_refused_where_the_architecture_has_none() {
	for family in ["olmo2", "gemma2", "gemma3"] {
		let reason = reason(load(&factors(tiny_model(family, GgufDtype::Q8_0), "rope_freqs.weight", 1.0)));
		assert!(reason.contains(family) && reason.contains("rope_freqs.weight"), "{reason}");
	}
}

#[test]
fn the_largest_models_of_gemma_should_scale_scores_by_a_share_of_the_width() {
	for (family, largest) in [("gemma2", 46), ("gemma3", 62)] {
		let scale = |layers| {
			let config = config(family, layers, &[]);
			config.map(|config| config.scales.scores)
		};
		assert_eq!(scale(largest - 1), Ok(1.0 / 32_f32.sqrt()), "a head has 32 values");
		let mut file = tiny_model(family, GgufDtype::Q8_0).bytes();
		set_value(&mut file, &format!("{family}.block_count"), (largest).to_le_bytes());
		set_value(&mut file, &format!("{family}.embedding_length"), 96_u32.to_le_bytes());
		let config = Config::read(&GgufFile::parse(&file).unwrap()).unwrap();
		assert_eq!(config.scales.scores, 1.0 / 96_f32.sqrt());
	}
}

#[test]
fn bounds_should_be_what_the_family_has_and_be_refused_by_their_names_elsewhere() {
	let final_bound = ("final_logit_softcapping", Item::F32(30.0));
	assert_eq!(config("gemma3", 1, &[]).unwrap().scales.logit_bound, None);
	assert_eq!(config("gemma3", 1, &[("final_logit_softcapping", Item::F32(0.0))]).unwrap().scales.logit_bound, None);
	assert_eq!(config("gemma3", 1, &[final_bound]).unwrap().scales.logit_bound, Some(30.0));
	for (family, name) in [("gemma3", "attn_logit_softcapping"), ("olmo2", "final_logit_softcapping")] {
		let refused = config(family, 1, &[(name, Item::F32(50.0))]).unwrap_err();
		assert!(refused.to_string().contains(name), "{refused}");
	}
	for name in ["attn_logit_softcapping", "final_logit_softcapping"] {
		let mut file = tiny_model("gemma2", GgufDtype::Q8_0).bytes();
		set_value(&mut file, &format!("gemma2.{name}"), 0_f32.to_le_bytes());
		assert!(reason(LanguageModel::load(&file, 1)).contains(&format!("{name} is 0")));
		let at = file.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
		file[at] = b'x';
		assert!(reason(LanguageModel::load(&file, 1)).contains(&format!("gemma2.{name} is missing")));
	}
}

#[test]
fn a_scale_of_zero_should_be_none() {
	for (name, neutral) in [("embedding_scale", 1.0), ("residual_scale", 1.0), ("attention.scale", 1.0 / 32_f32.sqrt())]
	{
		let answers = [0.0, neutral, 0.5].map(|value: f32| {
			let mut file = tiny_model("granite", GgufDtype::Q8_0).bytes();
			set_value(&mut file, &format!("granite.{name}"), value.to_le_bytes());
			let model = LanguageModel::load(&file, 1).unwrap();
			model.read(&mut model.context(), &[0, 3, 1, 4]).unwrap()
		});
		assert_eq!(answers[0], answers[1], "{name}");
		assert_ne!(answers[0], answers[2], "{name}");
	}
}

#[test]
fn a_granite_model_that_does_not_rotate_or_reads_pictures_should_be_refused() {
	let with = |name: &str, item: Item<'_>| load(&tiny_model("granite", GgufDtype::Q8_0).value(name, item));
	assert!(with("granite.rope.scaling.finetuned", Item::Bool(true)).is_ok());
	assert!(reason(with("granite.rope.scaling.finetuned", Item::Bool(false))).contains("finetuned"));
	assert!(reason(with("granite.deepstack_mapping", Item::I32s(&[-1]))).contains("deepstack_mapping"));
}

#[test]
fn files_that_are_no_whole_model_should_be_refused_by_what_they_are() {
	let part = tiny_model("llama", GgufDtype::Q8_0).value("split.count", Item::U32(3)).value("split.no", Item::U32(1));
	assert!(reason(load(&part)).contains("part 2 of 3"));
	assert!(and("split.count", Item::U32(1)).is_ok());
	assert!(reason(and("general.type", Item::String("adapter"))).contains("adapter"));
	assert!(reason(and("general.type", Item::String("mmproj"))).contains("mmproj"));
	assert!(and("general.type", Item::String("model")).is_ok());
	let reason = reason(and("tokenizer.ggml.tokens", Item::Strings(&["a", "b"])));
	assert!(reason.contains("llama.vocab_size is 5") && reason.contains("2 tokens"), "{reason}");
}

#[test]
fn a_size_that_does_not_fit_should_be_told_in_a_line_that_names_its_key() {
	for (name, value, said) in [
		("embedding_length", 48_u32.to_le_bytes(), "llama.embedding_length is 48"),
		("feed_forward_length", 33_u32.to_le_bytes(), "llama.feed_forward_length is 33"),
		("attention.key_length", 80_u32.to_le_bytes(), "llama.attention.key_length"),
		("attention.head_count_kv", 3_u32.to_le_bytes(), "llama.attention.head_count_kv"),
		("attention.layer_norm_rms_epsilon", 0_f32.to_le_bytes(), "llama.attention.layer_norm_rms_epsilon is 0"),
		("rope.freq_base", 0_f32.to_le_bytes(), "llama.rope.freq_base is 0"),
	] {
		let reason = reason(with("llama", name, value));
		assert!(reason.contains(said) && !reason.contains(['{', '}', '\n']), "{reason}");
	}
	assert!(reason(and("llama.rope.dimension_count", Item::U32(16))).contains("llama.rope.dimension_count is 16"));
}

#[test]
fn the_architecture_should_be_told_before_a_type_of_tensors() {
	let file = |architecture| {
		let file = Gguf::new().value("general.architecture", Item::String(architecture));
		LanguageModel::load(&file.described("t", &[256], 16, 0).bytes(), 1)
	};
	assert_eq!(reason(file("mamba")), "architecture \"mamba\" is not known");
	let reason = reason(file("llama"));
	assert!(reason.contains("IQ2_XXS") && reason.contains("\"t\""), "{reason}");
}

/// What each frequency is divided by, as a tensor.
fn factors(file: Gguf, name: &str, factor: f32) -> Gguf {
	file.tensor(name, &[16], GgufDtype::F32, &factor.to_le_bytes().repeat(16))
}

fn load(file: &Gguf) -> Result<LanguageModel, EngineError> {
	LanguageModel::load(&file.bytes(), 1)
}

/// The bits of the logits after a few tokens.
fn logits(file: &Gguf) -> Vec<u32> {
	let model = load(file).unwrap();
	let logits = model.read(&mut model.context(), &[0, 3, 1, 4, 2, 2]).unwrap();
	logits.into_iter().map(f32::to_bits).collect()
}

#[test]
fn linear_scaling_should_slow_all_frequencies() {
	// Those with windows have no factors to compare with.
	for family in Family::ALL.into_iter().filter(|family| !family.has_windows()).map(Family::name) {
		let model = || tiny_model(family, GgufDtype::Q8_0);
		let scaled = |kind: Option<&str>, name: &str| {
			let file = model().value(&format!("{family}.{name}"), Item::F32(4.0));
			logits(&match kind {
				Some(kind) => file.value(&format!("{family}.rope.scaling.type"), Item::String(kind)),
				None => file,
			})
		};
		let slowed = logits(&factors(model(), "rope_freqs.weight", 4.0));
		assert_ne!(slowed, logits(&model()));
		for kind in [Some("linear"), None] {
			assert_eq!(scaled(kind, "rope.scaling.factor"), slowed);
			assert_eq!(scaled(kind, "rope.scale_linear"), slowed);
		}
		assert_eq!(scaled(Some("none"), "rope.scaling.factor"), logits(&model()));
	}
}

#[test]
fn long_rope_should_have_the_short_factors_and_the_original_context() {
	let with = |short: f32, long: f32| {
		let file = tiny_model("phi3", GgufDtype::Q8_0).value("phi3.rope.scaling.original_context_length", Item::U32(8));
		factors(factors(file, "rope_factors_short.weight", short), "rope_factors_long.weight", long)
	};
	assert_eq!(load(&with(1.5, 9.0)).unwrap().context_length(), 8);
	assert_eq!(logits(&with(1.5, 9.0)), logits(&with(1.5, 3.0)));
	assert_eq!(logits(&with(1.0, 9.0)), logits(&tiny_model("phi3", GgufDtype::Q8_0)));
	let named = with(1.5, 9.0).value("phi3.rope.scaling.type", Item::String("longrope"));
	assert_eq!(logits(&named), logits(&with(1.5, 9.0)));
	// Both queries and keys are multiplied, so the scores are by the square.
	let louder = |factor| logits(&with(1.5, 9.0).value("phi3.rope.scaling.attn_factor", Item::F32(factor)));
	assert_eq!(louder(1.0), logits(&with(1.5, 9.0)));
	assert_ne!(louder(1.19), louder(1.0));
	let unlimited = factors(tiny_model("phi3", GgufDtype::Q8_0), "rope_factors_short.weight", 1.5);
	assert!(is_invalid(load(&unlimited)), "from where on the long factors apply is not known");
	let longer = unlimited.value("phi3.rope.scaling.original_context_length", Item::U32(1 << 20));
	assert_eq!(load(&longer).unwrap().context_length(), 40);
}

#[test]
fn yarn_should_leave_fast_frequencies_alone_and_slow_the_others() {
	for family in Family::ALL.into_iter().filter(|family| *family != Family::Gemma3).map(Family::name) {
		let model = || tiny_model(family, GgufDtype::Q8_0);
		let yarn = |factor: f32, original: u32| {
			model()
				.value(&format!("{family}.rope.scaling.type"), Item::String("yarn"))
				.value(&format!("{family}.rope.scaling.factor"), Item::F32(factor))
				.value(&format!("{family}.rope.scaling.original_context_length"), Item::U32(original))
		};
		assert_eq!(load(&yarn(4.0, 10)).unwrap().context_length(), 40, "what the file states");
		assert_eq!(logits(&yarn(1.0, 10)), logits(&model()), "a factor of one slows nothing");
		let answers = [yarn(4.0, 10), yarn(4.0, 20_000), yarn(8.0, 10), model()].map(|file| logits(&file));
		for (at, answer) in answers.iter().enumerate() {
			assert!(!answers[at + 1..].contains(answer), "{family}: {at}");
		}
		// As llama.cpp means them, where it reads them.
		for (name, neutral, other) in [("yarn_beta_fast", 32.0, 8.0), ("yarn_beta_slow", 1.0, 4.0)] {
			let with = |value| yarn(4.0, 20_000).value(&format!("{family}.rope.scaling.{name}"), Item::F32(value));
			assert_eq!(logits(&with(neutral)), answers[1], "{family}: {name}");
			assert_ne!(logits(&with(other)), answers[1], "{family}: {name}");
		}
		let louder = yarn(4.0, 10).value(&format!("{family}.rope.scaling.attn_factor"), Item::F32(2.0));
		assert_ne!(logits(&louder), answers[0]);
	}
}

#[test]
fn yarn_that_is_not_computed_should_be_refused_by_what_is_wrong() {
	let yarn = |family: &str| {
		tiny_model(family, GgufDtype::Q8_0).value(&format!("{family}.rope.scaling.type"), Item::String("yarn"))
	};
	let llama = |name: &str, item| load(&yarn("llama").value(&format!("llama.rope.scaling.{name}"), item));
	assert!(reason(llama("yarn_log_multiplier", Item::F32(0.1))).contains("yarn_log_multiplier"));
	for name in ["yarn_ext_factor", "yarn_attn_factor"] {
		assert!(llama(name, Item::F32(1.0)).is_ok());
		assert!(reason(llama(name, Item::F32(0.5))).contains(name));
	}
	assert!(llama("yarn_ext_factor", Item::F32(-1.0)).is_ok(), "not set");
	for name in ["factor", "yarn_beta_fast", "yarn_beta_slow", "attn_factor"] {
		for value in [0.0, -1.0, f32::NAN, f32::INFINITY] {
			assert!(reason(llama(name, Item::F32(value))).contains(name), "{name} is {value}");
		}
	}
	for original in [0, u32::MAX] {
		assert!(reason(llama("original_context_length", Item::U32(original))).contains("original_context_length"));
	}
	assert!(reason(load(&factors(yarn("llama"), "rope_freqs.weight", 1.0))).contains("rope_freqs.weight"));
	assert!(reason(load(&yarn("gemma3"))).contains("gemma3"));
	let mut file = yarn("llama").bytes();
	set_value(&mut file, "llama.rope.freq_base", 1_f32.to_le_bytes());
	assert!(reason(LanguageModel::load(&file, 1)).contains("freq_base"));
}

#[test]
fn scalings_that_contradict_themselves_or_are_out_of_range_should_be_refused() {
	let model = || tiny_model("phi3", GgufDtype::Q8_0);
	for name in ["rope.scaling.factor", "rope.scale_linear", "rope.scaling.attn_factor"] {
		for value in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(1)] {
			let file = model().value(&format!("phi3.{name}"), Item::F32(value));
			assert!(is_invalid(load(&file)), "{name} is {value}");
		}
		for value in [f32::MIN_POSITIVE, f32::MAX] {
			let file = model().value(&format!("phi3.{name}"), Item::F32(value));
			let model = load(&file).unwrap();
			let _ = model.read(&mut model.context(), &[0, 1, 2]);
		}
	}
	for value in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::from_bits(1)] {
		for name in ["rope_freqs.weight", "rope_factors_short.weight"] {
			assert!(is_invalid(load(&factors(model(), name, value))), "{name} of {value}");
		}
	}
	assert!(is_invalid(load(&factors(model(), "rope_factors_long.weight", 1.0))));
	assert!(is_invalid(load(&model().value("phi3.rope.scaling.type", Item::String("longrope")))));
	let both = factors(factors(model(), "rope_freqs.weight", 1.0), "rope_factors_short.weight", 1.0);
	assert!(is_invalid(load(&both)));
	let none = factors(model(), "rope_factors_short.weight", 1.0);
	assert!(is_invalid(load(&none.value("phi3.rope.scaling.original_context_length", Item::U32(0)))));
	let short = model().tensor("rope_factors_short.weight", &[15], GgufDtype::F32, &[1; 60]);
	assert!(is_invalid(load(&short)));
}

#[test]
fn every_family_should_be_an_architecture_of_the_same_name() {
	for family in Family::ALL {
		let architecture = crate::Architecture::find(family.name());
		assert_eq!(architecture.map(|found| found.to_string()), Some(family.name().into()));
	}
}

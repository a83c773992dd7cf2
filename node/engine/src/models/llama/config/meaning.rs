//! Keys that change what a model computes, and that no forward pass here follows.
//!
//! A file that has one with a value that matters is refused by the key's name: it would be computed as another model.

use super::{invalid, Config, Family, Scales};
use crate::gguf::GgufFile;
use crate::models::gguf_keys::number;
use crate::EngineError;

/// What a key may say without a meaning.
enum Neutral {
	/// No: the number is zero or the truth value false.
	No,
	/// Nothing is multiplied: the number is one, or zero, which files write where they have none.
	One,
	/// The truth value is true.
	Yes,
	/// The number is the size of a head.
	Head,
	/// The number is what scores are multiplied by anyway, or zero.
	ScoreScale,
}

/// The keys behind the architecture's name.
const KEYS: [(&str, Neutral); 24] = [
	("attention.scale", Neutral::ScoreScale),
	("attention.value_length", Neutral::Head),
	("attention.causal", Neutral::Yes),
	("attention.clamp_kqv", Neutral::No),
	("attention.max_alibi_bias", Neutral::No),
	("attention.alibi_bias_max", Neutral::No),
	("attention.temperature_scale", Neutral::No),
	("attention.temperature_length", Neutral::No),
	("attention.shared_kv_layers", Neutral::No),
	("attn_logit_softcapping", Neutral::No),
	("router_logit_softcapping", Neutral::No),
	("final_logit_softcapping", Neutral::No),
	("logit_scale", Neutral::One),
	("residual_scale", Neutral::One),
	("embedding_scale", Neutral::One),
	("rope.scaling.yarn_log_multiplier", Neutral::No),
	("rope.scaling.alpha", Neutral::No),
	("expert_count", Neutral::No),
	("expert_used_count", Neutral::No),
	("expert_shared_count", Neutral::No),
	("nextn_predict_layers", Neutral::No),
	("use_parallel_residual", Neutral::No),
	("swin_norm", Neutral::No),
	("pooling_type", Neutral::No),
];

/// Those of Granite alone: a file that says no to the first has no rotation, one with the second reads pictures.
const GRANITE_KEYS: [(&str, Neutral); 2] =
	[("rope.scaling.finetuned", Neutral::Yes), ("deepstack_mapping", Neutral::No)];

/// Refuses a file with a key that changes what is computed.
pub(super) fn check_keys(file: &GgufFile<'_>, config: &Config) -> Result<(), EngineError> {
	let family = config.family;
	let own: &[_] = if family == Family::Granite { &GRANITE_KEYS } else { &[] };
	for (name, neutral) in KEYS.iter().chain(own).filter(|(name, _)| !Scales::names(family).contains(name)) {
		let name = format!("{}.{name}", family.name());
		let Some((_, value)) = file.values().find(|(key, _)| *key == name) else { continue };
		let Some(number) = number(value) else {
			return Err(invalid(format!("the value of {name:?} is neither a number nor a truth value")));
		};
		let is_neutral = match neutral {
			Neutral::No => number == 0.0,
			Neutral::One => number == 0.0 || number == 1.0,
			Neutral::Yes => number == 1.0,
			Neutral::Head => number == config.head as f64,
			Neutral::ScoreScale => number == 0.0 || number as f32 == config.scales.scores,
		};
		if !is_neutral {
			return Err(invalid(format!("{name} is {number}, which is not computed here")));
		}
	}
	Ok(())
}

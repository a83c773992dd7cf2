//! What stands beside a model's safetensors: `config.json` and `1_Pooling/config.json`.

use super::{Pooling, Shape};
use crate::models::linear::invalid;
use crate::EngineError;
use serde_json::{Map, Value};

/// No file of a few settings is larger, in bytes.
const MAX_FILE: usize = 1 << 20;

/// What a pooling's setting begins with, in the files of most models; a truth value each.
const MODE: &str = "pooling_mode_";

/// What is true of all-MiniLM-L6-v2, and what is assumed where these files do not come along.
pub(super) const MINILM: Settings =
	Settings { shape: Shape { head: 32, epsilon: 1e-12, pooling: Pooling::Mean }, heads: None, context: 256 };

/// What weights do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
	/// The size of a head counts where there is no number of heads.
	pub shape: Shape,
	pub heads: Option<usize>,
	/// The most tokens that it reads, if it has positions for more.
	pub context: usize,
}

impl Settings {
	/// Reads the two files. What they ask for and is not computed here is refused by its name.
	pub fn read(config: &[u8], pooling: &[u8]) -> Result<Self, EngineError> {
		let config = object("config.json", config)?;
		let text = |name: &str, default: &'static str| match &config.get(name) {
			None => Ok(default.to_string()),
			Some(Value::String(text)) => Ok(text.clone()),
			Some(other) => Err(invalid(format!("{name} of config.json is {other}, expected a text"))),
		};
		for (name, default, expected) in [
			("model_type", "", "bert"),
			("position_embedding_type", "absolute", "absolute"),
			("hidden_act", "gelu", "gelu"),
		] {
			let found = text(name, default)?;
			if found != expected {
				return Err(invalid(format!(
					"{name} of config.json is {found:?}, which is not computed here: only {expected:?} is"
				)));
			}
		}
		if config.get("is_decoder").is_some_and(|value| *value != Value::Bool(false)) {
			return Err(invalid("is_decoder of config.json is not false, which is not computed here".into()));
		}
		let count = |name: &str| {
			let value = config.get(name).and_then(Value::as_u64).and_then(|value| usize::try_from(value).ok());
			value.filter(|value| *value > 0).ok_or_else(|| invalid(format!("config.json has no number as its {name}")))
		};
		let epsilon = config.get("layer_norm_eps").and_then(Value::as_f64).map(|value| value as f32);
		let epsilon = epsilon.filter(|value| value.is_normal() && *value > 0.0);
		let epsilon =
			epsilon.ok_or_else(|| invalid("config.json has no positive number as its layer_norm_eps".into()))?;
		let pooling = read_pooling(&object("1_Pooling/config.json", pooling)?)?;
		let context = count("max_position_embeddings")?;
		Ok(Self { shape: Shape { head: 0, epsilon, pooling }, heads: Some(count("num_attention_heads")?), context })
	}

	/// The shape of a model of this width.
	pub fn shape(&self, width: usize) -> Result<Shape, EngineError> {
		let head = match self.heads {
			Some(heads) if width.is_multiple_of(heads) => width / heads,
			Some(heads) => return Err(invalid(format!("its width is {width}, which {heads} heads do not divide"))),
			None => self.shape.head,
		};
		Ok(Shape { head, ..self.shape })
	}
}

fn object(name: &str, file: &[u8]) -> Result<Map<String, Value>, EngineError> {
	if file.len() > MAX_FILE {
		return Err(invalid(format!("{name} has {} bytes, more than {MAX_FILE}", file.len())));
	}
	serde_json::from_slice(file).map_err(|error| invalid(format!("{name} is no object of JSON: {error}")))
}

fn read_pooling(settings: &Map<String, Value>) -> Result<Pooling, EngineError> {
	let set = settings.iter().filter(|(_, value)| **value == Value::Bool(true));
	let mut modes: Vec<&str> = set.filter_map(|(name, _)| name.strip_prefix(MODE)).collect();
	modes.extend(settings.get("pooling_mode").and_then(Value::as_str));
	match modes[..] {
		["mean_tokens" | "mean"] => Ok(Pooling::Mean),
		["cls_token" | "cls"] => Ok(Pooling::First),
		[] => Err(invalid("1_Pooling/config.json names no pooling".into())),
		_ => Err(invalid(format!(
			"the pooling of 1_Pooling/config.json is {}, which is not computed here: only mean or cls is",
			modes.join(" and ")
		))),
	}
}

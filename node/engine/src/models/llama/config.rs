//! What a file says about its model.

mod meaning;

use super::linear::invalid;
use crate::gguf::{GgufError, GgufFile, Strings};
use crate::EngineError;

/// What the tables of angles may take in any file, in bytes. Beyond that, they may not be larger than the tensors.
const TABLE_BYTES: u64 = 4 << 20;

/// What frequencies are divided by: in texts of every length (Llama 3), and in those up to the length that the model was
/// first trained for and in longer ones (LongRoPE).
const ALL_FACTORS: &str = "rope_freqs.weight";
const SHORT_FACTORS: &str = "rope_factors_short.weight";
const LONG_FACTORS: &str = "rope_factors_long.weight";

/// The families that share this architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
	/// Queries and keys rotate pairs of neighbours.
	Llama,
	/// As Llama, with biases on queries, keys and values; rotates pairs that are half a head apart.
	Qwen2,
	/// As Qwen2, mostly without biases, with a norm of each head of queries and keys.
	Qwen3,
	/// Queries, keys and values in one matrix, as are gate and up; rotates as Qwen2.
	Phi3,
	/// As Llama, but for every fourth layer, where nothing rotates.
	SmolLm3,
}

/// Of so many layers of SmolLM3, the last has no rotation. Its files do not say.
const SMOLLM3_STEP: usize = 4;

impl Family {
	/// Every family.
	pub const ALL: [Self; 5] = [Self::Llama, Self::Qwen2, Self::Qwen3, Self::Phi3, Self::SmolLm3];

	/// What files call it.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Llama => "llama",
			Self::Qwen2 => "qwen2",
			Self::Qwen3 => "qwen3",
			Self::Phi3 => "phi3",
			Self::SmolLm3 => "smollm3",
		}
	}

	/// Whether files have pairs of neighbours rotate.
	pub const fn rotates_neighbours(self) -> bool {
		matches!(self, Self::Llama | Self::SmolLm3)
	}

	/// The family that a file says it is of.
	pub fn of(file: &GgufFile<'_>) -> Result<Self, EngineError> {
		let name: &str = file.get("general.architecture").map_err(|error| invalid(error.to_string()))?;
		Self::ALL.into_iter().find(|family| family.name() == name).ok_or_else(|| unknown_architecture(name))
	}
}

/// No model of this architecture is computed here.
fn unknown_architecture(name: &str) -> EngineError {
	let known = Family::ALL.map(Family::name).join(", ");
	invalid(format!("architecture {name:?} is not known: only {known} are"))
}

/// The shape of a model, by the names of GGUF.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
	pub family: Family,
	pub layers: usize,
	pub width: usize,
	pub hidden: usize,
	pub heads: usize,
	pub kv_heads: usize,
	pub head: usize,
	/// How many values of a head rotate, from the first one on.
	pub rotated: usize,
	pub vocabulary: usize,
	pub context: usize,
	pub epsilon: f32,
	pub rope_base: f64,
	pub rope: Rope,
}

/// How angles are scaled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rope {
	/// What every angle is divided by.
	pub factor: f64,
	/// The tensor of what each frequency is divided by.
	pub factors: Option<&'static str>,
	/// What cosines and sines are multiplied by.
	pub amplitude: f64,
}

impl Rope {
	fn read(file: &GgufFile<'_>, key: &dyn Fn(&str) -> String) -> Result<Self, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		// A number that angles can be divided by or cosines multiplied.
		let positive = |name: &str| match file.find::<f32>(&key(name)).map_err(error)? {
			Some(value) if !value.is_normal() || value < 0.0 => {
				Err(invalid(format!("{} is {value}, expected a positive number", key(name))))
			}
			value => Ok(value.map(f64::from)),
		};
		let scaling: Option<&str> = file.find(&key("rope.scaling.type")).map_err(error)?;
		let factor = match scaling {
			Some("none" | "longrope") => None,
			// Files that say a factor alone mean it so.
			None | Some("linear") => positive("rope.scaling.factor")?.or(positive("rope.scale_linear")?),
			Some(other) => {
				return Err(invalid(format!(
					"rope scaling {other:?} is not supported: only \"linear\" and \"longrope\" are"
				)))
			}
		};
		let [all, short, long] = [ALL_FACTORS, SHORT_FACTORS, LONG_FACTORS].map(|name| file.tensor(name).is_some());
		let factors = match (all, short || long || scaling == Some("longrope")) {
			(true, true) => return Err(invalid("rope factors for every length and for short and long texts".into())),
			(true, false) => Some(ALL_FACTORS),
			(false, true) => Some(SHORT_FACTORS),
			(false, false) => None,
		};
		let amplitude = positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
		Ok(Self { factor: factor.unwrap_or(1.0), factors, amplitude })
	}
}

impl Config {
	/// Reads the metadata and makes sure that the forward pass can compute such a shape.
	pub fn read(file: &GgufFile<'_>) -> Result<Self, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		meaning::check_kind(file)?;
		let family = Family::of(file)?;
		let key = |name: &str| format!("{}.{name}", family.name());
		let size = |name: &str, limit: u32| -> Result<usize, EngineError> {
			let value: u32 = file.get(&key(name)).map_err(error)?;
			match (1..=limit).contains(&value) {
				true => Ok(value as usize),
				false => Err(invalid(format!("{} is {value}, expected 1 to {limit}", key(name)))),
			}
		};
		let optional = |name: &str| file.find::<u32>(&key(name)).map_err(error);
		let float = |name: &str| file.find::<f32>(&key(name)).map_err(error);
		let (width, heads) = (size("embedding_length", 1 << 16)?, size("attention.head_count", 1 << 10)?);
		let head = optional("attention.key_length")?.map_or(width / heads, |head| head as usize);
		let kv_heads = match optional("attention.head_count_kv")? {
			None => heads,
			Some(_) => size("attention.head_count_kv", 1 << 10)?,
		};
		let rope = Rope::read(file, &key)?;
		let mut context = size("context_length", 1 << 20)?;
		// Within the window, attention to all is what the model does.
		let window = optional("attention.sliding_window")?.filter(|window| *window > 0);
		// Longer texts have other factors, from their first position on.
		let original = match rope.factors {
			Some(SHORT_FACTORS) => Some(size("rope.scaling.original_context_length", 1 << 20)?),
			_ => None,
		};
		for limit in [window.map(|window| window as usize), original].into_iter().flatten() {
			context = context.min(limit);
		}
		let tokens = file.find::<Strings<'_>>("tokenizer.ggml.tokens").map_err(error)?.map(|tokens| tokens.len());
		let vocabulary = match (tokens, optional("vocab_size")?) {
			(Some(tokens), Some(size)) if tokens != size as usize => {
				return Err(invalid(format!("{} is {size}, but there are {tokens} tokens", key("vocab_size"))));
			}
			(Some(tokens), _) => tokens,
			(None, _) => size("vocab_size", 1 << 22)?,
		};
		let epsilon = float("attention.layer_norm_rms_epsilon")?
			.ok_or_else(|| invalid(format!("{} is missing", key("attention.layer_norm_rms_epsilon"))))?;
		let config = Self {
			family,
			layers: size("block_count", 1 << 10)?,
			width,
			hidden: size("feed_forward_length", 1 << 18)?,
			heads,
			kv_heads,
			head,
			rotated: optional("rope.dimension_count")?.map_or(head, |rotated| rotated as usize),
			vocabulary,
			context,
			epsilon,
			rope_base: f64::from(float("rope.freq_base")?.unwrap_or(10_000.0)),
			rope,
		};
		config.check(&key)?;
		meaning::check_keys(file, &key, config.head)?;
		let table_bytes = (config.context * config.head * size_of::<f32>()) as u64;
		if table_bytes > TABLE_BYTES.max(file.tensor_bytes()) {
			return Err(invalid(format!(
				"a context of {} positions is too long for such a small file",
				config.context
			)));
		}
		Ok(config)
	}

	fn check(&self, key: &dyn Fn(&str) -> String) -> Result<(), EngineError> {
		let &Self { width, hidden, heads, kv_heads, head, rotated, epsilon, rope_base, .. } = self;
		for (name, size) in [("embedding_length", width), ("feed_forward_length", hidden)] {
			if !size.is_multiple_of(32) {
				return Err(invalid(format!("{} is {size}, expected a multiple of 32", key(name))));
			}
		}
		if !head.is_multiple_of(32) || !(1..=1 << 10).contains(&head) {
			let shares = [key("attention.key_length"), key("embedding_length"), key("attention.head_count")];
			let [own, width, heads] = shares;
			return Err(invalid(format!(
				"a head has {head} values ({own}, or {width} by {heads}), expected a multiple of 32 up to 1024"
			)));
		}
		if !heads.is_multiple_of(kv_heads) {
			let [all, shared] = ["attention.head_count", "attention.head_count_kv"].map(key);
			return Err(invalid(format!("{all} is {heads}, not a multiple of {shared}, which is {kv_heads}")));
		}
		let fits = rotated.is_multiple_of(32) && (32..=head).contains(&rotated);
		if !fits || (self.family.rotates_neighbours() && rotated != head) {
			let name = key("rope.dimension_count");
			let expected = if self.family.rotates_neighbours() { "all" } else { "a multiple of 32" };
			return Err(invalid(format!("{name} is {rotated} of the {head} values of a head, expected {expected}")));
		}
		if !epsilon.is_finite() || epsilon <= 0.0 {
			let name = key("attention.layer_norm_rms_epsilon");
			return Err(invalid(format!("{name} is {epsilon}, expected a positive number")));
		}
		if !rope_base.is_finite() || rope_base < 1.0 {
			return Err(invalid(format!("{} is {rope_base}, expected at least 1", key("rope.freq_base"))));
		}
		Ok(())
	}

	/// Whether queries and keys of a layer rotate.
	pub fn rotates(&self, layer: usize) -> bool {
		self.family != Family::SmolLm3 || !(layer + 1).is_multiple_of(SMOLLM3_STEP)
	}

	/// Whether a tensor may be left over: within the original context, the factors of longer ones are not used.
	pub fn has_no_use_for(&self, tensor: &str) -> bool {
		tensor == LONG_FACTORS && self.rope.factors == Some(SHORT_FACTORS)
	}
}

#[cfg(test)]
mod tests;

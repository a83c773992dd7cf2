//! What a file says about its model.

mod meaning;
mod rope;
mod scales;
mod window;

use crate::gguf::{GgufError, GgufFile, Strings};
use crate::models::gguf_keys::check_kind;
use crate::models::linear::invalid;
use crate::EngineError;
pub(super) use rope::Rope;
use rope::{LONG_FACTORS, SHORT_FACTORS};
pub(super) use scales::Scales;
pub(super) use window::Windows;

/// What the tables of angles may take in any file, in bytes. Beyond that, they may not be larger than the tensors.
const TABLE_BYTES: u64 = 4 << 20;

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
	/// As Llama, with [`Scales`].
	Granite,
	/// As Qwen2 without biases, with norms of what layers add in place of those of what they read, and of all queries and
	/// all keys of a position.
	Olmo2,
	/// As Qwen2 without biases, with norms of what layers read and add, [`Scales`], [`Windows`], and GELU.
	Gemma2,
	/// As Gemma2, with a norm of each head of queries and keys. Windows have angles of their own.
	Gemma3,
}

/// Of so many layers of SmolLM3, the last has no rotation. Its files do not say.
const SMOLLM3_STEP: usize = 4;

impl Family {
	/// Every family.
	pub const ALL: [Self; 9] = [
		Self::Llama,
		Self::Qwen2,
		Self::Qwen3,
		Self::Phi3,
		Self::SmolLm3,
		Self::Granite,
		Self::Olmo2,
		Self::Gemma2,
		Self::Gemma3,
	];

	/// What files call it.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Llama => "llama",
			Self::Qwen2 => "qwen2",
			Self::Qwen3 => "qwen3",
			Self::Phi3 => "phi3",
			Self::SmolLm3 => "smollm3",
			Self::Granite => "granite",
			Self::Olmo2 => "olmo2",
			Self::Gemma2 => "gemma2",
			Self::Gemma3 => "gemma3",
		}
	}

	/// Whether files have pairs of neighbours rotate.
	pub const fn rotates_neighbours(self) -> bool {
		matches!(self, Self::Llama | Self::SmolLm3 | Self::Granite)
	}

	/// Whether some layers may see a window alone. Of the others, a window shortens the context: within it, attention to
	/// all is what the model does.
	pub const fn has_windows(self) -> bool {
		matches!(self, Self::Olmo2 | Self::Gemma2 | Self::Gemma3)
	}

	/// Whether gates are GELUs, not SiLUs.
	pub const fn has_gelu(self) -> bool {
		matches!(self, Self::Gemma2 | Self::Gemma3)
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
	pub scales: Scales,
	/// What some layers see, if not all.
	pub windows: Option<Windows>,
}

/// A number that can be multiplied by or divided by, if the file has it.
fn positive(file: &GgufFile<'_>, key: &str) -> Result<Option<f32>, EngineError> {
	match file.find::<f32>(key).map_err(|error| invalid(error.to_string()))? {
		Some(value) if !value.is_normal() || value < 0.0 => {
			Err(invalid(format!("{key} is {value}, expected a positive number")))
		}
		value => Ok(value),
	}
}

impl Config {
	/// Reads the metadata and makes sure that the forward pass can compute such a shape.
	pub fn read(file: &GgufFile<'_>) -> Result<Self, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		check_kind(file)?;
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
		let mut context = size("context_length", 1 << 20)?;
		let rope = Rope::read(file, family, context)?;
		let window = optional("attention.sliding_window")?.filter(|window| *window > 0 && !family.has_windows());
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
		let layers = size("block_count", 1 << 10)?;
		let rope_base = float("rope.freq_base")?.unwrap_or(10_000.0);
		let config = Self {
			family,
			layers,
			width,
			hidden: size("feed_forward_length", 1 << 18)?,
			heads,
			kv_heads,
			head,
			rotated: optional("rope.dimension_count")?.map_or(head, |rotated| rotated as usize),
			vocabulary,
			context,
			epsilon,
			rope_base: f64::from(rope_base),
			scales: Scales::read(file, family, [layers, width, heads, head])?,
			windows: Windows::read(file, family, layers, (rope_base, &rope))?,
			rope,
		};
		config.check(&key)?;
		meaning::check_keys(file, &config)?;
		let table_bytes = (config.tables() * config.context * config.head * size_of::<f32>()) as u64;
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
		if self.rope.yarn.is_some() && rope_base <= 1.0 {
			return Err(invalid(format!("{} is {rope_base}, expected more than 1", key("rope.freq_base"))));
		}
		let local_base = self.windows.as_ref().map_or(rope_base, |windows| windows.rope_base);
		for (name, base) in [("rope.freq_base", rope_base), ("rope.freq_base_swa", local_base)] {
			if !base.is_finite() || base < 1.0 {
				return Err(invalid(format!("{} is {base}, expected at least 1", key(name))));
			}
		}
		Ok(())
	}

	/// Whether queries and keys of a layer rotate.
	pub fn rotates(&self, layer: usize) -> bool {
		self.family != Family::SmolLm3 || !(layer + 1).is_multiple_of(SMOLLM3_STEP)
	}

	/// How many tables of angles there are.
	pub fn tables(&self) -> usize {
		1 + usize::from(self.local_windows().is_some())
	}

	/// The windows, if layers that have one rotate otherwise than those that see all.
	pub fn local_windows(&self) -> Option<&Windows> {
		let is_other = |windows: &&Windows| (windows.rope_base, &windows.rope) != (self.rope_base, &self.rope);
		self.windows.as_ref().filter(is_other)
	}

	/// How many positions a layer sees, its own among them, if not all.
	pub fn window(&self, layer: usize) -> Option<usize> {
		self.windows.as_ref().filter(|windows| windows.layers[layer]).map(|windows| windows.size)
	}

	/// Whether what a layer's parts read is normed.
	pub fn norms_inputs(&self) -> bool {
		self.family != Family::Olmo2
	}

	/// Whether what a layer's parts add is normed.
	pub fn norms_outputs(&self) -> bool {
		matches!(self.family, Family::Olmo2 | Family::Gemma2 | Family::Gemma3)
	}

	/// Whether a tensor may be left over: within the original context, the factors of longer ones are not used.
	pub fn has_no_use_for(&self, tensor: &str) -> bool {
		tensor == LONG_FACTORS && self.rope.factors == Some(SHORT_FACTORS)
	}
}

#[cfg(test)]
mod tests;

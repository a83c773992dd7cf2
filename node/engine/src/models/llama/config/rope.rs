//! How angles are scaled.

use super::{invalid, positive, Family};
use crate::gguf::{GgufError, GgufFile};
use crate::kernels::rope::Yarn;
use crate::EngineError;

/// What frequencies are divided by: in texts of every length (Llama 3), and in those up to the length that the model was
/// first trained for and in longer ones (LongRoPE).
pub(super) const ALL_FACTORS: &str = "rope_freqs.weight";
pub(super) const SHORT_FACTORS: &str = "rope_factors_short.weight";
pub(super) const LONG_FACTORS: &str = "rope_factors_long.weight";

/// How angles are scaled.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Rope {
	/// What every angle is divided by.
	pub factor: f64,
	/// The tensor of what each frequency is divided by.
	pub factors: Option<&'static str>,
	/// What cosines and sines are multiplied by.
	pub amplitude: f64,
	/// What slows some frequencies alone.
	pub yarn: Option<Yarn>,
}

impl Rope {
	/// No scaling.
	pub const NONE: Self = Self { factor: 1.0, factors: None, amplitude: 1.0, yarn: None };

	/// What the file of a family with such a context says.
	pub fn read(file: &GgufFile<'_>, family: Family, context: usize) -> Result<Self, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		let key = |name: &str| format!("{}.{name}", family.name());
		let positive = |name: &str| Ok::<_, EngineError>(positive(file, &key(name))?.map(f64::from));
		let scaling: Option<&str> = file.find(&key("rope.scaling.type")).map_err(error)?;
		let factor = match scaling {
			Some("none" | "longrope" | "yarn") => None,
			// Files that say a factor alone mean it so.
			None | Some("linear") => positive("rope.scaling.factor")?.or(positive("rope.scale_linear")?),
			Some(other) => {
				return Err(invalid(format!(
					"rope scaling {other:?} is not supported: only \"linear\", \"longrope\" and \"yarn\" are"
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
		if let (Some(name), true) = (factors, family.has_windows()) {
			return Err(invalid(format!("architecture {} has no factors as those of {name:?}", family.name())));
		}
		let amplitude = positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
		let yarn = match (scaling, factors) {
			(Some("yarn"), None) => Some(read_yarn(file, family, context)?),
			(Some("yarn"), Some(name)) => return Err(invalid(format!("rope scaling \"yarn\" beside {name:?}"))),
			_ => None,
		};
		Ok(Self { factor: factor.unwrap_or(1.0), factors, amplitude, yarn })
	}
}

/// What a file says of YaRN, by the names that llama.cpp gives it.
fn read_yarn(file: &GgufFile<'_>, family: Family, context: usize) -> Result<Yarn, EngineError> {
	let error = |error: GgufError| invalid(error.to_string());
	let key = |name: &str| format!("{}.rope.scaling.{name}", family.name());
	let number = |name: &str, none: f64| Ok::<_, EngineError>(positive(file, &key(name))?.map_or(none, f64::from));
	if family == Family::Gemma3 {
		return Err(invalid("rope scaling \"yarn\" is not computed for architecture gemma3".into()));
	}
	for (name, unset) in [("yarn_ext_factor", -1.0), ("yarn_attn_factor", 1.0)] {
		match file.find::<f32>(&key(name)).map_err(error)? {
			Some(value) if value != 1.0 && value != unset => {
				return Err(invalid(format!("{} is {value}, which is not computed here", key(name))));
			}
			_ => (),
		}
	}
	let original = match file.find::<u32>(&key("original_context_length")).map_err(error)? {
		None => context,
		Some(original) if (1..=1 << 20).contains(&original) => original as usize,
		Some(original) => {
			let name = key("original_context_length");
			return Err(invalid(format!("{name} is {original}, expected 1 to {}", 1 << 20)));
		}
	};
	Ok(Yarn {
		factor: number("factor", 1.0)?,
		original: original as f64,
		fast: number("yarn_beta_fast", 32.0)?,
		slow: number("yarn_beta_slow", 1.0)?,
	})
}

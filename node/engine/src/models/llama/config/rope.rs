//! How angles are scaled.

use super::{invalid, positive, Family};
use crate::gguf::{GgufError, GgufFile};
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
}

impl Rope {
	/// No scaling.
	pub const NONE: Self = Self { factor: 1.0, factors: None, amplitude: 1.0 };

	/// What the file of a family says.
	pub fn read(file: &GgufFile<'_>, family: Family) -> Result<Self, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		let key = |name: &str| format!("{}.{name}", family.name());
		let positive = |name: &str| Ok::<_, EngineError>(positive(file, &key(name))?.map(f64::from));
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
		if let (Some(name), true) = (factors, family.has_windows()) {
			return Err(invalid(format!("architecture {} has no factors as those of {name:?}", family.name())));
		}
		let amplitude = positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
		Ok(Self { factor: factor.unwrap_or(1.0), factors, amplitude })
	}
}

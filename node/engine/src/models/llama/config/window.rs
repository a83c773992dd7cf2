//! Layers that see a window of positions alone.

use super::{invalid, Family, Rope};
use crate::gguf::{GgufError, GgufFile, Integers};
use crate::EngineError;

/// What a file of Gemma 2 means if it does not say.
const GEMMA2_WINDOW: u32 = 4096;

/// Which layers see a window, and how they rotate.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Windows {
	/// How many positions are seen, the query's own among them.
	pub size: usize,
	/// Whether a layer sees no more.
	pub layers: Vec<bool>,
	/// The base of these layers' angles.
	pub rope_base: f64,
	/// How these layers' angles are scaled.
	pub rope: Rope,
}

impl Windows {
	/// What the file of a family with so many layers says. `all` is how layers rotate that see everything.
	pub fn read(
		file: &GgufFile<'_>,
		family: Family,
		layers: usize,
		(all_base, all): (f32, &Rope),
	) -> Result<Option<Self>, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		let key = |name: &str| format!("{}.{name}", family.name());
		// The last of so many layers sees all; windows rotate with this base if the file has none for them, and so.
		let (step, base, rope) = match family {
			Family::Olmo2 => (4, all_base, Rope::NONE),
			Family::Gemma2 => (2, all_base, all.clone()),
			Family::Gemma3 => (6, 10_000.0, Rope { amplitude: all.amplitude, ..Rope::NONE }),
			_ => return Ok(None),
		};
		let size = match file.find(&key("attention.sliding_window")).map_err(error)? {
			None if family == Family::Gemma2 => GEMMA2_WINDOW,
			None | Some(0) => return Ok(None),
			Some(size) => size,
		};
		let pattern = key("attention.sliding_window_pattern");
		let layers = match file.find::<Integers<'_>>(&pattern) {
			Ok(Some(listed)) if listed.len() == layers => listed.map(|layer| layer != 0).collect(),
			Ok(Some(listed)) => {
				return Err(invalid(format!("{pattern} is of {} layers, expected {layers}", listed.len())));
			}
			Ok(None) => every(step, layers),
			// No list, but a number.
			Err(_) => every(file.find(&pattern).map_err(error)?.unwrap_or(step), layers),
		};
		let base = file.find::<f32>(&key("rope.freq_base_swa")).map_err(error)?.unwrap_or(base);
		Ok(Some(Self { size: size as usize, layers, rope_base: f64::from(base), rope }))
	}
}

/// All but the last of every so many layers; all layers for 0.
fn every(step: u32, layers: usize) -> Vec<bool> {
	(1..=layers).map(|layer| step == 0 || !layer.is_multiple_of(step as usize)).collect()
}

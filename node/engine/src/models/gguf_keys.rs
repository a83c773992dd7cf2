//! What keys of GGUF files say of any model.

use super::linear::invalid;
use crate::gguf::{GgufError, GgufFile, Value};
use crate::EngineError;

/// The number that a value is, with truth values as 0 and 1.
pub(super) fn number(value: &Value<'_>) -> Option<f64> {
	Some(match value {
		Value::U8(value) => f64::from(*value),
		Value::I8(value) => f64::from(*value),
		Value::U16(value) => f64::from(*value),
		Value::I16(value) => f64::from(*value),
		Value::U32(value) => f64::from(*value),
		Value::I32(value) => f64::from(*value),
		Value::U64(value) => *value as f64,
		Value::I64(value) => *value as f64,
		Value::F32(value) => f64::from(*value),
		Value::F64(value) => *value,
		Value::Bool(value) => f64::from(u8::from(*value)),
		_ => return None,
	})
}

/// Refuses a file that is no whole model.
pub(super) fn check_kind(file: &GgufFile<'_>) -> Result<(), EngineError> {
	let error = |error: GgufError| invalid(error.to_string());
	let parts = file.find::<u32>("split.count").map_err(error)?.unwrap_or(1);
	if parts > 1 {
		let part = file.find::<u32>("split.no").map_err(error)?.unwrap_or(0).saturating_add(1);
		return Err(invalid(format!(
			"it is part {part} of {parts}: join them to one file first, with llama-gguf-split --merge"
		)));
	}
	match file.find::<&str>("general.type").map_err(error)? {
		None | Some("model") => Ok(()),
		Some("adapter") => Err(invalid("it is an adapter, which changes another model: merge the two first".into())),
		Some(other) => Err(invalid(format!("general.type is {other:?}, expected \"model\""))),
	}
}

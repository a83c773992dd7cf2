//! What a file must begin as to be one of a model's.

use super::error::Attempt;
use super::StoreError;
use crate::gguf::{check_header, GgufError};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How many bytes tell what a file is: safetensors begins with its header's length in eight bytes, and the header.
const FIRST: u64 = 9;

/// Refuses a file that is no model's, before all of it is read. The source is at its beginning again afterwards.
pub(super) fn check(source: &mut File, path: &Path, size: u64) -> Result<(), StoreError> {
	let mut first = Vec::new();
	source.by_ref().take(FIRST).read_to_end(&mut first).attempt("read", path)?;
	source.seek(SeekFrom::Start(0)).attempt("read", path)?;
	let refused = |reason: String| Err(StoreError::NotAModel { path: path.into(), reason });
	if first.is_empty() {
		return refused("it is empty".into());
	}
	let is_json = first.trim_ascii_start().starts_with(b"{");
	let is_safetensors = first.split_first_chunk().is_some_and(|(length, rest)| {
		rest == b"{" && u64::from_le_bytes(*length).checked_add(8).is_some_and(|end| end <= size)
	});
	if is_json || is_safetensors {
		return Ok(());
	}
	let header = check_header(source, size).attempt("read", path)?;
	source.seek(SeekFrom::Start(0)).attempt("read", path)?;
	match header {
		Ok(()) => Ok(()),
		Err(GgufError::NotGguf) => refused("it is neither GGUF, nor safetensors, nor JSON".into()),
		Err(error) => refused(error.to_string()),
	}
}

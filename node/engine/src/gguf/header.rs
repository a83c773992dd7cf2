//! The header of a file that is not in memory.

use super::{refuse_overlaps, tensor_bytes, GgufError, GgufLimits, Header, MAX_ALIGNMENT};
use std::io::{self, Read};

/// How many bytes of a file are read at first. Each time that they are not all of the header, twice as many are.
const FIRST: u64 = 1 << 20;

/// Reads no more of a file of `size` bytes than its header and makes sure that this is one, and that the tensors which it
/// describes are what the rest of the file is for: they end within it, and little of it is between or behind them.
///
/// So that a file which is none, is cut off, or has a hole of gigabytes is refused before all of it is read.
pub fn check_header(source: &mut impl Read, size: u64) -> io::Result<Result<(), GgufError>> {
	let mut bytes = Vec::new();
	let mut wanted = FIRST;
	loop {
		source.by_ref().take(wanted - bytes.len() as u64).read_to_end(&mut bytes)?;
		let is_all = (bytes.len() as u64) < wanted;
		match Header::read(&bytes, &GgufLimits::default()) {
			// It may go on where the bytes end.
			Err(GgufError::Truncated { .. } | GgufError::CountExceedsFile { .. }) if !is_all => (),
			read => return Ok(read.and_then(|header| header.check_size(size))),
		}
		wanted = wanted.saturating_mul(2);
	}
}

impl Header<'_> {
	/// Makes sure that the tensors fit a file of `size` bytes.
	fn check_size(&self, size: u64) -> Result<(), GgufError> {
		let used = tensor_bytes(&self.described, &GgufLimits::default())?;
		refuse_overlaps(&self.described)?;
		for tensor in &self.described {
			let end = self.start.checked_add(tensor.offset).and_then(|from| from.checked_add(tensor.size));
			if end.is_none_or(|end| end > size) {
				return Err(GgufError::OutsideFile(tensor.name.into()));
			}
		}
		let unused = size.saturating_sub(self.start).saturating_sub(used);
		match unused <= MAX_ALIGNMENT * (self.described.len() as u64 + 1) {
			true => Ok(()),
			false => Err(GgufError::Unused { bytes: unused }),
		}
	}
}

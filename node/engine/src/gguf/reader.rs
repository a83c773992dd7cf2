use super::{GgufError, GgufLimits};

/// Takes a file apart from front to back.
#[derive(Clone)]
pub(super) struct Reader<'a> {
	bytes: &'a [u8],
	position: usize,
	limits: GgufLimits,
}

impl<'a> Reader<'a> {
	pub fn new(bytes: &'a [u8], limits: &GgufLimits) -> Self {
		Self { bytes, position: 0, limits: *limits }
	}

	pub fn position(&self) -> usize {
		self.position
	}

	pub fn array_limit(&self) -> u64 {
		self.limits.array_items
	}

	pub fn take(&mut self, length: usize, reading: &'static str) -> Result<&'a [u8], GgufError> {
		let rest = self.bytes.get(self.position..).unwrap_or_default();
		let taken = rest.get(..length).ok_or(GgufError::Truncated { reading, at: self.position })?;
		self.position += length;
		Ok(taken)
	}

	fn array<const N: usize>(&mut self, reading: &'static str) -> Result<[u8; N], GgufError> {
		let at = self.position;
		let taken = self.take(N, reading)?;
		taken.try_into().map_err(|_| GgufError::Truncated { reading, at })
	}

	pub fn u8(&mut self, reading: &'static str) -> Result<u8, GgufError> {
		self.array(reading).map(u8::from_le_bytes)
	}

	pub fn u16(&mut self, reading: &'static str) -> Result<u16, GgufError> {
		self.array(reading).map(u16::from_le_bytes)
	}

	pub fn u32(&mut self, reading: &'static str) -> Result<u32, GgufError> {
		self.array(reading).map(u32::from_le_bytes)
	}

	pub fn u64(&mut self, reading: &'static str) -> Result<u64, GgufError> {
		self.array(reading).map(u64::from_le_bytes)
	}

	/// Refuses a number of things, each of at least `min_bytes`, over the limit or more than the rest of the file holds.
	pub fn check_count(&self, what: &'static str, count: u64, limit: u64, min_bytes: usize) -> Result<(), GgufError> {
		if count > limit {
			return Err(GgufError::TooMany { what, count, limit });
		}
		let rest = (self.bytes.len() - self.position) as u64;
		match count.checked_mul(min_bytes as u64) {
			Some(needed) if needed <= rest => Ok(()),
			_ => Err(GgufError::CountExceedsFile { what, count }),
		}
	}

	pub fn string(&mut self) -> Result<&'a str, GgufError> {
		self.text("a string", "bytes in a string", self.limits.string_bytes)
	}

	pub fn name(&mut self, reading: &'static str) -> Result<&'a str, GgufError> {
		let at = self.position;
		match self.text(reading, "bytes in a name", self.limits.name_bytes)? {
			"" => Err(GgufError::EmptyName { at }),
			name => Ok(name),
		}
	}

	fn text(&mut self, reading: &'static str, what: &'static str, limit: u64) -> Result<&'a str, GgufError> {
		let length = self.u64(reading)?;
		if length > limit {
			return Err(GgufError::TooMany { what, count: length, limit });
		}
		let at = self.position;
		let length = usize::try_from(length).map_err(|_| GgufError::Truncated { reading, at })?;
		std::str::from_utf8(self.take(length, reading)?).map_err(|_| GgufError::NotUtf8 { at })
	}
}

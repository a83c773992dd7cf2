//! Who may ask: API keys.

use crate::amount::parse_sib;
use sha2::{Digest, Sha256};
use sibyl_primitives::Balance;
use std::{
	collections::{HashMap, HashSet},
	path::{Path, PathBuf},
	sync::Arc,
};

/// A key that is shorter can be guessed.
const MIN_KEY: usize = 20;
/// Nobody needs a longer one, and each request has it hashed.
const MAX_KEY: usize = 512;
const MAX_NAME: usize = 64;
/// Before the hash of a key that is not written down itself.
const HASHED: &str = "sha256:";
/// The name of whoever asks where no keys are needed.
pub const ANYONE: &str = "anyone";

/// Who has a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
	/// By which the log and the state file know the key.
	pub name: String,
	/// What it may cost, in the smallest unit.
	pub limit: Option<Balance>,
}

/// The keys. They are compared by their hashes, so that the time which that takes says nothing of a key.
#[derive(Debug)]
pub struct Keys {
	by_hash: HashMap<[u8; 32], Arc<Holder>>,
}

/// Why a file holds no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
	/// It can't be read.
	#[error("can't read the API keys in {} ({source}): name a file that can be read with --keys", path.display())]
	Unreadable {
		/// The file.
		path: PathBuf,
		/// What the system says.
		source: std::io::Error,
	},
	/// A line is none.
	#[error(
		"line {line} of {} is no API key ({reason}): write 'KEY', 'NAME KEY' or 'NAME KEY LIMIT', the limit in SIB",
		path.display()
	)]
	Line {
		/// The file.
		path: PathBuf,
		/// The line, from 1.
		line: usize,
		/// What is wrong.
		reason: String,
	},
	/// It holds none at all.
	#[error("{} holds no API key: write one a line, as 'NAME KEY' or 'NAME KEY LIMIT'", .0.display())]
	None(PathBuf),
}

impl Keys {
	/// The keys of a file, one a line.
	pub fn read(path: &Path) -> Result<Self, KeysError> {
		let text = std::fs::read_to_string(path);
		let text = text.map_err(|source| KeysError::Unreadable { path: path.into(), source })?;
		let (mut by_hash, mut names) = (HashMap::new(), HashSet::new());
		for (line, text) in (1..).zip(text.lines()).map(|(line, text)| (line, text.trim())) {
			if text.is_empty() || text.starts_with('#') {
				continue;
			}
			let wrong = |reason| KeysError::Line { path: path.into(), line, reason };
			let (hash, holder) = parse(text).map_err(wrong)?;
			if !names.insert(holder.name.clone()) {
				return Err(wrong(format!("there is another one named '{}'", holder.name)));
			}
			if by_hash.insert(hash, Arc::new(holder)).is_some() {
				return Err(wrong("the same key stands above".into()));
			}
		}
		match by_hash.is_empty() {
			true => Err(KeysError::None(path.into())),
			false => Ok(Self { by_hash }),
		}
	}

	/// Who has the key of an `Authorization` header.
	pub fn holder(&self, authorization: &[u8]) -> Option<Arc<Holder>> {
		let authorization = std::str::from_utf8(authorization).ok()?;
		let (scheme, key) = authorization.split_once(' ')?;
		let key = key.trim();
		if !scheme.eq_ignore_ascii_case("bearer") || key.len() > MAX_KEY {
			return None;
		}
		self.by_hash.get(&sha2_256(key.as_bytes())).cloned()
	}

	/// How many there are.
	pub fn count(&self) -> usize {
		self.by_hash.len()
	}
}

fn sha2_256(bytes: &[u8]) -> [u8; 32] {
	Sha256::digest(bytes).into()
}

fn parse(line: &str) -> Result<([u8; 32], Holder), String> {
	let parts: Vec<_> = line.split_whitespace().collect();
	let (name, key, limit) = match parts[..] {
		[key] => (None, key, None),
		[name, key] => (Some(name), key, None),
		[name, key, limit] => (Some(name), key, Some(parse_sib(limit)?)),
		_ => return Err("there are more than three words".into()),
	};
	let hash = match key.strip_prefix(HASHED) {
		Some(digits) => sp_core::bytes::from_hex(&format!("0x{digits}"))
			.ok()
			.and_then(|bytes| bytes.try_into().ok())
			.ok_or("a hash has 64 hexadecimal digits")?,
		None if !(MIN_KEY..=MAX_KEY).contains(&key.len()) => {
			return Err(format!("a key has {MIN_KEY} to {MAX_KEY} characters: 'openssl rand -hex 24' makes one"));
		}
		None => sha2_256(key.as_bytes()),
	};
	// By its beginning, a hash tells keys apart and no more.
	let name = name.map_or_else(|| format!("key-{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2]), Into::into);
	let is_name = name.len() <= MAX_NAME
		&& name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'));
	match is_name && name != ANYONE {
		true => Ok((hash, Holder { name, limit })),
		false => {
			Err(format!("a name has up to {MAX_NAME} letters, digits, '-', '_', '.' and '@', and is not '{ANYONE}'"))
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_runtime::constants::SIB;
	use std::io::Write;

	const KEY: &str = "sk-0123456789abcdef0123";

	fn read(text: &str) -> Result<Keys, KeysError> {
		let mut file = tempfile::NamedTempFile::new().expect("there is room");
		file.write_all(text.as_bytes()).expect("there is room");
		Keys::read(file.path())
	}

	#[test]
	fn a_key_should_be_found_by_its_header_and_no_other() {
		let keys = read(&format!("# mine\n\nweb {KEY} 0.5\nsk-another-long-enough-one\n")).expect("two keys");
		let web = keys.holder(format!("Bearer {KEY}").as_bytes()).expect("it is there");
		assert_eq!(*web, Holder { name: "web".into(), limit: Some(SIB / 2) });
		let other = keys.holder(b"bearer sk-another-long-enough-one").expect("it is there");
		assert!(other.name.starts_with("key-") && other.limit.is_none());
		for wrong in ["", KEY, "Bearer", "Bearer ", "Bearer sk-0123456789abcdef0124", "Basic sk-0123456789abcdef0123"] {
			assert!(keys.holder(wrong.as_bytes()).is_none(), "{wrong}");
		}
		assert!(keys.holder(&[0xff, 0xfe]).is_none());
		assert_eq!(keys.count(), 2);
	}

	#[test]
	fn a_key_may_stand_there_as_its_hash() {
		let digits: String = sha2_256(KEY.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
		let keys = read(&format!("web sha256:{digits}")).expect("a key");
		assert!(keys.holder(format!("Bearer {KEY}").as_bytes()).is_some());
		assert!(keys.holder(format!("Bearer sha256:{digits}").as_bytes()).is_none(), "the hash itself is no key");
	}

	#[test]
	fn what_is_no_key_should_be_refused_with_its_line() {
		let same = format!("a {KEY}\nb {KEY}");
		let named = format!("a {KEY}\na sk-another-long-enough-one");
		let cases = [
			("short", "characters"),
			("web sk-0123456789abcdef0123 dear", "SIB"),
			("we/b sk-0123456789abcdef0123", "a name has"),
			("anyone sk-0123456789abcdef0123", "a name has"),
			("a b c d", "three words"),
			("web sha256:12", "64 hexadecimal digits"),
			(&same, "line 2"),
			(&named, "another one named 'a'"),
		];
		for (text, said) in cases {
			let error = read(text).expect_err(text).to_string();
			assert!(error.contains(said) && !error.contains('\n'), "{error}");
			assert!(!error.contains(KEY), "a key is in no error: {error}");
		}
		assert!(matches!(read("# none\n"), Err(KeysError::None(_))));
		assert!(matches!(Keys::read(Path::new("/nowhere")), Err(KeysError::Unreadable { .. })));
	}
}

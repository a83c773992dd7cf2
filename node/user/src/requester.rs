//! Who signs, and pays.

use crate::Error;
use sibyl_primitives::AccountId;
use sp_core::{crypto::SecretStringError, sr25519, Pair};
use sp_runtime::{traits::IdentifyAccount, MultiSignature, MultiSigner};
use std::{
	io::{stderr, stdin, IsTerminal, Write},
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
};

/// The bits of a file's mode that let others than its owner do anything with it.
const OTHERS: u32 = 0o077;

/// Whether others than its owner can read a file.
pub fn is_readable_by_others(path: &Path) -> bool {
	std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS != 0)
}

/// The keys of a secret; where it is none, why, in words that hold nothing of it. An empty one is none: the SDK takes it for
/// the phrase that everybody knows.
pub fn secret_pair<P: Pair>(secret: &str, password: Option<&str>) -> Result<P, &'static str> {
	if secret.trim().is_empty() {
		return Err("it is empty");
	}
	P::from_string(secret, password).map_err(|error| match error {
		SecretStringError::InvalidFormat(_) => "a part of it is empty, or has characters that no secret has",
		SecretStringError::InvalidPhrase => "its words are no phrase: one may be missing or misspelt",
		SecretStringError::InvalidPassword => "its password is none",
		SecretStringError::InvalidSeed | SecretStringError::InvalidSeedLength => "its seed is not 0x and 64 digits",
		SecretStringError::InvalidPath => "keys of this kind have no path as it has",
	})
}

/// The requester's keys.
#[derive(Clone)]
pub struct Requester(sr25519::Pair);

impl Requester {
	/// From a phrase, a seed or a path such as `//Alice`.
	pub fn new(secret: &str) -> Result<Self, Error> {
		secret_pair::<sr25519::Pair>(secret.trim(), None).map(Self).map_err(Error::Secret)
	}

	/// From a file, which others should not be able to read.
	pub fn of_file(path: &Path) -> Result<Self, Error> {
		let unreadable = |source| Error::File { path: path.display().to_string(), source };
		let requester = Self::new(&std::fs::read_to_string(path).map_err(unreadable)?)?;
		if is_readable_by_others(path) {
			eprintln!("WARNING: others on this machine can read the secret: chmod 600 {}", path.display());
		}
		Ok(requester)
	}

	/// The account.
	pub fn account(&self) -> AccountId {
		MultiSigner::from(self.0.public()).into_account()
	}

	/// Its signature of these bytes.
	pub fn sign(&self, bytes: &[u8]) -> MultiSignature {
		MultiSignature::Sr25519(self.0.sign(bytes))
	}
}

/// Where the secret of the account is that signs, and pays.
#[derive(Debug, clap::Args)]
pub struct SecretOptions {
	/// A file that holds the secret of the account that signs and pays: a phrase, or a seed of 0x and 64 digits. Without one it
	/// is asked for at the terminal, which does not show it.
	#[arg(long, value_name = "FILE")]
	suri_file: Option<PathBuf>,

	/// An account of test networks, as //Alice. No other secret is taken here: others on this machine can see it while the
	/// program runs.
	#[arg(long, value_name = "SECRET", conflicts_with = "suri_file")]
	suri: Option<String>,
}

impl SecretOptions {
	/// The keys of the account.
	pub fn requester(&self) -> Result<Requester, Error> {
		match (&self.suri, &self.suri_file) {
			(Some(secret), _) => match (Requester::new(secret)?, secret.trim().starts_with("//")) {
				(requester, true) => Ok(requester),
				(_, false) => Err(Error::SecretShown),
			},
			(None, Some(path)) => Requester::of_file(path),
			(None, None) if stdin().is_terminal() => {
				let secret = rpassword::prompt_password("The account's secret (it is not shown): ");
				Requester::new(&secret.map_err(Error::Terminal)?)
			}
			(None, None) => Err(Error::NoSecret),
		}
	}
}

/// Whether who sits at the terminal agrees to what was said; nobody does where there is no terminal.
pub fn is_agreed_to(question: &str) -> Result<bool, Error> {
	if !stdin().is_terminal() {
		return Ok(false);
	}
	eprint!("{question} [y/N] ");
	stderr().flush()?;
	let mut said = String::new();
	stdin().read_line(&mut said)?;
	Ok(matches!(said.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_secret_that_is_none_is_not_shown_and_an_empty_one_is_none() {
		let why = |secret: &str| match Requester::new(secret) {
			Ok(_) => "nothing".to_string(),
			Err(error) => error.to_string(),
		};
		for wrong in ["root:x:0\nSECRET", "SECRET words", "0xSECRET", "//SECRET//"] {
			let said = why(wrong);
			assert!(said.contains("can't be read") && !said.contains("SECRET"), "{wrong}: {said}");
		}
		assert!(why(" \n").contains("it is empty"));
	}

	#[test]
	fn only_an_account_of_test_networks_is_taken_from_the_command_line() {
		let of = |suri: String| SecretOptions { suri_file: None, suri: Some(suri) }.requester();
		let phrase = sp_core::crypto::DEV_PHRASE;
		assert!(of("//Alice".into()).is_ok() && of("//Alice//stash".into()).is_ok());
		for secret in [phrase.to_string(), format!("{phrase}//Alice"), format!("0x{}", "7".repeat(64))] {
			assert!(matches!(of(secret.clone()), Err(Error::SecretShown)), "{secret}");
		}
		assert!(matches!(of("//".into()), Err(Error::Secret(_))), "what is none is said to be none");
	}

	#[test]
	fn a_secret_is_read_from_a_file_and_a_missing_one_is_named() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		std::fs::write(file.path(), "//Alice\n").expect("it can be written");
		let options = |suri_file: PathBuf| SecretOptions { suri_file: Some(suri_file), suri: None };
		let alice = Requester::new("//Alice").expect("it is a path").account();
		assert_eq!(options(file.path().into()).requester().ok().map(|signer| signer.account()), Some(alice));
		let error = options("/nowhere/secret".into()).requester().err().expect("there is none").to_string();
		assert!(error.contains("/nowhere/secret"), "{error}");
	}
}

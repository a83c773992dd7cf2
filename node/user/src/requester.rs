//! Who asks, and pays.

use crate::Error;
use sibyl_primitives::AccountId;
use sp_core::{sr25519, Pair};
use sp_runtime::{traits::IdentifyAccount, MultiSignature, MultiSigner};
use std::{
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
};

/// The bits of a file's mode that let others than its owner do anything with it.
const OTHERS: u32 = 0o077;

/// Whether others than its owner can read a file.
pub fn is_readable_by_others(path: &Path) -> bool {
	std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS != 0)
}

/// The requester's keys.
#[derive(Clone)]
pub struct Requester(sr25519::Pair);

impl Requester {
	/// From a phrase, a seed or a path such as `//Alice`.
	pub fn new(secret: &str) -> Result<Self, Error> {
		let pair = sr25519::Pair::from_string(secret.trim(), None);
		pair.map(Self).map_err(|error| Error::Secret(format!("{error:?}")))
	}

	/// From a file, which others should not be able to read.
	pub fn of_file(path: &Path) -> Result<Self, Error> {
		let unreadable = |source| Error::File { path: path.display().to_string(), source };
		if is_readable_by_others(path) {
			eprintln!("WARNING: others on this machine can read the secret: chmod 600 {}", path.display());
		}
		Self::new(&std::fs::read_to_string(path).map_err(unreadable)?)
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

/// Where the requester's secret is.
#[derive(Debug, clap::Args)]
pub struct RequesterOptions {
	/// The requester's secret: a phrase, a seed, or a path such as //Alice on a test network. Others on this machine can see
	/// it while the program runs: give one with tokens by --suri-file.
	#[arg(long, value_name = "SECRET", conflicts_with = "suri_file")]
	suri: Option<String>,

	/// A file that holds the requester's secret.
	#[arg(long, value_name = "FILE")]
	suri_file: Option<PathBuf>,
}

impl RequesterOptions {
	/// The requester that was named.
	pub fn requester(&self) -> Result<Requester, Error> {
		match (&self.suri, &self.suri_file) {
			(Some(secret), _) => Requester::new(secret),
			(None, Some(path)) => Requester::of_file(path),
			(None, None) => Err(Error::NoRequester),
		}
	}
}

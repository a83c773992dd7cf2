//! What can go wrong with an author's commands, each said in one line with what to do about it.

use crate::{show::printable, sib};
use sibyl_primitives::Balance;
use std::{io, path::PathBuf};

/// Why an author's command did not do what it is for.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
	/// The file can't be read.
	#[error("can't read {} ({source}): name a file that 'sibyl-node models manifest' has written", path.display())]
	Unreadable {
		/// Which.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},
	/// The file holds something else.
	#[error("{} holds no manifest ({reason}): 'sibyl-node models manifest' makes one", path.display())]
	NoManifest {
		/// Which.
		path: PathBuf,
		/// What is wrong with it.
		reason: String,
	},
	/// The chain's rules are broken.
	#[error("the chain would refuse it: {name}: {docs}")]
	WouldBeRefused {
		/// The error's pallet and name.
		name: String,
		/// What its documentation says.
		docs: String,
	},
	/// There are too few tokens.
	#[error("{account} has {free} free, and this takes {needed}, the fee counted: send it {missing} more", free = sib(*free), needed = sib(*needed), missing = sib(needed.saturating_sub(*free)))]
	TooFewTokens {
		/// The account.
		account: String,
		/// What it has.
		free: Balance,
		/// What it needs.
		needed: Balance,
	},
	/// It is somebody else's model.
	#[error("{account} is not the author of {name} ({by}): sign with the account that registered it", name = printable(name), by = printable(by))]
	NotItsAuthor {
		/// Who signs.
		account: String,
		/// The model.
		name: String,
		/// Who its author is.
		by: String,
	},
	/// The price is what it was.
	#[error("{name} costs that already: nothing was done", name = printable(name))]
	SamePrice {
		/// The model.
		name: String,
	},
}

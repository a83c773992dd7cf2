//! What can go wrong with a validator's commands, each said in one line with what to do about it.

use crate::sib;
use sibyl_primitives::Balance;

/// Why a validator's command did not do what it is for.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
	/// It is another node.
	#[error("the node at this address was started without --validator: connect to the validator's own node with --url, or start it with --validator")]
	NotAValidator,
	/// The node does not know the chain yet.
	#[error("the node is still syncing, at block #{at}: wait until 'sibyl-node status' says that it is not")]
	Syncing {
		/// Its best block.
		at: u32,
	},
	/// There are too few tokens.
	#[error("{account} has {free} free, and this takes {needed}, of which {reserve} stay free, for fees: send it {missing} more, or bond less with --bond and --service-bond", free = sib(*free), needed = sib(*needed), reserve = sib(*reserve), missing = sib(needed.saturating_sub(*free)))]
	TooFewTokens {
		/// The account.
		account: String,
		/// What it has.
		free: Balance,
		/// What it needs.
		needed: Balance,
		/// What of that it keeps for fees.
		reserve: Balance,
	},
	/// Less than the chain takes.
	#[error("a validator bonds at least {least}: give --bond {least_in_sib} or more", least = sib(*least), least_in_sib = sib(*least).trim_end_matches(" SIB"))]
	BondTooLow {
		/// What the chain takes.
		least: Balance,
	},
	/// Too little for a validator to be in service.
	#[error("who has less service bond than {least} serves no model: give --service-bond {least_in_sib} or more", least = sib(*least), least_in_sib = sib(*least).trim_end_matches(" SIB"))]
	ServiceBondTooLow {
		/// What the chain asks for.
		least: Balance,
	},
	/// Nobody agreed.
	#[error("nothing was done: answer y to go on, or give --yes beforehand")]
	NotAgreed,
	/// The account is no validator's.
	#[error("{account} has bonded nothing and set no keys, so it is no validator's: 'sibyl-node validator setup' makes it one")]
	NoValidator {
		/// The account.
		account: String,
	},
	/// The keys are elsewhere.
	#[error("this node has no key of {account} that the chain knows: connect to the validator's own node with --url, or let this one be it with 'sibyl-node validator setup'")]
	KeysElsewhere {
		/// The account.
		account: String,
	},
	/// Somebody else has taken it back.
	#[error("the node no longer drains: it was started again, or told to take seats; give the command again")]
	NoLongerDraining,
	/// An address is none.
	#[error("'{0}' is no address: give an SS58 address, as wallets show it")]
	Address(String),
	/// The state is another release's.
	#[error("the chain's entry {0} can't be read by this program: use the network's release")]
	State(&'static str),
	/// The validator does not do its work.
	#[error("this node does not do a validator's work: {0}")]
	NotWorking(String),
	/// The node does not do its work.
	#[error("this node can't be relied on: {0}")]
	NotWell(String),
}

//! `sibyl-node validator`: each step of a validator's life as one command, which says what it does before it does it.

mod clock;
mod drain;
mod error;
mod leave;
mod payout;
mod rotate;
mod setup;
mod state;
mod transaction;

pub(crate) use clock::in_words;
pub use error::ValidatorError;
pub(crate) use payout::{unclaimed, Unclaimed};
pub(crate) use state::State;

use crate::{
	connection::Connection,
	requester::{is_agreed_to, Requester, SecretOptions},
	show,
	submission::Included,
	Error, NodeOptions,
};
use jsonrpsee::rpc_params;
use sibyl_primitives::AccountId;
use sibyl_rpc_types::NodeStatus;
use sibyl_runtime::RuntimeCall;
use sp_core::{bytes::to_hex, Bytes};

/// `validator`
#[derive(Debug, clap::Subcommand)]
pub enum ValidatorCommand {
	/// Make the node's keys, bond, and stand for election: everything that makes a running node a validator.
	///
	/// What is done already is left as it is, so the command can be given again, also to bond more.
	#[command(after_help = "Example:\n  sibyl-node validator setup --bond 1000 --suri-file my-secret")]
	Setup(setup::SetupCommand),

	/// Make new session keys and set them; they come into use two sessions later.
	Rotate(rotate::RotateCommand),

	/// Take no new seats, and wait until those that are open have ended: then the node can be stopped.
	Drain(drain::DrainCommand),

	/// Have the staking rewards paid of all eras that they have not been paid of.
	Payout(payout::PayoutCommand),

	/// Stand for election no more, and free what is bonded; given again, withdraw what is free by then.
	Leave(leave::LeaveCommand),
}

impl ValidatorCommand {
	/// Does it.
	pub async fn run(&self) -> Result<(), Error> {
		match self {
			Self::Setup(command) => command.run().await,
			Self::Rotate(command) => command.run().await,
			Self::Drain(command) => command.run().await,
			Self::Payout(command) => command.run().await,
			Self::Leave(command) => command.run().await,
		}
	}
}

/// The account that signs, and whether it agrees beforehand.
#[derive(Debug, clap::Args)]
pub(crate) struct SignerOptions {
	#[command(flatten)]
	secret: SecretOptions,

	/// Agree beforehand to what is said to be done.
	#[arg(long, short)]
	yes: bool,
}

impl SignerOptions {
	pub(crate) fn signer(&self) -> Result<Requester, Error> {
		self.secret.requester()
	}

	/// Has the operator agree.
	fn agree(&self) -> Result<(), Error> {
		match self.yes || is_agreed_to("Go on?")? {
			true => Ok(()),
			false => Err(ValidatorError::NotAgreed.into()),
		}
	}
}

/// A step: what it is, in words, and the call that does it.
pub(crate) struct Step {
	what: String,
	call: RuntimeCall,
}

impl Step {
	pub(crate) fn new(what: impl Into<String>, call: impl Into<RuntimeCall>) -> Self {
		Self { what: what.into(), call: call.into() }
	}
}

/// Says what will be done and has the operator agree.
pub(crate) async fn announce<'a>(
	node: &Connection,
	signer: &SignerOptions,
	account: &AccountId,
	what: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
	// What is signed holds on this chain alone.
	eprintln!("As {}, on {}, this will:", sibyl_rpc_types::address(account), node.chain().await?);
	what.into_iter().for_each(|what| eprintln!("  - {what}"));
	signer.agree()
}

/// Does all steps in one transaction, or none where one of them fails.
pub(crate) async fn carry_out(node: &Connection, requester: &Requester, steps: Vec<Step>) -> Result<Included, Error> {
	let calls: Vec<_> = steps.into_iter().map(|step| step.call).collect();
	eprintln!("sending {}", transaction::names(&calls));
	let included = transaction::submit(node, requester, transaction::all_of(calls)).await?;
	eprintln!("done: block #{} is final", included.block);
	Ok(included)
}

/// What the validator's own node says of itself.
pub(crate) async fn status(node: &Connection) -> Result<NodeStatus, Error> {
	node.call("inference_nodeStatus", rpc_params![]).await
}

/// The same of a node that validates and knows the chain.
async fn ready(node: &Connection) -> Result<NodeStatus, Error> {
	let status = status(node).await?;
	if !status.is_validator {
		return Err(ValidatorError::NotAValidator.into());
	}
	if status.is_syncing {
		return Err(ValidatorError::Syncing { at: status.best.number }.into());
	}
	Ok(status)
}

/// What is said of new keys before there are any.
const SET_KEYS: &str = "have the node make new session keys, and set them";

/// New session keys in the node's keystore, with the proof that their owner may set them.
#[derive(serde::Deserialize)]
struct NewKeys {
	keys: Bytes,
	proof: Bytes,
}

/// Has the node make keys for an account, and the step that sets them.
async fn new_keys(node: &Connection, account: &AccountId) -> Result<Step, Error> {
	let method = "author_rotateKeysWithOwner";
	let owner: &[u8] = account.as_ref();
	let NewKeys { keys, proof } = node.call(method, rpc_params![Bytes(owner.to_vec())]).await?;
	let set = codec::DecodeAll::decode_all(&mut &keys.0[..]);
	let set = set.map_err(|error: codec::Error| Error::Unreadable { method, reason: error.to_string() })?;
	eprintln!("the node has made new keys: {}", to_hex(&keys.0, false));
	Ok(Step::new(SET_KEYS, pallet_session::Call::set_keys { keys: set, proof: proof.0 }))
}

/// The account of an address.
pub(crate) fn account_of(address: &str) -> Result<AccountId, Error> {
	sibyl_rpc_types::account_of(address).ok_or_else(|| ValidatorError::Address(show::printable(address)).into())
}

/// The node that is asked, and the account that signs.
#[derive(Debug, clap::Args)]
pub(crate) struct SignedOptions {
	#[command(flatten)]
	pub(crate) node: NodeOptions,

	#[command(flatten)]
	pub(crate) signer: SignerOptions,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_account_is_read_as_wallets_show_it_or_as_its_key() {
		let account = AccountId::from([7; 32]);
		assert_eq!(account_of(&sibyl_rpc_types::address(&account)).ok(), Some(account.clone()));
		assert_eq!(account_of(&format!("0x{}", "07".repeat(32))).ok(), Some(account));
		for wrong in ["", "0x07", "Alice", "5EYCAe5ijiYfyeZ2JJCGq56LmPyNRAKzpG4QkoQkkQNB5e6\u{1b}"] {
			let error = account_of(wrong).expect_err("it is none").to_string();
			assert!(error.contains("no address") && !error.contains('\u{1b}'), "{error}");
		}
	}
}

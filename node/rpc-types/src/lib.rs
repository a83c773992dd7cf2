//! What the `inference_*` methods of JSON-RPC answer, as the node writes it and clients in Rust read it: addresses in SS58,
//! hashes in hex, balances as decimal strings since JavaScript's numbers can't hold them.

mod answer;
mod feed;
mod input;
mod job;
mod listing;
mod model;
mod node;
mod proof;
mod receipt;
mod result;
mod results;
mod update;
mod validator;

pub use answer::{Answer, Finish, ScoredToken};
pub use feed::{Feed, FeedPage, Latest};
pub use input::Input;
pub use job::{Agreement, Audit, Committee, Job, Options, Phase, Quote, Seat, Settlement, Support, Verdict, Vote};
pub use listing::{Listed, Page};
pub use model::{Model, Price};
pub use node::{
	BlockRef, Drain, Engine, EngineState, KeySet, Load, ModelState, NodeFault, NodeStatus, OwnKey, OwnModel,
	OwnValidator, Pace,
};
pub use proof::ResultProof;
pub use receipt::{Receipt, RECEIPT_VERSION};
pub use result::{JobResult, ResultBlock, Status};
pub use results::{BlockState, ResultChange, ResultsUpdate};
pub use update::JobUpdate;
pub use validator::{Record, Validator};

use sibyl_primitives::{AccountId, Hash};
use sibyl_runtime::constants::SS58_PREFIX;
use sp_core::crypto::{Ss58AddressFormat, Ss58Codec};

/// An account as this chain's wallets show it.
pub fn address(account: &AccountId) -> String {
	account.to_ss58check_with_version(Ss58AddressFormat::custom(SS58_PREFIX))
}

/// Characters of an address that is read at most: those of this chain have 49.
const MAX_ADDRESS: usize = 128;

/// The account of an address, SS58 of whatever network or `0x` and the key's 64 digits; none where it is none.
pub fn account_of(address: &str) -> Option<AccountId> {
	if address.len() > MAX_ADDRESS {
		return None;
	}
	match address.strip_prefix("0x") {
		Some(digits) if digits.len() == 64 => digits.parse::<Hash>().ok().map(|key| key.0.into()),
		Some(_) => None,
		None => AccountId::from_ss58check_with_version(address).ok().map(|(account, _)| account),
	}
}

fn addresses<'a>(accounts: impl IntoIterator<Item = &'a AccountId>) -> Vec<String> {
	accounts.into_iter().map(address).collect()
}

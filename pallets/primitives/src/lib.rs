//! The types that Sibyl's runtime and node share, and the protocol's arithmetic as pure functions.
//!
//! | module | subject |
//! |---|---|
//! | [`job`] | what a user asks for and how a job ends |
//! | [`format`] | what form a generated answer has |
//! | [`model`] | a model's revision, as validators agree on it |
//! | [`output`] | what a model says, in canonical bytes |
//! | [`vote`] | commits, abstentions and reveals, and the ballots that they travel in |
//! | [`commitment`] | the hash that binds a seat to its output, and its salt |
//! | [`committee`] | the draw and the quorum |
//! | [`price`] | what a job costs |
//! | [`mailbox`] | the channel between the offchain worker and native code |
//! | [`api`] | the runtime API, and its views |
//! | [`consumer`] | how pallets ask, and hear what came of it |
//! | [`feed`] | questions that are asked again and again |

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod api;
pub mod commitment;
pub mod committee;
pub mod consumer;
pub mod feed;
pub mod format;
pub mod input;
pub mod job;
pub mod mailbox;
pub mod model;
pub mod output;
pub mod price;
mod text;
pub mod vote;

use sp_runtime::{
	traits::{IdentifyAccount, Verify},
	MultiAddress, MultiSignature,
};

pub use text::{Text, TextTooLong};

/// The height of a block.
pub type BlockNumber = u32;

/// A signature of one of the schemes a wallet may use: sr25519, ed25519 or ECDSA.
pub type Signature = MultiSignature;

/// An account: the public key of its signer, or that key's hash.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;

/// How an extrinsic names an account.
pub type Address = MultiAddress<AccountId, ()>;

/// An amount of SIB in its smallest unit, 10⁻¹² SIB.
pub type Balance = u128;

/// The count of transactions an account has sent.
pub type Nonce = u32;

/// The hash of blocks, state and transactions.
pub type Hash = sp_core::H256;

/// Milliseconds since the Unix epoch.
pub type Moment = u64;

/// The number of a session.
pub type SessionIndex = u32;

/// A validator's place in a session's set.
pub type AuthorityIndex = u32;

/// The session key that signs a validator's commits and reveals.
///
/// Ed25519, because its signatures are deterministic: a commit's salt is derived from one, so that a validator that
/// lost its memory between commit and reveal finds the salt again from its keystore.
pub mod inference_key {
	use sp_application_crypto::{app_crypto, ed25519, KeyTypeId};

	/// The keystore's name for these keys.
	pub const KEY_TYPE: KeyTypeId = KeyTypeId(*b"infr");

	mod app {
		use super::{app_crypto, ed25519, KEY_TYPE};
		app_crypto!(ed25519, KEY_TYPE);
	}

	/// The public half, which the chain knows a validator's votes by.
	pub type InferenceId = app::Public;

	/// A signature under a validator's inference key.
	pub type InferenceSignature = app::Signature;

	/// The secret half, which lives in a validator's keystore.
	#[cfg(feature = "std")]
	pub type InferencePair = app::Pair;
}

pub use inference_key::{InferenceId, InferenceSignature};

//! Signs as this node's validator, whatever it is.

use codec::Decode;
use sibyl_node::FullClient;
use sibyl_primitives::{
	api::InferenceApi,
	inference_key::KEY_TYPE,
	vote::{Ballot, SignedBallot},
	AuthorityIndex, BlockNumber, Hash, InferenceId, SessionIndex,
};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::ed25519;
use sp_keystore::{Keystore, KeystorePtr};
use std::sync::Arc;

/// The validator's place in the newest session, and the best block's height.
#[derive(Clone, Copy)]
pub struct Place {
	pub session: SessionIndex,
	pub index: AuthorityIndex,
	pub height: BlockNumber,
}

/// The keystore's inference key. Clones are one.
#[derive(Clone)]
pub struct Signer {
	client: Arc<FullClient>,
	keystore: KeystorePtr,
	genesis: Hash,
}

impl Signer {
	pub fn new(client: Arc<FullClient>, keystore: KeystorePtr, genesis: Hash) -> Self {
		Self { client, keystore, genesis }
	}

	/// Where this node's validator is; none where it is in no set.
	pub fn place(&self) -> Option<Place> {
		let info = self.client.info();
		let key = InferenceId::from(self.key()?);
		let sets = self.client.runtime_api().key_sets(info.best_hash).ok()?;
		let newest = sets.first()?;
		let index = newest.members.iter().position(|(_, member)| *member == key)?;
		Some(Place { session: newest.session, index: index as u32, height: info.best_number })
	}

	/// Signs whatever stands in a ballot.
	pub fn sign(&self, ballot: Ballot) -> Option<SignedBallot> {
		let key = self.key()?;
		let signature = self.keystore.ed25519_sign(KEY_TYPE, &key, &ballot.signing_payload(&self.genesis)).ok()??;
		Some(SignedBallot { ballot, outputs: Default::default(), signature: signature.into() })
	}

	/// Whether this node's validator signed it.
	pub fn is_mine(&self, signed: &SignedBallot) -> bool {
		self.key().is_some_and(|key| signed.is_signed_by(&self.genesis, &key.into()))
	}

	fn key(&self) -> Option<ed25519::Public> {
		self.keystore.ed25519_public_keys(KEY_TYPE).first().copied()
	}
}

/// Reads a ballot as it travels.
pub fn read(message: &[u8]) -> Option<SignedBallot> {
	let sibyl_primitives::vote::VersionedBallot::V1(signed) = Decode::decode(&mut &message[..]).ok()?;
	Some(signed)
}

//! The hash that binds a seat to its output, and its salt.

use crate::{job::SeatIndex, model::ModelId, vote::VoteTarget, AccountId, Hash, InferenceId, InferenceSignature};
use alloc::vec::Vec;
use codec::Encode;
use sp_application_crypto::RuntimeAppPublic;
use sp_io::hashing::blake2_256;

/// Who commits, and to a job of which model: with the [`VoteTarget`], what makes a commitment useless to anyone else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committer<'a> {
	/// The chain.
	pub genesis: Hash,
	/// The committee.
	pub target: VoteTarget,
	/// The seat in it.
	pub seat: SeatIndex,
	/// The validator on the seat.
	pub validator: &'a AccountId,
	/// The model.
	pub model: ModelId,
}

impl Committer<'_> {
	/// `blake2_256` of who commits, to what, and the salt.
	pub fn commitment(&self, output_hash: &Hash, work: &Hash, salt: &Hash) -> Hash {
		let VoteTarget { fingerprint, draw, round } = self.target;
		let bound = (b"sibyl/commit", self.genesis, fingerprint, draw, round, self.seat);
		blake2_256(&(bound, self.validator, self.model, work, output_hash, salt).encode()).into()
	}
}

/// What a salt is the signature of. Not the ballot's domain: a vote's signature reveals no salt.
pub fn salt_payload(genesis: &Hash, target: &VoteTarget) -> Vec<u8> {
	(b"sibyl/salt", genesis, target).encode()
}

/// The salt of a signature over [`salt_payload`].
pub fn salt_of(signature: &InferenceSignature) -> Hash {
	blake2_256(signature.as_ref()).into()
}

/// The salt of the keystore's key, the same each time; `None` where the keystore has no such key.
pub fn salt(genesis: &Hash, target: &VoteTarget, key: &InferenceId) -> Option<Hash> {
	key.sign(&salt_payload(genesis, target)).map(|signature| salt_of(&signature))
}

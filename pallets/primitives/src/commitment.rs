//! The hash that binds a seat to its output and its work, and its salt.

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

/// What shows that a seat ran the model: the hash of the committee and of the trace, which is BLAKE2b-256 of the hidden
/// rows that the output was chosen from. The engine is bit-exact, so all honest seats of a committee have the same; of
/// another committee it is of no use.
pub fn work(target: &VoteTarget, trace: &Hash) -> Hash {
	blake2_256(&(b"sibyl/work", target, trace).encode()).into()
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

#[cfg(test)]
mod tests {
	use super::*;

	fn target() -> VoteTarget {
		VoteTarget { fingerprint: Hash::repeat_byte(1), draw: Hash::repeat_byte(2), round: 0 }
	}

	#[test]
	fn a_commitment_binds_the_chain_the_committee_the_seat_the_validator_the_model_the_output_and_the_work() {
		let (validator, other) = (AccountId::from([3; 32]), AccountId::from([4; 32]));
		let [zero, one] = [Hash::zero(), Hash::repeat_byte(1)];
		let base = Committer { genesis: zero, target: target(), seat: 0, validator: &validator, model: zero };
		let known = base.commitment(&zero, &zero, &zero);
		let changed = |change: fn(&mut VoteTarget)| {
			let mut target = target();
			change(&mut target);
			Committer { target, ..base.clone() }.commitment(&zero, &zero, &zero)
		};
		let others = [
			Committer { genesis: one, ..base.clone() }.commitment(&zero, &zero, &zero),
			changed(|target| target.fingerprint = Hash::zero()),
			changed(|target| target.draw = Hash::zero()),
			changed(|target| target.round = 1),
			Committer { seat: 1, ..base.clone() }.commitment(&zero, &zero, &zero),
			Committer { validator: &other, ..base.clone() }.commitment(&zero, &zero, &zero),
			Committer { model: one, ..base.clone() }.commitment(&zero, &zero, &zero),
			base.commitment(&one, &zero, &zero),
			base.commitment(&zero, &one, &zero),
			base.commitment(&zero, &zero, &one),
		];
		for (place, other) in others.iter().enumerate() {
			assert_ne!(*other, known, "{place}");
			assert!(!others[..place].contains(other), "{place}");
		}
	}

	#[test]
	fn known_vectors() {
		let validator = AccountId::from([3; 32]);
		let [five, six, seven] = [5, 6, 7].map(Hash::repeat_byte);
		let committer =
			Committer { genesis: five, target: target(), seat: 9, validator: &validator, model: Hash::repeat_byte(8) };
		let hex = |hash: Hash| format!("{hash:?}");
		assert_eq!(
			hex(committer.commitment(&five, &six, &seven)),
			"0x1968b5ee047eaa2eccdfcb31fca36d8a9ea531891464bda7cd8b3fcc6111e952"
		);
		assert_eq!(hex(work(&target(), &five)), "0xe7a39ffcfb014b7fd6e054b6e2858926b0ceab0688101c021f26ea3d1cfc8b76");
		assert_eq!(
			hex(salt_of(&InferenceSignature::from(sp_core::ed25519::Signature::from_raw([7; 64])))),
			"0x304320938b49aecf52b6ba2f5cee0b94120542edd72bfd3536736fff1e5a845e"
		);
		let payload = [&b"sibyl/salt"[..], five.as_bytes(), &target().encode()].concat();
		assert_eq!(salt_payload(&five, &target()), payload);
	}
}

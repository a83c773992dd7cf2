//! Commits, abstentions and reveals, and the ballots that they travel in.

use crate::{
	job::{AbstainReason, Fingerprint, OutputBytes, SeatIndex},
	model::{Availability, ModelId},
	AuthorityIndex, BlockNumber, Hash, InferenceId, InferenceSignature, SessionIndex,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_application_crypto::RuntimeAppPublic;
use sp_core::ConstU32;
use sp_inherents::InherentIdentifier;
use sp_io::hashing::blake2_256;
use sp_runtime::BoundedVec;

/// Votes of one kind in a ballot.
pub const MAX_VOTES: u32 = 256;
/// Attestations in a ballot; who has more to say goes on in the next one.
pub const MAX_ATTESTATIONS: u32 = 16;
/// Outputs that travel with a ballot.
pub const MAX_OUTPUTS: u32 = 64;
/// Ballots in a block.
pub const MAX_BALLOTS: u32 = 512;
/// Bytes of an encoded ballot: what its bounds allow, of which outputs are nearly all.
pub const MAX_BALLOT_BYTES: u32 = 640 * 1024;
/// Blocks after which a ballot is of no use any more.
pub const BALLOT_LONGEVITY: BlockNumber = 64;

/// The name of the votes among a block's inherent data.
pub const INHERENT_IDENTIFIER: InherentIdentifier = *b"infvotes";

/// What a block's author hands to the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InherentVotes {
	/// Ballots, in any order.
	V1(Vec<VersionedBallot>),
}

/// The committee that a vote belongs to. It names no height, since the same draw may stand on two forks at two heights.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct VoteTarget {
	/// The job.
	pub fingerprint: Fingerprint,
	/// The seed of the committee.
	pub draw: Hash,
	/// The committee's number for the job, from 0.
	pub round: u8,
}

/// A seat binds itself to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Commit {
	/// The committee.
	pub target: VoteTarget,
	/// The seat.
	pub seat: SeatIndex,
	/// See [`crate::commitment::Committer::commitment`].
	pub commitment: Hash,
}

/// A seat says that it will not commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Abstention {
	/// The committee.
	pub target: VoteTarget,
	/// The seat.
	pub seat: SeatIndex,
	/// Why.
	pub reason: AbstainReason,
}

/// A seat opens its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Reveal {
	/// The committee.
	pub target: VoteTarget,
	/// The seat.
	pub seat: SeatIndex,
	/// The hash of the output.
	pub output_hash: Hash,
	/// What shows that the model was run: see [`crate::commitment::work`].
	pub work: Hash,
	/// What kept the output from being guessed.
	pub salt: Hash,
}

/// A validator says whether it serves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Attestation {
	/// The model.
	pub model: ModelId,
	/// Whether, and how fast.
	pub availability: Availability,
}

/// What one validator signs: all its votes of one session that a block lacks.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Ballot {
	/// The session whose key signs: that in which the seats were drawn.
	pub session: SessionIndex,
	/// The validator's place in that session's set.
	pub authority_index: AuthorityIndex,
	/// The height it was made at; it serves expiry alone.
	pub at_block: BlockNumber,
	/// Commits.
	pub commits: BoundedVec<Commit, ConstU32<MAX_VOTES>>,
	/// Abstentions.
	pub abstentions: BoundedVec<Abstention, ConstU32<MAX_VOTES>>,
	/// Reveals.
	pub reveals: BoundedVec<Reveal, ConstU32<MAX_VOTES>>,
	/// Attestations, made in the current session.
	pub attestations: BoundedVec<Attestation, ConstU32<MAX_ATTESTATIONS>>,
}

/// The votes of one validator as they travel, in the version of their encoding.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum VersionedBallot {
	/// The first version.
	V1(SignedBallot),
}

/// A ballot, its signature, and the outputs that its reveals name.
///
/// The signature covers the reveals' hashes of the outputs and not the outputs themselves, so that an author can leave out
/// those that the chain has already: an output stands in a block once per job, however many seats bring it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SignedBallot {
	/// What is signed.
	pub ballot: Ballot,
	/// Canonical outputs; each is known by its hash, which a reveal of the ballot must name.
	pub outputs: BoundedVec<OutputBytes, ConstU32<MAX_OUTPUTS>>,
	/// The validator's signature, under its inference key of the ballot's session.
	pub signature: InferenceSignature,
}

impl Ballot {
	/// An empty ballot.
	pub fn new(session: SessionIndex, authority_index: AuthorityIndex, at_block: BlockNumber) -> Self {
		Self {
			session,
			authority_index,
			at_block,
			commits: Default::default(),
			abstentions: Default::default(),
			reveals: Default::default(),
			attestations: Default::default(),
		}
	}

	/// Votes and attestations in it.
	pub fn len(&self) -> usize {
		self.commits.len() + self.abstentions.len() + self.reveals.len() + self.attestations.len()
	}

	/// Whether it says nothing.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}

	/// What is signed: a domain of its own, so that no signature made for another purpose, as a salt, is a vote's.
	pub fn signing_payload(&self, genesis: &Hash) -> Vec<u8> {
		(b"sibyl/votes", genesis, self).encode()
	}

	/// Signs it with the keystore's key; `None` where the keystore has no such key.
	pub fn sign(&self, genesis: &Hash, key: &InferenceId) -> Option<InferenceSignature> {
		key.sign(&self.signing_payload(genesis))
	}
}

impl SignedBallot {
	/// Whether the key signed the ballot. The dearest check: all others come first.
	pub fn is_signed_by(&self, genesis: &Hash, key: &InferenceId) -> bool {
		key.verify(&self.ballot.signing_payload(genesis), &self.signature)
	}

	/// What two nodes know the same ballot by; outputs may have been left out on the way.
	pub fn id(&self) -> Hash {
		blake2_256(&(&self.ballot, &self.signature).encode()).into()
	}
}

//! A ballot with its hashes, so that each is computed once.

use crate::Rejection;
use codec::{DecodeAll, Encode};
use sibyl_primitives::{
	job::OutputBytes,
	output::output_hash,
	vote::{Ballot, SignedBallot, VersionedBallot, MAX_BALLOT_BYTES},
	Hash,
};
use std::collections::BTreeSet;

/// The first byte of the ballots that this node reads.
const V1: u8 = 0;

/// The version's byte, and what says how many outputs there are.
const FRAME_BYTES: usize = 3;

/// A signed ballot, and what it and its outputs are known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedBallot {
	signed: SignedBallot,
	id: Hash,
	/// One for each output, in their order.
	output_hashes: Vec<Hash>,
	bytes: usize,
}

impl HashedBallot {
	/// Hashes the ballot. Outputs that none of its reveals names, and those that come twice, are left out.
	pub fn new(mut signed: SignedBallot) -> Self {
		let mut unnamed: BTreeSet<_> = signed.ballot.reveals.iter().map(|reveal| reveal.output_hash).collect();
		let mut output_hashes = Vec::new();
		let outputs = std::mem::take(&mut signed.outputs);
		for output in outputs {
			let hash = output_hash(&output);
			// There are no more than there were.
			if unnamed.remove(&hash) && signed.outputs.try_push(output).is_ok() {
				output_hashes.push(hash);
			}
		}
		let id = signed.id();
		let bytes = wire_bytes(&signed);
		Self { signed, id, output_hashes, bytes }
	}

	/// Reads a ballot as another node sent it.
	pub fn decode(mut data: &[u8]) -> Result<Self, Rejection> {
		if data.len() > MAX_BALLOT_BYTES as usize {
			return Err(Rejection::Oversize);
		}
		if data.first().is_some_and(|version| *version != V1) {
			return Err(Rejection::UnknownVersion);
		}
		let VersionedBallot::V1(signed) = VersionedBallot::decode_all(&mut data).map_err(|_| Rejection::Undecodable)?;
		if signed.ballot.is_empty() {
			return Err(Rejection::Empty);
		}
		let outputs = signed.outputs.len();
		let hashed = Self::new(signed);
		match hashed.output_hashes.len() == outputs {
			true => Ok(hashed),
			false => Err(Rejection::StrayOutput),
		}
	}

	/// The ballot as it travels.
	pub fn encode(&self) -> Vec<u8> {
		VersionedBallot::V1(self.signed.clone()).encode()
	}

	/// What the validator signed.
	pub fn ballot(&self) -> &Ballot {
		&self.signed.ballot
	}

	/// The ballot with its signature and its outputs.
	pub fn signed(&self) -> &SignedBallot {
		&self.signed
	}

	/// The ballot with its signature and none of its outputs.
	pub fn without_outputs(&self) -> SignedBallot {
		SignedBallot {
			ballot: self.signed.ballot.clone(),
			outputs: Default::default(),
			signature: self.signed.signature.clone(),
		}
	}

	/// What the ballot is known by, whichever outputs it brings.
	pub fn id(&self) -> Hash {
		self.id
	}

	/// The outputs that it brings, with their hashes.
	pub fn outputs(&self) -> impl Iterator<Item = (Hash, &OutputBytes)> {
		self.output_hashes.iter().copied().zip(&self.signed.outputs)
	}

	/// Whether it brings an output of this hash.
	pub fn brings(&self, output: &Hash) -> bool {
		self.output_hashes.contains(output)
	}

	/// How long it is as it travels.
	pub fn bytes(&self) -> usize {
		self.bytes
	}

	/// How long it is without any output, at most.
	pub(crate) fn bare_bytes(&self) -> usize {
		FRAME_BYTES + self.signed.ballot.encoded_size() + self.signed.signature.encoded_size()
	}

	/// Takes in what the other one brings and this one lacks; whether that was anything.
	pub(crate) fn merge(&mut self, other: Self) -> bool {
		let before = self.output_hashes.len();
		for (hash, output) in other.output_hashes.into_iter().zip(other.signed.outputs) {
			// One output for each hash that a reveal names: there are no more of these than there is room for.
			if !self.brings(&hash) && self.signed.outputs.try_push(output).is_ok() {
				self.output_hashes.push(hash);
			}
		}
		self.bytes = wire_bytes(&self.signed);
		self.output_hashes.len() > before
	}
}

fn wire_bytes(signed: &SignedBallot) -> usize {
	1 + signed.encoded_size()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::testing::{ballot, ballot_with_outputs, output};

	#[test]
	fn outputs_that_nobody_names_or_that_come_twice_are_left_out() {
		let (named, stray) = ([output(1, 10)], output(2, 10));
		let outputs = [stray, named[0].clone(), named[0].clone()];
		let hashed = HashedBallot::new(ballot_with_outputs(0, 5, &named, &outputs));
		assert_eq!(hashed, HashedBallot::new(ballot_with_outputs(0, 5, &named, &named)));
		assert_eq!(hashed.outputs().collect::<Vec<_>>(), [(output_hash(&named[0]), &named[0])]);
	}

	#[test]
	fn a_ballot_is_as_long_as_what_travels() {
		let outputs = [output(1, 300), output(2, 20)];
		for signed in [ballot(0, 5), ballot_with_outputs(0, 5, &outputs, &outputs)] {
			let hashed = HashedBallot::new(signed.clone());
			assert_eq!(hashed.bytes(), hashed.encode().len());
			let bare = HashedBallot::new(hashed.without_outputs());
			assert!((bare.bytes()..bare.bytes() + FRAME_BYTES).contains(&hashed.bare_bytes()));
			assert_eq!(bare.id(), hashed.id());
		}
	}

	#[test]
	fn merging_adds_what_is_missing_and_only_that() {
		let outputs = [output(1, 10), output(2, 20)];
		let with =
			|outputs_there: &[OutputBytes]| HashedBallot::new(ballot_with_outputs(0, 5, &outputs, outputs_there));
		let mut merged = with(&[]);
		assert!(merged.merge(with(&outputs[..1])));
		assert_eq!(merged, with(&outputs[..1]));
		assert!(!merged.merge(with(&outputs[..1])));
		assert!(merged.merge(with(&outputs)));
		assert_eq!(merged, with(&outputs));
	}
}

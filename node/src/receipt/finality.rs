//! From a chain's first validators to a final block.

use super::Error;
use codec::{Decode, DecodeAll};
use sc_consensus_grandpa::{find_scheduled_change, warp_proof::WarpSyncFragment};
use sibyl_runtime::opaque::{Block, Header};
use sp_consensus_grandpa::AuthorityList;

/// GRANDPA's warp proof, as the network's nodes give it to each other; the SDK keeps its fields to itself.
#[derive(Decode)]
pub struct FinalityProof {
	pub(super) fragments: Vec<WarpSyncFragment<Block>>,
	/// Whether it leads to the newest justification that the node has, and not only as far as a message may be long.
	pub(super) is_finished: bool,
}

/// A block that is seen to be final.
#[derive(Debug)]
pub struct FinalBlock {
	/// Its header.
	pub header: Header,
	/// Changes of the validators since genesis.
	pub changes: u64,
	/// Validators whose signatures make it final.
	pub signers: usize,
	/// Validators that could sign it.
	pub validators: usize,
}

impl FinalityProof {
	/// Reads a proof; it shows nothing yet.
	pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
		Self::decode_all(&mut &*bytes).map_err(|error| Error::Malformed { part: "finality", reason: error.to_string() })
	}

	/// Checks every signature from the genesis' validators on.
	pub fn verify(self, genesis: AuthorityList) -> Result<FinalBlock, Error> {
		if !self.is_finished {
			return Err(Error::Unfinished);
		}
		let (mut validators, mut changes) = (genesis, 0);
		let mut last = None;
		for WarpSyncFragment { header, justification } in self.fragments {
			if last.is_some_and(|block: FinalBlock| block.changes == changes) {
				return Err(Error::NoChange);
			}
			justification
				.verify(changes, &validators)
				.map_err(|error| Error::NotFinal { block: header.number, reason: error.to_string() })?;
			if justification.target() != (header.number, header.hash()) {
				return Err(Error::NotFinal {
					block: header.number,
					reason: "the signatures are of another block".into(),
				});
			}
			let precommits = &justification.justification.commit.precommits;
			// Strangers' signatures, and a second one of the same validator, count for nothing.
			let signers = validators.iter().filter(|(id, _)| precommits.iter().any(|signed| signed.id == *id)).count();
			let change = find_scheduled_change::<Block>(&header);
			last = Some(FinalBlock { header, changes, signers, validators: validators.len() });
			if let Some(change) = change {
				validators = change.next_authorities;
				changes += 1;
			}
		}
		last.ok_or(Error::Unfinished)
	}
}

#[cfg(test)]
pub(super) mod tests {
	use super::*;
	use codec::Encode;
	use sibyl_primitives::Hash;
	use sp_consensus_grandpa::{
		localized_payload, ConsensusLog, Message, Precommit, ScheduledChange, GRANDPA_ENGINE_ID,
	};
	use sp_core::{ed25519, Pair};
	use sp_runtime::{generic::Digest, traits::Header as _, DigestItem};

	const ROUND: u64 = 9;

	pub fn validators(names: &[&str]) -> Vec<ed25519::Pair> {
		let pair = |name: &&str| ed25519::Pair::from_string(&format!("//{name}"), None).expect("it is a path");
		names.iter().map(pair).collect()
	}

	pub fn authorities(of: &[ed25519::Pair]) -> AuthorityList {
		of.iter().map(|pair| (pair.public().into(), 1)).collect()
	}

	pub fn block(number: u32, next: Option<&[ed25519::Pair]>) -> Header {
		let change = next.map(|next| {
			let change = ScheduledChange { next_authorities: authorities(next), delay: 0u32 };
			DigestItem::Consensus(GRANDPA_ENGINE_ID, ConsensusLog::ScheduledChange(change).encode())
		});
		let digest = Digest { logs: change.into_iter().collect() };
		Header::new(number, Hash::zero(), Hash::zero(), Hash::zero(), digest)
	}

	/// A block with these validators' signatures, as validators number `set`, under another block where one is given.
	pub struct Signed<'a> {
		pub block: Header,
		pub set: u64,
		pub by: &'a [ed25519::Pair],
		pub under: Option<Header>,
	}

	impl Signed<'_> {
		pub fn encode(&self) -> Vec<u8> {
			let signed = self.under.as_ref().unwrap_or(&self.block);
			let precommit = Precommit::<Header> { target_hash: signed.hash(), target_number: signed.number };
			let payload = localized_payload(ROUND, self.set, &Message::<Header>::Precommit(precommit.clone()));
			let sign = |pair: &ed25519::Pair| (precommit.clone(), pair.sign(&payload), pair.public());
			let precommits: Vec<_> = self.by.iter().map(sign).collect();
			let commit = (signed.hash(), signed.number, precommits);
			(&self.block, (ROUND, commit, Vec::<Header>::new())).encode()
		}
	}

	fn check(fragments: &[Signed<'_>], is_finished: bool, genesis: &[ed25519::Pair]) -> Result<FinalBlock, Error> {
		// As a list of what is encoded already.
		let mut bytes = codec::Compact(fragments.len() as u32).encode();
		fragments.iter().for_each(|fragment| bytes.extend(fragment.encode()));
		bytes.push(is_finished.into());
		FinalityProof::decode(&bytes)?.verify(authorities(genesis))
	}

	#[test]
	fn a_proof_should_lead_from_the_first_validators_over_each_change_to_a_final_block() {
		let (first, next) = (validators(&["A", "B", "C", "D"]), validators(&["C", "D", "E"]));
		let change = Signed { block: block(10, Some(&next)), set: 0, by: &first[..3], under: None };
		let last = Signed { block: block(17, None), set: 1, by: &next, under: None };
		let header = last.block.clone();
		let block = check(&[change, last], true, &first).expect("all is signed");
		assert_eq!(block.header, header);
		assert_eq!((block.changes, block.signers, block.validators), (1, 3, 3));
	}

	#[test]
	fn what_too_few_or_other_validators_signed_should_not_be_final() {
		let (first, others) = (validators(&["A", "B", "C", "D"]), validators(&["E", "F", "G", "H"]));
		let signed = |set, by, under| [Signed { block: block(5, None), set, by, under }];
		assert!(check(&signed(0, &first[..3], None), true, &first).is_ok());
		for refused in [
			signed(0, &first[..2], None),
			signed(0, &others, None),
			signed(1, &first, None),
			signed(0, &first, Some(block(6, None))),
		] {
			let error = check(&refused, true, &first).expect_err("it is not signed");
			assert!(matches!(error, Error::NotFinal { block: 5, .. }), "{error}");
		}
	}

	#[test]
	fn one_signature_twice_should_count_once() {
		let first = validators(&["A", "B", "C", "D"]);
		let twice = validators(&["A", "A", "A", "B"]);
		let signed = [Signed { block: block(5, None), set: 0, by: &twice, under: None }];
		assert!(matches!(check(&signed, true, &first), Err(Error::NotFinal { .. })));
		let padded = validators(&["A", "A", "A", "B", "C", "X", "Y"]);
		let signed = [Signed { block: block(5, None), set: 0, by: &padded, under: None }];
		assert_eq!(check(&signed, true, &first).expect("three of four sign").signers, 3);
	}

	#[test]
	fn a_change_should_hold_for_the_blocks_after_it_alone() {
		let (first, next) = (validators(&["A", "B", "C", "D"]), validators(&["E", "F", "G", "H"]));
		let change = || Signed { block: block(10, Some(&next)), set: 0, by: &first, under: None };
		let old = Signed { block: block(17, None), set: 0, by: &first, under: None };
		assert!(matches!(check(&[change(), old], true, &first), Err(Error::NotFinal { block: 17, .. })));
		let early = Signed { block: block(10, Some(&next)), set: 0, by: &next, under: None };
		assert!(matches!(check(&[early], true, &first), Err(Error::NotFinal { block: 10, .. })));
	}

	#[test]
	fn a_proof_that_leads_nowhere_should_be_refused() {
		let first = validators(&["A", "B", "C", "D"]);
		let signed = |number| Signed { block: block(number, None), set: 0, by: &first, under: None };
		assert!(matches!(check(&[], true, &first), Err(Error::Unfinished)));
		assert!(matches!(check(&[signed(5)], false, &first), Err(Error::Unfinished)));
		assert!(matches!(check(&[signed(5), signed(6)], true, &first), Err(Error::NoChange)));
		for bytes in [&[][..], &[1, 2, 3], &[0, 1, 0]] {
			assert!(matches!(FinalityProof::decode(bytes), Err(Error::Malformed { part: "finality", .. })));
		}
	}
}

//! Proofs of what is final, each made from what was proven before.

use super::{finality::FinalityProof, Error};
use codec::{Compact, Encode};
use parking_lot::Mutex;
use sc_consensus_grandpa::{find_scheduled_change, warp_proof::WarpSyncFragment};
use sc_network_sync::strategy::warp::{EncodedProof, WarpSyncProvider};
use sibyl_runtime::{opaque::Block, Hash};
use std::sync::Arc;

/// Proves the finality of blocks, from any that changed the validators on.
pub type WarpProofs = Arc<dyn WarpSyncProvider<Block>>;

/// Proves the newest final block, since genesis.
pub struct Prover {
	warp_proofs: WarpProofs,
	/// One proof is made at a time.
	known: Mutex<Known>,
}

/// A proof from genesis on.
pub struct Proven {
	/// [`FinalityProof`], encoded.
	pub proof: Vec<u8>,
	/// The block that it leads to.
	pub block: Hash,
}

/// What is final stays so: each change of the validators is read and encoded once.
#[derive(Default)]
struct Known {
	/// The fragments of the changes, encoded one behind the other, and their number.
	changes: (Vec<u8>, u32),
	/// The block of the last of these.
	last_change: Option<Hash>,
	/// The final block that the node had, and the proof that was made then.
	newest: Option<(Hash, Arc<Proven>)>,
}

impl Prover {
	/// Nothing is proven yet.
	pub fn new(warp_proofs: WarpProofs) -> Self {
		Self { warp_proofs, known: Mutex::default() }
	}

	/// A proof from the chain's genesis to the newest block that has a justification, where this is the node's final block.
	pub fn prove(&self, genesis: Hash, finalized: Hash) -> Result<Arc<Proven>, Error> {
		let mut known = self.known.lock();
		if let Some((at, proven)) = &known.newest {
			if *at == finalized {
				return Ok(proven.clone());
			}
		}
		let last = known.go_on(&self.warp_proofs, genesis)?;
		let block = last.as_ref().map(|last| last.header.hash()).or(known.last_change).ok_or(Error::Unfinished)?;
		let (changes, count) = &known.changes;
		let mut proof = Compact(count + u32::from(last.is_some())).encode();
		proof.extend(changes);
		if let Some(last) = last {
			proof.extend(last.encode());
		}
		// It leads to its end.
		true.encode_to(&mut proof);
		let proven = Arc::new(Proven { proof, block });
		known.newest = Some((finalized, proven.clone()));
		Ok(proven)
	}
}

impl Known {
	/// Takes in the changes that are new, and returns the fragment of the final block, where that changes nothing.
	fn go_on(&mut self, provider: &WarpProofs, genesis: Hash) -> Result<Option<WarpSyncFragment<Block>>, Error> {
		loop {
			let from = self.last_change.unwrap_or(genesis);
			let EncodedProof(part) = provider.generate(from).map_err(|error| Error::NotProvable(error.to_string()))?;
			let FinalityProof { fragments, is_finished } = FinalityProof::decode(&part)?;
			let mut last = None;
			// Where no block after the last change has a justification, the provider gives that one again.
			for fragment in fragments.into_iter().filter(|fragment| fragment.header.hash() != from) {
				if find_scheduled_change::<Block>(&fragment.header).is_none() {
					last = Some(fragment);
					break;
				}
				self.last_change = Some(fragment.header.hash());
				self.changes.0.extend(fragment.encode());
				self.changes.1 += 1;
			}
			match is_finished {
				true => return Ok(last),
				false if self.last_change == Some(from) || self.last_change.is_none() => return Err(Error::Unfinished),
				false => {}
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::{super::finality::tests::*, *};
	use sc_network_sync::strategy::warp::Verifier;
	use sibyl_runtime::opaque::Header;
	use sp_core::ed25519::Pair;

	type Failure = Box<dyn std::error::Error + Send + Sync>;

	/// A chain whose validators change at each of some blocks, and that proves two fragments at a time.
	struct Fake {
		chain: Mutex<Vec<(Header, Vec<u8>)>>,
		asked: Mutex<Vec<Hash>>,
	}

	impl Fake {
		fn new() -> Arc<Self> {
			Arc::new(Self { chain: Mutex::default(), asked: Mutex::default() })
		}

		/// Adds a final block, signed by validators number `set`.
		fn add(&self, number: u32, set: u64, by: &[Pair], next: Option<&[Pair]>) {
			let signed = Signed { block: block(number, next), set, by, under: None };
			self.chain.lock().push((signed.block.clone(), signed.encode()));
		}
	}

	impl WarpSyncProvider<Block> for Fake {
		fn generate(&self, start: Hash) -> Result<EncodedProof, Failure> {
			self.asked.lock().push(start);
			let chain = self.chain.lock();
			let from = chain.iter().position(|(header, _)| header.hash() == start).map_or(0, |at| at + 1);
			// Only the newest of the blocks that change nothing has a justification.
			let is_told = |at: usize| at + 1 == chain.len() || find_scheduled_change::<Block>(&chain[at].0).is_some();
			let mut told: Vec<_> = (from..chain.len()).filter(|at| is_told(*at)).collect();
			if told.is_empty() {
				told.extend(chain.len().checked_sub(1));
			}
			let is_finished = told.len() <= 2;
			told.truncate(2);
			let mut proof = Compact(told.len() as u32).encode();
			told.iter().for_each(|at| proof.extend(&chain[*at].1));
			is_finished.encode_to(&mut proof);
			Ok(EncodedProof(proof))
		}

		fn create_verifier(&self) -> Box<dyn Verifier<Block>> {
			unreachable!("proofs are made here, and not checked")
		}
	}

	#[test]
	fn a_proof_should_be_joined_from_parts_and_go_on_from_the_last_change() {
		let [first, second, third, fourth] = ["A", "B", "C", "D"].map(|name| validators(&[name]));
		let (fake, genesis) = (Fake::new(), Hash::repeat_byte(9));
		fake.add(10, 0, &first, Some(&second));
		fake.add(20, 1, &second, Some(&third));
		fake.add(30, 2, &third, Some(&fourth));
		fake.add(31, 3, &fourth, None);
		let prover = Prover::new(fake.clone());
		let verified = |proven: &Proven| {
			let block = FinalityProof::decode(&proven.proof)?.verify(authorities(&first))?;
			assert_eq!(block.header.hash(), proven.block);
			Ok::<_, Error>((block.header.number, block.changes))
		};
		let proven = prover.prove(genesis, Hash::repeat_byte(1)).expect("it leads to block 31");
		assert_eq!(verified(&proven).expect("all is signed"), (31, 3));
		assert_eq!(fake.asked.lock().len(), 2, "three changes are told in two parts");
		assert!(Arc::ptr_eq(&prover.prove(genesis, Hash::repeat_byte(1)).expect("it is made"), &proven));

		fake.add(32, 3, &fourth, None);
		let proven = prover.prove(genesis, Hash::repeat_byte(2)).expect("it leads to block 32");
		assert_eq!(verified(&proven).expect("all is signed"), (32, 3));
		let last_change = fake.chain.lock()[2].0.hash();
		assert_eq!(fake.asked.lock()[2..], [last_change], "what is known is asked no more");
	}

	#[test]
	fn a_chain_whose_newest_final_block_is_a_change_should_be_proven_to_that() {
		let [first, second] = ["A", "B"].map(|name| validators(&[name]));
		let (fake, genesis) = (Fake::new(), Hash::repeat_byte(9));
		let prover = Prover::new(fake.clone());
		assert!(matches!(prover.prove(genesis, Hash::zero()), Err(Error::Unfinished)), "nothing is final");
		fake.add(10, 0, &first, Some(&second));
		for finalized in [1, 2] {
			let proven = prover.prove(genesis, Hash::repeat_byte(finalized)).expect("it leads to block 10");
			let block = FinalityProof::decode(&proven.proof).expect("it is one").verify(authorities(&first));
			assert_eq!(block.expect("it is signed").header.number, 10);
		}
	}
}

//! Warp sync: what this node takes into its database of a proof that it is given, and when it gives one itself.

use super::FullBackend;
use sc_consensus_grandpa::{warp_proof::NetworkProvider, AuthoritySetChanges, SharedAuthoritySet};
use sc_network_sync::strategy::warp::{EncodedProof, VerificationResult, Verifier, WarpSyncProvider};
use sibyl_runtime::{opaque::Block, BlockNumber, Hash};
use std::{error::Error, sync::Arc};

type Failure = Box<dyn Error + Send + Sync>;

type AuthoritySet = SharedAuthoritySet<Hash, BlockNumber>;

/// GRANDPA's warp proofs, as the SDK makes and checks them, with two faults of it kept away:
///
/// 1. It imports the headers of the blocks that a proof consists of. Where the last of them is the target's parent, the
///    import of the target finalises that parent first, and walks to it from genesis over headers that are not there yet: the
///    import fails, and the node never syncs. Besides, it loses the signatures of each header that it imports so. Here
///    none is imported: the download of the history brings these blocks as all others, and with their signatures.
/// 2. It makes a proof of the changes of the validators that the node knows. After a warp sync it knows none, and learns
///    them by the history: a proof over a change that is missing is wrong, and who gets it bans this node. Here there is
///    no proof as long as one is missing.
pub struct WarpSync {
	proofs: NetworkProvider<Block, FullBackend>,
	authority_set: AuthoritySet,
}

impl WarpSync {
	/// Proves from this database.
	pub fn new(backend: Arc<FullBackend>, authority_set: AuthoritySet) -> Self {
		Self { proofs: NetworkProvider::new(backend, authority_set.clone(), Vec::new()), authority_set }
	}
}

impl WarpSyncProvider<Block> for WarpSync {
	fn generate(&self, start: Hash) -> Result<EncodedProof, Failure> {
		if !is_whole(&self.authority_set.authority_set_changes(), self.authority_set.set_id()) {
			return Err("this node lacks blocks that changed the validators".into());
		}
		self.proofs.generate(start)
	}

	fn create_verifier(&self) -> Box<dyn Verifier<Block>> {
		Box::new(TargetAlone(self.proofs.create_verifier()))
	}
}

/// Whether each change is known that led from the first validators to those of this number.
fn is_whole(changes: &AuthoritySetChanges<BlockNumber>, validators: u64) -> bool {
	changes.iter_from(0).is_some_and(|changes| changes.map(|(before, _)| *before).eq(0..validators))
}

/// Checks proofs, and has nothing imported of them.
struct TargetAlone(Box<dyn Verifier<Block>>);

impl Verifier<Block> for TargetAlone {
	fn verify(&mut self, proof: &EncodedProof) -> Result<VerificationResult<Block>, Failure> {
		Ok(match self.0.verify(proof)? {
			VerificationResult::Partial(_) => VerificationResult::Partial(Vec::new()),
			VerificationResult::Complete(target, _) => VerificationResult::Complete(target, Vec::new()),
		})
	}

	fn next_proof_context(&self) -> Hash {
		self.0.next_proof_context()
	}

	fn status(&self) -> Option<String> {
		self.0.status()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_runtime::opaque::Header;
	use sp_runtime::{traits::Header as _, Justifications};

	fn block(number: BlockNumber) -> Header {
		Header::new(number, Hash::zero(), Hash::zero(), Hash::zero(), Default::default())
	}

	/// Takes any proof for one of blocks 4, 7 and 8, and one that is empty for none.
	struct Fake {
		is_finished: bool,
	}

	impl Verifier<Block> for Fake {
		fn verify(&mut self, proof: &EncodedProof) -> Result<VerificationResult<Block>, Failure> {
			let proven = [4, 7, 8].map(|number| (block(number), Justifications::from((*b"FRNK", Vec::new()))));
			match (proof.0.is_empty(), self.is_finished) {
				(true, _) => Err("it is empty".into()),
				(false, false) => Ok(VerificationResult::Partial(proven.into())),
				(false, true) => Ok(VerificationResult::Complete(block(8), proven.into())),
			}
		}

		fn next_proof_context(&self) -> Hash {
			block(8).hash()
		}

		fn status(&self) -> Option<String> {
			Some("3 eras".into())
		}
	}

	#[test]
	fn nothing_of_a_proof_is_imported_and_its_target_is_told() {
		let verify = |is_finished| TargetAlone(Box::new(Fake { is_finished })).verify(&EncodedProof(vec![1]));
		assert!(matches!(
			verify(true).expect("it is one"),
			VerificationResult::Complete(target, blocks) if target == block(8) && blocks.is_empty()
		));
		assert!(matches!(
			verify(false).expect("it is one"),
			VerificationResult::Partial(blocks) if blocks.is_empty()
		));
	}

	#[test]
	fn a_proof_that_is_wrong_is_refused_as_before() {
		let mut verifier = TargetAlone(Box::new(Fake { is_finished: true }));
		let refused = verifier.verify(&EncodedProof(Vec::new())).err().expect("it is empty");
		assert_eq!(refused.to_string(), "it is empty");
		assert_eq!(verifier.next_proof_context(), block(8).hash());
		assert_eq!(verifier.status(), Some("3 eras".into()));
	}

	#[test]
	fn nothing_is_proven_while_a_change_of_the_validators_is_missing() {
		let is_whole = |changes: &[(u64, BlockNumber)], validators| is_whole(&changes.to_vec().into(), validators);
		assert!(is_whole(&[], 0), "the first validators are still there");
		assert!(is_whole(&[(0, 10), (1, 20)], 2));
		for (changes, when) in [
			(&[][..], "just after a warp sync"),
			(&[(2, 30)][..], "after a change since then"),
			(&[(0, 10)][..], "while the history comes"),
			(&[(0, 10), (2, 30)][..], "while the history comes, after a change since then"),
		] {
			assert!(!is_whole(changes, 3), "{when}");
		}
	}
}

//! What goes into the validator's own blocks.

use crate::{
	conduct::{Conduct, Side},
	junk::Inventor,
	mode::Mode,
	signer::Signer,
	LOG_TARGET,
};
use codec::{Decode, Encode};
use futures::{
	future::{ready, BoxFuture, Ready},
	FutureExt,
};
use parking_lot::Mutex;
use sc_block_builder::BlockBuilderBuilder;
use sc_transaction_pool_api::{InPoolTransaction, TransactionPool};
use sibyl_node::{FullClient, FullPool, Node};
use sibyl_primitives::vote::{SignedBallot, VersionedBallot, MAX_BALLOTS};
use sibyl_runtime::{
	opaque::{Block, Header, UncheckedExtrinsic as Opaque},
	BlockNumber, Hash, Runtime, RuntimeCall, UncheckedExtrinsic,
};
use sp_blockchain::Error;
use sp_consensus::{Environment, Proposal, ProposeArgs, Proposer};
use sp_runtime::{traits::Header as _, BoundedVec};
use std::sync::Arc;

/// Bytes of votes that it stuffs a block with: a block has 5 MiB.
const BYTES: usize = 4 * 1024 * 1024;
/// Transactions in a block: the tests ask little.
const TRANSACTIONS: usize = 100;

/// Makes the validator's blocks.
#[derive(Clone)]
pub struct Author {
	client: Arc<FullClient>,
	pool: Arc<FullPool>,
	mode: Mode,
	signer: Signer,
	conduct: Conduct,
	inventor: Arc<Mutex<Inventor>>,
}

impl Author {
	pub fn new(node: &Node, mode: Mode, signer: Signer, conduct: Conduct) -> Self {
		let (client, pool) = (node.client.clone(), node.pool.clone());
		Self { client, pool, mode, signer, conduct, inventor: Default::default() }
	}

	/// The votes of a block in place of those that the node would put in.
	fn votes(&self, number: BlockNumber, honest: Vec<SignedBallot>) -> Vec<SignedBallot> {
		match self.mode {
			Mode::Censor => honest.into_iter().filter(|signed| self.signer.is_mine(signed)).collect(),
			Mode::Stuff => self.stuffing(number, honest),
			_ => honest
				.into_iter()
				.filter_map(|signed| match self.signer.is_mine(&signed) {
					true => self.conduct.say(Side::Left, signed),
					false => Some(signed),
				})
				.collect(),
		}
	}

	/// Each of its blocks in another way.
	fn stuffing(&self, number: BlockNumber, honest: Vec<SignedBallot>) -> Vec<SignedBallot> {
		let Some(place) = self.signer.place() else { return honest };
		let mut inventor = self.inventor.lock();
		let invented = |ballots: Vec<_>| ballots.into_iter().filter_map(|ballot| self.signer.sign(ballot));
		match number % 4 {
			// What it has heard, again and again, whatever came of it.
			0 => {
				let heard = self.conduct.heard();
				let repeated = honest.iter().chain(&heard).cycle().take(MAX_BALLOTS as usize);
				if heard.is_empty() {
					honest
				} else {
					repeated.cloned().collect()
				}
			}
			// As many signatures as there can be.
			1 => invented((0..MAX_BALLOTS).map(|_| inventor.small(place)).collect()).collect(),
			// As many votes for as many jobs as there can be.
			2 => invented((0..48).map(|_| inventor.full(place)).collect()).collect(),
			// All votes, and none of the outputs.
			_ => honest.into_iter().map(|signed| SignedBallot { outputs: Default::default(), ..signed }).collect(),
		}
	}

	/// The inherent with the votes, as this author wants it; others as they are.
	fn rewritten(&self, number: BlockNumber, inherent: Opaque) -> Opaque {
		let decoded = UncheckedExtrinsic::decode(&mut &inherent.encode()[..]);
		let Ok(RuntimeCall::Inference(pallet_inference::Call::include { ballots })) =
			decoded.map(|extrinsic| extrinsic.function)
		else {
			return inherent;
		};
		let honest = ballots.into_iter().map(|VersionedBallot::V1(signed)| signed).collect();
		let mut left = BYTES;
		let votes: Vec<_> = self
			.votes(number, honest)
			.into_iter()
			.map(VersionedBallot::V1)
			.take_while(|ballot| {
				let fits = ballot.encoded_size() <= left;
				left = left.saturating_sub(ballot.encoded_size());
				fits
			})
			.collect();
		log::info!(target: LOG_TARGET, "#{number} gets {} ballots of {} bytes", votes.len(), BYTES - left);
		let call = pallet_inference::Call::<Runtime>::include { ballots: BoundedVec::truncate_from(votes) };
		UncheckedExtrinsic::new_bare(RuntimeCall::Inference(call)).into()
	}

	fn make(&self, parent: Hash, number: BlockNumber, args: ProposeArgs<Block>) -> Result<Proposal<Block>, Error> {
		let mut builder = BlockBuilderBuilder::new(&*self.client)
			.on_parent_block(parent)
			.with_parent_block_number(number - 1)
			.with_inherent_digests(args.inherent_digests)
			.build()?;
		for inherent in builder.create_inherents(args.inherent_data)? {
			builder.push(self.rewritten(number, inherent))?;
		}
		if !matches!(self.mode, Mode::Censor | Mode::Stuff) {
			for transaction in self.pool.ready().take(TRANSACTIONS) {
				if let Err(error) = builder.push((**transaction.data()).clone()) {
					log::debug!(target: LOG_TARGET, "A transaction is left out: {error}");
				}
			}
		}
		let built = builder.build()?;
		Ok(Proposal { block: built.block, storage_changes: built.storage_changes })
	}
}

impl Environment<Block> for Author {
	type Proposer = OneBlock;
	type CreateProposer = Ready<Result<OneBlock, Error>>;
	type Error = Error;

	fn init(&mut self, parent: &Header) -> Self::CreateProposer {
		ready(Ok(OneBlock { author: self.clone(), parent: parent.hash(), number: parent.number().saturating_add(1) }))
	}
}

/// One block to be made.
pub struct OneBlock {
	author: Author,
	parent: Hash,
	number: BlockNumber,
}

impl Proposer<Block> for OneBlock {
	type Error = Error;
	type Proposal = BoxFuture<'static, Result<Proposal<Block>, Error>>;

	fn propose(self, args: ProposeArgs<Block>) -> Self::Proposal {
		async move {
			self.author.make(self.parent, self.number, args).inspect_err(|error| {
				log::error!(target: LOG_TARGET, "Block #{} can't be made: {error}", self.number);
			})
		}
		.boxed()
	}
}

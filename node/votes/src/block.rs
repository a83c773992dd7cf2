//! The ballots that this node offers to a block of its own.

use crate::pool::{Pool, Pooled};
use codec::Encode;
use sibyl_primitives::{
	api::BallotStanding,
	job::OutputBytes,
	vote::{Reveal, SignedBallot},
	AccountId, BlockNumber, Hash,
};
use std::{
	cmp::Reverse,
	collections::{BTreeMap, BTreeSet},
};

/// What a ballot has for the block, in the order in which it is offered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
	/// Votes, for jobs of which one has this deadline.
	Votes(BlockNumber),
	/// It is not known: the ballot has just come, or was early at the block before.
	Unknown,
	/// Something about models, and no votes.
	Models,
}

impl Class {
	/// The same whatever the deadline.
	fn rank(self) -> u8 {
		match self {
			Self::Votes(_) => 0,
			Self::Unknown => 1,
			Self::Models => 2,
		}
	}

	/// None for a ballot that no block would take anything of.
	fn of(pooled: &Pooled) -> Option<Self> {
		match &pooled.standing {
			Some(BallotStanding::Wanted { deadline: Some(deadline), .. }) => Some(Self::Votes(*deadline)),
			Some(BallotStanding::Wanted { deadline: None, .. }) => Some(Self::Models),
			Some(BallotStanding::Early { .. }) if !pooled.is_fresh => Some(Self::Unknown),
			Some(BallotStanding::Early { .. } | BallotStanding::Useless) => None,
			None => Some(Self::Unknown),
		}
	}
}

impl Pool {
	/// Ballots for a block after the best one, up to so many bytes.
	///
	/// These are those that the runtime wants. Each validator's most urgent one comes first, then everyone's second, so that
	/// nobody crowds others out; of two that are equally urgent the newer, which says all that the chain lacked when it was
	/// made. A newer one never takes an older one's place: it may be of another fork. Among firsts, and then among all others,
	/// those that have not been judged at this block come after those that are wanted, and last those that speak of models
	/// alone. Who is longer than an equal share of the bytes comes after those of its kind that are not, so that these fit.
	///
	/// Outputs come when all ballots are in: those that the chain lacks, and each once, whoever brings it.
	pub fn for_block(&self, max_bytes: usize) -> Vec<SignedBallot> {
		let mut left = max_bytes;
		let mut chosen = Vec::new();
		for pooled in self.candidates(max_bytes) {
			let bytes = pooled.ballot.bare_bytes();
			if bytes <= left {
				left -= bytes;
				chosen.push(pooled);
			}
		}
		let mut brought = BTreeSet::new();
		let mut ballots = Vec::new();
		for pooled in chosen {
			let mut ballot = pooled.ballot.without_outputs();
			for (hash, output) in wanted_outputs(pooled) {
				// An output that two jobs have stands twice: each job takes it from a ballot with a reveal of its own.
				let jobs: Vec<_> = jobs_with(&ballot.ballot.reveals, hash).collect();
				let is_news = jobs.iter().any(|job| !brought.contains(job));
				let bytes = output.encoded_size();
				if is_news && bytes <= left && ballot.outputs.try_push(output.clone()).is_ok() {
					left -= bytes;
					brought.extend(jobs);
				}
			}
			ballots.push(ballot);
		}
		ballots
	}

	fn candidates(&self, max_bytes: usize) -> Vec<&Pooled> {
		let mut candidates: Vec<_> =
			self.all().filter_map(|pooled| Class::of(pooled).map(|class| (class, pooled))).collect();
		let urgency = |class: Class, pooled: &Pooled| (class, Reverse(pooled.age));
		candidates.sort_by_key(|(class, pooled)| urgency(*class, pooled));
		let mut places = BTreeMap::<&AccountId, u32>::new();
		let mut placed = Vec::new();
		for (class, pooled) in candidates {
			let place = places.entry(&pooled.account).or_default();
			*place += 1;
			placed.push((*place, class, pooled));
		}
		let share = max_bytes / places.len().max(1);
		placed.sort_by_key(|(place, class, pooled)| {
			(*place > 1, class.rank(), *place, pooled.ballot.bare_bytes() > share, urgency(*class, pooled))
		});
		placed.into_iter().map(|(_, _, pooled)| pooled).collect()
	}
}

/// The ballot's outputs that the chain lacks: all, where that is not known.
fn wanted_outputs(pooled: &Pooled) -> impl Iterator<Item = (Hash, &OutputBytes)> {
	pooled.ballot.outputs().filter(|(hash, _)| match &pooled.standing {
		Some(BallotStanding::Wanted { outputs, .. }) => outputs.contains(hash),
		_ => true,
	})
}

fn jobs_with(reveals: &[Reveal], output: Hash) -> impl Iterator<Item = (Hash, Hash)> + '_ {
	reveals
		.iter()
		.filter(move |reveal| reveal.output_hash == output)
		.map(move |reveal| (reveal.target.fingerprint, output))
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;

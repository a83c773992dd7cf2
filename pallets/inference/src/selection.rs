//! The ballots that an author puts into its block.

use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use cells::Cells;
use core::cmp::Reverse;
use frame_support::{pallet_prelude::ConstU32, traits::Get, BoundedVec};
use include::Spending;
use sibyl_primitives::{api::BallotStanding, output::output_hash, vote::Ballot};
use standing::{votes, Worth};

/// Bytes of outputs that one block takes.
const MAX_INCLUDED_OUTPUT_BYTES: usize = 1024 * 1024;

/// What a ballot may have beside votes that the block takes and come in its turn all the same: votes that it does not take,
/// and words of models. A job that is named in vain costs 0.26 ms of the 600 that a block has, a word of a model 0.4 ms: so
/// a hundred validators of three hundred cost it a third of them. A ballot that an honest validator made at the best block
/// has no vote in vain, and its worker says no more of models.
pub(crate) const MAX_PADDING: usize = 4;

/// A ballot that a block would take something of.
struct Wanted {
	ballot: SignedBallot,
	member: Member,
	deadline: Option<BlockNumber>,
	/// Hashes of outputs that the chain lacks.
	outputs: Vec<Hash>,
	/// Whether it has more than [`MAX_PADDING`].
	is_padded: bool,
}

/// What was seen of a ballot.
enum Look {
	/// The block takes something of it.
	Wanted { deadline: Option<BlockNumber>, outputs: Vec<Hash> },
	/// It has too much padding to be looked into before all others are.
	Padded,
	/// The block takes nothing of it, or has no weight left to look.
	Unwanted,
}

/// What a ballot says: nobody need say it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
	Vote { fingerprint: Fingerprint, round: Round, seat: SeatIndex, is_reveal: bool },
	Output { fingerprint: Fingerprint, hash: Hash },
	Model { session: SessionIndex, authority_index: AuthorityIndex, model: ModelId },
}

impl<T: Config> Pallet<T> {
	/// The ballots for a block, of those that the node has: those with something that the block takes and no ballot before
	/// brings, each output once. Signatures were checked by the node, and are checked again when the block is executed.
	///
	/// What looking through them weighs is bounded like `include`; ballots beyond that are left for later blocks.
	pub(crate) fn select_ballots(ballots: Vec<VersionedBallot>) -> BoundedVec<VersionedBallot, ConstU32<MAX_BALLOTS>> {
		let now = Self::now();
		let mut cells = Cells::<T>::default();
		let wanted = order(Self::wanted(ballots, now, &mut cells));
		let mut selected = Self::that_say_something(wanted, now, &mut cells);
		selected.truncate(MAX_BALLOTS as usize);
		keep_each_output_once(&mut selected);
		let selected = selected.into_iter().map(|wanted| VersionedBallot::V1(wanted.ballot)).collect();
		BoundedVec::truncate_from(selected)
	}

	/// Those that the block takes something of. Everybody's first ballot is looked into, then all others, then the padded
	/// ones, as long as there is weight: so nobody spends with what is no vote what others' votes need.
	fn wanted(ballots: Vec<VersionedBallot>, now: BlockNumber, cells: &mut Cells<T>) -> Vec<Wanted> {
		let mut spending = Spending::new::<T>();
		let mut heard = BTreeSet::new();
		let (mut firsts, mut others) = (Vec::new(), Vec::new());
		for VersionedBallot::V1(ballot) in ballots {
			let Ok(member) = Self::look_at(&ballot.ballot, now) else { continue };
			let turn = if heard.insert(member.validator.clone()) { &mut firsts } else { &mut others };
			turn.push((ballot, member));
		}
		let (mut wanted, mut padded) = (Vec::new(), Vec::new());
		for (ballot, member) in firsts.into_iter().chain(others) {
			match Self::look_into(&ballot.ballot, &member, MAX_PADDING, now, &mut spending, cells) {
				Look::Wanted { deadline, outputs } => {
					wanted.push(Wanted { ballot, member, deadline, outputs, is_padded: false })
				}
				Look::Padded => padded.push((ballot, member)),
				Look::Unwanted => {}
			}
		}
		for (ballot, member) in padded {
			let look = Self::look_into(&ballot.ballot, &member, usize::MAX, now, &mut spending, cells);
			if let Look::Wanted { deadline, outputs } = look {
				wanted.push(Wanted { ballot, member, deadline, outputs, is_padded: true });
			}
		}
		wanted
	}

	/// Looks into a ballot, and pays for that vote by vote: no further than to so much padding.
	fn look_into(
		ballot: &Ballot,
		member: &Member,
		max_padding: usize,
		now: BlockNumber,
		spending: &mut Spending,
		cells: &mut Cells<T>,
	) -> Look {
		let mut padding = ballot.attestations.len();
		if padding > max_padding {
			return Look::Padded;
		}
		if !spending.pay_for_look::<T>(ballot) {
			return Look::Unwanted;
		}
		let mut said = BTreeSet::new();
		for vote in votes(ballot) {
			if !spending.pay_for_vote::<T>() || !spending.pay_for_job(vote, cells) {
				return Look::Unwanted;
			}
			let is_taken = match Self::worth(ballot, member, vote, now, cells) {
				(Worth::Taken | Worth::OnlyItsOutput, Some(cell)) => {
					if !spending.pay_for_end::<T>(cell) {
						return Look::Unwanted;
					}
					// A vote that it says twice is taken once.
					said.insert((vote.target().fingerprint, vote.target().round, vote.seat()))
				}
				_ => false,
			};
			padding += usize::from(!is_taken);
			if padding > max_padding {
				return Look::Padded;
			}
		}
		match Self::standing(ballot, now, cells) {
			BallotStanding::Wanted { deadline, outputs, .. } => Look::Wanted { deadline, outputs },
			BallotStanding::Early { .. } | BallotStanding::Useless => Look::Unwanted,
		}
	}

	/// Those that bring something that none before brings.
	fn that_say_something(wanted: Vec<Wanted>, now: BlockNumber, cells: &mut Cells<T>) -> Vec<Wanted> {
		let mut said = BTreeSet::new();
		let mut selected = Vec::new();
		for wanted in wanted {
			let before = said.len();
			said.extend(Self::what_counts(&wanted, now, cells));
			if said.len() > before {
				selected.push(wanted);
			}
		}
		selected
	}

	/// What the block would take of the ballot.
	fn what_counts(wanted: &Wanted, now: BlockNumber, cells: &mut Cells<T>) -> Vec<Said> {
		let Wanted { ballot, member, .. } = wanted;
		let Ballot { session, authority_index, at_block, .. } = ballot.ballot;
		let mut counts = Vec::new();
		for vote in votes(&ballot.ballot) {
			let target = vote.target();
			let is_reveal = vote.is_reveal();
			match Self::worth(&ballot.ballot, member, vote, now, cells).0 {
				Worth::Taken => counts.push(Said::Vote {
					fingerprint: target.fingerprint,
					round: target.round,
					seat: vote.seat(),
					is_reveal,
				}),
				Worth::OnlyItsOutput => {}
				Worth::Early | Worth::Useless => continue,
			}
			if let standing::Vote::Reveal(reveal) = vote {
				if wanted.outputs.contains(&reveal.output_hash)
					&& ballot.outputs.iter().any(|output| output_hash(output) == reveal.output_hash)
				{
					counts.push(Said::Output { fingerprint: target.fingerprint, hash: reveal.output_hash });
				}
			}
		}
		if session == T::CurrentSession::get() {
			let news =
				ballot.ballot.attestations.iter().filter(|said| Self::is_news(&member.validator, said, at_block));
			counts.extend(news.map(|said| Said::Model { session, authority_index, model: said.model }));
		}
		counts
	}
}

/// Every validator's most urgent ballot first, then everyone's second, so that nobody crowds others out, and the padded ones
/// last; of equal ones the nearer deadline first, votes before what says something of models alone, then the newer one: it
/// has all that the older ones have and blocks lack.
fn order(mut wanted: Vec<Wanted>) -> Vec<Wanted> {
	let urgency = |wanted: &Wanted| {
		let ballot = &wanted.ballot.ballot;
		let votes = (wanted.deadline.is_none(), wanted.deadline);
		(wanted.is_padded, votes, Reverse(ballot.at_block), Reverse(ballot.len()))
	};
	wanted.sort_by_key(urgency);
	let mut places = BTreeMap::<AccountId, u32>::new();
	let mut ranked = Vec::with_capacity(wanted.len());
	for wanted in wanted {
		let place = places.entry(wanted.member.validator.clone()).or_default();
		*place += 1;
		ranked.push((*place, wanted));
	}
	ranked.sort_by_key(|(place, wanted)| {
		(wanted.is_padded, *place > 1, wanted.deadline.is_none(), *place, urgency(wanted))
	});
	ranked.into_iter().map(|(_, wanted)| wanted).collect()
}

/// Leaves in each output once, as long as the block has room for its bytes. An output that two jobs have stands twice: each
/// takes it from a ballot with its own reveal.
fn keep_each_output_once(selected: &mut [Wanted]) {
	let mut brought = BTreeSet::<(Fingerprint, Hash)>::new();
	let mut room = MAX_INCLUDED_OUTPUT_BYTES;
	for Wanted { ballot, outputs: lacking, .. } in selected {
		let SignedBallot { ballot, outputs, .. } = ballot;
		let mut kept = Vec::new();
		for output in core::mem::take(outputs) {
			let hash = output_hash(&output);
			let news: Vec<_> = ballot
				.reveals
				.iter()
				.filter(|reveal| reveal.output_hash == hash && lacking.contains(&hash))
				.map(|reveal| (reveal.target.fingerprint, hash))
				.filter(|key| !brought.contains(key))
				.collect();
			if !news.is_empty() && output.len() <= room {
				room -= output.len();
				brought.extend(news);
				kept.push(output);
			}
		}
		*outputs = BoundedVec::truncate_from(kept);
	}
}

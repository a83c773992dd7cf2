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

/// A ballot that a block would take something of.
struct Wanted {
	ballot: SignedBallot,
	member: Member,
	deadline: Option<BlockNumber>,
	/// Hashes of outputs that the chain lacks.
	outputs: Vec<Hash>,
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

	fn wanted(ballots: Vec<VersionedBallot>, now: BlockNumber, cells: &mut Cells<T>) -> Vec<Wanted> {
		let mut spending = Spending::new::<T>();
		let mut wanted = Vec::new();
		for VersionedBallot::V1(ballot) in ballots {
			let has_room = spending.pay_for_ballot::<T>(&ballot.ballot, core::iter::empty())
				&& votes(&ballot.ballot).all(|vote| spending.pay_for_job(vote, cells));
			if !has_room {
				continue;
			}
			let Ok(member) = Self::look_at(&ballot.ballot, now) else { continue };
			let BallotStanding::Wanted { deadline, outputs, .. } = Self::standing(&ballot.ballot, now, cells) else {
				continue;
			};
			wanted.push(Wanted { ballot, member, deadline, outputs });
		}
		wanted
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

/// Every validator's most urgent ballot first, then everyone's second, so that nobody crowds others out; of equal ones the
/// nearer deadline first, votes before what says something of models alone, then the newer one: it has all that the
/// older ones have and blocks lack.
fn order(mut wanted: Vec<Wanted>) -> Vec<Wanted> {
	let urgency = |wanted: &Wanted| {
		let ballot = &wanted.ballot.ballot;
		(wanted.deadline.is_none(), wanted.deadline, Reverse(ballot.at_block), Reverse(ballot.len()))
	};
	wanted.sort_by_key(urgency);
	let mut places = BTreeMap::<AccountId, u32>::new();
	let mut ranked: Vec<_> = wanted
		.into_iter()
		.map(|wanted| {
			let place = places.entry(wanted.member.validator.clone()).or_default();
			*place += 1;
			(*place, wanted)
		})
		.collect();
	ranked.sort_by_key(|(place, wanted)| (wanted.deadline.is_none(), *place, urgency(wanted)));
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

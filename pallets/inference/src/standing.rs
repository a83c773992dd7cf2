//! What a ballot and its votes are worth to a block: the one answer that selection, inclusion and the runtime API give.

use super::*;
use cells::{Cell, Cells, Found};
use frame_support::traits::Get;
use sibyl_primitives::{
	api::BallotStanding,
	commitment::Committer,
	vote::{Abstention, Ballot, Commit, Reveal, VoteTarget, BALLOT_LONGEVITY},
};

/// What a vote is worth to this block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
	/// It is taken.
	Taken,
	/// It is there already, and a quorum agrees with it, but nobody has brought the output: that is taken.
	OnlyItsOutput,
	/// It comes before its time, or for a committee that this fork does not have (yet).
	Early,
	/// It comes too late, is there already, or was never right.
	Useless,
}

/// Why a ballot is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
	/// Its time may come.
	Early(&'static str),
	/// Its time is over, or it says nothing.
	Useless(&'static str),
}

/// One vote, of whichever kind.
#[derive(Clone, Copy)]
pub(crate) enum Vote<'a> {
	Commit(&'a Commit),
	Abstention(&'a Abstention),
	Reveal(&'a Reveal),
}

impl Vote<'_> {
	pub fn target(&self) -> &VoteTarget {
		match self {
			Self::Commit(vote) => &vote.target,
			Self::Abstention(vote) => &vote.target,
			Self::Reveal(vote) => &vote.target,
		}
	}

	pub fn seat(&self) -> SeatIndex {
		match self {
			Self::Commit(vote) => vote.seat,
			Self::Abstention(vote) => vote.seat,
			Self::Reveal(vote) => vote.seat,
		}
	}

	pub fn is_reveal(&self) -> bool {
		matches!(self, Self::Reveal(_))
	}

	pub fn kind(&self) -> &'static str {
		match self {
			Self::Commit(_) => "commit",
			Self::Abstention(_) => "abstention",
			Self::Reveal(_) => "reveal",
		}
	}
}

/// A ballot's votes.
pub(crate) fn votes(ballot: &Ballot) -> impl Iterator<Item = Vote<'_>> {
	let commits = ballot.commits.iter().map(Vote::Commit);
	let abstentions = ballot.abstentions.iter().map(Vote::Abstention);
	commits.chain(abstentions).chain(ballot.reveals.iter().map(Vote::Reveal))
}

/// How many votes a ballot has.
pub(crate) fn count_votes(ballot: &Ballot) -> u32 {
	(ballot.commits.len() + ballot.abstentions.len() + ballot.reveals.len()) as u32
}

impl<T: Config> Pallet<T> {
	/// What can be seen of a ballot without any job, and the validator that it is of.
	pub(crate) fn look_at(ballot: &Ballot, now: BlockNumber) -> Result<Member, Unfit> {
		if ballot.session > T::CurrentSession::get() {
			return Err(Unfit::Early("its session has not begun"));
		}
		if ballot.session < Self::oldest_voting_session() {
			return Err(Unfit::Useless("its session is too old"));
		}
		if now.saturating_sub(ballot.at_block) > BALLOT_LONGEVITY {
			return Err(Unfit::Useless("it was made too many blocks ago"));
		}
		if ballot.is_empty() {
			return Err(Unfit::Useless("it says nothing"));
		}
		if ballot.at_block > now {
			return Err(Unfit::Early("it was made at a later block"));
		}
		Members::<T>::get(ballot.session, ballot.authority_index)
			.ok_or(Unfit::Useless("its session has no such validator"))
	}

	/// What a block would do with the ballot. The signature is not looked at.
	pub(crate) fn standing(ballot: &Ballot, now: BlockNumber, cells: &mut Cells<T>) -> BallotStanding {
		let member = match Self::look_at(ballot, now) {
			Ok(member) => member,
			Err(Unfit::Early(_)) => return BallotStanding::Early { has_early_reveals: !ballot.reveals.is_empty() },
			Err(Unfit::Useless(_)) => return BallotStanding::Useless,
		};
		let (mut deadline, mut outputs, mut is_early, mut has_early_reveals) = (None, Vec::new(), false, false);
		for vote in votes(ballot) {
			let (worth, cell) = Self::worth(ballot, &member, vote, now, cells);
			match (worth, cell) {
				(Worth::Taken | Worth::OnlyItsOutput, Some(cell)) => {
					deadline =
						Some(deadline.map_or(cell.job.deadline, |first: BlockNumber| first.min(cell.job.deadline)));
					if let Vote::Reveal(reveal) = vote {
						if cell.stored_output::<T>() != Some(reveal.output_hash)
							&& !outputs.contains(&reveal.output_hash)
						{
							outputs.push(reveal.output_hash);
						}
					}
				}
				(Worth::Early, _) => {
					is_early = true;
					has_early_reveals |= vote.is_reveal();
				}
				_ => {}
			}
		}
		if deadline.is_some() || Self::has_news_of_models(ballot, &member) {
			BallotStanding::Wanted { deadline, outputs, has_early_reveals }
		} else if is_early {
			BallotStanding::Early { has_early_reveals }
		} else {
			BallotStanding::Useless
		}
	}

	/// Whether the ballot says anything new of models.
	pub(crate) fn has_news_of_models(ballot: &Ballot, member: &Member) -> bool {
		ballot.session == T::CurrentSession::get()
			&& ballot
				.attestations
				.iter()
				.any(|attestation| Self::is_news(&member.validator, attestation, ballot.at_block))
	}

	/// What the vote is worth now, and the job that it is for, where that is open.
	pub(crate) fn worth<'a>(
		ballot: &Ballot,
		member: &Member,
		vote: Vote<'_>,
		now: BlockNumber,
		cells: &'a mut Cells<T>,
	) -> (Worth, Option<&'a mut Cell>) {
		let cell = match cells.find(vote.target()) {
			Found::NotYet => return (Worth::Early, None),
			Found::Over => return (Worth::Useless, None),
			Found::Cell(cell) => cell,
		};
		(Self::worth_to(cell, ballot, member, vote, now), Some(cell))
	}

	/// What the vote is worth to the job.
	fn worth_to(cell: &mut Cell, ballot: &Ballot, member: &Member, vote: Vote<'_>, now: BlockNumber) -> Worth {
		if usize::from(vote.seat()) >= cell.committee.seats.len() {
			return Worth::Useless;
		}
		let Some(seat) = Self::seat_of(cell, ballot, member, vote) else {
			// The draw may be that of substitutes, which this fork does not have yet.
			let may_be_to_come = cell.may_have_substitutes() && cell.job.phase == Phase::Committing;
			let is_of_another_draw = cell.committee.draw != vote.target().draw;
			return if may_be_to_come && is_of_another_draw { Worth::Early } else { Worth::Useless };
		};
		if now > cell.job.deadline {
			return Worth::Useless;
		}
		match (vote, cell.job.phase, seat.vote) {
			(Vote::Commit(_) | Vote::Abstention(_), Phase::Committing, SeatVote::Missing) => Worth::Taken,
			(Vote::Reveal(_), Phase::Committing, SeatVote::Missing | SeatVote::Committed(_)) => Worth::Early,
			(Vote::Reveal(reveal), Phase::Revealing, SeatVote::Committed(commitment)) => {
				let committer = Committer {
					genesis: Self::genesis(),
					target: reveal.target,
					seat: reveal.seat,
					validator: &member.validator,
					model: cell.job.model,
				};
				if committer.commitment(&reveal.output_hash, &reveal.work, &reveal.salt) == commitment {
					Worth::Taken
				} else {
					Worth::Useless
				}
			}
			(Vote::Reveal(reveal), Phase::Revealing, SeatVote::Revealed(value)) => {
				let is_wanted = reveal.output_hash == value.output_hash
					&& cell.committee.tally().winner() == Some(value)
					&& cell.stored_output::<T>() != Some(value.output_hash);
				if is_wanted {
					Worth::OnlyItsOutput
				} else {
					Worth::Useless
				}
			}
			_ => Worth::Useless,
		}
	}

	/// The seat that the vote is of, where the ballot's validator has it.
	fn seat_of<'a>(cell: &'a Cell, ballot: &Ballot, member: &Member, vote: Vote<'_>) -> Option<&'a Seat> {
		let Cell { job, committee, .. } = cell;
		let seat = committee.seats.get(usize::from(vote.seat()))?;
		let is_its_seat = committee.target(job.fingerprint) == *vote.target()
			&& committee.session == ballot.session
			&& seat.authority_index == ballot.authority_index
			&& seat.validator == member.validator;
		is_its_seat.then_some(seat)
	}

	/// Why a vote in a block comes to nothing; none where the chain has it already.
	pub(crate) fn why_nothing(
		cell: &Cell,
		ballot: &Ballot,
		member: &Member,
		vote: Vote<'_>,
		now: BlockNumber,
	) -> Option<&'static str> {
		let Some(seat) = Self::seat_of(cell, ballot, member, vote) else {
			return Some("the seat of the present draw is not the voter's");
		};
		match (vote, cell.job.phase, seat.vote) {
			(Vote::Commit(commit), _, SeatVote::Committed(commitment)) if commit.commitment == commitment => None,
			(Vote::Commit(_), _, SeatVote::Revealed(_)) | (Vote::Abstention(_), _, SeatVote::Abstained(_)) => None,
			(Vote::Reveal(reveal), _, SeatVote::Revealed(value)) if reveal.output_hash == value.output_hash => None,
			_ if now > cell.job.deadline => Some("it is too late"),
			(Vote::Commit(_) | Vote::Abstention(_), Phase::Revealing, SeatVote::Missing) => {
				Some("it is too late, since commits are over")
			}
			(Vote::Reveal(_), Phase::Committing, SeatVote::Missing | SeatVote::Committed(_)) => {
				Some("it is too early, since seats still commit")
			}
			(Vote::Reveal(_), Phase::Revealing, SeatVote::Committed(_)) => Some("it does not open the seat's commit"),
			(Vote::Reveal(_), Phase::Revealing, SeatVote::Missing) => Some("the seat has no commit that it could open"),
			_ => Some("the seat has said something else before"),
		}
	}
}

//! Votes in a block: what is taken, and what that changes.

use super::*;
use alloc::collections::BTreeSet;
use cells::{Cell, Cells};
use codec::DecodeAll;
use frame_support::{
	pallet_prelude::ConstU32,
	traits::Get,
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use ledgers::Ledgers;
use sibyl_primitives::{
	committee::quorum,
	output::{output_hash, VersionedOutput},
	vote::{Abstention, Ballot, Commit, Reveal},
};
use standing::{count_votes, votes, Vote, Worth};

/// What including ballots weighs, as it is spent.
pub(crate) struct Spending {
	meter: WeightMeter,
	/// What the ends of jobs may need, and validators' ledgers: given back as far as they don't.
	reserved: Weight,
}

impl Spending {
	/// A block's share.
	pub fn new<T: Config>() -> Self {
		let mut meter = WeightMeter::with_limit(T::MaxIncludeWeight::get());
		let reserved = Pallet::<T>::weight_of_all_ledgers();
		meter.consume(<T as Config>::WeightInfo::include().saturating_add(reserved));
		Self { meter, reserved }
	}

	/// Pays for a ballot's signature, its outputs and the look at its votes; whether there was enough.
	pub fn pay_for_ballot<T: Config>(&mut self, ballot: &Ballot, outputs: impl Iterator<Item = u32>) -> bool {
		let of_outputs = outputs
			.fold(Weight::zero(), |sum: Weight, bytes| sum.saturating_add(<T as Config>::WeightInfo::output(bytes)));
		let all = Self::weight_of_ballot::<T>(ballot, count_votes(ballot)).saturating_add(of_outputs);
		self.meter.try_consume(all).is_ok()
	}

	/// Pays for a ballot before any of its votes is looked at; whether there was enough.
	pub fn pay_for_look<T: Config>(&mut self, ballot: &Ballot) -> bool {
		self.meter.try_consume(Self::weight_of_ballot::<T>(ballot, 0)).is_ok()
	}

	/// Pays for the look at one vote more; whether there was enough.
	pub fn pay_for_vote<T: Config>(&mut self) -> bool {
		self.meter.try_consume(Self::weight_of_votes::<T>(1).saturating_sub(Self::weight_of_votes::<T>(0))).is_ok()
	}

	/// A ballot with so many votes and all that it says of models.
	fn weight_of_ballot<T: Config>(ballot: &Ballot, votes: u32) -> Weight {
		let of_models = <T as Config>::WeightInfo::attestation().saturating_mul(ballot.attestations.len() as u64);
		Self::weight_of_votes::<T>(votes).saturating_add(of_models)
	}

	fn weight_of_votes<T: Config>(votes: u32) -> Weight {
		<T as Config>::WeightInfo::ballot(votes).saturating_add(<T as Config>::WeightInfo::vote(votes))
	}

	/// Pays for another use of an output that a ballot has paid for once; whether there was enough.
	pub fn pay_for_output<T: Config>(&mut self, bytes: u32) -> bool {
		self.meter.try_consume(<T as Config>::WeightInfo::output(bytes)).is_ok()
	}

	/// Pays for the job that a vote is for, when it is met first; whether there was enough.
	pub fn pay_for_job<T: Config>(&mut self, vote: Vote<'_>, cells: &Cells<T>) -> bool {
		cells.knows(vote.target()) || self.meter.try_consume(<T as Config>::WeightInfo::job()).is_ok()
	}

	/// Reserves what the end of a job may weigh of which the block takes something, once; whether there was enough. Where
	/// there was not, the block takes no vote for it.
	pub fn pay_for_end<T: Config>(&mut self, cell: &mut Cell) -> bool {
		if cell.is_end_paid {
			return true;
		}
		let end = Self::weight_of_end::<T>(cell);
		cell.is_end_paid = self.meter.try_consume(end).is_ok();
		if cell.is_end_paid {
			self.reserved = self.reserved.saturating_add(end);
		}
		cell.is_end_paid
	}

	/// What the job's end may weigh, where votes can end it: only reveals do, but that a suspended model's jobs end too.
	fn weight_of_end<T: Config>(cell: &Cell) -> Weight {
		let seats = cell.seats();
		let end = <T as Config>::WeightInfo::end(seats);
		if cell.job.phase == Phase::Revealing {
			let wrong = seats.saturating_sub(quorum(cell.committee.seats.len()) as u32);
			end.saturating_add(<T as Config>::WeightInfo::charge().saturating_mul(wrong.into()))
		} else if pallet_models::Pallet::<T>::is_suspended(&cell.job.model) {
			end
		} else {
			Weight::zero()
		}
	}

	fn total(self, done: Weight) -> Weight {
		self.meter.consumed().saturating_sub(self.reserved).saturating_add(done)
	}
}

impl<T: Config> Pallet<T> {
	/// What `include` does. Returns the weight of what was done.
	pub(crate) fn do_include(ballots: BoundedVec<VersionedBallot, ConstU32<MAX_BALLOTS>>) -> Weight {
		let now = Self::now();
		let genesis = Self::genesis();
		let mut spending = Spending::new::<T>();
		let mut cells = Cells::<T>::default();
		for VersionedBallot::V1(signed) in &ballots {
			if !spending.pay_for_ballot::<T>(&signed.ballot, signed.outputs.iter().map(|output| output.len() as u32)) {
				continue;
			}
			let member = match Self::look_at(&signed.ballot, now) {
				Ok(member) => member,
				Err(reason) => {
					log::debug!(target: LOG_TARGET, "a ballot is dropped: {reason:?}");
					continue;
				}
			};
			if !signed.is_signed_by(&genesis, &member.key) {
				log::debug!(target: LOG_TARGET, "a ballot is dropped: {:?} did not sign it", member.validator);
				continue;
			}
			Self::take_ballot(signed, &member, now, &mut spending, &mut cells);
		}
		let mut ledgers = Ledgers::<T>::default();
		let mut ended = Weight::zero();
		for mut cell in cells.into_touched() {
			let seats = cell.seats();
			if Self::advance(&mut cell, now, &mut ledgers) {
				ended = ended.saturating_add(<T as Config>::WeightInfo::end(seats));
			}
		}
		let of_ledgers = ledgers.weight();
		ledgers.store();
		spending.total(ended.saturating_add(of_ledgers))
	}

	/// The weight that a block needs for one vote that ends the largest job: less would let jobs wait for ever.
	pub(crate) fn weight_of_smallest_include() -> Weight {
		<T as Config>::WeightInfo::include()
			.saturating_add(<T as Config>::WeightInfo::ballot(1))
			.saturating_add(<T as Config>::WeightInfo::vote(1))
			.saturating_add(<T as Config>::WeightInfo::job())
			.saturating_add(<T as Config>::WeightInfo::output(sibyl_primitives::job::MAX_OUTPUT_BYTES))
			.saturating_add(Self::weight_of_largest_end())
			.saturating_add(Self::weight_of_all_ledgers())
	}

	/// The weight of the ledgers of all validators.
	pub(crate) fn weight_of_all_ledgers() -> Weight {
		<T as Config>::WeightInfo::ledger().saturating_mul(T::MaxValidators::get().into())
	}

	/// Notes the ballot's votes in the jobs that they are for, whatever these come to: that is looked at when all ballots
	/// have been taken.
	pub(crate) fn take_ballot(
		signed: &SignedBallot,
		member: &Member,
		now: BlockNumber,
		spending: &mut Spending,
		cells: &mut Cells<T>,
	) {
		let ballot = &signed.ballot;
		let mut used = BTreeSet::new();
		let outputs: Vec<_> = signed.outputs.iter().map(|output| (output_hash(output), output)).collect();
		for vote in votes(ballot) {
			if !spending.pay_for_job(vote, cells) {
				continue;
			}
			let (worth, cell) = Self::worth(ballot, member, vote, now, cells);
			let Some(cell) = cell else { continue };
			match worth {
				Worth::Taken | Worth::OnlyItsOutput if !spending.pay_for_end::<T>(cell) => continue,
				Worth::Taken => Self::apply(cell, member, vote),
				Worth::OnlyItsOutput => {}
				Worth::Early | Worth::Useless => {
					Self::log_nothing(cell, ballot, member, vote, now);
					continue;
				}
			}
			if let Vote::Reveal(reveal) = vote {
				if let Some((hash, output)) = outputs.iter().find(|(hash, _)| *hash == reveal.output_hash) {
					let is_paid = used.insert(*hash) || spending.pay_for_output::<T>(output.len() as u32);
					if is_paid {
						cell.brought.entry(*hash).or_insert_with(|| (*output).clone());
					}
				}
			}
		}
		if ballot.session == T::CurrentSession::get() {
			for attestation in &ballot.attestations {
				Self::attest(&member.validator, attestation, ballot.at_block);
			}
		}
	}

	fn log_nothing(cell: &Cell, ballot: &Ballot, member: &Member, vote: Vote<'_>, now: BlockNumber) {
		let Some(why) = Self::why_nothing(cell, ballot, member, vote, now) else { return };
		log::debug!(
			target: LOG_TARGET,
			"job {}: the {} of seat {} comes to nothing in block {now}: {why} ({:?} until {})",
			cell.id,
			vote.kind(),
			vote.seat(),
			cell.job.phase,
			cell.job.deadline,
		);
	}

	fn apply(cell: &mut Cell, member: &Member, vote: Vote<'_>) {
		let (job, round, seat) = (cell.id, cell.job.round, vote.seat());
		let validator = member.validator.clone();
		let (vote, event) = match vote {
			Vote::Commit(Commit { commitment, .. }) => (
				SeatVote::Committed(*commitment),
				Event::Committed { job, round, seat, validator, commitment: *commitment },
			),
			Vote::Abstention(Abstention { reason, .. }) => {
				(SeatVote::Abstained(*reason), Event::Abstained { job, round, seat, validator, reason: *reason })
			}
			Vote::Reveal(Reveal { output_hash, work, .. }) => (
				SeatVote::Revealed(Value { output_hash: *output_hash, work: *work }),
				Event::Revealed { job, round, seat, validator, output_hash: *output_hash },
			),
		};
		if let Some(place) = cell.committee.seats.get_mut(usize::from(seat)) {
			place.vote = vote;
			cell.is_changed = true;
			Self::deposit_event(event);
		}
	}

	/// Stores, of the outputs that the block brings for a job and the stored one, that which most seats say: whatever order
	/// they came in.
	pub(crate) fn keep_best_output(cell: &mut Cell) {
		if cell.brought.is_empty() || cell.job.agreed.is_some() {
			return;
		}
		let tally = cell.committee.tally();
		let stored = cell.stored_output::<T>().map_or(0, |hash| tally.saying(&hash));
		let is_canonical = |output: &OutputBytes| VersionedOutput::decode_all(&mut &output[..]).is_ok();
		let best = core::mem::take(&mut cell.brought)
			.into_iter()
			.filter(|(hash, output)| tally.saying(hash) > stored && is_canonical(output))
			.max_by_key(|(hash, _)| tally.saying(hash));
		if let Some((hash, output)) = best {
			cell.store_output::<T>(hash, &output);
		}
	}
}

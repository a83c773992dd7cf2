//! Who may get a seat, and the draws.

use super::*;
use agenda::Duty;
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	pallet_prelude::ConstU32,
	traits::{DisabledValidators, Get},
	BoundedVec,
};
use ledgers::Ledgers;
use sibyl_primitives::{
	committee::{draw_seed, Urn},
	job::{FIRST_ROUND, MAX_SECOND_ROUND_SEATS, MIN_SECOND_ROUND_SEATS, SECOND_ROUND},
	model::Availability,
	output::output_hash,
};
use sp_runtime::Perbill;

/// With so many validators that did not sit before, a second round is made of these alone.
const ENOUGH_FRESH: usize = 4;

/// What a seat asks of its validator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
	/// The units of input.
	pub input_units: u32,
	/// The units of output, at most.
	pub output_units: u32,
	/// What of the service bond covers the seat.
	pub charge: Balance,
	/// Microseconds that jobs are expected to take of the validator that have no committee yet.
	pub expected_time: u64,
	/// Blocks that it has for its commit.
	pub commit_window: BlockNumber,
}

/// Why no committee can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The rosters that a block's draws have looked at, without validators that are disabled or out of service.
pub(crate) struct Rostered<T> {
	rosters: BTreeMap<ModelId, Vec<Server>>,
	_runtime: core::marker::PhantomData<T>,
}

impl<T> Default for Rostered<T> {
	fn default() -> Self {
		Self { rosters: BTreeMap::new(), _runtime: Default::default() }
	}
}

impl<T: Config> Rostered<T> {
	pub(crate) fn get(&mut self, model: &ModelId) -> &[Server] {
		self.rosters.entry(*model).or_insert_with(|| Pallet::<T>::serving(model))
	}
}

impl<T: Config> Pallet<T> {
	/// Validators of the current session that serve the model, in the order of their authority indices: not those that are
	/// disabled or out of service, whatever else they have to do.
	pub(crate) fn serving(model: &ModelId) -> Vec<Server> {
		Self::serving_and_share(model).0
	}

	/// The same, and what they have at stake of the stake of all.
	pub(crate) fn serving_and_share(model: &ModelId) -> (Vec<Server>, Perbill) {
		let roster = Rosters::<T>::get(model);
		if roster.is_empty() {
			return (Vec::new(), Perbill::zero());
		}
		let said: BTreeMap<_, _> = roster.iter().map(|attested| (&attested.validator, attested)).collect();
		let disabled = T::DisabledValidators::disabled_validators();
		let out_of_service = OutOfService::<T>::get();
		// What a block says takes effect after its draws, whose VRF its author knows.
		let is_out_of_service =
			|validator| out_of_service.get(validator).is_some_and(|absence| absence.since < Self::now());
		let electorate = Electorate::<T>::get();
		let mut servers = Vec::with_capacity(roster.len());
		for (authority_index, Elector { validator, stake, since }) in (0 as AuthorityIndex..).zip(&electorate) {
			let Some(Attested { availability: Availability::Serves(pace), session, .. }) = said.get(validator) else {
				continue;
			};
			if session < since || disabled.contains(&authority_index) || is_out_of_service(validator) {
				continue;
			}
			servers.push(Server { validator: validator.clone(), authority_index, stake: *stake, pace: *pace });
		}
		let all = electorate.iter().fold(0, |sum: Balance, elector| sum.saturating_add(elector.stake));
		let share = Perbill::from_rational(stake_of(&servers), all);
		(servers, share)
	}

	/// Draws a job's first committee by stake, of those with time and a free bond. There is none where these are fewer than
	/// the seats, or where the busy ones that were met hold more than a third of the stake: a committee must not be made of
	/// those alone that somebody left free.
	pub(crate) fn seat_first_round(
		servers: &[Server],
		seed: Hash,
		seats: usize,
		need: &Need,
		ledgers: &mut Ledgers<T>,
	) -> Result<Vec<Seat>, Busy> {
		let total = stake_of(servers);
		let mut urn = Urn::new(seed, servers.iter().map(|server| server.stake));
		let mut busy: Balance = 0;
		let mut drawn = Vec::new();
		while drawn.len() < seats {
			let server = urn.draw().and_then(|place| servers.get(place)).ok_or(Busy)?;
			match Self::seat(server, need, ledgers) {
				Some(seat) => drawn.push(seat),
				None => {
					busy = busy.saturating_add(server.stake);
					if busy.saturating_mul(3) > total {
						return Err(Busy);
					}
				}
			}
		}
		Ok(drawn)
	}

	/// Draws substitutes, by stake, for the seats of a job's first committee that did not commit, of those that had none in
	/// it. Who committed keeps its seat as long as it serves the model, so that nobody can choose a committee by staying away.
	/// None where too few others have time and a free bond.
	fn seat_substitutes(
		servers: &[Server],
		seed: Hash,
		before: &Committee,
		need: &Need,
		ledgers: &mut Ledgers<T>,
	) -> Option<Vec<Seat>> {
		let kept: Vec<_> = before
			.seats
			.iter()
			.map(|seat| {
				let server = servers.iter().find(|server| server.validator == seat.validator)?;
				let Server { authority_index, stake, .. } = *server;
				let has_committed = matches!(seat.vote, SeatVote::Committed(_));
				has_committed.then(|| Seat { authority_index, stake, vote: SeatVote::Missing, ..seat.clone() })
			})
			.collect();
		let others: Vec<_> = servers.iter().filter(|server| !before.has_seat(&server.validator)).cloned().collect();
		let free = kept.iter().filter(|seat| seat.is_none()).count();
		let mut substitutes = Self::seat_first_round(&others, seed, free, need, ledgers).ok()?.into_iter();
		kept.into_iter().map(|seat| seat.or_else(|| substitutes.next())).collect()
	}

	/// Draws a job's second committee: up to 31 seats of validators that did not sit in the first, and of those only where
	/// few others serve. None where there are fewer than three.
	fn seat_second_round(
		servers: &[Server],
		seed: Hash,
		sat_before: &BTreeSet<&AccountId>,
		need: &Need,
		ledgers: &mut Ledgers<T>,
	) -> Option<Vec<Seat>> {
		let (others, fresh): (Vec<_>, Vec<_>) =
			servers.iter().cloned().partition(|server| sat_before.contains(&server.validator));
		let mut drawn = Vec::new();
		let candidates = if fresh.len() < ENOUGH_FRESH { [fresh, others] } else { [fresh, Vec::new()] };
		for servers in candidates {
			let mut urn = Urn::new(seed, servers.iter().map(|server| server.stake));
			while drawn.len() < MAX_SECOND_ROUND_SEATS as usize {
				let Some(server) = urn.draw().and_then(|place| servers.get(place)) else { break };
				drawn.extend(Self::seat(server, need, ledgers));
			}
		}
		(drawn.len() >= MIN_SECOND_ROUND_SEATS as usize).then_some(drawn)
	}

	/// A seat for the validator, where it has time and a free bond for it: the one place where that is decided.
	fn seat(server: &Server, need: &Need, ledgers: &mut Ledgers<T>) -> Option<Seat> {
		let time = server.pace.time(need.input_units, need.output_units);
		let ledger = ledgers.get(&server.validator);
		let busy_for = ledger.open_time.saturating_add(need.expected_time).saturating_add(time);
		let has_room = busy_for <= Self::time_limit(need.commit_window, time)
			&& ledger.free_bond() >= need.charge
			&& (ledger.open_seats.len() as u32) < MAX_OPEN_SEATS;
		has_room.then(|| Seat {
			validator: server.validator.clone(),
			authority_index: server.authority_index,
			stake: server.stake,
			time,
			vote: SeatVote::Missing,
		})
	}

	/// Keeps this block's VRF for the draws at its end and at those of the next blocks.
	pub(crate) fn note_vrf() {
		if let Some(vrf) = T::BlockVrf::get() {
			Self::keep_vrf(vrf);
		}
	}

	pub(crate) fn keep_vrf(vrf: [u8; 32]) {
		RecentVrfs::<T>::mutate(|vrfs| {
			if vrfs.is_full() {
				vrfs.remove(0);
			}
			// There is room now.
			let _ = vrfs.try_push((Self::now(), vrf));
		});
	}

	/// The VRFs of the last `count` blocks, this one's the last, all of them after that block; none while there are fewer.
	fn last_vrfs(count: u8, after: BlockNumber) -> Option<Vec<[u8; 32]>> {
		let vrfs = RecentVrfs::<T>::get().into_inner();
		let since = vrfs.len().checked_sub(count.into())?;
		let last: Vec<_> = vrfs.into_iter().skip(since).filter(|(height, _)| *height > after).collect();
		let ends_here = last.last().is_some_and(|(height, _)| *height == Self::now());
		(ends_here && last.len() == usize::from(count)).then(|| last.into_iter().map(|(_, vrf)| vrf).collect())
	}

	/// Draws the pending job's committee, or lets it wait for a VRF, or ends it where there are too few validators for it.
	pub(crate) fn draw(id: JobId, mut job: Job, now: BlockNumber, rosters: &mut Rostered<T>, ledgers: &mut Ledgers<T>) {
		if pallet_models::Pallet::<T>::is_suspended(&job.model) {
			return Self::cancel_job(id, job, ledgers);
		}
		let is_first_draw = job.round == FIRST_ROUND && !job.has_substitutes;
		let first = (!is_first_draw).then(|| Committees::<T>::get((id, FIRST_ROUND))).flatten();
		let (delay, waiting_since) = if is_first_draw {
			(job.options.draw_delay, job.submitted_at)
		} else {
			(1, job.deadline.saturating_sub(1))
		};
		let Some(vrfs) = Self::last_vrfs(delay, waiting_since) else {
			let patience = BlockNumber::from(job.options.draw_delay).saturating_add(DRAW_PATIENCE);
			if !is_first_draw || now >= job.submitted_at.saturating_add(patience) {
				return Self::give_up(id, job, ledgers);
			}
			job.deadline = Self::enter(Duty::Draw, id, now.saturating_add(1));
			return Jobs::<T>::insert(id, job);
		};
		let draw = draw_seed(&vrfs, &job.fingerprint, job.round);
		let servers = rosters.get(&job.model);
		let need = Need {
			input_units: job.input_units,
			output_units: job.options.format.written_units(job.options.max_output_units),
			charge: Self::charge_of(&job.quote),
			expected_time: 0,
			commit_window: job.commit_window,
		};
		let seats = match &first {
			None => Self::seat_first_round(servers, draw, job.quote.seats.into(), &need, ledgers).ok(),
			Some(first) if job.round == FIRST_ROUND => Self::seat_substitutes(servers, draw, first, &need, ledgers),
			Some(first) => {
				let sat_before = first.seats.iter().map(|seat| &seat.validator).collect();
				Self::seat_second_round(servers, draw, &sat_before, &need, ledgers)
			}
		};
		let Some(seats) = seats else {
			return Self::give_up(id, job, ledgers);
		};
		let committee = Committee {
			draw,
			round: job.round,
			session: T::CurrentSession::get(),
			drawn_at: now,
			serving: servers.len() as u16,
			serving_stake: stake_of(servers),
			charge: need.charge,
			checks: first.as_ref().is_some_and(|first| Self::has_claim(id, first)),
			seats: BoundedVec::<Seat, ConstU32<MAX_SEATS>>::truncate_from(seats),
		};
		Self::expect_less(&mut job);
		let before = first.filter(|_| job.round == FIRST_ROUND);
		if let Some(before) = &before {
			Self::close_replaced(id, before, &committee, ledgers);
		}
		let keeps_seat = |seat: &&Seat| before.as_ref().is_some_and(|before| before.has_seat(&seat.validator));
		for seat in committee.seats.iter().filter(|seat| !keeps_seat(seat)) {
			ledgers.open_seat(id, job.round, seat, need.charge);
		}
		job.phase = Phase::Committing;
		job.deadline = Self::enter(Duty::Deadline, id, now.saturating_add(job.commit_window));
		Self::deposit_event(Event::CommitteeDrawn {
			job: id,
			round: job.round,
			draw,
			session: committee.session,
			seats: committee.seats.iter().map(|seat| seat.validator.clone()).collect(),
			commit_deadline: job.deadline,
		});
		Committees::<T>::insert((id, job.round), committee);
		Jobs::<T>::insert(id, job);
	}

	/// Whether the second committee has an output to check: one that a seat of the first revealed.
	fn has_claim(id: JobId, first: &Committee) -> bool {
		Outputs::<T>::get(id).is_some_and(|output| first.tally().saying(&output_hash(&output)) > 0)
	}

	/// What covers each seat of such a job: the price of all of its seats.
	pub(crate) fn charge_of(quote: &Quote) -> Balance {
		quote.per_seat.saturating_mul(quote.seats.into())
	}

	/// A job that has its committee, or never gets one, is not expected to take anybody's time any more.
	pub(crate) fn expect_less(job: &mut Job) {
		let time = core::mem::take(&mut job.expected_time);
		ExpectedTime::<T>::mutate(|sum| *sum = sum.saturating_sub(time));
	}

	/// Lets substitutes be drawn at the end of the next block for the seats that did not commit.
	pub(crate) fn call_substitutes(id: JobId, job: &mut Job, committed: usize) {
		job.has_substitutes = true;
		job.phase = Phase::Pending;
		job.deadline = Self::enter(Duty::Draw, id, Self::now().saturating_add(1));
		Self::deposit_event(Event::SubstitutesCalled { job: id, committed: committed as u32 });
	}

	/// Lets the job's second committee be drawn at the end of the next block.
	pub(crate) fn begin_second_round(id: JobId, job: &mut Job) {
		job.round = SECOND_ROUND;
		job.phase = Phase::Pending;
		job.deadline = Self::enter(Duty::Draw, id, Self::now().saturating_add(1));
		let is_audit = job.audit == AuditView::Open;
		Self::deposit_event(Event::SecondRoundBegan { job: id, is_audit });
	}
}

/// What these validators have at stake.
pub(crate) fn stake_of(servers: &[Server]) -> Balance {
	servers.iter().fold(0, |sum: Balance, server| sum.saturating_add(server.stake))
}

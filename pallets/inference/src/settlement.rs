//! Where a job's money goes, and who is at fault.

use super::*;
use alloc::collections::BTreeMap;
use frame_support::{
	defensive,
	traits::{
		fungible::{Inspect, MutateHold},
		tokens::{Fortitude, Precision, Preservation, Restriction},
		Get,
	},
};
use ledgers::Ledgers;
use sibyl_primitives::{
	api::ServiceRecord,
	job::{FIRST_ROUND, SECOND_ROUND},
	price::protocol_share,
};
use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, traits::AccountIdConversion, Rounding};

/// What a seat did, as it is judged when its job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
	/// Neither committed nor abstained.
	Missed,
	/// Did nothing, and its job was cancelled.
	Excused,
	/// Abstained.
	Abstained,
	/// Committed, and its committee never came to reveals.
	Idle,
	/// Revealed what was decided.
	Right,
	/// Revealed, and nothing was decided that it could be measured by.
	Undecided,
	/// At fault.
	At(Fault),
}

/// A seat and what it did.
pub(crate) struct Judged<'a> {
	pub round: Round,
	pub place: SeatIndex,
	pub seat: &'a Seat,
	pub conduct: Conduct,
}

/// What decides a job, or an audit: the value of a quorum, and the round whose it is.
#[derive(Clone, Copy)]
pub(crate) struct Decision {
	pub value: Value,
	pub round: Round,
}

impl<T: Config> Pallet<T> {
	/// The account that gets the protocol's share and what charges leave over, and pays for audits. It must be endowed at
	/// genesis: a share below the existential deposit can't open an account.
	pub fn protocol_account() -> AccountId {
		T::PalletId::get().into_account_truncating()
	}

	/// Settles the job: charges seats for their faults, pays those that gave what was decided, and refunds the rest.
	///
	/// Nobody but the requester and the seats at fault pays, so that a requester can gain nothing with the help of seats.
	pub(crate) fn settle(
		id: JobId,
		mut job: Job,
		committees: Vec<Committee>,
		verdict: Verdict,
		ledgers: &mut Ledgers<T>,
	) {
		let decision = match verdict {
			Verdict::Agreed | Verdict::Failed(_) => {
				job.agreed.map(|agreed| Decision { value: agreed.value, round: agreed.support.round })
			}
			Verdict::NoQuorum | Verdict::Expired | Verdict::Cancelled => None,
		};
		let mut judged = judge(&committees, decision, verdict);
		Self::absolve_where_many_lost(&mut judged, &committees, decision, &job.model);
		let charges = Self::charge(id, &job, &committees, &judged, ledgers);
		let settlement = Self::pay(id, &job, &committees, &judged, verdict, charges, ledgers);
		Self::close(id, &committees, &judged, ledgers);
		Self::report(id, &committees, &judged);

		Self::expect_less(&mut job);
		Requesters::<T>::mutate(&job.requester, |account| account.open = account.open.saturating_sub(1));
		OpenJobs::<T>::remove(id);
		let is_agreed_by_few = decision.is_some_and(|decision| decision.round == FIRST_ROUND);
		if is_agreed_by_few && matches!(job.options.seats, sibyl_primitives::job::Seats::Fixed(_)) {
			Self::note_audit_candidate(id);
		}
		if let (Verdict::Agreed, Some(agreed)) = (verdict, &job.agreed) {
			Self::remember_answer(id, &job, agreed);
		}
		Self::finish(id, job, verdict, settlement);
		Self::queue_result(id);
	}

	/// Writes down how the job ended, which it can be looked up by from now on until its retention is over.
	pub(crate) fn finish(id: JobId, job: Job, verdict: Verdict, settlement: SettlementView) {
		let at = Self::now();
		Self::retain(id, at);
		Jobs::<T>::insert(id, Job { phase: Phase::Ended, outcome: Some(Outcome { verdict, at, settlement }), ..job });
		let SettlementView { paid, refunded, author_share, protocol_share } = settlement;
		Self::deposit_event(Event::Settled { job: id, verdict, paid, refunded, author_share, protocol_share });
	}

	/// Settles an audit: the protocol pays its seats; the first round's were paid when the job ended. The verdict is that of the
	/// audit: where it is cancelled, nobody is at fault.
	pub(crate) fn settle_audit(
		id: JobId,
		mut job: Job,
		committees: Vec<Committee>,
		audit: AuditView,
		verdict: Verdict,
		ledgers: &mut Ledgers<T>,
	) {
		let auditors = committees.iter().position(|committee| committee.round == SECOND_ROUND);
		let decision = auditors
			.and_then(|place| committees.get(place))
			.filter(|_| matches!(audit, AuditView::Confirmed | AuditView::Overturned { .. }))
			.and_then(|committee| committee.tally().winner())
			.map(|value| Decision { value, round: SECOND_ROUND });
		let mut judged = judge(&committees, decision, verdict);
		Self::absolve_where_many_lost(&mut judged, &committees, decision, &job.model);
		// What the first committee did was settled when the job ended, but that its answer was wrong.
		let wrong: Vec<_> = judged
			.iter()
			.filter(|seat| seat.round == FIRST_ROUND && seat.conduct == Conduct::At(Fault::Contradicted))
			.map(|seat| seat.seat.validator.clone())
			.collect();
		judged.retain(|seat| seat.round == SECOND_ROUND);
		if let Some(committee) = auditors.and_then(|place| committees.get(place)) {
			let _to_the_protocol = Self::charge(id, &job, &committees, &judged, ledgers);
			let full = job.quote.per_seat;
			let owed: Vec<_> = of_conduct(&judged, Conduct::Right).map(|_| price_of(&job, committee, full)).collect();
			let available =
				T::Currency::reducible_balance(&Self::protocol_account(), Preservation::Preserve, Fortitude::Polite);
			let amounts = divide(available, &owed);
			Self::credit(id, of_conduct(&judged, Conduct::Right).zip(amounts), ledgers);
			Self::close(id, core::slice::from_ref(committee), &judged, ledgers);
		}
		if let Some(first) = committees.first().filter(|_| !wrong.is_empty()) {
			T::Offences::contradicted(wrong, first.session, (id, FIRST_ROUND));
		}
		Self::report(id, &committees, &judged);
		OpenJobs::<T>::remove(id);
		job.phase = Phase::Ended;
		job.audit = audit;
		Jobs::<T>::insert(id, job);
		Self::deposit_event(Event::Audited { job: id, audit });
	}

	/// Where validators of more than a third of the serving stake lose to a second round, the fault is likely the model's:
	/// nobody is charged or punished for what it said, and the model is suspended.
	fn absolve_where_many_lost(
		judged: &mut [Judged<'_>],
		committees: &[Committee],
		decision: Option<Decision>,
		model: &ModelId,
	) {
		let Some(committee) = decision.and_then(|decision| {
			committees.iter().find(|committee| committee.round == decision.round && decision.round == SECOND_ROUND)
		}) else {
			return;
		};
		let lost = |judged: &&mut Judged<'_>| matches!(judged.conduct, Conduct::At(Fault::Contradicted));
		let stakes: BTreeMap<_, _> =
			judged.iter_mut().filter(lost).map(|judged| (&judged.seat.validator, judged.seat.stake)).collect();
		let stake = stakes.values().fold(0, |sum: Balance, stake| sum.saturating_add(*stake));
		if stake.saturating_mul(3) > committee.serving_stake {
			for judged in judged.iter_mut().filter(lost) {
				judged.conduct = Conduct::Undecided;
			}
			pallet_models::Pallet::<T>::do_suspend(model);
		}
	}

	/// Charges the seats at fault; returns what that brought. The protocol's account has it.
	fn charge(
		id: JobId,
		job: &Job,
		committees: &[Committee],
		judged: &[Judged<'_>],
		ledgers: &mut Ledgers<T>,
	) -> Balance {
		let mut brought: Balance = 0;
		for Judged { round, place, seat, conduct } in judged {
			let Conduct::At(fault) = conduct else { continue };
			let Some(committee) = committees.iter().find(|committee| committee.round == *round) else { continue };
			let charge = match fault {
				Fault::Withheld | Fault::Contradicted => committee.charge,
				Fault::Lost => job.quote.per_seat.min(committee.charge),
			};
			let amount = ledgers.charge(&seat.validator, charge);
			brought = brought.saturating_add(amount);
			Self::deposit_event(Event::SeatCharged {
				job: id,
				round: *round,
				seat: *place,
				validator: seat.validator.clone(),
				fault: *fault,
				amount,
			});
		}
		brought
	}

	/// Pays seats out of the held price, and the author's and the protocol's shares of that; after a second round charges come
	/// first. Returns where the price went.
	fn pay(
		id: JobId,
		job: &Job,
		committees: &[Committee],
		judged: &[Judged<'_>],
		verdict: Verdict,
		charges: Balance,
		ledgers: &mut Ledgers<T>,
	) -> SettlementView {
		let full = Self::used_price(id, job, verdict);
		let second = committees.iter().find(|committee| committee.round == SECOND_ROUND);
		let is_decided = matches!(verdict, Verdict::Agreed | Verdict::Failed(_));
		let paid_for = match (is_decided, verdict) {
			(true, _) => Conduct::Right,
			// Who has checked without a result is paid by those at fault, if at all.
			(false, Verdict::NoQuorum) => Conduct::Undecided,
			(false, _) => Conduct::Idle,
		};
		let of = |round| {
			of_conduct(judged, paid_for).filter(move |seat| seat.round == round && verdict != Verdict::Cancelled)
		};
		let first_owed: Vec<_> = of(FIRST_ROUND).filter(|_| is_decided).map(|_| full).collect();
		let second_owed: Vec<_> = second
			.map(|committee| of(SECOND_ROUND).map(|_| price_of(job, committee, full)).collect())
			.unwrap_or_default();
		let charges = if second.is_some() { charges } else { 0 };
		let held = if is_decided { Self::charge_of(&job.quote) } else { 0 };

		let funds = charges.saturating_add(held);
		let first_amounts = divide(funds, &first_owed);
		let left = funds.saturating_sub(sum(&first_amounts));
		let second_amounts = divide(left, &second_owed);
		let from_price = sum(&first_amounts).saturating_add(sum(&second_amounts)).saturating_sub(charges);
		let first = of(FIRST_ROUND).filter(|_| is_decided).zip(first_amounts);
		Self::pay_out(id, job, from_price, first.chain(of(SECOND_ROUND).zip(second_amounts)), ledgers)
	}

	/// Takes that much of the held price for the seats, and the author's and the protocol's shares of it, and refunds the
	/// rest. Returns where the price went.
	pub(crate) fn pay_out<'a>(
		id: JobId,
		job: &Job,
		from_price: Balance,
		seats: impl Iterator<Item = (&'a Judged<'a>, Balance)>,
		ledgers: &mut Ledgers<T>,
	) -> SettlementView {
		let share = protocol_share(T::ProtocolShare::get(), from_price);
		let (paid, protocol_share) = Self::take_from_held(id, &job.requester, from_price, share);
		if paid == from_price {
			Self::credit(id, seats, ledgers);
		}
		let author_share = Self::pay_author(id, job, paid);
		let spent = paid.saturating_add(author_share).saturating_add(protocol_share);
		let refunded = job.quote.total.saturating_sub(spent);
		let released =
			T::Currency::release(&HoldReason::JobFee.into(), &job.requester, refunded, Precision::BestEffort);
		if released != Ok(refunded) {
			defensive!("inference: a job's price was not held in full", id);
		}
		SettlementView { paid, refunded, author_share, protocol_share }
	}

	/// Pays the model's author its share of what seats were paid, out of the held price; returns what it got. An author's
	/// deposit keeps its account, so that the smallest share can be paid.
	fn pay_author(id: JobId, job: &Job, paid: Balance) -> Balance {
		let share = job.price.of_author(paid);
		let author = (share > 0)
			.then(|| pallet_models::Pallet::<T>::registration(&job.model))
			.flatten()
			.and_then(|registration| registration.author);
		let Some(author) = author else { return 0 };
		let taken = T::Currency::transfer_on_hold(
			&HoldReason::JobFee.into(),
			&job.requester,
			&author,
			share,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		);
		taken.unwrap_or_else(|_| {
			defensive!("inference: a model's author could not be paid", id);
			0
		})
	}

	/// What a seat gets that ran the model, by what it gave.
	pub(crate) fn used_price(id: JobId, job: &Job, verdict: Verdict) -> Balance {
		let used = match verdict {
			Verdict::Failed(_) => return job.price.base.min(job.quote.per_seat),
			Verdict::Agreed => match Self::output(id) {
				Some(Output::Answer(answer)) => answer.output_units().min(job.options.max_output_units),
				_ => 0,
			},
			_ => job.options.max_output_units,
		};
		job.price.of_seat(job.input_units, used).unwrap_or(job.quote.per_seat).min(job.quote.per_seat)
	}

	/// Takes what seats are paid, and the protocol's share, to the protocol's account, which pays the seats. Returns both as
	/// they were taken.
	fn take_from_held(id: JobId, requester: &AccountId, paid: Balance, share: Balance) -> (Balance, Balance) {
		let all = paid.saturating_add(share);
		if all == 0 {
			return (0, 0);
		}
		let taken = T::Currency::transfer_on_hold(
			&HoldReason::JobFee.into(),
			requester,
			&Self::protocol_account(),
			all,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		);
		match taken {
			Ok(_) => (paid, share),
			Err(_) => {
				defensive!("inference: a job's price was not held", id);
				(0, 0)
			}
		}
	}

	/// Notes what seats get.
	fn credit<'a>(id: JobId, seats: impl Iterator<Item = (&'a Judged<'a>, Balance)>, ledgers: &mut Ledgers<T>) {
		for (Judged { round, place, seat, .. }, amount) in seats.filter(|(_, amount)| *amount > 0) {
			ledgers.pay(&seat.validator, amount);
			Self::deposit_event(Event::SeatPaid {
				job: id,
				round: *round,
				seat: *place,
				validator: seat.validator.clone(),
				amount,
			});
		}
	}

	/// Frees these seats of the committees, and notes what their validators have done.
	fn close(id: JobId, committees: &[Committee], judged: &[Judged<'_>], ledgers: &mut Ledgers<T>) {
		for Judged { round, seat, conduct, .. } in judged {
			if let Some(committee) = committees.iter().find(|committee| committee.round == *round) {
				ledgers.close_seat(id, committee, seat);
			}
			let ledger = ledgers.change(&seat.validator);
			ledger.missed_in_a_row = match conduct {
				Conduct::Missed => ledger.missed_in_a_row.saturating_add(1),
				Conduct::Excused => ledger.missed_in_a_row,
				_ => 0,
			};
			note(&mut ledger.record, *conduct);
		}
	}

	/// Frees the seats of a first committee that are others' now, and notes what their validators have done.
	pub(crate) fn close_replaced(id: JobId, before: &Committee, now: &Committee, ledgers: &mut Ledgers<T>) {
		let before = core::slice::from_ref(before);
		let mut judged = judge(before, None, Verdict::Expired);
		judged.retain(|judged| !now.has_seat(&judged.seat.validator));
		Self::close(id, before, &judged, ledgers);
	}

	/// Reports the validators that a second round contradicts.
	fn report(id: JobId, committees: &[Committee], judged: &[Judged<'_>]) {
		for committee in committees {
			let offenders: Vec<_> = of_conduct(judged, Conduct::At(Fault::Contradicted))
				.filter(|judged| judged.round == committee.round)
				.map(|judged| judged.seat.validator.clone())
				.collect();
			if !offenders.is_empty() {
				T::Offences::contradicted(offenders, committee.session, (id, committee.round));
			}
		}
	}
}

/// What each seat of the committees did.
pub(crate) fn judge<'a>(committees: &'a [Committee], decision: Option<Decision>, verdict: Verdict) -> Vec<Judged<'a>> {
	let mut judged = Vec::new();
	for committee in committees {
		let tally = committee.tally();
		let expected = decision.and_then(|decision| {
			if decision.round == committee.round {
				Some(decision.value)
			} else {
				// Another committee's work is another: of those that say the same, the value that most of them gave.
				tally.best_supported(&decision.value.output_hash)
			}
		});
		for (place, seat) in (0 as SeatIndex..).zip(&committee.seats) {
			let conduct = match seat.vote {
				SeatVote::Missing if verdict == Verdict::Cancelled => Conduct::Excused,
				SeatVote::Missing => Conduct::Missed,
				SeatVote::Abstained(_) => Conduct::Abstained,
				SeatVote::Committed(_) if matches!(verdict, Verdict::Cancelled | Verdict::Expired) => Conduct::Idle,
				// A second committee that fell short of commits never came to reveals.
				SeatVote::Committed(_) if tally.revealed == 0 && is_short(committee) => Conduct::Idle,
				SeatVote::Committed(_) => Conduct::At(Fault::Withheld),
				SeatVote::Revealed(value) => conduct_of(value, committee, decision, expected),
			};
			judged.push(Judged { round: committee.round, place, seat, conduct });
		}
	}
	judged
}

/// Whether too few seats committed for reveals to begin.
fn is_short(committee: &Committee) -> bool {
	let tally = committee.tally();
	!sibyl_primitives::committee::is_quorum(tally.committed + tally.revealed, tally.seats)
}

fn conduct_of(value: Value, committee: &Committee, decision: Option<Decision>, expected: Option<Value>) -> Conduct {
	let Some(decision) = decision else { return Conduct::Undecided };
	if expected == Some(value) {
		return Conduct::Right;
	}
	let is_own = decision.round == committee.round;
	match decision.round {
		// In a small committee the minority may be the honest one.
		FIRST_ROUND if is_own => Conduct::At(Fault::Lost),
		FIRST_ROUND => Conduct::Undecided,
		_ if value.output_hash != decision.value.output_hash || is_own => Conduct::At(Fault::Contradicted),
		_ => Conduct::Undecided,
	}
}

pub(crate) fn of_conduct<'a>(
	judged: &'a [Judged<'a>],
	conduct: Conduct,
) -> impl Iterator<Item = &'a Judged<'a>> + Clone {
	judged.iter().filter(move |judged| judged.conduct == conduct)
}

/// What a seat of the second committee gets: who has an output to check pays the model's base and the input alone.
fn price_of(job: &Job, committee: &Committee, full: Balance) -> Balance {
	if committee.checks {
		job.price.of_seat(job.input_units, 0).unwrap_or(full).min(full)
	} else {
		full
	}
}

/// Divides what there is among those it is owed to: all of it where there is enough, else each its part.
fn divide(available: Balance, owed: &[Balance]) -> Vec<Balance> {
	let all = sum(owed);
	let part = |owed: &Balance| {
		if all <= available {
			*owed
		} else {
			multiply_by_rational_with_rounding(*owed, available, all, Rounding::Down).unwrap_or(0)
		}
	};
	owed.iter().map(part).collect()
}

fn sum(amounts: &[Balance]) -> Balance {
	amounts.iter().fold(0, |sum: Balance, amount| sum.saturating_add(*amount))
}

fn note(record: &mut ServiceRecord, conduct: Conduct) {
	let count = |counter: &mut u32| *counter = counter.saturating_add(1);
	match conduct {
		Conduct::Excused => {}
		Conduct::Missed => count(&mut record.missed),
		Conduct::Abstained => count(&mut record.abstained),
		Conduct::Idle | Conduct::At(Fault::Withheld) => count(&mut record.committed),
		Conduct::Right | Conduct::Undecided | Conduct::At(_) => {
			count(&mut record.committed);
			count(&mut record.revealed);
		}
	}
	if matches!(conduct, Conduct::At(Fault::Lost | Fault::Contradicted)) {
		count(&mut record.lost);
	}
}

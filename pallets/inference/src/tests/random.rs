//! Random histories from one seed: users, one of them in league with a liar and a withholder; pallets that ask; honest
//! validators that are slow, abstain or come and go; lost votes, waiting draws, busy and disabled ones, second rounds and
//! audits. `next_block` checks every invariant, and that no money comes or goes, after each block.

use crate::{mock::*, *};
use frame_support::traits::fungible::InspectHold;
use sibyl_primitives::{
	consumer::{Asker, Inference as Asks},
	job::Seats,
	model::{Availability, Pace},
};
use sp_io::hashing::blake2_256;
use std::collections::BTreeMap;

const HISTORIES: u64 = 300;
const BLOCKS: u32 = 120;
const VALIDATORS: u8 = 10;
/// It says what is wrong, or what is right without having run the model.
const LIAR: u8 = 8;
/// It commits, and seldom reveals.
const WITHHOLDER: u8 = 9;
/// Blocks of a session: so many that the keys of a seat outlive its reveals.
const SESSION_BLOCKS: u32 = 25;
/// Fifty units of output take three of the 22.5 seconds of a window.
const SLOW: Pace = Pace { job: 1_000, input_unit: 0, output_unit: 60_000 };

/// Numbers from a seed.
struct Dice {
	seed: u64,
	rolls: u64,
}

impl Dice {
	fn roll(&mut self, sides: u64) -> u64 {
		self.rolls += 1;
		let digest = blake2_256(&codec::Encode::encode(&(self.seed, self.rolls)));
		let mut number = [0; 8];
		number.copy_from_slice(&digest[..8]);
		u64::from_le_bytes(number) % sides
	}

	fn one_in(&mut self, sides: u64) -> bool {
		self.roll(sides) == 0
	}
}

fn attacker() -> AccountId {
	account(201)
}

fn is_attackers(validator: &AccountId) -> bool {
	[LIAR, WITHHOLDER].map(account).contains(validator)
}

fn truth(id: JobId) -> OutputBytes {
	match id % 4 {
		// The same question has the same answer.
		_ if job(id).options.reuse => answer("eng"),
		0 => refusal(),
		1 => generation(id as usize % 20),
		_ => answer("eng"),
	}
}

/// What the validator says about the job in this block, if anything.
fn vote(dice: &mut Dice, votes: Votes, number: u8, id: JobId, seat: &Seat) -> Votes {
	// The liar's work is always wrong.
	let said = if number == LIAR && id.is_multiple_of(2) { answer("lie") } else { truth(id) };
	match (job(id).phase, seat.vote) {
		(Phase::Committing, SeatVote::Missing) => match dice.roll(20) {
			0 => votes.abstain(id),
			1..5 => votes,
			_ => votes.commit(id, &said),
		},
		(Phase::Committing, SeatVote::Committed(_)) if dice.one_in(10) => votes.reveal(id, &said),
		(Phase::Revealing, SeatVote::Committed(_)) if number == WITHHOLDER && !id.is_multiple_of(3) => votes,
		(Phase::Revealing, SeatVote::Committed(_)) if dice.one_in(3) => votes.reveal_without_output(id, &said),
		(Phase::Revealing, SeatVote::Committed(_) | SeatVote::Revealed(_)) => votes.reveal(id, &said),
		_ => votes,
	}
}

fn ballots(dice: &mut Dice, members: &[u8], session: SessionIndex) -> Vec<VersionedBallot> {
	let mut ballots = BTreeMap::<(u8, SessionIndex), Votes>::new();
	let new = |number: u8, index: u32, session: SessionIndex| {
		let votes = Votes::at_place(number, index).session(session);
		if number == LIAR {
			votes.trace(Hash::repeat_byte(9))
		} else {
			votes
		}
	};
	for id in Inference::open_jobs() {
		let Some(committee) = Committees::<Test>::get((id, job(id).round)) else { continue };
		for (number, seat) in seated(id).into_iter().zip(&committee.seats) {
			let key = (number, committee.session);
			let votes = ballots.remove(&key).unwrap_or_else(|| new(number, seat.authority_index, committee.session));
			ballots.insert(key, vote(dice, votes, number, id, seat));
		}
	}
	for (number, index) in members.iter().zip(0..) {
		let serves = Inference::serving(&model().id()).iter().any(|server| server.validator == account(*number));
		let says = match (serves, dice.roll(40)) {
			(true, 0) => Availability::Withdrawn,
			(true, 1) | (false, 0..15) => Availability::Serves(Pace { job: 1_000 + dice.roll(3) as u32, ..SLOW }),
			_ => continue,
		};
		let key = (*number, session);
		let votes = ballots.remove(&key).unwrap_or_else(|| new(*number, index, session));
		ballots.insert(key, votes.attest(says));
	}
	let mut ballots: Vec<_> = ballots.into_values().map(Votes::sign).collect();
	if !ballots.is_empty() {
		let first = dice.roll(ballots.len() as u64) as usize;
		ballots.rotate_left(first);
	}
	ballots
}

fn submit_some(dice: &mut Dice) {
	for who in [requester(), attacker(), account(202)] {
		if !dice.one_in(4) {
			continue;
		}
		let seats = [Seats::All, Seats::Fixed(1), Seats::Fixed(3), Seats::Fixed(5)][dice.roll(4) as usize];
		let reuse = dice.one_in(3);
		let max_output_units = if reuse || dice.one_in(2) { 50 } else { dice.roll(20) as u32 };
		let draw_delay = 1 + dice.roll(3) as u8;
		let options = JobOptions { seats, max_output_units, draw_delay, reuse, ..all_seats() };
		let text = Input::Text(vec![b'x'; 1 + dice.roll(if reuse { 2 } else { 20 }) as usize]);
		// May be refused, as when validators are busy or have withdrawn, or a pallet waits for too many results.
		let _accepted = if dice.one_in(3) {
			let asker = Asker { consumer: [WILLING, STUBBORN][dice.roll(2) as usize], reference: 0 };
			<Inference as Asks>::request(asker, &who, model().id(), text, options, Balance::MAX).map(|_| ())
		} else {
			outcome(Inference::submit(RuntimeOrigin::signed(who), model().id(), text, options, Balance::MAX))
		};
	}
}

/// What a history has seen, so that a test of histories that do nothing fails.
#[derive(Debug, Default)]
struct Seen {
	agreed: u32,
	second_rounds: u32,
	audits: u32,
	overturned: u32,
	charged: u32,
	expired: u32,
	delivered: u32,
	undelivered: u32,
	reused: u32,
	substituted: u32,
}

fn history(seed: u64, seen: &mut Seen) {
	let mut dice = Dice { seed, rolls: 0 };
	let stakes: Vec<_> = (0..VALIDATORS).map(|number| (number, 1_000 + u128::from(dice.roll(3_000)))).collect();
	let chain = Chain::default().validators(VALIDATORS).paces(&[SLOW; 10]).stakes(&stakes);
	chain.bond(60_000 + u128::from(dice.roll(60_000))).run(|| {
		let (mut session, mut members) = (0, (0..VALIDATORS).collect::<Vec<_>>());
		let mut lost_votes = 0;
		let before = Wealth::now();
		set_audit_odds(2);
		for block in 1..BLOCKS {
			set_vrf((!dice.one_in(12)).then(|| blake2_256(&codec::Encode::encode(&(seed, block)))));
			submit_some(&mut dice);
			if block % SESSION_BLOCKS == 0 {
				session += 1;
				members = (0..VALIDATORS).filter(|_| !dice.one_in(5)).collect();
				let first = dice.roll(members.len() as u64) as usize;
				members.rotate_left(first);
				begin_session(session, &members.iter().map(|number| (*number, *number)).collect::<Vec<_>>());
				disable(&[]);
			}
			if dice.one_in(30) {
				disable(&[dice.roll(members.len() as u64) as u32]);
			}
			let ballots = ballots(&mut dice, &members, session);
			if lost_votes < 2 && dice.one_in(5) {
				lost_votes += 1;
			} else {
				lost_votes = 0;
				include(if dice.one_in(2) { Inference::select_ballots(ballots).into_inner() } else { ballots });
			}
			if pallet_models::Pallet::<Test>::is_suspended(&model().id()) && dice.one_in(4) {
				assert_eq!(Models::resume(RuntimeOrigin::root(), model().id()), Ok(()));
			}
			next_block();
		}
		// No further jobs: everything must end by itself, and the money be where it belongs.
		let last = Jobs::<Test>::iter_values().map(|job| job.ends_by).max().unwrap_or_default();
		set_audit_odds(u32::MAX);
		while OpenJobs::<Test>::count() > 0 {
			assert!((System::block_number() as u32) <= last + 1 + 50, "seed {seed}");
			let ballots = ballots(&mut dice, &members, session);
			include(ballots);
			next_block();
		}
		judge(seed, &before, seen);
	});
}

/// Looks at what the events say.
fn judge(seed: u64, before: &Wealth, seen: &mut Seen) {
	for who in [requester(), attacker(), account(202)] {
		assert_eq!(Balances::balance_on_hold(&HoldReason::JobFee.into(), &who), 0, "seed {seed}");
	}
	assert!((0..VALIDATORS).all(|number| ledger(number).reserved == 0 && ledger(number).open_seats.is_empty()));
	for (id, job) in Jobs::<Test>::iter() {
		let Some(Outcome { verdict, at, settlement }) = job.outcome else { panic!("seed {seed}: job {id} is open") };
		assert!(at <= job.ends_by, "seed {seed}: job {id} ended late");
		assert!(settlement.paid + settlement.protocol_share <= job.quote.total, "seed {seed}");
		if !matches!(verdict, Verdict::Agreed | Verdict::Failed(_)) {
			assert_eq!(settlement.refunded, job.quote.total, "seed {seed}: job {id} has no answer and cost something");
		}
		seen.agreed += u32::from(verdict == Verdict::Agreed);
		seen.reused += u32::from(job.reused.is_some());
		seen.substituted += u32::from(job.has_substitutes && verdict == Verdict::Agreed);
		seen.expired += u32::from(verdict == Verdict::Expired);
		seen.second_rounds += u32::from(job.round == 1 && job.audit == AuditView::None);
		seen.audits += u32::from(job.audit != AuditView::None);
		seen.overturned += u32::from(matches!(job.audit, AuditView::Overturned { .. }));
	}
	// What the attackers got of each job, and what they paid for it.
	let (mut got, mut paid, mut of_audits) = (BTreeMap::<JobId, i128>::new(), BTreeMap::<JobId, i128>::new(), 0);
	for record in System::events() {
		let RuntimeEvent::Inference(event) = record.event else { continue };
		match event {
			Event::SeatPaid { job: id, round, seat, validator, amount } => {
				let vote = committee_of(job(id).reused.unwrap_or(id), round).seats[usize::from(seat)].vote;
				let SeatVote::Revealed(value) = vote else {
					panic!("seed {seed}: {validator:?} was paid for {vote:?}")
				};
				let is_audit = round == 1 && job(id).audit != AuditView::None;
				// Who has checked without a result is paid by who is charged.
				let is_in_vain = round == 1 && verdict(id) == Some(Verdict::NoQuorum);
				assert!(
					is_audit || is_in_vain || Some(value.output_hash) == decided(id),
					"seed {seed}: a wrong seat of {id} was paid"
				);
				assert!(amount <= job(id).quote.per_seat, "seed {seed}: a seat of {id} was paid too much");
				match (is_attackers(&validator), is_audit) {
					(true, true) => of_audits += amount as i128,
					(true, false) => *got.entry(id).or_default() += amount as i128,
					_ => {}
				}
			}
			Event::SeatCharged { job, validator, fault, amount, .. } => {
				assert!(
					is_attackers(&validator),
					"seed {seed}: the honest {validator:?} was charged in {job}: {fault:?}"
				);
				*paid.entry(job).or_default() += amount as i128;
				seen.charged += 1;
			}
			Event::Settled { job: id, paid: seats, protocol_share, .. } if job(id).requester == attacker() => {
				*paid.entry(id).or_default() += (seats + protocol_share) as i128;
			}
			Event::ResultDelivered { .. } => seen.delivered += 1,
			Event::DeliveryFailed { .. } => seen.undelivered += 1,
			_ => {}
		}
	}
	for offence in offences() {
		let Offence::Contradicted { validators, case, .. } = offence else { panic!("nobody equivocates") };
		assert!(validators.iter().all(is_attackers), "seed {seed}: an honest offender in {case:?}");
	}
	// Of a job of its own the attacker never gets more than it pays; its gains come of what its seats do for others.
	let own = |id: &JobId| job(*id).requester == attacker();
	for (id, got) in got.iter().filter(|(id, _)| own(id)) {
		let paid = paid.get(id).copied().unwrap_or(0);
		assert!(*got <= paid, "seed {seed}: the attacker made {got} of its own job {id}, for {paid}");
	}
	let gain = [attacker(), account(LIAR), account(WITHHOLDER)].iter().map(|who| before.gain(who)).sum::<i128>();
	assert_eq!(gain, of_audits + got.values().sum::<i128>() - paid.values().sum::<i128>(), "seed {seed}");
	let for_others: i128 = got.iter().filter(|(id, _)| !own(id)).map(|(_, got)| got).sum();
	assert!(gain - of_audits <= for_others, "seed {seed}: the attackers gained {gain}");
}

/// The hash of what the job's committees decided.
fn decided(id: JobId) -> Option<Hash> {
	match job(id).audit {
		AuditView::None => job(id).agreed.map(|agreed| agreed.value.output_hash),
		_ => committee_of(id, 0).tally().winner().map(|value| value.output_hash),
	}
}

fn histories(part: u64) {
	let mut seen = Seen::default();
	for seed in (0..HISTORIES).filter(|seed| seed % 4 == part) {
		history(seed, &mut seen);
	}
	let Seen {
		agreed,
		second_rounds,
		audits,
		overturned,
		charged,
		expired,
		delivered,
		undelivered,
		reused,
		substituted,
	} = seen;
	let counts =
		[agreed, second_rounds, audits, overturned, charged, expired, delivered, undelivered, reused, substituted];
	assert!(counts.iter().all(|count| *count > 10), "{seen:?}");
}

macro_rules! parts {
	($($name:ident $part:literal),*) => {
		$(#[test]
		fn $name() {
			histories($part);
		})*
	};
}

// Parts run at a time.
parts!(
	random_histories_end_in_time_and_attackers_gain_nothing 0,
	more_random_histories_end_in_time_and_attackers_gain_nothing 1,
	still_more_random_histories_end_in_time_and_attackers_gain_nothing 2,
	the_last_random_histories_end_in_time_and_attackers_gain_nothing 3
);

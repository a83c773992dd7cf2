//! Random histories: users, honest and byzantine validators, lost blocks' votes and session edges, from one seed. `next_block`
//! checks every invariant, and the money, after each block.

use crate::{mock::*, *};
use sibyl_primitives::model::{Availability, Pace};
use sp_io::hashing::blake2_256;

const HISTORIES: u64 = 60;
const BLOCKS: u32 = 120;

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

fn members() -> Vec<(u8, u8)> {
	(0..5).map(|number| (number, number)).collect()
}

/// What the validator says about the job in this block; validator 4 lies, and anyone may be silent.
fn votes(dice: &mut Dice, mut votes: Votes, number: u8, id: JobId) -> Votes {
	let truth = if job(id).input_units.is_multiple_of(2) { answer("eng") } else { refusal() };
	let said = if number == 4 { answer("lie") } else { truth };
	let is_seated = committee(id).seats.iter().any(|seat| seat.validator == account(number));
	if !is_seated || dice.one_in(4) {
		return votes;
	}
	match dice.roll(12) {
		0 => votes = votes.abstain(id),
		1 => votes = votes.commit(id, &answer("other")),
		2 => votes = votes.reveal(id, &answer("other")),
		_ => {}
	}
	match dice.roll(3) {
		0 => votes.commit(id, &said),
		1 => votes.reveal(id, &said),
		_ => votes.commit(id, &said).reveal_without_output(id, &said),
	}
}

fn history(seed: u64) {
	let mut dice = Dice { seed, rolls: 0 };
	Chain::default().validators(5).run(|| {
		let mut session = 0;
		for _ in 0..BLOCKS {
			if dice.one_in(3) {
				let seats = [all_seats(), fixed(1), fixed(3), fixed(5)][dice.roll(4) as usize];
				let options = JobOptions { max_output_units: dice.roll(50) as u32, ..seats };
				let text = vec![b'x'; 1 + dice.roll(20) as usize];
				// May be refused, as when validators are busy or have withdrawn.
				let _accepted =
					Inference::submit(RuntimeOrigin::signed(requester()), model().id(), text, options, Balance::MAX);
			}
			if dice.one_in(30) {
				session += 1;
				begin_session(session, &members());
			}
			let open: Vec<_> = Inference::open_jobs();
			let mut ballots = Vec::new();
			for number in 0..5u8 {
				let mut of_session: std::collections::BTreeMap<SessionIndex, Votes> = Default::default();
				for id in open.iter().copied() {
					let Some(drawn_in) = Committees::<Test>::get((id, job(id).round)).map(|committee| committee.session) else {
						continue;
					};
					let ballot = of_session.remove(&drawn_in).unwrap_or_else(|| Votes::of(number).session(drawn_in));
					of_session.insert(drawn_in, self::votes(&mut dice, ballot, number, id));
				}
				if dice.one_in(20) {
					let ballot = of_session.remove(&session).unwrap_or_else(|| Votes::of(number));
					let standing = if dice.one_in(2) {
						Availability::Withdrawn
					} else {
						Availability::Serves(Pace { job: 2_000, ..PACE })
					};
					of_session.insert(session, ballot.attest(standing));
				}
				ballots.extend(of_session.into_values().map(|ballot| match dice.roll(15) {
					0 => ballot.signed_by(99).sign(),
					_ => ballot.sign(),
				}));
			}
			if !dice.one_in(5) {
				include(ballots);
			}
			next_block();
		}
		// Then nobody acts any more: everything must end by itself, and the money be where it belongs.
		let last = Jobs::<Test>::iter_values().map(|job| job.ends_by).max().unwrap_or_default();
		advance_to(last + 1);
		assert_eq!((OpenJobs::<Test>::count(), held()), (0, 0), "seed {seed}");
		for (_, job) in Jobs::<Test>::iter() {
			assert!(job.outcome.is_some_and(|outcome| outcome.at <= job.ends_by), "seed {seed}");
		}
	});
}

#[test]
fn every_job_of_a_random_history_ends_in_time_and_no_unit_is_lost() {
	for seed in 0..HISTORIES {
		history(seed);
	}
}

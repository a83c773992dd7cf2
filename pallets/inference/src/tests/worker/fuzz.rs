//! Anything in the mailbox: what native code of another version wrote, or a disk that lies.

use super::*;
use sibyl_fuzzing::{fuzz, Case, Random};
use sibyl_primitives::{
	commitment::Committer,
	mailbox::{CLEARING, SENT, STARTED},
	output::output_hash,
	vote::VoteTarget,
};
use std::collections::BTreeMap;

const BLOCKS: usize = 24;
/// The validators whose keys the worker has.
const OURS: [u8; 2] = [0, 1];

/// What a seat was heard to say: a commitment, or none where it abstained.
type Said = BTreeMap<(VoteTarget, SeatIndex), Option<Hash>>;

fn said(random: &mut Random) -> OutputBytes {
	answer(["eng", "fra", "und"][random.below(3)])
}

/// What an entry of this key may hold.
fn value(random: &mut Random, key: &[u8]) -> Vec<u8> {
	let response = match random.below(4) {
		0 => Err(AbstainReason::Overloaded),
		_ => {
			let output = said(random);
			Ok(Answered { trace: trace_of(&output), output })
		}
	};
	let mut bytes = match key {
		MODELS => {
			let pace = Pace { job: random.number(32) as u32, input_unit: random.number(32) as u32, output_unit: 0 };
			let says = if random.one_in(4) { Availability::Withdrawn } else { Availability::Serves(pace) };
			let ids = [model().id(), Hash::zero()];
			ModelStatuses::V1([(*random.pick(&ids), says)].into()).encode()
		}
		_ => InferenceResponse::V1(response).encode(),
	};
	random.spoil(&mut bytes, 4);
	bytes
}

/// Writes something somewhere. What the worker keeps for itself is not exchanged for other votes: whose disk does that has
/// said two things. It may become unreadable.
fn meddle(case: &mut Case, validator: &Validator) {
	let jobs: Vec<_> = Jobs::<Test>::iter().collect();
	let mut keys = vec![MODELS.to_vec(), SENT.to_vec(), OUTBOX.to_vec(), STARTED.to_vec()];
	let mut own = vec![CLEARING.to_vec()];
	for (id, job) in &jobs {
		// What the engine says is of most use.
		keys.extend([response_key(&job.fingerprint), response_key(&job.fingerprint), request_key(&job.fingerprint)]);
		let Some(committee) = Committees::<Test>::get((id, job.round)) else { continue };
		let target = committee.target(job.fingerprint);
		own.extend((0..committee.seats.len()).map(|seat| vote_key(&target, seat as SeatIndex)));
	}
	if case.random.one_in(8) {
		// No version of anything.
		let bytes = [vec![0xff], case.random.bytes(9)].concat();
		case.tries(&bytes);
		let key = case.random.pick(&own).clone();
		return validator.state.write().persistent_storage.set(b"", &key, &bytes);
	}
	let key = case.random.pick(&keys).clone();
	let bytes = value(&mut case.random, &key);
	case.tries(&[key.clone(), bytes.clone()].concat());
	match case.random.one_in(6) {
		true => validator.clear(&key),
		false => validator.state.write().persistent_storage.set(b"", &key, &bytes),
	}
}

/// The ballot is well signed, opens what the chain has of its seats, and takes nothing back.
fn check(VersionedBallot::V1(signed): &VersionedBallot, heard: &mut Said) {
	let SignedBallot { ballot, outputs, .. } = signed;
	assert!(OURS.iter().any(|number| signed.is_signed_by(&Inference::genesis(), &key(*number).public())));
	let commits = ballot.commits.iter().map(|commit| ((commit.target, commit.seat), Some(commit.commitment)));
	let abstentions = ballot.abstentions.iter().map(|abstention| ((abstention.target, abstention.seat), None));
	for (seat, said) in commits.chain(abstentions) {
		assert_eq!(*heard.entry(seat).or_insert(said), said, "a seat says two things");
	}
	for reveal in &ballot.reveals {
		let id = JobIds::<Test>::get(reveal.target.fingerprint).expect("the job is there");
		let committee = committee_of(id, reveal.target.round);
		let seat = &committee.seats[usize::from(reveal.seat)];
		let (genesis, target) = (Inference::genesis(), reveal.target);
		let committer =
			Committer { genesis, target, seat: reveal.seat, validator: &seat.validator, model: job(id).model };
		match seat.vote {
			SeatVote::Committed(commitment) => {
				assert_eq!(committer.commitment(&reveal.output_hash, &reveal.work, &reveal.salt), commitment);
			}
			vote => assert_eq!(vote, SeatVote::Revealed(Value { output_hash: reveal.output_hash, work: reveal.work })),
		}
	}
	let named = |output: &OutputBytes| ballot.reveals.iter().any(|reveal| reveal.output_hash == output_hash(output));
	assert!(outputs.iter().all(named));
}

/// What the others say in this block.
fn others(random: &mut Random) -> Vec<VersionedBallot> {
	let mut ballots = Vec::new();
	for id in Inference::open_jobs() {
		let Some(committee) = Committees::<Test>::get((id, job(id).round)) else { continue };
		for number in 2..4 {
			let Some(seat) = seat_of(number, id) else { continue };
			let output = answer("eng");
			match (job(id).phase, committee.seats[usize::from(seat)].vote) {
				_ if random.one_in(3) => {}
				(Phase::Committing, SeatVote::Missing) => ballots.push(Votes::of(number).commit(id, &output).sign()),
				(Phase::Revealing, SeatVote::Committed(_)) => {
					ballots.push(Votes::of(number).reveal(id, &output).sign())
				}
				_ => {}
			}
		}
	}
	ballots
}

fn history(case: &mut Case, validator: &Validator) -> (usize, usize) {
	let (mut heard, mut reveals) = (Said::new(), 0);
	for _ in 0..BLOCKS {
		if OpenJobs::<Test>::count() < 4 && case.random.one_in(2) {
			// Whose model is suspended, since so many lost, is refused.
			let _ = Inference::submit(
				RuntimeOrigin::signed(requester()),
				model().id(),
				"x".into(),
				all_seats(),
				Balance::MAX,
			);
		}
		for _ in 0..case.random.below(4) {
			meddle(case, validator);
			let sent = validator.run_for_all();
			sent.iter().for_each(|ballot| check(ballot, &mut heard));
			let taken: Vec<_> = sent.into_iter().filter(|_| !case.random.one_in(3)).collect();
			reveals += taken.iter().map(|VersionedBallot::V1(signed)| signed.ballot.reveals.len()).sum::<usize>();
			include(taken);
		}
		let ballots = others(&mut case.random);
		include(ballots);
		next_block();
	}
	(heard.len(), reveals)
}

#[test]
fn whatever_is_in_the_mailbox_no_seat_says_two_things_or_opens_what_it_did_not_commit_to() {
	let (mut votes, mut reveals) = (0, 0);
	let ran = fuzz(60, |case| {
		with_worker(&OURS, |validator| {
			let (heard, opened) = history(case, &validator);
			votes += heard;
			reveals += opened;
		});
	});
	assert!(ran == 1 || (votes > 100 && reveals > 30), "{votes} {reveals}");
}

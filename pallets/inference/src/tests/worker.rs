//! The offchain worker against a mailbox and a keystore, with the test in the place of the engine.

mod fuzz;

use crate::{mock::*, *};
use codec::{Decode, Encode};
use frame_support::traits::Hooks;
use parking_lot::{Mutex, RwLock};
use sibyl_primitives::{
	inference_key::KEY_TYPE,
	job::AbstainReason,
	mailbox::{
		request_key, response_key, vote_key, Answered, InferenceRequest, InferenceResponse, ModelStatuses, StoredVote,
		MODELS, OUTBOX,
	},
	model::{Availability, Pace},
};
use sp_core::{
	offchain::{
		testing::{OffchainState, TestOffchainExt},
		DbExternalities, OffchainDbExt, OffchainStorage, OffchainWorkerExt, StorageKind,
	},
	Pair,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::{collections::BTreeSet, sync::Arc};

/// A validator's own storage, which outlives reorgs and, with a copy of its keys, restarts.
struct Validator {
	state: Arc<RwLock<OffchainState>>,
	written: Arc<Mutex<Written>>,
}

/// What the worker has written.
#[derive(Default)]
struct Written {
	/// Each write to the outbox is a ballot.
	sent: Vec<VersionedBallot>,
	/// The entries that it has not cleared.
	keys: BTreeSet<Vec<u8>>,
	/// The keys of all writes, in their order.
	order: Vec<Vec<u8>>,
	/// An entry that another run writes just before this one would.
	rival: Option<(Vec<u8>, Vec<u8>)>,
}

impl Written {
	fn note(&mut self, key: &[u8]) {
		self.keys.insert(key.to_vec());
		self.order.push(key.to_vec());
	}
}

/// The storage, with a look at what is written.
struct Watched {
	storage: TestOffchainExt,
	written: Arc<Mutex<Written>>,
}

impl DbExternalities for Watched {
	fn local_storage_set(&mut self, kind: StorageKind, key: &[u8], value: &[u8]) {
		let mut written = self.written.lock();
		if key == OUTBOX {
			written.sent.push(VersionedBallot::decode(&mut &value[..]).expect("the worker sends what decodes"));
		}
		written.note(key);
		self.storage.local_storage_set(kind, key, value);
	}

	fn local_storage_clear(&mut self, kind: StorageKind, key: &[u8]) {
		self.written.lock().keys.remove(key);
		self.storage.local_storage_clear(kind, key);
	}

	fn local_storage_compare_and_set(&mut self, kind: StorageKind, key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
		let mut written = self.written.lock();
		written.note(key);
		if let Some((_, value)) = written.rival.take_if(|(of, _)| of.as_slice() == key) {
			self.storage.local_storage_set(kind, key, &value);
			return false;
		}
		self.storage.local_storage_compare_and_set(kind, key, old, new)
	}

	fn local_storage_get(&mut self, kind: StorageKind, key: &[u8]) -> Option<Vec<u8>> {
		self.storage.local_storage_get(kind, key)
	}
}

/// A ballot's place, and how many commits and reveals it has.
fn shape(VersionedBallot::V1(signed): &VersionedBallot) -> (u32, usize, usize) {
	(signed.ballot.authority_index, signed.ballot.commits.len(), signed.ballot.reveals.len())
}

/// Runs the test on a chain whose worker holds the keys of these numbers.
fn with_worker(keys: &[u8], test: impl FnOnce(Validator)) {
	let mut externalities = Chain::default().build();
	let (offchain, state) = TestOffchainExt::new();
	let written = Arc::<Mutex<Written>>::default();
	let watched = Watched { storage: offchain.clone(), written: written.clone() };
	externalities.register_extension(OffchainDbExt::new(watched));
	externalities.register_extension(OffchainWorkerExt::new(offchain));
	let keystore = MemoryKeystore::new();
	for number in keys {
		let seed = format!("0x{}", hex(&[*number; 32]));
		keystore.insert(KEY_TYPE, &seed, key(*number).public().as_ref()).expect("the keystore takes keys");
	}
	externalities.register_extension(KeystoreExt::new(keystore));
	externalities.execute_with(|| test(Validator { state, written }));
}

fn own_seat(id: JobId) -> SeatIndex {
	seat_of(0, id).expect("validator 0 has a seat")
}

fn hex(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Validator {
	fn get<V: Decode>(&self, key: &[u8]) -> Option<V> {
		let bytes = self.state.read().persistent_storage.get(key)?;
		Some(V::decode(&mut &bytes[..]).expect("the worker writes what decodes"))
	}

	fn set(&self, key: &[u8], value: impl Encode) {
		self.state.write().persistent_storage.set(b"", key, &value.encode());
	}

	fn clear(&self, key: &[u8]) {
		self.state.write().persistent_storage.remove(b"", key);
	}

	/// Runs the worker and takes what it put into the outbox.
	fn run(&self) -> Option<VersionedBallot> {
		self.clear(OUTBOX);
		Inference::offchain_worker(System::block_number());
		self.get(OUTBOX)
	}

	/// Runs the worker and takes all that it sends.
	fn run_for_all(&self) -> Vec<VersionedBallot> {
		self.written.lock().sent.clear();
		Inference::offchain_worker(System::block_number());
		std::mem::take(&mut self.written.lock().sent)
	}

	/// Lets another run be quicker with this entry.
	fn is_outrun(&self, key: Vec<u8>, value: impl Encode) {
		self.written.lock().rival = Some((key, value.encode()));
	}

	fn answers(&self, id: JobId, response: Result<OutputBytes, AbstainReason>) {
		let response = response.map(|output| Answered { trace: trace_of(&output), output });
		self.set(&response_key(&job(id).fingerprint), InferenceResponse::V1(response));
	}

	/// Answers a job and commits to it, as all others do.
	fn commits_with_all(&self) -> (JobId, OutputBytes) {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		self.answers(id, Ok(output.clone()));
		let commit = self.run();
		include(commit.into_iter().chain((1..4).map(|number| Votes::of(number).commit(id, &output).sign())));
		next_block();
		(id, output)
	}
}

fn ballot(ballot: Option<VersionedBallot>) -> sibyl_primitives::vote::Ballot {
	let VersionedBallot::V1(signed) = ballot.expect("the worker has sent something");
	signed.ballot
}

#[test]
fn a_seat_asks_for_its_output_once_then_commits_then_reveals() {
	with_worker(&[0], |validator| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		assert_eq!(validator.run(), None);
		let key = request_key(&job(id).fingerprint);
		let Some(InferenceRequest::V1 { input, deadline, .. }) = validator.get(&key) else { panic!("the worker asks") };
		assert_eq!((input, deadline), ("hello".into(), job(id).deadline));

		validator.answers(id, Ok(output.clone()));
		let commit = validator.run();
		assert_eq!(ballot(commit.clone()).commits.len(), 1);
		include(commit.into_iter().chain((1..4).map(|number| Votes::of(number).commit(id, &output).sign())));
		next_block();

		let reveal = validator.run();
		assert_eq!(ballot(reveal.clone()).reveals.len(), 1);
		include(
			reveal.into_iter().chain((1..4).map(|number| Votes::of(number).reveal_without_output(id, &output).sign())),
		);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert!(free(&account(0)) > FUNDS);
	});
}

#[test]
fn nothing_is_done_without_a_key_or_a_seat() {
	with_worker(&[], |validator| {
		let id = drawn(all_seats());
		assert_eq!(validator.run(), None);
		assert_eq!(validator.get::<InferenceRequest>(&request_key(&job(id).fingerprint)), None);
	});
	with_worker(&[77], |validator| {
		drawn(all_seats());
		assert_eq!(validator.run(), None);
	});
}

#[test]
fn another_answer_after_a_restart_does_not_make_a_second_commit() {
	with_worker(&[0], |validator| {
		let id = drawn(all_seats());
		validator.answers(id, Ok(answer("eng")));
		let first = ballot(validator.run()).commits;
		validator.answers(id, Ok(answer("fra")));
		next_block();
		next_block();
		assert_eq!(ballot(validator.run()).commits, first);
	});
}

#[test]
fn a_run_that_is_outrun_says_what_the_other_one_has_stored() {
	with_worker(&[0], |validator| {
		let (id, theirs) = (drawn(all_seats()), answer("fra"));
		let key = request_key(&job(id).fingerprint);
		let asked = |deadline| InferenceRequest::V1 {
			job: job(id).fingerprint,
			model: model().id(),
			input: "hello".into(),
			max_output_units: 0,
			sampling: Default::default(),
			format: Default::default(),
			claimed: None,
			seed: [0; 32],
			deadline,
		};
		validator.is_outrun(key.clone(), asked(77));
		assert_eq!(validator.run(), None);
		assert_eq!(validator.get::<InferenceRequest>(&key), Some(asked(77)));

		validator.answers(id, Ok(answer("eng")));
		let commitment = Hash::repeat_byte(9);
		let stored = StoredVote::V1 { commitment, output: theirs, work: Hash::zero() };
		validator.is_outrun(vote_key(&target(id), own_seat(id)), stored);
		assert_eq!(ballot(validator.run()).commits[0].commitment, commitment);
		assert!(validator.written.lock().rival.is_none());
	});
}

#[test]
fn an_engine_that_cannot_answer_makes_the_seat_abstain_for_good() {
	with_worker(&[0], |validator| {
		let id = drawn(all_seats());
		validator.answers(id, Err(AbstainReason::TooSlow));
		let abstentions = ballot(validator.run()).abstentions;
		assert_eq!(abstentions[0].reason, AbstainReason::TooSlow);
		validator.answers(id, Ok(answer("eng")));
		next_block();
		next_block();
		assert_eq!(ballot(validator.run()).abstentions, abstentions);
	});
}

#[test]
fn votes_that_no_block_takes_are_sent_again_and_not_in_between() {
	with_worker(&[0], |validator| {
		let id = drawn(all_seats());
		validator.answers(id, Ok(answer("eng")));
		assert!(validator.run().is_some());
		assert_eq!(validator.run(), None);
		next_block();
		assert_eq!(validator.run(), None);
		next_block();
		assert!(validator.run().is_some());
	});
}

#[test]
fn a_validator_that_lost_its_storage_between_commit_and_reveal_still_reveals() {
	with_worker(&[0], |validator| {
		let (id, output) = validator.commits_with_all();
		for key in
			[vote_key(&target(id), own_seat(id)), response_key(&job(id).fingerprint), request_key(&job(id).fingerprint)]
		{
			validator.clear(&key);
		}
		assert_eq!(validator.run(), None);
		assert!(validator.get::<InferenceRequest>(&request_key(&job(id).fingerprint)).is_some());
		validator.answers(id, Ok(output));
		include(validator.run());
		assert_eq!(committee(id).tally().revealed, 1);
	});
}

#[test]
fn a_full_ballot_keeps_no_output_from_being_asked_for() {
	use sibyl_primitives::vote::{Ballot, Commit, Reveal, VoteTarget, MAX_VOTES};
	with_worker(&[0], |validator| {
		let asks_beside = |id: JobId, others: fn(&mut Ballot, VoteTarget)| {
			let mut outgoing = Inference::our_places(System::block_number() as u32);
			outgoing.values_mut().for_each(|out| others(&mut out.ballot, target(id)));
			let mut cell = cells::Cell::load::<Test>(id, job(id)).expect("it is drawn");
			Inference::act_in(&mut cell, &mut outgoing);
			validator.get::<InferenceRequest>(&request_key(&job(id).fingerprint)).is_some()
		};
		assert!(asks_beside(drawn(all_seats()), |ballot, target| {
			let commit = Commit { target, seat: 0, commitment: Hash::zero() };
			ballot.commits = vec![commit; MAX_VOTES as usize].try_into().expect("as many as fit");
		}));
		// The storage is lost once the commit is in a block.
		let (id, _) = validator.commits_with_all();
		validator.clear(&vote_key(&target(id), own_seat(id)));
		validator.clear(&response_key(&job(id).fingerprint));
		assert!(asks_beside(id, |ballot, target| {
			let zero = Hash::zero();
			let reveal = Reveal { target, seat: 0, output_hash: zero, work: zero, salt: zero };
			ballot.reveals = vec![reveal; MAX_VOTES as usize].try_into().expect("as many as fit");
		}));
	});
}

#[test]
fn a_seat_of_an_older_session_is_voted_for_with_the_key_it_was_drawn_with() {
	with_worker(&[0, 50], |validator| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		begin_session(1, &[(0, 50), (1, 1), (2, 2), (3, 3)]);
		validator.answers(id, Ok(output));
		let commit = validator.run();
		assert_eq!(ballot(commit.clone()).session, 0);
		include(commit);
		assert_eq!(committee(id).tally().committed, 1);
	});
}

#[test]
fn a_model_that_the_engine_has_is_attested_and_withdrawn_when_it_is_gone() {
	with_worker(&[0], |validator| {
		let say = |availability| validator.set(MODELS, ModelStatuses::V1([(model().id(), availability)].into()));
		say(Availability::Withdrawn);
		next_block();
		include(validator.run());
		next_block();
		assert_eq!(serving(), 3);
		say(Availability::Serves(Pace { job: 2_000, ..PACE }));
		include(validator.run());
		next_block();
		assert_eq!(serving(), 4);
		assert_eq!(Inference::serving(&model().id())[0].pace.job, 2_000);
		assert_eq!(validator.run(), None);
	});
}

#[test]
fn many_models_are_spoken_of_in_many_ballots_so_that_none_is_padded() {
	with_worker(&[0], |validator| {
		let models: Vec<_> = (0..selection::MAX_PADDING + 2).map(|_| add_model(model(), PRICE)).collect();
		let withdrawn = models.into_iter().map(|model| (model, Availability::Withdrawn));
		validator.set(MODELS, ModelStatuses::V1(withdrawn.collect()));
		for said in [selection::MAX_PADDING, 2] {
			let words = validator.run();
			assert_eq!(ballot(words.clone()).attestations.len(), said);
			include(words);
			next_block();
		}
		assert_eq!(validator.run(), None);
	});
}

#[test]
fn mailbox_entries_are_cleared_some_blocks_after_the_job_can_have_ended() {
	with_worker(&[0], |validator| {
		let id = drawn(all_seats());
		let (fingerprint, target, ends_by) = (job(id).fingerprint, target(id), job(id).ends_by);
		let seat = own_seat(id);
		validator.answers(id, Ok(answer("eng")));
		validator.run();
		let keys = [request_key(&fingerprint), response_key(&fingerprint), vote_key(&target, seat)];
		assert!(validator.get::<StoredVote>(&keys[2]).is_some());
		advance_to(ends_by + 63);
		validator.run();
		assert!(validator.get::<StoredVote>(&keys[2]).is_some());
		// Not every block's worker runs.
		next_block();
		next_block();
		validator.run();
		for key in keys {
			assert!(validator.state.read().persistent_storage.get(&key).is_none());
		}
	});
}

#[test]
fn an_entry_is_listed_to_be_cleared_before_it_is_written() {
	use sibyl_primitives::mailbox::CLEARING;
	with_worker(&[0], |validator| {
		let id = drawn(all_seats());
		let first_write = |key: &[u8]| validator.written.lock().order.iter().position(|of| of == key);
		validator.run();
		let listed = first_write(CLEARING).expect("there is something to clear");
		assert!(listed < first_write(&request_key(&job(id).fingerprint)).expect("it asks"));
		validator.answers(id, Ok(answer("eng")));
		validator.run();
		assert!(first_write(&vote_key(&target(id), own_seat(id))).is_some());
	});
}

#[test]
fn an_answer_for_another_fork_s_draw_is_committed_to_anew() {
	with_worker(&[0], |validator| {
		let id = drawn(all_seats());
		validator.answers(id, Ok(answer("eng")));
		let first = ballot(validator.run()).commits[0];
		Committees::<Test>::mutate((id, 0), |committee| {
			if let Some(committee) = committee {
				committee.draw = Hash::repeat_byte(3);
			}
		});
		let second = ballot(validator.run()).commits[0];
		assert_eq!(first.target.fingerprint, second.target.fingerprint);
		assert_ne!(first.commitment, second.commitment);
	});
}

#[test]
fn work_reaches_the_commit_and_the_reveal() {
	with_worker(&[0], |validator| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		validator.answers(id, Ok(output.clone()));
		let commit = ballot(validator.run()).commits[0];
		// The mock's own commit is of the same output and work.
		let VersionedBallot::V1(expected) = Votes::of(0).commit(id, &output).sign();
		assert_eq!(commit, expected.ballot.commits[0]);
		let work = sibyl_primitives::commitment::work(&target(id), &trace_of(&output));
		let key = vote_key(&target(id), own_seat(id));
		assert!(matches!(validator.get(&key), Some(StoredVote::V1 { work: stored, .. }) if stored == work));
		commit_by(0..4, id, &output);
		next_block();
		assert_eq!(ballot(validator.run()).reveals[0].work, work);
	});
}

#[test]
fn two_validators_with_one_keystore_vote_each_for_its_own_seat() {
	with_worker(&[0, 1], |validator| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		validator.answers(id, Ok(output.clone()));
		let sent = validator.run_for_all();
		let shapes: Vec<_> = sent.iter().map(shape).collect();
		assert_eq!(shapes, [(0, 1, 0), (1, 1, 0)]);
		include(sent.into_iter().chain((2..4).map(|number| Votes::of(number).commit(id, &output).sign())));
		assert_eq!((committee(id).tally().committed, job(id).phase), (4, Phase::Revealing));
		next_block();
		let sent = validator.run_for_all();
		include(sent.into_iter().chain((2..4).map(|number| Votes::of(number).reveal(id, &output).sign())));
		assert_eq!((committee(id).tally().revealed, verdict(id)), (4, Some(Verdict::Agreed)));
	});
}

#[test]
fn a_second_round_is_voted_in_with_the_output_that_is_there_already() {
	with_worker(&[0], |validator| {
		let (id, truth, lie) = (drawn(all_seats()), answer("eng"), answer("fra"));
		validator.answers(id, Ok(truth.clone()));
		let first = ballot(validator.run()).commits[0];
		say(id, &[(0, &truth), (1, &truth), (2, &lie), (3, &lie)]);
		second_round(id);
		let second = ballot(validator.run()).commits[0];
		assert_eq!((first.target.round, second.target.round), (0, 1));
		assert_ne!(first.commitment, second.commitment);
		let VersionedBallot::V1(expected) = Votes::of(0).commit(id, &truth).sign();
		assert_eq!(second, expected.ballot.commits[0]);
	});
}

#[test]
fn the_engine_is_asked_in_a_second_round_with_the_output_that_the_first_one_left() {
	with_worker(&[0], |validator| {
		let claim = answer("eng");
		let (id, _) = disputed(all_seats(), &answer("fra"), &claim);
		second_round(id);
		assert_eq!(validator.run(), None);
		let key = request_key(&job(id).fingerprint);
		let Some(InferenceRequest::V1 { claimed, .. }) = validator.get(&key) else { panic!("the worker asks") };
		assert_eq!(claimed, Some(claim));
	});
}

#[test]
fn who_keeps_its_seat_when_substitutes_are_drawn_commits_again_and_asks_for_nothing() {
	with_worker(&[0], |validator| {
		let mut id = drawn(fixed(3));
		while seat_of(0, id).is_none() {
			id = drawn(fixed(3));
		}
		validator.answers(id, Ok(answer("eng")));
		let sent = validator.run();
		let first = ballot(sent.clone()).commits[0];
		let another = seated(id).into_iter().find(|number| *number != 0).expect("there are three seats");
		include(sent.into_iter().chain([Votes::of(another).commit(id, &answer("eng")).sign()]));
		advance_to(job(id).deadline + 1);
		assert_eq!((job(id).phase, validator.run()), (Phase::Pending, None));
		next_block();
		let second = ballot(validator.run()).commits[0];
		assert_eq!((second.target, second.seat), (target(id), first.seat));
		assert_ne!(first.commitment, second.commitment);
		assert!(validator.get::<InferenceRequest>(&request_key(&job(id).fingerprint)).is_none());
	});
}

#[test]
fn nothing_is_said_at_the_first_block_of_all() {
	with_worker(&[0], |validator| {
		Rosters::<Test>::remove(model().id());
		validator.set(MODELS, ModelStatuses::V1([(model().id(), Availability::Serves(PACE))].into()));
		System::set_block_number(0);
		assert_eq!(validator.run(), None);
		System::set_block_number(1);
		assert!(validator.run().is_some());
	});
}

#[test]
fn the_entries_of_a_validator_are_bounded_by_its_open_jobs_and_what_it_sent_is_one() {
	with_worker(&[0], |validator| {
		let output = answer("eng");
		let mut most = 0;
		for round in 0..30 {
			let id = drawn(all_seats());
			validator.answers(id, Ok(output.clone()));
			include(validator.run());
			include((1..4).map(|number| Votes::of(number).commit(id, &output).sign()));
			next_block();
			include(validator.run());
			include((1..4).map(|number| Votes::of(number).reveal(id, &output).sign()));
			assert_eq!(verdict(id), Some(Verdict::Agreed));
			advance_to((round + 1) * 40);
			validator.run();
			most = most.max(validator.written.lock().keys.len());
		}
		let sent = validator.get(sibyl_primitives::mailbox::SENT);
		assert!(matches!(sent, Some(sibyl_primitives::mailbox::Sent::V1(sent)) if sent.len() <= 1));
		// A job's entries are kept for as long as a fork may need them; the list, what was sent and the outbox stay.
		assert!(most <= 3 * 6 + 3, "{most} entries");
	});
}

#[test]
fn a_commit_is_opened_by_what_is_stored_though_the_engines_answer_is_gone() {
	with_worker(&[0], |validator| {
		let (id, _) = validator.commits_with_all();
		validator.clear(&response_key(&job(id).fingerprint));
		assert_eq!(ballot(validator.run()).reveals.len(), 1);
	});
}

#[test]
fn a_seat_brings_the_bytes_again_that_an_author_left_out_once_they_have_won() {
	with_worker(&[0], |validator| {
		let (id, output) = validator.commits_with_all();
		let brought = |ballot: Option<VersionedBallot>| ballot.map(|VersionedBallot::V1(signed)| signed.outputs.len());
		let reveals = |numbers: core::ops::Range<u8>| {
			numbers.map(|number| Votes::of(number).reveal_without_output(id, &output).sign()).collect::<Vec<_>>()
		};
		assert_eq!(brought(validator.run()), Some(1));
		include(reveals(0..2));
		next_block();
		next_block();
		assert_eq!(brought(validator.run()), None, "nothing has won yet");
		include(reveals(2..3));
		next_block();
		assert_eq!(
			committee(id).tally().winner().map(|value| value.output_hash),
			Some(sibyl_primitives::output::output_hash(&output))
		);
		assert_eq!(brought(validator.run()), Some(1), "the winner's bytes lack");
	});
}

#[test]
fn a_reveal_of_an_output_that_the_chain_has_comes_without_its_bytes() {
	with_worker(&[0], |validator| {
		let (id, output) = validator.commits_with_all();
		include([Votes::of(1).reveal(id, &output).sign()]);
		next_block();
		let VersionedBallot::V1(signed) = validator.run().expect("it reveals");
		assert_eq!((signed.ballot.reveals.len(), signed.outputs.len()), (1, 0));
	});
}

use super::*;
use crate::testing::*;
use crate::{Bounds, Insertion, Pool, BALLOTS_PER_HEIGHT, BLAMES, BYTES_PER_HEIGHT, PEER_BYTES, PEER_BYTES_PER_HEIGHT};
use codec::Encode;
use sibyl_primitives::{
	job::OutputBytes,
	vote::{SignedBallot, VersionedBallot, MAX_BALLOT_BYTES, MAX_VOTES},
};

const BEST: BlockNumber = 100;
/// What bans a peer.
const BANNED: i32 = i32::MIN / 100 * 82;

struct Test {
	judge: Judge<u32>,
	pool: Pool,
	reputation: i32,
}

impl Test {
	/// The sessions up to now have three validators; the next one has a fourth, in the first place.
	fn new() -> Self {
		let mut test = Self { judge: Judge::new(GENESIS), pool: Pool::new(Bounds::default()), reputation: 0 };
		test.follow(BEST);
		test.judge.finalise(SESSION);
		test
	}

	fn follow(&mut self, best: BlockNumber) {
		let sets = [SESSION, SESSION - 1].map(|session| key_set(session, 0..3));
		self.judge.follow(best, sets.into(), Some(key_set(SESSION + 1, [3, 0, 1, 2])));
		self.pool.follow(block(best), best);
	}

	fn judge(&mut self, ballot: SignedBallot) -> Result<Relay, Rejection> {
		self.judge_of(1, ballot)
	}

	fn judge_of(&mut self, peer: u32, ballot: SignedBallot) -> Result<Relay, Rejection> {
		self.judge_bytes(peer, &VersionedBallot::V1(ballot).encode())
	}

	/// As a node does it: what is taken goes into the pool.
	fn judge_bytes(&mut self, peer: u32, bytes: &[u8]) -> Result<Relay, Rejection> {
		match self.judge.judge(&peer, bytes, |ballot| self.pool.news(ballot)) {
			Ok(Accepted { account, ballot, relay }) => {
				let insertion = self.pool.insert(account, ballot, relay);
				assert!(matches!(insertion, Insertion::Added | Insertion::Merged | Insertion::Crowded));
				Ok(relay)
			}
			Err(Refusal { why, cost }) => {
				self.reputation = self.reputation.saturating_add(cost.reputation());
				Err(why)
			}
		}
	}

	/// What judging this costs the peer.
	fn cost(&mut self, ballot: SignedBallot) -> (Rejection, i32) {
		self.reputation = 0;
		let rejection = self.judge(ballot).expect_err("it is refused");
		(rejection, self.reputation)
	}
}

/// A ballot with the index of another validator of the set.
fn forged(session: SessionIndex, seat: u16) -> SignedBallot {
	let mut forged = ballot_of(0, session, BEST);
	forged.ballot.authority_index = 1;
	forged.ballot.commits[0].seat = seat;
	forged
}

fn revealing(named: &[OutputBytes], at_block: BlockNumber) -> SignedBallot {
	ballot_with_outputs(0, at_block, named, &[])
}

fn with_outputs(ballot: &SignedBallot, outputs: &[OutputBytes]) -> SignedBallot {
	SignedBallot { outputs: outputs.to_vec().try_into().expect("they are few"), ..ballot.clone() }
}

#[test]
fn a_signed_ballot_of_each_validator_is_taken_once() {
	let mut test = Test::new();
	for validator in 0..3 {
		assert_eq!(test.judge(ballot(validator, BEST)), Ok(Relay::Now));
		assert_eq!(test.judge(ballot(validator, BEST)), Err(Rejection::Known));
	}
	assert_eq!(test.reputation, 0);
}

#[test]
fn junk_and_ballots_with_something_after_them_are_no_ballots() {
	let mut test = Test::new();
	let good = VersionedBallot::V1(ballot(0, BEST)).encode();
	let junk = [&[][..], &[0; 40], &[0, 255, 255, 255], &good[..good.len() - 1], &[&good[..], &[0]].concat()];
	for bytes in junk {
		test.reputation = 0;
		assert_eq!(test.judge_bytes(1, bytes), Err(Rejection::Undecodable));
		assert_eq!(test.reputation, Cost::Much.reputation());
	}
}

#[test]
fn a_list_longer_than_its_bound_is_no_ballot() {
	let mut test = Test::new();
	let good = ballot(0, BEST);
	let reveal = revealing(&[output(1, 8)], BEST).ballot.reveals[0];
	let before = (good.ballot.session, good.ballot.authority_index, good.ballot.at_block);
	let none: Vec<u8> = Vec::new();
	for (votes, verdict) in [(MAX_VOTES, Err(Rejection::BadSignature)), (MAX_VOTES + 1, Err(Rejection::Undecodable))] {
		let reveals = vec![reveal; votes as usize];
		let bytes = (0u8, before, &none, &none, reveals, &none, &none, &good.signature).encode();
		assert_eq!(test.judge_bytes(1, &bytes), verdict);
	}
}

#[test]
fn an_oversize_message_is_refused_unread() {
	let mut test = Test::new();
	assert_eq!(test.judge_bytes(1, &vec![0; MAX_BALLOT_BYTES as usize + 1]), Err(Rejection::Oversize));
	assert_eq!(test.judge_bytes(1, &vec![0; MAX_BALLOT_BYTES as usize]), Err(Rejection::Undecodable));
}

#[test]
fn newer_versions_are_ignored_and_ban_nobody() {
	let mut test = Test::new();
	let mut bytes = VersionedBallot::V1(ballot(0, BEST)).encode();
	bytes[0] = 1;
	assert_eq!(test.judge_bytes(1, &bytes), Err(Rejection::UnknownVersion));
	assert_eq!(test.reputation, 0);
	for height in 0..100 {
		test.follow(BEST + height);
		for _ in 0..2_000 {
			test.judge_bytes(1, &bytes).expect_err("no version becomes known");
		}
	}
	assert!(test.reputation > BANNED / 10, "{}", test.reputation);
}

#[test]
fn a_ballot_that_says_nothing_is_refused() {
	let mut test = Test::new();
	assert_eq!(test.judge(signed(0, Ballot::new(SESSION, 0, BEST))), Err(Rejection::Empty));
}

#[test]
fn sessions_out_of_reach_are_ignored_at_no_cost() {
	let mut test = Test::new();
	for (session, rejection) in [(SESSION + 2, Rejection::FutureSession), (SESSION - 2, Rejection::PastSession)] {
		assert_eq!(test.cost(ballot_of(0, session, BEST)), (rejection, 0));
	}
}

#[test]
fn a_node_that_knows_no_session_yet_takes_and_blames_nobody() {
	let mut judge = Judge::new(GENESIS);
	let bytes = VersionedBallot::V1(ballot(0, 0)).encode();
	let refusal = Refusal { why: Rejection::FutureSession, cost: Cost::Nothing };
	assert_eq!(judge.judge(&1, &bytes, |_| News::Ballot), Err(refusal));
}

#[test]
fn ballots_of_the_next_session_are_checked_with_its_own_keys_taken_and_passed_on() {
	let mut test = Test::new();
	let next =
		|index, signer| signed(signer, Ballot { authority_index: index, ..ballot_of(0, SESSION + 1, BEST).ballot });
	assert_eq!(test.judge(next(0, 3)), Ok(Relay::Now));
	assert_eq!(test.judge(next(1, 0)), Ok(Relay::Now));
	assert_eq!(test.judge.account(SESSION + 1, 1), Some(&account(0)));
	// Another fork may have queued other keys.
	assert_eq!(test.cost(next(0, 0)), (Rejection::BadSignature, 0));
	assert_eq!(test.cost(next(4, 0)), (Rejection::NoSuchAuthority, 0));
}

#[test]
fn a_validators_next_session_shares_its_quota() {
	let mut test = Test::new();
	for seat in 0..BALLOTS_PER_HEIGHT as u16 {
		assert_eq!(test.judge(ballot_with_seat(0, BEST, seat)), Ok(Relay::Now));
	}
	let next = signed(0, Ballot { authority_index: 1, ..ballot_of(0, SESSION + 1, BEST).ballot });
	assert_eq!(test.judge(next), Ok(Relay::Later));
}

#[test]
fn heights_out_of_reach_are_ignored_at_no_cost() {
	let mut test = Test::new();
	let oldest = BEST - BALLOT_LONGEVITY;
	for (at_block, verdict) in [
		(oldest - 1, Err(Rejection::TooOld)),
		(oldest, Ok(Relay::Now)),
		(BEST + 2, Ok(Relay::Now)),
		(BEST + 3, Err(Rejection::TooNew)),
		(u32::MAX, Err(Rejection::TooNew)),
	] {
		assert_eq!(test.judge(ballot(0, at_block)), verdict);
	}
	assert_eq!(test.reputation, 0);
}

#[test]
fn an_old_ballot_of_an_authority_that_is_unknown_here_is_too_old() {
	let mut test = Test::new();
	assert_eq!(test.cost(ballot(9, BEST - BALLOT_LONGEVITY - 1)), (Rejection::TooOld, 0));
}

#[test]
fn a_ballot_that_its_validator_did_not_sign_is_refused() {
	let mut test = Test::new();
	let much = Cost::Much.reputation();
	assert_eq!(test.cost(forged(SESSION, 0)), (Rejection::BadSignature, much));
	let mut changed = ballot(0, BEST);
	changed.ballot.at_block -= 1;
	assert_eq!(test.cost(changed), (Rejection::BadSignature, much));
	let mut unsigned = ballot(0, BEST);
	unsigned.signature = sp_core::ed25519::Signature::default().into();
	assert_eq!(test.cost(unsigned), (Rejection::BadSignature, much));
	assert_eq!(test.cost(ballot(3, BEST)), (Rejection::NoSuchAuthority, much));
	assert_eq!(test.cost(ballot(u32::MAX, BEST)), (Rejection::NoSuchAuthority, much));
	let mut other_chain = Judge::new(Hash::repeat_byte(9));
	other_chain.follow(BEST, vec![key_set(SESSION, 0..3)], None);
	let bytes = VersionedBallot::V1(ballot(0, BEST)).encode();
	let verdict = other_chain.judge(&1, &bytes, |_| News::Ballot);
	assert_eq!(verdict.map_err(|refusal| refusal.why), Err(Rejection::BadSignature));
}

#[test]
fn whoever_sends_forged_ballots_of_a_finalised_session_is_banned() {
	let mut test = Test::new();
	for seat in 0..60 {
		test.judge(forged(SESSION, seat)).expect_err("it is forged");
	}
	assert!(test.reputation < BANNED);
}

#[test]
fn two_sides_of_a_partition_do_not_ban_each_other_when_it_is_healed() {
	let mut test = Test::new();
	test.judge.finalised_session = Some(SESSION - 1);
	// The other side's pool: its sets of the last session are others.
	for seat in 0..1_000 {
		test.judge(forged(SESSION, seat)).expect_err("its set is another here");
		test.judge(ballot(5, BEST)).expect_err("its set is another here");
	}
	assert!(test.reputation < 0 && test.reputation > BANNED / 100, "{}", test.reputation);
	assert_eq!(test.judge(ballot(0, BEST)), Ok(Relay::Now), "it is still heard");
}

#[test]
fn forgeries_use_up_nobodys_quota() {
	let mut test = Test::new();
	for seat in 0..2 * BALLOTS_PER_HEIGHT as u16 {
		let mut forged = ballot(0, BEST);
		forged.ballot.commits[0].seat = seat + 1;
		assert_eq!(test.judge(forged), Err(Rejection::BadSignature));
	}
	assert_eq!(test.judge(ballot(0, BEST)), Ok(Relay::Now));
}

#[test]
fn outputs_must_be_named_by_the_ballots_reveals_and_come_once() {
	let mut test = Test::new();
	let (named, stray) = (output(1, 8), output(2, 8));
	let bare = revealing(std::slice::from_ref(&named), BEST);
	for outputs in [&[stray.clone()][..], &[named.clone(), stray], &[named.clone(), named.clone()]] {
		let (rejection, cost) = test.cost(with_outputs(&bare, outputs));
		assert_eq!((rejection, cost), (Rejection::StrayOutput, Cost::Much.reputation()));
	}
	assert_eq!(test.judge(bare.clone()), Ok(Relay::Now));
	assert_eq!(test.judge(with_outputs(&bare, &[named])), Ok(Relay::Later), "nobody knows yet if it is wanted");
	assert_eq!(test.judge(bare), Err(Rejection::Known));
}

#[test]
fn outputs_that_the_chain_lacks_are_passed_on_and_those_that_it_has_are_not_taken() {
	let mut test = Test::new();
	let outputs = [output(1, 8), output(2, 8)];
	let bare = revealing(&outputs, BEST);
	assert_eq!(test.judge(bare.clone()), Ok(Relay::Now));
	test.pool.answer(block(BEST), &[bare.id()], vec![wanting(BEST + 5, &outputs[1..])]);
	assert_eq!(test.judge(with_outputs(&bare, &outputs[..1])), Err(Rejection::Known));
	assert_eq!(test.judge(with_outputs(&bare, &outputs)), Ok(Relay::Now));
}

#[test]
fn outputs_that_a_stranger_adds_are_its_own_expense() {
	let mut test = Test::new();
	let outputs: Vec<_> = (0..60).map(|n| output(n, 8_000)).collect();
	let mut merges = 0;
	for ballot in 0..100 {
		let bare = revealing(&outputs, BEST);
		let bare = signed(0, Ballot { session: SESSION - ballot % 2, at_block: BEST - ballot / 2, ..bare.ballot });
		test.judge(bare.clone()).expect("it is good");
		test.pool.answer(block(BEST), &[bare.id()], vec![wanting(BEST + 5, &outputs)]);
		// The stranger stretches each ballot, output by output.
		for end in 1..=outputs.len() {
			merges += usize::from(test.judge_of(2, with_outputs(&bare, &outputs[..end])) == Ok(Relay::Now));
		}
		test.pool.remove(&bare.id());
	}
	assert!(merges < 400, "{merges} of 6000 whole ballots were passed on");
	assert!(test.judge_of(2, ballot(1, BEST)) == Err(Rejection::PeerOverBudget));
	assert_eq!(test.judge(ballot(1, BEST)), Ok(Relay::Now));
	test.follow(BEST + 1);
	for seat in 0..BALLOTS_PER_HEIGHT as u16 {
		assert_eq!(test.judge(ballot_with_seat(0, BEST, seat)), Ok(Relay::Now), "the signer's quota is whole");
		test.pool.remove(&ballot_with_seat(0, BEST, seat).id());
	}
}

#[test]
fn heights_and_sessions_do_not_widen_a_validators_quota() {
	let mut test = Test::new();
	let mut passed_on = 0;
	for at_block in BEST - BALLOT_LONGEVITY..=BEST + AHEAD {
		for session in [SESSION - 1, SESSION] {
			for seat in 0..4 {
				let ballot = Ballot { session, ..ballot_with_seat(0, at_block, seat).ballot };
				passed_on += u32::from(test.judge(signed(0, ballot)) == Ok(Relay::Now));
			}
		}
	}
	assert_eq!(passed_on, BALLOTS_PER_HEIGHT);
	assert_eq!(test.judge(ballot(1, BEST)), Ok(Relay::Now), "others have their own");
	test.follow(BEST + 1);
	assert_eq!(test.judge(ballot(0, BEST + 1)), Ok(Relay::Now));
	assert_eq!(test.judge.validators.len(), 1, "what was counted before is forgotten");
}

#[test]
fn a_validators_bytes_are_bounded() {
	let mut test = Test::new();
	let large: Vec<_> = (0..60).map(|n| output(n, 8 * 1024)).collect();
	let mut passed_on = 0;
	for n in 0..10 {
		let ballot = with_outputs(&revealing(&large, BEST - n), &large);
		if test.judge(ballot.clone()) == Ok(Relay::Now) {
			passed_on += VersionedBallot::V1(ballot).encoded_size();
		}
	}
	assert!(passed_on > BYTES_PER_HEIGHT / 2 && passed_on <= BYTES_PER_HEIGHT);
}

#[test]
fn what_an_honest_worker_says_in_a_gap_of_five_slots_is_passed_on_and_the_newest_is_kept_in_any_case() {
	let mut test = Test::new();
	let runs = 6 * 3_000 / 300;
	for seat in 0..runs {
		assert_eq!(test.judge(ballot_with_seat(0, BEST, seat)), Ok(Relay::Now));
	}
	for seat in runs..10 * runs {
		test.judge(ballot_with_seat(0, BEST, seat)).expect("it is good");
	}
	let newest = ballot_with_seat(0, BEST, 10 * runs - 1);
	assert!(test.pool.contains(&newest.id()));
	// It is passed on when there is a block again.
	test.follow(BEST + 1);
	let ids = test.pool.ids();
	test.pool.answer(block(BEST + 1), &ids, vec![wanted(BEST + 9); ids.len()]);
	assert_eq!(test.pool.take_due().iter().map(HashedBallot::id).collect::<Vec<_>>(), [newest.id()]);
}

#[test]
fn who_repeats_itself_is_not_read_any_more_and_loses_a_little_until_the_next_height() {
	let mut test = Test::new();
	let large: Vec<_> = (0..60).map(|n| output(n, 8 * 1024)).collect();
	let whole = with_outputs(&revealing(&large, BEST), &large);
	let bytes = VersionedBallot::V1(whole.clone()).encoded_size();
	assert_eq!(test.judge(whole.clone()), Ok(Relay::Now));
	let mut read = 0;
	for n in 0..1_000 {
		// Outputs in another order make other bytes.
		let mut shuffled = large.clone();
		shuffled.rotate_left(n % 60);
		read += usize::from(test.judge(with_outputs(&whole, &shuffled)) == Err(Rejection::Known));
	}
	assert!(read > 1 && (read - 1) * bytes <= PEER_BYTES, "{read}");
	assert_eq!(test.reputation, BLAMES as i32 * Cost::Little.reputation());
	assert_eq!(test.judge_of(2, ballot(1, BEST)), Ok(Relay::Now), "others are heard");
	test.follow(BEST + 1);
	assert_eq!(test.judge(ballot(2, BEST)), Ok(Relay::Now));
}

#[test]
fn a_node_that_syncs_bans_nobody_for_what_is_ahead_of_it() {
	let mut test = Test::new();
	let commits: Vec<_> = (0..256).map(commit).collect();
	let ahead = with_commits(1, BEST + 10_000, &commits);
	// More than what comes back with a height.
	let ballots = 2 * PEER_BYTES_PER_HEIGHT / VersionedBallot::V1(ahead.clone()).encoded_size();
	for height in 0..50 {
		test.follow(BEST + height);
		for _ in 0..ballots {
			assert!(test.judge(ahead.clone()).is_err());
		}
	}
	assert!(test.reputation < 0, "the peer has spent all");
	assert!(test.reputation > BANNED / 100, "{}", test.reputation);
}

#[test]
fn a_peer_whose_validators_are_over_their_quotas_is_not_banned() {
	let mut test = Test::new();
	for height in 0..50 {
		test.follow(BEST + height);
		for seat in 0..2_000 {
			// Whether it is taken or not.
			let _ = test.judge(ballot_with_seat(0, BEST + height, seat));
		}
	}
	assert!(test.reputation > BANNED / 10, "{}", test.reputation);
}

#[test]
fn what_a_peer_brings_over_its_validators_quotas_is_taken_only_while_it_can_pay() {
	let mut test = Test::new();
	let most = PEER_BYTES / CHECK + BALLOTS_PER_HEIGHT as usize;
	let taken = (0..=most as u16).take_while(|seat| test.judge(ballot_with_seat(0, BEST, *seat)).is_ok()).count();
	assert!((BALLOTS_PER_HEIGHT as usize..=most).contains(&taken), "{taken}");
}

#[test]
fn a_signature_that_was_checked_in_vain_costs_its_peer_more_than_the_bytes() {
	let mut test = Test::new();
	// In the next session this place is another's.
	let forged = ballot_of(0, SESSION + 1, BEST);
	let most = PEER_BYTES / CHECK;
	let is_checked = |_: &usize| test.judge(forged.clone()) == Err(Rejection::BadSignature);
	let checked = (0..=most).take_while(is_checked).count();
	assert!((1..=most).contains(&checked), "{checked}");
}

#[test]
fn metrics_have_a_refusals_name_in_small_letters() {
	assert_eq!(Rejection::BadSignature.name(), "bad_signature");
}

use crate::{mock::*, *};
use codec::{Decode, Encode};
use frame_support::{assert_noop, assert_ok, pallet_prelude::ProvideInherent, BoundedVec};
use sibyl_primitives::vote::MAX_VOTES;
use sp_inherents::InherentData;
use sp_runtime::DispatchError;

fn inherent_of(ballots: Vec<VersionedBallot>) -> Option<Vec<VersionedBallot>> {
	let mut data = InherentData::new();
	data.put_data(INHERENT_IDENTIFIER, &InherentVotes::V1(ballots)).expect("the votes encode");
	match Inference::create_inherent(&data)? {
		Call::include { ballots } => Some(ballots.into_inner()),
		call => panic!("not an inherent: {call:?}"),
	}
}

#[test]
fn neither_a_signed_account_nor_root_can_include_votes() {
	Chain::default().run(|| {
		for origin in [RuntimeOrigin::signed(requester()), RuntimeOrigin::root()] {
			assert_noop!(Inference::include(origin, Default::default()), DispatchError::BadOrigin);
		}
	});
}

#[test]
fn there_is_no_inherent_when_there_is_nothing_to_say() {
	Chain::default().run(|| {
		assert_eq!(Inference::create_inherent(&InherentData::new()), None);
		assert_eq!(inherent_of(vec![]), None);
		let id = drawn(all_seats());
		include([Votes::of(0).commit(id, &answer("eng")).sign()]);
		next_block();
		assert_eq!(inherent_of(vec![Votes::of(0).commit(id, &answer("eng")).sign()]), None);
	});
}

#[test]
fn inherent_data_of_an_unknown_version_is_left_out() {
	Chain::default().run(|| {
		let mut data = InherentData::new();
		data.put_data(INHERENT_IDENTIFIER, &vec![9u8; 40]).expect("bytes encode");
		assert_eq!(Inference::create_inherent(&data), None);
	});
}

#[test]
fn an_author_takes_the_most_urgent_jobs_first() {
	Chain::default().run(|| {
		let output = answer("eng");
		let first = drawn(all_seats());
		let second = drawn(all_seats());
		let ballots = vec![Votes::of(0).commit(second, &output).sign(), Votes::of(1).commit(first, &output).sign()];
		let chosen = inherent_of(ballots.clone()).expect("both are wanted");
		assert_eq!(chosen, [ballots[1].clone(), ballots[0].clone()]);
	});
}

#[test]
fn an_output_stands_in_a_block_once_however_many_seats_bring_it() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		let chosen = inherent_of((0..4).map(|number| Votes::of(number).reveal(id, &output).sign()).collect())
			.expect("all are wanted");
		let brought: usize = chosen.iter().map(|VersionedBallot::V1(signed)| signed.outputs.len()).sum();
		assert_eq!((chosen.len(), brought), (4, 1));
		include(chosen);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}

#[test]
fn a_second_include_in_a_block_fails_and_a_new_block_takes_one_again() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let again = || {
			let ballots = vec![Votes::of(1).commit(id, &output).sign()];
			Inference::include(RuntimeOrigin::none(), ballots.try_into().expect("one fits"))
		};
		assert_ok!(Inference::include(RuntimeOrigin::none(), Default::default()));
		assert_noop!(again(), Error::<Test>::IncludedAlready);
		next_block();
		assert_ok!(again());
		assert_eq!(committee(id).tally().committed, 1);
		assert_noop!(again(), Error::<Test>::IncludedAlready);
	});
}

#[test]
fn a_block_full_of_junk_stays_within_the_weight_that_include_may_have() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let target = target(id);
		// Properly signed, as full as ballots can be, and none of it true.
		let junk = (0..MAX_BALLOTS).map(|number| {
			Votes::of((number % 4) as u8)
				.change(|ballot| {
					let mut commit = sibyl_primitives::vote::Commit { target, seat: 0, commitment: Hash::zero() };
					for seat in 0..MAX_VOTES {
						commit.seat = 100 + seat as u16;
						commit.target.draw = Hash::repeat_byte(number as u8);
						ballot.commits.try_push(commit).expect("the ballot has room");
					}
				})
				.output(output.clone())
				.sign()
		});
		let weight = include(junk.collect::<Vec<_>>());
		assert!(weight.all_lte(MaxIncludeWeight::get()), "{weight:?}");
		assert_eq!(committee(id).tally().committed, 0);
		next_block();
	});
}

#[test]
fn more_work_than_a_block_has_room_for_is_left_to_the_next_one() {
	Chain::default().run(|| {
		let output = answer("eng");
		let jobs: Vec<_> = (0..MAX_OPEN_PER_ACCOUNT).map(|_| submit(all_seats())).collect();
		advance_to(2 + MAX_OPEN_PER_ACCOUNT.div_ceil(DUE_PER_BLOCK) + 1);
		let votes = |number: u8| jobs.iter().fold(Votes::of(number), |votes, id| votes.commit(*id, &output)).sign();
		let weight_of_job = <() as WeightInfo>::end(MAX_SEATS);
		let mut blocks = 0;
		while jobs.iter().any(|id| job(*id).phase == Phase::Committing) {
			let chosen = inherent_of((0..4).map(votes).collect()).expect("votes are wanted");
			assert!(include(chosen).all_lte(MaxIncludeWeight::get()));
			next_block();
			blocks += 1;
			assert!(blocks < 10, "the jobs get nowhere, {weight_of_job:?} each");
		}
	});
}

#[test]
fn an_older_ballot_that_says_nothing_more_than_a_newer_one_is_left_out() {
	Chain::default().run(|| {
		let output = answer("eng");
		let (first, second) = (submit(all_seats()), submit(all_seats()));
		next_block();
		next_block();
		let older = Votes::of(0).commit(first, &output).sign();
		let newer = Votes::of(0).commit(first, &output).commit(second, &output).sign();
		assert_eq!(inherent_of(vec![older, newer.clone()]), Some(vec![newer]));
	});
}

#[test]
fn an_output_that_an_author_left_out_is_taken_with_the_reveal_that_is_there_already() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		include((0..4).map(|number| Votes::of(number).reveal_without_output(id, &output).sign()));
		assert_eq!(verdict(id), None);
		next_block();
		let again = Votes::of(2).reveal(id, &output).sign();
		let chosen = inherent_of(vec![Votes::of(1).reveal_without_output(id, &output).sign(), again.clone()]);
		assert_eq!(chosen, Some(vec![again.clone()]));
		include([again]);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(committee(id).tally().revealed, 4);
	});
}

#[test]
fn a_ballot_over_its_bounds_does_not_decode() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let mut votes = Votes::of(0);
		for _ in 0..MAX_VOTES {
			votes = votes.commit(id, &answer("eng"));
		}
		let full = votes.sign();
		assert_eq!(VersionedBallot::decode(&mut &full.encode()[..]), Ok(full.clone()));
		let VersionedBallot::V1(signed) = full;
		let mut commits = signed.ballot.commits.to_vec();
		commits.push(commits[0]);
		let ballot = &signed.ballot;
		let head = (0u8, ballot.session, ballot.authority_index, ballot.at_block);
		let tail = (&ballot.abstentions, &ballot.reveals, &ballot.attestations, &signed.outputs, &signed.signature);
		let over = (head, commits, tail).encode();
		assert!(VersionedBallot::decode(&mut &over[..]).is_err());
		let ballots: Vec<u8> = (codec::Compact(MAX_BALLOTS + 1), vec![0u8; 100]).encode();
		assert!(BoundedVec::<VersionedBallot, frame_support::traits::ConstU32<MAX_BALLOTS>>::decode(&mut &ballots[..])
			.is_err());
	});
}

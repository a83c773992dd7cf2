use crate::{mock::*, *};
use codec::{Decode, Encode};
use frame_support::{assert_noop, assert_ok, pallet_prelude::ProvideInherent, weights::Weight, BoundedVec};
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
		let id = drawn(all_seats());
		let votes = InherentVotes::V1(vec![Votes::of(0).commit(id, &answer("eng")).sign()]).encode();
		// The version of the data, then the number of ballots, then that of the first ballot.
		let [mut newer, mut with_newer_ballot] = [votes.clone(), votes.clone()];
		newer[0] += 1;
		with_newer_ballot[2] += 1;
		let inherent = |bytes: Vec<u8>| {
			let mut data = InherentData::new();
			// As the node puts it, which encodes once.
			data.put_data(INHERENT_IDENTIFIER, &Encoded(bytes)).expect("bytes encode");
			Inference::create_inherent(&data)
		};
		assert!(inherent(votes).is_some());
		for unknown in [newer, with_newer_ballot, vec![9; 40]] {
			assert_eq!(inherent(unknown), None);
		}
	});
}

/// Bytes that are encoded already.
struct Encoded(Vec<u8>);

impl Encode for Encoded {
	fn encode(&self) -> Vec<u8> {
		self.0.clone()
	}
}

#[test]
fn a_ballot_of_an_unknown_version_makes_a_call_that_can_not_be_read() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let ballots = vec![Votes::of(0).commit(id, &answer("eng")).sign()];
		let mut call = Call::<Test>::include { ballots: ballots.try_into().expect("one fits") }.encode();
		assert!(Call::<Test>::decode(&mut &call[..]).is_ok());
		// The call, the number of ballots, the first one's version.
		call[2] += 1;
		assert!(Call::<Test>::decode(&mut &call[..]).is_err());
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

/// As full a ballot as can be, properly signed, for jobs that nobody has submitted.
fn junk(number: u8, of: u8) -> VersionedBallot {
	pad(Votes::of(number), of, MAX_VOTES as usize).sign()
}

/// Adds so many commits for jobs that nobody has submitted.
fn pad(votes: Votes, of: u8, count: usize) -> Votes {
	votes.change(|ballot| {
		let index = ballot.authority_index;
		for job in 0..count {
			let fingerprint = sp_io::hashing::blake2_256(&(index, of, job as u32).encode()).into();
			let target = sibyl_primitives::vote::VoteTarget { fingerprint, draw: Hash::zero(), round: 0 };
			let commit = sibyl_primitives::vote::Commit { target, seat: 0, commitment: Hash::zero() };
			ballot.commits.try_push(commit).expect("the ballot has room");
		}
	})
}

#[test]
fn what_include_weighs_ends_at_its_bound_and_the_rest_is_not_taken() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let honest = || (1..4).map(|number| Votes::of(number).commit(id, &output).sign());
		let with_junk = |count: u8| (0..count).map(|of| junk(0, of)).chain(honest()).collect::<Vec<_>>();
		let weight = include(with_junk(8));
		let limit = MaxIncludeWeight::get();
		assert!(weight.all_lte(limit) && weight.ref_time() > limit.ref_time() / 10 * 9, "{weight:?}");
		// Seven full ballots and two small ones fit.
		assert_eq!(committee(id).tally().committed, 2);
		next_block();
		include(with_junk(5));
		assert_eq!(committee(id).tally().committed, 3);
	});
}

#[test]
fn junk_of_one_validator_leaves_no_honest_vote_out_where_everybody_comes_in_turn() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let honest = (1..4).map(|number| Votes::of(number).commit(id, &output).sign());
		let ballots: Vec<_> = [junk(0, 0)].into_iter().chain(honest).chain((1..12).map(|of| junk(0, of))).collect();
		let chosen = inherent_of(ballots).expect("three are wanted");
		assert_eq!(chosen.len(), 3);
		include(chosen);
		assert_eq!(committee(id).tally().committed, 3);
	});
}

/// Twenty seats commit, of which these many fill their ballots with the padding and come first: how many commits a block of
/// an honest author has.
fn committed_beside(liars: u8, pad: impl Fn(Votes, JobId) -> Votes) -> (usize, usize) {
	let mut committed = (0, 0);
	Chain::default().validators(20).run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let other = drawn(all_seats());
		let padded = (0..liars).map(|number| pad(Votes::of(number).commit(id, &output), other).sign());
		let honest = (liars..20).map(|number| Votes::of(number).commit(id, &output).sign());
		let chosen = inherent_of(padded.chain(honest).collect()).expect("all are wanted");
		include(chosen);
		let has_committed = |number: &u8| {
			let seat = usize::from(seat_of(*number, id).expect("all sit"));
			committee(id).seats[seat].vote != SeatVote::Missing
		};
		committed = ((0..liars).filter(has_committed).count(), (liars..20).filter(has_committed).count());
	});
	committed
}

#[test]
fn ballots_that_are_padded_with_jobs_that_there_are_not_leave_no_honest_vote_out() {
	let invented = |votes, _| pad(votes, 0, MAX_VOTES as usize - 1);
	assert_eq!(committed_beside(3, invented), (3, 17));
	// A padded ballot costs a seventh of what there is.
	let (liars, honest) = committed_beside(8, invented);
	assert!(honest == 12 && liars < 8, "{liars} {honest}");
	let (liars, _) = committed_beside(20, invented);
	assert!((1..20).contains(&liars), "{liars}");
}

#[test]
fn ballots_padded_with_whatever_come_last_and_those_with_little_padding_in_their_turn() {
	use sibyl_primitives::{model::Availability, vote::Commit};
	Chain::default().run(|| {
		let output = answer("eng");
		let (id, other) = (drawn(all_seats()), drawn(all_seats()));
		let commit = || Votes::of(0).commit(id, &output);
		let with_commits = |more: &dyn Fn(&Commit) -> Commit, count: usize| {
			commit().change(|ballot| {
				let more = more(&ballot.commits[0]);
				(0..count).for_each(|_| ballot.commits.try_push(more).expect("the ballot has room"));
			})
		};
		let of_an_others_seat =
			|first: &Commit| Commit { target: target(other), seat: seat_of(1, other).expect("all sit"), ..*first };
		let of_models = |count: usize| {
			let withdrawn = |votes: Votes, model| votes.attest_of(Hash::repeat_byte(model), Availability::Withdrawn);
			(0..count as u8).fold(commit(), withdrawn)
		};
		let kinds: [&dyn Fn(usize) -> Votes; 4] = [
			&|count| pad(commit(), 0, count),
			&|count| with_commits(&of_an_others_seat, count),
			&|count| with_commits(&|first| *first, count),
			&of_models,
		];
		let plain = Votes::of(1).commit(id, &output).sign();
		for padded in kinds {
			let little = padded(selection::MAX_PADDING).sign();
			assert_eq!(inherent_of(vec![plain.clone(), little.clone()]), Some(vec![little, plain.clone()]));
			let much = padded(selection::MAX_PADDING + 1).sign();
			assert_eq!(inherent_of(vec![much.clone(), plain.clone()]), Some(vec![plain.clone(), much]));
		}
	});
}

#[test]
fn what_others_say_beside_their_first_ballots_comes_after_everybodys_first_whatever_it_is() {
	use sibyl_primitives::model::Availability;
	Chain::default().serving(3).run(|| {
		let output = answer("eng");
		let jobs = [drawn(all_seats()), drawn(all_seats())];
		let of_models = Votes::of(3).attest(Availability::Serves(PACE)).sign();
		let votes = jobs.map(|id| Votes::of(0).commit(id, &output).sign());
		let [first, second] = votes.clone();
		let offered = votes.into_iter().chain([of_models.clone()]).collect();
		assert_eq!(inherent_of(offered), Some(vec![first, of_models, second]));
	});
}

#[test]
fn a_vote_that_is_not_taken_reserves_no_jobs_end() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		let in_vain = Votes::of(0).reveal(id, &answer("fra")).sign();
		let taken = Votes::of(0).reveal(id, &output).sign();
		let member = Members::<Test>::get(0, 0).expect("it is there");
		let mut spending = include::Spending::new::<Test>();
		let mut cells = cells::Cells::<Test>::default();
		for (ballot, is_taken) in [(in_vain, false), (taken, true)] {
			let VersionedBallot::V1(signed) = ballot;
			Inference::take_ballot(&signed, &member, Inference::now(), &mut spending, &mut cells);
			let cells::Found::Cell(cell) = cells.find(&target(id)) else { panic!("the job is open") };
			assert_eq!(cell.is_end_paid, is_taken);
		}
	});
}

#[test]
fn what_an_author_looks_through_ends_at_what_a_block_may_weigh() {
	Chain::default().validators(20).run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let full = |number| pad(Votes::of(number).commit(id, &output), 0, MAX_VOTES as usize - 1).sign();
		let chosen = inherent_of((0..20).map(full).collect()).expect("they are wanted").len();
		// Each costs a seventh of it, and was looked at once before.
		assert_eq!(chosen, 6);
	});
}

#[test]
fn an_output_that_a_ballot_brings_once_is_paid_for_by_each_job_that_takes_it() {
	let weight = |brings_it: bool| {
		let mut weight = Weight::zero();
		Chain::default().run(|| {
			let output = answer("eng");
			let jobs: Vec<_> = (0..MAX_OPEN_PER_ACCOUNT).map(|_| submit(all_seats())).collect();
			advance_to(2 + MAX_OPEN_PER_ACCOUNT.div_ceil(DUE_PER_BLOCK));
			let all = |number: u8| jobs.iter().fold(Votes::of(number), |votes, id| votes.commit(*id, &output));
			include((0..4).map(|number| all(number).sign()));
			next_block();
			let reveals = jobs.iter().fold(Votes::of(0), |votes, id| votes.reveal_without_output(*id, &output));
			weight = include([if brings_it { reveals.output(output.clone()) } else { reveals }.sign()]);
			assert_eq!(
				jobs.iter().filter(|id| Outputs::<Test>::contains_key(id)).count(),
				jobs.len() * usize::from(brings_it)
			);
		});
		weight
	};
	let of_outputs = <() as WeightInfo>::output(0).saturating_mul(MAX_OPEN_PER_ACCOUNT.into());
	assert_eq!(weight(true), weight(false).saturating_add(of_outputs));
}

#[test]
fn everybodys_most_urgent_ballot_comes_before_anybodys_second() {
	Chain::default().run(|| {
		let output = answer("eng");
		let jobs = [drawn(all_seats()), drawn(all_seats()), drawn(all_seats())];
		let many: Vec<_> = jobs.iter().map(|id| Votes::of(0).commit(*id, &output).sign()).collect();
		let one = Votes::of(1).commit(jobs[2], &output).sign();
		let chosen = inherent_of(many.iter().cloned().chain([one.clone()]).collect()).expect("all are wanted");
		assert_eq!(chosen, [many[0].clone(), one, many[1].clone(), many[2].clone()]);
	});
}

#[test]
fn attestations_alone_never_come_before_votes() {
	use sibyl_primitives::model::Availability;
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let said = Votes::of(0).attest(Availability::Withdrawn).sign();
		let vote = Votes::of(0).commit(id, &output).made_at(1).sign();
		assert_eq!(inherent_of(vec![said.clone(), vote.clone()]), Some(vec![vote, said]));
	});
}

#[test]
fn a_newer_ballot_of_a_block_to_come_does_not_hide_an_older_one_that_is_valid() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let now = System::block_number() as u32;
		let valid = Votes::of(0).commit(id, &output).sign();
		let future = Votes::of(0).commit(id, &output).made_at(now + 1).sign();
		for ballots in [vec![valid.clone(), future.clone()], vec![future, valid.clone()]] {
			assert_eq!(inherent_of(ballots), Some(vec![valid.clone()]));
		}
	});
}

#[test]
fn the_winners_bytes_are_kept_though_the_liars_came_first_and_an_author_left_repeats_out() {
	for labels in [["eng", "fra"], ["fra", "eng"]] {
		the_winners_bytes_are_kept(labels.map(answer));
	}
}

fn the_winners_bytes_are_kept([truth, lie]: [OutputBytes; 2]) {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let said = |number: u8| if number == 3 { &lie } else { &truth };
		include((0..4).map(|number| Votes::of(number).commit(id, said(number)).sign()));
		next_block();
		next_block();
		// The liar's is the newest, so it comes first; the honest ones bring their bytes once between them.
		let reveals = [3, 0, 1, 2].map(|number| {
			let made_at = if number == 3 { 4 } else { 3 };
			Votes::of(number).reveal(id, said(number)).made_at(made_at).sign()
		});
		let chosen = inherent_of(reveals.to_vec()).expect("all are wanted");
		let brought = |VersionedBallot::V1(signed): &VersionedBallot| signed.outputs.len();
		assert_eq!(chosen.iter().map(brought).collect::<Vec<_>>(), [1, 1, 0, 0]);
		assert_eq!(chosen[0], reveals[0]);
		include(chosen);
		assert_eq!((verdict(id), Outputs::<Test>::get(id)), (Some(Verdict::Agreed), Some(truth)));
	});
}

#[test]
fn outputs_of_a_block_end_at_its_room_for_bytes() {
	Chain::default().run(|| {
		// 8,000 bytes each, of which 131 fit into a mebibyte; the reveals go in all the same.
		let output = |job: u8| -> OutputBytes { vec![job; 8_000].try_into().expect("it fits") };
		let payer = |number| if number < MAX_OPEN_PER_ACCOUNT { requester() } else { account(201) };
		let jobs: Vec<_> = (0..MAX_OPEN).map(|number| submit_by(payer(number), all_seats())).collect();
		advance_to(2 + MAX_OPEN.div_ceil(DUE_PER_BLOCK));
		let all = |number: u8, cast: fn(Votes, JobId, &OutputBytes) -> Votes| {
			jobs.iter()
				.zip(0..)
				.fold(Votes::of(number), |votes, (id, job)| cast(votes, *id, &output(job + 40 * number)))
		};
		include((0..4).map(|number| all(number, |votes, id, output| votes.commit(id, output)).sign()));
		next_block();
		let reveals: Vec<_> =
			(0..4).map(|number| all(number, |votes, id, output| votes.reveal(id, output)).sign()).collect();
		let chosen = inherent_of(reveals).expect("they are wanted");
		let brought: usize = chosen.iter().map(|VersionedBallot::V1(signed)| signed.outputs.len()).sum();
		assert_eq!((chosen.len(), jobs.len() * 4, brought), (4, 160, 131));
	});
}

#[test]
fn a_block_that_ends_a_job_weighs_the_end_of_all_of_its_seats() {
	Chain::default().run(|| {
		type Weights = <Test as Config>::WeightInfo;
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		let ballots = |numbers: core::ops::Range<u8>| -> Vec<_> {
			numbers.map(|number| Votes::of(number).reveal_without_output(id, &output).sign()).collect()
		};
		let one = include(ballots(0..1));
		let ballot = Weights::ballot(1).saturating_add(Weights::vote(1));
		let of_one = Weights::include().saturating_add(ballot).saturating_add(Weights::job());
		assert_eq!(one, of_one);
		next_block();
		include([Votes::of(1).reveal(id, &output).sign()]);
		let last = include(ballots(2..4));
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		let end = Weights::end(4).saturating_add(Weights::ledger().saturating_mul(4));
		assert_eq!(last, of_one.saturating_add(ballot).saturating_add(end));
	});
}

#[test]
fn the_votes_of_a_block_are_an_inherent_and_nothing_else_is() {
	let include = Call::<Test>::include { ballots: Default::default() };
	let cancel = Call::<Test>::cancel { job: 0 };
	assert!(Inference::is_inherent(&include) && !Inference::is_inherent(&cancel));
	Chain::default().run(|| {
		assert_ok!(Inference::check_unsigned(&include));
		assert!(Inference::check_unsigned(&cancel).is_err());
	});
}

#[test]
fn what_is_declared_before_anything_is_done_has_room_for_the_most_that_may_be_done() {
	type Weights = <Test as Config>::WeightInfo;
	Chain::default().run(|| {
		let seats = MAX_SEATS + sibyl_primitives::job::MAX_SECOND_ROUND_SEATS;
		let end = Inference::weight_of_largest_end();
		assert_eq!(end, Weights::end(seats).saturating_add(Weights::charge().saturating_mul(seats.into())));
		let ledgers =
			Weights::ledger().saturating_mul(<<Test as Config>::MaxValidators as sp_core::Get<u32>>::get().into());
		let least = Weights::include().saturating_add(end).saturating_add(ledgers);
		assert!(Inference::weight_of_smallest_include().ref_time() > least.ref_time());
		let looks = Weights::pass_over().saturating_mul(MAX_OPEN.into());
		assert!(Inference::weight_of_reclaim().all_gte(Weights::cancel().saturating_add(looks)));
		assert_eq!(<Inference as sibyl_primitives::consumer::Inference>::weight_of_request(9), Weights::request(9));
	});
}

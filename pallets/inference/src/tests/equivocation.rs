//! Two commits of one seat, and who may say so.

#![allow(deprecated)]

use crate::{mock::*, *};
use frame_support::{assert_noop, dispatch::Pays};
use sibyl_primitives::vote::SignedBallot;
use sp_runtime::{
	traits::ValidateUnsigned,
	transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
	DispatchError,
};

fn signed(votes: Votes) -> Box<SignedBallot> {
	let VersionedBallot::V1(signed) = votes.sign();
	Box::new(signed)
}

/// Two commits of validator 0's seat.
fn two_commits(id: JobId) -> [Box<SignedBallot>; 2] {
	["eng", "fra"].map(|label| signed(Votes::of(0).commit(id, &answer(label))))
}

fn report([first, second]: [Box<SignedBallot>; 2]) -> frame_support::dispatch::DispatchResultWithPostInfo {
	Inference::report_equivocation(RuntimeOrigin::signed(account(201)), first, second)
}

#[test]
fn two_commits_of_a_seat_are_an_offence_that_pays_the_reporter_and_costs_it_no_fee() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let reported = report(two_commits(id)).expect("the report is right");
		assert_eq!(reported.pays_fee, Pays::No);
		let [Offence::Equivocated { reporter, validator, session, .. }] = &offences()[..] else {
			panic!("no offence: {:?}", offences());
		};
		assert_eq!((reporter, validator, *session), (&Some(account(201)), &account(0), 0));
		let (fingerprint, seat) = (job(id).fingerprint, seat_of(0, id).expect("it has a seat"));
		assert!(has_event(Event::Equivocated { validator: account(0), fingerprint, round: 0, seat }));
	});
}

#[test]
fn an_equivocation_is_reported_once_whatever_ballots_prove_it() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let [first, second] = two_commits(id);
		assert!(report([first.clone(), second.clone()]).is_ok());
		let third = signed(Votes::of(0).commit(id, &answer("deu")));
		for again in [[first.clone(), second.clone()], [second, first.clone()], [first, third]] {
			assert_noop!(report(again), Error::<Test>::EquivocationKnown);
		}
		// Another seat's is another.
		let other = drawn(all_seats());
		assert!(report(two_commits(other)).is_ok());
		assert_eq!(offences().len(), 2);
	});
}

#[test]
fn what_proves_no_equivocation_is_refused() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let output = answer("eng");
		let commit = || Votes::of(0).commit(id, &output);
		let other = || Votes::of(0).commit(id, &answer("fra"));
		let cases = [
			("one commit twice", commit(), commit().made_at(1)),
			("another's commit", commit(), Votes::of(1).commit(id, &answer("fra"))),
			("a forged signature", commit(), other().signed_by(1)),
			("two forged signatures", commit().signed_by(1), other().signed_by(1)),
			("another seat", commit(), other().change(|ballot| ballot.commits[0].seat ^= 1)),
			("another draw, as of another fork", commit(), other().change(|ballot| ballot.commits[0].target.draw = Hash::zero())),
			("another round", commit(), other().change(|ballot| ballot.commits[0].target.round = 1)),
			("another job", commit(), other().change(|ballot| ballot.commits[0].target.fingerprint = Hash::zero())),
			("another session", commit(), other().session(1)),
			("an unknown session", commit().session(9), other().session(9)),
			("an abstention", commit(), Votes::of(0).abstain(id)),
			("nothing", Votes::of(0), Votes::of(0)),
		];
		for (what, first, second) in cases {
			let ballots = [signed(first), signed(second)];
			assert_noop!(report(ballots), Error::<Test>::NotAnEquivocation);
			assert!(offences().is_empty(), "{what}");
		}
	});
}

#[test]
fn an_equivocation_can_be_reported_as_long_as_its_sessions_keys_are_known() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let ballots = two_commits(id);
		let members: Vec<_> = (0..4).map(|number| (number, number)).collect();
		for session in 1..=KEY_SET_HISTORY {
			begin_session(session, &members);
		}
		assert!(report(ballots).is_ok());
		let ballots = two_commits(drawn(all_seats()));
		for session in KEY_SET_HISTORY + 1..=2 * KEY_SET_HISTORY + 1 {
			begin_session(session, &members);
		}
		assert_noop!(report(ballots), Error::<Test>::NotAnEquivocation);
	});
}

#[test]
fn a_node_reports_without_a_signature_from_its_own_pool_and_in_blocks_only() {
	Chain::default().run(|| {
		let [first, second] = two_commits(drawn(all_seats()));
		let call = Call::report_equivocation_unsigned { first: first.clone(), second: second.clone() };
		let refused = |error: InvalidTransaction| Err::<(), _>(TransactionValidityError::Invalid(error));
		let validate = |source, call: &Call<Test>| Inference::validate_unsigned(source, call).map(|_| ());
		assert_eq!(validate(TransactionSource::External, &call), refused(InvalidTransaction::Call));
		assert_eq!(validate(TransactionSource::InBlock, &call), Ok(()));
		let valid = Inference::validate_unsigned(TransactionSource::Local, &call).expect("the proof is right");
		assert!(!valid.propagate && valid.provides.len() == 1);
		assert_eq!(Inference::pre_dispatch(&call), Ok(()));

		let bad = Call::report_equivocation_unsigned { first: first.clone(), second: first.clone() };
		assert_eq!(validate(TransactionSource::Local, &bad), refused(InvalidTransaction::BadProof));
		assert_eq!(Inference::pre_dispatch(&bad), refused(InvalidTransaction::BadProof));
		let other = Call::unbond_service { amount: 1 };
		assert_eq!(validate(TransactionSource::Local, &other), refused(InvalidTransaction::Call));

		let unsigned = |origin| Inference::report_equivocation_unsigned(origin, first.clone(), second.clone());
		assert_noop!(unsigned(RuntimeOrigin::signed(account(201))), DispatchError::BadOrigin);
		assert_eq!(unsigned(RuntimeOrigin::none()), Ok(()));
		assert!(matches!(&offences()[..], [Offence::Equivocated { reporter: None, .. }]));
		assert_eq!(validate(TransactionSource::Local, &call), refused(InvalidTransaction::Stale));
		assert_noop!(
			Inference::report_equivocation(RuntimeOrigin::none(), first.clone(), second.clone()),
			DispatchError::BadOrigin
		);
	});
}

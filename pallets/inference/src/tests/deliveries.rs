//! Pallets that ask, and how they hear.

use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok, traits::Hooks};
use sibyl_primitives::{
	consumer::{Asker, ConsumerId, Inference as Asks},
	job::Refusal,
};
use sp_runtime::DispatchError;

fn cancel(id: JobId) {
	assert_ok!(Inference::cancel(RuntimeOrigin::root(), id));
}

fn redeliver(id: JobId) -> frame_support::dispatch::DispatchResult {
	Inference::redeliver(RuntimeOrigin::signed(account(202)), id)
}

/// Lets the job be answered so by all four validators.
fn answered(id: JobId, output: &OutputBytes) {
	next_block();
	next_block();
	commit_by(0..4, id, output);
	next_block();
	reveal_by(0..4, id, output);
}

#[test]
fn an_answer_is_delivered_in_the_block_after_the_jobs_end_and_once() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = requested(WILLING, 77);
		assert_eq!(job(id).requester, requester());
		answered(id, &output);
		assert_eq!((verdict(id), heard(WILLING, id)), (Some(Verdict::Agreed), None));
		assert!(<Inference as Asks>::is_awaited(id));
		next_block();
		let said = Inference::output(id);
		assert!(matches!(said, Some(Output::Answer(_))));
		assert_eq!(heard(WILLING, id), Some((77, Verdict::Agreed, said, 0)));
		assert!(has_event(Event::ResultDelivered { job: id, consumer: WILLING }));
		assert!(!<Inference as Asks>::is_awaited(id));
		assert_noop!(redeliver(id), Error::<Test>::NotUndelivered);
		assert!(!Requests::<Test>::contains_key(id) && !Deliveries::<Test>::contains_key(0));
	});
}

#[test]
fn every_end_is_delivered_with_its_verdict_and_what_came_back() {
	Chain::default().run(|| {
		let refused = requested(WILLING, 1);
		answered(refused, &refusal());
		let cancelled = requested(WILLING, 2);
		let expired = requested(WILLING, 3);
		cancel(cancelled);
		let total = job(expired).quote.total;
		advance_to(job(expired).ends_by);
		let (reference, verdict, said, refunded) = heard(WILLING, refused).expect("it is delivered");
		assert_eq!((reference, verdict), (1, Verdict::Failed(Refusal::ContextExceeded)));
		assert_eq!(said, Some(Output::Refusal(Refusal::ContextExceeded)));
		assert!(refunded > 0);
		assert_eq!(heard(WILLING, cancelled), Some((2, Verdict::Cancelled, None, total)));
		assert_eq!(heard(WILLING, expired), Some((3, Verdict::Expired, None, total)));
	});
}

#[test]
fn what_a_failing_consumer_did_is_undone_and_no_other_is_held_up() {
	Chain::default().run(|| {
		let ids = [requested(WILLING, 1), requested(STUBBORN, 2), requested(WILLING, 3)];
		ids.into_iter().for_each(cancel);
		next_block();
		assert_eq!(heard(STUBBORN, ids[1]), None, "it wrote before it failed");
		assert!(heard(WILLING, ids[0]).is_some() && heard(WILLING, ids[2]).is_some());
		assert!(has_event(Event::DeliveryFailed { job: ids[1], consumer: STUBBORN, error: REFUSED }));
		assert_eq!(verdict(ids[1]), Some(Verdict::Cancelled), "the result stays");
		assert!(!<Inference as Asks>::is_awaited(ids[1]));
	});
}

#[test]
fn anyone_has_a_failed_delivery_made_again_while_the_job_is_kept() {
	Chain::default().run(|| {
		let id = requested(STUBBORN, 5);
		cancel(id);
		assert_noop!(redeliver(id), Error::<Test>::NotUndelivered);
		next_block();
		assert_noop!(redeliver(id), REFUSED);
		be_stubborn(false);
		assert_ok!(redeliver(id));
		assert_eq!(heard(STUBBORN, id).map(|(reference, ..)| reference), Some(5));
		assert_noop!(redeliver(id), Error::<Test>::NotUndelivered);

		be_stubborn(true);
		let late = requested(STUBBORN, 6);
		cancel(late);
		advance_to(System::block_number() as u32 + RETENTION + 1);
		be_stubborn(false);
		assert_noop!(redeliver(late), Error::<Test>::NotUndelivered);
		assert!(!Requests::<Test>::contains_key(late));
	});
}

#[test]
fn nobody_is_told_of_a_job_that_no_pallet_asked_for() {
	Chain::default().run(|| {
		let id = submit(all_seats());
		cancel(id);
		next_block();
		assert_eq!(DeliveryRange::<Test>::get(), (0, 0));
		assert_noop!(redeliver(id), Error::<Test>::NotUndelivered);
		assert_noop!(redeliver(99), Error::<Test>::NotUndelivered);
	});
}

#[test]
fn more_results_than_a_block_has_weight_for_wait_in_their_order() {
	Chain::default().run(|| {
		let ids: Vec<_> = (0..2 * DELIVERIES as u64 + 1).map(|number| requested(WILLING, number)).collect();
		for id in ids.iter().rev() {
			cancel(*id);
		}
		let delivered = || ids.iter().rev().take_while(|id| heard(WILLING, **id).is_some()).count();
		for expected in [DELIVERIES, 2 * DELIVERIES, ids.len()] {
			next_block();
			assert_eq!(delivered(), expected);
			assert_eq!(ids.iter().filter(|id| heard(WILLING, **id).is_some()).count(), expected);
		}
	});
}

#[test]
fn what_deliveries_weigh_is_the_blocks_and_at_most_their_share() {
	Chain::default().run(|| {
		let empty = Inference::on_initialize(1);
		for number in 0..2 * DELIVERIES as u64 {
			cancel(requested(WILLING, number));
		}
		let full = Inference::on_initialize(1).saturating_sub(empty);
		assert_eq!(full.ref_time(), MaxDeliveryWeight::get().ref_time());
	});
}

#[test]
fn a_consumer_that_takes_a_whole_block_has_one_to_itself() {
	Chain::default().run(|| {
		let ids = [WILLING, HEAVY, HEAVY, WILLING].map(|consumer| (consumer, requested(consumer, 0)));
		ids.iter().for_each(|(_, id)| cancel(*id));
		for delivered in 1..=4 {
			next_block();
			assert_eq!(ids.iter().filter(|(consumer, id)| heard(*consumer, *id).is_some()).count(), delivered);
		}
	});
}

#[test]
fn each_consumer_has_its_places_and_a_result_that_is_over_leaves_one() {
	Chain::default().run(|| {
		let full = |consumer: ConsumerId| {
			assert_noop!(request_by(consumer, 0), Error::<Test>::TooManyRequests);
		};
		let ids: Vec<_> = (0..MAX_REQUESTS).map(|_| requested(STUBBORN, 0)).collect();
		full(STUBBORN);
		let other = requested(WILLING, 0);
		cancel(ids[0]);
		full(STUBBORN);
		next_block();
		assert_eq!(Requests::<Test>::get(ids[0]).map(|request| request.stage), Some(Stage::Failed));
		requested(STUBBORN, 1);
		full(STUBBORN);
		cancel(other);
		next_block();
		assert_eq!(Awaited::<Test>::iter().collect::<Vec<_>>(), [(STUBBORN, MAX_REQUESTS)]);
	});
}

#[test]
fn a_consumer_may_ask_again_as_it_hears_even_with_all_its_places_taken() {
	Chain::default().run(|| {
		let ids: Vec<_> = (0..MAX_REQUESTS).map(|_| requested(CURIOUS, 0)).collect();
		cancel(ids[3]);
		next_block();
		assert_eq!(heard(CURIOUS, ids[3]).map(|(reference, ..)| reference), Some(0));
		let newest = NextJob::<Test>::get() - 1;
		let asker = Asker { consumer: CURIOUS, reference: 1 };
		assert_eq!(Requests::<Test>::get(newest), Some(Request { asker, stage: Stage::Open }));
	});
}

#[test]
fn a_request_that_is_refused_leaves_nothing() {
	Chain::default().run(|| {
		let asker = Asker { consumer: WILLING, reference: 0 };
		let ask = |payer: AccountId, input: &str, max_fee| {
			<Inference as Asks>::request(asker, &payer, model().id(), input.into(), all_seats(), max_fee)
		};
		assert_noop!(ask(requester(), "hello", 1), Error::<Test>::FeeAboveLimit);
		assert_noop!(ask(requester(), "", Balance::MAX), Error::<Test>::InputEmpty);
		assert_noop!(ask(account(250), "hello", Balance::MAX), Error::<Test>::BalanceTooLow);
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model().id()));
		let price = <Inference as Asks>::quote(model().id(), &"hello".into(), &all_seats());
		assert_eq!(price, Err(DispatchError::from(Error::<Test>::ModelSuspended)));
		assert_noop!(ask(requester(), "hello", Balance::MAX), Error::<Test>::ModelSuspended);
	});
}

#[test]
fn a_quote_is_what_a_request_then_costs() {
	Chain::default().run(|| {
		let quote = <Inference as Asks>::quote(model().id(), &"hello".into(), &all_seats());
		let asked = request_by(WILLING, 0).expect("it is taken");
		assert_eq!(quote, Ok(asked.quote));
		assert_eq!((job(asked.job).fingerprint, held()), (asked.fingerprint, asked.quote.total));
	});
}

#[test]
fn a_job_that_root_gives_back_leaves_its_place() {
	Chain::default().run(|| {
		let id = requested(WILLING, 0);
		let total = job(id).quote.total;
		let fingerprint = job(id).fingerprint;
		frame_support::storage::unhashed::put_raw(&Jobs::<Test>::hashed_key_for(id), &[1]);
		assert_ok!(Inference::reclaim(RuntimeOrigin::root(), id, requester(), model().id(), total));
		assert!(!<Inference as Asks>::is_awaited(id));
		assert_eq!(Awaited::<Test>::iter().count(), 0);
		JobIds::<Test>::remove(fingerprint);
	});
}

#[test]
fn the_pallet_of_the_docs_hides_what_enough_validators_call_spam_and_nothing_else() {
	use crate::mock::moderation::Shown;
	let post = |label: Option<&str>| {
		let mut shown = None;
		Chain::default().run(|| {
			let id = NextJob::<Test>::get();
			let author = RuntimeOrigin::signed(requester());
			assert_ok!(Moderation::post(author, 9, b"Buy!".to_vec(), Balance::MAX));
			match label {
				Some(label) => answered(id, &answer(label)),
				None => cancel(id),
			}
			assert_eq!(Shown::<Test>::get(9), None);
			next_block();
			shown = Shown::<Test>::get(9);
		});
		shown
	};
	assert_eq!([Some("spam"), Some("ham"), None].map(post), [Some(false), Some(true), Some(true)]);
}

#[test]
fn a_queue_that_is_not_of_the_results_that_wait_is_noticed() {
	let noticed = |broken: fn(JobId)| {
		Chain::default().build().execute_with(|| {
			let id = requested(WILLING, 0);
			cancel(id);
			assert_ok!(Inference::check_invariants());
			broken(id);
			assert!(Inference::check_invariants().is_err_and(|error| error.starts_with("inference 13")));
		});
	};
	noticed(Requests::<Test>::remove);
	noticed(|_| Deliveries::<Test>::remove(0));
	noticed(|_| DeliveryRange::<Test>::put((0, 0)));
	noticed(|_| Awaited::<Test>::remove(WILLING));
	noticed(|id| Requests::<Test>::mutate(id, |request| request.iter_mut().for_each(|it| it.stage = Stage::Open)));
	noticed(|_| {
		let asker = Asker { consumer: WILLING, reference: 0 };
		Requests::<Test>::insert(99, Request { asker, stage: Stage::Open });
	});
}

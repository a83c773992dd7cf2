//! Each invariant is broken once, and noticed.

use crate::{mock::*, *};
use frame_support::assert_ok;

/// Whether a state that is broken so is said to break that invariant.
fn noticed(number: u32, broken: fn(FeedId)) {
	network().execute_with(|| {
		let id = feed(2);
		answer(job_of(id), "eng");
		assert_ok!(FeedsPallet::check_invariants());
		broken(id);
		let error = FeedsPallet::check_invariants().expect_err("it is broken");
		assert!(error.starts_with(&format!("feeds {number}:")), "{error}");
	});
}

fn change(id: FeedId, change: fn(&mut Feed)) {
	Feeds::<Test>::mutate(id, |feed| feed.iter_mut().for_each(change));
}

#[test]
fn money_that_is_not_held_is_noticed() {
	noticed(1, |id| change(id, |feed| feed.funds += 1));
	noticed(1, |id| change(id, |feed| feed.deposit -= 1));
}

#[test]
fn an_agenda_that_is_not_of_the_feeds_is_noticed() {
	noticed(2, |_| Agenda::<Test>::remove(1 + INTERVAL));
	noticed(2, |id| change(id, |feed| feed.next_at += 1));
	noticed(2, |id| Agenda::<Test>::mutate(1 + INTERVAL, |entries| entries.try_push(id).expect("there is room")));
	noticed(2, |_| Agenda::<Test>::mutate(7, |entries| entries.try_push(99).expect("there is room")));
	noticed(2, |_| AgendaFront::<Test>::put(2 + INTERVAL));
	noticed(2, |_| Agenda::<Test>::insert(8, frame_support::BoundedVec::default()));
}

#[test]
fn counts_that_are_wrong_are_noticed() {
	noticed(3, |_| Owners::<Test>::insert(owner(), 2));
	noticed(3, |_| Owners::<Test>::insert(other(), 1));
}

#[test]
fn questions_and_answers_without_feeds_are_noticed() {
	noticed(4, Questions::<Test>::remove::<FeedId>);
	noticed(4, |id| {
		let latest = Answers::<Test>::get(id).expect("there is an answer");
		Answers::<Test>::insert(99, latest);
	});
}

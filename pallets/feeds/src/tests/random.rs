//! Random histories: owners create, top up, close and spend; rounds are refused, answered, fail, are lost and come late. Every
//! block checks every invariant, and that no money comes or goes.

use crate::{mock::*, *};
use frame_support::{
	assert_ok,
	traits::{fungible::Mutate, tokens::Preservation},
};
use sibyl_primitives::consumer::Ended;
use sp_runtime::DispatchError;

const HISTORIES: u64 = 40;
const BLOCKS: u32 = 150;

/// Numbers from a seed.
struct Dice {
	seed: u64,
	rolls: u64,
}

impl Dice {
	fn roll(&mut self, sides: u64) -> u64 {
		self.rolls += 1;
		let digest = sp_io::hashing::twox_64(&codec::Encode::encode(&(self.seed, self.rolls)));
		u64::from_le_bytes(digest) % sides
	}

	fn one_in(&mut self, sides: u64) -> bool {
		self.roll(sides) == 0
	}

	fn owner(&mut self) -> AccountId {
		account(1 + self.roll(3) as u8)
	}

	fn feed(&mut self) -> FeedId {
		self.roll(u64::from(NextFeed::<Test>::get()) + 1) as FeedId
	}
}

/// What histories have seen, so that a test of histories that do nothing fails.
#[derive(Debug, Default)]
struct Seen {
	created: u32,
	asked: u32,
	skipped: u32,
	answered: u32,
	failed: u32,
	closed: u32,
	out_of_funds: u32,
	late: u32,
}

fn act(dice: &mut Dice) {
	let owner = dice.owner();
	// Each may be refused.
	let _done = match dice.roll(12) {
		0..4 => create_by(owner, 2 + dice.roll(8) as u32, MAX_FEE, MAX_FEE + u128::from(dice.roll(30_000))),
		4 => FeedsPallet::close(RuntimeOrigin::signed(owner), dice.feed()),
		5 => FeedsPallet::top_up(RuntimeOrigin::signed(owner), dice.feed(), dice.roll(10_000).into()),
		6 => Balances::transfer(&owner, &account(1), dice.roll(400_000).into(), Preservation::Preserve).map(|_| ()),
		7 => {
			offer(match dice.roll(4) {
				0 => Err(DispatchError::Unavailable),
				1 => Ok(MAX_FEE + 1),
				_ => Ok(1 + u128::from(dice.roll(6_000))),
			});
			Ok(())
		}
		_ => Ok(()),
	};
}

fn end_some(dice: &mut Dice, lost: &mut Vec<Ended>, seen: &mut Seen) {
	for job in open_jobs() {
		if !dice.one_in(4) {
			continue;
		}
		let refunded = if dice.one_in(2) { u128::from(dice.roll(u64::MAX)) % (price_of(job) + 1) } else { 0 };
		let ended = match dice.roll(4) {
			0 => end_job(job, Verdict::Expired, None, refunded),
			1 => end_job(job, refusal().0, Some(refusal().1), refunded),
			_ => end_job(job, Verdict::Agreed, Some(said("eng")), refunded),
		};
		if dice.one_in(6) {
			lost.push(ended);
		} else {
			assert_ok!(FeedsPallet::on_result(ended));
		}
	}
	if !lost.is_empty() && dice.one_in(4) {
		seen.late += 1;
		assert_ok!(FeedsPallet::on_result(lost.swap_remove(0)));
	}
}

fn history(seed: u64, seen: &mut Seen) {
	let mut dice = Dice { seed, rolls: 0 };
	chain(|| {
		let mut lost = Vec::new();
		for _ in 0..BLOCKS {
			act(&mut dice);
			end_some(&mut dice, &mut lost, seen);
			let weight = next_block();
			assert!(MaxRoundsWeight::get().all_gte(weight), "seed {seed}: {weight:?}");
		}
		// Nobody does anything any more: everything ends by itself.
		let last = now() + 1_000;
		while Feeds::<Test>::count() > 0 {
			assert!(now() < last, "seed {seed}: a feed goes on for ever");
			next_block();
			open_jobs().into_iter().for_each(|job| answer(job, "eng"));
		}
		assert_eq!(Agenda::<Test>::iter().count() + Owners::<Test>::iter().count(), 0, "seed {seed}");
		assert!([1, 2, 3].map(account).iter().all(|owner| held(owner) == 0), "seed {seed}");
		for event in events() {
			match event {
				Event::FeedCreated { .. } => seen.created += 1,
				Event::RoundAsked { .. } => seen.asked += 1,
				Event::RoundSkipped { .. } => seen.skipped += 1,
				Event::Answered { .. } => seen.answered += 1,
				Event::RoundFailed { .. } => seen.failed += 1,
				Event::FeedEnded { reason: EndReason::Closed, .. } => seen.closed += 1,
				Event::FeedEnded { reason: EndReason::OutOfFunds, .. } => seen.out_of_funds += 1,
				Event::ToppedUp { .. } => {}
			}
		}
	});
}

#[test]
fn whatever_owners_and_rounds_do_all_money_is_accounted_for_and_every_feed_ends() {
	let mut seen = Seen::default();
	(0..HISTORIES).for_each(|seed| history(seed, &mut seen));
	let Seen { created, asked, skipped, answered, failed, closed, out_of_funds, late } = seen;
	let counts = [created, asked, skipped, answered, failed, closed, out_of_funds, late];
	assert!(counts.iter().all(|count| *count > 30), "{seen:?}");
}

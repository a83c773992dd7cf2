//! What the pallet's calls and rounds weigh at their worst. What is asked of the inference pallet is counted by that.

use super::*;
use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{fungible::Mutate, Get},
	BoundedVec,
};
use frame_system::RawOrigin;
use sibyl_primitives::{
	api::{SettlementView, Support},
	consumer::{Ended, Said},
	input::MAX_INPUT_BYTES,
	output::{Answer, Finish, Generation, Output},
	Hash,
};

const FUNDS: Balance = 1_000_000_000_000_000_000;
const MAX_FEE: Balance = 1_000_000_000_000;

fn owner<T: Config>() -> AccountId {
	let owner = AccountId::new([1; 32]);
	for rich in [owner.clone(), T::FeeRecipient::get()] {
		T::Currency::set_balance(&rich, FUNDS.saturating_mul(1_000));
	}
	owner
}

fn question(bytes: u32) -> Question {
	Question { input: Input::Text(vec![b'x'; bytes as usize]), options: JobOptions::default() }
}

/// A feed with an answer, among as many others as there can be in its block of the agenda.
fn feed<T: Config>(bytes: u32) -> FeedId {
	let (owner, interval) = (owner::<T>(), T::MinInterval::get());
	let id = Pallet::<T>::open(owner, Hash::zero(), question(bytes), interval, MAX_FEE, FUNDS).expect("it is right");
	Answers::<T>::insert(id, latest(0));
	id
}

fn fill_agenda<T: Config>(block: BlockNumber, id: FeedId) {
	let others = (0..T::MaxFeeds::get().saturating_sub(1)).map(|number| FeedId::MAX.saturating_sub(number));
	Agenda::<T>::insert(block, BoundedVec::truncate_from([id].into_iter().chain(others).collect()));
}

/// An answer about as long as one may be.
fn answer() -> Answer {
	let generation = Generation {
		text: "x".repeat(4_000).as_str().try_into().expect("it fits"),
		tokens: (0..1_000).collect::<Vec<_>>().try_into().expect("they fit"),
		finish: Finish::Stop,
	};
	Answer::Generation(generation)
}

const SUPPORT: Support = Support { round: 0, seats: 3, agreed: 3, serving: 3 };

fn latest(job: JobId) -> Latest {
	Latest { answer: answer(), at: 1, support: SUPPORT, job, fingerprint: Hash::zero() }
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn create_feed(b: Linear<1, MAX_INPUT_BYTES>) {
		let owner = owner::<T>();
		let interval = T::MinInterval::get();
		let next = Pallet::<T>::now().saturating_add(interval);
		fill_agenda::<T>(next, FeedId::MAX);
		Agenda::<T>::mutate(next, |entries| entries.pop());
		let question = question(b);

		#[block]
		{
			Pallet::<T>::open(owner, Hash::zero(), question, interval, MAX_FEE, FUNDS).expect("it is right");
		}

		assert_eq!(Feeds::<T>::count(), 1);
	}

	#[benchmark]
	fn top_up() {
		let id = feed::<T>(100);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner::<T>()), id, 1_000);

		assert_eq!(Feeds::<T>::get(id).map(|feed| feed.funds), Some(FUNDS + 1_000));
	}

	#[benchmark]
	fn close() {
		let id = feed::<T>(MAX_INPUT_BYTES);
		let next_at = Feeds::<T>::get(id).map_or(0, |feed| feed.next_at);
		fill_agenda::<T>(next_at, id);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner::<T>()), id);

		assert_eq!(Feeds::<T>::count(), 0);
	}

	/// The fullest block of the agenda, all of which has to wait.
	#[benchmark]
	fn pass_over() {
		let id = feed::<T>(100);
		let now = Pallet::<T>::now();
		fill_agenda::<T>(now, id);

		#[block]
		{
			let due = Agenda::<T>::take(now);
			assert!(Feeds::<T>::get(id).is_some());
			Agenda::<T>::insert(now, due);
			AgendaFront::<T>::put(now);
		}

		assert!(Agenda::<T>::contains_key(now));
	}

	/// One that is refused, so that all is undone that it began.
	#[benchmark]
	fn round(b: Linear<1, MAX_INPUT_BYTES>) {
		let id = feed::<T>(b);
		let now = Pallet::<T>::now();
		Agenda::<T>::remove(now.saturating_add(T::MinInterval::get()));
		Agenda::<T>::insert(now, BoundedVec::truncate_from(vec![id]));
		AgendaFront::<T>::put(now);

		#[block]
		{
			Pallet::<T>::begin_rounds();
		}

		assert!(Feeds::<T>::get(id).is_some_and(|feed| feed.funds < FUNDS));
	}

	#[benchmark]
	fn on_result() {
		let id = feed::<T>(100);
		let ended = Ended {
			job: 1,
			fingerprint: Hash::zero(),
			reference: id.into(),
			verdict: Verdict::Agreed,
			said: Some(Said { output: Output::Answer(answer()), at: 1, support: SUPPORT }),
			settlement: SettlementView { paid: 0, refunded: 1_000, author_share: 0, protocol_share: 0 },
		};

		#[block]
		{
			Pallet::<T>::on_result(ended).expect("it is taken");
		}

		assert_eq!(Answers::<T>::get(id).map(|latest| latest.job), Some(1));
		assert_eq!(Feeds::<T>::get(id).map(|feed| feed.funds), Some(FUNDS + 1_000));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::network(), crate::mock::Test);
}

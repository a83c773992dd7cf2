//! Feeds from their creation to their end, and what comes of their rounds.

use super::*;
use frame_support::{
	defensive, ensure,
	pallet_prelude::{DispatchError, DispatchResult},
	storage::with_storage_layer,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
	weights::{Weight, WeightMeter, WeightToFee},
};
use sibyl_primitives::{
	consumer::{Asked, Asker, Ended, Said},
	input::MAX_INPUT_BYTES,
	output::Output,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_create(
		owner: AccountId,
		model: ModelId,
		question: Question,
		interval: BlockNumber,
		max_fee: Balance,
		funds: Balance,
	) -> DispatchResult {
		let id = Self::open(owner, model, question, interval, max_fee, funds)?;
		let mut feed = Feeds::<T>::get(id).ok_or(Error::<T>::UnknownFeed)?;
		// The transaction's fee has paid for this round's work.
		let asked = Self::ask(id, &mut feed)?;
		Feeds::<T>::insert(id, feed);
		Self::deposit_event(Event::RoundAsked { feed: id, job: asked.job, price: asked.quote.total });
		Ok(())
	}

	/// Opens a feed, whose first round is not asked yet.
	pub(crate) fn open(
		owner: AccountId,
		model: ModelId,
		question: Question,
		interval: BlockNumber,
		max_fee: Balance,
		funds: Balance,
	) -> Result<FeedId, DispatchError> {
		let intervals = T::MinInterval::get()..=T::MaxInterval::get();
		ensure!(intervals.contains(&interval), Error::<T>::IntervalInvalid);
		ensure!(funds >= max_fee, Error::<T>::FundsTooLow);
		ensure!(Feeds::<T>::count() < T::MaxFeeds::get(), Error::<T>::TooManyFeeds);
		let of_owner = Owners::<T>::get(&owner);
		ensure!(of_owner < T::MaxFeedsPerAccount::get(), Error::<T>::TooManyFeedsOfAccount);
		let bytes = question.bytes();
		let deposit = T::DepositPerByte::get().saturating_mul(bytes.into()).saturating_add(T::DepositBase::get());
		let held = funds.checked_add(deposit).ok_or(Error::<T>::BalanceTooLow)?;
		T::Currency::hold(&HoldReason::Feed.into(), &owner, held).map_err(|_| Error::<T>::BalanceTooLow)?;

		let id = NextFeed::<T>::get();
		NextFeed::<T>::put(id.saturating_add(1));
		Owners::<T>::insert(&owner, of_owner.saturating_add(1));
		Questions::<T>::insert(id, question);
		let created_at = Self::now();
		let next_at = Self::enter(id, created_at.saturating_add(interval));
		let event = Event::FeedCreated { feed: id, owner: owner.clone(), model, interval, funds, deposit };
		let feed = Feed {
			owner,
			model,
			bytes,
			interval,
			max_fee,
			funds,
			deposit,
			created_at,
			next_at,
			asked: 0,
			open_job: None,
		};
		Feeds::<T>::insert(id, feed);
		Self::deposit_event(event);
		Ok(id)
	}

	pub(crate) fn do_top_up(owner: &AccountId, id: FeedId, amount: Balance) -> DispatchResult {
		let mut feed = Feeds::<T>::get(id).ok_or(Error::<T>::UnknownFeed)?;
		ensure!(feed.owner == *owner, Error::<T>::NotOwner);
		T::Currency::hold(&HoldReason::Feed.into(), owner, amount).map_err(|_| Error::<T>::BalanceTooLow)?;
		feed.funds = feed.funds.saturating_add(amount);
		Self::deposit_event(Event::ToppedUp { feed: id, amount, funds: feed.funds });
		Feeds::<T>::insert(id, feed);
		Ok(())
	}

	/// Closes the feed for the caller, or for root where there is none.
	pub(crate) fn do_close(caller: Option<&AccountId>, id: FeedId) -> DispatchResult {
		let feed = Feeds::<T>::get(id).ok_or(Error::<T>::UnknownFeed)?;
		ensure!(caller.is_none_or(|caller| feed.owner == *caller), Error::<T>::NotOwner);
		Agenda::<T>::mutate_exists(feed.next_at, |entries| {
			*entries = entries.take().map(|mut entries| {
				entries.retain(|entry| *entry != id);
				entries
			});
			*entries = entries.take().filter(|entries| !entries.is_empty());
		});
		Self::end(id, feed, EndReason::Closed);
		Ok(())
	}

	/// Begins the rounds that are due, as far as the block has weight for them. Returns what that weighs.
	pub(crate) fn begin_rounds() -> Weight {
		let now = Self::now();
		let mut meter = WeightMeter::with_limit(T::MaxRoundsWeight::get());
		let mut front = AgendaFront::<T>::get();
		while front <= now && meter.try_consume(<T as Config>::WeightInfo::pass_over()).is_ok() {
			let mut due = Agenda::<T>::take(front);
			let begun = due.iter().take_while(|id| Self::begin_if_there_is_weight(**id, now, &mut meter)).count();
			if begun < due.len() {
				due.drain(..begun);
				Agenda::<T>::insert(front, due);
				break;
			}
			front = front.saturating_add(1);
		}
		AgendaFront::<T>::put(front);
		meter.consumed()
	}

	/// Begins the feed's round; whether the block had weight for it.
	fn begin_if_there_is_weight(id: FeedId, now: BlockNumber, meter: &mut WeightMeter) -> bool {
		let Some(feed) = Feeds::<T>::get(id) else {
			defensive!("feeds: an entry of the agenda has no feed", id);
			return true;
		};
		if meter.try_consume(Self::weight_of_round(feed.bytes)).is_err() {
			return false;
		}
		Self::begin_round(id, feed, now);
		true
	}

	fn begin_round(id: FeedId, mut feed: Feed, now: BlockNumber) {
		let fee = Self::round_fee(feed.bytes);
		let open_job = feed.open_job.filter(|job| T::Inference::is_awaited(*job));
		// While a job is open its refund may still come.
		let of_job = if open_job.is_some() { 0 } else { feed.max_fee };
		if feed.funds < of_job.saturating_add(fee) {
			return Self::end(id, feed, EndReason::OutOfFunds);
		}
		if Self::take_fee(&feed.owner, fee).is_err() {
			defensive!("feeds: a feed's funds are not held", id);
			return Self::end(id, feed, EndReason::OutOfFunds);
		}
		feed.funds = feed.funds.saturating_sub(fee);
		// From now, and not from when it was due: feeds that had to wait spread by it.
		feed.next_at = Self::enter(id, now.saturating_add(feed.interval));
		let asked = match open_job {
			Some(job) => Err(SkipReason::StillOpen { job }),
			None => {
				feed.open_job = None;
				Self::ask(id, &mut feed).map_err(|error| SkipReason::Refused { error })
			}
		};
		Self::deposit_event(match asked {
			Ok(Asked { job, quote, .. }) => Event::RoundAsked { feed: id, job, price: quote.total },
			Err(reason) => Event::RoundSkipped { feed: id, reason },
		});
		Feeds::<T>::insert(id, feed);
	}

	/// Asks the feed's question, and takes the price of its funds. Where it fails nothing has changed.
	fn ask(id: FeedId, feed: &mut Feed) -> Result<Asked, DispatchError> {
		let Question { input, options } = Questions::<T>::get(id).ok_or(Error::<T>::UnknownFeed)?;
		let asker = Asker { consumer: T::ConsumerId::get(), reference: id.into() };
		let (owner, max_fee) = (&feed.owner, feed.max_fee);
		let asked = with_storage_layer(|| {
			let reason = HoldReason::Feed.into();
			T::Currency::release(&reason, owner, max_fee, Precision::Exact)?;
			let asked = T::Inference::request(asker, owner, feed.model, input, options, max_fee)?;
			T::Currency::hold(&reason, owner, max_fee.saturating_sub(asked.quote.total))?;
			Ok::<_, DispatchError>(asked)
		})?;
		feed.funds = feed.funds.saturating_sub(asked.quote.total);
		feed.asked = feed.asked.saturating_add(1);
		feed.open_job = Some(asked.job);
		Ok(asked)
	}

	/// Takes what came of a round.
	pub fn on_result(ended: Ended) -> DispatchResult {
		let Ended { job, fingerprint, reference, verdict, said, settlement } = ended;
		let Ok(id) = FeedId::try_from(reference) else { return Ok(()) };
		// Of a feed that has ended: what its last job did not use is with the owner.
		let Some(mut feed) = Feeds::<T>::get(id) else { return Ok(()) };
		if feed.open_job == Some(job) {
			feed.open_job = None;
		}
		// The refund is free until now: an owner who has spent it has spent the feed's.
		let refunded = settlement.refunded;
		if refunded > 0 && T::Currency::hold(&HoldReason::Feed.into(), &feed.owner, refunded).is_ok() {
			feed.funds = feed.funds.saturating_add(refunded);
		}
		Feeds::<T>::insert(id, feed);
		match (verdict, said) {
			(Verdict::Agreed, Some(Said { output: Output::Answer(answer), at, support })) => {
				// A delivery that failed at first may come after newer ones.
				if Answers::<T>::get(id).is_none_or(|latest| latest.job < job) {
					Answers::<T>::insert(id, Latest { answer, at, support, job, fingerprint });
					Self::deposit_event(Event::Answered { feed: id, job, at });
				}
			}
			_ => Self::deposit_event(Event::RoundFailed { feed: id, job, verdict }),
		}
		Ok(())
	}

	/// Ends the feed, whose entry in the agenda is gone already.
	fn end(id: FeedId, feed: Feed, reason: EndReason) {
		let released = T::Currency::release(&HoldReason::Feed.into(), &feed.owner, feed.held(), Precision::BestEffort);
		if released != Ok(feed.held()) {
			defensive!("feeds: a feed's funds were not held in full", id);
		}
		Feeds::<T>::remove(id);
		Questions::<T>::remove(id);
		Answers::<T>::remove(id);
		Owners::<T>::mutate_exists(&feed.owner, |feeds| {
			*feeds = feeds.and_then(|feeds| feeds.checked_sub(1)).filter(|feeds| *feeds > 0);
		});
		let returned = released.unwrap_or(0);
		Self::deposit_event(Event::FeedEnded { feed: id, owner: feed.owner, reason, returned });
	}

	/// Enters the feed for that block. There is room, since each feed has one entry.
	fn enter(id: FeedId, block: BlockNumber) -> BlockNumber {
		if Agenda::<T>::try_append(block, id).is_err() {
			defensive!("feeds: the agenda has no room for a feed", id);
		}
		block
	}

	fn take_fee(owner: &AccountId, fee: Balance) -> DispatchResult {
		if fee == 0 {
			return Ok(());
		}
		T::Currency::transfer_on_hold(
			&HoldReason::Feed.into(),
			owner,
			&T::FeeRecipient::get(),
			fee,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)
		.map(|_| ())
	}

	/// What a round costs beside its job: the chain's work for it.
	pub fn round_fee(bytes: u32) -> Balance {
		T::WeightToFee::weight_to_fee(&Self::weight_of_round(bytes))
	}

	/// What a round of a question of so many bytes weighs.
	pub(crate) fn weight_of_round(bytes: u32) -> Weight {
		<T as Config>::WeightInfo::round(bytes).saturating_add(T::Inference::weight_of_request(bytes))
	}

	/// What the creation of a feed weighs.
	pub(crate) fn weight_of_creation(bytes: u32) -> Weight {
		<T as Config>::WeightInfo::create_feed(bytes).saturating_add(T::Inference::weight_of_request(bytes))
	}

	/// Checks what the pallet's constants must fulfil together.
	pub(crate) fn check_parameters() {
		assert!(T::MinInterval::get() > 0, "feeds: rounds would have no block between them");
		assert!(T::MaxInterval::get() >= T::MinInterval::get(), "feeds: no interval is allowed");
		let largest = Self::weight_of_round(MAX_INPUT_BYTES).saturating_add(<T as Config>::WeightInfo::pass_over());
		assert!(
			T::MaxRoundsWeight::get().all_gte(largest),
			"feeds: a round would wait for ever, since a block has no weight for it"
		);
	}
}

//! Pallets that ask, and results on their way to them.
//!
//! The result of a requested job waits in a queue from the job's settlement until a later block's `on_initialize`: votes and
//! deadlines have bounded weights of their own, in which no consumer's work fits. `on_idle` would leave results waiting while
//! blocks are full, for which anyone can pay.
//!
//! A request reserves its place in the queue, and each consumer has its own number of places: the queue is never full, and no
//! consumer takes another's places. A delivery that fails leaves the queue and gives its place back.

use super::*;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	ensure,
	pallet_prelude::{DispatchError, DispatchResult},
	storage::with_storage_layer,
	traits::Get,
	weights::{Weight, WeightMeter},
};
use scale_info::TypeInfo;
use sibyl_primitives::consumer::{Asked, Asker, ConsumerId, Ended, Inference, OnResult, Said};

/// Who asked for a job, and where its result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Request {
	/// Who asked.
	pub asker: Asker,
	/// Where its result is.
	pub stage: Stage,
}

/// Where a requested result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Stage {
	/// The job is not settled.
	Open,
	/// It is in the queue.
	Queued,
	/// Its delivery failed; anyone may have it delivered again.
	Failed,
}

impl<T: Config> Inference for Pallet<T> {
	fn quote(model: ModelId, input: &Input, options: &JobOptions) -> Result<Quote, DispatchError> {
		let JobOptions { seats, max_output_units, format, .. } = options;
		Self::quote(model, *seats, input.units(), *max_output_units, format.clone())
			.map_err(|error| Error::<T>::from(error).into())
	}

	fn request(
		asker: Asker,
		payer: &AccountId,
		model: ModelId,
		input: Input,
		options: JobOptions,
		max_fee: Balance,
	) -> Result<Asked, DispatchError> {
		with_storage_layer(|| {
			ensure!(Awaited::<T>::get(asker.consumer) < T::MaxRequests::get(), Error::<T>::TooManyRequests);
			let job = NextJob::<T>::get();
			Self::do_submit(payer.clone(), model, input, options, max_fee)?;
			let Job { fingerprint, quote, .. } = Jobs::<T>::get(job).ok_or(DispatchError::Corruption)?;
			Requests::<T>::insert(job, Request { asker, stage: Stage::Open });
			Awaited::<T>::mutate(asker.consumer, |awaited| *awaited = awaited.saturating_add(1));
			Ok(Asked { job, fingerprint, quote })
		})
	}

	fn weight_of_request(bytes: u32) -> Weight {
		<T as Config>::WeightInfo::request(bytes)
	}

	fn is_awaited(job: JobId) -> bool {
		Requests::<T>::get(job).is_some_and(|request| request.stage != Stage::Failed)
	}
}

impl<T: Config> Pallet<T> {
	/// Puts the settled job's result in the queue, where a pallet asked for it.
	pub(crate) fn queue_result(id: JobId) {
		let Some(request) = Requests::<T>::get(id) else { return };
		Requests::<T>::insert(id, Request { stage: Stage::Queued, ..request });
		DeliveryRange::<T>::mutate(|(_, next)| {
			Deliveries::<T>::insert(*next, id);
			*next = next.saturating_add(1);
		});
	}

	/// Delivers the results that a block has weight for, the oldest first. Returns what that weighs.
	pub(crate) fn deliver_results() -> Weight {
		let mut meter = WeightMeter::with_limit(T::MaxDeliveryWeight::get());
		while let Some(place) = Self::first_in_queue() {
			// None where the job's retention was over before its turn came.
			let request = Deliveries::<T>::get(place).and_then(|id| Some((id, Requests::<T>::get(id)?)));
			let weight = Self::weight_of_delivery(request.map(|(_, request)| request.asker.consumer));
			if meter.try_consume(weight).is_err() {
				break;
			}
			Deliveries::<T>::remove(place);
			DeliveryRange::<T>::mutate(|(first, _)| *first = place.saturating_add(1));
			let Some((id, Request { asker, .. })) = request else { continue };
			Requests::<T>::remove(id);
			Self::free_place(asker.consumer);
			let event = match Self::deliver(id, asker) {
				Ok(()) => Event::ResultDelivered { job: id, consumer: asker.consumer },
				Err(error) => {
					Requests::<T>::insert(id, Request { asker, stage: Stage::Failed });
					Event::DeliveryFailed { job: id, consumer: asker.consumer, error }
				}
			};
			Self::deposit_event(event);
		}
		meter.consumed().saturating_add(T::DbWeight::get().reads(1))
	}

	pub(crate) fn do_redeliver(id: JobId) -> DispatchResult {
		let request = Requests::<T>::get(id).filter(|request| request.stage == Stage::Failed);
		let Request { asker, .. } = request.ok_or(Error::<T>::NotUndelivered)?;
		Requests::<T>::remove(id);
		Self::deliver(id, asker)?;
		Self::deposit_event(Event::ResultDelivered { job: id, consumer: asker.consumer });
		Ok(())
	}

	/// Forgets who asked for a job that is forgotten itself; returns whether a pallet had.
	pub(crate) fn forget_request(id: JobId) -> bool {
		let Some(Request { asker, stage }) = Requests::<T>::take(id) else { return false };
		if stage != Stage::Failed {
			Self::free_place(asker.consumer);
		}
		true
	}

	/// What the delivery to the consumer weighs; that of a place whose job is forgotten where there is none.
	pub(crate) fn weight_of_delivery(consumer: Option<ConsumerId>) -> Weight {
		let of_consumer = consumer.map_or(Weight::zero(), T::Consumers::weight);
		<T as Config>::WeightInfo::deliver().saturating_add(of_consumer)
	}

	/// Checks what makes the queue go on.
	pub(crate) fn check_delivery_parameters() {
		let most = <T as Config>::WeightInfo::deliver().saturating_add(T::Consumers::max_weight());
		assert!(
			T::MaxDeliveryWeight::get().all_gte(most),
			"inference: a result would wait for ever, since a block has no weight for its consumer"
		);
		assert!(
			T::Retention::get() > T::MaxRequests::get(),
			"inference: results of one a block would be forgotten before their turn"
		);
	}

	fn first_in_queue() -> Option<u64> {
		let (first, next) = DeliveryRange::<T>::get();
		(first < next).then_some(first)
	}

	fn free_place(consumer: ConsumerId) {
		Awaited::<T>::mutate_exists(consumer, |awaited| {
			*awaited = awaited.and_then(|awaited| awaited.checked_sub(1)).filter(|awaited| *awaited > 0);
		});
	}

	fn deliver(id: JobId, asker: Asker) -> DispatchResult {
		let ended = Self::ended(id, asker).ok_or(Error::<T>::NotUndelivered)?;
		with_storage_layer(|| T::Consumers::on_result(asker.consumer, ended))
	}

	/// What came of the job; none where it is forgotten or not settled.
	fn ended(id: JobId, Asker { reference, .. }: Asker) -> Option<Ended> {
		let Job { fingerprint, agreed, outcome, .. } = Jobs::<T>::get(id)?;
		let Outcome { verdict, settlement, .. } = outcome?;
		let said = agreed.and_then(|Agreement { at, support, .. }| {
			let output = Self::output(id)?;
			Some(Said { output, at, support })
		});
		Some(Ended { job: id, fingerprint, reference, verdict, said, settlement })
	}
}

#[cfg(any(test, feature = "try-runtime"))]
impl<T: Config> Pallet<T> {
	/// Checks what holds of requests and of the queue.
	pub(crate) fn check_requests() -> Result<(), &'static str> {
		let mut awaited = alloc::collections::BTreeMap::<ConsumerId, u32>::new();
		let mut queued = Vec::new();
		for (id, Request { asker, stage }) in Requests::<T>::iter() {
			let job = Jobs::<T>::get(id).ok_or("inference 13: a request outlived its job")?;
			ensure!((stage == Stage::Open) == job.is_unsettled(), "inference 13: a settled result is in no queue");
			if stage != Stage::Failed {
				*awaited.entry(asker.consumer).or_default() += 1;
			}
			if stage == Stage::Queued {
				queued.push(id);
			}
		}
		let counts: alloc::collections::BTreeMap<_, _> = Awaited::<T>::iter().collect();
		ensure!(counts == awaited, "inference 13: a consumer's places are not those that it has taken");
		let (first, next) = DeliveryRange::<T>::get();
		ensure!(Deliveries::<T>::iter_keys().count() as u64 == next - first, "inference 13: the queue has gaps");
		let mut places = Vec::new();
		for place in first..next {
			let id = Deliveries::<T>::get(place).ok_or("inference 13: the queue has gaps")?;
			if Requests::<T>::contains_key(id) {
				places.push(id);
			}
		}
		queued.sort_unstable();
		places.sort_unstable();
		ensure!(queued == places, "inference 13: the queue is not of the results that wait");
		Ok(())
	}
}

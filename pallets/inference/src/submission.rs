//! What is checked and fixed when a job is submitted.

use super::*;
use alloc::vec::Vec;
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::{fungible::MutateHold, Get},
};
use sibyl_primitives::{
	api::QuoteError,
	job::{fingerprint, Seats, MAX_FIXED_SEATS},
	model::{ModelRevision, Task},
};

impl<T> From<QuoteError> for Error<T> {
	fn from(error: QuoteError) -> Self {
		match error {
			QuoteError::UnknownModel => Self::UnknownModel,
			QuoteError::InputEmpty => Self::InputEmpty,
			QuoteError::InputTooLong { .. } => Self::InputTooLong,
			QuoteError::OutputTooLong { .. } => Self::OutputTooLong,
			QuoteError::NoOutputUnits => Self::NoOutputUnits,
			QuoteError::SeatsInvalid => Self::SeatsInvalid,
			QuoteError::TooFewValidators { .. } => Self::TooFewValidators,
			QuoteError::TooManyValidators { .. } => Self::TooManyValidators,
			QuoteError::Overflow => Self::PriceOverflow,
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit(
		requester: AccountId,
		model: ModelId,
		input: Vec<u8>,
		options: JobOptions,
		max_fee: Balance,
	) -> DispatchResult {
		let length = u32::try_from(input.len()).map_err(|_| Error::<T>::InputTooLong)?;
		let (revision, quote) =
			Self::quote_of(&model, options.seats, length, options.max_output_units).map_err(Error::<T>::from)?;
		ensure!(core::str::from_utf8(&input).is_ok(), Error::<T>::InputNotUtf8);
		let input = Input::try_from(input).map_err(|_| Error::<T>::InputTooLong)?;
		ensure!((1..=MAX_DRAW_DELAY).contains(&options.draw_delay), Error::<T>::DrawDelayInvalid);
		ensure!(quote.total <= max_fee, Error::<T>::FeeAboveLimit);
		ensure!(OpenJobs::<T>::count() < T::MaxOpenJobs::get(), Error::<T>::TooManyJobs);
		let open = OpenJobsOf::<T>::get(&requester);
		ensure!(open < T::MaxOpenJobsPerAccount::get(), Error::<T>::TooManyJobsOfAccount);
		T::Currency::hold(&HoldReason::JobFee.into(), &requester, quote.total)
			.map_err(|_| Error::<T>::BalanceTooLow)?;

		let id = NextJob::<T>::get();
		NextJob::<T>::put(id.saturating_add(1));
		OpenJobsOf::<T>::insert(&requester, open.saturating_add(1));
		let counter = JobsSubmitted::<T>::get(&requester);
		JobsSubmitted::<T>::insert(&requester, counter.saturating_add(1));

		let now = Self::now();
		let fingerprint = fingerprint(&requester, counter, &model, &input, &options);
		let deadline = Self::enter(id, now.saturating_add(options.draw_delay.into()));
		let ends_by = Self::latest_end(now, &options, revision.commit_window);
		OpenJobs::<T>::insert(id, fingerprint);
		JobIds::<T>::insert(fingerprint, id);
		Inputs::<T>::insert(id, input);
		Jobs::<T>::insert(
			id,
			Job {
				requester: requester.clone(),
				fingerprint,
				model,
				options,
				input_units: length,
				price: revision.price,
				quote,
				submitted_at: now,
				ends_by,
				deadline,
				phase: Phase::Pending,
				agreed: None,
			},
		);
		Self::deposit_event(Event::JobSubmitted { job: id, requester, model, fingerprint, quote, ends_by });
		Ok(())
	}

	/// The model's revision and what a job on it costs now.
	pub(crate) fn quote_of(
		model: &ModelId,
		seats: Seats,
		input_bytes: u32,
		max_output_units: u32,
	) -> Result<(ModelRevision, Quote), QuoteError> {
		let revision = pallet_models::Pallet::<T>::revision(model).ok_or(QuoteError::UnknownModel)?;
		let limits = revision.limits;
		ensure!(input_bytes > 0, QuoteError::InputEmpty);
		ensure!(input_bytes <= limits.input_bytes, QuoteError::InputTooLong { limit: limits.input_bytes });
		ensure!(max_output_units <= limits.output_units, QuoteError::OutputTooLong { limit: limits.output_units });
		ensure!(revision.task != Task::Generate || max_output_units > 0, QuoteError::NoOutputUnits);
		let seats = Self::seats_now(model, seats)?;
		let quote = Quote::new(&revision.price, seats, input_bytes, max_output_units, T::ProtocolShare::get())
			.ok_or(QuoteError::Overflow)?;
		Ok((revision, quote))
	}

	/// The seats that a committee drawn now would have.
	fn seats_now(model: &ModelId, seats: Seats) -> Result<u16, QuoteError> {
		let serving = u16::try_from(Self::eligible(model).len()).unwrap_or(u16::MAX);
		match seats {
			Seats::Fixed(count) => {
				ensure!(count % 2 == 1 && count <= MAX_FIXED_SEATS, QuoteError::SeatsInvalid);
				ensure!(count <= serving, QuoteError::TooFewValidators { serving });
				Ok(count)
			}
			Seats::All => {
				let limit = MAX_SEATS as u16;
				ensure!(serving > 0, QuoteError::TooFewValidators { serving });
				ensure!(serving <= limit, QuoteError::TooManyValidators { limit });
				Ok(serving)
			}
		}
	}

	/// The block by which a job submitted now ends even if nobody acts: every wait, each with the agenda's spill.
	fn latest_end(now: BlockNumber, options: &JobOptions, model_window: BlockNumber) -> BlockNumber {
		let waits = [
			BlockNumber::from(options.draw_delay).saturating_add(DRAW_PATIENCE),
			Self::commit_window(model_window),
			T::RevealWindow::get(),
		];
		waits.into_iter().fold(now, |end, wait| end.saturating_add(wait).saturating_add(Self::max_spill()))
	}

	/// Blocks for commits on a model that asks for so many.
	pub(crate) fn commit_window(model_window: BlockNumber) -> BlockNumber {
		T::CommitWindow::get().max(model_window)
	}
}

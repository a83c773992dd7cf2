//! What is checked and fixed when a job is submitted.

use super::*;
use agenda::Duty;
use committee::{Busy, Need};
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::{fungible::MutateHold, Get},
};
use ledgers::Ledgers;
use sibyl_primitives::{
	api::QuoteError,
	format::Format,
	input::MAX_INPUT_BYTES,
	job::{fingerprint, Seats, FIRST_ROUND, MAX_FIXED_SEATS},
	model::{ModelRevision, ModelState, Registration, Task},
	price::ModelPrice,
};

/// What a job is taken for.
pub(crate) struct Terms {
	/// The model's revision.
	pub revision: ModelRevision,
	/// What the model costs.
	pub price: ModelPrice,
	/// What the model reads, in bytes: the input and what the format adds.
	pub input_units: u32,
	/// What the model may write, in its units.
	pub written_units: u32,
	/// Who serves the model.
	pub servers: Vec<Server>,
	/// The price.
	pub quote: Quote,
}

impl<T> From<QuoteError> for Error<T> {
	fn from(error: QuoteError) -> Self {
		match error {
			QuoteError::UnknownModel => Self::UnknownModel,
			QuoteError::InputEmpty => Self::InputEmpty,
			QuoteError::InputTooLong { .. } => Self::InputTooLong,
			QuoteError::OutputTooLong { .. } => Self::OutputTooLong,
			QuoteError::NoOutputUnits { .. } => Self::NoOutputUnits,
			QuoteError::FormatInvalid => Self::FormatInvalid,
			QuoteError::FormatNotOfTask => Self::FormatNotOfTask,
			QuoteError::SeatsInvalid => Self::SeatsInvalid,
			QuoteError::TooFewValidators { .. } => Self::TooFewValidators,
			QuoteError::TooManyValidators { .. } => Self::TooManyValidators,
			QuoteError::Busy { .. } => Self::Busy,
			QuoteError::Suspended => Self::ModelSuspended,
			QuoteError::Retired => Self::ModelRetired,
			QuoteError::Inactive { .. } => Self::ModelInactive,
			QuoteError::Overflow => Self::PriceOverflow,
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit(
		requester: AccountId,
		model: ModelId,
		input: Input,
		options: JobOptions,
		max_fee: Balance,
	) -> DispatchResult {
		// The cheapest refusals first: who is refused has paid only a fee.
		ensure!(OpenJobs::<T>::count() < T::MaxOpenJobs::get(), Error::<T>::TooManyJobs);
		let open = Requesters::<T>::get(&requester).open;
		ensure!(open < T::MaxOpenJobsPerAccount::get(), Error::<T>::TooManyJobsOfAccount);
		let terms = Self::checked_terms(&model, &input, &options)?;
		let fingerprint = Self::next_fingerprint(&requester, &model, &input, &options);
		let expected_time = Self::find_room(&terms, fingerprint).map_err(Error::<T>::from)?;
		let (id, job) = Self::new_job(requester, model, input, options, fingerprint, &terms, max_fee)?;

		Requesters::<T>::mutate(&job.requester, |account| account.open = account.open.saturating_add(1));
		ExpectedTime::<T>::mutate(|sum| *sum = sum.saturating_add(expected_time));
		OpenJobs::<T>::insert(id, ());
		let deadline = Self::enter(Duty::Draw, id, Self::now().saturating_add(job.options.draw_delay.into()));
		Jobs::<T>::insert(id, Job { expected_time, deadline, ..job });
		Ok(())
	}

	/// Checks what is asked, and says what it is taken for.
	pub(crate) fn checked_terms(model: &ModelId, input: &Input, options: &JobOptions) -> Result<Terms, Error<T>> {
		ensure!((1..=MAX_DRAW_DELAY).contains(&options.draw_delay), Error::<T>::DrawDelayInvalid);
		ensure!(input.units() <= MAX_INPUT_BYTES, Error::<T>::InputTooLong);
		ensure!(input.is_utf8(), Error::<T>::InputNotUtf8);
		let terms = Self::terms(model, options.seats, input.units(), options.max_output_units, &options.format)?;
		ensure!(input.is_text() || terms.revision.task == Task::Generate, Error::<T>::InputNotOfTask);
		Ok(terms)
	}

	/// The fingerprint of the account's next job, if it is this one.
	pub(crate) fn next_fingerprint(
		requester: &AccountId,
		model: &ModelId,
		input: &Input,
		options: &JobOptions,
	) -> Fingerprint {
		fingerprint(requester, Requesters::<T>::get(requester).submitted, model, input, options)
	}

	/// Holds the price and gives the job its number. The job waits for nothing yet, and is not written.
	pub(crate) fn new_job(
		requester: AccountId,
		model: ModelId,
		input: Input,
		options: JobOptions,
		fingerprint: Fingerprint,
		terms: &Terms,
		max_fee: Balance,
	) -> Result<(JobId, Job), Error<T>> {
		let Terms { price, input_units, quote, .. } = *terms;
		ensure!(quote.total <= max_fee, Error::<T>::FeeAboveLimit);
		T::Currency::hold(&HoldReason::JobFee.into(), &requester, quote.total)
			.map_err(|_| Error::<T>::BalanceTooLow)?;
		Requesters::<T>::mutate(&requester, |account| {
			account.submitted = account.submitted.saturating_add(1);
			account.kept = account.kept.saturating_add(1);
		});
		let id = NextJob::<T>::get();
		NextJob::<T>::put(id.saturating_add(1));
		JobIds::<T>::insert(fingerprint, id);
		Inputs::<T>::insert(id, input);
		pallet_models::Pallet::<T>::add_job(&model);
		let now = Self::now();
		let commit_window = Self::commit_window(terms.revision.commit_window);
		let ends_by = Self::latest_end(now, &options, commit_window);
		let event = Event::JobSubmitted { job: id, requester: requester.clone(), model, fingerprint, quote, ends_by };
		Self::deposit_event(event);
		let job = Job {
			requester,
			fingerprint,
			model,
			options,
			input_units,
			commit_window,
			price,
			quote,
			expected_time: 0,
			submitted_at: now,
			ends_by,
			deadline: now,
			round: FIRST_ROUND,
			phase: Phase::Pending,
			has_substitutes: false,
			agreed: None,
			audit: AuditView::None,
			outcome: None,
			reused: None,
		};
		Ok((id, job))
	}

	/// What a job on the model costs now.
	pub(crate) fn terms(
		model: &ModelId,
		seats: Seats,
		input_units: u32,
		max_output_units: u32,
		format: &Format,
	) -> Result<Terms, QuoteError> {
		let revision = pallet_models::Pallet::<T>::revision(model).ok_or(QuoteError::UnknownModel)?;
		let limits = revision.limits;
		ensure!(input_units > 0, QuoteError::InputEmpty);
		let input_units = input_units.saturating_add(format.bytes());
		ensure!(input_units <= limits.input_bytes, QuoteError::InputTooLong { limit: limits.input_bytes });
		ensure!(format.is_valid(), QuoteError::FormatInvalid);
		if revision.task == Task::Generate {
			let least = format.least_output_units();
			ensure!(max_output_units >= least, QuoteError::NoOutputUnits { least });
		} else {
			ensure!(format.is_default(), QuoteError::FormatNotOfTask);
		}
		let written_units = format.written_units(max_output_units);
		let most = max_output_units.max(written_units);
		let limit = limits.output_units.min(format.most_output_units());
		ensure!(most <= limit, QuoteError::OutputTooLong { limit });
		let Registration { state, price, .. } =
			pallet_models::Pallet::<T>::registration(model).ok_or(QuoteError::UnknownModel)?;
		match state {
			ModelState::Listed => {}
			ModelState::Suspended => return Err(QuoteError::Suspended),
			ModelState::Retired => return Err(QuoteError::Retired),
		}
		let (servers, share) = Self::serving_and_share(model);
		let needed = T::ActiveStake::get();
		ensure!(share >= needed, QuoteError::Inactive { share, needed });
		let seats = seats_among(number_of(&servers), seats)?;
		let quote = Quote::new(&price, seats, input_units, max_output_units, T::ProtocolShare::get())
			.ok_or(QuoteError::Overflow)?;
		Ok(Terms { revision, price, input_units, written_units, servers, quote })
	}

	/// Tries the draw of a committee that has time and bonds for the job, from this seed. Returns the microseconds that the job
	/// is expected to take of an average validator.
	pub(crate) fn find_room(terms: &Terms, seed: Hash) -> Result<u64, QuoteError> {
		let Terms { revision, input_units, written_units, servers, quote, .. } = terms;
		let need = Need {
			input_units: *input_units,
			output_units: *written_units,
			charge: Self::charge_of(quote),
			expected_time: ExpectedTime::<T>::get(),
			commit_window: Self::commit_window(revision.commit_window),
		};
		let serving = number_of(servers);
		let seats = quote.seats.into();
		let drawn = Self::seat_first_round(servers, seed, seats, &need, &mut Ledgers::<T>::default())
			.map_err(|Busy| QuoteError::Busy { serving })?;
		let time = drawn.iter().fold(0u64, |sum, seat| sum.saturating_add(seat.time));
		Ok(time / u64::from(serving.max(1)))
	}

	/// The block by which a job submitted now ends even if nobody acts: every wait of two rounds, and of substitutes in the
	/// first, each as late as the agenda may be.
	pub(crate) fn latest_end(now: BlockNumber, options: &JobOptions, commit_window: BlockNumber) -> BlockNumber {
		let windows = [commit_window, T::RevealWindow::get()];
		let first = BlockNumber::from(options.draw_delay).saturating_add(DRAW_PATIENCE);
		let substitutes = [commit_window, 2];
		let waits = [first].into_iter().chain(substitutes).chain(windows).chain([2]).chain(windows);
		waits.fold(now, |end, wait| end.saturating_add(wait).saturating_add(Self::max_delay()))
	}

	/// Blocks for commits on a model that asks for so many.
	pub(crate) fn commit_window(model_window: BlockNumber) -> BlockNumber {
		T::CommitWindow::get().max(model_window)
	}
}

fn number_of(servers: &[Server]) -> u16 {
	u16::try_from(servers.len()).unwrap_or(u16::MAX)
}

/// The seats that a committee has where so many validators serve the model.
fn seats_among(serving: u16, seats: Seats) -> Result<u16, QuoteError> {
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

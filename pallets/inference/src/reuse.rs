//! Answers that were agreed on before, taken for the same question again.
//!
//! A job that allows it is found by [`JobOptions::answer_key`], from its settlement until it is forgotten. Whoever allows it
//! too is answered in the block of the submission, where at least as many seats agreed as are wanted, for
//! [`Config::ReuseShare`] of the price. That goes to the seats that agreed then.

use super::*;
use frame_support::{pallet_prelude::DispatchError, traits::Get, weights::Weight};
use ledgers::Ledgers;
use settlement::{judge, of_conduct, Conduct, Decision};

/// An answer that the chain has agreed on.
struct Known {
	source: JobId,
	agreed: Agreement,
	output: OutputBytes,
	committee: Committee,
}

impl<T: Config> Pallet<T> {
	/// Notes where the agreed answer of a settled job is, if its requester allows that and none of more seats is noted: what
	/// few seats say takes no place of what more say. Where as many say otherwise, neither is one to be taken.
	pub(crate) fn remember_answer(id: JobId, job: &Job, agreed: &Agreement) {
		let Some(key) = Self::key_of_answer(id, job) else { return };
		let known = KnownAnswers::<T>::get(key).and_then(Jobs::<T>::get).filter(|known| !is_doubted(known.audit));
		let seats = agreed.support.seats;
		match known.and_then(|known| known.agreed) {
			Some(known) if known.support.seats > seats => {}
			Some(known) if known.support.seats == seats && known.value.output_hash != agreed.value.output_hash => {
				KnownAnswers::<T>::remove(key)
			}
			_ => KnownAnswers::<T>::insert(key, id),
		}
	}

	/// Forgets where the answer of a job is that is about to be forgotten.
	pub(crate) fn forget_answer(id: JobId, job: &Job) -> bool {
		let Some(key) = Self::key_of_answer(id, job) else { return false };
		KnownAnswers::<T>::mutate_exists(key, |known| *known = known.filter(|known| *known != id));
		true
	}

	/// What the job's answer is known by, where it is its own.
	fn key_of_answer(id: JobId, job: &Job) -> Option<Hash> {
		if !job.options.reuse || job.reused.is_some() {
			return None;
		}
		job.options.answer_key(&job.model, &Inputs::<T>::get(id)?)
	}

	/// The answer that so many seats, or more, have agreed on, and that no audit doubts or will look at: whether one does is
	/// known a block after the settlement.
	fn known_answer(source: JobId, seats: u16) -> Option<Known> {
		let Job { agreed, audit, outcome, .. } = Jobs::<T>::get(source)?;
		let agreed = agreed.filter(|agreed| agreed.support.seats >= seats)?;
		let may_be_audited = outcome.is_none_or(|outcome| outcome.at.saturating_add(1) >= Self::now());
		if may_be_audited || is_doubted(audit) {
			return None;
		}
		let committee = Committees::<T>::get((source, agreed.support.round))?;
		Some(Known { source, agreed, output: Outputs::<T>::get(source)?, committee })
	}

	/// Takes a known answer where that is allowed and there is one, and asks anew otherwise. Returns what it weighed.
	pub(crate) fn answer_or_ask(
		requester: AccountId,
		model: ModelId,
		input: Input,
		options: JobOptions,
		max_fee: Balance,
	) -> Result<Weight, DispatchError> {
		let bytes = input.bytes().saturating_add(options.format.bytes());
		if let Some(seats) = Self::do_reuse(&requester, model, &input, &options, max_fee)? {
			return Ok(<T as Config>::WeightInfo::reuse(bytes, seats));
		}
		Self::do_submit(requester, model, input, options, max_fee)?;
		Ok(<T as Config>::WeightInfo::submit(bytes))
	}

	/// Answers at once, where the chain knows the answer: the job ends in the block of its submission. Returns how many seats
	/// the committee had that gave it; none where the job has to be computed, and then nothing has changed.
	fn do_reuse(
		requester: &AccountId,
		model: ModelId,
		input: &Input,
		options: &JobOptions,
		max_fee: Balance,
	) -> Result<Option<u32>, DispatchError> {
		let Some(source) = options.answer_key(&model, input).and_then(KnownAnswers::<T>::get) else { return Ok(None) };
		let terms = Self::checked_terms(&model, input, options)?;
		let Some(known) = Self::known_answer(source, terms.quote.seats) else { return Ok(None) };
		let fingerprint = Self::next_fingerprint(requester, &model, input, options);
		let (requester, input, options) = (requester.clone(), input.clone(), options.clone());
		let (id, job) = Self::new_job(requester, model, input, options, fingerprint, &terms, max_fee)?;
		let seats = known.committee.seats.len() as u32;
		Self::end_at_once(id, job, known);
		Ok(Some(seats))
	}

	fn end_at_once(id: JobId, job: Job, known: Known) {
		let Known { source, agreed: Agreement { value, support, .. }, output, committee } = known;
		Self::deposit_event(Event::AnswerReused { job: id, source });
		Outputs::<T>::insert(id, output);
		let decision = Some(Decision { value, round: support.round });
		let judged = judge(core::slice::from_ref(&committee), decision, Verdict::Agreed);
		let mut ledgers = Ledgers::<T>::default();
		// Who has taken its bond back may have no account any more.
		let right: Vec<_> =
			of_conduct(&judged, Conduct::Right).filter(|seat| ledgers.get(&seat.seat.validator).bond > 0).collect();
		let each = T::ReuseShare::get().mul_floor(Self::used_price(id, &job, Verdict::Agreed));
		let paid = Balance::from(right.len() as u32);
		let part = each.saturating_mul(job.quote.seats.into()).checked_div(paid).unwrap_or(0);
		let parts = right.into_iter().map(|seat| (seat, part));
		let settlement = Self::pay_out(id, &job, part.saturating_mul(paid), parts, &mut ledgers);
		ledgers.store();

		if let Some(output) = Self::output(id) {
			Self::deposit_event(Event::Agreed { job: id, output_hash: value.output_hash, output, support });
		}
		let agreed = Some(Agreement { value, at: Self::now(), support });
		Self::finish(id, Job { agreed, reused: Some(source), ..job }, Verdict::Agreed, settlement);
	}

	/// What `submit` weighs at most.
	pub(crate) fn weight_of_submit(input: &Input, options: &JobOptions) -> Weight {
		let bytes = input.bytes().saturating_add(options.format.bytes());
		let anew = <T as Config>::WeightInfo::submit(bytes);
		if options.reuse {
			anew.max(<T as Config>::WeightInfo::reuse(bytes, MAX_SEATS))
		} else {
			anew
		}
	}
}

/// Whether an audit has not confirmed the answer, or not yet.
fn is_doubted(audit: AuditView) -> bool {
	!matches!(audit, AuditView::None | AuditView::Confirmed)
}

#[cfg(any(test, feature = "try-runtime"))]
impl<T: Config> Pallet<T> {
	/// Checks what holds of known answers.
	pub(crate) fn check_known_answers() -> Result<(), &'static str> {
		for (key, id) in KnownAnswers::<T>::iter() {
			let job = Jobs::<T>::get(id).ok_or("inference 14: a known answer outlived its job")?;
			frame_support::ensure!(
				Self::key_of_answer(id, &job) == Some(key),
				"inference 14: a known answer is another question's, or not to be taken again"
			);
			frame_support::ensure!(
				job.outcome.is_some_and(|outcome| outcome.verdict == Verdict::Agreed),
				"inference 14: a known answer was not agreed on"
			);
		}
		Ok(())
	}
}

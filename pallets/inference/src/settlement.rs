//! Where a job's money goes.

use super::*;
use frame_support::{
	defensive,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use sibyl_primitives::price::protocol_share;
use sp_runtime::traits::AccountIdConversion;

impl<T: Config> Pallet<T> {
	/// The account that gets the protocol's share. It must be endowed at genesis: a share below the existential deposit
	/// can't open an account.
	pub fn protocol_account() -> AccountId {
		T::PalletId::get().into_account_truncating()
	}

	/// Ends the job: pays the seats that gave the agreed output, and the protocol's share of that; refunds the rest.
	pub(crate) fn end(id: JobId, mut job: Job, verdict: Verdict) {
		let now = Self::now();
		Self::leave(id, &job);
		let settlement = Self::settle(id, &job, verdict);
		OpenJobs::<T>::remove(id);
		OpenJobsOf::<T>::mutate_exists(&job.requester, |open| {
			*open = open.and_then(|open| open.checked_sub(1)).filter(|open| *open > 0);
		});
		for seat in Committees::<T>::get(id).into_iter().flat_map(|committee| committee.seats) {
			OpenSeats::<T>::mutate_exists(&seat.validator, |open| {
				*open = open.and_then(|open| open.checked_sub(1)).filter(|open| *open > 0);
			});
		}
		job.phase = Phase::Ended { verdict, at: now, settlement };
		Jobs::<T>::insert(id, job);
		Self::retain(id, now);
		let SettlementView { paid, refunded, protocol_share } = settlement;
		Self::deposit_event(Event::Settled { job: id, verdict, paid, refunded, protocol_share });
	}

	fn settle(id: JobId, job: &Job, verdict: Verdict) -> SettlementView {
		let held = job.quote.total;
		let per_seat = match verdict {
			Verdict::Agreed => {
				let output_units = match Self::output(id) {
					Some(Output::Answer(answer)) => answer.output_units(),
					_ => 0,
				};
				let used = output_units.min(job.options.max_output_units);
				job.price.of_seat(job.input_units, used)
			}
			Verdict::Failed(_) => Some(job.price.base),
			Verdict::NoQuorum | Verdict::Expired | Verdict::NoOutput => None,
		};
		let mut paid: Balance = 0;
		let mut to_protocol: Balance = 0;
		if let (Some(amount), Some(agreed), Some(committee)) = (per_seat, job.agreed, Committees::<T>::get(id)) {
			for (seat, place) in committee.seats.iter().zip(0..) {
				if seat.vote != (SeatVote::Revealed { output_hash: agreed.output_hash }) {
					continue;
				}
				if Self::pay(&job.requester, &seat.validator, amount) {
					paid = paid.saturating_add(amount);
					Self::deposit_event(Event::SeatPaid {
						job: id,
						seat: place,
						validator: seat.validator.clone(),
						amount,
					});
				} else if Self::pay(&job.requester, &Self::protocol_account(), amount) {
					// As for a validator whose account was reaped: what it earned must not depend on the requester.
					to_protocol = to_protocol.saturating_add(amount);
				}
			}
			let share = protocol_share(T::ProtocolShare::get(), paid.saturating_add(to_protocol));
			if Self::pay(&job.requester, &Self::protocol_account(), share) {
				to_protocol = to_protocol.saturating_add(share);
			}
		}
		let refunded = held.saturating_sub(paid).saturating_sub(to_protocol);
		let released =
			T::Currency::release(&HoldReason::JobFee.into(), &job.requester, refunded, Precision::BestEffort);
		if released != Ok(refunded) {
			defensive!("inference: a job's price was not held in full");
		}
		SettlementView { paid, refunded, protocol_share: to_protocol }
	}

	/// Moves the amount out of what is held; whether that was possible.
	fn pay(requester: &AccountId, to: &AccountId, amount: Balance) -> bool {
		T::Currency::transfer_on_hold(
			&HoldReason::JobFee.into(),
			requester,
			to,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)
		.is_ok()
	}
}

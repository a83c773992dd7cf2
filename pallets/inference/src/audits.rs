//! Audits: of some agreed jobs a second round says whether the answer was right, at the protocol's cost.

use super::*;
use cells::Cell;
use codec::Encode;
use frame_support::traits::{
	fungible::Inspect,
	tokens::{Fortitude, Preservation},
	Get,
};
use ledgers::Ledgers;
use sibyl_primitives::job::{MAX_SECOND_ROUND_SEATS, SECOND_ROUND};
use sp_io::hashing::blake2_256;

/// Jobs of a block that may be audited; of more, the first.
pub const MAX_CANDIDATES: u32 = 1_024;

impl<T: Config> Pallet<T> {
	/// Lets the next block's VRF say whether the job is audited.
	pub(crate) fn note_audit_candidate(id: JobId) {
		// A block that settles more than that audits none of the rest.
		let _ = AuditCandidates::<T>::try_append((Self::now(), id));
	}

	/// Begins the audits that this block's VRF asks for, of the jobs that the block before settled.
	pub(crate) fn begin_audits() {
		let now = Self::now();
		let (settled_now, candidates): (Vec<_>, Vec<_>) =
			AuditCandidates::<T>::take().into_iter().partition(|(settled_in, _)| *settled_in == now);
		if !settled_now.is_empty() {
			AuditCandidates::<T>::put(frame_support::BoundedVec::truncate_from(settled_now));
		}
		let Some((_, vrf)) = RecentVrfs::<T>::get().last().filter(|(height, _)| *height == now).copied() else {
			return;
		};
		for (_, id) in candidates {
			if Self::is_audited(&vrf, id) {
				Self::begin_audit(id);
			}
		}
	}

	/// Whether the VRF asks for the job's audit.
	pub(crate) fn is_audited(vrf: &[u8; 32], id: JobId) -> bool {
		let digest = blake2_256(&(b"sibyl/audit", vrf, id).encode());
		let number = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
		number.is_multiple_of(T::AuditOdds::get().max(1))
	}

	/// Begins the job's audit, where the protocol's account can pay for the largest.
	pub(crate) fn begin_audit(id: JobId) {
		let Some(mut job) = Jobs::<T>::get(id).filter(|job| job.audit == AuditView::None && !job.is_open()) else {
			return;
		};
		let cost = job
			.price
			.of_seat(job.input_units, 0)
			.and_then(|check| check.checked_mul(MAX_SECOND_ROUND_SEATS.into()))
			.unwrap_or(Balance::MAX);
		let available =
			T::Currency::reducible_balance(&Self::protocol_account(), Preservation::Preserve, Fortitude::Polite);
		if available < cost || pallet_models::Pallet::<T>::is_suspended(&job.model) {
			return;
		}
		job.audit = AuditView::Open;
		OpenJobs::<T>::insert(id, ());
		Self::begin_second_round(id, &mut job);
		Jobs::<T>::insert(id, job);
	}

	/// Ends the audit with what its committee has come to.
	pub(crate) fn end_audit(cell: &Cell, ledgers: &mut Ledgers<T>) {
		Committees::<T>::insert((cell.id, SECOND_ROUND), &cell.committee);
		let said = cell.job.agreed.map(|agreed| agreed.value.output_hash);
		let audit = match cell.committee.tally().winner() {
			None => AuditView::Undecided,
			Some(value) if said == Some(value.output_hash) => AuditView::Confirmed,
			Some(value) => AuditView::Overturned { output_hash: value.output_hash },
		};
		let committees = Self::committees(cell.id, &cell.job);
		Self::settle_audit(cell.id, cell.job.clone(), committees, audit, ledgers)
	}
}

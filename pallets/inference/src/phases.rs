//! When a phase is over, and what follows.

use super::*;
use codec::Decode;
use frame_support::{defensive, traits::Get, weights::Weight};
use sibyl_primitives::{
	committee::{is_quorum, quorum},
	output::{Output, VersionedOutput},
};

impl<T: Config> Pallet<T> {
	/// Does what the job's agenda entry stands for. The block's entries were taken out already.
	pub(crate) fn on_due(id: JobId, now: BlockNumber) {
		let Some(job) = Jobs::<T>::get(id) else {
			defensive!("inference: the agenda names a job that does not exist");
			return;
		};
		if job.phase == Phase::Pending {
			return Self::draw(id, job, now);
		}
		let Some(committee) = Committees::<T>::get(id) else {
			defensive!("inference: a drawn job has no committee");
			return Self::end(id, job, Verdict::Expired);
		};
		let tally = committee.tally();
		match job.phase {
			Phase::Committing if is_quorum(tally.committed, tally.seats) => Self::begin_revealing(id, job, &tally, now),
			Phase::Committing => Self::end(id, job, Verdict::Expired),
			Phase::Revealing => {
				let verdict = Self::verdict(id, &job, &tally);
				Self::end(id, job, verdict)
			}
			Phase::Pending | Phase::Ended { .. } => {
				defensive!("inference: the agenda names a job that has ended");
			}
		}
	}

	/// What the weight of so many entries is at most.
	pub(crate) fn weight_of_due(entries: u64) -> Weight {
		let draw = <T as Config>::WeightInfo::draw(T::MaxValidators::get());
		let end = <T as Config>::WeightInfo::end(MAX_SEATS);
		draw.max(end).saturating_mul(entries)
	}

	/// Looks at the job after votes have come in: enters the next phase when this one has nothing to wait for. Returns
	/// whether the job has ended.
	pub(crate) fn advance(id: JobId, now: BlockNumber) -> bool {
		let (Some(mut job), Some(committee)) = (Jobs::<T>::get(id), Committees::<T>::get(id)) else {
			return false;
		};
		let tally = committee.tally();
		match job.phase {
			Phase::Committing => {
				let reached = is_quorum(tally.committed, tally.seats);
				if tally.committed + tally.missing < quorum(tally.seats) {
					Self::end(id, job, Verdict::Expired);
					return true;
				}
				if tally.missing == 0 {
					Self::begin_revealing(id, job, &tally, now);
				} else if reached {
					// The grace begins with the first quorum and is never put off: later commits find a nearer deadline.
					let grace = now.saturating_add(T::CommitGrace::get());
					if grace < job.deadline {
						Self::reenter(id, &mut job, grace);
						Jobs::<T>::insert(id, job);
					}
				}
				false
			}
			Phase::Revealing => {
				if job.agreed.is_none() {
					if let Some(output_hash) = Self::agreed_output(id, &tally) {
						job.agreed = Some(Agreement { output_hash, at: now });
						Self::announce(id, output_hash);
						Jobs::<T>::insert(id, &job);
					}
				}
				let nothing_to_come = tally.committed == 0 && (job.agreed.is_some() || tally.winner().is_none());
				if nothing_to_come || !tally.can_agree() {
					let verdict = Self::verdict(id, &job, &tally);
					Self::end(id, job, verdict);
					return true;
				}
				false
			}
			Phase::Pending | Phase::Ended { .. } => false,
		}
	}

	fn begin_revealing(id: JobId, mut job: Job, tally: &Tally, now: BlockNumber) {
		job.phase = Phase::Revealing;
		Self::reenter(id, &mut job, now.saturating_add(T::RevealWindow::get()));
		Self::deposit_event(Event::RevealingBegan {
			job: id,
			committed: tally.committed as u32,
			deadline: job.deadline,
		});
		Jobs::<T>::insert(id, job);
	}

	/// The hash that has a quorum, where the bytes are here too.
	fn agreed_output(id: JobId, tally: &Tally) -> Option<Hash> {
		let winner = tally.winner()?;
		let stored = Outputs::<T>::get(id)?;
		(sibyl_primitives::output::output_hash(&stored) == winner).then_some(winner)
	}

	fn announce(id: JobId, output_hash: Hash) {
		if let Some(output) = Self::output(id) {
			Self::deposit_event(Event::Agreed { job: id, output_hash, output });
		}
	}

	/// The stored output, decoded. Only canonical encodings are stored.
	pub(crate) fn output(id: JobId) -> Option<Output> {
		let bytes = Outputs::<T>::get(id)?;
		let VersionedOutput::V1(output) = VersionedOutput::decode(&mut &bytes[..]).ok()?;
		Some(output)
	}

	fn verdict(id: JobId, job: &Job, tally: &Tally) -> Verdict {
		if job.agreed.is_some() {
			return match Self::output(id) {
				Some(Output::Refusal(reason)) => Verdict::Failed(reason),
				_ => Verdict::Agreed,
			};
		}
		match tally.winner() {
			Some(_) => Verdict::NoOutput,
			None if is_quorum(tally.revealed, tally.seats) => Verdict::NoQuorum,
			// Reveals that already differ so much that those to come can't mend it are a disagreement, too.
			None if is_quorum(tally.revealed + tally.committed, tally.seats) && !tally.can_agree() => Verdict::NoQuorum,
			None => Verdict::Expired,
		}
	}
}

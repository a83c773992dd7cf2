//! Which jobs' answers are wanted at the best block, and until when.

use sibyl_primitives::{
	api::{OpenJob, PhaseView},
	job::Fingerprint,
	BlockNumber,
};
use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};

/// Blocks before a phase's last one from which on nothing is begun any more: a vote gets into one of them.
const BLOCKS_FOR_VOTES: BlockNumber = 2;

/// The open jobs at the best block, and when it came.
///
/// The last run of the worker whose vote can still get into a block is at the block before the deadline. So an answer is
/// due when that block is: until then the one before it is the best, and the vote has two blocks to get into.
pub struct WantedJobs {
	jobs: BTreeMap<Fingerprint, OpenJob>,
	best: BlockNumber,
	best_since: Instant,
	block: Duration,
}

impl WantedJobs {
	/// Nothing is known yet but the best block's height and the time between two blocks.
	pub fn new(best: BlockNumber, block: Duration) -> Self {
		Self { jobs: BTreeMap::new(), best, best_since: Instant::now(), block }
	}

	/// A new best block has come.
	pub fn at_block(&mut self, number: BlockNumber) {
		self.best = number;
		self.best_since = Instant::now();
	}

	/// Its open jobs.
	pub fn replace(&mut self, jobs: Vec<OpenJob>) {
		self.jobs = jobs.into_iter().map(|job| (job.fingerprint, job)).collect();
	}

	/// The jobs that seats vote on.
	pub fn voting(&self) -> Vec<Fingerprint> {
		let is_voting = |job: &&OpenJob| matches!(job.phase, PhaseView::Committing | PhaseView::Revealing);
		self.jobs.values().filter(is_voting).map(|job| job.fingerprint).collect()
	}

	/// Until when a job's answer is wanted that the worker asked for with a deadline; none if it is not.
	///
	/// While seats reveal, only who asked then needs it, which is a validator that lost what it had committed to. Its
	/// request names that phase's deadline.
	pub fn deadline(&self, job: &Fingerprint, asked_for: BlockNumber) -> Option<BlockNumber> {
		let OpenJob { phase, deadline, .. } = self.jobs.get(job)?;
		match phase {
			PhaseView::Committing => Some(*deadline),
			PhaseView::Revealing if *deadline == asked_for => Some(*deadline),
			PhaseView::Revealing | PhaseView::Pending | PhaseView::Ended { .. } => None,
		}
	}

	/// The same of a request that has just come: its job may be one of a block that has not been heard of yet.
	pub fn deadline_of_request(&self, job: &Fingerprint, asked_for: BlockNumber) -> Option<BlockNumber> {
		match self.jobs.contains_key(job) {
			true => self.deadline(job, asked_for),
			false => Some(asked_for),
		}
	}

	/// When an answer has to be there for a vote in a phase of this deadline.
	pub fn due(&self, deadline: BlockNumber) -> Instant {
		let blocks = deadline.saturating_sub(1).saturating_sub(self.best);
		// No phase has as many blocks as would overflow.
		self.best_since + self.block * blocks.min(u32::from(u16::MAX))
	}

	/// Whether what is not answered now had better be abstained from.
	pub fn is_last_call(&self, deadline: BlockNumber) -> bool {
		self.best.saturating_add(BLOCKS_FOR_VOTES) >= deadline
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_primitives::job::Verdict;

	const BLOCK: Duration = Duration::from_secs(3);

	fn job(n: u8, phase: PhaseView, deadline: BlockNumber) -> OpenJob {
		OpenJob { id: n.into(), round: 0, fingerprint: fingerprint(n), phase, deadline }
	}

	fn fingerprint(n: u8) -> Fingerprint {
		Fingerprint::repeat_byte(n)
	}

	fn wanted(best: BlockNumber, jobs: &[OpenJob]) -> WantedJobs {
		let mut wanted = WantedJobs::new(0, BLOCK);
		wanted.at_block(best);
		wanted.replace(jobs.to_vec());
		wanted
	}

	#[test]
	fn an_answer_is_wanted_while_seats_commit_until_the_present_deadline() {
		let wanted = wanted(5, &[job(1, PhaseView::Committing, 9)]);
		assert_eq!(wanted.deadline(&fingerprint(1), 20), Some(9));
		assert_eq!(wanted.deadline(&fingerprint(2), 20), None, "it is not open");
	}

	#[test]
	fn while_seats_reveal_only_who_asked_then_wants_it() {
		let wanted = wanted(5, &[job(1, PhaseView::Revealing, 11)]);
		assert_eq!(wanted.deadline(&fingerprint(1), 9), None);
		assert_eq!(wanted.deadline(&fingerprint(1), 11), Some(11));
	}

	#[test]
	fn nobody_wants_it_before_the_draw_or_after_the_end() {
		let ended = PhaseView::Ended { verdict: Verdict::Expired, at: 4 };
		let wanted = wanted(5, &[job(1, PhaseView::Pending, 11), job(2, ended, 11), job(3, PhaseView::Revealing, 7)]);
		assert_eq!(wanted.deadline(&fingerprint(1), 11), None);
		assert_eq!(wanted.deadline(&fingerprint(2), 11), None);
		assert_eq!(wanted.voting(), [fingerprint(3)]);
	}

	#[test]
	fn a_request_of_a_job_that_has_not_been_heard_of_counts_by_its_own_deadline() {
		let wanted = wanted(5, &[job(1, PhaseView::Pending, 11)]);
		assert_eq!(wanted.deadline_of_request(&fingerprint(2), 17), Some(17));
		assert_eq!(wanted.deadline_of_request(&fingerprint(1), 17), None);
	}

	#[test]
	fn an_answer_is_due_when_the_block_before_the_deadline_is() {
		let wanted = wanted(5, &[]);
		assert_eq!(wanted.due(9), wanted.best_since + 3 * BLOCK);
		for late in [0, 5, 6] {
			assert_eq!(wanted.due(late), wanted.best_since);
		}
		wanted.due(BlockNumber::MAX);
		assert!(wanted.is_last_call(7) && !wanted.is_last_call(8));
	}
}

//! Which jobs this process runs, written down before each begins.
//!
//! The engine has a process of its own, which may die of a job: an overflowing stack, an instruction that the CPU lacks, no
//! memory left. Since validators compute the same, what kills one of them kills all, and each again when it is tried once
//! more. So a job that was running when the engine's process died is not tried again, nor one that was when the node died.

use super::mailbox::Mailbox;
use parking_lot::Mutex;
use sibyl_primitives::job::Fingerprint;
use sp_core::offchain::OffchainStorage;
use std::sync::Arc;

const LOG_TARGET: &str = "inference::engine";

/// Jobs that are remembered of earlier processes: no node has more places and is started again more often before a job
/// is over.
const REMEMBERED: usize = 256;

/// The list in the mailbox. Clones share it.
#[derive(Clone)]
pub struct StartedJobs<Storage>(Arc<Mutex<List<Storage>>>);

struct List<Storage> {
	mailbox: Mailbox<Storage>,
	/// Those that an earlier process began, and those that the engine's process died on; then those that run now.
	died_on: Vec<Fingerprint>,
	running: Vec<Fingerprint>,
	/// Whether the entry is of a version that this release knows.
	is_ours: bool,
}

impl<Storage: OffchainStorage> List<Storage> {
	fn write(&mut self) {
		if self.is_ours {
			let jobs = self.died_on.iter().chain(&self.running).copied().collect();
			self.mailbox.set_started(jobs);
		}
	}
}

impl<Storage: OffchainStorage> StartedJobs<Storage> {
	/// What the mailbox holds when the process starts.
	pub fn found(mailbox: Mailbox<Storage>) -> Self {
		let found = mailbox.started();
		let is_ours = found.is_some();
		let mut died_on = found.unwrap_or_default();
		let too_many = died_on.len().saturating_sub(REMEMBERED);
		died_on.drain(..too_many);
		if !died_on.is_empty() {
			log::warn!(
				target: LOG_TARGET,
				"The node ended while it ran {} jobs, and may have ended because of them: it abstains from them",
				died_on.len(),
			);
		}
		Self(Arc::new(Mutex::new(List { mailbox, died_on, running: Vec::new(), is_ours })))
	}

	/// Takes down that a job is being run, for as long as what is returned lives.
	pub fn begin(&self, job: Fingerprint) -> Run<Storage> {
		let mut list = self.0.lock();
		list.running.push(job);
		list.write();
		Run { jobs: self.clone(), job }
	}

	/// Whether an earlier process, or the engine's, died while it ran the job.
	pub fn died_on(&self, job: &Fingerprint) -> bool {
		self.0.lock().died_on.contains(job)
	}

	/// Takes down that the engine's process died while it ran the job, or ran beside it: which of them it died of is not known.
	pub fn engine_died(&self, job: Fingerprint) {
		let mut list = self.0.lock();
		if list.died_on.len() >= REMEMBERED {
			list.died_on.remove(0);
		}
		list.died_on.push(job);
		list.write();
	}

	/// Forgets that, since the job has a response now.
	pub fn forget(&self, job: &Fingerprint) {
		let mut list = self.0.lock();
		let before = list.died_on.len();
		list.died_on.retain(|died_on| died_on != job);
		if list.died_on.len() < before {
			list.write();
		}
	}

	fn end(&self, job: &Fingerprint) {
		let mut list = self.0.lock();
		if let Some(place) = list.running.iter().position(|running| running == job) {
			list.running.swap_remove(place);
			list.write();
		}
	}
}

/// A job that is being run, until this is dropped.
pub struct Run<Storage: OffchainStorage> {
	jobs: StartedJobs<Storage>,
	job: Fingerprint,
}

impl<Storage: OffchainStorage> Drop for Run<Storage> {
	fn drop(&mut self) {
		self.jobs.end(&self.job);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::SharedStorage;
	use sibyl_primitives::mailbox::STARTED;
	use sp_core::offchain::STORAGE_PREFIX;

	fn job(n: u8) -> Fingerprint {
		Fingerprint::repeat_byte(n)
	}

	fn found(storage: &SharedStorage) -> StartedJobs<SharedStorage> {
		StartedJobs::found(Mailbox::new(storage.clone()))
	}

	#[test]
	fn a_job_that_ends_leaves_no_mark() {
		let storage = SharedStorage::default();
		let jobs = found(&storage);
		let (one, two) = (jobs.begin(job(1)), jobs.begin(job(2)));
		drop(one);
		assert_eq!(Mailbox::new(storage.clone()).started(), Some(vec![job(2)]));
		assert!(!jobs.died_on(&job(2)), "it is this process that runs it");
		drop(two);
		assert_eq!(Mailbox::new(storage).started(), Some(vec![]));
	}

	#[test]
	fn what_was_running_when_the_process_died_is_known_until_it_has_a_response() {
		let storage = SharedStorage::default();
		std::mem::forget(found(&storage).begin(job(1)));
		for restart in 0..2 {
			let jobs = found(&storage);
			assert!(jobs.died_on(&job(1)) && !jobs.died_on(&job(2)), "start {restart}");
			drop(jobs.begin(job(2)));
		}
		found(&storage).forget(&job(1));
		assert!(!found(&storage).died_on(&job(1)));
	}

	#[test]
	fn what_the_engines_process_died_on_is_known_now_and_after_the_next_start() {
		let storage = SharedStorage::default();
		let jobs = found(&storage);
		drop(jobs.begin(job(1)));
		jobs.engine_died(job(1));
		assert!(jobs.died_on(&job(1)) && found(&storage).died_on(&job(1)));
		jobs.forget(&job(1));
		assert!(!jobs.died_on(&job(1)) && !found(&storage).died_on(&job(1)));
		(0..=REMEMBERED as u64).map(Fingerprint::from_low_u64_be).for_each(|job| jobs.engine_died(job));
		assert!(!jobs.died_on(&Fingerprint::from_low_u64_be(0)), "the list is bounded");
	}

	#[test]
	fn only_so_many_are_remembered_the_newest_ones() {
		let storage = SharedStorage::default();
		let many: Vec<_> = (0..=REMEMBERED as u64).map(Fingerprint::from_low_u64_be).collect();
		Mailbox::new(storage.clone()).set_started(many.clone());
		let jobs = found(&storage);
		assert!(!jobs.died_on(&many[0]) && jobs.died_on(&many[1]) && jobs.died_on(&many[REMEMBERED]));
	}

	#[test]
	fn a_list_of_a_newer_release_is_left_alone() {
		use sp_core::offchain::OffchainStorage as _;
		let mut storage = SharedStorage::default();
		storage.set(STORAGE_PREFIX, STARTED, &[9, 9]);
		let jobs = found(&storage);
		drop(jobs.begin(job(1)));
		assert_eq!(storage.get(STORAGE_PREFIX, STARTED), Some(vec![9, 9]));
	}
}

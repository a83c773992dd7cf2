//! Native code's end of the channel to the offchain worker: see [`sibyl_primitives::mailbox`].
//!
//! The worker's writes go through [`NotifyingStorage`], which tells native code of those that are for it. What native
//! code writes, it writes through [`Mailbox`], which tells nobody.

use super::metrics::Metrics;
use async_channel::{Receiver, Sender, TrySendError};
use codec::{Decode, DecodeAll, Encode};
use parking_lot::Mutex;
use sibyl_primitives::{
	job::Fingerprint,
	mailbox::{
		request_key, response_key, InferenceRequest, InferenceResponse, ModelStatuses, Started, MODELS, OUTBOX,
		REQUEST_PREFIX, STARTED,
	},
	model::{Availability, ModelId, Pace},
	vote::VersionedBallot,
};
use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::Arc,
};

const LOG_TARGET: &str = "inference::mailbox";

/// Requests that may wait for the engine's service. One that finds no room is found again at the next block.
const WAITING_REQUESTS: usize = 1024;
/// Ballots that may wait to be sent. The worker puts votes out again for as long as the chain lacks them.
const WAITING_BALLOTS: usize = 256;

/// Unreadable entries that are remembered, so that each is told of once. Beyond them, none is told of.
const KNOWN_UNREADABLE: usize = 1024;

/// What the worker wrote, as it is written.
pub struct Notices {
	/// Requests for inferences.
	pub requests: Receiver<InferenceRequest>,
	/// Ballots to be sent.
	pub ballots: Receiver<VersionedBallot>,
}

/// The offchain storage, as the worker is given it.
#[derive(Clone)]
pub struct NotifyingStorage<Storage> {
	inner: Storage,
	requests: Sender<InferenceRequest>,
	ballots: Sender<VersionedBallot>,
	unreadable: Unreadable,
	metrics: Metrics,
}

impl<Storage> NotifyingStorage<Storage> {
	/// The same storage, and what hears of its writes.
	pub fn new(inner: Storage, metrics: Metrics) -> (Self, Notices) {
		let (requests, heard_requests) = async_channel::bounded(WAITING_REQUESTS);
		let (ballots, heard_ballots) = async_channel::bounded(WAITING_BALLOTS);
		let unreadable = Unreadable::default();
		let notices = Notices { requests: heard_requests, ballots: heard_ballots };
		(Self { inner, requests, ballots, unreadable, metrics }, notices)
	}

	fn written(&self, prefix: &[u8], key: &[u8], value: &[u8]) {
		if prefix != STORAGE_PREFIX {
			return;
		}
		if key == OUTBOX {
			self.notify(&self.ballots, key, value, "a vote ballot");
		} else if key.starts_with(REQUEST_PREFIX) {
			self.notify(&self.requests, key, value, "a request");
		}
	}

	/// Never waits: it runs inside the worker's call.
	fn notify<T: Decode>(&self, listener: &Sender<T>, key: &[u8], value: &[u8], what: &str) {
		let Some(entry) = self.unreadable.read(key, value, what) else { return };
		match listener.try_send(entry) {
			// Nobody listens on a node that does not serve models, and everybody is gone when the node stops.
			Ok(()) | Err(TrySendError::Closed(_)) => {}
			Err(TrySendError::Full(_)) => {
				self.metrics.notices_dropped.inc();
				log::warn!(
					target: LOG_TARGET,
					"More is written to the mailbox than is read: {what} waits for the next block",
				);
			}
		}
	}
}

impl<Storage: OffchainStorage> OffchainStorage for NotifyingStorage<Storage> {
	fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
		self.inner.set(prefix, key, value);
		self.written(prefix, key, value);
	}

	fn remove(&mut self, prefix: &[u8], key: &[u8]) {
		self.inner.remove(prefix, key);
	}

	fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
		self.inner.get(prefix, key)
	}

	fn compare_and_set(&mut self, prefix: &[u8], key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
		let is_set = self.inner.compare_and_set(prefix, key, old, new);
		if is_set {
			self.written(prefix, key, new);
		}
		is_set
	}
}

/// The mailbox, as native code uses it.
#[derive(Clone)]
pub struct Mailbox<Storage> {
	storage: Storage,
	unreadable: Unreadable,
}

impl<Storage: OffchainStorage> Mailbox<Storage> {
	/// The mailbox in this storage; its clones share the database.
	pub fn new(storage: Storage) -> Self {
		Self { storage, unreadable: Unreadable::default() }
	}

	/// What the worker wants to know of a job.
	pub fn request(&self, job: &Fingerprint) -> Option<InferenceRequest> {
		self.get(&request_key(job), "a request")
	}

	/// Whether a job has been answered, in whatever version.
	pub fn is_answered(&self, job: &Fingerprint) -> bool {
		self.storage.get(STORAGE_PREFIX, &response_key(job)).is_some()
	}

	/// Answers a request that is still there: once the worker has cleared a job's entries nobody would clear another.
	pub fn respond(&mut self, job: &Fingerprint, response: &InferenceResponse) {
		let is_asked = |storage: &Storage| storage.get(STORAGE_PREFIX, &request_key(job)).is_some();
		if !is_asked(&self.storage) {
			return;
		}
		self.storage.set(STORAGE_PREFIX, &response_key(job), &response.encode());
		// The worker clears the request first. Where it did so meanwhile, it may have cleared the response before there
		// was one; where it does so from now on, it finds this one.
		if !is_asked(&self.storage) {
			self.storage.remove(STORAGE_PREFIX, &response_key(job));
		}
	}

	/// Says whether this node can run a model.
	pub fn set_model_status(&mut self, model: &ModelId, availability: Availability) {
		let mut statuses = self.model_statuses();
		statuses.insert(*model, availability);
		self.storage.set(STORAGE_PREFIX, MODELS, &ModelStatuses::V1(statuses).encode());
	}

	/// Whether anything was said of the model.
	pub fn has_told_of(&self, model: &ModelId) -> bool {
		self.model_statuses().contains_key(model)
	}

	/// Forgets what was said of models that the chain does not have.
	pub fn keep_models(&mut self, is_known: impl Fn(&ModelId) -> bool) {
		let mut statuses = self.model_statuses();
		let before = statuses.len();
		statuses.retain(|model, _| is_known(model));
		if statuses.len() < before {
			self.storage.set(STORAGE_PREFIX, MODELS, &ModelStatuses::V1(statuses).encode());
		}
	}

	fn model_statuses(&self) -> BTreeMap<ModelId, Availability> {
		match self.get(MODELS, "the models' statuses") {
			Some(ModelStatuses::V1(statuses)) => statuses,
			None => BTreeMap::new(),
		}
	}

	/// The pace that was told last of a model, if it was served.
	pub fn told_pace(&self, model: &ModelId) -> Option<Pace> {
		match *self.model_statuses().get(model)? {
			Availability::Serves(pace) => Some(pace),
			Availability::Withdrawn => None,
		}
	}

	/// The jobs whose inference has begun and not ended; none where a newer release wrote the list, which is then left
	/// alone.
	pub fn started(&self) -> Option<Vec<Fingerprint>> {
		match self.storage.get(STORAGE_PREFIX, STARTED) {
			None => Some(Vec::new()),
			Some(value) => self.unreadable.read(STARTED, &value, "a list of jobs").map(|Started::V1(jobs)| jobs),
		}
	}

	/// Takes down the jobs whose inference has begun and not ended.
	pub fn set_started(&mut self, jobs: Vec<Fingerprint>) {
		self.storage.set(STORAGE_PREFIX, STARTED, &Started::V1(jobs).encode());
	}

	fn get<T: Decode>(&self, key: &[u8], what: &str) -> Option<T> {
		let value = self.storage.get(STORAGE_PREFIX, key)?;
		self.unreadable.read(key, &value, what)
	}
}

/// The keys of entries that could not be read, and were told of.
#[derive(Clone, Default)]
struct Unreadable(Arc<Mutex<BTreeSet<Vec<u8>>>>);

impl Unreadable {
	/// The entry, where it can be read. A runtime that has been upgraded may write what this node is too old for.
	fn read<T: Decode>(&self, key: &[u8], mut value: &[u8], what: &str) -> Option<T> {
		match T::decode_all(&mut value) {
			Ok(entry) => Some(entry),
			Err(error) => {
				if self.is_news(key) {
					log::warn!(
						target: LOG_TARGET,
						"The mailbox holds {what} that can't be read; this node may be too old for the runtime: {error}",
					);
				}
				None
			}
		}
	}

	fn is_news(&self, key: &[u8]) -> bool {
		let mut known = self.0.lock();
		known.len() < KNOWN_UNREADABLE && known.insert(key.to_vec())
	}
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{metrics, request, versioned_ballot as ballot, SharedStorage};
	use sibyl_primitives::{job::AbstainReason, Hash};

	fn storage() -> (NotifyingStorage<SharedStorage>, Notices, SharedStorage) {
		let plain = SharedStorage::default();
		let (notifying, notices) = NotifyingStorage::new(plain.clone(), metrics());
		(notifying, notices, plain)
	}

	#[test]
	fn a_request_is_heard_once_it_is_stored() {
		let (mut notifying, notices, plain) = storage();
		let (job, request) = request(7);
		let key = request_key(&job);
		assert!(notifying.compare_and_set(STORAGE_PREFIX, &key, None, &request.encode()));
		assert_eq!(notices.requests.try_recv(), Ok(request.clone()));
		assert_eq!(Mailbox::new(plain).request(&job), Some(request.clone()));
		// A second run of the worker loses the race, and is not heard.
		assert!(!notifying.compare_and_set(STORAGE_PREFIX, &key, None, &request.encode()));
		assert!(notices.requests.is_empty());
	}

	#[test]
	fn each_write_of_the_outbox_is_heard_with_its_own_ballot() {
		let (mut notifying, notices, _) = storage();
		for at_block in [3, 4] {
			notifying.set(STORAGE_PREFIX, OUTBOX, &ballot(0, at_block).encode());
		}
		assert_eq!(notices.ballots.try_recv(), Ok(ballot(0, 3)));
		assert_eq!(notices.ballots.try_recv(), Ok(ballot(0, 4)));
	}

	#[test]
	fn other_keys_other_prefixes_and_unreadable_values_are_not_heard() {
		let (mut notifying, notices, plain) = storage();
		let (job, request) = request(7);
		notifying.set(STORAGE_PREFIX, &response_key(&job), &request.encode());
		notifying.set(b"other", &request_key(&job), &request.encode());
		notifying.set(b"other", OUTBOX, &ballot(0, 1).encode());
		for junk in [&[][..], &[9, 9, 9], &[0; 4]] {
			notifying.set(STORAGE_PREFIX, &request_key(&job), junk);
			notifying.set(STORAGE_PREFIX, OUTBOX, junk);
		}
		let with_more = [request.encode(), vec![0]].concat();
		notifying.set(STORAGE_PREFIX, &request_key(&job), &with_more);
		assert!(notices.requests.is_empty() && notices.ballots.is_empty());
		assert_eq!(Mailbox::new(plain.clone()).request(&job), None);
		assert_eq!(plain.get(STORAGE_PREFIX, &request_key(&job)), Some(with_more));
	}

	#[test]
	fn a_full_or_a_closed_channel_blocks_no_write() {
		let (mut notifying, notices, plain) = storage();
		for at_block in 0..=WAITING_BALLOTS as u32 {
			notifying.set(STORAGE_PREFIX, OUTBOX, &ballot(0, at_block).encode());
		}
		assert_eq!(notices.ballots.len(), WAITING_BALLOTS);
		assert_eq!(notifying.metrics.notices_dropped.get(), 1);
		drop(notices);
		notifying.set(STORAGE_PREFIX, OUTBOX, &ballot(0, 1).encode());
		assert_eq!(plain.get(STORAGE_PREFIX, OUTBOX), Some(ballot(0, 1).encode()));
	}

	#[test]
	fn a_request_is_answered_unless_the_worker_has_cleared_it() {
		let (mut notifying, _notices, plain) = storage();
		let mut mailbox = Mailbox::new(plain);
		let (job, request) = request(7);
		let abstain = InferenceResponse::V1(Err(AbstainReason::NoModel));
		mailbox.respond(&job, &abstain);
		assert!(!mailbox.is_answered(&job));

		notifying.set(STORAGE_PREFIX, &request_key(&job), &request.encode());
		mailbox.respond(&job, &abstain);
		assert_eq!(notifying.get(STORAGE_PREFIX, &response_key(&job)), Some(abstain.encode()));
		assert!(mailbox.is_answered(&job));
	}

	/// A storage whose worker clears a job's entries at the worst moment: just before the response is written.
	#[derive(Clone)]
	struct Clearing(SharedStorage, Fingerprint);

	impl OffchainStorage for Clearing {
		fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
			for key in [request_key(&self.1), response_key(&self.1)] {
				self.0.remove(STORAGE_PREFIX, &key);
			}
			self.0.set(prefix, key, value);
		}

		fn remove(&mut self, prefix: &[u8], key: &[u8]) {
			self.0.remove(prefix, key);
		}

		fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
			self.0.get(prefix, key)
		}

		fn compare_and_set(&mut self, prefix: &[u8], key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
			self.0.compare_and_set(prefix, key, old, new)
		}
	}

	#[test]
	fn a_response_that_the_worker_clears_the_request_of_meanwhile_is_taken_back() {
		let mut plain = SharedStorage::default();
		let (job, request) = request(7);
		plain.set(STORAGE_PREFIX, &request_key(&job), &request.encode());
		let mut mailbox = Mailbox::new(Clearing(plain.clone(), job));
		mailbox.respond(&job, &InferenceResponse::V1(Err(AbstainReason::NoModel)));
		assert_eq!(plain.get(STORAGE_PREFIX, &response_key(&job)), None);
	}

	#[test]
	fn an_unreadable_entry_is_told_of_once_and_only_so_many_are() {
		let unreadable = Unreadable::default();
		assert!(unreadable.is_news(b"a"));
		assert!(!unreadable.is_news(b"a"));
		assert!(!unreadable.clone().is_news(b"a"), "clones are one");
		for n in 1..KNOWN_UNREADABLE {
			assert!(unreadable.is_news(&n.to_le_bytes()), "{n}");
		}
		assert!(!unreadable.is_news(b"b"));
	}

	#[test]
	fn a_models_status_is_where_the_worker_looks_for_it_and_its_pace_is_found_again() {
		let (notifying, _notices, plain) = storage();
		let model = Hash::repeat_byte(1);
		let pace = Pace { job: 4, input_unit: 2, output_unit: 1 };
		let mut mailbox = Mailbox::new(plain);
		assert_eq!(mailbox.told_pace(&model), None);
		for (availability, told) in [(Availability::Serves(pace), Some(pace)), (Availability::Withdrawn, None)] {
			mailbox.set_model_status(&model, availability);
			let statuses = ModelStatuses::V1([(model, availability)].into());
			assert_eq!(notifying.get(STORAGE_PREFIX, MODELS), Some(statuses.encode()));
			assert_eq!(mailbox.told_pace(&model), told);
		}
	}
}

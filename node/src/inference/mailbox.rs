//! Native code's end of the channel to the offchain worker: see [`sibyl_primitives::mailbox`].
//!
//! The worker's writes go through [`NotifyingStorage`], which tells native code of those that are for it. What native
//! code writes, it writes through [`Mailbox`], which tells nobody.

use super::metrics::Metrics;
use async_channel::{Receiver, Sender, TrySendError};
use codec::{Decode, DecodeAll, Encode};
use sibyl_primitives::{
	job::Fingerprint,
	mailbox::{
		model_status_key, request_key, response_key, InferenceRequest, InferenceResponse, ModelStatus, OUTBOX,
		REQUEST_PREFIX,
	},
	model::ModelId,
	vote::VersionedBallot,
};
use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};

const LOG_TARGET: &str = "inference::mailbox";

/// Requests that may wait for the engine's service. One that finds no room is found again at the next block.
const WAITING_REQUESTS: usize = 1024;
/// Ballots that may wait to be sent. The worker puts votes out again for as long as the chain lacks them.
const WAITING_BALLOTS: usize = 256;

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
	metrics: Metrics,
}

impl<Storage> NotifyingStorage<Storage> {
	/// The same storage, and what hears of its writes.
	pub fn new(inner: Storage, metrics: Metrics) -> (Self, Notices) {
		let (requests, heard_requests) = async_channel::bounded(WAITING_REQUESTS);
		let (ballots, heard_ballots) = async_channel::bounded(WAITING_BALLOTS);
		(Self { inner, requests, ballots, metrics }, Notices { requests: heard_requests, ballots: heard_ballots })
	}

	fn written(&self, prefix: &[u8], key: &[u8], value: &[u8]) {
		if prefix != STORAGE_PREFIX {
			return;
		}
		if key == OUTBOX {
			self.notify(&self.ballots, value, "a vote ballot");
		} else if key.starts_with(REQUEST_PREFIX) {
			self.notify(&self.requests, value, "a request");
		}
	}

	/// Never waits: it runs inside the worker's call.
	fn notify<T: Decode>(&self, listener: &Sender<T>, mut value: &[u8], what: &str) {
		let Some(entry) = readable(T::decode_all(&mut value), what) else { return };
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
pub struct Mailbox<Storage>(Storage);

impl<Storage: OffchainStorage> Mailbox<Storage> {
	/// The mailbox in this storage; its clones share the database.
	pub fn new(storage: Storage) -> Self {
		Self(storage)
	}

	/// What the worker wants to know of a job.
	pub fn request(&self, job: &Fingerprint) -> Option<InferenceRequest> {
		self.get(&request_key(job), "a request")
	}

	/// Whether a job has been answered, in whatever version.
	pub fn is_answered(&self, job: &Fingerprint) -> bool {
		self.0.get(STORAGE_PREFIX, &response_key(job)).is_some()
	}

	/// Answers a request that is still there: once the worker has cleared a job's entries nobody would clear another.
	pub fn respond(&mut self, job: &Fingerprint, response: &InferenceResponse) {
		if self.0.get(STORAGE_PREFIX, &request_key(job)).is_some() {
			self.0.set(STORAGE_PREFIX, &response_key(job), &response.encode());
		}
	}

	/// Says whether this node can run a model.
	pub fn set_model_status(&mut self, model: &ModelId, status: ModelStatus) {
		self.0.set(STORAGE_PREFIX, &model_status_key(model), &status.encode());
	}

	fn get<T: Decode>(&self, key: &[u8], what: &str) -> Option<T> {
		let value = self.0.get(STORAGE_PREFIX, key)?;
		readable(T::decode_all(&mut &value[..]), what)
	}
}

/// What could be read. A runtime that has been upgraded may write what this node is too old for.
fn readable<T>(decoded: Result<T, codec::Error>, what: &str) -> Option<T> {
	decoded
		.inspect_err(|error| {
			log::warn!(
				target: LOG_TARGET,
				"The mailbox holds {what} that can't be read; this node may be too old for the runtime: {error}",
			)
		})
		.ok()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{metrics, request, versioned_ballot as ballot, SharedStorage};
	use sibyl_primitives::{job::AbstainReason, model::Standing, Hash};

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

	#[test]
	fn a_models_status_is_where_the_worker_looks_for_it() {
		let (notifying, _notices, plain) = storage();
		let model = Hash::repeat_byte(1);
		let status = ModelStatus::V1(Standing::Serves { capacity: 4 });
		Mailbox::new(plain).set_model_status(&model, status);
		assert_eq!(notifying.get(STORAGE_PREFIX, &model_status_key(&model)), Some(status.encode()));
	}
}

//! Gives chunks to others.

use crate::{
	budget::{Budget, Rate, Spent},
	leaves::{Tree, Trees},
	merkle::chunk_length,
	message::{Request, Response, VersionedRequest, REQUEST_TIMEOUT},
	shelf::Stamp,
	FileId, Metrics, Shelf, LOG_TARGET,
};
use async_channel::Receiver;
use codec::DecodeAll;
use futures::{
	channel::oneshot,
	future::BoxFuture,
	stream::{FuturesUnordered, StreamExt},
	FutureExt,
};
use parking_lot::RwLock;
use sc_network::{
	config::{IncomingRequest, OutgoingResponse},
	PeerId, ReputationChange,
};
use sibyl_primitives::{model::CHUNK_BYTES, Hash};
use std::{
	collections::{BTreeSet, HashMap},
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::task::spawn_blocking;

/// Chunks that are being read or sent at once. Each takes its bytes of memory until the network has written it out, however
/// slowly the peer reads.
const CHUNKS_AT_ONCE: usize = 16;

/// The same for one peer.
const CHUNKS_OF_A_PEER: usize = 4;

/// Requests of each kind; an honest node asks for less, since it waits when it is told to.
const REQUESTS_OF_A_PEER: Rate = Rate { per_second: 50, burst: 100 };

/// The same of all peers together.
const REQUESTS: Rate = Rate { per_second: 500, burst: 1_000 };

/// When to ask again for a file whose chunks are being hashed, or while others are given theirs.
const SOON: Duration = Duration::from_millis(500);

/// For what no node of this protocol sends.
const MALFORMED: ReputationChange = ReputationChange::new(-(1 << 24), "a malformed request for a file");

/// For each request beyond what an honest node asks: some thousand of them are a ban.
const FLOOD: ReputationChange = ReputationChange::new(-(1 << 20), "too many requests for files");

/// What a node gives at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// Bytes a second for all peers together; one gets at most half of them. With 0 nothing is given.
	pub bytes_per_second: u64,
}

impl Limits {
	fn bytes(self) -> Budget {
		let rate = |per_second: u64| Rate {
			per_second,
			// After a pause two seconds' worth at once; a chunk in any case.
			burst: if per_second == 0 { 0 } else { per_second.saturating_mul(2).max(CHUNK_BYTES.into()) },
		};
		Budget::new(rate(self.bytes_per_second.div_ceil(2)), rate(self.bytes_per_second), Instant::now())
	}
}

/// The files that the chain lists: no others are given. Clones are one.
#[derive(Clone, Default)]
pub struct Listed(Arc<RwLock<BTreeSet<FileId>>>);

impl Listed {
	/// Takes over what the chain lists by now.
	pub fn replace(&self, files: BTreeSet<FileId>) {
		*self.0.write() = files;
	}

	fn contains(&self, file: &FileId) -> bool {
		self.0.read().contains(file)
	}
}

/// What the server was waiting for.
enum Done {
	/// A response is written out, or given up.
	Sent(PeerId),
	/// As before, and the file is not what it was when its chunks were hashed.
	Changed(PeerId, Hash),
	/// A file's chunks are hashed.
	Grown(Hash, Stamp, Tree),
}

/// What to do about a request.
enum Verdict {
	Say(Response),
	Refuse(ReputationChange, &'static str),
	Give(Arc<Tree>, FileId, u32),
}

/// Gives chunks of the files of a shelf that the chain lists.
pub struct Server {
	shelf: Shelf,
	listed: Listed,
	requests: Receiver<IncomingRequest>,
	budget: Budget,
	bytes: Budget,
	trees: Trees,
	/// The file whose chunks are being hashed: one at a time.
	growing: Option<Hash>,
	/// Chunks on their way to each peer.
	sending: HashMap<PeerId, usize>,
	running: FuturesUnordered<BoxFuture<'static, Done>>,
	metrics: Metrics,
}

impl Server {
	/// A server of requests that come by the protocol.
	pub fn new(
		shelf: Shelf,
		listed: Listed,
		requests: Receiver<IncomingRequest>,
		limits: Limits,
		metrics: Metrics,
	) -> Self {
		let budget = Budget::new(REQUESTS_OF_A_PEER, REQUESTS, Instant::now());
		Self {
			shelf,
			listed,
			requests,
			budget,
			bytes: limits.bytes(),
			trees: Trees::default(),
			growing: None,
			sending: HashMap::new(),
			running: FuturesUnordered::new(),
			metrics,
		}
	}

	/// Serves until the network is gone. What takes long is done in threads of their own; a look at the disk, as whether a
	/// file is there, is made here.
	pub async fn run(mut self) {
		loop {
			tokio::select! {
				Some(done) = self.running.next() => self.note(done),
				request = self.requests.recv() => match request {
					Ok(request) => self.take(request),
					Err(_) => return,
				},
			}
		}
	}

	fn note(&mut self, done: Done) {
		match done {
			Done::Sent(peer) => self.sent(peer),
			Done::Changed(peer, file) => {
				self.trees.drop(&file);
				self.sent(peer);
			}
			Done::Grown(file, stamp, tree) => {
				self.growing = None;
				self.trees.keep(file, stamp, tree);
			}
		}
	}

	fn sent(&mut self, peer: PeerId) {
		if let Some(count) = self.sending.get_mut(&peer) {
			*count -= 1;
			if *count == 0 {
				self.sending.remove(&peer);
			}
		}
	}

	fn take(&mut self, IncomingRequest { peer, payload, pending_response }: IncomingRequest) {
		match self.judge(peer, &payload, Instant::now()) {
			Verdict::Give(tree, file, index) => self.give(peer, tree, file, index, pending_response),
			Verdict::Say(response) => {
				let outcome = match response {
					Response::Has => "has",
					Response::Busy { .. } => "busy",
					Response::Absent | Response::Chunk { .. } => "absent",
				};
				self.count(outcome);
				// Where the peer is gone nobody waits for it.
				let _ = pending_response.send(said(response, None));
			}
			Verdict::Refuse(change, outcome) => {
				self.count(outcome);
				let refused =
					OutgoingResponse { result: Err(()), reputation_changes: vec![change], sent_feedback: None };
				let _ = pending_response.send(refused);
			}
		}
	}

	fn count(&self, outcome: &str) {
		self.metrics.requests.with_label_values(&[outcome]).inc();
	}

	fn judge(&mut self, peer: PeerId, payload: &[u8], now: Instant) -> Verdict {
		match self.budget.take(peer, 1, now) {
			Ok(()) => {}
			Err(Spent::Peer(_)) => return Verdict::Refuse(FLOOD, "busy"),
			Err(Spent::All(after)) => return busy(after),
			Err(Spent::Never) => return Verdict::Say(Response::Absent),
		}
		match VersionedRequest::decode_all(&mut &*payload) {
			Ok(VersionedRequest::V1(Request::Has(file))) => Verdict::Say(match self.tree(&file) {
				Some(_) => Response::Has,
				None => Response::Absent,
			}),
			Ok(VersionedRequest::V1(Request::Chunk { file, index })) => self.judge_chunk(peer, file, index, now),
			Err(_) => Verdict::Refuse(MALFORMED, "malformed"),
		}
	}

	fn judge_chunk(&mut self, peer: PeerId, file: FileId, index: u32, now: Instant) -> Verdict {
		let Some(length) = chunk_length(file.size, index) else { return Verdict::Refuse(MALFORMED, "malformed") };
		let tree = match self.tree(&file) {
			None => return Verdict::Say(Response::Absent),
			Some(Err(stamp)) => {
				self.grow(file.sha256, stamp);
				return busy(SOON);
			}
			Some(Ok(tree)) => tree,
		};
		let of_peer = self.sending.get(&peer).copied().unwrap_or_default();
		if of_peer >= CHUNKS_OF_A_PEER || self.sending.values().sum::<usize>() >= CHUNKS_AT_ONCE {
			return busy(SOON);
		}
		match self.bytes.take(peer, length as u64, now) {
			Ok(()) => Verdict::Give(tree, file, index),
			Err(Spent::Peer(after) | Spent::All(after)) => busy(after),
			Err(Spent::Never) => Verdict::Say(Response::Absent),
		}
	}

	/// A listed file's tree, or what it has to be grown from; none where the node does not have the file.
	fn tree(&self, file: &FileId) -> Option<Result<Arc<Tree>, Stamp>> {
		let stamp = self.shelf.stamp(&file.sha256).filter(|_| self.listed.contains(file) && self.shelf.has(file))?;
		match self.trees.of(&file.sha256, stamp) {
			Some(tree) => tree.is_of(file).then_some(Ok(tree)),
			None => Some(Err(stamp)),
		}
	}

	/// Hashes a file's chunks, unless another file's are being hashed.
	fn grow(&mut self, file: Hash, stamp: Stamp) {
		if self.growing.is_some() {
			return;
		}
		self.growing = Some(file);
		let shelf = self.shelf.clone();
		let grown = spawn_blocking(move || Tree::grow(&shelf, &file));
		self.running.push(
			async move {
				match grown.await {
					Ok(tree) => Done::Grown(file, stamp, tree),
					Err(error) => {
						log::error!(target: LOG_TARGET, "The hashing of a file ended: {error}");
						Done::Grown(file, stamp, Tree::none())
					}
				}
			}
			.boxed(),
		);
	}

	fn give(
		&mut self,
		peer: PeerId,
		tree: Arc<Tree>,
		file: FileId,
		index: u32,
		pending: oneshot::Sender<OutgoingResponse>,
	) {
		*self.sending.entry(peer).or_default() += 1;
		let (shelf, metrics) = (self.shelf.clone(), self.metrics.clone());
		let read = spawn_blocking(move || tree.chunk(&shelf, &file, index));
		self.running.push(
			async move {
				let Ok(Some((bytes, proof))) = read.await else {
					metrics.requests.with_label_values(&["absent"]).inc();
					let _ = pending.send(said(Response::Absent, None));
					return Done::Changed(peer, file.sha256);
				};
				metrics.requests.with_label_values(&["chunk"]).inc();
				metrics.served_bytes.inc_by(bytes.len() as u64);
				let (written, is_written) = oneshot::channel();
				let _ = pending.send(said(Response::Chunk { bytes, proof }, Some(written)));
				// It is dropped, too, where the peer is gone.
				let _ = tokio::time::timeout(REQUEST_TIMEOUT, is_written).await;
				Done::Sent(peer)
			}
			.boxed(),
		);
	}
}

fn said(response: Response, sent_feedback: Option<oneshot::Sender<()>>) -> OutgoingResponse {
	OutgoingResponse { result: Ok(response.encode()), reputation_changes: Vec::new(), sent_feedback }
}

fn busy(after: Duration) -> Verdict {
	Verdict::Say(Response::Busy { after: after.as_millis().try_into().unwrap_or(u32::MAX) })
}

#[cfg(test)]
#[path = "server_fuzz.rs"]
mod fuzz;
#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

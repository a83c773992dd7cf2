//! One turn of one file.

use super::{
	ask::{self, Given},
	described, Fetcher, Patience, Peers,
};
use crate::{partial::Partial, Fetching, FileId, Metrics, Network, Progress, Wanted, LOG_TARGET};
use futures::{
	future::BoxFuture,
	stream::{FuturesUnordered, StreamExt},
	FutureExt,
};
use sc_network::{PeerId, ReputationChange};
use std::{
	collections::BTreeSet,
	io::{self, ErrorKind},
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{sync::watch, time::sleep_until};

/// Chunks that are asked for at once: a mebibyte of memory each, and few enough that blocks and votes are not held up.
const CHUNKS_AT_ONCE: usize = 4;

/// How long a peer is left alone at most because it says so, and at least.
const BUSY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// How often it is said how far a file is.
const SAY: Duration = Duration::from_secs(60);

/// For a chunk that is not the file's. An honest node checks what it gives: two of these are a ban.
const WRONG_CHUNK: ReputationChange = ReputationChange::new(-(1 << 30), "a wrong chunk of a file");

/// What came of a turn.
#[derive(Debug)]
pub enum Outcome {
	/// All chunks are there; once they are the whole, it is in the store.
	Complete,
	/// Nobody wants it any more.
	Unwanted,
	/// It is others' turn.
	Turn {
		/// Whether any chunk came.
		got_on: bool,
	},
	/// None of so many peers has it.
	NoPeers(usize),
	/// The disk has no room for it.
	NoRoom {
		/// Bytes that are missing.
		needed: u64,
		/// Bytes that there is room for.
		free: u64,
	},
	/// The disk fails.
	Disk(io::Error),
	/// So many chunks were damaged on the disk.
	Damaged(usize),
	/// It is not what the chain says.
	Refused(String),
	/// The node ends.
	Closed,
}

/// What was waited for.
enum Event {
	Asked(PeerId, Option<bool>),
	Given(PeerId, u32, Given),
}

/// A turn.
pub struct Pull<'f> {
	file: FileId,
	wanted: &'f Wanted,
	partial: Arc<Partial>,
	is_alone: bool,
	network: &'f Arc<dyn Network>,
	patience: Patience,
	progress: &'f Progress,
	metrics: &'f Metrics,
	peers: &'f mut Peers,
	missing: BTreeSet<u32>,
	/// Chunks that were asked for.
	in_flight: usize,
	running: FuturesUnordered<BoxFuture<'static, Event>>,
	began: Instant,
	/// When the last chunk came.
	last: Option<Instant>,
	looked: Option<Instant>,
	told: Option<Instant>,
}

impl<'f> Pull<'f> {
	/// A turn for what is missing. If the file is alone it has all the time.
	pub fn new(fetcher: &'f mut Fetcher, wanted: &'f Wanted, partial: Arc<Partial>, is_alone: bool) -> Self {
		let missing = partial.missing().into_iter().collect();
		let Fetcher { network, patience, progress, metrics, peers, .. } = fetcher;
		Self {
			file: wanted.file,
			wanted,
			partial,
			is_alone,
			network,
			patience: *patience,
			progress,
			metrics,
			peers,
			missing,
			in_flight: 0,
			running: FuturesUnordered::new(),
			began: Instant::now(),
			last: None,
			looked: None,
			told: None,
		}
	}

	/// Fetches until something comes in between. What is asked for then is given up; a chunk that is there is kept.
	pub async fn run(mut self, changes: &mut watch::Receiver<Option<Vec<Wanted>>>) -> Outcome {
		loop {
			if self.missing.is_empty() && self.partial.missing().is_empty() {
				return Outcome::Complete;
			}
			let now = Instant::now();
			let is_stalled = now.saturating_duration_since(self.last.unwrap_or(self.began)) >= self.patience.chunk;
			if is_stalled {
				self.peers.kept_waiting(self.patience.peer, now);
			}
			if is_stalled || (!self.is_alone && now.saturating_duration_since(self.began) >= self.patience.turn) {
				return Outcome::Turn { got_on: self.last.is_some() };
			}
			self.look().await;
			self.assign();
			self.show();
			if self.running.is_empty() && self.peers.holders() == 0 {
				return Outcome::NoPeers(self.peers.len());
			}
			let next_look = Instant::now() + self.patience.look;
			let has_work = self.in_flight < CHUNKS_AT_ONCE && !self.missing.is_empty();
			let wake = self.peers.next_free().filter(|_| has_work);
			tokio::select! {
				Some(event) = self.running.next() => if let Some(outcome) = self.note(event) {
					return outcome;
				},
				() = sleep_until(wake.map_or(next_look, |wake| wake.min(next_look)).into()) => {}
				changed = changes.changed() => match changed {
					Err(_) => return Outcome::Closed,
					Ok(()) => {
						let wanted = changes.borrow().clone().unwrap_or_default();
						if !wanted.iter().any(|wanted| wanted.file == self.file) {
							return Outcome::Unwanted;
						}
						self.is_alone &= wanted.len() == 1;
					}
				},
			}
		}
	}

	/// Looks who is connected, and asks those who were not asked.
	async fn look(&mut self) {
		let now = Instant::now();
		if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < self.patience.look) {
			return;
		}
		self.looked = Some(now);
		self.peers.connected(&self.network.peers().await, now);
		for peer in self.peers.unasked(self.patience.look, now) {
			let asked = ask::has(self.network.clone(), peer, self.file, self.patience.answer);
			self.running.push(async move { Event::Asked(peer, asked.await) }.boxed());
		}
	}

	/// Asks for chunks, as many as may be.
	fn assign(&mut self) {
		while self.in_flight < CHUNKS_AT_ONCE {
			let Some(index) = self.missing.first().copied() else { return };
			let Some(peer) = self.peers.choose(Instant::now()) else { return };
			self.missing.remove(&index);
			self.in_flight += 1;
			let (network, partial) = (self.network.clone(), self.partial.clone());
			let fetched_bytes = self.metrics.fetched_bytes.clone();
			let given = ask::chunk(network, peer, self.file, index, partial, fetched_bytes, self.patience.answer);
			self.running.push(async move { Event::Given(peer, index, given.await) }.boxed());
		}
	}

	fn note(&mut self, event: Event) -> Option<Outcome> {
		let now = Instant::now();
		self.in_flight -= usize::from(matches!(event, Event::Given(..)));
		match event {
			Event::Asked(peer, has) => self.peers.said(&peer, has.unwrap_or_default(), now),
			Event::Given(peer, _, Given::Kept) => {
				self.peers.gave(&peer);
				self.last = Some(now);
			}
			Event::Given(_, _, Given::NotKept(error)) => {
				return Some(match error.kind() {
					ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
						Outcome::NoRoom { needed: self.partial.missing_bytes(), free: 0 }
					}
					_ => Outcome::Disk(error),
				})
			}
			Event::Given(peer, index, not) => {
				self.missing.insert(index);
				match not {
					Given::Busy(after) => self.peers.is_busy(&peer, now + after.clamp(BUSY.0, BUSY.1)),
					Given::Absent => self.peers.lost(&peer, now),
					Given::Wrong => self.blame(peer),
					_ => self.peers.failed(&peer, self.patience.peer, now),
				}
			}
		}
		None
	}

	/// A chunk is checked against what the chain says, and by itself: so it is always who sent it that was wrong.
	fn blame(&mut self, peer: PeerId) {
		if self.peers.lied(&peer) {
			self.metrics.refused_peers.inc();
			log::info!(target: LOG_TARGET, "📦 Peer {peer} sent a wrong chunk, and is not asked again");
		}
		self.network.report(peer, WRONG_CHUNK);
	}

	/// Says how far the file is.
	fn show(&mut self) {
		let (bytes, peers) = (self.file.size.saturating_sub(self.partial.missing_bytes()), self.peers.holders());
		self.progress.set(self.file, Fetching::Going { bytes, peers });
		if peers > 0 && self.told.is_none_or(|told| told.elapsed() >= SAY) {
			self.told = Some(Instant::now());
			log::info!(
				target: LOG_TARGET,
				"📦 Model {}: fetching {} from {peers} nodes, {} % are there",
				self.wanted.model,
				described(&self.file),
				100 * bytes / self.file.size.max(1),
			);
		}
	}
}

//! Fetches files from peers, one at a time.

use crate::{
	partial::{Partial, Unfinished},
	Fetching, FileId, Metrics, Network, Progress, Shelf, Wanted, LOG_TARGET,
};
use peers::Peers;
use pull::{Outcome, Pull};
use std::{
	collections::BTreeMap,
	io::ErrorKind,
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{
	sync::watch,
	task::spawn_blocking,
	time::{sleep, sleep_until},
};

mod ask;
mod peers;
mod pull;

/// How often the wait for a file is doubled at most.
const MOST_DOUBLINGS: u32 = 5;

/// How often it is looked whether the last chunk is written.
const AT_THE_END: Duration = Duration::from_millis(5);

/// How long the fetcher waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
	/// For an answer.
	pub answer: Duration,
	/// Until a peer that did not answer is asked again; each time twice as long, five times.
	pub peer: Duration,
	/// Between two looks at who is connected, and until a peer that lacked the file is asked again.
	pub look: Duration,
	/// Until a file is tried again that nobody had, or that the disk had no room for; each time twice as long, five times.
	pub file: Duration,
	/// For the next chunk of a file, before others have their turn.
	pub chunk: Duration,
	/// How long a file is fetched while others wait.
	pub turn: Duration,
}

impl Default for Patience {
	fn default() -> Self {
		let seconds = Duration::from_secs;
		Self {
			answer: seconds(30),
			peer: seconds(1),
			look: seconds(15),
			file: seconds(15),
			chunk: seconds(120),
			turn: seconds(600),
		}
	}
}

/// How it stands with a file that is not complete.
#[derive(Default)]
struct Standing {
	/// It is tried again then; never where it was given up.
	not_before: Option<Instant>,
	is_given_up: bool,
	/// How often in a row it did not get on.
	failures: u32,
	/// When its last turn ended.
	turn: Option<Instant>,
	/// What was said last of why it waits.
	told: Option<String>,
}

/// Fetches what is wanted.
pub struct Fetcher {
	shelf: Shelf,
	network: Arc<dyn Network>,
	patience: Patience,
	progress: Progress,
	metrics: Metrics,
	peers: Peers,
	standings: BTreeMap<FileId, Standing>,
}

impl Fetcher {
	/// Fetches into the shelf. How far it is can be read from `progress`.
	pub fn new(
		shelf: Shelf,
		network: Arc<dyn Network>,
		patience: Patience,
		progress: Progress,
		metrics: Metrics,
	) -> Self {
		Self { shelf, network, patience, progress, metrics, peers: Peers::default(), standings: BTreeMap::new() }
	}

	/// Fetches what is wanted by now, until nobody can want anything any more. Files of which a part is there from before and
	/// that are not wanted are deleted, once it is known what is.
	///
	/// What takes long is done in threads of their own; a look at the disk, as whether a file is there, is made here.
	pub async fn run(mut self, mut wanted: watch::Receiver<Option<Vec<Wanted>>>) {
		loop {
			let known = wanted.borrow_and_update().clone();
			let Some(list) = known else {
				if wanted.changed().await.is_err() {
					return;
				}
				continue;
			};
			self.take_over(&list);
			let now = Instant::now();
			let mut waiting: Vec<_> = list.iter().filter(|wanted| self.is_to_fetch(wanted)).collect();
			waiting.sort_by_key(|wanted| self.standings.get(&wanted.file).and_then(|standing| standing.turn));
			let not_before =
				|wanted: &Wanted| self.standings.get(&wanted.file).and_then(|standing| standing.not_before);
			let ready: Vec<_> =
				waiting.iter().filter(|wanted| not_before(wanted).is_none_or(|time| time <= now)).collect();
			if let [next, ..] = &ready[..] {
				let (next, is_alone) = ((**next).clone(), waiting.len() == 1);
				let outcome = self.pull(&next, is_alone, &mut wanted).await;
				if matches!(outcome, Outcome::Closed) {
					return;
				}
				self.note(&next, outcome);
				continue;
			}
			let next = waiting.iter().filter_map(|wanted| not_before(wanted)).min();
			let pause = async {
				match next {
					Some(time) => sleep_until(time.into()).await,
					None => std::future::pending().await,
				}
			};
			tokio::select! {
				() = pause => {}
				changed = wanted.changed() => if changed.is_err() {
					return;
				},
			}
		}
	}

	/// Forgets what is not wanted any more.
	fn take_over(&mut self, list: &[Wanted]) {
		let files: Vec<_> = list.iter().map(|wanted| wanted.file).collect();
		self.standings.retain(|file, _| files.contains(file));
		self.progress.retain(|file| files.contains(file));
		self.shelf.sweep(&files);
	}

	fn is_to_fetch(&self, Wanted { file, .. }: &Wanted) -> bool {
		let is_given_up = self.standings.get(file).is_some_and(|standing| standing.is_given_up);
		!is_given_up && !self.shelf.has(file)
	}

	async fn pull(
		&mut self,
		wanted: &Wanted,
		is_alone: bool,
		changes: &mut watch::Receiver<Option<Vec<Wanted>>>,
	) -> Outcome {
		let (shelf, file) = (self.shelf.clone(), wanted.file);
		let opened = spawn_blocking(move || {
			let partial = shelf.resume(&file)?;
			let (needed, free) = (partial.missing_bytes(), shelf.free()?);
			Ok((partial, needed, free))
		});
		let (partial, needed, free) = match opened.await {
			Ok(Ok(opened)) => opened,
			Ok(Err(error)) => return Outcome::Disk(error),
			Err(error) => return Outcome::Disk(std::io::Error::other(error)),
		};
		if free < needed {
			return Outcome::NoRoom { needed, free };
		}
		let partial = Arc::new(partial);
		self.peers.begin();
		let pull = Pull::new(self, wanted, partial.clone(), is_alone);
		let outcome = pull.run(changes).await;
		// A chunk that came at the last moment may still be written.
		while Arc::strong_count(&partial) > 1 {
			sleep(AT_THE_END).await;
		}
		match outcome {
			Outcome::Complete => self.finish(partial).await,
			outcome => outcome,
		}
	}

	/// Puts a file whose chunks are all there into the store.
	async fn finish(&self, partial: Arc<Partial>) -> Outcome {
		match spawn_blocking(move || partial.finish()).await {
			Ok(Ok(())) => Outcome::Complete,
			Ok(Err(Unfinished::Damaged(chunks))) => Outcome::Damaged(chunks),
			Ok(Err(Unfinished::Refused(why))) => Outcome::Refused(why),
			Ok(Err(Unfinished::Disk(error))) => Outcome::Disk(error),
			Err(error) => Outcome::Disk(std::io::Error::other(error)),
		}
	}

	/// Takes down what came of a file's turn, and says it, unless that was said last.
	fn note(&mut self, wanted: &Wanted, outcome: Outcome) {
		let Wanted { file, model } = wanted;
		let now = Instant::now();
		let standing = self.standings.entry(*file).or_default();
		standing.turn = Some(now);
		match &outcome {
			Outcome::Complete => {
				self.metrics.fetched.inc();
				self.progress.retain(|other| other != file);
				self.standings.remove(file);
				log::info!(target: LOG_TARGET, "📦 Model {model}: fetched {}", described(file));
				return;
			}
			Outcome::Unwanted | Outcome::Closed => return,
			Outcome::Turn { got_on: true } => {
				standing.failures = 0;
				return;
			}
			Outcome::Refused(why) => {
				standing.is_given_up = true;
				let why = format!("it is not what the chain names, so it is given up: {why}");
				log::warn!(target: LOG_TARGET, "📦 Model {model}: {}: {why}", described(file));
				self.progress.set(*file, Fetching::Waits(why));
				return;
			}
			_ => {}
		}
		standing.not_before = Some(now + self.patience.file * (1 << standing.failures.min(MOST_DOUBLINGS)));
		standing.failures += 1;
		let folder = self.shelf.folder().display();
		let why = match &outcome {
			Outcome::NoRoom { needed, free } => format!(
				"the disk of {folder} has no room for the {} that are missing, but {}, beside what is left free for the \
				 node: free some space, or name fewer models; what was fetched is kept",
				megabytes(*needed),
				megabytes(*free),
			),
			Outcome::Disk(error) if error.kind() == ErrorKind::WouldBlock => "another process fetches it".into(),
			Outcome::Disk(error) => format!("{folder} can't be written to: {error}"),
			Outcome::NoPeers(0) => "no node is connected".into(),
			Outcome::NoPeers(_) => "no node that is connected gives it".into(),
			Outcome::Damaged(chunks) => format!("{chunks} chunks were damaged on the disk of {folder}"),
			_ => "those who have it give nothing of it".into(),
		};
		if standing.told.as_ref() != Some(&why) {
			log::warn!(target: LOG_TARGET, "📦 Model {model}: {} waits: {why}", described(file));
			standing.told = Some(why.clone());
		}
		self.progress.set(*file, Fetching::Waits(why));
	}
}

/// How a file is called in the log.
fn described(file: &FileId) -> String {
	format!("file {:.8} ({})", crate::shelf::name(&file.sha256).to_string(), megabytes(file.size))
}

fn megabytes(bytes: u64) -> String {
	format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
#[path = "fetcher/tests.rs"]
mod tests;

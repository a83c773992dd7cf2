//! Says how far this machine's clock is off, by the blocks of others as they come.
//!
//! A block's slot says when it was made, by its author's clock. Where every block comes from the future, or every one late,
//! it is this clock that is wrong: BABE then refuses the others' blocks, or nobody keeps this node's.

use parking_lot::Mutex;
use sc_consensus::{
	import_queue::{ImportQueue, ImportQueueService, IncomingBlock, Link, RuntimeOrigin},
	DefaultImportQueue,
};
use sibyl_runtime::{
	constants::SLOT_DURATION,
	opaque::{Block, Header},
	BlockNumber, Hash,
};
use sp_consensus::BlockOrigin;
use sp_runtime::Justifications;
use std::{
	collections::VecDeque,
	sync::Arc,
	task::Context,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const LOG_TARGET: &str = "node";

/// Blocks that have to be late, one after another. One author's clock may be wrong as well.
const LATE_BLOCKS: usize = 8;

/// Blocks that have to come from the future, one after another: few do, since they are refused and who sends them is banned.
const EARLY_BLOCKS: usize = 3;

/// How much earlier than its slot a block comes only if the clock is behind, in milliseconds.
const EARLY: i64 = 1_000;

/// How much later than its slot a block comes only if the clock is ahead, or the network or this machine very slow.
const LATE: i64 = 2 * SLOT_DURATION as i64;

/// How often it is said.
const AGAIN: Duration = Duration::from_secs(300);

/// How late the last blocks of others were, in milliseconds.
#[derive(Default)]
struct Lateness(VecDeque<(Hash, i64)>);

/// What the blocks say of this clock: by so many milliseconds.
#[derive(Debug, PartialEq, Eq)]
enum Off {
	Behind(i64),
	Ahead(i64),
}

impl Lateness {
	fn note(&mut self, block: Hash, late: i64) -> Option<Off> {
		// What is refused is sent again.
		if self.0.iter().any(|(known, _)| *known == block) {
			return None;
		}
		if self.0.len() >= LATE_BLOCKS {
			self.0.pop_front();
		}
		self.0.push_back((block, late));
		let last = |count: usize| self.0.iter().rev().take(count).map(|(_, late)| *late);
		match () {
			// Of blocks that are fetched together, the newest says most.
			() if self.0.len() >= EARLY_BLOCKS && last(EARLY_BLOCKS).all(|late| late < -EARLY) => {
				last(EARLY_BLOCKS).min().map(|earliest| Off::Behind(-earliest))
			}
			() if self.0.len() >= LATE_BLOCKS && last(LATE_BLOCKS).all(|late| late > LATE) => {
				last(LATE_BLOCKS).min().map(Off::Ahead)
			}
			() => None,
		}
	}
}

impl Off {
	fn text(&self) -> String {
		let seconds = |millis: i64| millis as f64 / 1_000.0;
		match self {
			Self::Behind(millis) => format!(
				"This machine's clock is about {:.1} s behind those of the others, whose blocks come from its future and are \
				 refused: let it be set by NTP (timedatectl shows whether it is)",
				seconds(*millis)
			),
			Self::Ahead(millis) => format!(
				"This machine's clock is about {:.1} s ahead of those of the others, so that nobody keeps its blocks; or all \
				 blocks reach it that late. Let it be set by NTP (timedatectl shows whether it is)",
				seconds(*millis)
			),
		}
	}
}

struct Watch {
	lateness: Lateness,
	told: Option<Instant>,
}

impl Watch {
	fn see(&mut self, origin: BlockOrigin, header: &Header) {
		let Ok(digest) = sc_consensus_babe::find_pre_digest::<Block>(header) else { return };
		let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
		let made = u64::from(digest.slot()).saturating_mul(SLOT_DURATION) as i64;
		let late = now.saturating_sub(made);
		// What is fetched while the node catches up is old.
		if late > 0 && origin != BlockOrigin::NetworkBroadcast {
			return;
		}
		let Some(off) = self.lateness.note(header.hash(), late) else { return };
		if self.told.is_none_or(|told| told.elapsed() > AGAIN) {
			self.told = Some(Instant::now());
			log::warn!(target: LOG_TARGET, "{}", off.text());
		}
	}
}

/// An import queue that looks at the blocks that it is given.
pub struct WatchedQueue {
	queue: DefaultImportQueue<Block>,
	service: WatchedService,
}

struct WatchedService {
	inner: Box<dyn ImportQueueService<Block>>,
	watch: Arc<Mutex<Watch>>,
}

impl WatchedQueue {
	/// The same queue, watched.
	pub fn new(queue: DefaultImportQueue<Block>) -> Self {
		let watch = Arc::new(Mutex::new(Watch { lateness: Lateness::default(), told: None }));
		let service = WatchedService { inner: queue.service(), watch };
		Self { queue, service }
	}
}

impl ImportQueueService<Block> for WatchedService {
	fn import_blocks(&mut self, origin: BlockOrigin, blocks: Vec<IncomingBlock<Block>>) {
		for header in blocks.iter().filter_map(|block| block.header.as_ref()) {
			self.watch.lock().see(origin, header);
		}
		self.inner.import_blocks(origin, blocks);
	}

	fn import_justifications(
		&mut self,
		who: RuntimeOrigin,
		hash: Hash,
		number: BlockNumber,
		justifications: Justifications,
	) {
		self.inner.import_justifications(who, hash, number, justifications);
	}
}

#[async_trait::async_trait]
impl ImportQueue<Block> for WatchedQueue {
	fn service(&self) -> Box<dyn ImportQueueService<Block>> {
		Box::new(WatchedService { inner: self.queue.service(), watch: self.service.watch.clone() })
	}

	fn service_ref(&mut self) -> &mut dyn ImportQueueService<Block> {
		&mut self.service
	}

	fn poll_actions(&mut self, cx: &mut Context<'_>, link: &dyn Link<Block>) {
		self.queue.poll_actions(cx, link);
	}

	async fn run(self, link: &dyn Link<Block>) {
		self.queue.run(link).await;
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn off(late: &[i64]) -> Option<Off> {
		let mut lateness = Lateness::default();
		let blocks = (0..).map(Hash::from_low_u64_be);
		blocks.zip(late).map(|(block, late)| lateness.note(block, *late)).last().flatten()
	}

	#[test]
	fn a_clock_is_behind_where_all_blocks_come_from_the_future() {
		assert_eq!(off(&[-3_800, -6_800, -9_800]), Some(Off::Behind(9_800)), "they are fetched together");
		assert_eq!(off(&[400, 400, -9_800, -9_700, -9_800]), Some(Off::Behind(9_800)), "old ones count no more");
		let said = Off::Behind(9_800).text();
		assert!(said.contains("9.8 s behind") && said.contains("NTP"), "{said}");
	}

	#[test]
	fn a_clock_is_ahead_where_all_blocks_come_late() {
		assert_eq!(off(&[10_300, 11_000, 10_200, 10_900, 10_300, 10_300, 10_300, 10_300]), Some(Off::Ahead(10_200)));
		assert!(Off::Ahead(10_200).text().contains("10.2 s ahead"));
	}

	#[test]
	fn few_blocks_or_some_that_come_in_time_say_nothing() {
		assert_eq!(off(&[-9_800; EARLY_BLOCKS - 1]), None);
		assert_eq!(off(&[10_300; LATE_BLOCKS - 1]), None);
		assert_eq!(off(&[-9_800, -9_800, 400]), None, "one author's clock is ahead, not all are");
		let mut mixed = [10_300; LATE_BLOCKS];
		mixed[3] = 400;
		assert_eq!(off(&mixed), None);
		assert_eq!(off(&[1_500; LATE_BLOCKS]), None);
	}

	#[test]
	fn a_block_that_is_sent_again_counts_once() {
		let mut lateness = Lateness::default();
		let same = (0..EARLY_BLOCKS).filter_map(|_| lateness.note(Hash::zero(), -9_800)).count();
		assert_eq!(same, 0);
	}
}

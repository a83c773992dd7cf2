//! Says how far this machine's clock is off, by the blocks of others as they come, and keeps those from its future until
//! their time has come.
//!
//! A block's slot says when it was made, by its author's clock. Where every block comes from the future, or every one late,
//! it is this clock that is wrong: nobody keeps this node's blocks, or BABE refuses the others', and the SDK bans the peers
//! that sent them. Those peers did nothing wrong. So a block from the future waits here, if one of the session's validators
//! has sealed it.
//!
//! A peer can make up headers. So the seal is checked here, and the clock is said to be off only where blocks of several
//! validators say the same.

mod early;

use early::Early;
use parking_lot::Mutex;
use sc_consensus::{
	import_queue::{ImportQueue, ImportQueueService, IncomingBlock, Link, RuntimeOrigin},
	DefaultImportQueue,
};
use sc_consensus_babe::{AuthorityId, CompatibleDigestItem};
use sibyl_runtime::{
	constants::SLOT_DURATION,
	opaque::{Block, Header},
	BlockNumber, Hash,
};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_consensus::BlockOrigin;
use sp_consensus_babe::{AuthorityPair, BabeApi};
use sp_core::Pair;
use sp_runtime::{traits::Header as _, Justifications};
use std::{
	collections::{BTreeSet, VecDeque},
	sync::Arc,
	task::Context,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const LOG_TARGET: &str = "node";

/// The validators of this session and of the next, who may have made the blocks that come now, in their order.
type Validators = Arc<dyn Fn() -> Vec<Vec<AuthorityId>> + Send + Sync>;

/// Blocks that have to be late, one after another. One author's clock may be wrong as well.
const LATE_BLOCKS: usize = 8;

/// Blocks that have to come from the future, one after another: this can't be the network's fault, as lateness can.
const EARLY_BLOCKS: usize = 3;

/// How much earlier than its slot a block comes only if the clock is behind, in milliseconds.
const EARLY: i64 = 1_000;

/// How much later than its slot a block comes only if the clock is ahead, or the network or this machine very slow.
const LATE: i64 = 2 * SLOT_DURATION as i64;

/// How often it is looked which blocks' time has come: the clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often it is said.
const AGAIN: Duration = Duration::from_secs(300);

/// A block of another node: who made it, and how late it came, in milliseconds.
#[derive(Clone)]
struct Seen {
	block: Hash,
	author: AuthorityId,
	late: i64,
}

/// How late the last blocks of others were.
#[derive(Default)]
struct Lateness(VecDeque<Seen>);

/// What the blocks say of this clock: by so many milliseconds.
#[derive(Debug, PartialEq, Eq)]
enum Off {
	Behind(i64),
	Ahead(i64),
}

impl Lateness {
	/// Notes a block. What it says counts once so many validators say the same.
	fn note(&mut self, seen: Seen, authors: usize) -> Option<Off> {
		// What is refused is sent again.
		if self.0.iter().any(|known| known.block == seen.block) {
			return None;
		}
		if self.0.len() >= LATE_BLOCKS {
			self.0.pop_front();
		}
		self.0.push_back(seen);
		let says = |count: usize, what: fn(i64) -> bool| {
			let last: Vec<_> = self.0.iter().rev().take(count).collect();
			let by: BTreeSet<_> = last.iter().map(|seen| &seen.author).collect();
			(last.len() == count && by.len() >= authors.min(count) && last.iter().all(|seen| what(seen.late))).then(
				|| {
					// Of blocks that are fetched together, the newest says most.
					last.iter().map(|seen| seen.late).min().unwrap_or_default()
				},
			)
		};
		says(EARLY_BLOCKS, |late| late < -EARLY)
			.map(|earliest| Off::Behind(-earliest))
			.or_else(|| says(LATE_BLOCKS, |late| late > LATE).map(Off::Ahead))
	}
}

impl Off {
	fn text(&self) -> String {
		let seconds = |millis: i64| millis as f64 / 1_000.0;
		match self {
			Self::Behind(millis) => format!(
				"This machine's clock is about {:.1} s behind those of the others, whose blocks come from its future and have to \
				 wait: let it be set by NTP (timedatectl shows whether it is)",
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
	validators: Validators,
}

/// This machine's clock, in milliseconds since 1970.
fn now() -> i64 {
	SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl Watch {
	fn see(&mut self, origin: BlockOrigin, header: &Header) {
		let Some(off) = self.off(origin, header, now()) else { return };
		if self.told.is_none_or(|told| told.elapsed() > AGAIN) {
			self.told = Some(Instant::now());
			log::warn!(target: LOG_TARGET, "{}", off.text());
		}
	}

	/// What the clock is off by this block and those before it, at this time in milliseconds.
	fn off(&mut self, origin: BlockOrigin, header: &Header, now: i64) -> Option<Off> {
		let digest = sc_consensus_babe::find_pre_digest::<Block>(header).ok()?;
		let made = u64::from(digest.slot()).saturating_mul(SLOT_DURATION) as i64;
		let late = now.saturating_sub(made);
		// What is fetched while the node catches up is old.
		if late > 0 && origin != BlockOrigin::NetworkBroadcast {
			return None;
		}
		let sessions = (self.validators)();
		let author = author(header, &sessions)?.clone();
		// Of so many, one has a right clock, or the chain would stand still.
		let authors = sessions.iter().map(Vec::len).max().unwrap_or_default() / 3 + 1;
		self.lateness.note(Seen { block: header.hash(), author, late }, authors)
	}
}

/// Who of these has sealed a header, in the place that the header names.
fn author<'a>(header: &Header, sessions: &'a [Vec<AuthorityId>]) -> Option<&'a AuthorityId> {
	let place = sc_consensus_babe::find_pre_digest::<Block>(header).ok()?.authority_index() as usize;
	let mut validators = sessions.iter().filter_map(|validators| validators.get(place));
	let mut unsealed = header.clone();
	let seal = unsealed.digest_mut().pop()?.as_babe_seal()?;
	let hash = unsealed.hash();
	validators.find(|validator| AuthorityPair::verify(&seal, hash, validator))
}

/// The validators, as the best block knows them.
fn validators_of<Client>(client: Arc<Client>) -> Validators
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + Send + Sync + 'static,
	Client::Api: BabeApi<Block>,
{
	Arc::new(move || {
		let (api, best) = (client.runtime_api(), client.info().best_hash);
		let epochs = [api.current_epoch(best), api.next_epoch(best)].into_iter().flatten();
		epochs.map(|epoch| epoch.authorities.into_iter().map(|(validator, _)| validator).collect()).collect()
	})
}

/// An import queue that looks at the blocks that it is given.
pub struct WatchedQueue {
	queue: DefaultImportQueue<Block>,
	service: WatchedService,
}

struct WatchedService {
	inner: Box<dyn ImportQueueService<Block>>,
	watch: Arc<Mutex<Watch>>,
	early: Arc<Mutex<Early>>,
}

impl WatchedQueue {
	/// The same queue of this client's, watched.
	pub fn new<Client>(queue: DefaultImportQueue<Block>, client: Arc<Client>) -> Self
	where
		Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + Send + Sync + 'static,
		Client::Api: BabeApi<Block>,
	{
		let watch = Watch { lateness: Lateness::default(), told: None, validators: validators_of(client) };
		let watch = Arc::new(Mutex::new(watch));
		let service = WatchedService { inner: queue.service(), watch, early: Arc::default() };
		Self { queue, service }
	}
}

impl ImportQueueService<Block> for WatchedService {
	fn import_blocks(&mut self, origin: BlockOrigin, blocks: Vec<IncomingBlock<Block>>) {
		let mut watch = self.watch.lock();
		for header in blocks.iter().filter_map(|block| block.header.as_ref()) {
			watch.see(origin, header);
		}
		let is_sealed = |header: &Header| author(header, &(watch.validators)()).is_some();
		let ready = self.early.lock().keep(origin, blocks, now(), is_sealed);
		drop(watch);
		if !ready.is_empty() {
			self.inner.import_blocks(origin, ready);
		}
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
		let Self { queue, service } = self;
		Box::new(WatchedService { inner: queue.service(), watch: service.watch.clone(), early: service.early.clone() })
	}

	fn service_ref(&mut self) -> &mut dyn ImportQueueService<Block> {
		&mut self.service
	}

	fn poll_actions(&mut self, cx: &mut Context<'_>, link: &dyn Link<Block>) {
		self.queue.poll_actions(cx, link);
	}

	async fn run(self, link: &dyn Link<Block>) {
		let WatchedService { mut inner, early, .. } = self.service;
		let hand_on = async {
			let mut seconds = tokio::time::interval(LOOK_AGAIN);
			loop {
				seconds.tick().await;
				let due = early.lock().take_due(now());
				due.into_iter().for_each(|(origin, block)| inner.import_blocks(origin, vec![block]));
			}
		};
		// The queue ends with the node.
		tokio::select! {
			() = self.queue.run(link) => (),
			() = hand_on => (),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_consensus_babe::{
		digests::{PreDigest, SecondaryPlainPreDigest},
		AuthorityPair,
	};
	use sp_core::ByteArray;
	use sp_runtime::{generic::Digest, DigestItem};

	/// The clock of this machine, in milliseconds.
	pub(super) const NOW: i64 = 1_800_000_000_000;

	fn pair(name: &str) -> AuthorityPair {
		AuthorityPair::from_string(&format!("//{name}"), None).expect("it is a path")
	}

	/// A block that the validator in a place made this much before now, in milliseconds.
	pub(super) fn block(author: &AuthorityPair, place: u32, number: u32, late: i64) -> Header {
		let slot = u64::try_from(NOW - late).expect("it is after 1970") / SLOT_DURATION;
		let digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest { authority_index: place, slot: slot.into() });
		let digest = Digest { logs: vec![<DigestItem as CompatibleDigestItem>::babe_pre_digest(digest)] };
		let mut header = Header::new(number, Hash::zero(), Hash::zero(), Hash::zero(), digest);
		let seal = author.sign(header.hash().as_ref());
		header.digest_mut().push(<DigestItem as CompatibleDigestItem>::babe_seal(seal));
		header
	}

	/// What blocks by these authors say, of a chain that has such validators.
	fn said(validators: &[&str], blocks: &[(&str, i64)]) -> Option<Off> {
		let keys: Vec<_> = validators.iter().map(|name| pair(name).public()).collect();
		let known = vec![vec![pair("Z").public()], keys];
		let mut watch =
			Watch { lateness: Lateness::default(), told: None, validators: Arc::new(move || known.clone()) };
		let seen = (1..).zip(blocks).map(|(number, (by, late))| {
			let place = validators.iter().position(|name| name == by).unwrap_or_default();
			let block = block(&pair(by), place.try_into().expect("it is small"), number, *late);
			watch.off(BlockOrigin::NetworkBroadcast, &block, NOW)
		});
		seen.last().flatten()
	}

	fn off(late: &[i64]) -> Option<Off> {
		let mut lateness = Lateness::default();
		let author = AuthorityId::from_slice(&[1; 32]).expect("it is a key");
		let blocks = (0..).map(Hash::from_low_u64_be);
		let seen = blocks.zip(late).map(|(block, late)| Seen { block, author: author.clone(), late: *late });
		seen.map(|seen| lateness.note(seen, 1)).last().flatten()
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
		let block = block(&pair("A"), 0, 1, -9_000);
		let validators: Validators = Arc::new(|| vec![vec![pair("A").public()]]);
		let mut watch = Watch { lateness: Lateness::default(), told: None, validators };
		let mut see = || watch.off(BlockOrigin::NetworkBroadcast, &block, NOW);
		assert_eq!((0..EARLY_BLOCKS).filter_map(|_| see()).count(), 0);
	}

	#[test]
	fn blocks_of_several_validators_should_be_believed() {
		let all = ["A", "B", "C", "D"];
		assert_eq!(said(&all, &[("A", -9_000), ("B", -12_000), ("A", -15_000)]), Some(Off::Behind(15_000)));
		let late: Vec<_> = all.iter().cycle().take(LATE_BLOCKS).map(|name| (*name, 12_000)).collect();
		assert_eq!(said(&all, &late), Some(Off::Ahead(12_000)));
		assert_eq!(said(&["A"], &[("A", -9_000), ("A", -12_000), ("A", -15_000)]), Some(Off::Behind(15_000)));
	}

	#[test]
	fn headers_that_no_validator_or_one_alone_has_sealed_should_say_nothing() {
		let all = ["A", "B", "C", "D"];
		assert_eq!(said(&all, &[("E", -9_000), ("F", -12_000), ("G", -15_000)]), None, "anybody can make these");
		assert_eq!(
			said(&all, &[("A", -9_000), ("A", -12_000), ("A", -15_000)]),
			None,
			"its own clock is wrong, or it lies"
		);
		let late: Vec<_> = (0..LATE_BLOCKS).map(|_| ("E", 12_000)).collect();
		assert_eq!(said(&all, &late), None);
		let mut forged = block(&pair("A"), 0, 1, -9_000);
		forged.number = 2;
		let sessions = [vec![pair("A").public()]];
		assert_eq!(author(&forged, &sessions), None, "the seal is of another header");
		forged.digest_mut().pop();
		assert_eq!(author(&forged, &sessions), None, "there is no seal");
	}
}

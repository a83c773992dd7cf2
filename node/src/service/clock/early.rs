//! Blocks from the future, which wait until their time has come.

use codec::Encode;
use sc_consensus::import_queue::IncomingBlock;
use sibyl_runtime::{
	constants::SLOT_DURATION,
	opaque::{Block, Header},
};
use sp_consensus::BlockOrigin;

/// How early a block may be and wait, in milliseconds: a clock that is off by more is not waited for.
const MOST_EARLY: i64 = 10 * 60 * 1_000;

/// The bytes of all blocks that wait. What is beyond goes to BABE, which refuses it.
const MAX_BYTES: usize = 64 << 20;

/// The blocks that wait.
#[derive(Default)]
pub(super) struct Early {
	waiting: Vec<Waiting>,
	bytes: usize,
}

struct Waiting {
	/// When BABE takes it, in milliseconds since 1970.
	due: i64,
	bytes: usize,
	origin: BlockOrigin,
	block: IncomingBlock<Block>,
}

impl Early {
	/// Keeps those blocks that are from the future at this time, in milliseconds since 1970, and that a validator has sealed.
	/// Gives back the others. What builds on a block has a later slot, so it waits at least as long.
	pub fn keep(
		&mut self,
		origin: BlockOrigin,
		blocks: Vec<IncomingBlock<Block>>,
		now: i64,
		is_sealed: impl Fn(&Header) -> bool,
	) -> Vec<IncomingBlock<Block>> {
		let mut ready = Vec::new();
		for block in blocks {
			let early = block.header.as_ref().and_then(|header| Some((header, due(header)?)));
			let early = early.filter(|(_, due)| (1..=MOST_EARLY).contains(&due.saturating_sub(now)));
			let bytes = size_of(&block);
			match early {
				Some((header, due)) if self.bytes + bytes <= MAX_BYTES && is_sealed(header) => {
					self.bytes += bytes;
					self.waiting.push(Waiting { due, bytes, origin, block });
				}
				_ => ready.push(block),
			}
		}
		ready
	}

	/// Takes the blocks whose time has come, the earliest first.
	pub fn take_due(&mut self, now: i64) -> Vec<(BlockOrigin, IncomingBlock<Block>)> {
		let mut due: Vec<_> = self.waiting.extract_if(.., |waiting| waiting.due <= now).collect();
		due.sort_by_key(|waiting| waiting.due);
		self.bytes -= due.iter().map(|waiting| waiting.bytes).sum::<usize>();
		due.into_iter().map(|waiting| (waiting.origin, waiting.block)).collect()
	}
}

/// The bytes of a block as a peer sent it: what is no part of it, as its justifications, is checked only when it is imported.
fn size_of(block: &IncomingBlock<Block>) -> usize {
	let parts = block.header.encoded_size() + block.body.encoded_size();
	parts + block.indexed_body.encoded_size() + block.justifications.encoded_size()
}

/// When BABE takes a block of this header, in milliseconds since 1970: from the beginning of the slot before its own on.
fn due(header: &Header) -> Option<i64> {
	let digest = sc_consensus_babe::find_pre_digest::<Block>(header).ok()?;
	i64::try_from(u64::from(digest.slot()).saturating_sub(1).saturating_mul(SLOT_DURATION)).ok()
}

#[cfg(test)]
mod tests {
	use super::{super::tests::block, *};
	use sp_core::Pair;

	const NOW: i64 = super::super::tests::NOW;
	const SLOT: i64 = SLOT_DURATION as i64;

	fn incoming(number: u32, late: i64) -> IncomingBlock<Block> {
		let author = sp_consensus_babe::AuthorityPair::from_string("//A", None).expect("it is a path");
		let header = block(&author, 0, number, late);
		IncomingBlock {
			hash: header.hash(),
			header: Some(header),
			body: Some(Vec::new()),
			indexed_body: None,
			justifications: None,
			origin: None,
			allow_missing_state: false,
			skip_execution: false,
			import_existing: false,
			state: None,
		}
	}

	fn numbers<'a>(blocks: impl IntoIterator<Item = &'a IncomingBlock<Block>>) -> Vec<u32> {
		blocks.into_iter().filter_map(|block| Some(block.header.as_ref()?.number)).collect()
	}

	fn keep(early: &mut Early, blocks: Vec<IncomingBlock<Block>>) -> Vec<u32> {
		numbers(&early.keep(BlockOrigin::NetworkBroadcast, blocks, NOW, |_| true))
	}

	fn due_at(early: &mut Early, now: i64) -> Vec<u32> {
		numbers(early.take_due(now).iter().map(|(_, block)| block))
	}

	#[test]
	fn a_block_from_the_future_waits_until_babe_takes_it() {
		let mut early = Early::default();
		// BABE takes the running slot's blocks and the next one's.
		assert_eq!(keep(&mut early, vec![incoming(1, 0), incoming(2, -SLOT), incoming(3, -2 * SLOT)]), [1, 2]);
		assert!(due_at(&mut early, NOW + SLOT - 1).is_empty());
		assert_eq!(due_at(&mut early, NOW + SLOT), [3]);
		assert!(due_at(&mut early, NOW + 9 * SLOT).is_empty(), "it is handed on once");
	}

	#[test]
	fn blocks_that_wait_are_handed_on_by_their_slots() {
		let mut early = Early::default();
		let blocks = vec![incoming(4, -4 * SLOT), incoming(3, -3 * SLOT), incoming(5, -5 * SLOT)];
		assert!(keep(&mut early, blocks).is_empty());
		assert_eq!(due_at(&mut early, NOW + 3 * SLOT), [3, 4]);
	}

	#[test]
	fn what_no_validator_has_sealed_or_is_too_far_off_does_not_wait() {
		let mut early = Early::default();
		let unsealed = early.keep(BlockOrigin::NetworkBroadcast, vec![incoming(1, -5 * SLOT)], NOW, |_| false);
		assert_eq!(numbers(&unsealed), [1]);
		assert_eq!(keep(&mut early, vec![incoming(2, -MOST_EARLY - 3 * SLOT)]), [2]);
		let headless = IncomingBlock { header: None, ..incoming(3, -5 * SLOT) };
		assert_eq!(early.keep(BlockOrigin::File, vec![headless], NOW, |_| true).len(), 1);
	}

	#[test]
	fn what_a_peer_adds_to_a_block_counts_among_the_bytes_that_wait() {
		let mut early = Early { bytes: MAX_BYTES - 2_000, ..Early::default() };
		let justifications = Some(sp_runtime::Justifications::from((*b"FRNK", vec![0; 3_000])));
		let large = IncomingBlock { justifications, ..incoming(1, -5 * SLOT) };
		let indexed = IncomingBlock { indexed_body: Some(vec![vec![0; 3_000]]), ..incoming(2, -5 * SLOT) };
		assert_eq!(keep(&mut early, vec![large, indexed, incoming(3, -5 * SLOT)]), [1, 2]);
	}

	#[test]
	fn the_bytes_that_wait_are_bounded_and_their_room_is_given_back() {
		let mut early = Early { bytes: MAX_BYTES - 300, ..Early::default() };
		let of = |number| vec![incoming(number, -5 * SLOT)];
		assert!(keep(&mut early, of(1)).is_empty());
		let mut number = 2;
		while keep(&mut early, of(number)).is_empty() {
			number += 1;
			assert!(number < 10, "a header has some hundred bytes");
		}
		assert_eq!(due_at(&mut early, NOW + 5 * SLOT).len(), number as usize - 1);
		assert!(keep(&mut early, of(number)).is_empty());
	}
}

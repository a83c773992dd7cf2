//! Who has the file that is being fetched, and whom to ask next.

use sc_network::PeerId;
use std::{
	collections::{HashMap, HashSet},
	time::{Duration, Instant},
};

/// Chunks that one peer is asked for at once.
const CHUNKS_OF_A_PEER: usize = 2;

/// How often the wait after a failure is doubled at most.
const MOST_DOUBLINGS: u32 = 5;

/// Peers that are remembered at most for having sent what is not the file's.
const MAX_LIARS: usize = 1_024;

/// What a peer says of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
	/// It was not asked.
	Unknown,
	/// It was, and has not answered.
	Asked,
	/// It has it.
	Has,
	/// It had nothing of it at this time.
	Lacks(Instant),
}

struct Peer {
	answer: Answer,
	/// Chunks that it was asked for.
	in_flight: usize,
	/// How often in a row it failed.
	failures: u32,
	/// When to ask it again.
	not_before: Instant,
}

/// The peers, as far as the file goes.
#[derive(Default)]
pub struct Peers {
	known: HashMap<PeerId, Peer>,
	liars: HashSet<PeerId>,
}

impl Peers {
	/// Begins with another file: nobody was asked for it. How well each peer answered is remembered.
	pub fn begin(&mut self) {
		for peer in self.known.values_mut() {
			(peer.answer, peer.in_flight) = (Answer::Unknown, 0);
		}
	}

	/// Takes over who is connected.
	pub fn connected(&mut self, connected: &[PeerId], now: Instant) {
		self.known.retain(|peer, _| connected.contains(peer));
		for peer in connected.iter().filter(|peer| !self.liars.contains(peer)) {
			let new = || Peer { answer: Answer::Unknown, in_flight: 0, failures: 0, not_before: now };
			self.known.entry(*peer).or_insert_with(new);
		}
	}

	/// The peers to ask whether they have the file: those that were not asked, or lacked it so long ago.
	pub fn unasked(&mut self, after: Duration, now: Instant) -> Vec<PeerId> {
		let is_due = |answer: &Answer| match answer {
			Answer::Unknown => true,
			Answer::Lacks(at) => now.saturating_duration_since(*at) >= after,
			Answer::Asked | Answer::Has => false,
		};
		let due = self.known.iter_mut().filter(|(_, peer)| is_due(&peer.answer) && peer.not_before <= now);
		due.map(|(id, peer)| {
			peer.answer = Answer::Asked;
			*id
		})
		.collect()
	}

	/// A peer has said whether it has the file.
	pub fn said(&mut self, id: &PeerId, has: bool, now: Instant) {
		if let Some(peer) = self.known.get_mut(id) {
			peer.answer = if has { Answer::Has } else { Answer::Lacks(now) };
		}
	}

	/// The peer to ask for a chunk now, which counts as asked.
	pub fn choose(&mut self, now: Instant) -> Option<PeerId> {
		let free = self.known.iter_mut().filter(|(_, peer)| peer.has_room() && peer.not_before <= now);
		let (id, peer) = free.min_by_key(|(_, peer)| (peer.in_flight, peer.failures))?;
		peer.in_flight += 1;
		Some(*id)
	}

	/// When the next peer may be asked for a chunk; none where no peer has the file and room.
	pub fn next_free(&self) -> Option<Instant> {
		self.known.values().filter(|peer| peer.has_room()).map(|peer| peer.not_before).min()
	}

	/// How many have the file.
	pub fn holders(&self) -> usize {
		self.known.values().filter(|peer| peer.answer == Answer::Has).count()
	}

	/// How many are asked.
	pub fn len(&self) -> usize {
		self.known.len()
	}

	/// A peer has given a chunk.
	pub fn gave(&mut self, id: &PeerId) {
		self.settle(id, |peer| peer.failures = 0);
	}

	/// A peer has asked for some time.
	pub fn is_busy(&mut self, id: &PeerId, until: Instant) {
		self.settle(id, |peer| peer.not_before = until);
	}

	/// A peer has said nothing: it is left alone for some time, each time for twice as long.
	pub fn failed(&mut self, id: &PeerId, after: Duration, now: Instant) {
		self.settle(id, |peer| {
			peer.not_before = now + after * (1 << peer.failures.min(MOST_DOUBLINGS));
			peer.failures += 1;
		});
	}

	/// Nothing came for so long that all requests are given up: for the peers that they were made to that is as if they had
	/// said nothing. The next turn would ask them first again otherwise.
	pub fn kept_waiting(&mut self, after: Duration, now: Instant) {
		let silent = self.known.iter().filter(|(_, peer)| peer.in_flight > 0).map(|(id, _)| *id);
		for id in silent.collect::<Vec<_>>() {
			self.failed(&id, after, now);
		}
	}

	/// A peer has the file no longer.
	pub fn lost(&mut self, id: &PeerId, now: Instant) {
		self.settle(id, |peer| peer.answer = Answer::Lacks(now));
	}

	/// A peer has sent what is not the file's: it is asked for nothing more. Says whether that is new.
	pub fn lied(&mut self, id: &PeerId) -> bool {
		self.known.remove(id);
		if self.liars.len() >= MAX_LIARS {
			self.liars.clear();
		}
		self.liars.insert(*id)
	}

	fn settle(&mut self, id: &PeerId, change: impl FnOnce(&mut Peer)) {
		if let Some(peer) = self.known.get_mut(id) {
			peer.in_flight = peer.in_flight.saturating_sub(1);
			change(peer);
		}
	}
}

impl Peer {
	fn has_room(&self) -> bool {
		self.answer == Answer::Has && self.in_flight < CHUNKS_OF_A_PEER
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const SECOND: Duration = Duration::from_secs(1);

	/// Peers of which each has the file.
	fn holders(ids: &[PeerId], now: Instant) -> Peers {
		let mut peers = Peers::default();
		peers.connected(ids, now);
		assert_eq!(peers.unasked(SECOND, now).len(), ids.len());
		ids.iter().for_each(|id| peers.said(id, true, now));
		peers
	}

	#[test]
	fn chunks_are_asked_of_all_who_have_the_file_and_of_each_only_so_many() {
		let (now, ids) = (Instant::now(), [PeerId::random(), PeerId::random(), PeerId::random()]);
		let mut peers = holders(&ids[..2], now);
		peers.connected(&ids, now);
		let first = [peers.choose(now), peers.choose(now)];
		assert!(first[0].is_some() && first[0] != first[1], "the second chunk is asked of the other");
		assert!(peers.choose(now).is_some() && peers.choose(now).is_some());
		assert_eq!((peers.choose(now), peers.next_free()), (None, None), "the third was not asked");
		peers.gave(&ids[1]);
		assert_eq!(peers.choose(now), Some(ids[1]));
	}

	#[test]
	fn who_fails_waits_longer_each_time_until_it_gives_a_chunk() {
		let (now, id) = (Instant::now(), PeerId::random());
		let mut peers = holders(&[id], now);
		for wait in [1, 2, 4, 8, 16, 32, 32] {
			peers.failed(&id, SECOND, now);
			assert_eq!(peers.next_free(), Some(now + wait * SECOND));
		}
		assert_eq!(peers.choose(now + 31 * SECOND), None);
		assert_eq!(peers.choose(now + 32 * SECOND), Some(id));
		peers.gave(&id);
		peers.failed(&id, SECOND, now);
		assert_eq!(peers.next_free(), Some(now + SECOND));
	}

	#[test]
	fn who_lacked_the_file_is_asked_again_later_and_who_lied_never() {
		let (now, ids) = (Instant::now(), [PeerId::random(), PeerId::random()]);
		let mut peers = holders(&ids, now);
		peers.lost(&ids[0], now);
		assert!(peers.lied(&ids[1]) && !peers.lied(&ids[1]));
		peers.connected(&ids, now);
		assert_eq!((peers.holders(), peers.len()), (0, 1));
		assert_eq!(peers.unasked(SECOND, now), []);
		assert_eq!(peers.unasked(SECOND, now + SECOND), [ids[0]]);
		assert_eq!(peers.unasked(SECOND, now + SECOND), [], "it has been asked");
		peers.begin();
		assert_eq!(peers.unasked(SECOND, now), [ids[0]], "another file");
	}

	#[test]
	fn who_is_gone_is_forgotten() {
		let (now, id) = (Instant::now(), PeerId::random());
		let mut peers = holders(&[id], now);
		peers.connected(&[], now);
		peers.gave(&id);
		assert_eq!((peers.holders(), peers.choose(now)), (0, None));
	}
}

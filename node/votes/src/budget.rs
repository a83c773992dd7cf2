//! What one validator, and one peer, can make this node do between two of its blocks.

use sibyl_primitives::AccountId;
use std::collections::BTreeMap;

/// Ballots of one validator that are passed on while this node's best block has one height.
///
/// The worker of an honest validator runs at most every 300 ms, so it makes ten of them in a slot: this is enough for six
/// slots without a block.
pub const BALLOTS_PER_HEIGHT: u32 = 64;

/// The same in bytes: three of the largest ballots.
pub const BYTES_PER_HEIGHT: usize = 2 * 1024 * 1024;

/// Bytes of what is of no use that a peer may send before it is no longer read.
///
/// It is as much as a pool holds: so much comes at once from a peer whose chain is another, as after a partition.
pub const PEER_BYTES: usize = 64 * 1024 * 1024;

/// What of these bytes comes back with each new height.
pub const PEER_BYTES_PER_HEIGHT: usize = 8 * 1024 * 1024;

/// What a message costs its peer besides its bytes.
pub(crate) const MESSAGE: usize = 256;

/// What a signature's check costs the peer instead, which takes about as long as reading so much.
pub(crate) const CHECK: usize = 8 * 1024;

/// How often a peer may lose a little reputation at once, of which one time comes back with each new height. It is so
/// little that nobody is banned for it: what an honest peer passes on may be over this node's quotas, or of no use to it,
/// for reasons that lie with others, or with this node where it is behind.
pub const BLAMES: u32 = 16;

/// Peers whose spending is remembered.
const MAX_PEERS: usize = 1024;

#[derive(Default)]
struct Passed {
	ballots: u32,
	bytes: usize,
}

/// What was passed on of each validator's since the last new height.
#[derive(Default)]
pub(crate) struct Validators(BTreeMap<AccountId, Passed>);

impl Validators {
	/// Whether one more ballot, this long, is within the quota.
	pub fn have_room(&self, account: &AccountId, bytes: usize) -> bool {
		self.0.get(account).is_none_or(|passed| {
			passed.ballots < BALLOTS_PER_HEIGHT && passed.bytes.saturating_add(bytes) <= BYTES_PER_HEIGHT
		})
	}

	/// Counts a ballot.
	pub fn count(&mut self, account: &AccountId, bytes: usize) {
		let passed = self.0.entry(account.clone()).or_default();
		passed.ballots += 1;
		passed.bytes += bytes;
	}

	/// Everyone's quota is whole again.
	pub fn renew(&mut self) {
		self.0.clear();
	}

	#[cfg(test)]
	pub fn len(&self) -> usize {
		self.0.len()
	}
}

#[derive(Default)]
struct Spending {
	bytes: usize,
	blames: u32,
}

/// What peers have spent. It outlives their connections, so that nothing is won by a new one.
pub(crate) struct Peers<Peer>(BTreeMap<Peer, Spending>);

impl<Peer: Ord + Clone> Peers<Peer> {
	pub fn new() -> Self {
		Self(BTreeMap::new())
	}

	/// Whether the peer has nothing left.
	pub fn have_spent_all(&self, peer: &Peer) -> bool {
		self.0.get(peer).is_some_and(|spending| spending.bytes >= PEER_BYTES)
	}

	/// Lets the peer pay for so many bytes; whether it had as many.
	pub fn pay(&mut self, peer: &Peer, bytes: usize) -> bool {
		let spending = self.of(peer);
		spending.bytes = spending.bytes.saturating_add(bytes);
		spending.bytes <= PEER_BYTES
	}

	/// Whether the peer may be blamed once more; that is then counted.
	pub fn blame(&mut self, peer: &Peer) -> bool {
		let spending = self.of(peer);
		let may_be_blamed = spending.blames < BLAMES;
		spending.blames += u32::from(may_be_blamed);
		may_be_blamed
	}

	/// Gives all peers back what comes back with a new height.
	pub fn renew(&mut self) {
		for spending in self.0.values_mut() {
			spending.bytes = spending.bytes.min(PEER_BYTES).saturating_sub(PEER_BYTES_PER_HEIGHT);
			spending.blames = spending.blames.saturating_sub(1);
		}
		self.0.retain(|_, spending| spending.bytes > 0 || spending.blames > 0);
	}

	fn of(&mut self, peer: &Peer) -> &mut Spending {
		if !self.0.contains_key(peer) && self.0.len() >= MAX_PEERS {
			let thriftiest = self.0.iter().min_by_key(|(_, spending)| spending.bytes).map(|(peer, _)| peer.clone());
			if let Some(thriftiest) = thriftiest {
				self.0.remove(&thriftiest);
			}
		}
		self.0.entry(peer.clone()).or_default()
	}

	#[cfg(test)]
	pub fn len(&self) -> usize {
		self.0.len()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_primitives::vote::MAX_BALLOT_BYTES;

	#[test]
	fn three_of_the_largest_ballots_are_passed_on_at_a_height_and_no_byte_over_the_quota() {
		let (mut validators, account, largest) =
			(Validators::default(), AccountId::new([1; 32]), MAX_BALLOT_BYTES as usize);
		for _ in 0..3 {
			assert!(validators.have_room(&account, largest));
			validators.count(&account, largest);
		}
		let left = BYTES_PER_HEIGHT - 3 * largest;
		assert!(validators.have_room(&account, left) && !validators.have_room(&account, left + 1));
		assert!(!validators.have_room(&account, largest));
	}

	#[test]
	fn a_peer_may_send_as_much_as_a_pool_holds_and_has_it_back_after_eight_heights() {
		let mut peers = Peers::new();
		assert!(peers.pay(&1, crate::Bounds::default().bytes) && !peers.pay(&1, 1));
		for _ in 0..7 {
			peers.renew();
		}
		assert_eq!(peers.len(), 1);
		peers.renew();
		assert_eq!(peers.len(), 0);
	}

	#[test]
	fn who_has_spent_all_has_something_again_at_the_next_height() {
		let mut peers = Peers::new();
		assert!(peers.pay(&1, PEER_BYTES));
		assert!(peers.have_spent_all(&1) && !peers.pay(&1, 1));
		assert!(!peers.have_spent_all(&2));
		peers.renew();
		assert!(!peers.have_spent_all(&1));
		assert!(peers.pay(&1, PEER_BYTES_PER_HEIGHT) && !peers.pay(&1, 1));
	}

	#[test]
	fn blames_come_back_one_by_one_however_fast_heights_pass() {
		let mut peers = Peers::new();
		for _ in 0..BLAMES {
			assert!(peers.blame(&1));
		}
		assert!(!peers.blame(&1));
		for _ in 0..10 {
			peers.renew();
			assert!(peers.blame(&1) && !peers.blame(&1));
		}
	}

	#[test]
	fn peers_that_owe_nothing_are_forgotten_and_no_more_than_so_many_are_remembered() {
		let mut peers = Peers::new();
		peers.pay(&0, PEER_BYTES);
		for peer in 1..2 * MAX_PEERS {
			peers.pay(&peer, 1);
		}
		assert_eq!(peers.len(), MAX_PEERS);
		assert!(peers.have_spent_all(&0));
		peers.renew();
		assert_eq!(peers.len(), 1);
	}
}

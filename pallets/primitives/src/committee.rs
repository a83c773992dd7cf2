//! The draw and the quorum.

use crate::{
	job::{Fingerprint, Round},
	Balance, Hash,
};
use alloc::vec::Vec;
use codec::Encode;
use sp_io::hashing::blake2_256;

/// The seed of a job's committee, from the VRFs of the blocks before the draw, the drawing one's last: nothing its
/// requester can vary. It names the fingerprint and not the job's number, which the author of the submission could shift.
pub fn draw_seed(vrfs: &[[u8; 32]], job: &Fingerprint, round: Round) -> Hash {
	blake2_256(&(b"sibyl/draw", vrfs, job, round).encode()).into()
}

/// Draws without replacement, each by its share of the stake that is left. Nothing in a draw depends on how many there
/// are but the sums that are made once.
///
/// A stake of zero counts as one. A draw takes 128 bits modulo the sum: with less than 2^96 units of stake its bias is
/// below 2^-32.
#[derive(Clone, Debug)]
pub struct Urn {
	/// The sum of the stakes up to and including each.
	cumulated: Vec<Balance>,
	seed: Hash,
	draws: u32,
	/// The intervals of those drawn, in order: where each begins, and its stake.
	gone: Vec<(Balance, Balance)>,
	left: Balance,
}

impl Urn {
	/// An urn with these stakes.
	pub fn new(seed: Hash, stakes: impl Iterator<Item = Balance>) -> Self {
		let mut left: Balance = 0;
		let cumulated = stakes
			.map(|stake| {
				left = left.saturating_add(stake.max(1));
				left
			})
			.collect();
		Self { cumulated, seed, draws: 0, gone: Vec::new(), left }
	}

	/// The place of the next one drawn; none when the urn is empty.
	pub fn draw(&mut self) -> Option<usize> {
		if self.left == 0 {
			return None;
		}
		let digest = blake2_256(&(b"sibyl/seat", self.seed, self.draws).encode());
		self.draws = self.draws.saturating_add(1);
		let mut half = [0; 16];
		half.copy_from_slice(&digest[..16]);
		// A point among what is left, moved past the intervals of those that are gone.
		let mut point = u128::from_le_bytes(half) % self.left;
		for (begin, stake) in &self.gone {
			if point >= *begin {
				point = point.saturating_add(*stake);
			}
		}
		let place = self.cumulated.partition_point(|sum| *sum <= point);
		let end = *self.cumulated.get(place)?;
		let begin = place.checked_sub(1).and_then(|before| self.cumulated.get(before)).copied().unwrap_or(0);
		let after = self.gone.partition_point(|(other, _)| *other < begin);
		self.gone.insert(after, (begin, end.saturating_sub(begin)));
		self.left = self.left.saturating_sub(end.saturating_sub(begin));
		Some(place)
	}
}

/// Whether this many of the seats are more than two thirds of them.
pub const fn is_quorum(votes: usize, seats: usize) -> bool {
	votes.saturating_mul(3) > seats.saturating_mul(2)
}

/// The fewest votes that are a quorum.
pub const fn quorum(seats: usize) -> usize {
	seats.saturating_mul(2) / 3 + 1
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_quorum_is_strictly_more_than_two_thirds() {
		for (seats, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (15, 11), (32, 22)] {
			assert_eq!(quorum(seats), needed, "{seats} seats");
			assert!(is_quorum(needed, seats) && !is_quorum(needed - 1, seats), "{seats} seats");
		}
	}

	#[test]
	fn any_two_quorums_share_more_than_a_third_of_the_seats() {
		for seats in 1..=100 {
			assert!(3 * (2 * quorum(seats) - seats) > seats, "{seats} seats");
		}
	}

	fn urn(seed: u32, stakes: &[Balance]) -> Urn {
		Urn::new(blake2_256(&seed.encode()).into(), stakes.iter().copied())
	}

	#[test]
	fn everyone_is_drawn_once_and_then_nobody() {
		for seed in 0..200 {
			let mut urn = urn(seed, &[5, 1, 0, 700, 5, 5, 90_000, 5, 5]);
			let mut drawn: Vec<_> = core::iter::from_fn(|| urn.draw()).collect();
			drawn.sort();
			assert_eq!(drawn, (0..9).collect::<Vec<_>>());
			assert_eq!(urn.draw(), None);
		}
		assert_eq!(urn(0, &[]).draw(), None);
	}

	#[test]
	fn the_chance_of_a_seat_follows_the_stake_that_is_left() {
		let stakes = [1_000, 3_000, 0, 4_000];
		let (mut firsts, mut seconds) = ([0u32; 4], [0u32; 4]);
		for seed in 0..8_000 {
			let mut urn = urn(seed, &stakes);
			firsts[urn.draw().expect("there are four")] += 1;
			seconds[urn.draw().expect("there are four")] += 1;
		}
		for (first, expected) in firsts.into_iter().zip([1_000, 3_000, 1, 4_000]) {
			assert!(first.abs_diff(expected) < 200, "{firsts:?}");
		}
		// Second is a after b or c: 3/8 · 1/5 + 4/8 · 1/4 = 0.2; likewise for the others.
		for (second, expected) in seconds.into_iter().zip([1_600, 3_429, 2, 2_971]) {
			assert!(second.abs_diff(expected) < 250, "{seconds:?}");
		}
	}

	#[test]
	fn huge_stakes_do_not_overflow() {
		let mut urn = urn(1, &[Balance::MAX, Balance::MAX]);
		assert!(urn.draw().is_some());
	}

	#[test]
	fn a_known_draw() {
		let seed = draw_seed(&[[7; 32]], &Fingerprint::repeat_byte(1), 0);
		assert_eq!(format!("{seed:?}"), "0x90d6fa2465831b5e1e1dbfa8b17c4a6ba5ae240a10f70f16e242f622ae893637");
		let mut urn = Urn::new(seed, [10, 20, 30, 40].into_iter());
		assert_eq!(core::iter::from_fn(|| urn.draw()).collect::<Vec<_>>(), [3, 1, 2, 0]);
	}

	#[test]
	fn another_vrf_job_or_round_is_another_draw() {
		let (job, other) = (Fingerprint::zero(), Fingerprint::repeat_byte(1));
		let base = draw_seed(&[[1; 32]], &job, 0);
		for another in [
			draw_seed(&[[2; 32]], &job, 0),
			draw_seed(&[[1; 32]], &other, 0),
			draw_seed(&[[1; 32]], &job, 1),
			draw_seed(&[[1; 32], [1; 32]], &job, 0),
		] {
			assert_ne!(base, another);
		}
	}
}

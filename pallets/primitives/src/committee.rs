//! The draw and the quorum.

use crate::{job::JobId, Balance, Hash};
use alloc::vec::Vec;
use codec::Encode;
use sp_io::hashing::blake2_256;

/// The seed of a job's committee, from the VRFs of the blocks after its submission: nothing its requester can vary.
pub fn draw_seed(vrfs: &[[u8; 32]], job: JobId, round: u8) -> Hash {
	blake2_256(&(b"sibyl/draw", vrfs, job, round).encode()).into()
}

/// Draws seats without replacement, each by its share of the stake that is left. Returns indices into `stakes` in the
/// order drawn; all of them, in some order, where there are not more than seats.
///
/// A stake of zero counts as one. The draw takes 128 bits modulo the sum: with less than 2^96 units of stake its bias
/// is below 2^-32.
pub fn draw_seats(seed: &Hash, stakes: &[Balance], seats: usize) -> Vec<usize> {
	let mut left: Vec<(usize, Balance)> = stakes.iter().map(|stake| (*stake).max(1)).enumerate().collect();
	let mut drawn = Vec::new();
	while drawn.len() < seats && !left.is_empty() {
		let total = left.iter().fold(0 as Balance, |sum, (_, stake)| sum.saturating_add(*stake));
		let digest = blake2_256(&(b"sibyl/seat", seed, drawn.len() as u32).encode());
		let mut half = [0; 16];
		half.copy_from_slice(&digest[..16]);
		let mut point = u128::from_le_bytes(half) % total;
		let place = left
			.iter()
			.position(|(_, stake)| match point.checked_sub(*stake) {
				Some(rest) => {
					point = rest;
					false
				}
				None => true,
			})
			.unwrap_or(left.len() - 1);
		drawn.push(left.remove(place).0);
	}
	drawn
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

	#[test]
	fn seats_are_drawn_once_each_and_never_more_than_there_are() {
		let seed = draw_seed(&[[7; 32]], 1, 0);
		for seats in 0..=12 {
			let mut drawn = draw_seats(&seed, &[5; 9], seats);
			assert_eq!(drawn.len(), seats.min(9));
			drawn.sort();
			drawn.dedup();
			assert_eq!(drawn.len(), seats.min(9));
		}
	}

	#[test]
	fn the_chance_of_a_seat_follows_the_stake() {
		let stakes = [1_000, 3_000, 0, 4_000];
		let mut firsts = [0u32; 4];
		for job in 0..8_000 {
			firsts[draw_seats(&draw_seed(&[[1; 32]], job, 0), &stakes, 1)[0]] += 1;
		}
		for (first, expected) in firsts.into_iter().zip([1_000, 3_000, 1, 4_000]) {
			assert!(first.abs_diff(expected) < 200, "{firsts:?}");
		}
	}

	#[test]
	fn huge_stakes_do_not_overflow() {
		assert_eq!(draw_seats(&Hash::zero(), &[Balance::MAX, Balance::MAX], 2).len(), 2);
	}

	#[test]
	fn another_vrf_job_or_round_is_another_draw() {
		let base = draw_seed(&[[1; 32]], 1, 0);
		for other in [
			draw_seed(&[[2; 32]], 1, 0),
			draw_seed(&[[1; 32]], 2, 0),
			draw_seed(&[[1; 32]], 1, 1),
			draw_seed(&[[1; 32], [1; 32]], 1, 0),
		] {
			assert_ne!(base, other);
		}
	}
}

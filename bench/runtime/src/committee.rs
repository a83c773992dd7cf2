//! How often a committee falls to somebody who holds a share of the stake: draws by the chain's own urn, beside what
//! probability theory says of them.
//!
//! All validators have the same stake here, so that the seats of one holder follow the hypergeometric distribution.

use crate::{report::rounded, Error};
use serde_json::{json, Value};
use sibyl_primitives::committee::{quorum, Urn};
use sp_core::H256;

/// The stake of each validator; only that it is the same for all matters.
const STAKE: u128 = 1_000_000_000_000;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
	/// Validators, each with the same stake.
	#[arg(long, default_value_t = 100)]
	validators: u32,
	/// How many of them are one adversary's.
	#[arg(long, value_delimiter = ',', default_values_t = [10, 20, 33])]
	hostile: Vec<u32>,
	/// Seats of a committee.
	#[arg(long, value_delimiter = ',', default_values_t = [3, 5, 7, 11, 15])]
	seats: Vec<u32>,
	/// Committees that are drawn for each row.
	#[arg(long, default_value_t = 200_000)]
	draws: u32,
}

/// How likely it is that the adversary decides alone, and that it can keep a committee from deciding by silence: as it is
/// drawn, and with the substitutes that are drawn for its seats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Odds {
	capture: f64,
	denial: f64,
	lasting_denial: f64,
}

/// Draws committees and prints a table.
pub fn run(arguments: &Arguments) -> Result<(), Error> {
	let validators = arguments.validators;
	println!("{validators} validators of the same stake, {} committees a row", arguments.draws);
	println!("| hostile | seats | quorum | captured | in theory | denied | in theory | with substitutes | in theory |");
	println!("|---|---|---|---|---|---|---|---|---|");
	let mut table = Vec::new();
	for hostile in &arguments.hostile {
		for seats in &arguments.seats {
			if *hostile > validators || *seats > validators || *seats == 0 {
				return Err(format!("{hostile} hostile, {seats} seats: there are only {validators} validators").into());
			}
			table.push(row(validators, *hostile, *seats, arguments.draws));
		}
	}
	println!("RESULT {}", json!({ "validators": validators, "draws": arguments.draws, "committees": table }));
	Ok(())
}

fn row(validators: u32, hostile: u32, seats: u32, draws: u32) -> Value {
	let (drawn, theory) = (drawn(validators, hostile, seats, draws), theory(validators, hostile, seats));
	let quorum = quorum(seats as usize);
	println!(
		"| {hostile} | {seats} | {quorum} | {:.5} | {:.5} | {:.5} | {:.5} | {:.5} | {:.5} |",
		drawn.capture, theory.capture, drawn.denial, theory.denial, drawn.lasting_denial, theory.lasting_denial
	);
	let millionths = |odds: f64| rounded(odds * 1e6);
	json!({
		"hostile": hostile,
		"seats": seats,
		"capture_per_million": millionths(drawn.capture),
		"capture_per_million_in_theory": millionths(theory.capture),
		"denial_per_million": millionths(drawn.denial),
		"denial_per_million_in_theory": millionths(theory.denial),
		"lasting_denial_per_million": millionths(drawn.lasting_denial),
		"lasting_denial_per_million_in_theory": millionths(theory.lasting_denial),
	})
}

/// Whether so many seats decide alone, and whether the others can't decide without them.
fn falls(taken: u32, seats: u32) -> (bool, bool) {
	let quorum = quorum(seats as usize) as u32;
	(taken >= quorum, seats - taken < quorum)
}

/// As the chain draws: the first validators are the adversary's.
fn drawn(validators: u32, hostile: u32, seats: u32, draws: u32) -> Odds {
	let (mut captures, mut denials, mut lasting_denials) = (0, 0, 0);
	for draw in 0..draws {
		let mut urn = Urn::new(H256::from_low_u64_be(draw.into()), (0..validators).map(|_| STAKE));
		let mut hostile_of = |seats: u32| {
			(0..seats).filter_map(|_| urn.draw()).filter(|place| (*place as u64) < hostile.into()).count() as u32
		};
		let taken = hostile_of(seats);
		let (captured, denied) = falls(taken, seats);
		captures += u32::from(captured);
		denials += u32::from(denied);
		lasting_denials += u32::from(denied && falls(hostile_of(taken), seats).1);
	}
	let share = |count: u32| f64::from(count) / f64::from(draws.max(1));
	Odds { capture: share(captures), denial: share(denials), lasting_denial: share(lasting_denials) }
}

/// By the hypergeometric distribution.
fn theory(validators: u32, hostile: u32, seats: u32) -> Odds {
	let mut odds = Odds::default();
	for taken in 0..=seats.min(hostile) {
		let probability = ways(hostile, taken) * ways(validators - hostile, seats - taken) / ways(validators, seats);
		let (captured, denied) = falls(taken, seats);
		odds.capture += if captured { probability } else { 0.0 };
		if !denied {
			continue;
		}
		odds.denial += probability;
		let (others, left) = (validators - hostile - (seats - taken), validators - seats);
		let again = (0..=taken).filter(|again| falls(*again, seats).1);
		let lasting = again.map(|again| ways(hostile - taken, again) * ways(others, taken - again) / ways(left, taken));
		odds.lasting_denial += probability * lasting.sum::<f64>();
	}
	odds
}

/// In how many ways so many are chosen.
fn ways(of: u32, chosen: u32) -> f64 {
	if chosen > of {
		return 0.0;
	}
	(0..chosen).map(|at| f64::from(of - at) / f64::from(at + 1)).product()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn theory_is_the_hypergeometric_distribution() {
		assert_eq!([ways(5, 0), ways(5, 2), ways(5, 5), ways(5, 6)], [1.0, 10.0, 1.0, 0.0]);
		// Three of three are hostile: 3/9 × 2/8 × 1/7; at least one is, so that the others have no quorum of three.
		let Odds { capture, denial, .. } = theory(9, 3, 3);
		assert!((capture - 1.0 / 84.0).abs() < 1e-12 && (denial - (1.0 - 20.0 / 84.0)).abs() < 1e-12);
		// A substitute for the only hostile one is honest. Of two hostile ones of nine, at least one has a seat in 49 of 84
		// committees: one alone in 42, whose substitute is the other one in a sixth of them; both in 7, and then all substitutes are honest.
		assert_eq!(theory(9, 1, 3).lasting_denial, 0.0);
		assert!((theory(9, 2, 3).lasting_denial - 42.0 / 84.0 / 6.0).abs() < 1e-12);
	}

	#[test]
	fn the_chains_draws_are_as_theory_says() {
		let (drawn, theory) = (drawn(20, 6, 5, 20_000), theory(20, 6, 5));
		let odds = [
			(drawn.capture, theory.capture),
			(drawn.denial, theory.denial),
			(drawn.lasting_denial, theory.lasting_denial),
		];
		for (drawn, theory) in odds {
			// Five standard deviations of so many draws.
			let spread = 5.0 * (theory * (1.0 - theory) / 20_000.0).sqrt();
			assert!((drawn - theory).abs() < spread, "{drawn} of {theory}");
		}
	}
}

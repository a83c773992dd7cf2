//! What a job costs.

use crate::Balance;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_runtime::{Perbill, Percent};

/// What an author may ask for at most, of what seats are paid.
pub const MAX_AUTHOR_SHARE: Percent = Percent::from_percent(20);

/// What a seat's work costs, in SIB's smallest unit, and what the model's author gets beside.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct ModelPrice {
	/// For each job.
	pub base: Balance,
	/// For each unit of input and of output. An input has as many units as bytes: the runtime has no tokenizer, and a
	/// token has at least one byte.
	pub unit: Balance,
	/// What the author gets: so much in a hundred of what seats are paid, beside that. In JSON a number from 0 to 20.
	pub author_share: Percent,
}

impl ModelPrice {
	/// What one seat gets for a job; `None` where it is more than a balance holds.
	pub fn of_seat(&self, input_units: u32, output_units: u32) -> Option<Balance> {
		let units = Balance::from(input_units) + Balance::from(output_units);
		self.unit.checked_mul(units)?.checked_add(self.base)
	}

	/// What the author gets where seats are paid so much, rounded down.
	pub fn of_author(&self, paid: Balance) -> Balance {
		self.author_share.mul_floor(paid)
	}
}

/// The price of a job, fixed when it is submitted. Nothing is taken beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Quote {
	/// Seats that are paid for.
	pub seats: u16,
	/// What a seat gets at most.
	pub per_seat: Balance,
	/// What the model's author gets at most.
	pub author_share: Balance,
	/// What the protocol's account gets at most.
	pub protocol_share: Balance,
	/// All of it: what is held when the job is submitted.
	pub total: Balance,
}

impl Quote {
	/// `seats × (base + unit × (input + output units))`, and the author's and the protocol's shares of that; `None` where it
	/// is more than a balance holds.
	pub fn new(
		price: &ModelPrice,
		seats: u16,
		input_units: u32,
		max_output_units: u32,
		share: Perbill,
	) -> Option<Self> {
		let per_seat = price.of_seat(input_units, max_output_units)?;
		let for_seats = per_seat.checked_mul(seats.into())?;
		let (author_share, protocol_share) = (price.of_author(for_seats), protocol_share(share, for_seats));
		let total = for_seats.checked_add(author_share)?.checked_add(protocol_share)?;
		Some(Self { seats, per_seat, author_share, protocol_share, total })
	}
}

/// The protocol's share of what seats are paid, rounded up.
pub fn protocol_share(share: Perbill, paid: Balance) -> Balance {
	share.mul_ceil(paid)
}

#[cfg(test)]
mod tests {
	use super::*;

	const PRICE: ModelPrice = ModelPrice { base: 100, unit: 3, author_share: Percent::from_percent(10) };

	#[test]
	fn a_quote_is_seats_times_work_and_the_shares_of_author_and_protocol() {
		let quote = Quote::new(&PRICE, 4, 10, 5, Perbill::from_percent(5)).expect("small numbers fit");
		assert_eq!(quote, Quote { seats: 4, per_seat: 145, author_share: 58, protocol_share: 29, total: 667 });
	}

	#[test]
	fn a_price_that_no_balance_holds_is_none() {
		let dear = ModelPrice { base: Balance::MAX, unit: 1, ..PRICE };
		assert_eq!(dear.of_seat(1, 0), None);
		assert_eq!(Quote::new(&dear, 2, 0, 0, Perbill::zero()), None);
		assert_eq!(Quote::new(&dear, 1, 0, 0, Perbill::from_percent(1)), None);
	}

	#[test]
	fn the_shares_of_what_is_paid_are_never_more_than_what_was_quoted() {
		let quote = Quote::new(&PRICE, 7, 11, 9, Perbill::from_parts(33_333_333)).expect("small numbers fit");
		for seats in 0..=7 {
			for output_units in 0..=9 {
				let paid = PRICE.of_seat(11, output_units).expect("small numbers fit") * seats;
				let taken = paid + PRICE.of_author(paid) + protocol_share(Perbill::from_parts(33_333_333), paid);
				assert!(taken <= quote.total, "{seats} seats, {output_units} units");
			}
		}
	}
}

//! Validators, as JSON.

use crate::address;
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::{ServiceRecord, ValidatorView},
	AccountId,
};

/// What a validator has with the chain's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validator {
	/// Its account.
	pub account: String,
	/// Its service bond.
	pub bond: String,
	/// What of the bond covers open seats.
	pub reserved: String,
	/// Its open seats.
	pub open_seats: u32,
	/// Microseconds that its open seats may take at most, a decimal number.
	pub open_time: String,
	/// Seats in a row that it neither committed nor abstained in.
	pub missed_in_a_row: u32,
	/// What it has done so far.
	pub record: Record,
}

/// What a validator has done so far. All but the amounts are numbers of seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
	/// That it was drawn for.
	pub drawn: u32,
	/// That committed.
	pub committed: u32,
	/// That revealed.
	pub revealed: u32,
	/// That neither committed nor abstained.
	pub missed: u32,
	/// That abstained.
	pub abstained: u32,
	/// That revealed what lost.
	pub lost: u32,
	/// What it was charged, out of its bond.
	pub charged: String,
	/// What its seats earned.
	pub earned: String,
}

impl Validator {
	/// What the chain says of this account.
	pub fn new(account: &AccountId, view: ValidatorView) -> Self {
		let ValidatorView { bond, reserved, open_seats, open_time, missed_in_a_row, record } = view;
		let (bond, reserved, open_time) = (bond.to_string(), reserved.to_string(), open_time.to_string());
		Self {
			account: address(account),
			bond,
			reserved,
			open_seats,
			open_time,
			missed_in_a_row,
			record: record.into(),
		}
	}
}

impl From<ServiceRecord> for Record {
	fn from(record: ServiceRecord) -> Self {
		let ServiceRecord { drawn, committed, revealed, missed, abstained, lost, charged, earned } = record;
		let (charged, earned) = (charged.to_string(), earned.to_string());
		Self { drawn, committed, revealed, missed, abstained, lost, charged, earned }
	}
}

//! The units that amounts and times are written in.

use sibyl_primitives::{Balance, BlockNumber, Moment};

/// One SIB, the chain's token, which has [`TOKEN_DECIMALS`] decimals.
pub const SIB: Balance = 10u128.pow(TOKEN_DECIMALS as u32);
/// A thousandth of a SIB.
pub const MILLI_SIB: Balance = SIB / 1_000;
/// A millionth of a SIB.
pub const MICRO_SIB: Balance = SIB / 1_000_000;

/// The token's symbol, as wallets show it.
pub const TOKEN_SYMBOL: &str = "SIB";
/// The token's decimals.
pub const TOKEN_DECIMALS: u8 = 12;

/// The prefix of this chain's addresses. Not taken in the public registry of SS58 prefixes.
pub const SS58_PREFIX: u16 = 5177;

/// Milliseconds in a slot; a slot holds at most one block of the longest chain.
pub const SLOT_DURATION: Moment = 3_000;

/// Blocks in a day in which every slot has one.
pub const DAY: BlockNumber = (24 * 60 * 60 * 1_000 / SLOT_DURATION) as BlockNumber;

/// Milliseconds in a Julian year of 365.25 days.
pub const MILLIS_PER_YEAR: u64 = 31_557_600_000;

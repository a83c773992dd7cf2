//! What is stored of feeds.

use super::*;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::DispatchError;

/// A feed. Its layout's version is the pallet's storage version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Feed {
	/// Who pays.
	pub owner: AccountId,
	/// The model asked.
	pub model: ModelId,
	/// The bytes of its question, which a round's weight and fee are of.
	pub bytes: u32,
	/// Blocks from a round to the next.
	pub interval: BlockNumber,
	/// What a round's job may cost at most.
	pub max_fee: Balance,
	/// What is held for rounds.
	pub funds: Balance,
	/// What is held for its place in the state.
	pub deposit: Balance,
	/// The block of its creation.
	pub created_at: BlockNumber,
	/// The block of its next round; that of its entry in the agenda.
	pub next_at: BlockNumber,
	/// Rounds that were asked.
	pub asked: u32,
	/// The job of the last round, until its result is here.
	pub open_job: Option<JobId>,
}

/// What a feed asks.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Question {
	/// What the model reads.
	pub input: Input,
	/// What the owner chose.
	pub options: JobOptions,
}

/// Why a round was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum SkipReason {
	/// The last round's result is still to come.
	StillOpen {
		/// Its job.
		job: JobId,
	},
	/// The question was refused: no validator has time, the model is suspended, the price is above the limit, and so on.
	Refused {
		/// As `inference.submit` says it.
		error: DispatchError,
	},
}

/// Why a feed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum EndReason {
	/// Its funds can't pay another round.
	OutOfFunds,
	/// Its owner, or the chain's root, closed it.
	Closed,
}

impl Feed {
	/// All that is held for it.
	pub fn held(&self) -> Balance {
		self.funds.saturating_add(self.deposit)
	}
}

impl Question {
	/// The bytes that are looked at when it is asked.
	pub fn bytes(&self) -> u32 {
		self.input.bytes().saturating_add(self.options.format.bytes())
	}
}

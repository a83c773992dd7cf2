//! What can be wrong with a question, by number.

use jsonrpsee::types::ErrorObjectOwned;
use sibyl_primitives::{
	api::QuoteError,
	feed::FeedId,
	job::{JobId, MAX_FIXED_SEATS},
	model::ModelId,
	BlockNumber, Hash,
};
use sp_runtime::Perbill;

/// Why a method has no answer. The SDK's own codes end below 10000.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
	/// No job has this number.
	#[error(
		"there is no job {0} yet: look up the number in the event JobSubmitted of the block that holds your submission, or in \
		 'sibyl-node jobs'"
	)]
	UnknownJob(JobId),
	/// The job's time is over.
	#[error("job {0} is kept no longer: ask with an earlier block as 'at', on a node that keeps its state, or read its events")]
	PrunedJob(JobId),
	/// The chain has no such model.
	#[error("there is no model {0:?}: inference_listModels names those that there are")]
	UnknownModel(ModelId),
	/// An input has at least one byte.
	#[error("an input needs at least one byte: give the number of its bytes")]
	InputEmpty,
	/// The model takes less input.
	#[error("the model takes at most {limit} bytes of input: shorten it")]
	InputTooLong {
		/// Bytes it takes.
		limit: u32,
	},
	/// The model gives less output.
	#[error("the model gives at most {limit} units of output in this format: ask for no more, nor for more choices")]
	OutputTooLong {
		/// Units it gives.
		limit: u32,
	},
	/// The model generates text, and too little is asked for.
	#[error("the model generates text: say how many units of output, at least {least} here, you want at most")]
	NoOutputUnits {
		/// The fewest for this format.
		least: u32,
	},
	/// The format's own rules are broken.
	#[error(
		"the format is none: 'choice' takes 2 to 32 different texts, 'number' a min that is not above max and at most 9 \
		 decimals, 'text' stops that are not empty; 'json' and 'regex' are not empty"
	)]
	FormatInvalid,
	/// The model has no formats.
	#[error("the model generates no text, so its answers have no format: leave it out")]
	FormatNotOfTask,
	/// There is no such committee.
	#[error("'fixed' takes an odd number of seats from 1 to {MAX_FIXED_SEATS}; \"all\" takes every validator that serves the model")]
	SeatsInvalid,
	/// Fewer validators than seats.
	#[error("only {serving} validators serve the model: ask for fewer seats, or wait for more validators")]
	TooFewValidators {
		/// Validators that serve it.
		serving: u16,
	},
	/// More validators than a committee has seats.
	#[error("more than {limit} validators serve the model, so \"all\" can't be had: ask for a fixed number of seats")]
	TooManyValidators {
		/// The seats of the largest committee.
		limit: u16,
	},
	/// Those who serve the model have no time, or no free bond.
	#[error(
		"{serving} validators serve the model, and too few of them have time and a free bond for this job now: ask again \
		 in some blocks, or for fewer seats or a smaller job"
	)]
	Busy {
		/// Validators that serve it.
		serving: u16,
	},
	/// The model takes no jobs for now.
	#[error("the model takes no jobs for now: its validators disagreed, or it was stopped; choose another or wait")]
	Suspended,
	/// The model's author has taken it back.
	#[error("the model takes no more jobs: its author has retired it; choose another")]
	Retired,
	/// Too few serve the model.
	#[error(
		"validators with {} of the stake serve the model, and it takes jobs from {} on: choose another or wait until more \
		 serve it",
		percent(share),
		percent(needed)
	)]
	Inactive {
		/// What those who serve it have, of the stake of all.
		share: Perbill,
		/// What is needed.
		needed: Perbill,
	},
	/// No model has this name.
	#[error("no model is called '{0}': inference_listModels lists those there are")]
	UnknownModelName(String),
	/// The limit is none.
	#[error("'limit' can't be read: give a number from 1 to {most}")]
	LimitInvalid {
		/// What is listed at most.
		most: u32,
	},
	/// A parameter is none.
	#[error("'{parameter}' can't be read: {expected}")]
	InvalidParameter {
		/// Which.
		parameter: &'static str,
		/// What it should be.
		expected: &'static str,
	},
	/// The price can't be paid.
	#[error("the price is more than a balance holds: ask for fewer seats, less output or a cheaper model")]
	PriceOverflow,
	/// The node has no such block.
	#[error("this node has no block {0:?}: check the hash, or wait until the node has synced to it")]
	UnknownBlock(Hash),
	/// The node tells enough clients of jobs.
	#[error("this node tells of 256 jobs already: end a subscription, or ask inference_getJob now and then")]
	TooManySubscriptions,
	/// The node makes enough receipts.
	#[error("this node makes as many receipts as it does at a time: ask again in a moment")]
	TooManyReceipts,
	/// The chain may know it where the node has not come to yet.
	#[error(
		"this node is still syncing, at block {at}, so it can't tell: ask again when system_health says that it is not"
	)]
	Syncing {
		/// Its best block.
		at: BlockNumber,
	},
	/// There is no receipt yet.
	#[error("job {0} has not ended in a final block yet: ask again in some blocks")]
	NotFinal(JobId),
	/// The chain's finality can't be proven.
	#[error(
		"this node can't prove from the chain's genesis on what is final ({0}): ask a node that synced in full, or wait for \
		 the next final blocks"
	)]
	NoFinalityProof(String),
	/// No feed has this number.
	#[error("there is no feed {0}, or it has ended: inference_listFeeds names those that there are")]
	UnknownFeed(FeedId),
	/// The node holds no seats.
	#[error("this node is no validator, so it has nothing to drain: start it with --validator")]
	NotValidator,
	/// The block's runtime gave no answer.
	#[error("the runtime gave no answer at this block, whose state this node may not keep (see --state-pruning): {0}")]
	RuntimeFailed(String),
}

impl Error {
	/// The error's number.
	pub fn code(&self) -> i32 {
		match self {
			Self::UnknownJob(_) => 10000,
			Self::PrunedJob(_) => 10001,
			Self::UnknownModel(_) | Self::UnknownModelName(_) => 10002,
			Self::InputEmpty => 10003,
			Self::InputTooLong { .. } => 10004,
			Self::OutputTooLong { .. } => 10005,
			Self::SeatsInvalid => 10006,
			Self::TooFewValidators { .. } => 10007,
			Self::TooManyValidators { .. } => 10008,
			Self::PriceOverflow => 10009,
			Self::UnknownBlock(_) => 10010,
			Self::RuntimeFailed(_) => 10011,
			Self::NoOutputUnits { .. } => 10012,
			Self::Busy { .. } => 10013,
			Self::Suspended => 10014,
			Self::InvalidParameter { .. } | Self::LimitInvalid { .. } => 10015,
			Self::FormatInvalid => 10016,
			Self::FormatNotOfTask => 10017,
			Self::Syncing { .. } => 10018,
			Self::TooManySubscriptions => 10019,
			Self::NotFinal(_) => 10020,
			Self::NoFinalityProof(_) => 10021,
			Self::NotValidator => 10022,
			Self::Retired => 10024,
			Self::Inactive { .. } => 10025,
			Self::UnknownFeed(_) => 10026,
			Self::TooManyReceipts => 10023,
		}
	}

	/// The error's name, for programs.
	pub fn name(&self) -> &'static str {
		match self {
			Self::UnknownJob(_) => "UnknownJob",
			Self::PrunedJob(_) => "PrunedJob",
			Self::UnknownModel(_) | Self::UnknownModelName(_) => "UnknownModel",
			Self::InputEmpty => "InputEmpty",
			Self::InputTooLong { .. } => "InputTooLong",
			Self::OutputTooLong { .. } => "OutputTooLong",
			Self::NoOutputUnits { .. } => "NoOutputUnits",
			Self::FormatInvalid => "FormatInvalid",
			Self::FormatNotOfTask => "FormatNotOfTask",
			Self::SeatsInvalid => "SeatsInvalid",
			Self::TooFewValidators { .. } => "TooFewValidators",
			Self::TooManyValidators { .. } => "TooManyValidators",
			Self::Busy { .. } => "Busy",
			Self::Suspended => "Suspended",
			Self::Retired => "Retired",
			Self::Inactive { .. } => "Inactive",
			Self::InvalidParameter { .. } | Self::LimitInvalid { .. } => "InvalidParameter",
			Self::PriceOverflow => "PriceOverflow",
			Self::UnknownBlock(_) => "UnknownBlock",
			Self::Syncing { .. } => "Syncing",
			Self::TooManySubscriptions => "TooManySubscriptions",
			Self::NotFinal(_) => "NotFinal",
			Self::NoFinalityProof(_) => "NoFinalityProof",
			Self::NotValidator => "NotValidator",
			Self::UnknownFeed(_) => "UnknownFeed",
			Self::TooManyReceipts => "TooManyReceipts",
			Self::RuntimeFailed(_) => "RuntimeFailed",
		}
	}

	/// Why there is no price for this model.
	pub fn of_quote(model: ModelId, error: QuoteError) -> Self {
		match error {
			QuoteError::UnknownModel => Self::UnknownModel(model),
			QuoteError::InputEmpty => Self::InputEmpty,
			QuoteError::InputTooLong { limit } => Self::InputTooLong { limit },
			QuoteError::OutputTooLong { limit } => Self::OutputTooLong { limit },
			QuoteError::NoOutputUnits { least } => Self::NoOutputUnits { least },
			QuoteError::FormatInvalid => Self::FormatInvalid,
			QuoteError::FormatNotOfTask => Self::FormatNotOfTask,
			QuoteError::SeatsInvalid => Self::SeatsInvalid,
			QuoteError::TooFewValidators { serving } => Self::TooFewValidators { serving },
			QuoteError::TooManyValidators { limit } => Self::TooManyValidators { limit },
			QuoteError::Busy { serving } => Self::Busy { serving },
			QuoteError::Suspended => Self::Suspended,
			QuoteError::Retired => Self::Retired,
			QuoteError::Inactive { share, needed } => Self::Inactive { share, needed },
			QuoteError::Overflow => Self::PriceOverflow,
		}
	}
}

impl From<Error> for ErrorObjectOwned {
	fn from(error: Error) -> Self {
		Self::owned(error.code(), error.to_string(), Some(error.name()))
	}
}

impl From<sp_api::ApiError> for Error {
	fn from(error: sp_api::ApiError) -> Self {
		Self::RuntimeFailed(crate::error::in_one_line(&error))
	}
}

impl From<sp_blockchain::Error> for Error {
	fn from(error: sp_blockchain::Error) -> Self {
		Self::RuntimeFailed(crate::error::in_one_line(&error))
	}
}

/// A share as people write it.
fn percent(share: &Perbill) -> String {
	let one_percent = Perbill::from_percent(1).deconstruct();
	format!("{:.1} %", f64::from(share.deconstruct()) / f64::from(one_percent))
}

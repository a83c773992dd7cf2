//! Why calls are refused.

use frame_support::pallet_macros::pallet_section;

/// The pallet's errors; their docs are what wallets show.
#[pallet_section]
mod errors {
	/// Why a call is refused.
	#[pallet::error]
	pub enum Error<T> {
		/// The chain knows no such model: `inference_listModels` lists those there are.
		UnknownModel,
		/// The input has no byte, or one of its messages has none.
		InputEmpty,
		/// The input has more bytes than the model takes, the format's texts and 32 for each message included: its limit is `limits.inputBytes` in `inference_listModels`.
		InputTooLong,
		/// The input is not UTF-8. Send texts as the hex of their UTF-8 bytes.
		InputNotUtf8,
		/// `maxOutputUnits` is more than the model gives, or the choices take the time of more: its limit is `limits.outputUnits` in `inference_listModels`. With `ScoredText` it is 512 at most.
		OutputTooLong,
		/// The model generates text, and `maxOutputUnits` is 0 or less than the format needs: say how many tokens you want at
		/// most. A number needs one more than its longest text has characters.
		NoOutputUnits,
		/// The format is none: a choice has 2 to 32 different texts, a number a `min` that is not above its `max` and at most
		/// 9 decimals, and no text of a format is empty.
		FormatInvalid,
		/// The model generates no text, so it has no formats: leave `format` out.
		FormatNotOfTask,
		/// The model generates no text, so it reads no conversations: give the input as `Text`.
		InputNotOfTask,
		/// `Fixed` takes odd numbers from 1 to 15.
		SeatsInvalid,
		/// Fewer validators serve the model than there are seats: ask for fewer or try later.
		TooFewValidators,
		/// More validators serve the model than a committee has seats: ask for `Fixed` seats.
		TooManyValidators,
		/// The validators that serve the model have no time, or no free service bond, for this job: try again in some blocks,
		/// or ask for less output or for fewer seats.
		Busy,
		/// The model takes no jobs for now: `inference_listModels` says which do.
		ModelSuspended,
		/// The model's author has taken it back: `inference_listModels` says which take jobs.
		ModelRetired,
		/// Validators with too little of the stake serve the model: `inference_listModels` says how much.
		ModelInactive,
		/// `drawDelay` takes numbers from 1 to 8.
		DrawDelayInvalid,
		/// The price is above `maxFee`: `inference_quote` says what it is.
		FeeAboveLimit,
		/// The price is more than a balance can hold.
		PriceOverflow,
		/// The account can't pay the price: it must be free beside the existential deposit.
		BalanceTooLow,
		/// As many jobs are open as the chain takes: try again in some blocks.
		TooManyJobs,
		/// As many jobs of this account are open as the chain takes: wait for one to end.
		TooManyJobsOfAccount,
		/// A block has its votes already: a second `include` makes it invalid.
		IncludedAlready,
		/// The account has less free balance than it wants to bond.
		BondTooHigh,
		/// That much of the service bond is not free: open seats are covered by it until their jobs end.
		BondReserved,
		/// The two ballots are no proof: they must be signed by one validator and hold two different commits of one seat, and
		/// their session's keys must still be known.
		NotAnEquivocation,
		/// This equivocation has been reported already.
		EquivocationKnown,
		/// No job has this number, or it has ended.
		NoOpenJob,
		/// The job can be read, so it ends by itself; `cancel` ends it now.
		JobIsReadable,
		/// The pallet that asks waits for as many results as the chain takes of it: try again in some blocks.
		TooManyRequests,
		/// There is no result of this job whose delivery failed: it was delivered, is still to be, or nobody asked for one.
		NotUndelivered,
	}
}

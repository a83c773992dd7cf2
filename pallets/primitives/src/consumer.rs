//! How a pallet of the runtime asks models, and hears what came of it.
//!
//! The inference pallet implements [`Inference`]; the runtime implements [`OnResult`] for the pallets that ask, which are its
//! *consumers*. `docs/feeds.md` has a worked example.

use crate::{
	api::{SettlementView, Support},
	input::Input,
	job::{Fingerprint, JobId, JobOptions, Verdict},
	model::ModelId,
	output::Output,
	price::Quote,
	AccountId, Balance, BlockNumber,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::{DispatchError, DispatchResult, Weight};

/// Names a consumer among those of the runtime, which gives each its own and never one of another's.
pub type ConsumerId = u8;

/// Who asked, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Asker {
	/// The consumer that hears of the result.
	pub consumer: ConsumerId,
	/// What the consumer knows the question by; its own to choose.
	pub reference: u64,
}

/// A question that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
	/// The job's number.
	pub job: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// The price, which is held of the payer until the job ends.
	pub quote: Quote,
}

/// Asks models, for pallets.
pub trait Inference {
	/// What a job costs now. Errors as [`Inference::request`], as far as the price is concerned.
	fn quote(model: ModelId, input: &Input, options: &JobOptions) -> Result<Quote, DispatchError>;

	/// Asks a model. The price is held of the payer, who need not have signed anything: the consumer answers for its consent.
	/// What the job does not use goes back to the payer's free balance. It is computed anew, whatever answers may be reused.
	///
	/// Where it fails nothing has changed; the errors are those of `inference.submit`, and `TooManyRequests`. Weighs
	/// [`Inference::weight_of_request`], which whoever makes the consumer ask pays for.
	fn request(
		asker: Asker,
		payer: &AccountId,
		model: ModelId,
		input: Input,
		options: JobOptions,
		max_fee: Balance,
	) -> Result<Asked, DispatchError>;

	/// What a request weighs, and a quote at most, with so many bytes of input and of the format.
	fn weight_of_request(bytes: u32) -> Weight;

	/// Whether a result of the job is still to come by itself: neither delivered, nor failed, nor forgotten.
	fn is_awaited(job: JobId) -> bool;
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
	/// The job.
	pub job: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// The consumer's own reference.
	pub reference: u64,
	/// How the job ended.
	pub verdict: Verdict,
	/// What a quorum said: an answer where the verdict is `Agreed`, a refusal where it is `Failed`. A job that was cancelled
	/// may have had it too.
	pub said: Option<Said>,
	/// Where the price went: what was refunded is in the payer's free balance.
	pub settlement: SettlementView,
}

/// What a quorum said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
	/// The answer, or the model's refusal.
	pub output: Output,
	/// The block of the agreement.
	pub at: BlockNumber,
	/// How many agreed.
	pub support: Support,
}

/// Hears what came of questions: the runtime's consumers.
pub trait OnResult {
	/// What a delivery to the consumer weighs at most, whatever comes of it. It is charged in full.
	fn weight(consumer: ConsumerId) -> Weight;

	/// Delivers. Runs in a storage layer of its own: where it fails, all that it did is undone, and nothing else is.
	///
	/// A result comes once, in the order in which jobs end; one that failed and was delivered again comes late.
	fn on_result(consumer: ConsumerId, ended: Ended) -> DispatchResult;

	/// What a delivery to any consumer weighs at most.
	fn max_weight() -> Weight {
		(0..=ConsumerId::MAX).fold(Weight::zero(), |most, consumer| most.max(Self::weight(consumer)))
	}
}

/// A runtime in which no pallet asks.
impl OnResult for () {
	fn weight(_: ConsumerId) -> Weight {
		Weight::zero()
	}

	fn on_result(_: ConsumerId, _: Ended) -> DispatchResult {
		Err(DispatchError::Unavailable)
	}
}

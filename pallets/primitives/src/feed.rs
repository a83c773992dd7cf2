//! Feeds: questions that are asked again and again, their latest answers, and the runtime API that shows them.

use crate::{
	api::Support,
	input::Input,
	job::{Fingerprint, JobId, JobOptions},
	model::ModelId,
	output::Answer,
	AccountId, Balance, BlockNumber,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// A feed's number, given in the order of their creation and never twice.
pub type FeedId = u32;

/// Feeds that one call lists at most.
pub const MAX_LISTED_FEEDS: u32 = 64;

sp_api::decl_runtime_apis! {
	/// Questions that are asked again and again.
	pub trait FeedsApi {
		/// A feed with its latest answer; none where there is no such feed, or where it has ended.
		fn feed(feed: FeedId) -> Option<FeedView>;
		/// Feeds by their numbers, from this one on: at most `limit`, and never more than 64. It says where to go on.
		fn feeds(from: FeedId, limit: u32) -> FeedPage;
	}
}

/// Reads feeds, for pallets.
pub trait FeedReader {
	/// The last answer that a committee agreed on; none before the first, and none any more when the feed has ended.
	///
	/// It may be of any age: `at` is the block of the agreement. A round that fails leaves it as it is.
	fn latest(feed: FeedId) -> Option<Latest>;
}

/// A feed's latest answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Latest {
	/// The answer.
	pub answer: Answer,
	/// The block of the agreement.
	pub at: BlockNumber,
	/// Of how many seats how many agreed, and in which round.
	pub support: Support,
	/// The job that answered.
	pub job: JobId,
	/// What identifies that job on every fork.
	pub fingerprint: Fingerprint,
}

/// A feed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct FeedView {
	/// Its number.
	pub id: FeedId,
	/// Who pays for it.
	pub owner: AccountId,
	/// The model asked.
	pub model: ModelId,
	/// What the model reads.
	pub input: Input,
	/// What the owner chose about each job.
	pub options: JobOptions,
	/// Blocks from a round to the next.
	pub interval: BlockNumber,
	/// What a round's job may cost at most.
	pub max_fee: Balance,
	/// What a round costs beside its job, asked or skipped.
	pub round_fee: Balance,
	/// What is held for further rounds.
	pub funds: Balance,
	/// What is held for its place in the state.
	pub deposit: Balance,
	/// The block of its creation.
	pub created_at: BlockNumber,
	/// The block of its next round, or the first one after it with room.
	pub next_at: BlockNumber,
	/// Rounds that were asked.
	pub asked: u32,
	/// The job of the last round, while its result is to come.
	pub open_job: Option<JobId>,
	/// Its latest answer.
	pub latest: Option<Latest>,
}

/// A part of the list of feeds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct FeedPage {
	/// By their numbers.
	pub feeds: Vec<FeedView>,
	/// What to go on from; none where there are no more.
	pub next: Option<FeedId>,
}

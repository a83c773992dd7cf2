//! Feeds, as JSON.

use crate::{address, Answer, Input, Options, Support};
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	feed::{FeedId, FeedPage as ChainPage, FeedView, Latest as ChainLatest},
	job::{Fingerprint, JobId},
	model::ModelId,
	BlockNumber,
};

/// A question that is asked again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feed {
	/// Its number.
	pub id: FeedId,
	/// Who pays for it.
	pub owner: String,
	/// The model asked.
	pub model: ModelId,
	/// What the model reads.
	pub input: Input,
	/// What the owner chose about each job.
	pub options: Options,
	/// Blocks from a round to the next.
	pub interval: BlockNumber,
	/// What a round's job may cost at most, in the smallest unit.
	pub max_fee: String,
	/// What a round costs beside its job, asked or skipped.
	pub round_fee: String,
	/// What is held for further rounds.
	pub funds: String,
	/// What is held for its place in the state.
	pub deposit: String,
	/// The block of its creation.
	pub created_at: BlockNumber,
	/// The block of its next round.
	pub next_at: BlockNumber,
	/// Rounds that were asked.
	pub asked: u32,
	/// The job of the last round, while its result is to come.
	pub open_job: Option<JobId>,
	/// Its latest answer; none before the first.
	pub latest: Option<Latest>,
}

/// A feed's latest answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latest {
	/// What the model says.
	pub answer: Answer,
	/// The block of the agreement.
	pub at: BlockNumber,
	/// Blocks from there to the block that was asked.
	pub age: BlockNumber,
	/// How many agreed.
	pub support: Support,
	/// The job that answered.
	pub job: JobId,
	/// What identifies that job on every fork.
	pub fingerprint: Fingerprint,
}

/// A part of the list of feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPage {
	/// By their numbers.
	pub feeds: Vec<Feed>,
	/// What to give as the cursor to go on; none where there are no more.
	pub next: Option<FeedId>,
}

impl Feed {
	/// The feed as it is shown at the block of this height.
	pub fn new(feed: FeedView, height: BlockNumber) -> Self {
		Self {
			id: feed.id,
			owner: address(&feed.owner),
			model: feed.model,
			input: feed.input.into(),
			options: feed.options.into(),
			interval: feed.interval,
			max_fee: feed.max_fee.to_string(),
			round_fee: feed.round_fee.to_string(),
			funds: feed.funds.to_string(),
			deposit: feed.deposit.to_string(),
			created_at: feed.created_at,
			next_at: feed.next_at,
			asked: feed.asked,
			open_job: feed.open_job,
			latest: feed.latest.map(|latest| Latest::new(latest, height)),
		}
	}
}

impl Latest {
	fn new(latest: ChainLatest, height: BlockNumber) -> Self {
		Self {
			answer: latest.answer.into(),
			at: latest.at,
			age: height.saturating_sub(latest.at),
			support: latest.support.into(),
			job: latest.job,
			fingerprint: latest.fingerprint,
		}
	}
}

impl FeedPage {
	/// The list as it is shown at the block of this height.
	pub fn new(page: ChainPage, height: BlockNumber) -> Self {
		Self { feeds: page.feeds.into_iter().map(|feed| Feed::new(feed, height)).collect(), next: page.next }
	}
}

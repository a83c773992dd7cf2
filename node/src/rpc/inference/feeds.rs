//! Feeds: questions that are asked again and again.

use super::error::Error;
use crate::inference::IsSyncing;
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
};
use sc_client_api::HeaderBackend;
use sibyl_primitives::{
	feed::{FeedId, FeedsApi as FeedsRuntimeApi, MAX_LISTED_FEEDS},
	BlockNumber, Hash,
};
use sibyl_rpc_types::{Feed, FeedPage};
use sibyl_runtime::opaque::Block;
use sp_api::ProvideRuntimeApi;
use std::sync::Arc;

/// Questions on feeds. `at` is the block to ask; without it, the best one.
#[rpc(server, namespace = "inference")]
pub trait InferenceFeedsApi {
	/// A feed with its latest answer, and the age of that in blocks.
	#[method(name = "feed", blocking)]
	fn feed(&self, id: FeedId, at: Option<Hash>) -> RpcResult<Feed>;

	/// Feeds by their numbers, from `cursor` on: at most `limit`, and where to go on.
	#[method(name = "listFeeds", blocking)]
	fn list_feeds(&self, cursor: Option<FeedId>, limit: Option<u32>, at: Option<Hash>) -> RpcResult<FeedPage>;
}

/// Answers from a chain.
pub struct InferenceFeeds<Client> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
}

impl<Client: HeaderBackend<Block>> InferenceFeeds<Client> {
	/// Answers from this chain.
	pub fn new(client: Arc<Client>, is_syncing: IsSyncing) -> Self {
		Self { client, is_syncing }
	}

	/// What a node that syncs can't tell, since the chain may know it where the node has not come to yet.
	fn unless_syncing(&self, error: Error) -> Error {
		let is_of_the_block = matches!(error, Error::UnknownFeed(_) | Error::UnknownBlock(_) | Error::RuntimeFailed(_));
		match is_of_the_block && (self.is_syncing)() {
			true => Error::Syncing { at: self.client.info().best_number },
			false => error,
		}
	}

	/// The block that is asked, and its height.
	fn block(&self, at: Option<Hash>) -> Result<(Hash, BlockNumber), Error> {
		let best = self.client.info();
		match at {
			None => Ok((best.best_hash, best.best_number)),
			Some(hash) => match self.client.number(hash)? {
				Some(height) => Ok((hash, height)),
				None => Err(self.unless_syncing(Error::UnknownBlock(hash))),
			},
		}
	}
}

/// How many feeds to list.
fn limit(asked: Option<u32>) -> Result<u32, Error> {
	match asked {
		None => Ok(MAX_LISTED_FEEDS),
		Some(limit) if (1..=MAX_LISTED_FEEDS).contains(&limit) => Ok(limit),
		Some(_) => Err(Error::InvalidParameter { parameter: "limit", expected: "give a number from 1 to 64" }),
	}
}

#[async_trait]
impl<Client> InferenceFeedsApiServer for InferenceFeeds<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + 'static,
	Client::Api: FeedsRuntimeApi<Block>,
{
	fn feed(&self, id: FeedId, at: Option<Hash>) -> RpcResult<Feed> {
		let (block, height) = self.block(at)?;
		let feed = self.client.runtime_api().feed(block, id).map_err(Error::from);
		let feed = feed.and_then(|feed| feed.ok_or(Error::UnknownFeed(id)));
		let feed = feed.map_err(|error| self.unless_syncing(error))?;
		Ok(Feed::new(feed, height))
	}

	fn list_feeds(&self, cursor: Option<FeedId>, limit: Option<u32>, at: Option<Hash>) -> RpcResult<FeedPage> {
		let limit = self::limit(limit)?;
		let (block, height) = self.block(at)?;
		// An old block would lack some without a word.
		if at.is_none() && (self.is_syncing)() {
			return Err(Error::Syncing { at: height }.into());
		}
		let page = self.client.runtime_api().feeds(block, cursor.unwrap_or_default(), limit);
		let page = page.map_err(|error| self.unless_syncing(error.into()))?;
		Ok(FeedPage::new(page, height))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		inference::mock::{account, MockChain},
		rpc::inference::tests::{call, error, RpcError},
	};
	use jsonrpsee::RpcModule;
	use serde_json::{json, Value};
	use sibyl_primitives::{
		api::Support,
		feed::{FeedView, Latest},
		job::JobOptions,
		output::{Answer, Number},
	};

	struct Test {
		chain: Arc<MockChain>,
		module: RpcModule<InferenceFeeds<MockChain>>,
	}

	impl Test {
		/// A chain of ten blocks.
		fn new(is_syncing: bool) -> Self {
			let chain = Arc::new(MockChain::new());
			chain.extend_silently(10);
			Self { module: InferenceFeeds::new(chain.clone(), Arc::new(move || is_syncing)).into_rpc(), chain }
		}

		fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
			call(&self.module, method, params)
		}

		fn error(&self, method: &str, params: Value) -> (i32, String) {
			error(self.call(method, params))
		}
	}

	fn view(id: FeedId) -> FeedView {
		FeedView {
			id,
			owner: account(9),
			model: Hash::repeat_byte(2),
			input: "How warm is it?".into(),
			options: JobOptions::default(),
			interval: 5,
			max_fee: u128::MAX,
			round_fee: 7,
			funds: 100,
			deposit: 50,
			created_at: 1,
			next_at: 11,
			asked: 2,
			open_job: Some(8),
			latest: Some(Latest {
				answer: Answer::Number(Number { value: 215, decimals: 1 }),
				at: 6,
				support: Support { round: 0, seats: 5, agreed: 4, serving: 9 },
				job: 7,
				fingerprint: Hash::repeat_byte(3),
			}),
		}
	}

	#[test]
	fn a_feed_is_shown_with_its_latest_answer_and_the_age_of_that() {
		let test = Test::new(false);
		test.chain.state().feeds.insert(3, view(3));
		let expected = json!({
			"id": 3,
			"owner": sibyl_rpc_types::address(&account(9)),
			"model": Hash::repeat_byte(2),
			"input": { "text": "How warm is it?" },
			"options": { "seats": "all", "maxOutputUnits": 0, "drawDelay": 1,
				"sampling": { "temperature": 0, "topK": 0, "topP": 0 }, "seed": null, "format": { "text": { "stops": [] } },
				"reuse": false },
			"interval": 5,
			"maxFee": u128::MAX.to_string(),
			"roundFee": "7",
			"funds": "100",
			"deposit": "50",
			"createdAt": 1,
			"nextAt": 11,
			"asked": 2,
			"openJob": 8,
			"latest": {
				"answer": { "number": { "value": "21.5", "units": "215", "decimals": 1 } },
				"at": 6,
				"age": 4,
				"support": { "round": 0, "seats": 5, "agreed": 4, "serving": 9 },
				"job": 7,
				"fingerprint": Hash::repeat_byte(3),
			},
		});
		assert_eq!(test.call("feed", json!([3])), Ok(expected));
		let earlier = test.chain.hash(8).expect("the mock always answers").expect("the chain is long enough");
		let feed = test.call("feed", json!([3, earlier])).expect("it is there");
		assert_eq!(feed["latest"]["age"], 2);
	}

	#[test]
	fn feeds_are_listed_in_pages_and_told_where_to_go_on() {
		let test = Test::new(false);
		for id in [3, 4, 6] {
			test.chain.state().feeds.insert(id, FeedView { latest: None, ..view(id) });
		}
		let list = |params| {
			let page = test.call("listFeeds", params).expect("there is a list");
			let ids: Vec<_> =
				page["feeds"].as_array().expect("it is a list").iter().map(|feed| feed["id"].clone()).collect();
			(ids, page["next"].clone())
		};
		assert_eq!(list(json!([])), (vec![json!(3), json!(4), json!(6)], Value::Null));
		assert_eq!(list(json!([null, 2])), (vec![json!(3), json!(4)], json!(6)));
		assert_eq!(list(json!([6, 2])), (vec![json!(6)], Value::Null));
		for limit in [0, 65] {
			assert_eq!(test.error("listFeeds", json!([0, limit])), (10015, "InvalidParameter".into()));
		}
		let page = test.call("listFeeds", json!([3, 1])).expect("there is a list");
		assert_eq!(page["feeds"][0]["latest"], Value::Null);
	}

	#[test]
	fn a_feed_that_there_is_not_is_told_as_such_unless_the_node_syncs_which_lists_none() {
		let nowhere = json!([3, Hash::repeat_byte(0xee)]);
		let test = Test::new(false);
		assert_eq!(test.error("feed", json!([3])), (10026, "UnknownFeed".into()));
		assert_eq!(test.error("feed", nowhere.clone()), (10010, "UnknownBlock".into()));
		let syncing = Test::new(true);
		for params in [json!([3]), nowhere] {
			assert_eq!(syncing.error("feed", params), (10018, "Syncing".into()));
		}
		assert_eq!(syncing.error("listFeeds", json!([])), (10018, "Syncing".into()));
		let block = syncing.chain.hash(8).expect("the mock always answers").expect("the chain is long enough");
		assert!(syncing.call("listFeeds", json!([null, null, block])).is_ok(), "what a block has it tells");
		test.chain.state().fails = true;
		assert_eq!(test.error("feed", json!([3])), (10011, "RuntimeFailed".into()));
		assert_eq!(test.error("listFeeds", json!([])), (10011, "RuntimeFailed".into()));
	}
}

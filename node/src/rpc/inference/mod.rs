//! `inference_*`: jobs, results, models, prices and validators.
//!
//! Each method is a question to the runtime API, with an answer that needs no metadata to read.

mod error;
mod feeds;
mod listing;
mod node;
mod number;
mod places;
mod proofs;
mod results;
mod subscriptions;
#[cfg(test)]
mod tests;

pub use feeds::{InferenceFeeds, InferenceFeedsApiServer};
pub use node::{InferenceNode, InferenceNodeApiServer, Started};
pub use places::Places;
pub use proofs::{InferenceProofs, InferenceProofsApiServer};
pub use results::{InferenceResults, InferenceResultsApiServer};
pub use subscriptions::{InferenceSubscriptions, InferenceSubscriptionsApiServer};

use crate::inference::IsSyncing;
use error::Error;
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
};
use listing::Filter;
use number::JobNumber;
use sc_client_api::HeaderBackend;
use sibyl_primitives::{
	api::{InferenceApi as InferenceRuntimeApi, Lookup, ModelView, MAX_LISTED_JOBS, MAX_LISTED_MODELS},
	format::Format,
	job::{JobId, Seats},
	model::{ModelId, ModelName},
	AccountId, BlockNumber, Hash,
};
use sibyl_rpc_types::{account_of, Job, JobResult, Model, Page, Quote, ResultBlock, Validator};
use sibyl_runtime::opaque::Block;
use sp_api::ProvideRuntimeApi;
use sp_runtime::traits::Header as _;
use std::sync::Arc;

/// Questions on jobs, results, models, prices and validators. `at` is the block to ask; without it, the best one.
#[rpc(server, namespace = "inference")]
pub trait InferenceApi {
	/// A job, with all that is known of its committee.
	#[method(name = "getJob", blocking)]
	fn get_job(&self, id: JobNumber, at: Option<Hash>) -> RpcResult<Job>;

	/// A job's answer, or why there is none.
	#[method(name = "getResult", blocking)]
	fn get_result(&self, id: JobNumber, at: Option<Hash>) -> RpcResult<JobResult>;

	/// The jobs that the chain still knows, the newest first: at most `limit` of those before the number `before`, and where
	/// to go on.
	#[method(name = "listJobs", blocking)]
	fn list_jobs(
		&self,
		filter: Option<Filter>,
		before: Option<JobNumber>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<Page>;

	/// A model, by its name or its id, with who serves it.
	#[method(name = "getModel", blocking)]
	fn get_model(&self, model: String, at: Option<Hash>) -> RpcResult<Model>;

	/// The models, with who serves them, in the order of their ids: at most `limit` of those after the id `after`.
	#[method(name = "listModels", blocking)]
	fn list_models(&self, after: Option<ModelId>, limit: Option<u32>, at: Option<Hash>) -> RpcResult<Vec<Model>>;

	/// What a job of the model of this name or id costs: `seats` is `"all"` or `{"fixed": 5}`; `format` is text where none is given.
	#[method(name = "quote", blocking)]
	fn quote(
		&self,
		model: String,
		seats: Seats,
		input_bytes: u32,
		max_output_units: u32,
		format: Option<Format>,
		at: Option<Hash>,
	) -> RpcResult<Quote>;

	/// A validator's service bond, its open seats and what it has done so far.
	#[method(name = "validator", blocking)]
	fn validator(&self, account: String, at: Option<Hash>) -> RpcResult<Validator>;
}

/// Answers from a chain.
pub struct Inference<Client> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
}

impl<Client: HeaderBackend<Block>> Inference<Client> {
	/// Answers from this chain.
	pub fn new(client: Arc<Client>, is_syncing: IsSyncing) -> Self {
		Self { client, is_syncing }
	}

	/// What a node that syncs can't tell, since the chain may know it where the node has not come to yet.
	fn unless_syncing(&self, error: Error) -> Error {
		let is_of_the_block = matches!(
			error,
			Error::UnknownJob(_)
				| Error::UnknownModel(_)
				| Error::UnknownModelName(_)
				| Error::UnknownBlock(_)
				| Error::RuntimeFailed(_)
		);
		match is_of_the_block && (self.is_syncing)() {
			true => Error::Syncing { at: self.client.info().best_number },
			false => error,
		}
	}

	/// The block that is asked.
	fn block(&self, at: Option<Hash>) -> Result<Hash, Error> {
		match at {
			None => Ok(self.client.info().best_hash),
			Some(hash) => match self.client.number(hash)? {
				Some(_) => Ok(hash),
				None => Err(self.unless_syncing(Error::UnknownBlock(hash))),
			},
		}
	}

	/// The block that is asked for all that there is, or for what an account has: an old one would lack some of it without a
	/// word.
	fn block_of_all(&self, at: Option<Hash>) -> Result<Hash, Error> {
		let block = self.block(at)?;
		match at.is_none() && (self.is_syncing)() {
			true => Err(Error::Syncing { at: self.client.info().best_number }),
			false => Ok(block),
		}
	}

	/// The block of this height on the chain of `head`. Its hash is not known where a warp sync has left it out.
	fn result_block(&self, head: Hash, height: BlockNumber) -> Result<ResultBlock, Error> {
		let mut hash = head;
		loop {
			let Some(header) = self.client.header(hash)? else { return Ok(ResultBlock::default()) };
			// From where the chain of `head` joins the best one, blocks are known by their heights.
			if self.client.hash(*header.number())? == Some(hash) {
				break;
			}
			if *header.number() == height {
				return Ok(ResultBlock { hash: Some(hash), finalized: false });
			}
			hash = *header.parent_hash();
		}
		Ok(ResultBlock { hash: self.client.hash(height)?, finalized: height <= self.client.info().finalized_number })
	}
}

impl<Client> Inference<Client>
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceRuntimeApi<Block>,
{
	/// The model of this name or id.
	fn model(&self, block: Hash, text: &str) -> Result<ModelView, Error> {
		let id = self.model_id(block, text)?;
		self.client.runtime_api().model(block, id)?.ok_or(Error::UnknownModel(id))
	}

	/// The id of the model of this name, or the id itself.
	fn model_id(&self, block: Hash, text: &str) -> Result<ModelId, Error> {
		let unknown = || Error::UnknownModelName(text.escape_debug().to_string());
		match text.strip_prefix("0x") {
			Some(_) => text.parse().map_err(|_| Error::InvalidParameter {
				parameter: "model",
				expected: "give a model's name, or its id: 0x and 64 hex digits",
			}),
			None => {
				let name = ModelName::try_from(text).map_err(|_| unknown())?;
				self.client.runtime_api().model_named(block, name)?.ok_or_else(unknown)
			}
		}
	}
}

fn account(parameter: &'static str, text: &str) -> Result<AccountId, Error> {
	let expected = "give an SS58 address, or 0x and the 64 hexadecimal digits of the account's key";
	account_of(text).ok_or(Error::InvalidParameter { parameter, expected })
}

fn found<T>(id: JobId, lookup: Lookup<T>) -> Result<T, Error> {
	match lookup {
		Lookup::Found(found) => Ok(found),
		Lookup::Pruned => Err(Error::PrunedJob(id)),
		Lookup::Unknown => Err(Error::UnknownJob(id)),
	}
}

#[async_trait]
impl<Client> InferenceApiServer for Inference<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + 'static,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn get_job(&self, JobNumber(id): JobNumber, at: Option<Hash>) -> RpcResult<Job> {
		let block = self.block(at)?;
		let job = self.client.runtime_api().job(block, id).map_err(Error::from);
		let job = job.and_then(|job| found(id, job)).map_err(|error| self.unless_syncing(error))?;
		Ok(job.into())
	}

	fn get_result(&self, JobNumber(id): JobNumber, at: Option<Hash>) -> RpcResult<JobResult> {
		let block = self.block(at)?;
		let result = self.client.runtime_api().result(block, id).map_err(Error::from);
		let result = result.and_then(|result| found(id, result)).map_err(|error| self.unless_syncing(error))?;
		let result_block = match JobResult::height(&result) {
			Some(height) => self.result_block(block, height)?,
			None => ResultBlock::default(),
		};
		Ok(JobResult::new(id, result, result_block))
	}

	fn list_jobs(
		&self,
		filter: Option<Filter>,
		before: Option<JobNumber>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<Page> {
		let filter = filter.unwrap_or_default().on_chain()?;
		let block = self.block_of_all(at)?;
		let before = before.map(|JobNumber(before)| before);
		let page = self.client.runtime_api().jobs(block, filter, before, listing::limit(limit, MAX_LISTED_JOBS)?);
		let page = page.map_err(|error| self.unless_syncing(error.into()))?;
		Ok(page.into())
	}

	fn get_model(&self, model: String, at: Option<Hash>) -> RpcResult<Model> {
		let block = self.block(at)?;
		let found = self.model(block, &model).map_err(|error| self.unless_syncing(error))?;
		Ok(found.into())
	}

	fn list_models(&self, after: Option<ModelId>, limit: Option<u32>, at: Option<Hash>) -> RpcResult<Vec<Model>> {
		let block = self.block_of_all(at)?;
		let models = self.client.runtime_api().models(block, after, listing::limit(limit, MAX_LISTED_MODELS)?);
		let models = models.map_err(|error| self.unless_syncing(error.into()))?;
		Ok(models.into_iter().map(Into::into).collect())
	}

	fn quote(
		&self,
		model: String,
		seats: Seats,
		input_bytes: u32,
		max_output_units: u32,
		format: Option<Format>,
		at: Option<Hash>,
	) -> RpcResult<Quote> {
		let block = self.block(at)?;
		let format = format.unwrap_or_default();
		let model = self.model_id(block, &model).map_err(|error| self.unless_syncing(error))?;
		let quote = self.client.runtime_api().quote(block, model, seats, input_bytes, max_output_units, format);
		let quote = quote.map_err(Error::from).and_then(|quote| quote.map_err(|error| Error::of_quote(model, error)));
		let quote = quote.map_err(|error| self.unless_syncing(error))?;
		Ok(quote.into())
	}

	fn validator(&self, account: String, at: Option<Hash>) -> RpcResult<Validator> {
		let account = self::account("account", &account)?;
		let block = self.block_of_all(at)?;
		let validator = self.client.runtime_api().validator(block, account.clone());
		let validator = validator.map_err(|error| self.unless_syncing(error.into()))?;
		Ok(Validator::new(&account, validator))
	}
}

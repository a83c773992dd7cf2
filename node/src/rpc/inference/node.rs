//! What a node's operator asks, and tells it: only over connections that may do unsafe things.

use super::error::Error;
use crate::inference::{
	insight::{unix_now, Insight},
	own::{Own, StateReader},
	IsSyncing,
};
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
	Extensions,
};
use sc_client_api::HeaderBackend;
use sc_rpc::DenyUnsafe;
use sibyl_primitives::api::InferenceApi as InferenceRuntimeApi;
use sibyl_rpc_types::{BlockRef, Drain, NodeStatus};
use sibyl_runtime::opaque::Block;
use sp_api::ProvideRuntimeApi;
use sp_keystore::KeystorePtr;
use std::sync::Arc;

/// What this node alone knows and does.
#[rpc(server, namespace = "inference")]
pub trait InferenceNodeApi {
	/// What the node knows of itself.
	#[method(name = "nodeStatus", blocking, with_extensions)]
	fn node_status(&self) -> RpcResult<NodeStatus>;

	/// Lets the node take no new seats, or take them again. A node that is started again takes them.
	#[method(name = "drain", blocking, with_extensions)]
	fn drain(&self, on: bool) -> RpcResult<Drain>;
}

/// What the node was started as.
#[derive(Clone)]
pub struct Started {
	/// The chain's name.
	pub chain: String,
	/// Whether it validates.
	pub is_validator: bool,
	/// Its keys.
	pub keystore: KeystorePtr,
	/// How many nodes it is connected to.
	pub peers: Arc<dyn Fn() -> usize + Send + Sync>,
	/// Its engine.
	pub insight: Insight,
}

/// Answers of this node.
pub struct InferenceNode<Client> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
	started: Started,
}

impl<Client> InferenceNode<Client> {
	/// Answers of the node that was started so.
	pub fn new(client: Arc<Client>, is_syncing: IsSyncing, started: Started) -> Self {
		Self { client, is_syncing, started }
	}
}

fn check(extensions: &Extensions) -> RpcResult<()> {
	Ok(extensions.get::<DenyUnsafe>().copied().unwrap_or(DenyUnsafe::Yes).check_if_safe()?)
}

#[async_trait]
impl<Client> InferenceNodeApiServer for InferenceNode<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + StateReader + 'static,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn node_status(&self, extensions: &Extensions) -> RpcResult<NodeStatus> {
		check(extensions)?;
		let Started { chain, is_validator, keystore, peers, insight } = &self.started;
		let info = self.client.info();
		let own = Own::at(&*self.client, &**keystore, info.best_hash).map_err(Error::from)?;
		Ok(NodeStatus {
			version: crate::version(),
			chain: chain.clone(),
			genesis: info.genesis_hash,
			is_syncing: (self.is_syncing)(),
			peers: peers(),
			best: BlockRef { number: info.best_number, hash: info.best_hash },
			best_at: own.made_at,
			now: unix_now(),
			finalized: BlockRef { number: info.finalized_number, hash: info.finalized_hash },
			session: own.session,
			set_size: own.set_size,
			is_validator: *is_validator,
			is_draining: insight.is_draining(),
			keys: own.keys,
			validators: own.validators,
			models: insight.models(),
			queue: insight.load(),
			engine: insight.engine(),
			faults: insight.faults(),
		})
	}

	fn drain(&self, extensions: &Extensions, on: bool) -> RpcResult<Drain> {
		check(extensions)?;
		if !self.started.is_validator {
			return Err(Error::NotValidator.into());
		}
		self.started.insight.drain(on);
		Ok(Drain { is_draining: self.started.insight.is_draining() })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::MockChain;
	use jsonrpsee::{core::server::MethodsError, RpcModule};
	use serde_json::{json, Value};
	use sp_keystore::testing::MemoryKeystore;

	fn module(is_validator: bool, deny: DenyUnsafe) -> (RpcModule<InferenceNode<MockChain>>, Insight) {
		let chain = Arc::new(MockChain::new());
		chain.extend_silently(10);
		chain.finalise(7);
		let insight = Insight::new(None);
		let started = Started {
			chain: "Mock".into(),
			is_validator,
			keystore: MemoryKeystore::new().into(),
			peers: Arc::new(|| 3),
			insight: insight.clone(),
		};
		let mut module = InferenceNode::new(chain, Arc::new(|| true), started).into_rpc();
		module.extensions_mut().insert(deny);
		(module, insight)
	}

	fn call(module: &RpcModule<InferenceNode<MockChain>>, method: &str, params: Value) -> Result<Value, (i32, String)> {
		let params = params.as_array().expect("parameters are a list").clone();
		let runtime = sc_cli::build_runtime().expect("a runtime can be built");
		runtime.block_on(module.call::<_, Value>(method, params)).map_err(|error| {
			let MethodsError::JsonRpc(error) = error else { panic!("{error}") };
			(error.code(), error.message().into())
		})
	}

	#[test]
	fn a_node_tells_what_it_is_and_where_it_stands() {
		let (module, insight) = module(true, DenyUnsafe::No);
		insight.fault("something broke");
		let status = call(&module, "inference_nodeStatus", json!([])).expect("it answers");
		assert_eq!((&status["chain"], &status["peers"]), (&json!("Mock"), &json!(3)));
		assert_eq!((&status["best"]["number"], &status["finalized"]["number"]), (&json!(10), &json!(7)));
		assert_eq!((&status["isSyncing"], &status["isValidator"]), (&json!(true), &json!(true)));
		assert_eq!(status["faults"][0]["what"], "something broke");
		assert_eq!(status["engine"], json!({ "state": "idle", "pid": null, "ends": 0, "lastEnd": null }));
		serde_json::from_value::<NodeStatus>(status).expect("clients in Rust read it");
	}

	#[test]
	fn a_node_drains_until_it_is_told_otherwise() {
		let (module, insight) = module(true, DenyUnsafe::No);
		for on in [true, false] {
			let said = call(&module, "inference_drain", json!([on])).expect("it does");
			assert_eq!((said, insight.is_draining()), (json!({ "isDraining": on }), on));
			assert_eq!(call(&module, "inference_nodeStatus", json!([])).expect("it answers")["isDraining"], on);
		}
	}

	#[test]
	fn a_node_that_is_no_validator_has_nothing_to_drain() {
		let (module, insight) = module(false, DenyUnsafe::No);
		let (code, message) = call(&module, "inference_drain", json!([true])).expect_err("it holds no seats");
		assert!(code == 10022 && message.contains("--validator"), "{code} {message}");
		assert!(!insight.is_draining());
	}

	#[test]
	fn strangers_are_told_nothing_and_drain_nothing() {
		let (module, insight) = module(true, DenyUnsafe::Yes);
		for (method, params) in [("inference_nodeStatus", json!([])), ("inference_drain", json!([true]))] {
			assert!(call(&module, method, params).expect_err("it is unsafe").1.contains("unsafe"));
		}
		assert!(!insight.is_draining());
	}
}

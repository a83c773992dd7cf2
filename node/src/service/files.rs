//! Models' files from other nodes and for them: what [`crate::files`] and [`sibyl_files`] are made of, put together.

use super::{full::Node, inference::is_syncing};
use crate::{
	cli::InferenceParams,
	error::Error,
	files::{Follower, Plan},
	inference::models::Choice,
};
use async_channel::Receiver;
use futures::FutureExt;
use sc_network::{
	config::{FullNetworkConfiguration, IncomingRequest},
	service::traits::NetworkBackend,
	ProtocolName,
};
use sc_service::{Configuration, TaskManager};
use sibyl_files::{
	protocol_config, protocol_name, Fetcher, Limits, Listed, Metrics, NodeNetwork, Patience, Progress, Server, Shelf,
};
use sibyl_runtime::{opaque::Block, Hash};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;

/// The tasks' group in the metrics.
const GROUP: &str = "files";

/// What the command line makes of files.
#[derive(Clone)]
pub struct FilePlan {
	shelf: Shelf,
	limits: Limits,
	plan: Plan,
	progress: Progress,
}

impl FilePlan {
	/// Files in this folder, of the models that the operator chose. How far they are can be read from `progress`.
	pub fn new(params: &InferenceParams, folder: PathBuf, choice: Choice, progress: Progress) -> Self {
		let plan = Plan { choice, rule: params.files.fetch_models, space: params.files.fetch_models_space };
		Self { shelf: Shelf::new(folder), limits: params.files.limits(), plan, progress }
	}
}

/// The protocol that files travel by, before there is a network.
pub struct FileProtocol {
	name: ProtocolName,
	requests: Receiver<IncomingRequest>,
}

impl FileProtocol {
	/// Adds it to the network that is to be built.
	pub fn add_to<Network: NetworkBackend<Block, Hash>>(
		network: &mut FullNetworkConfiguration<Block, Hash, Network>,
		config: &Configuration,
		genesis: &Hash,
	) -> Self {
		let name = protocol_name(genesis, config.chain_spec.fork_id());
		let (protocol, requests) = protocol_config::<Block, Network>(name.clone());
		network.add_request_response_protocol(protocol);
		Self { name, requests }
	}
}

/// Starts what gives files to others, and what fetches them where this node runs models. Each looks at the disk, so it may
/// block for a moment.
pub fn spawn(
	task_manager: &TaskManager,
	node: &Node,
	runs_models: bool,
	files: FilePlan,
	protocol: FileProtocol,
) -> Result<(), Error> {
	let FilePlan { shelf, limits, plan, progress } = files;
	let metrics = Metrics::new(node.registry.as_ref()).map_err(sc_service::Error::from)?;
	let (listed, (wanted, heard)) = (Listed::default(), watch::channel(None));
	let spawner = task_manager.spawn_handle();
	let server = Server::new(shelf.clone(), listed.clone(), protocol.requests, limits, metrics.clone());
	spawner.spawn_blocking("files-server", GROUP, server.run());
	let (client, plan) = (node.client.clone(), runs_models.then_some(plan));
	let follower = Follower::new(client, is_syncing(node), plan, shelf.clone(), listed, wanted);
	spawner.spawn_blocking("files-models", GROUP, follower.run());
	if runs_models {
		let sync = node.sync.clone();
		let peers = Box::new(move || {
			let sync = sync.clone();
			async move {
				// Where the network is gone, so are its peers.
				sync.peers_info().await.unwrap_or_default().into_iter().map(|(peer, _)| peer).collect()
			}
			.boxed()
		});
		let network = Arc::new(NodeNetwork::new(node.network.clone(), protocol.name, peers));
		let fetcher = Fetcher::new(shelf, network, Patience::default(), progress, metrics);
		spawner.spawn_blocking("files-fetcher", GROUP, fetcher.run(heard));
	}
	Ok(())
}

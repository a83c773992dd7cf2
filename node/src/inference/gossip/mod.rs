//! Carries vote ballots between nodes.
//!
//! Every node takes part, so that votes cross a network in which validators are not all neighbours. A ballot is judged,
//! pooled and passed on at once; it stays with the node, for peers that come later, until the pool drops it. What decides on
//! ballots is in [`sibyl_votes`]; here is what ties it to the network and to the chain.

mod follow;
#[cfg(test)]
mod fuzz;
mod own;
mod standings;
mod validator;

pub use follow::follow_keys;
pub use own::OwnBallots;
pub use standings::{follow_standings, judge_new};
pub use validator::VoteValidator;

use async_channel::Receiver;
use futures::StreamExt;
use sc_client_api::HeaderBackend;
use sc_network::{
	config::{NonReservedPeerMode, SetConfig},
	peer_store::PeerStoreProvider,
	service::{traits::NetworkBackend, NotificationMetrics},
	NotificationService, ProtocolName,
};
use sc_network_gossip::GossipEngine;
use sibyl_primitives::{
	api::InferenceApi,
	vote::{VersionedBallot, MAX_BALLOT_BYTES},
};
use sibyl_runtime::{opaque::Block, Hash};
use sibyl_votes::HashedBallot;
use sp_api::ProvideRuntimeApi;
use sp_core::bytes::to_hex;
use std::sync::Arc;

const LOG_TARGET: &str = "inference::gossip";

/// The name of the protocol. Nodes of other chains, and of other forks of it, speak another.
pub fn protocol_name(genesis: &Hash, fork: Option<&str>) -> ProtocolName {
	let fork = fork.map_or_else(String::new, |fork| format!("/{fork}"));
	format!("/{}{fork}/sibyl/votes/1", to_hex(genesis.as_bytes(), false).trim_start_matches("0x")).into()
}

/// What the network needs to know of the protocol before it is built, and the protocol's end of it.
pub fn protocol_config<Network: NetworkBackend<Block, Hash>>(
	name: ProtocolName,
	metrics: NotificationMetrics,
	peers: Arc<dyn PeerStoreProvider>,
) -> (Network::NotificationProtocolConfig, Box<dyn NotificationService>) {
	// The gossip engine adds the peers that the chain is synced with.
	let nobody_else = SetConfig {
		in_peers: 0,
		out_peers: 0,
		reserved_nodes: Vec::new(),
		non_reserved_mode: NonReservedPeerMode::Deny,
	};
	Network::notification_config(name, Vec::new(), MAX_BALLOT_BYTES.into(), None, nobody_else, metrics, peers)
}

/// Passes on other nodes' ballots, those that are due by now, and this node's own, until the network is gone.
pub async fn run<Client>(
	mut engine: GossipEngine<Block>,
	written: Receiver<VersionedBallot>,
	due: Receiver<HashedBallot>,
	own: OwnBallots<Client>,
) where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	let mut written = written.fuse();
	let mut due = due.fuse();
	loop {
		let ballot = futures::select! {
			() = engine => {
				log::debug!(target: LOG_TARGET, "The network is gone, so votes are no longer passed on");
				return;
			},
			ballot = written.select_next_some() => own.take(ballot),
			ballot = due.select_next_some() => Some(ballot),
		};
		if let Some(ballot) = ballot {
			engine.gossip_message(ballot.id(), ballot.encode(), false);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_protocol_is_named_after_the_chain_and_its_fork() {
		let genesis = Hash::repeat_byte(0xab);
		let name = |fork| protocol_name(&genesis, fork).to_string();
		assert_eq!(name(None), format!("/{}/sibyl/votes/1", "ab".repeat(32)));
		assert_eq!(name(Some("b")), format!("/{}/b/sibyl/votes/1", "ab".repeat(32)));
	}
}

//! The network, as far as files need it.

use async_trait::async_trait;
use futures::future::BoxFuture;
use sc_network::{
	service::traits::{NetworkPeers, NetworkService},
	IfDisconnected, PeerId, ProtocolName, ReputationChange,
};
use std::sync::Arc;

/// A peer said nothing: it is gone, does not know the protocol, refused, or let time run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

/// Who can be asked, and how.
#[async_trait]
pub trait Network: Send + Sync {
	/// The peers that the node is connected to.
	async fn peers(&self) -> Vec<PeerId>;

	/// Asks a peer, and waits for what it says.
	async fn ask(&self, peer: PeerId, request: Vec<u8>) -> Result<Vec<u8>, Unanswered>;

	/// Says of a peer that it behaved well or badly.
	fn report(&self, peer: PeerId, change: ReputationChange);
}

/// Lists the peers that the node is connected to.
pub type ListPeers = Box<dyn Fn() -> BoxFuture<'static, Vec<PeerId>> + Send + Sync>;

/// A node's own network.
pub struct NodeNetwork {
	network: Arc<dyn NetworkService>,
	protocol: ProtocolName,
	peers: ListPeers,
}

impl NodeNetwork {
	/// Asks by the protocol, of those that are listed.
	pub fn new(network: Arc<dyn NetworkService>, protocol: ProtocolName, peers: ListPeers) -> Self {
		Self { network, protocol, peers }
	}
}

#[async_trait]
impl Network for NodeNetwork {
	async fn peers(&self) -> Vec<PeerId> {
		(self.peers)().await
	}

	async fn ask(&self, peer: PeerId, request: Vec<u8>) -> Result<Vec<u8>, Unanswered> {
		let connected = IfDisconnected::ImmediateError;
		let response = self.network.request(peer, self.protocol.clone(), request, None, connected).await;
		response.map(|(response, _)| response).map_err(|_| Unanswered)
	}

	fn report(&self, peer: PeerId, change: ReputationChange) {
		self.network.report_peer(peer, change);
	}
}

//! Stands between the network and the node's gossip.

use crate::conduct::{Conduct, Side};
use parking_lot::Mutex;
use sc_network::{
	service::traits::{MessageSink, NotificationEvent, NotificationService},
	PeerId, ProtocolName,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Whom votes can be sent to. Clones are one.
#[derive(Clone, Default)]
pub struct Peers(Arc<Mutex<BTreeMap<PeerId, Arc<dyn MessageSink>>>>);

impl Peers {
	/// Their sinks, as they are now.
	pub fn all(&self) -> Vec<Arc<dyn MessageSink>> {
		self.0.lock().values().cloned().collect()
	}

	fn side(&self, peer: &PeerId) -> Side {
		match self.0.lock().keys().position(|known| known == peer).unwrap_or_default() % 2 {
			0 => Side::Left,
			_ => Side::Right,
		}
	}
}

/// The node's votes pass through it.
pub struct Tap {
	inner: Box<dyn NotificationService>,
	peers: Peers,
	conduct: Conduct,
}

impl Tap {
	pub fn new(inner: Box<dyn NotificationService>, peers: Peers, conduct: Conduct) -> Self {
		Self { inner, peers, conduct }
	}
}

impl fmt::Debug for Tap {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{:?} ({:?})", self.inner, self.conduct)
	}
}

#[async_trait::async_trait]
impl NotificationService for Tap {
	async fn open_substream(&mut self, peer: PeerId) -> Result<(), ()> {
		self.inner.open_substream(peer).await
	}

	async fn close_substream(&mut self, peer: PeerId) -> Result<(), ()> {
		self.inner.close_substream(peer).await
	}

	fn send_sync_notification(&mut self, peer: &PeerId, notification: Vec<u8>) {
		if let Some(said) = self.conduct.send(self.peers.side(peer), notification) {
			self.inner.send_sync_notification(peer, said);
		}
	}

	async fn send_async_notification(
		&mut self,
		peer: &PeerId,
		notification: Vec<u8>,
	) -> Result<(), sc_network::error::Error> {
		match self.conduct.send(self.peers.side(peer), notification) {
			Some(said) => self.inner.send_async_notification(peer, said).await,
			None => Ok(()),
		}
	}

	async fn set_handshake(&mut self, handshake: Vec<u8>) -> Result<(), ()> {
		self.inner.set_handshake(handshake).await
	}

	fn try_set_handshake(&mut self, handshake: Vec<u8>) -> Result<(), ()> {
		self.inner.try_set_handshake(handshake)
	}

	async fn next_event(&mut self) -> Option<NotificationEvent> {
		let event = self.inner.next_event().await?;
		match &event {
			NotificationEvent::NotificationStreamOpened { peer, .. } => {
				if let Some(sink) = self.inner.message_sink(peer) {
					self.peers.0.lock().insert(*peer, sink.into());
				}
			}
			NotificationEvent::NotificationStreamClosed { peer } => {
				log::info!(target: crate::LOG_TARGET, "{peer} takes no more votes of this node");
				self.peers.0.lock().remove(peer);
			}
			NotificationEvent::NotificationReceived { notification, .. } => self.conduct.hear(notification),
			NotificationEvent::ValidateInboundSubstream { .. } => {}
		}
		Some(event)
	}

	fn clone(&mut self) -> Result<Box<dyn NotificationService>, ()> {
		self.inner.clone()
	}

	fn protocol(&self) -> &ProtocolName {
		self.inner.protocol()
	}

	fn message_sink(&self, peer: &PeerId) -> Option<Box<dyn MessageSink>> {
		self.inner.message_sink(peer)
	}
}

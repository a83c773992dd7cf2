//! The node that the gateway asks: connected anew where the connection breaks.

use crate::{connection::Connection, Error};
use sibyl_primitives::Hash;
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// A node that is away is not looked for more often, however many ask.
const PAUSE: Duration = Duration::from_secs(1);

/// A way to a node.
pub struct Link {
	url: String,
	genesis: Hash,
	state: Mutex<State>,
}

struct State {
	connection: Arc<Connection>,
	/// When the last attempt failed, and why.
	failed: Option<(Instant, String)>,
}

impl Link {
	/// Connects to a node.
	pub async fn open(url: &str) -> Result<Self, Error> {
		let connection = Connection::open(url).await?;
		let genesis = connection.genesis().await?;
		let state = State { connection: Arc::new(connection), failed: None };
		Ok(Self { url: url.into(), genesis, state: Mutex::new(state) })
	}

	/// The first block of the chain.
	pub fn genesis(&self) -> Hash {
		self.genesis
	}

	/// The node.
	pub async fn node(&self) -> Result<Arc<Connection>, Error> {
		let mut state = self.state.lock().await;
		if state.connection.is_open() {
			return Ok(state.connection.clone());
		}
		if state.failed.as_ref().is_some_and(|(at, _)| at.elapsed() < PAUSE) {
			return Err(self.lost("it is not there yet"));
		}
		match self.connect().await {
			Ok(connection) => {
				log::info!(target: super::LOG, "connected to the node again");
				*state = State { connection: Arc::new(connection), failed: None };
				Ok(state.connection.clone())
			}
			Err(error) => {
				let reason = error.to_string();
				let before = state.failed.replace((Instant::now(), reason.clone()));
				if before.is_none_or(|(_, before)| before != reason) {
					log::warn!(target: super::LOG, "{reason}; until it is there, requests are answered with 503");
				}
				Err(error)
			}
		}
	}

	/// The node, waited for as long as this.
	pub async fn node_within(&self, patience: Duration) -> Result<Arc<Connection>, Error> {
		let begun = Instant::now();
		loop {
			match self.node().await {
				Err(_) if begun.elapsed() < patience => tokio::time::sleep(PAUSE).await,
				node => return node,
			}
		}
	}

	async fn connect(&self) -> Result<Connection, Error> {
		let connection = Connection::open(&self.url).await?;
		// The ledger counts this chain's tokens.
		match connection.genesis().await? == self.genesis {
			true => Ok(connection),
			false => Err(self.lost("the node there is one of another chain now")),
		}
	}

	fn lost(&self, reason: &str) -> Error {
		Error::Lost { url: self.url.clone(), reason: reason.into() }
	}
}

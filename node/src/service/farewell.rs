//! Says why the node stops.

use futures::future::{select, Either};
use std::pin::pin;
use tokio::signal::unix::{signal, SignalKind};

const LOG_TARGET: &str = "node";

/// Says it when a signal ends the node, which something else obeys. In a thread of its own: the node's tasks may end before
/// they have heard of the signal.
pub fn say_why() {
	let listen = || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
		Ok(runtime) => runtime.block_on(wait()),
		Err(error) => log::debug!(target: LOG_TARGET, "Nobody will say which signal ends the node: {error}"),
	};
	if let Err(error) = std::thread::Builder::new().name("farewell".into()).spawn(listen) {
		log::debug!(target: LOG_TARGET, "Nobody will say which signal ends the node: {error}");
	}
}

async fn wait() {
	let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
	else {
		return;
	};
	let name = match select(pin!(terminate.recv()), pin!(interrupt.recv())).await {
		Either::Left(_) => "SIGTERM",
		Either::Right(_) => "SIGINT",
	};
	log::info!(target: LOG_TARGET, "👋 Stopping, since {name} tells it to");
}

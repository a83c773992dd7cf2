//! Says why the node stops.

use futures::future::{select, Either};
use std::pin::pin;
use tokio::signal::unix::{signal, SignalKind};

const LOG_TARGET: &str = "node";

/// Says it when a signal ends the node, which something else obeys.
pub async fn say_why() {
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

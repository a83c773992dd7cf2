//! What a user does from the command line: asks a network, and reads what became of it.

mod ask;
mod connection;
mod error;
mod reading;
mod show;
mod submission;

pub use ask::AskCommand;
pub use error::Error;
pub use reading::{JobCommand, JobsCommand, ResultCommand};
pub use show::sib;

use connection::Connection;
use std::future::Future;

/// The node that is asked.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeOptions {
	/// The address of a node's JSON-RPC: of one that you trust, on this machine or behind a tunnel, since there is no TLS.
	#[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9944")]
	url: String,
}

impl NodeOptions {
	async fn connect(&self) -> Result<Connection, Error> {
		Connection::open(&self.url).await
	}
}

/// Runs what waits for a node, until it ends or Ctrl-C.
pub fn run<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
	sc_cli::build_runtime().map_err(Error::Runtime)?.block_on(work)
}

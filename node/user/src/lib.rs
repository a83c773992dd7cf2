//! What a user does from the command line: asks a network, and reads what became of it.

mod ask;
mod connection;
mod error;
mod format;
mod input;
mod reading;
pub mod show;
mod status;
mod submission;
mod validator;

pub use ask::AskCommand;
pub use error::{Error, InputError};
pub use format::FormatOptions;
pub use input::InputOptions;
pub use reading::{JobCommand, JobsCommand, ReceiptCommand, ResultCommand};
pub use show::sib;
pub use status::StatusCommand;
pub use validator::{ValidatorCommand, ValidatorError};

use connection::Connection;

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

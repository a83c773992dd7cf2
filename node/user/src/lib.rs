//! What a user does from the command line: asks a network, reads what became of it, and lets programs ask it that know
//! OpenAI's API.

mod amount;
mod ask;
mod connection;
mod error;
mod following;
mod format;
#[cfg(test)]
mod fuzz;
mod gateway;
mod input;
mod models;
mod ps;
mod question;
mod reading;
mod requester;
pub mod show;
mod status;
mod submission;
mod validator;

pub use amount::{decimal, parse_sib, sib};
pub use ask::AskCommand;
pub use error::{Error, InputError};
pub use format::FormatOptions;
pub use gateway::{GatewayCommand, GatewayError};
pub use input::InputOptions;
pub use models::{check_manifest, deposit, parse_share, AuthorCommand, ListOfNetwork, ModelsError};
pub use ps::PsCommand;
pub use reading::{JobCommand, JobsCommand, ReceiptCommand, ResultCommand};
pub use requester::secret_pair;
pub use status::StatusCommand;
pub use validator::{ValidatorCommand, ValidatorError};

use connection::Connection;

/// The address of a node on this machine.
const HERE: &str = "ws://127.0.0.1:9944";

/// The node that is asked.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeOptions {
	/// The address of a node's JSON-RPC: of one that you trust, on this machine or behind a tunnel, since there is no TLS.
	#[arg(long, value_name = "URL", default_value = HERE)]
	url: String,
}

impl NodeOptions {
	fn url(&self) -> &str {
		&self.url
	}

	async fn connect(&self) -> Result<Connection, Error> {
		Connection::open(&self.url).await
	}
}

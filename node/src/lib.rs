//! A validator and full node of the Sibyl chain, as a library.
//!
//! The program `sibyl-node` is [`run`] with [`Assembly::start`]. Another program may do something between the two with the
//! node that has been put together: watch what goes through the network, or make blocks otherwise. That is how the validators
//! that test the others' patience are made.

mod chain_spec;
mod cli;
mod command;
mod error;
mod files;
mod help;
mod inference;
mod keys;
mod models;
mod receipt;
mod rpc;
mod service;
mod usage;

pub use error::Error;
pub use service::{Assembly, FullBackend, FullClient, FullPool, Node, UsualEnvironment};

use std::process::ExitCode;

/// What becomes of a node that is put together and does nothing yet.
pub type Start = fn(Assembly) -> Result<sc_service::TaskManager, Error>;

/// The program's version, with the commit where the build was told it: `make release` does that by `SIBYL_COMMIT`, other
/// builds don't, which would be done anew for each commit.
fn version() -> String {
	let version = env!("CARGO_PKG_VERSION");
	match option_env!("SIBYL_COMMIT").filter(|commit| !commit.is_empty()) {
		Some(commit) => format!("{version}-{commit}"),
		None => version.into(),
	}
}

/// Does what the command line says: a node's start is this. An error is told in one line.
pub fn run(start: Start) -> ExitCode {
	match command::run(start) {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("Error: {}", error::in_one_line(&error));
			ExitCode::FAILURE
		}
	}
}

//! A validator and full node of the Sibyl chain.

mod chain_spec;
mod cli;
mod command;
mod error;
mod inference;
mod models;
mod rpc;
mod service;

/// The program's version.
fn version() -> String {
	env!("CARGO_PKG_VERSION").into()
}

fn main() -> std::process::ExitCode {
	match command::run() {
		Ok(()) => std::process::ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("Error: {}", error::in_one_line(&error));
			std::process::ExitCode::FAILURE
		}
	}
}

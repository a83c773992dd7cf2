//! A validator and full node of the Sibyl chain.

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

/// The program's version, with the commit where the build was told it (`SIBYL_COMMIT`): it needs no git.
fn version() -> String {
	let version = env!("CARGO_PKG_VERSION");
	option_env!("SIBYL_COMMIT").map_or_else(|| version.into(), |commit| format!("{version}-{commit}"))
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

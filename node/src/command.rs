//! Runs the node or a sub-command.

use crate::{
	chain_spec,
	cli::{Cli, Subcommand},
	error::Error,
	help::in_own_words,
	service::{self, new_partial},
	usage, Start,
};
use clap::{Command, CommandFactory};
use sc_cli::{CliConfiguration, SubstrateCli};
use sc_service::{BasePath, DatabaseSource};
use sibyl_engine_process::child::{self, LocalHost};
use sibyl_runtime::{constants::SS58_PREFIX, opaque::Block};
use sp_core::crypto::{set_default_ss58_version, Ss58AddressFormat};
use std::{
	fs::{File, TryLockError},
	future::Future,
	io::Write,
	path::{Path, PathBuf},
};

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"Sibyl Node".into()
	}

	fn impl_version() -> String {
		crate::version()
	}

	fn description() -> String {
		env!("CARGO_PKG_DESCRIPTION").into()
	}

	fn author() -> String {
		env!("CARGO_PKG_AUTHORS").into()
	}

	fn support_url() -> String {
		"docs/troubleshooting.md in the source".into()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn setup_command(command: Command) -> Command {
		let command = command
			.name(Self::executable_name())
			.author(Self::author())
			.version(Self::impl_version())
			.about(Self::description())
			.after_help(format!("Support: {}", Self::support_url()))
			.propagate_version(true)
			.args_conflicts_with_subcommands(true)
			.subcommand_negates_reqs(true);
		in_own_words(command)
	}

	fn load_spec(&self, name_or_path: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
		Ok(Box::new(chain_spec::load(name_or_path)?))
	}
}

/// Does what the command line says; a node is started by this.
pub fn run(start: Start) -> Result<(), Error> {
	run_command(start).map_err(Error::explained)
}

fn run_command(start: Start) -> Result<(), Error> {
	// JSON-RPC takes and gives addresses in the chain's own format.
	set_default_ss58_version(Ss58AddressFormat::custom(SS58_PREFIX));
	let cli = usage::read();
	match &cli.subcommand {
		None => run_node(&cli, start),
		Some(Subcommand::Key(command)) => command.run(&cli),
		Some(Subcommand::ExportChainSpec(command)) => {
			let spec = cli.load_spec(&command.chain).map_err(sc_cli::Error::Input)?;
			command.run(spec).map_err(|error| about_file(error, command.output.as_deref()))
		}
		Some(Subcommand::CheckBlock(command)) => runner(&cli, command)?.async_run(|config| {
			refuse_without_database(&config.database)?;
			let node = new_partial(&config)?;
			let check = command.run(node.client, node.import_queue);
			Ok((with(node.pool, async { Ok(check.await?) }), node.task_manager))
		}),
		Some(Subcommand::ExportBlocks(command)) => runner(&cli, command)?.async_run(|config| {
			refuse_without_database(&config.database)?;
			let node = new_partial(&config)?;
			let export = command.run(node.client, config.database);
			let kept = (node.pool, node.import_queue);
			let told = |error| about_file(error, command.output.as_deref());
			Ok((with(kept, async move { export.await.map_err(told) }), node.task_manager))
		}),
		Some(Subcommand::ImportBlocks(command)) => runner(&cli, command)?.async_run(|config| {
			let node = new_partial(&config)?;
			let import = command.run(node.client, node.import_queue);
			let told = |error| about_file(error, command.input.as_deref());
			Ok((with(node.pool, async move { import.await.map_err(told) }), node.task_manager))
		}),
		Some(Subcommand::Revert(command)) => runner(&cli, command)?.async_run(|config| {
			refuse_without_database(&config.database)?;
			let node = new_partial(&config)?;
			let revert = command.run(node.client, node.backend, Some(Box::new(service::revert_consensus)));
			let kept = (node.pool, node.import_queue);
			Ok((with(kept, async { Ok(revert.await?) }), node.task_manager))
		}),
		Some(Subcommand::PurgeChain(command)) => runner(&cli, command)?.sync_run(|config| {
			refuse_while_in_use(&config.database)?;
			Ok(command.run(config.database)?)
		}),
		Some(Subcommand::ChainInfo(command)) => runner(&cli, command)?.sync_run(|config| {
			refuse_without_database(&config.database)?;
			Ok(command.run::<Block>(&config)?)
		}),
		Some(Subcommand::Ask(command)) => ask(command.run()),
		Some(Subcommand::Jobs(command)) => ask(command.run()),
		Some(Subcommand::Job(command)) => ask(command.run()),
		Some(Subcommand::Result(command)) => ask(command.run()),
		Some(Subcommand::Receipt(command)) => ask(command.run()),
		Some(Subcommand::Verify(command)) => Ok(command.run(&mut std::io::stdout().lock())?),
		Some(Subcommand::Status(command)) => ask(command.run()),
		Some(Subcommand::Validator(command)) => ask(command.run()),
		Some(Subcommand::Gateway(command)) => {
			log_lines(&cli, GATEWAY_LOG)?;
			ask(command.run(&default_base_path()))
		}
		Some(Subcommand::Models(command)) => Ok(command.run()?),
		Some(Subcommand::Completions { shell }) => {
			Ok(std::io::stdout().write_all(completions(*shell).as_bytes()).map_err(sibyl_user::Error::Output)?)
		}
		// Nothing before this has started a thread or opened a file: it confines itself first.
		Some(Subcommand::EngineProcess) => Ok(child::run(LocalHost::new)?),
	}
}

/// The same error, with the file that it is about: the SDK does not name it.
fn about_file(error: sc_cli::Error, path: Option<&Path>) -> Error {
	match (error, path) {
		(sc_cli::Error::Io(source), Some(path)) => Error::File { path: path.into(), source },
		(error, _) => error.into(),
	}
}

/// Does some work, and keeps what the node is made of until it is done: its tasks call its end a failure.
async fn with<T>(_kept: impl Sized, work: impl Future<Output = T>) -> T {
	work.await
}

/// What the gateway logs where nobody asks for more.
const GATEWAY_LOG: &str = "warn,gateway=info";

/// Logs to standard error as a node does: this, and what `--log` before the sub-command or `RUST_LOG` adds.
fn log_lines(cli: &Cli, usual: &str) -> Result<(), Error> {
	let more = cli.run.log_filters()?;
	let filters = if more.is_empty() { usual.into() } else { format!("{usual},{more}") };
	Ok(sc_cli::LoggerBuilder::new(filters).init().map_err(sc_cli::Error::from)?)
}

/// What completes the command line in a shell.
fn completions(shell: clap_complete::Shell) -> String {
	let name = Cli::executable_name();
	let mut script = Vec::new();
	clap_complete::generate(shell, &mut Cli::setup_command(Cli::command()), &name, &mut script);
	let script = String::from_utf8_lossy(&script);
	// It writes the name's dash in two ways, so that bash finds nothing below a command: clap-rs/clap#6421.
	script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

/// Where a node keeps what is its own where nothing else is said.
fn default_base_path() -> PathBuf {
	BasePath::from_project("", "", &Cli::executable_name()).path().to_path_buf()
}

/// Where installed models are: the chosen folder, or `models` in the base path, which all chains share.
pub fn models_folder(chosen: Option<&Path>, base_path: Option<&Path>) -> PathBuf {
	chosen.map_or_else(|| base_path.map_or_else(default_base_path, Path::to_path_buf).join("models"), Path::to_path_buf)
}

/// The file of a node key, in the folder of its chain.
const NODE_KEY: &str = "network/secret_ed25519";

fn run_node(cli: &Cli, start: Start) -> Result<(), Error> {
	let params = &cli.run.shared_params;
	let is_temporary = cli.run.tmp || (params.is_dev() && params.base_path.is_none());
	let key = &cli.run.network_params.node_key_params;
	if !is_temporary {
		let default = || BasePath::from_project("", "", &Cli::executable_name());
		let base_path = params.base_path.clone().map_or_else(default, BasePath::from);
		service::check_base_path(base_path.path())?;
		if key.node_key.is_none() && key.node_key_file.is_none() {
			let spec = cli.load_spec(&params.chain_id(params.is_dev())).map_err(sc_cli::Error::Input)?;
			service::check_node_key(&base_path.config_dir(spec.id()).join(NODE_KEY))?;
		}
	}
	if let Some(path) = &key.node_key_file {
		service::check_node_key(path)?;
	}
	if let Some(path) = &cli.run.keystore_params.password_filename {
		service::check_readable(path)?;
	}
	let runner = runner(cli, &cli.run).map_err(|error| explain_missing_node_key(error, cli))?;
	service::check_ports(runner.config())?;
	let (inference, storage_monitor) = (cli.inference.clone(), cli.storage_monitor.clone());
	let models = models_folder(cli.inference.models_path.as_deref(), params.base_path.as_deref());
	service::check_files(runner.config(), &models)?;
	if cli.inference.models_path.is_some() && !models.exists() {
		log::warn!("{}", no_models_in(&models));
	}
	runner.run_node_until_exit(|config| async move {
		start(service::assemble(config, &inference, models, storage_monitor)?)
	})
}

/// What is said of a folder that was named and is not there: a node starts without it, and may fetch models into it.
fn no_models_in(folder: &Path) -> String {
	let (folder, program) = (folder.display(), Cli::executable_name());
	format!(
		"There is no folder {folder}, so this node has no models but those that are compiled in: '{program} models install \
		 all --models-path {folder}' brings some, also while the node runs"
	)
}

/// Runs what waits for a node, until it ends or Ctrl-C.
fn ask(work: impl Future<Output = Result<(), sibyl_user::Error>>) -> Result<(), Error> {
	Ok(sc_cli::build_runtime().map_err(sibyl_user::Error::Runtime)?.block_on(work)?)
}

fn runner(cli: &Cli, command: &impl CliConfiguration) -> Result<sc_cli::Runner<Cli>, Error> {
	Ok(cli.create_runner(command)?)
}

/// The SDK's text is a page long and leaves the blanks to fill in; this one can be pasted.
fn explain_missing_node_key(error: Error, cli: &Cli) -> Error {
	let Error::Cli(sc_cli::Error::NetworkKeyNotFound(path)) = error else {
		return error;
	};
	if cli.run.tmp {
		return Error::NodeKeyOfTemporary;
	}
	let params = &cli.run.shared_params;
	let chain = params.chain.as_deref().map_or_else(String::new, |chain| format!(" --chain {chain}"));
	let base_path = match params.base_path.as_deref().map(Path::display) {
		Some(base_path) => format!(" --base-path {base_path}"),
		None => " --default-base-path".into(),
	};
	let make_one = format!("{} key generate-node-key{base_path}{chain}", Cli::executable_name());
	Error::NodeKeyMissing { path, make_one }
}

/// Refuses to look for blocks where no database is: one would be made, of the genesis alone.
fn refuse_without_database(database: &DatabaseSource) -> Result<(), Error> {
	match database.path() {
		Some(path) if !path.exists() => Err(Error::NoDatabase { path: path.into() }),
		_ => Ok(()),
	}
}

/// Refuses to remove the database of a running node, which would go on without noticing, and lose what it makes. Its lock is
/// the one that ParityDB takes.
fn refuse_while_in_use(database: &DatabaseSource) -> Result<(), Error> {
	let lock = database.path().and_then(|path| File::open(path.join("lock")).ok());
	match lock.map(|lock| lock.try_lock()) {
		Some(Err(TryLockError::WouldBlock)) => Err(Error::DatabaseInUse),
		_ => Ok(()),
	}
}

//! The command line.

use crate::{
	files::params::FileParams, inference::engine_params::EngineParams, keys::KeyCommand, models::ModelsCommand,
	receipt::VerifyCommand,
};
use clap::Parser;
use sibyl_user::{
	AskCommand, GatewayCommand, JobCommand, JobsCommand, ReceiptCommand, ResultCommand, StatusCommand, ValidatorCommand,
};
use std::path::PathBuf;

/// The sub-command that a node runs its engine by.
pub const ENGINE_PROCESS: &str = "engine-process";

/// What follows `sibyl-node`.
#[derive(Debug, Parser)]
pub struct Cli {
	/// A sub-command; the node runs where there is none.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	#[command(flatten)]
	pub inference: InferenceParams,

	#[command(flatten, next_help_heading = "Options")]
	pub run: sc_cli::RunCmd,

	#[command(flatten)]
	pub storage_monitor: sc_storage_monitor::StorageMonitorParams,
}

/// How a validator takes part in inference; other nodes run no models.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Inference")]
pub struct InferenceParams {
	/// Names or ids of the models that this validator serves; all that it has the files of where none is named. Names that this
	/// release does not know are taken with a warning, since models may be registered later. `none` alone serves no model:
	/// the validator then makes blocks and votes on finality only.
	#[arg(long, value_name = "NAME,...", value_delimiter = ',')]
	pub models: Vec<String>,

	/// Folder of the models that were installed with `models install`; by default `models` in the base path, and where that
	/// is a temporary one, in the default base path.
	#[arg(long, value_name = "PATH")]
	pub models_path: Option<PathBuf>,

	#[command(flatten)]
	pub files: FileParams,

	#[command(flatten)]
	pub engine: EngineParams,

	/// Longest run of an inference whose answer is used, its wait for a place not counted. A validator whose run took
	/// longer abstains from the job. With 0 it abstains from every job at once.
	#[arg(long, value_name = "MILLISECONDS", default_value_t = 30_000)]
	pub inference_job_timeout: u64,

	/// Jobs that may wait for a place, whatever time there is for them; beyond them the validator abstains. It bounds
	/// memory and is not told to the chain: the chain seats a validator by the pace that its node has measured.
	#[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=4096))]
	pub inference_queue: u16,
}

/// What the program does beside running a node.
#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant)] // There is one value of it in a run.
pub enum Subcommand {
	/// Make, inspect and insert keys.
	#[command(subcommand)]
	Key(KeyCommand),

	/// Write out a chain's specification.
	ExportChainSpec(sc_cli::ExportChainSpecCmd),

	/// Execute a block again and compare the result.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Write blocks to a file.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Read blocks from a file.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Delete a chain's database; keys stay.
	PurgeChain(sc_cli::PurgeChainCmd),

	/// Take back the newest blocks, as far as the last finalised one.
	Revert(sc_cli::RevertCmd),

	/// Show what the database holds.
	ChainInfo(sc_cli::ChainInfoCmd),

	/// Ask a model of a network: the answer goes to standard output, what happens meanwhile to standard error.
	Ask(Box<AskCommand>),

	/// List a network's jobs.
	Jobs(JobsCommand),

	/// Show a job: what was asked, where it stands, what each seat has done.
	Job(JobCommand),

	/// Print a job's answer.
	Result(ResultCommand),

	/// Print what shows anybody, who need not trust a node, what a network agreed on.
	Receipt(ReceiptCommand),

	/// Check a receipt, trusting the chain's first validators and no node, and run the model again on this machine.
	Verify(VerifyCommand),

	/// Say how a node is, and whether it does a validator's work; fails where it does not.
	Status(StatusCommand),

	/// Make a running node a validator, look after its keys and rewards, take it out of service.
	#[command(subcommand)]
	Validator(Box<ValidatorCommand>),

	/// Let programs that know OpenAI's API ask a network, at the cost of an account of yours and up to a limit.
	Gateway(Box<GatewayCommand>),

	/// Install models, look after their files, and ask them without a chain.
	Models(ModelsCommand),

	/// Print what completes this program's commands and options in a shell.
	#[command(after_help = "Example:\n  sibyl-node completions bash > /etc/bash_completion.d/sibyl-node")]
	Completions {
		/// The shell.
		shell: clap_complete::Shell,
	},

	/// The engine of a node that runs: the node starts this itself.
	#[command(hide = true, name = ENGINE_PROCESS)]
	EngineProcess,
}

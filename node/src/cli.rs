//! The command line.

use clap::Parser;

/// What follows `sibyl-node`.
#[derive(Debug, Parser)]
pub struct Cli {
	/// A sub-command; the node runs where there is none.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	#[command(flatten)]
	pub run: sc_cli::RunCmd,

	#[command(flatten)]
	pub storage_monitor: sc_storage_monitor::StorageMonitorParams,
}

/// What the program does beside running a node.
#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant)] // There is one value of it in a run.
pub enum Subcommand {
	/// Make, inspect and insert keys.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

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
}

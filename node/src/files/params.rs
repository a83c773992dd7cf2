//! Files of models, as the command line wants them.

use super::{rule::FetchRule, size::Size};
use sibyl_files::Limits;

const MEGABYTE: u64 = 1_000_000;

/// What files the node fetches, and what it gives.
#[derive(Clone, Debug, clap::Args)]
pub struct FileParams {
	/// Which models' missing files a validator fetches from other nodes, of those that it may serve: `named` are those that
	/// --models names, `all` all of the chain's, and `off` none. Conditions are kept to instead where they are given, all of
	/// them, separated by commas: `max-size=SIZE` for the files of a model, `min-validators=N` for those that serve it already,
	/// `min-stake=N%` for what these have of all stake, `min-base=SIB` and `min-unit=SIB` for what a seat is paid for a job and
	/// for a unit of its input and output.
	#[arg(long, value_name = "RULE", default_value_t = FetchRule::Named)]
	pub fetch_models: FetchRule,

	/// How much the files of models may take together until no others are fetched. Two gigabytes of the disk are left free
	/// in any case.
	#[arg(long, value_name = "SIZE", default_value_t = Size(20_000 * MEGABYTE))]
	pub fetch_models_space: Size,

	/// Megabytes a second of models' files that this node gives to others at most; one of them gets half of it. 0 gives none.
	#[arg(long, value_name = "MB", default_value_t = 8, value_parser = clap::value_parser!(u32).range(..=10_000))]
	pub share_models: u32,
}

impl FileParams {
	/// What is given to others.
	pub fn limits(&self) -> Limits {
		Limits { bytes_per_second: u64::from(self.share_models) * MEGABYTE }
	}
}

//! Why this node does not serve a model.

use sibyl_engine::SEMANTICS_VERSION;
use sibyl_primitives::{model::Task, Hash};
use std::{fmt, time::Duration};

/// Why this node does not serve a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
	/// A file is not there, or not any more.
	#[error(
		"this node has no file of SHA-256 {0:?}; 'sibyl-node models install' or 'models add' brings it, also while the node runs"
	)]
	NoFile(Hash),
	/// Its files are there and can't be used.
	#[error("it can't be loaded: {0}; it is tried again as soon as its files are others")]
	NotLoaded(String),
	/// A file is not what its hash says.
	#[error("it can't be loaded: {0}; 'sibyl-node models verify' names the command that mends it, and the node then serves it by itself")]
	Damaged(String),
	/// Its files are there and can't be used for now.
	#[error("it can't be loaded: {0}; it is tried again in some minutes")]
	NotLoadedYet(String),
	/// The operator left it out.
	#[error("it is not among the names after --models")]
	NotChosen,
	/// The engine runs the file in another way.
	#[error("it is of architecture {chain} and task {task:?}, and this node runs its file as {engine}")]
	Architecture {
		/// The chain's.
		chain: String,
		/// What the chain wants of it.
		task: Task,
		/// The engine's.
		engine: String,
	},
	/// The engine's arithmetic is of another version.
	#[error(
		"it is of engine semantics {chain}, and this node computes {SEMANTICS_VERSION}: install the matching release"
	)]
	Semantics {
		/// The chain's.
		chain: u32,
	},
	/// A golden came out otherwise.
	#[error("golden {index} gives {part} of hash {actual:?}, and the chain expects {expected:?}")]
	GoldenDiffers {
		/// Which.
		index: usize,
		/// What of it.
		part: Part,
		/// The chain's.
		expected: Hash,
		/// This node's.
		actual: Hash,
	},
	/// A golden could not be computed.
	#[error("golden {index} can't be computed: {reason}")]
	GoldenFailed {
		/// Which.
		index: usize,
		/// What the engine said.
		reason: String,
	},
	/// What it takes to serve it was being computed when the engine's process ended.
	#[error("the engine's process {0}; it is tried again in some minutes")]
	EngineDied(String),
	/// Its pace could not be measured.
	#[error("how fast it runs can't be measured: {0}")]
	NotMeasured(String),
	/// The chain takes no validator that is this slow.
	#[error(
		"this machine is too slow: its largest job is reckoned to take {:.1} s, and the chain allows {:.1} s. A faster \
		 machine serves it, or one with less to do; it is measured again in some minutes",
		largest.as_secs_f64(), limit.as_secs_f64()
	)]
	TooSlow {
		/// What the model's largest job takes at the pace that would be attested.
		largest: Duration,
		/// What it may take.
		limit: Duration,
	},
}

/// What of a golden is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
	/// What the model says.
	Output,
	/// The hidden rows that it was chosen from.
	Trace,
}

impl fmt::Display for Part {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Output => "an output",
			Self::Trace => "the right output from a trace",
		})
	}
}

impl WhyNot {
	/// Whether something is wrong, and it is not as the operator wants it.
	pub fn is_fault(&self) -> bool {
		!matches!(self, Self::NotChosen | Self::NoFile(_))
	}

	/// Whether it may be otherwise as soon as the model's files are others.
	pub fn is_of_files(&self) -> bool {
		matches!(self, Self::Damaged(_) | Self::NotLoaded(_))
	}

	/// Whether it may be otherwise some minutes later, without the operator.
	pub fn may_pass(&self) -> bool {
		matches!(self, Self::NotLoadedYet(_) | Self::EngineDied(_) | Self::TooSlow { .. })
	}
}

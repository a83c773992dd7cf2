//! What can be wrong with a receipt, each said in one line.

use sibyl_primitives::{job::JobId, BlockNumber, Hash};
use std::{io, path::PathBuf};

/// Why a receipt shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// The file can't be read.
	#[error("can't read {} ({source}): name a file that 'sibyl-node receipt' wrote, or - for standard input", path.display())]
	Unreadable {
		/// The file.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},
	/// The file is none.
	#[error("{} is no receipt ({reason}): name a file that 'sibyl-node receipt' wrote", path.display())]
	NotAReceipt {
		/// The file.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},
	/// It is of another release.
	#[error(
		"the receipt is of version {found}, and this release reads version {known}: use the release that wrote it"
	)]
	Version {
		/// The receipt's.
		found: u8,
		/// This release's.
		known: u8,
	},
	/// The chain is not known.
	#[error(
		"the receipt is of a chain with genesis {found:?}, and {tried}: name the chain that you trust with --chain"
	)]
	OtherChain {
		/// The receipt's.
		found: Hash,
		/// What was compared with it.
		tried: String,
	},
	/// The chain can't be made.
	#[error("{0}")]
	Chain(String),
	/// A part of it is broken, or was changed.
	#[error("the receipt shows nothing: its {part} is broken or was changed ({reason})")]
	Malformed {
		/// Which.
		part: &'static str,
		/// What is wrong.
		reason: String,
	},
	/// The proof of finality ends too early.
	#[error("the receipt shows nothing: it ends before the final block. Ask another node for it")]
	Unfinished,
	/// The node can't prove what is final.
	#[error("{0}")]
	NotProvable(String),
	/// A block in the middle changes no validators.
	#[error("the receipt shows nothing: a block on the way to the final one does not change the validators")]
	NoChange,
	/// Signatures are missing or wrong.
	#[error("the receipt shows nothing: block #{block} is not final by the signatures of this chain's validators ({reason})")]
	NotFinal {
		/// The block.
		block: BlockNumber,
		/// What is wrong.
		reason: String,
	},
	/// The state has no such entry.
	#[error("the receipt shows nothing: the final block's state does not have {0}")]
	Absent(&'static str),
	/// The job goes on.
	#[error("the receipt shows nothing: job {0} has not ended in its final block")]
	NotEnded(JobId),
	/// A second committee found another output.
	#[error("the network takes the answer of job {job} back: a second committee found another output ({other:?})")]
	Overturned {
		/// The job.
		job: JobId,
		/// The hash of that output.
		other: Hash,
	},
	/// There is no answer.
	#[error("job {0} ended without an answer")]
	NoAnswer(JobId),
	/// The model can't be run here.
	#[error("the proof holds, but {name} can't be run on this machine ({reason}): run '{install}', or leave this out with --no-run")]
	NotRun {
		/// The model.
		name: String,
		/// Why.
		reason: String,
		/// The command that installs it.
		install: String,
	},
	/// The engine's thread can't be started.
	#[error("the system gives no thread to watch the engine's process in ({0}): raise its limit of tasks")]
	Threads(#[source] io::Error),
	/// This machine says something else.
	#[error("the proof holds, but this machine gives another output ({here:?}) than the network agreed on ({agreed:?}): report it")]
	Differs {
		/// The hash of this machine's output.
		here: Hash,
		/// The network's.
		agreed: Hash,
	},
	/// Standard output can't be written to.
	#[error("the output can't be written ({0}): look at where it goes to")]
	Output(#[from] io::Error),
}

//! What can go wrong, each said in one line with what to do about it.

use sibyl_primitives::{job::JobId, TextTooLong};
use std::{io, path::PathBuf};

/// Why a user's command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// The system gives no thread or no timer.
	#[error("the system does not let this program wait for a node ({0}): raise its limits")]
	Runtime(#[source] io::Error),
	/// Nobody answers there.
	#[error("no node answers at {url} ({reason}): start one, or give another address with --url")]
	NoNode {
		/// The address.
		url: String,
		/// What the library says.
		reason: String,
	},
	/// The address is not one of a WebSocket.
	#[error("'{url}' is no address of a node: one begins with ws:// or wss://, as ws://127.0.0.1:9944")]
	NoWebSocket {
		/// The address.
		url: String,
	},
	/// The node says no.
	#[error("{message}")]
	Refused {
		/// What it says.
		message: String,
		/// Its name for that, where it has one.
		name: Option<String>,
	},
	/// It is a node of another chain.
	#[error("the node has no method {method}: it is none of Sibyl, or of another release")]
	NotOurs {
		/// The method.
		method: &'static str,
	},
	/// The pool does not take the submission.
	#[error("the node does not take the submission ({0}): look whether the account has tokens, and wait for its earlier transactions; a node that has only just caught up takes it some blocks later")]
	NotTaken(String),
	/// The connection broke.
	#[error("the connection to {url} ended ({reason}): try again; a job that was submitted goes on without it, see 'sibyl-node jobs'")]
	Lost {
		/// The address.
		url: String,
		/// What the library says.
		reason: String,
	},
	/// The node says what this program can't read.
	#[error(
		"the node answers {method} with what this program can't read ({reason}): use the release that the node has"
	)]
	Unreadable {
		/// The method that was called.
		method: &'static str,
		/// What is wrong.
		reason: String,
	},
	/// A transaction is signed for one runtime.
	#[error(
		"the network runs version {network} of the runtime, and this program knows {own}: use the network's release"
	)]
	OtherRuntime {
		/// The network's version.
		network: u32,
		/// This program's.
		own: u32,
	},
	/// There is no such model.
	#[error("the network has no model '{name}': it has {known}")]
	NoSuchModel {
		/// What was asked for.
		name: String,
		/// The names that there are.
		known: String,
	},
	/// What is asked can't be read.
	#[error(transparent)]
	Input(#[from] InputError),
	/// A text of the format is too long.
	#[error("a text of the format is too long: {0}")]
	Format(#[from] TextTooLong),
	/// There are too many texts.
	#[error("the format has too many texts: at most 32 choices, or 4 texts that stop the answer")]
	TooMany,
	/// Nobody signs.
	#[error("nobody signs and pays: give the account's secret with --suri-file FILE (or --suri //Alice, on a test network), or start this at a terminal, where it is asked for")]
	NoSecret,
	/// A secret that is worth something stands on the command line.
	#[error("--suri takes an account of test networks alone, as //Alice, since others on this machine can see it: write the secret into a file and give --suri-file FILE, or start this at a terminal, where it is asked for")]
	SecretShown,
	/// The terminal can't be read from.
	#[error("the secret can't be read from the terminal ({0}): give it with --suri-file FILE")]
	Terminal(#[source] io::Error),
	/// The secret is none.
	#[error("the account's secret can't be read ({0}): it is a phrase of words, 0x and 64 digits, or a path such as //Alice")]
	Secret(&'static str),
	/// A file can't be read.
	#[error("{path} can't be read ({source}): name a file that can be read with --suri-file")]
	File {
		/// Which.
		path: String,
		/// What the system says.
		source: io::Error,
	},
	/// A file can't be written.
	#[error(
		"{path} can't be written ({source}): the answer stands above; ask for the receipt with 'sibyl-node receipt'"
	)]
	Unwritable {
		/// Which.
		path: String,
		/// What the system says.
		source: io::Error,
	},
	/// The requester did not agree.
	#[error("nothing was submitted: answer y to agree to the price, or give --yes beforehand")]
	NotAgreed,
	/// The price is above what the requester allows.
	#[error("the price, {price}, is above --max-fee: allow more, or ask for fewer seats or less output")]
	TooDear {
		/// The price.
		price: String,
	},
	/// The chain refused the call.
	#[error("the chain refused it: {name}: {docs}")]
	Dispatch {
		/// The error's pallet and name.
		name: String,
		/// What its documentation says.
		docs: String,
	},
	/// The transaction was dropped.
	#[error("the transaction did not get into a block ({0}): try again")]
	Dropped(String),
	/// The job is not on the best chain any more.
	#[error("nothing is heard of job {0} any more: the block that held it may have been taken back, and another job have its number. 'sibyl-node jobs' shows whether yours is there; ask again if it is not")]
	FellOff(JobId),
	/// The model reads texts only.
	#[error("{name} reads a text, no conversation and no beginning: leave out --system, --messages and --raw")]
	NotOfTask {
		/// The model.
		name: String,
	},
	/// There is no answer.
	#[error("job {job} has no answer: {why}")]
	NoAnswer {
		/// The job.
		job: JobId,
		/// How it ended.
		why: &'static str,
	},
	/// The node does this for its own machine alone.
	#[error("the node lets nobody from outside do this: connect from its own machine, or through a tunnel as 'ssh -L 9944:127.0.0.1:9944 HOST' makes one")]
	Unsafe,
	/// A validator's command could not do what it is for.
	#[error(transparent)]
	Validator(#[from] crate::validator::ValidatorError),
	/// An author's command could not do what it is for.
	#[error(transparent)]
	Models(#[from] crate::models::ModelsError),
	/// The gateway does not run.
	#[error(transparent)]
	Gateway(#[from] crate::GatewayError),
	/// Nobody reads the output.
	#[error(transparent)]
	Output(#[from] io::Error),
}

/// Why what a command line asks can't be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
	/// There is no text.
	#[error("there is nothing to ask: give a text, as in 'Is the sky blue?', --prompt TEXT, --prompt-file FILE or --messages FILE")]
	NothingAsked,
	/// A file can't be read.
	#[error("can't read {} ({source}): name a file that can be read", path.display())]
	Unreadable {
		/// The file.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},

	/// The format can't be served.
	#[error("no answer can have this format: {0}")]
	Format(#[from] sibyl_engine::FormatError),

	/// A file holds no conversation.
	#[error("{path} holds no conversation ({reason}): it is to be [{{\"role\": \"user\", \"text\": \"…\"}}, …], with the roles system, user and assistant", path = path.display())]
	NoConversation {
		/// Where it is.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},

	/// There is nothing to read.
	#[error("the text or one of the messages is empty: write something into each")]
	EmptyPrompt,
}

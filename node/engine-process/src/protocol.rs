//! What parent and child say to each other, over a pair of connected sockets.
//!
//! A message is a frame: its length in 32 bits, little-endian, then the message in SCALE. Descriptors of files travel with the
//! frame that speaks of them. Both ends are one program, so the version only tells a programmer's mistake.

mod frame;
mod wire;

pub use frame::{receive, receive_with_files, send, FrameError, MAX_FILES, MAX_FRAME};
pub use wire::{Description, Failure, Inference, Refused, Request};

use codec::{Decode, Encode};

/// The version of the protocol.
pub const VERSION: u16 = 1;

/// The number of a question, by which its answer is known.
pub type Id = u64;

/// What the parent says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToChild {
	/// Comes first, and once.
	Setup(Setup),
	/// Load a model from the files that come with this; [`FromChild::Loaded`] answers.
	Load {
		/// Names the answer.
		id: Id,
		/// What people call the model.
		name: String,
		/// Its architecture's name.
		architecture: String,
		/// The hashes of the files, in the order in which they come.
		files: Vec<[u8; 32]>,
		/// The longest sequence that is asked of it.
		context: u32,
		/// The bytes of memory that the system has.
		available: Option<u64>,
	},
	/// Forget the model that is named by this file. Not answered.
	Unload([u8; 32]),
	/// Answer this; [`FromChild::Answer`] does.
	Infer {
		/// Names the answer.
		id: Id,
		/// The question.
		request: Request,
	},
	/// Nobody wants the answer any more: it is still given, and soon.
	Stop(Id),
	/// [`FromChild::Pong`] answers.
	Ping,
}

/// How the child is to be.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Setup {
	/// [`VERSION`].
	pub version: u16,
	/// Threads that one inference is divided among.
	pub threads: u32,
	/// Requests of one model that run at once.
	pub places: u32,
	/// The most bytes of memory that it may take.
	pub memory: Option<u64>,
}

/// What the child says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum FromChild {
	/// It is confined, and takes questions.
	Ready {
		/// The models that it has from the start.
		models: Vec<Description>,
		/// What the system lacks that it would be confined by, in words.
		missing: Vec<String>,
		/// The name of the tier that it computes on.
		tier: String,
	},
	/// It can't begin, and ends.
	Failed(String),
	/// A model is loaded, or is not.
	Loaded {
		/// The question's.
		id: Id,
		/// What it is.
		loaded: Result<Description, Refused>,
	},
	/// A question's answer.
	Answer {
		/// The question's.
		id: Id,
		/// The answer.
		answer: Result<Inference, Failure>,
	},
	/// It reads.
	Pong,
}

//! The child: takes questions from its socket and gives answers, until the socket ends.

mod local;
mod own;
mod workers;

pub use local::LocalHost;
pub use own::{Memory, Resources};

use crate::{
	protocol::{
		receive_with_files, send, Description, Failure, FrameError, FromChild, Id, Refused, Request, Setup, ToChild,
		VERSION,
	},
	sandbox, LoadError, LoadOrder,
};
use rustix::net::sockopt::socket_type;
use sibyl_engine::{Architecture, Engine, EngineError, ModelDescription, Stop, Tier};
use std::{
	any::Any,
	collections::BTreeMap,
	fs::File,
	io::{self, ErrorKind},
	os::{fd::AsFd, unix::net::UnixStream},
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	thread,
};
use workers::Workers;

/// The most questions at a time: far more than a parent asks.
const MOST_RUNNING: usize = 4096;

/// What a child runs: an engine that loads models from open files.
pub trait Host: Engine {
	/// Loads a model, and says what it is.
	fn load(&self, order: LoadOrder) -> Result<ModelDescription, LoadError>;

	/// Forgets the model that is named by this file.
	fn unload(&self, sha256: &[u8; 32]);
}

/// Why a child ends before its parent does.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
	/// Somebody typed it.
	#[error("this is the node's own sub-command, which it runs its engine by; start the node instead")]
	NotAChild,
	/// The parent says something else first than how the child is to be.
	#[error("the parent speaks another version of the protocol: start the node again")]
	Version,
	/// The engine can't begin.
	#[error(transparent)]
	Engine(#[from] EngineError),
	/// What the parent says can't be read.
	#[error("the parent can't be understood: {0}")]
	Frame(#[from] FrameError),
	/// What the child says can't be sent.
	#[error("the parent can't be told: {0}")]
	Io(#[from] io::Error),
}

/// Answers what comes over standard input, which is a socket, until that ends. Confines itself before it makes the host.
///
/// Threads that were started before are not confined, so this is the first that a program does.
pub fn run<H: Host + 'static>(make: impl FnOnce(Resources) -> Result<H, EngineError>) -> Result<(), ChildError> {
	let stdin = io::stdin();
	socket_type(stdin.as_fd()).map_err(|_| ChildError::NotAChild)?;
	own::close_what_is_the_parents();
	own::die_with_the_parent();
	own::let_the_parent_end_this();
	own::be_the_first_to_go();
	let socket = UnixStream::from(stdin.as_fd().try_clone_to_owned()?);
	let setup = match receive_with_files(&socket)? {
		Some((ToChild::Setup(setup), _)) if setup.version == VERSION => setup,
		Some(_) => return Err(ChildError::Version),
		None => return Ok(()),
	};
	let Setup { version: _, threads, places, memory } = setup;
	let (threads, places) = (threads as usize, places as usize);
	let resources = Resources { threads, places, memory: Memory::new(memory) };
	let missing = sandbox::confine(memory);
	let host = make(resources);
	let answers = Answers(Mutex::new(socket.try_clone()?));
	let host = host.inspect_err(|error| answers.give(&FromChild::Failed(error.to_string())))?;
	let models = host.models().into_iter().map(Description::from).collect();
	answers.give(&FromChild::Ready { models, missing, tier: Tier::best().name().into() });
	let desk = Arc::new(Desk { host, answers, running: Mutex::default(), workers: Workers::default() });
	while let Some((question, files)) = receive_with_files(&socket)? {
		desk.take(question, files)?;
	}
	Ok(())
}

/// The way back to the parent.
struct Answers(Mutex<UnixStream>);

impl Answers {
	/// Where the parent is gone, the socket's end tells so.
	fn give(&self, answer: &FromChild) {
		let too_long = |error: &io::Error| error.kind() == ErrorKind::InvalidInput;
		let socket = lock(&self.0);
		if let (Some(error), FromChild::Answer { id, .. }) = (send(&socket, answer, &[]).err().filter(too_long), answer)
		{
			let failed = FromChild::Answer { id: *id, answer: Err(Failure::Internal(error.to_string())) };
			let _ = send(&socket, &failed, &[]);
		}
	}
}

struct Desk<H> {
	host: H,
	answers: Answers,
	running: Mutex<BTreeMap<Id, Stop>>,
	workers: Workers,
}

impl<H: Host + 'static> Desk<H> {
	fn take(self: &Arc<Self>, question: ToChild, files: Vec<File>) -> Result<(), ChildError> {
		match question {
			ToChild::Setup(_) => return Err(ChildError::Version),
			ToChild::Load { id, name, architecture, files: hashes, context, available } => {
				let order = LoadOrder {
					name,
					architecture: Architecture::find(&architecture).ok_or(ChildError::Version)?,
					files: files.into_iter().zip(hashes).collect(),
					context,
					available,
				};
				let desk = self.clone();
				let load = move || desk.answers.give(&FromChild::Loaded { id, loaded: desk.load(order) });
				if let Err(error) = thread::Builder::new().name("load-model".into()).spawn(load) {
					let loaded = Err(Refused::Engine(no_thread(&error)));
					self.answers.give(&FromChild::Loaded { id, loaded });
				}
			}
			ToChild::Unload(sha256) => self.host.unload(&sha256),
			ToChild::Infer { id, request } => self.infer(id, request),
			ToChild::Stop(id) => {
				if let Some(stop) = lock(&self.running).get(&id) {
					stop.stop();
				}
			}
			ToChild::Ping => self.answers.give(&FromChild::Pong),
		}
		Ok(())
	}

	fn load(&self, order: LoadOrder) -> Result<Description, Refused> {
		match catch_unwind(AssertUnwindSafe(|| self.host.load(order))) {
			Ok(Ok(description)) => Ok(description.into()),
			Ok(Err(LoadError::Memory { needed, available })) => Err(Refused::Memory { needed, available }),
			Ok(Err(LoadError::Engine(error))) => Err(error.into()),
			Ok(Err(error @ LoadError::File { .. })) => Err(EngineError::Internal(error.to_string()).into()),
			Err(panic) => Err(panicked(panic.as_ref()).into()),
		}
	}

	fn infer(self: &Arc<Self>, id: Id, request: Request) {
		let stop = Stop::default();
		let is_full = {
			let mut running = lock(&self.running);
			running.insert(id, stop.clone());
			running.len() > MOST_RUNNING
		};
		let desk = self.clone();
		let infer = move || {
			let request = request.into_engine(stop);
			let inference = catch_unwind(AssertUnwindSafe(|| desk.host.infer(&request)));
			let inference = inference.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
			desk.answer(id, inference.map_err(Failure::from).map(Into::into));
		};
		match is_full {
			true => self.answer(id, Err(Failure::Internal("too many questions at a time".into()))),
			false => {
				if let Err(error) = self.workers.run(Box::new(infer)) {
					self.answer(id, Err(no_thread(&error)));
				}
			}
		}
	}

	fn answer(&self, id: Id, answer: Result<crate::protocol::Inference, Failure>) {
		lock(&self.running).remove(&id);
		self.answers.give(&FromChild::Answer { id, answer });
	}
}

fn no_thread(error: &io::Error) -> Failure {
	Failure::Internal(format!("no thread can be started: {error}"))
}

fn panicked(panic: &(dyn Any + Send)) -> EngineError {
	let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
	EngineError::Panicked(text.unwrap_or("no message").into())
}

/// What a thread left that panicked is whole: no lock is held where something can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

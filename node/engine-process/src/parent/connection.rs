//! What is asked of one child, and what it answers.

use super::{cleaned, lock};
use crate::{
	protocol::{receive, send, FrameError, FromChild, Id, Request as WireRequest, Setup, ToChild},
	LoadError, ModelFiles,
};
use sibyl_engine::{EngineError, Inference, ModelDescription, Request, Tier};
use std::{
	collections::BTreeMap,
	fs::{self, File},
	io::{self, ErrorKind},
	net::Shutdown,
	os::{fd::AsFd, unix::net::UnixStream},
	sync::{
		atomic::{AtomicBool, Ordering},
		mpsc::{sync_channel, Receiver, SyncSender},
		Mutex, TryLockError,
	},
	time::{Duration, Instant},
};

type Loaded = Result<ModelDescription, LoadError>;
type Answer = Result<Inference, EngineError>;

/// What a child has said first; why it can't begin where that was it.
pub(super) type Begun = Result<First, String>;

/// What a child says that is ready.
pub(super) struct First {
	/// The models that it has from the start.
	pub(super) models: Vec<ModelDescription>,
	/// What the system lacks that it would be confined by.
	pub(super) missing: Vec<String>,
	/// What it computes on.
	pub(super) tier: Tier,
}

/// A child's end of the line is another process's: nothing it says is trusted to be well formed.
pub(super) struct Connection {
	socket: UnixStream,
	/// Held while a frame is written.
	writing: Mutex<()>,
	asked: Mutex<Asked>,
	heard: Mutex<Instant>,
	/// Whether an inference has succeeded.
	has_answered: AtomicBool,
	fate: Mutex<Fate>,
}

#[derive(Default)]
struct Asked {
	next: Id,
	waiting: BTreeMap<Id, Waiting>,
	/// Why nothing can be asked any more.
	closed: Option<String>,
}

enum Waiting {
	Load(SyncSender<Loaded>),
	Inference(SyncSender<Answer>),
}

#[derive(Default)]
struct Fate {
	/// Its end of the socket is closed.
	has_ended: bool,
	/// Why it is to be killed.
	reason: Option<String>,
}

impl Connection {
	/// Over this socket, whose writes fail when the child does not read for that long.
	pub(super) fn new(socket: UnixStream, silence: Duration) -> io::Result<Self> {
		socket.set_write_timeout(Some(silence))?;
		Ok(Self {
			socket,
			writing: Mutex::default(),
			asked: Mutex::default(),
			heard: Mutex::new(Instant::now()),
			has_answered: AtomicBool::new(false),
			fate: Mutex::default(),
		})
	}

	/// Tells the child how to be.
	pub(super) fn set_up(&self, setup: Setup) {
		self.tell(&ToChild::Setup(setup));
	}

	/// Has a model loaded. The answer comes, or the child's end does.
	pub(super) fn load(&self, model: &ModelFiles, available: Option<u64>) -> Result<Receiver<Loaded>, LoadError> {
		let ModelFiles { name, architecture, files, context } = model;
		let mut opened = Vec::new();
		for file in files {
			opened.push(open(&file.path).map_err(|source| LoadError::File { path: file.path.clone(), source })?);
		}
		let (answer, answered) = sync_channel(1);
		self.ask(Waiting::Load(answer), &opened, |id| ToChild::Load {
			id,
			name: name.clone(),
			architecture: architecture.to_string(),
			files: files.iter().map(|file| file.sha256).collect(),
			context: *context,
			available,
		})?;
		Ok(answered)
	}

	/// Has a model forgotten.
	pub(super) fn unload(&self, sha256: [u8; 32]) {
		self.tell(&ToChild::Unload(sha256));
	}

	/// Has a question answered. The answer comes, or the child's end does.
	pub(super) fn infer(&self, request: &Request) -> Result<(Id, Receiver<Answer>), EngineError> {
		let (answer, answered) = sync_channel(1);
		let request = WireRequest::from(request);
		let id = self.ask(Waiting::Inference(answer), &[], |id| ToChild::Infer { id, request })?;
		Ok((id, answered))
	}

	/// Nobody wants an answer any more.
	pub(super) fn stop(&self, id: Id) {
		self.tell(&ToChild::Stop(id));
	}

	/// Asks for a sign of life. Where another thread writes, the child is being asked for one already.
	pub(super) fn ping(&self) {
		match self.writing.try_lock() {
			Ok(_writing) => self.note(send(&self.socket, &ToChild::Ping, &[])),
			Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => {}
		}
	}

	fn ask(&self, waiting: Waiting, files: &[File], question: impl FnOnce(Id) -> ToChild) -> Result<Id, EngineError> {
		let id = {
			let mut asked = lock(&self.asked);
			if let Some(reason) = &asked.closed {
				return Err(EngineError::Process(reason.clone()));
			}
			let id = asked.next;
			asked.next += 1;
			asked.waiting.insert(id, waiting);
			id
		};
		let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
		let writing = lock(&self.writing);
		let sent = send(&self.socket, &question(id), &files);
		drop(writing);
		match sent {
			Err(error) if error.kind() == ErrorKind::InvalidInput => {
				lock(&self.asked).waiting.remove(&id);
				Err(EngineError::Internal(error.to_string()))
			}
			// Whatever else is wrong with the socket ends the child, and that ends the question.
			sent => {
				self.note(sent);
				Ok(id)
			}
		}
	}

	fn tell(&self, message: &ToChild) {
		let _writing = lock(&self.writing);
		self.note(send(&self.socket, message, &[]));
	}

	/// A frame that was sent in part leaves nothing that could be understood.
	fn note(&self, sent: io::Result<()>) {
		match sent {
			Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
				self.condemn("did not read what it was asked".into());
			}
			// It has closed its end, which the reader sees too.
			Ok(()) | Err(_) => {}
		}
	}

	/// Reads what the child says until it ends or says what it must not.
	pub(super) fn read(&self, begun: SyncSender<Begun>) {
		loop {
			let heard = match receive(&self.socket) {
				Ok(Some(message)) => self.hear(message, &begun),
				Ok(None) | Err(FrameError::Io(_)) => break,
				Err(error) => Err(error.to_string()),
			};
			if let Err(what) = heard {
				self.condemn(format!("broke the protocol by {what}"));
				break;
			}
		}
		lock(&self.fate).has_ended = true;
	}

	fn hear(&self, message: FromChild, begun: &SyncSender<Begun>) -> Result<(), String> {
		*lock(&self.heard) = Instant::now();
		match message {
			FromChild::Ready { models, missing, tier } => {
				let models = models.into_iter().map(|model| model.into_engine().ok_or_else(unknown_architecture));
				let models = models.collect::<Result<_, _>>()?;
				let missing = missing.iter().map(|what| cleaned(what)).collect();
				let tier = Tier::find(&tier).ok_or("a tier that nobody knows")?;
				// One that comes again finds nobody who waits for it.
				let _ = begun.try_send(Ok(First { models, missing, tier }));
				Ok(())
			}
			FromChild::Failed(why) => {
				let _ = begun.try_send(Err(cleaned(&why)));
				Ok(())
			}
			FromChild::Pong => Ok(()),
			FromChild::Loaded { id, loaded } => match self.asked_with(id) {
				Some(Waiting::Load(answer)) => {
					let loaded = match loaded {
						Ok(model) => Ok(model.into_engine().ok_or_else(unknown_architecture)?),
						Err(refused) => Err(refused.into()),
					};
					// Who has asked may have gone.
					let _ = answer.try_send(loaded);
					Ok(())
				}
				_ => Err("an answer that nobody asked for".into()),
			},
			FromChild::Answer { id, answer: inference } => match self.asked_with(id) {
				Some(Waiting::Inference(answer)) => {
					if inference.is_ok() {
						self.has_answered.store(true, Ordering::Relaxed);
					}
					let _ = answer.try_send(inference.map(Into::into).map_err(Into::into));
					Ok(())
				}
				_ => Err("an answer that nobody asked for".into()),
			},
		}
	}

	fn asked_with(&self, id: Id) -> Option<Waiting> {
		lock(&self.asked).waiting.remove(&id)
	}

	/// When the child was last heard of.
	pub(super) fn heard(&self) -> Instant {
		*lock(&self.heard)
	}

	/// Whether an inference has succeeded.
	pub(super) fn has_answered(&self) -> bool {
		self.has_answered.load(Ordering::Relaxed)
	}

	/// The child is to be killed. The first reason counts.
	pub(super) fn condemn(&self, reason: String) {
		lock(&self.fate).reason.get_or_insert(reason);
	}

	/// Why the child is to be killed.
	pub(super) fn condemned(&self) -> Option<String> {
		lock(&self.fate).reason.clone()
	}

	/// Whether the child has ended, or is to be killed.
	pub(super) fn is_over(&self) -> bool {
		let fate = lock(&self.fate);
		fate.has_ended || fate.reason.is_some()
	}

	/// Tells the child that nothing more comes.
	pub(super) fn say_goodbye(&self) {
		// Where it has ended, it needs not be told.
		let _ = self.socket.shutdown(Shutdown::Write);
	}

	/// Ends the reader.
	pub(super) fn close(&self) {
		let _ = self.socket.shutdown(Shutdown::Both);
	}

	/// Answers all that is asked with the child's end. Returns how many inferences that ended.
	pub(super) fn fail_all(&self, reason: &str) -> usize {
		let waiting = {
			let mut asked = lock(&self.asked);
			asked.closed = Some(reason.into());
			std::mem::take(&mut asked.waiting)
		};
		let error = || EngineError::Process(reason.into());
		let mut inferences = 0;
		for waiting in waiting.into_values() {
			match waiting {
				Waiting::Load(answer) => drop(answer.try_send(Err(error().into()))),
				Waiting::Inference(answer) => {
					inferences += 1;
					drop(answer.try_send(Err(error())));
				}
			}
		}
		inferences
	}
}

fn unknown_architecture() -> String {
	"an architecture that nobody knows".into()
}

/// Opens a regular file: opening a pipe would wait.
fn open(path: &std::path::Path) -> io::Result<File> {
	match fs::metadata(path)?.is_file() {
		true => File::open(path),
		false => Err(io::Error::new(ErrorKind::InvalidData, "it is not a regular file")),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::protocol::{Description, Failure};
	use sibyl_engine::{testing::FakeEngine, Engine, Limits};
	use std::{sync::Arc, thread};

	/// A connection that is asked something with number 0, what came of that, and the child's end of it.
	fn asked() -> (Arc<Connection>, Receiver<Answer>, UnixStream) {
		let (socket, of_child) = UnixStream::pair().expect("a pair of sockets can be made");
		let connection = Arc::new(Connection::new(socket, Duration::from_secs(1)).expect("it has a timeout"));
		let request = Request::new([0; 32], "a", Limits { max_input_bytes: 1, max_output_units: 1 });
		let (id, answer) = connection.infer(&request).expect("it is asked");
		assert_eq!(id, 0);
		(connection, answer, of_child)
	}

	fn read(connection: &Arc<Connection>) {
		let (begin, _begun) = sync_channel(1);
		let reader = connection.clone();
		thread::spawn(move || reader.read(begin)).join().expect("it does not panic");
	}

	#[test]
	fn an_answer_of_another_kind_should_be_an_offence_and_one_of_its_kind_none() {
		let (connection, answer, of_child) = asked();
		let model = Description::from(FakeEngine::new().models().remove(0));
		send(&of_child, &FromChild::Answer { id: 0, answer: Err(Failure::FloatEnvironment) }, &[]).expect("it is sent");
		send(&of_child, &FromChild::Pong, &[]).expect("it is sent");
		drop(of_child);
		read(&connection);
		assert_eq!((connection.condemned(), connection.is_over()), (None, true));
		assert_eq!(answer.recv().expect("it comes"), Err(EngineError::FloatEnvironment));

		let (connection, _answer, of_child) = asked();
		send(&of_child, &FromChild::Loaded { id: 0, loaded: Ok(model) }, &[]).expect("it is sent");
		read(&connection);
		assert_eq!(
			connection.condemned().expect("it is condemned"),
			"broke the protocol by an answer that nobody asked for"
		);
	}

	#[test]
	fn what_is_asked_of_a_child_that_is_gone_should_end_with_its_end() {
		let (connection, answer, of_child) = asked();
		drop(of_child);
		let (_, late) = connection
			.infer(&Request::new([0; 32], "b", Limits { max_input_bytes: 1, max_output_units: 1 }))
			.expect("it waits");
		read(&connection);
		assert_eq!(connection.fail_all("was killed by signal 9"), 2);
		let ended = || EngineError::Process("was killed by signal 9".into());
		for answer in [answer, late] {
			assert_eq!(answer.recv().expect("it comes"), Err(ended()));
		}
		let request = Request::new([0; 32], "c", Limits { max_input_bytes: 1, max_output_units: 1 });
		assert_eq!(connection.infer(&request).map(|_| ()), Err(ended()));
	}

	#[test]
	fn a_child_that_does_not_read_should_be_condemned() {
		let (connection, _answer, _of_child) = asked();
		connection.socket.set_write_timeout(Some(Duration::from_millis(10))).expect("it can be set");
		for _ in 0..10_000 {
			if connection.is_over() {
				break;
			}
			connection.unload([0; 32]);
		}
		assert_eq!(connection.condemned().expect("it is condemned"), "did not read what it was asked");
	}
}

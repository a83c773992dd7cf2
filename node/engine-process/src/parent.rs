//! The parent: an engine whose child computes.

mod connection;
mod log_lines;
mod running;
mod settings;
mod status;
mod supervisor;

pub(crate) use log_lines::cleaned;

pub use settings::{Patience, Settings};
pub use status::{ProcessState, ProcessStatus};

use crate::{LoadError, ModelFiles};
use connection::{Connection, First};
use sibyl_engine::{Engine, EngineError, Inference, ModelDescription, Request, Stop, Tier};
use std::{
	io,
	sync::{mpsc::RecvTimeoutError, Arc, Condvar, Mutex, MutexGuard, PoisonError},
	thread::{self, JoinHandle},
	time::{Duration, Instant},
};

const LOG_TARGET: &str = "inference::process";

/// How often a waiting thread looks whether its answer is still wanted. An answer wakes it at once.
const LOOK: Duration = Duration::from_millis(10);

/// How often a model is loaded for a child that dies before it is known to live on.
const LOADS: usize = 3;

/// An engine in a child of this process.
///
/// The child is started when it is first needed. When it dies, whatever ran in it ends with [`EngineError::Process`], and a
/// new one is started: at once the first time, then after a pause that doubles until an inference succeeds again. It is given
/// the models that the one before had. A question that comes meanwhile waits for it.
///
/// Dropping this ends the child.
pub struct EngineProcess {
	shared: Arc<Shared>,
	/// Starts children and is their parent by the kernel's word, which ends a child when the thread ends that made it.
	supervisor: Option<JoinHandle<()>>,
}

struct Shared {
	settings: Settings,
	state: Mutex<State>,
	/// Rung at every change that somebody waits for.
	bell: Condvar,
}

struct State {
	phase: Phase,
	/// What the child has from the start, and what was loaded into it.
	own_models: Vec<ModelDescription>,
	models: Vec<Kept>,
	is_closing: bool,
	/// What the last child did in the end.
	last_end: Option<String>,
	/// Children that have ended before the engine was dropped.
	ends: u32,
	pid: Option<u32>,
	/// What the last child that was ready computes on.
	tier: Option<Tier>,
}

enum Phase {
	/// Nobody has asked yet.
	Idle,
	/// There is a child, which is not ready.
	Starting,
	/// It takes questions.
	Up(Arc<Connection>),
	/// There is none before this time.
	Pausing(Instant),
}

/// A model that every child is given.
#[derive(Clone)]
struct Kept {
	files: ModelFiles,
	description: ModelDescription,
	/// Children in a row that died while they loaded it.
	deaths: u32,
}

impl Shared {
	fn state(&self) -> MutexGuard<'_, State> {
		lock(&self.state)
	}

	/// Wakes whoever waits for a change.
	fn ring(&self) {
		// With the lock, so that nobody is between his look and his wait.
		let _state = self.state();
		self.bell.notify_all();
	}

	fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
		self.bell.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
	}

	/// The child that takes questions, once there is one.
	fn connected(&self, stop: &Stop) -> Result<Arc<Connection>, EngineError> {
		let patience = Instant::now() + self.settings.patience.wait;
		let mut state = self.state();
		if matches!(state.phase, Phase::Idle) {
			state.phase = Phase::Starting;
			self.bell.notify_all();
		}
		loop {
			let is_too_late = match &state.phase {
				Phase::Up(connection) => return Ok(connection.clone()),
				Phase::Pausing(until) => *until > patience,
				Phase::Idle | Phase::Starting => false,
			};
			stop.check()?;
			if state.is_closing {
				return Err(EngineError::Process("is shut down".into()));
			}
			if is_too_late || Instant::now() >= patience {
				let why = state
					.last_end
					.as_deref()
					.map_or("is not ready yet".into(), |end| format!("{end} and is not back yet"));
				return Err(EngineError::Process(why));
			}
			state = self.wait(state, LOOK);
		}
	}

	/// Has the child of a connection killed.
	fn condemn(&self, connection: &Connection, reason: String) {
		connection.condemn(reason);
		self.ring();
	}

	/// Loads a model into a child.
	fn load(&self, connection: &Connection, model: &ModelFiles) -> Result<ModelDescription, LoadError> {
		let patience = self.settings.patience.load;
		let answer = connection.load(model, (self.settings.available)())?;
		let since = Instant::now();
		loop {
			match answer.recv_timeout(LOOK) {
				Ok(Ok(other)) if !is_of(&other, model) => {
					let reason = "broke the protocol by loading another model than it was asked for".to_string();
					self.condemn(connection, reason.clone());
					return Err(EngineError::Process(reason).into());
				}
				Ok(loaded) => return loaded,
				Err(RecvTimeoutError::Disconnected) => return Err(gone().into()),
				Err(RecvTimeoutError::Timeout) if since.elapsed() > patience => {
					self.condemn(connection, format!("needed more than {patience:?} to load a model"));
				}
				Err(RecvTimeoutError::Timeout) => {}
			}
		}
	}
}

impl EngineProcess {
	/// An engine whose child is started when it is first needed.
	pub fn new(settings: Settings) -> io::Result<Self> {
		let state = State {
			phase: Phase::Idle,
			own_models: Vec::new(),
			models: Vec::new(),
			is_closing: false,
			last_end: None,
			ends: 0,
			pid: None,
			tier: None,
		};
		let shared = Arc::new(Shared { settings, state: Mutex::new(state), bell: Condvar::new() });
		let of_supervisor = shared.clone();
		let supervise = move || supervisor::run(&of_supervisor);
		let supervisor = Some(thread::Builder::new().name("engine-process".into()).spawn(supervise)?);
		Ok(Self { shared, supervisor })
	}

	/// Waits until there is a child that takes questions, so that [`Engine::models`] has what it has from the start.
	pub fn start(&self) -> Result<(), EngineError> {
		self.shared.connected(&Stop::default()).map(|_| ())
	}

	/// The child's process id, while there is a child.
	pub fn pid(&self) -> Option<u32> {
		self.shared.state().pid
	}

	/// How the child is.
	pub fn status(&self) -> ProcessStatus {
		self.shared.state().status()
	}

	/// Loads a model into the child, and into each that follows. One that is loaded already stays as it is.
	pub fn load(&self, model: &ModelFiles) -> Result<ModelDescription, LoadError> {
		for _ in 0..LOADS {
			if let Some(loaded) = model.files.first().and_then(|file| self.find(&file.sha256)) {
				return Ok(loaded);
			}
			let connection = self.shared.connected(&Stop::default())?;
			let description = self.shared.load(&connection, model)?;
			let mut state = self.shared.state();
			// The next child may have begun without it.
			if matches!(&state.phase, Phase::Up(present) if Arc::ptr_eq(present, &connection)) {
				state.models.push(Kept { files: model.clone(), description: description.clone(), deaths: 0 });
				return Ok(description);
			}
		}
		Err(gone().into())
	}

	/// Forgets the model that is named by this file.
	pub fn unload(&self, sha256: &[u8; 32]) {
		let mut state = self.shared.state();
		state.models.retain(|model| !model.description.is(sha256));
		let present = match &state.phase {
			Phase::Up(connection) => Some(connection.clone()),
			_ => None,
		};
		drop(state);
		if let Some(connection) = present {
			connection.unload(*sha256);
		}
	}

	fn find(&self, sha256: &[u8; 32]) -> Option<ModelDescription> {
		self.models().into_iter().find(|model| model.is(sha256))
	}
}

impl Engine for EngineProcess {
	fn models(&self) -> Vec<ModelDescription> {
		let state = self.shared.state();
		let kept = state.models.iter().map(|model| &model.description);
		state.own_models.iter().chain(kept).cloned().collect()
	}

	fn infer(&self, request: &Request) -> Result<Inference, EngineError> {
		request.stop.check()?;
		let Patience { grace, longest_run, .. } = self.shared.settings.patience;
		let connection = self.shared.connected(&request.stop)?;
		let (id, answer) = connection.infer(request)?;
		let since = Instant::now();
		let mut stopped: Option<Instant> = None;
		loop {
			match answer.recv_timeout(LOOK) {
				// Nobody but this thread has stopped it.
				Ok(Err(EngineError::Stopped)) if request.stop.check().is_ok() => return Err(too_long(longest_run)),
				Ok(inference) => return inference,
				Err(RecvTimeoutError::Disconnected) => return Err(gone()),
				Err(RecvTimeoutError::Timeout) => {}
			}
			match stopped {
				None if request.stop.check().is_err() || since.elapsed() > longest_run => {
					connection.stop(id);
					stopped = Some(Instant::now());
				}
				Some(stopped) if stopped.elapsed() > grace => {
					let reason = format!("did not stop an inference within {grace:?}");
					self.shared.condemn(&connection, reason);
				}
				_ => {}
			}
		}
	}
}

impl Drop for EngineProcess {
	fn drop(&mut self) {
		self.shared.state().is_closing = true;
		self.shared.ring();
		if let Some(supervisor) = self.supervisor.take() {
			// It has nothing to say.
			let _ = supervisor.join();
		}
	}
}

/// Whether it has these files, in this order.
fn is_of(description: &ModelDescription, model: &ModelFiles) -> bool {
	let described = description.files.iter().map(|file| file.sha256);
	described.eq(model.files.iter().map(|file| file.sha256))
}

fn gone() -> EngineError {
	EngineError::Process("ended".into())
}

fn too_long(limit: Duration) -> EngineError {
	EngineError::Process(format!("needed more than {limit:?} for an inference, which was stopped"))
}

/// Nothing panics while it holds one of these locks, so what they guard is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

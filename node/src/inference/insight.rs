//! What the node's operator is told of its engine, and what the operator tells the engine: to take no new seats.

use async_channel::{Receiver, Sender};
use parking_lot::Mutex;
use sibyl_engine::queue::Load as QueueLoad;
use sibyl_engine_process::{EngineProcess, ProcessState, ProcessStatus};
use sibyl_files::Progress;
use sibyl_rpc_types::{Engine, EngineState, Load, ModelState, NodeFault, OwnModel};
use std::{
	collections::VecDeque,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{SystemTime, UNIX_EPOCH},
};

/// What went wrong that is remembered.
const MAX_FAULTS: usize = 32;

/// Bytes of a fault's text at most: models' names and errors are others' to choose.
const MAX_FAULT_BYTES: usize = 512;

/// Clones are one.
#[derive(Clone)]
pub struct Insight(Arc<Inner>);

struct Inner {
	/// How far the files are that are being fetched.
	files: Progress,
	/// How the engine's process is; none in tests.
	process: Option<Arc<EngineProcess>>,
	seen: Mutex<Seen>,
	is_draining: AtomicBool,
	bell: (Sender<()>, Receiver<()>),
}

#[derive(Default)]
struct Seen {
	models: Vec<OwnModel>,
	load: Load,
	faults: VecDeque<NodeFault>,
	/// Ends of the engine's process that are among the faults.
	ends: u32,
}

impl Insight {
	/// Into an engine that runs in this process.
	pub fn new(process: Option<Arc<EngineProcess>>) -> Self {
		let is_draining = AtomicBool::new(false);
		Self(Arc::new(Inner {
			files: Progress::default(),
			process,
			seen: Mutex::default(),
			is_draining,
			bell: async_channel::bounded(1),
		}))
	}

	/// How far the files are that are being fetched: who fetches them takes it down here.
	pub fn files(&self) -> &Progress {
		&self.0.files
	}

	/// Takes down how the node stands to the chain's models.
	pub fn set_models(&self, models: Vec<OwnModel>) {
		self.0.seen.lock().models = models;
	}

	/// Takes down how many inferences there are, and whether the engine's process has ended.
	pub fn set_load(&self, QueueLoad { waiting, running }: QueueLoad) {
		self.note_ends();
		self.0.seen.lock().load = Load { waiting, running };
	}

	/// Takes down that something went wrong.
	pub fn fault(&self, what: impl Into<String>) {
		self.0.seen.lock().push(what.into());
	}

	/// How the node stands to the chain's models. One that drains tells the chain that it serves none.
	pub fn models(&self) -> Vec<OwnModel> {
		let mut models = self.0.seen.lock().models.clone();
		if self.is_draining() {
			for model in models.iter_mut().filter(|model| model.state == ModelState::Served) {
				(model.state, model.pace) = (ModelState::Withdrawn, None);
			}
		}
		models
	}

	/// How many inferences there are.
	pub fn load(&self) -> Load {
		self.0.seen.lock().load
	}

	/// What went wrong, the newest first.
	pub fn faults(&self) -> Vec<NodeFault> {
		self.note_ends();
		self.0.seen.lock().faults.iter().rev().cloned().collect()
	}

	/// How the engine's process is.
	pub fn engine(&self) -> Engine {
		let Some(ProcessStatus { state, pid, ends, last_end, .. }) = self.status() else { return Engine::default() };
		let state = match state {
			ProcessState::Idle => EngineState::Idle,
			ProcessState::Starting => EngineState::Starting,
			ProcessState::Running => EngineState::Running,
			ProcessState::Pausing => EngineState::Pausing,
		};
		Engine { state, pid, ends, last_end }
	}

	/// Whether the node is to take no new seats.
	pub fn is_draining(&self) -> bool {
		self.0.is_draining.load(Ordering::SeqCst)
	}

	/// Lets the node take no new seats, or take them again.
	pub fn drain(&self, on: bool) {
		self.0.is_draining.store(on, Ordering::SeqCst);
		// Where it has rung already, who hears it looks at what was just stored.
		let _ = self.0.bell.0.try_send(());
	}

	/// Hears that it may have changed whether the node drains.
	pub fn bell(&self) -> Receiver<()> {
		self.0.bell.1.clone()
	}

	fn status(&self) -> Option<ProcessStatus> {
		self.0.process.as_ref().map(|process| process.status())
	}

	fn note_ends(&self) {
		let Some(ProcessStatus { ends, last_end, .. }) = self.status() else { return };
		let mut seen = self.0.seen.lock();
		if ends > seen.ends {
			seen.ends = ends;
			seen.push(format!("the engine's process {}", last_end.unwrap_or_else(|| "ended".into())));
		}
	}
}

/// This machine's clock, in seconds since 1970.
pub fn unix_now() -> u64 {
	// A clock before 1970 is wrong in another way.
	SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Seen {
	fn push(&mut self, mut what: String) {
		let end = (0..=MAX_FAULT_BYTES).rev().find(|end| what.is_char_boundary(*end)).unwrap_or_default();
		what.truncate(end);
		if self.faults.len() >= MAX_FAULTS {
			self.faults.pop_front();
		}
		self.faults.push_back(NodeFault { at: unix_now(), what });
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_primitives::Hash;

	#[test]
	fn the_newest_faults_are_kept_and_none_is_longer_than_there_is_room_for() {
		let insight = Insight::new(None);
		(0..=MAX_FAULTS).for_each(|n| insight.fault(format!("fault {n}")));
		let faults = insight.faults();
		assert_eq!(faults.len(), MAX_FAULTS);
		assert_eq!(faults[0].what, format!("fault {MAX_FAULTS}"));
		assert_eq!(faults[MAX_FAULTS - 1].what, "fault 1");
		insight.fault(format!("a{}", "é".repeat(MAX_FAULT_BYTES)));
		assert_eq!(insight.faults()[0].what.len(), MAX_FAULT_BYTES - 1, "no letter is cut in two");
	}

	#[test]
	fn a_node_that_drains_serves_nothing_and_promises_no_pace() {
		let insight = Insight::new(None);
		let model = |state| OwnModel {
			id: Hash::zero(),
			name: "fake".into(),
			state,
			why: None,
			pace: Some(sibyl_rpc_types::Pace { job: 1, input_unit: 1, output_unit: 1 }),
			bytes: 0,
		};
		insight.set_models(vec![model(ModelState::Served), model(ModelState::Absent)]);
		insight.drain(true);
		let states = || insight.models().into_iter().map(|model| model.state).collect::<Vec<_>>();
		assert_eq!(states(), [ModelState::Withdrawn, ModelState::Absent]);
		assert_eq!(insight.models()[0].pace, None);
		insight.drain(false);
		assert_eq!(states(), [ModelState::Served, ModelState::Absent]);
		assert!(insight.bell().try_recv().is_ok());
	}
}

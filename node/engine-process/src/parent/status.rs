//! How the child is, for people.

use super::{Phase, State};
use sibyl_engine::Tier;

/// How the child is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
	/// Where it stands.
	pub state: ProcessState,
	/// Its process id, while there is one.
	pub pid: Option<u32>,
	/// Children that have ended without being told to.
	pub ends: u32,
	/// What the last of them did in the end.
	pub last_end: Option<String>,
	/// The kernels that it computes with, once one was ready.
	pub tier: Option<Tier>,
}

/// Where the child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
	/// Nobody has asked yet.
	Idle,
	/// It is being started, or given its models.
	Starting,
	/// It takes questions.
	Running,
	/// There is none for some time.
	Pausing,
}

impl State {
	pub(super) fn status(&self) -> ProcessStatus {
		let state = match self.phase {
			Phase::Idle => ProcessState::Idle,
			Phase::Starting => ProcessState::Starting,
			Phase::Up(_) => ProcessState::Running,
			Phase::Pausing(_) => ProcessState::Pausing,
		};
		ProcessStatus { state, pid: self.pid, ends: self.ends, last_end: self.last_end.clone(), tier: self.tier }
	}
}

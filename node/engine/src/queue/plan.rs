//! What a queue decides: which job runs next, and which are given up. Without threads or clocks.

use super::{GivenUp, JobId, JobOutcome, OnDone, OnStart, State, Turn, SHORT};
use crate::{Request, Stop};
use std::time::{Duration, Instant};

/// A job that waits.
pub(super) struct Waiting {
	pub estimate: Duration,
	pub request: Request,
	pub on_start: OnStart,
	pub on_done: OnDone,
}

/// A job that runs.
pub(super) struct Running {
	pub turn: Turn,
	pub estimate: Duration,
	pub since: Instant,
	/// The time that it would have taken so far, had it run alone.
	pub served: Duration,
	pub stop: Stop,
	/// None once it has been told.
	pub on_done: Option<OnDone>,
}

/// A job whose turn it is.
pub(super) struct Planned {
	pub id: JobId,
	pub request: Request,
	pub on_start: OnStart,
}

impl Running {
	/// How long it would still run alone. One that takes longer than was thought is taken to need as long again as it is
	/// over.
	fn rest(&self) -> Duration {
		self.estimate.abs_diff(self.served)
	}
}

impl State {
	/// Lets a job wait.
	pub fn wait(&mut self, key: (Turn, JobId), job: Waiting) {
		self.turns.insert(key.1, key.0);
		self.waiting.insert(key, job);
	}

	fn take(&mut self, key: &(Turn, JobId)) -> Option<Waiting> {
		self.turns.remove(&key.1);
		self.waiting.remove(key)
	}

	/// Comes to a time: since the last one, the jobs that ran have shared the machine.
	fn come_to(&mut self, now: Instant) {
		let shares = u32::try_from(self.running.len()).unwrap_or(u32::MAX);
		let passed = now.saturating_duration_since(self.now.unwrap_or(now));
		for running in self.running.values_mut() {
			running.served += passed / shares;
		}
		self.now = Some(now);
	}

	/// Takes a job from those that run; none where it is not there.
	pub fn end(&mut self, id: JobId, now: Instant) -> Option<Running> {
		self.come_to(now);
		self.running.remove(&id)
	}

	/// Begins the job whose turn it is, where one may run now.
	pub fn start_next(&mut self, now: Instant) -> Option<Planned> {
		self.come_to(now);
		let is_alone = |turn: &Turn| *turn == Turn::Alone;
		if self.running.values().any(|running| is_alone(&running.turn)) {
			return None;
		}
		let key = match self.waiting.first_key_value() {
			Some((key @ (turn, _), _)) if is_alone(turn) => self.running.is_empty().then_some(*key)?,
			_ if !self.has_room(now) => return None,
			_ => self.urgent(now)?,
		};
		self.start(key, now)
	}

	/// Whether those that run would still be in time if one more shared the machine with them.
	fn has_room(&self, now: Instant) -> bool {
		let shares = u32::try_from(self.running.len() + 1).unwrap_or(u32::MAX);
		let in_time = |running: &Running| match running.turn {
			Turn::By(due) => now + running.rest().saturating_mul(shares) <= due,
			Turn::Alone => true,
		};
		self.running.values().filter(|running| running.on_done.is_some()).all(in_time)
	}

	/// Begins the short job that is due first, whatever else runs: see [the rule](super).
	pub fn start_next_short(&mut self, now: Instant) -> Option<Planned> {
		self.come_to(now);
		let is_alone = |turn: &Turn| *turn == Turn::Alone;
		let wants_quiet = self.running.values().any(|running| is_alone(&running.turn))
			|| self.waiting.first_key_value().is_some_and(|((turn, _), _)| is_alone(turn));
		if wants_quiet || self.running.is_empty() {
			return None;
		}
		let key = self.waiting.iter().find(|(_, job)| job.estimate <= SHORT).map(|(key, _)| *key)?;
		self.start(key, now)
	}

	fn start(&mut self, key: (Turn, JobId), now: Instant) -> Option<Planned> {
		let Waiting { estimate, request, on_start, on_done } = self.take(&key)?;
		let (turn, id) = key;
		let stop = request.stop.clone();
		let running = Running { turn, estimate, since: now, served: Duration::ZERO, stop, on_done: Some(on_done) };
		self.running.insert(id, running);
		Some(Planned { id, request, on_start })
	}

	/// The shortest job that may overtake those that are due before it; the first of these may.
	fn urgent(&self, now: Instant) -> Option<(Turn, JobId)> {
		let mut before = self.busy();
		// What the jobs that are due before can wait.
		let mut leeway: Option<Duration> = None;
		let mut best: Option<(Duration, (Turn, JobId))> = None;
		for (key, job) in &self.waiting {
			let Turn::By(due) = key.0 else { continue };
			let may_overtake = leeway.is_none_or(|leeway| job.estimate <= leeway);
			if may_overtake && best.is_none_or(|(shortest, _)| job.estimate < shortest) {
				best = Some((job.estimate, *key));
			}
			// Estimates are not exact, so it keeps its own time in reserve.
			let end = now + before + job.estimate * 2;
			let can_wait = due.saturating_duration_since(end);
			leeway = Some(leeway.map_or(can_wait, |leeway| leeway.min(can_wait)));
			before += job.estimate;
		}
		best.map(|(_, key)| key)
	}

	/// How long until all that run are done, about.
	fn busy(&self) -> Duration {
		self.running.values().map(Running::rest).sum::<Duration>()
	}

	/// Gives up what can't be done in time: see [the rule](super).
	pub fn shed(&mut self, now: Instant) -> Vec<GivenUp> {
		self.come_to(now);
		let is_late = |running: &Running| matches!(running.turn, Turn::By(due) if now + running.rest() > due);
		let (late, stay): (Vec<_>, Vec<_>) = self.running.iter().partition(|(_, running)| is_late(running));
		let rests: Vec<_> = stay.into_iter().map(|(_, running)| running.rest()).collect();
		let mut late: Vec<(JobId, JobOutcome)> = late.into_iter().map(|(id, _)| (*id, JobOutcome::TooLate)).collect();
		// Who begins beside others is held up by each of them for as long as itself takes, at most.
		let may_begin = rests.len() < self.places;
		let held_up = |estimate: Duration| -> Duration {
			rests.iter().map(|rest| if may_begin { estimate.min(*rest) } else { *rest }).sum::<Duration>()
		};
		let mut before = Duration::ZERO;
		// Short jobs wait for short ones alone.
		let mut short_before = Duration::ZERO;
		let mut kept: Vec<(Duration, JobId)> = Vec::new();
		for ((turn, id), job) in &self.waiting {
			let Turn::By(due) = *turn else {
				before += job.estimate;
				continue;
			};
			if now + job.estimate > due {
				late.push((*id, JobOutcome::TooLate));
				continue;
			}
			before += job.estimate;
			if self.are_short_jobs_apart && job.estimate <= SHORT {
				short_before += job.estimate;
				if now + short_before > due {
					short_before -= job.estimate;
					before -= job.estimate;
					late.push((*id, JobOutcome::Overloaded));
				}
				continue;
			}
			kept.push((job.estimate, *id));
			while now + held_up(job.estimate) + before > due {
				let Some(longest) = (0..kept.len()).max_by_key(|place| kept[*place].0) else { break };
				let (estimate, longest) = kept.remove(longest);
				late.push((longest, JobOutcome::Overloaded));
				before = before.saturating_sub(estimate);
				if longest == *id {
					break;
				}
			}
		}
		late.into_iter().filter_map(|(id, outcome)| self.give_up(id, outcome, now)).collect()
	}

	/// Gives up the jobs beyond so many, those that are due last.
	pub fn evict(&mut self, capacity: usize) -> Vec<GivenUp> {
		let alone = self.waiting.keys().filter(|(turn, _)| *turn == Turn::Alone).count();
		let mut evicted = Vec::new();
		while self.waiting.len() - alone > capacity {
			let Some(last) = self.waiting.keys().next_back().copied() else { break };
			let Some(job) = self.take(&last) else { break };
			evicted.push((job.on_done, JobOutcome::Overloaded, Duration::ZERO));
		}
		evicted
	}

	/// Forgets a job that waits, or stops one that runs; none where it is gone or has been told.
	pub fn give_up(&mut self, id: JobId, outcome: JobOutcome, now: Instant) -> Option<GivenUp> {
		if let Some(running) = self.running.get_mut(&id) {
			running.stop.stop();
			return Some((running.on_done.take()?, outcome, now.saturating_duration_since(running.since)));
		}
		let turn = *self.turns.get(&id)?;
		let job = self.take(&(turn, id))?;
		Some((job.on_done, outcome, Duration::ZERO))
	}

	/// Lets a job be due at another time.
	pub fn reschedule(&mut self, id: JobId, due: Instant) {
		if let Some(running) = self.running.get_mut(&id) {
			if running.turn != Turn::Alone {
				running.turn = Turn::By(due);
			}
			return;
		}
		let Some(turn) = self.turns.get(&id).copied().filter(|turn| *turn != Turn::Alone) else { return };
		if let Some(job) = self.take(&(turn, id)) {
			self.wait((Turn::By(due), id), job);
		}
	}
}

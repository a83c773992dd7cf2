//! The thread that starts children, looks after the one that runs and ends it.

use super::{running::Running, Connection, First, Kept, Patience, Phase, Shared, State, LOG_TARGET};
use crate::LoadError;
use sibyl_engine::{EngineError, Tier};
use std::{
	sync::{Arc, MutexGuard},
	thread,
	time::{Duration, Instant},
};

/// How often it is looked whether a child is to be closed that has not begun yet.
const LOOK: Duration = Duration::from_millis(20);

/// After so many deaths in a row during its load, a model is given to no further child.
const DEADLY: u32 = 3;

/// Runs children until the engine is dropped.
pub(super) fn run(shared: &Arc<Shared>) {
	let mut told = None;
	let mut deaths = 0;
	let mut state = shared.state();
	while matches!(state.phase, Phase::Idle) && !state.is_closing {
		state = shared.wait(state, Duration::from_secs(3600));
	}
	while !state.is_closing {
		state.phase = Phase::Starting;
		drop(state);
		let end = match Running::start(shared) {
			Ok(running) => look_after(shared, running, &mut told),
			Err(error) => Some(End { reason: format!("can't be started: {error}"), inferences: 0, was_useful: false }),
		};
		state = shared.state();
		state.pid = None;
		let Some(End { reason, inferences, was_useful }) = end else { break };
		deaths = if was_useful { 1 } else { deaths + 1 };
		let pause = pause(deaths, &shared.settings.patience);
		log::error!(
			target: LOG_TARGET,
			"The engine's process {reason}; inferences that ended with it: {inferences}. It is started again in {} ms",
			pause.as_millis(),
		);
		state = wait_out(shared, state, reason, pause);
	}
	// Nobody is to wait for a child that does not come.
	state.is_closing = true;
	shared.bell.notify_all();
}

/// What came of a child.
struct End {
	reason: String,
	inferences: usize,
	/// Whether an inference had succeeded.
	was_useful: bool,
}

fn pause(deaths: u32, patience: &Patience) -> Duration {
	match deaths.checked_sub(2) {
		None => Duration::ZERO,
		Some(more) => patience.first_pause.saturating_mul(1 << more.min(16)).min(patience.longest_pause),
	}
}

fn wait_out<'a>(
	shared: &'a Shared,
	mut state: MutexGuard<'a, State>,
	reason: String,
	pause: Duration,
) -> MutexGuard<'a, State> {
	let until = Instant::now() + pause;
	state.phase = Phase::Pausing(until);
	state.last_end = Some(reason);
	state.ends = state.ends.saturating_add(1);
	shared.bell.notify_all();
	loop {
		let left = until.saturating_duration_since(Instant::now());
		if left.is_zero() || state.is_closing {
			return state;
		}
		state = shared.wait(state, left);
	}
}

/// Looks after a child until its end; none where the engine is dropped.
fn look_after(shared: &Arc<Shared>, running: Running, told: &mut Option<()>) -> Option<End> {
	shared.state().pid = Some(running.pid());
	let connection = running.connection.clone();
	let Some(first) = begin(shared, &running) else {
		running.close(shared.settings.patience.end);
		return None;
	};
	if let Some((tier, missing)) = first {
		if told.replace(()).is_none() {
			tell_of_start(running.pid(), tier, &missing);
		}
	}
	let reloading = (!connection.is_over()).then(|| {
		let (shared, connection) = (shared.clone(), connection.clone());
		thread::Builder::new().name("reload-models".into()).spawn(move || reload(&shared, &connection))
	});
	let reloading = match reloading.transpose() {
		Ok(reloading) => reloading,
		Err(error) => {
			connection.condemn(format!("can't be given its models: {error}"));
			None
		}
	};
	let is_closing = watch(shared, &connection);
	let end = match is_closing {
		true => {
			running.close(shared.settings.patience.end);
			None
		}
		false => {
			let was_useful = connection.has_answered();
			shared.state().phase = Phase::Starting;
			let (reason, inferences) = running.bury();
			Some(End { reason, inferences, was_useful })
		}
	};
	if let Some(reloading) = reloading {
		// Its questions have ended with the child.
		let _ = reloading.join();
	}
	end
}

/// Waits for a child to be ready, and returns what it computes on and what it lacks; nothing of one that has failed. None where
/// the engine is dropped.
fn begin(shared: &Shared, running: &Running) -> Option<Option<(Tier, Vec<String>)>> {
	let patience = shared.settings.patience.start;
	let since = Instant::now();
	loop {
		match running.begun(LOOK) {
			Some(Some(Ok(First { models, missing, tier }))) => {
				let mut state = shared.state();
				(state.own_models, state.tier) = (models, Some(tier));
				return Some(Some((tier, missing)));
			}
			Some(Some(Err(why))) => {
				running.connection.condemn(format!("could not begin: {why}"));
				return Some(None);
			}
			Some(None) => return Some(None),
			None if shared.state().is_closing => return None,
			None if since.elapsed() > patience => {
				running.connection.condemn(format!("was not ready within {patience:?}"));
				return Some(None);
			}
			None => {}
		}
	}
}

fn tell_of_start(pid: u32, tier: Tier, missing: &[String]) {
	log::info!(target: LOG_TARGET, "🔮 The engine runs in a process of its own, {pid}; kernels: {}", tier.name());
	if let Some(warning) = tier.warning() {
		log::warn!(target: LOG_TARGET, "The engine is slow here: {warning}");
	}
	if !missing.is_empty() {
		log::warn!(
			target: LOG_TARGET,
			"The engine's process is not confined as it could be, since this system lacks: {}",
			missing.join("; "),
		);
	}
}

/// Gives a child the models that the one before had, and lets it be asked.
fn reload(shared: &Shared, connection: &Arc<Connection>) {
	let models = shared.state().models.clone();
	for Kept { files, description, .. } in models {
		let loaded = shared.load(connection, &files);
		let mut state = shared.state();
		let Some(place) = state.models.iter().position(|kept| kept.description == description) else { continue };
		match loaded {
			Ok(_) => state.models[place].deaths = 0,
			Err(LoadError::Engine(EngineError::Process(_))) => {
				state.models[place].deaths += 1;
				if state.models[place].deaths >= DEADLY {
					log::error!(
						target: LOG_TARGET,
						"Model {}: the engine's process ended {DEADLY} times while it loaded this, so it is left out; \
						 start the node again to try once more",
						files.name,
					);
					state.models.remove(place);
				}
				return;
			}
			Err(error) => {
				log::error!(
					target: LOG_TARGET,
					"Model {}: can't be loaded again, so this node abstains from its jobs until it is started again: \
					 {error}",
					files.name,
				);
				state.models.remove(place);
			}
		}
	}
	let mut state = shared.state();
	if !connection.is_over() {
		state.phase = Phase::Up(connection.clone());
	}
	shared.bell.notify_all();
}

/// Waits for a child to end, or to have to; true where it is the engine that ends.
fn watch(shared: &Shared, connection: &Connection) -> bool {
	let Patience { heartbeat, silence, .. } = shared.settings.patience;
	let mut asked: Option<Instant> = None;
	let mut next = Instant::now() + heartbeat;
	loop {
		let state = shared.state();
		if state.is_closing {
			return true;
		}
		if connection.is_over() {
			return false;
		}
		drop(shared.wait(state, next.saturating_duration_since(Instant::now())));
		let now = Instant::now();
		if now < next {
			continue;
		}
		next = now + heartbeat;
		match asked {
			Some(since) if connection.heard() < since => {
				if since.elapsed() > silence {
					connection.condemn(format!("did not answer for {silence:?}"));
				}
			}
			_ => {
				asked = Some(now);
				connection.ping();
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_second_start_should_come_at_once_and_then_ever_later() {
		let patience = Patience::default();
		let pauses: Vec<_> = (1..10).map(|deaths| pause(deaths, &patience).as_secs()).collect();
		assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
		assert_eq!(pause(u32::MAX, &patience).as_secs(), 60);
	}
}

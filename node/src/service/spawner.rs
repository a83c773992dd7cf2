//! Tasks that the node can't do without, which may end when the node does.

use futures::{future::BoxFuture, FutureExt};
use futures_timer::Delay;
use sp_core::traits::SpawnEssentialNamed;
use std::time::Duration;

/// How long a task that has ended waits for the node's own end before it counts as a failure. The tasks of the
/// transaction pool and of the import queue end as soon as nobody has these any more, a moment before they hear that the node ends.
const GRACE: Duration = Duration::from_secs(3);

/// Spawns essential tasks whose end is no failure while the node ends.
#[derive(Clone)]
pub struct PatientSpawner<Spawner>(pub Spawner);

fn patient(task: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
	async {
		task.await;
		Delay::new(GRACE).await;
	}
	.boxed()
}

impl<Spawner: SpawnEssentialNamed + Clone> SpawnEssentialNamed for PatientSpawner<Spawner> {
	fn spawn_essential_blocking(&self, name: &'static str, group: Option<&'static str>, task: BoxFuture<'static, ()>) {
		self.0.spawn_essential_blocking(name, group, patient(task));
	}

	fn spawn_essential(&self, name: &'static str, group: Option<&'static str>, task: BoxFuture<'static, ()>) {
		self.0.spawn_essential(name, group, patient(task));
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use futures::poll;
	use parking_lot::Mutex;
	use std::sync::Arc;

	/// Keeps what it is given.
	#[derive(Clone, Default)]
	struct Kept(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

	impl SpawnEssentialNamed for Kept {
		fn spawn_essential_blocking(&self, _: &'static str, _: Option<&'static str>, task: BoxFuture<'static, ()>) {
			self.0.lock().push(task);
		}

		fn spawn_essential(&self, _: &'static str, _: Option<&'static str>, task: BoxFuture<'static, ()>) {
			self.0.lock().push(task);
		}
	}

	#[test]
	fn a_task_that_ends_fails_a_while_later_so_that_a_node_that_ends_is_told_first() {
		let kept = Kept::default();
		let spawner = PatientSpawner(kept.clone());
		spawner.spawn_essential("a", None, async {}.boxed());
		spawner.spawn_essential_blocking("b", None, async {}.boxed());
		let tasks = std::mem::take(&mut *kept.0.lock());
		assert_eq!(tasks.len(), 2);
		futures::executor::block_on(async {
			for mut task in tasks {
				assert!(poll!(&mut task).is_pending(), "it has ended, and waits");
				task.await;
			}
		});
	}
}

//! Panics of third parties' code end the inference, and not the node.
//!
//! The SDK's panic hook ends the process in every thread that holds no [`AbortGuard`], before anything is unwound. A job
//! that makes the engine panic does so on all of its seats, so it would take all of them down.

use sp_panic_handler::AbortGuard;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs what may panic; the panic's message where it does. Nothing that it leaves half done may be used.
pub fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
	let _unwind = AbortGuard::force_unwind();
	catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
		let text = panic.downcast_ref::<&str>().copied();
		text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").into()
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::{
		engine_service::tests::abstention_of_a_panicking_engine,
		installed_models::{load_guarded, LoadError, ModelSource, Stamp},
		mock::fake_revision,
	};
	use sibyl_engine::ModelDescription;
	use sibyl_primitives::{job::AbstainReason, model::ModelRevision, Hash};
	use std::process::Command;

	/// Set in the process that has the SDK's hook.
	const IN_CHILD: &str = "SIBYL_TEST_WITH_PANIC_HOOK";

	/// Runs a test again, in a process of its own with the SDK's hook, which is the whole process's.
	fn with_the_hook(test: &str, body: impl FnOnce()) {
		if std::env::var_os(IN_CHILD).is_some() {
			sp_panic_handler::set("nobody", "0");
			body();
			println!("the process lives");
			return;
		}
		let program = std::env::current_exe().expect("this program has a path");
		let name = format!("{}::{test}", module_path!().split_once("::").expect("it is in a crate").1);
		let mut command = Command::new(program);
		let output =
			command.args(["--exact", &name, "--nocapture"]).env(IN_CHILD, "1").output().expect("it can be run");
		let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
		assert!(output.status.success() && said.contains("the process lives"), "{said}\n{errors}");
		assert!(errors.contains("on purpose"), "the hook was there: {errors}");
	}

	#[test]
	fn a_panicking_engine_abstains_and_the_process_lives() {
		with_the_hook("a_panicking_engine_abstains_and_the_process_lives", || {
			assert_eq!(abstention_of_a_panicking_engine(), AbstainReason::EngineFailed);
		});
	}

	struct PanickingLoader;

	impl ModelSource for PanickingLoader {
		fn has(&self, _: &Hash) -> bool {
			true
		}

		fn stamp(&self, _: &Hash) -> Option<Stamp> {
			None
		}

		fn load(&self, _: &ModelRevision) -> Result<ModelDescription, LoadError> {
			panic!("on purpose")
		}

		fn unload(&self, _: &Hash) {}
	}

	#[test]
	fn a_panicking_loader_is_an_error_and_the_process_lives() {
		with_the_hook("a_panicking_loader_is_an_error_and_the_process_lives", || {
			let loaded = std::thread::spawn(|| load_guarded(&PanickingLoader, &fake_revision()));
			let loaded = loaded.join().expect("the thread ends without a panic");
			assert!(matches!(&loaded, Err(LoadError::Panicked(text)) if text == "on purpose"), "{loaded:?}");
		});
	}

	#[test]
	fn what_does_not_panic_is_passed_on_and_messages_of_both_kinds_are_kept() {
		assert_eq!(catch(|| 7), Ok(7));
		assert_eq!(catch(|| -> u8 { panic!("on purpose") }), Err("on purpose".into()));
		assert_eq!(catch(|| -> u8 { panic!("{}", 7) }), Err("7".into()));
	}
}

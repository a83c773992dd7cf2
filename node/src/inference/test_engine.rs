//! The engine of tests, in a process of its own: this program, run again.

use sibyl_engine_process::{
	child::{self, LocalHost},
	EngineProcess, Settings,
};
use std::sync::Arc;

/// Set in the engine's process.
const IN_CHILD: &str = "SIBYL_TEST_ENGINE_PROCESS";

/// Not a test: what the process runs.
#[test]
fn child() {
	if std::env::var_os(IN_CHILD).is_some() {
		child::run(LocalHost::new).expect("the parent ends it");
	}
}

/// An engine whose process is started when it is needed, and ends with it.
pub fn engine_process() -> Arc<EngineProcess> {
	let (_, module) = module_path!().split_once("::").expect("it is in a crate");
	let mut settings = Settings::this_program(&[]);
	let program = settings.program;
	settings.program = Box::new(move || {
		let mut command = program();
		command.args(["--exact", &format!("{module}::child"), "--nocapture"]).env(IN_CHILD, "1");
		command
	});
	Arc::new(EngineProcess::new(settings).expect("its thread starts"))
}

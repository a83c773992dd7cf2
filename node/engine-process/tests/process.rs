//! Engines that misbehave, in real processes.

mod common;

use common::{
	answer_of, engine, engine_with, has_ended, is_alive, kill, patient, process_error, question, wait_until, Model,
	OTHER_PARENT,
};
use sibyl_engine::{testing::FakeEngine, Engine, EngineError, Refusal, Request};
use sibyl_engine_process::{EngineProcess, LoadError, Patience, ProcessState, Settings};
use std::{
	io::{BufRead, BufReader},
	process::{Command, Stdio},
	sync::Arc,
	thread,
	time::Duration,
};

/// Not a test: what the processes are that other tests start.
#[test]
fn child() {
	common::be_a_child();
}

/// Not a test: a parent that is killed.
#[test]
fn other_parent() {
	if std::env::var_os(OTHER_PARENT).is_some() {
		let engine = engine();
		engine.start().expect("it starts");
		eprintln!("child {}", engine.pid().expect("there is one"));
		let _ = engine.infer(&question("spin"));
	}
}

#[test]
fn a_question_should_be_answered_as_the_engine_in_the_child_answers_it() {
	let engine = engine();
	let fake = FakeEngine::new();
	for input in ["a", "b", ""] {
		assert_eq!(engine.infer(&question(input)), fake.infer(&question(input)));
	}
	assert_eq!(engine.models(), fake.models());
	assert_eq!(engine.infer(&question("")).expect("a refusal is an outcome").outcome, Err(Refusal::EmptyInput));
	let unknown = Request { model: [1; 32], ..question("a") };
	assert_eq!(engine.infer(&unknown), Err(EngineError::UnknownModel([1; 32])));
}

#[test]
fn many_should_be_answered_at_once_and_out_of_order() {
	let engine = Arc::new(engine());
	let (slow, of_slow) = (question("wait"), engine.clone());
	let stop = slow.stop.clone();
	let slow = thread::spawn(move || of_slow.infer(&slow));
	let quick: Vec<_> = (0..40)
		.map(|n| {
			let engine = engine.clone();
			thread::spawn(move || (n, engine.infer(&question(&n.to_string()))))
		})
		.collect();
	for quick in quick {
		let (n, inference) = quick.join().expect("it does not panic");
		assert_eq!(inference, FakeEngine::new().infer(&question(&n.to_string())));
	}
	stop.stop();
	assert_eq!(slow.join().expect("it does not panic"), Err(EngineError::Stopped));
	let unwanted = question("a");
	unwanted.stop.stop();
	assert_eq!(engine.infer(&unwanted), Err(EngineError::Stopped));
}

#[test]
fn a_panic_should_end_its_question_and_nothing_else() {
	let engine = engine();
	answer_of(&engine, "a");
	let pid = engine.pid();
	assert_eq!(engine.infer(&question("panic")), Err(EngineError::Panicked("on purpose".into())));
	answer_of(&engine, "b");
	assert_eq!(engine.pid(), pid);
}

#[test]
fn what_ends_the_child_should_end_what_runs_in_it_and_the_next_should_have_the_same_models() {
	let engine = Arc::new(engine_with(|settings| settings.memory = Some(256 << 20)));
	let model = Model::new("a model");
	let loaded = engine.load(&model.files).expect("it is loaded");
	let ends = [
		("abort", "was killed by signal 6"),
		("exit 101", "exited with code 101"),
		("eat", "ran out of the memory that it may take"),
		("overflow", "overflowed its stack"),
		("garbage", "broke the protocol by a message that can't be read"),
		("too long", "broke the protocol by a message of 4294967295 bytes"),
		("wrong id", "broke the protocol by an answer that nobody asked for"),
	];
	for (input, reason) in ends {
		answer_of(&engine, "a");
		let pid = engine.pid();
		let beside = engine.clone();
		let beside = thread::spawn(move || beside.infer(&question("wait")));
		let error = process_error(engine.infer(&question(&format!("beside {input}"))));
		assert!(error.contains(reason), "{input}: {error}");
		assert_eq!(process_error(beside.join().expect("it does not panic")), error, "what ran beside it");
		let of_model = Request { model: model.files.files[0].sha256, ..question("a") };
		engine.infer(&of_model).expect("the next child has the model");
		assert_ne!(engine.pid(), pid);
		assert!(engine.models().contains(&loaded));
	}
}

#[test]
fn a_child_that_is_killed_in_the_middle_of_a_question_should_be_followed_by_another() {
	let engine = Arc::new(engine());
	let running = engine.clone();
	let running = thread::spawn(move || running.infer(&question("spin")));
	answer_of(&engine, "beside a");
	let pid = engine.pid().expect("there is one");
	kill(pid, "KILL");
	assert_eq!(process_error(running.join().expect("it does not panic")), "was killed by signal 9");
	answer_of(&engine, "a");
	assert!(!is_alive(pid), "it is reaped");
	let status = engine.status();
	assert_eq!((status.ends, status.last_end.as_deref()), (1, Some("was killed by signal 9")));
	assert_eq!((status.state, status.pid), (ProcessState::Running, engine.pid()));
}

#[test]
fn a_child_that_does_not_stop_a_question_should_be_killed() {
	let engine = engine_with(|settings| settings.patience.grace = Duration::from_millis(100));
	let spinning = question("spin");
	let error = thread::scope(|scope| {
		let running = scope.spawn(|| engine.infer(&spinning));
		answer_of(&engine, "beside a");
		spinning.stop.stop();
		running.join().expect("it does not panic")
	});
	assert_eq!(process_error(error), "did not stop an inference within 100ms");
	answer_of(&engine, "b");
}

#[test]
fn a_question_that_runs_too_long_should_be_stopped_or_the_child_killed() {
	let engine = engine_with(|settings| {
		settings.patience.longest_run = Duration::from_millis(300);
		settings.patience.grace = Duration::from_millis(100);
	});
	answer_of(&engine, "a");
	let pid = engine.pid();
	let error = process_error(engine.infer(&question("wait")));
	assert_eq!(error, "needed more than 300ms for an inference, which was stopped");
	assert_eq!(engine.pid(), pid, "it has obeyed");
	assert_eq!(process_error(engine.infer(&question("spin"))), "did not stop an inference within 100ms");
	answer_of(&engine, "b");
	assert_ne!(engine.pid(), pid);
}

#[test]
fn a_child_that_stands_still_should_be_killed() {
	let engine = engine_with(|settings| settings.patience.silence = Duration::from_secs(1));
	answer_of(&engine, "a");
	let pid = engine.pid().expect("there is one");
	kill(pid, "STOP");
	assert_eq!(process_error(engine.infer(&question("a"))), "did not answer for 1s");
	answer_of(&engine, "b");
	assert!(!is_alive(pid));
}

#[test]
fn a_loader_that_crashes_should_be_an_error_and_the_next_model_be_loaded() {
	let engine = engine();
	for (content, expected) in [("panic", "the engine panicked: on purpose"), ("abort", "was killed by signal 6")] {
		let error = engine.load(&Model::new(content).files).expect_err("it crashes").to_string();
		assert!(error.contains(expected), "{content}: {error}");
	}
	let model = Model::new("a model");
	let loaded = engine.load(&model.files).expect("it is loaded");
	assert_eq!(engine.load(&model.files).expect("it is there"), loaded);
	engine.unload(&model.files.files[0].sha256);
	let gone = Request { model: model.files.files[0].sha256, ..question("a") };
	assert!(matches!(engine.infer(&gone), Err(EngineError::UnknownModel(_))));
}

#[test]
fn what_a_loader_refuses_should_be_told_apart() {
	let engine = engine();
	let absent = Model::new("x");
	std::fs::remove_file(&absent.files.files[0].path).expect("it can be removed");
	assert!(matches!(engine.load(&absent.files), Err(LoadError::File { .. })));
	let memory = engine.load(&Model::new("large").files);
	assert!(matches!(memory, Err(LoadError::Memory { needed: 2, available: 1 })), "{memory:?}");
	let other = engine.load(&Model::new("another").files).expect_err("it is another").to_string();
	assert!(other.contains("another model than it was asked for"), "{other}");
	answer_of(&engine, "a");
}

#[test]
fn a_model_that_each_new_child_dies_of_should_be_left_out_and_the_others_stay() {
	let engine = engine();
	let (deadly, other) = (Model::new("a model"), Model::new("another one"));
	for model in [&deadly, &other] {
		engine.load(&model.files).expect("it is loaded");
	}
	deadly.rewrite("abort");
	process_error(engine.infer(&question("abort")));
	let of = |model: &Model| Request { model: model.files.files[0].sha256, ..question("a") };
	engine.infer(&of(&other)).expect("it is there again");
	assert!(matches!(engine.infer(&of(&deadly)), Err(EngineError::UnknownModel(_))));
	assert_eq!(engine.models().len(), 2);
}

#[test]
fn a_child_that_never_gets_ready_should_be_an_error_that_says_why() {
	let start = |program: &'static str, argument: &'static str| {
		let settings = Settings {
			program: Box::new(move || {
				let mut command = Command::new(program);
				command.arg(argument);
				command
			}),
			patience: Patience {
				start: Duration::from_millis(200),
				first_pause: Duration::from_secs(3600),
				longest_pause: Duration::from_secs(3600),
				..patient()
			},
			..Settings::this_program(&[])
		};
		let engine = EngineProcess::new(settings).expect("its thread starts");
		process_error(engine.start())
	};
	assert!(start("/no/such/program", "").contains("can't be started"));
	assert!(start("/bin/sleep", "1000").contains("was not ready within 200ms"));
	assert!(start("/bin/sleep", "no number").contains("exited with code 1"));
	// It does not understand what it is told.
	assert!(start("/bin/sh", "-c").contains("exited with code 2"));
}

#[test]
fn a_dropped_engine_should_leave_no_process_behind() {
	drop(engine());
	for stands_still in [false, true] {
		let engine = engine_with(|settings| settings.patience.end = Duration::from_millis(200));
		engine.start().expect("it starts");
		let pid = engine.pid().expect("there is one");
		if stands_still {
			kill(pid, "STOP");
		}
		drop(engine);
		assert!(!is_alive(pid));
	}
}

#[test]
fn a_child_should_end_with_its_parent() {
	let mut parent = Command::new(std::env::current_exe().expect("this program has a path"))
		.args(["--exact", "other_parent", "--nocapture"])
		.env(OTHER_PARENT, "1")
		.stdout(Stdio::null())
		.stderr(Stdio::piped())
		.spawn()
		.expect("it can be run");
	let mut lines = BufReader::new(parent.stderr.take().expect("it is piped")).lines();
	let pid = lines.find_map(|line| line.expect("it can be read").strip_prefix("child ")?.parse().ok());
	let pid = pid.expect("it says so");
	assert!(is_alive(pid));
	parent.kill().expect("it can be killed");
	parent.wait().expect("it ends");
	wait_until("the child is gone", || has_ended(pid));
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_should_have_no_files_no_network_and_no_other_programs() {
	let engine = engine();
	let signal = format!("signal {}", std::process::id());
	let acts = ["open /etc/passwd", "open /proc/self/environ", "write", "connect", "listen", "execute", &signal];
	for what in acts {
		let answer = answer_of(&engine, what);
		assert!(answer.starts_with("refused: "), "{what}: {answer}");
	}
	assert_eq!(answer_of(&engine, "memory"), "1048576");
}

/// Prints what a question costs beside the engine's own time.
#[test]
#[ignore = "a measurement, which wants a machine that does nothing else"]
fn what_a_question_costs() {
	const QUESTIONS: u32 = 5_000;
	let time_of = |engine: &dyn Engine| {
		let start = std::time::Instant::now();
		for n in 0..QUESTIONS {
			engine.infer(&question(&n.to_string())).expect("it is answered");
		}
		start.elapsed() / QUESTIONS
	};
	let engine = engine();
	answer_of(&engine, "a");
	println!("{:?} a question in the child, {:?} in this process", time_of(&engine), time_of(&FakeEngine::new()));
}

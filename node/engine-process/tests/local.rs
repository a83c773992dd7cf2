//! The engine that nodes run, in a real process: its answers are those of the same engine in this one.

use sibyl_engine::{
	store::{known, ModelStore, VerifiedFile},
	Architecture, CheckedFile, Engine, EngineError, Limits, LocalEngine, Request, COMMON_LINGUA,
};
use sibyl_engine_process::{
	child::{self, LocalHost},
	EngineProcess, LoadError, ModelFiles, NamedFile, Settings,
};
use std::{
	fs::{self, DirEntry},
	io,
	path::PathBuf,
	thread,
};

/// Set in a child.
const IN_CHILD: &str = "SIBYL_TEST_LOCAL_CHILD";

const CONTEXT: u32 = 512;

/// Not a test: what the processes are that the tests start.
#[test]
fn child() {
	if std::env::var_os(IN_CHILD).is_some() {
		child::run(LocalHost::new).expect("the parent ends it");
	}
}

fn engine(memory: Option<u64>) -> EngineProcess {
	engine_with(|settings| settings.memory = memory)
}

fn engine_with(change: impl FnOnce(&mut Settings)) -> EngineProcess {
	let mut settings = Settings::this_program(&["--exact", "child", "--nocapture"]);
	let program = settings.program;
	settings.program = Box::new(move || {
		let mut command = program();
		command.env(IN_CHILD, "1");
		command
	});
	change(&mut settings);
	EngineProcess::new(settings).expect("its thread starts")
}

fn question(model: [u8; 32], input: &str) -> Request {
	Request::new(model, input, Limits { max_input_bytes: 4096, max_output_units: 16 })
}

/// A model that is installed on this machine; none, with a word about it, where it is not.
fn installed(name: &str, architecture: Architecture) -> Option<ModelFiles> {
	let folder = std::env::var_os("SIBYL_MODELS").map(PathBuf::from);
	let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/sibyl/models")))?;
	let store = ModelStore::new(folder);
	let known = known::ALL.iter().find(|known| known.name == name).expect("this release knows it");
	let hashes: Vec<_> = known.files().map(|file| file.sha256).collect();
	if !hashes.iter().all(|sha256| store.contains(sha256)) {
		assert!(std::env::var_os("SIBYL_REQUIRE_MODELS").is_none(), "{name} is not installed: make models");
		println!("{name}: SKIPPED, not installed in $SIBYL_MODELS or ~/.cache/sibyl/models");
		return None;
	}
	let files = hashes.iter().map(|sha256| NamedFile { path: store.path(sha256), sha256: sha256.0 }).collect();
	Some(ModelFiles { name: name.into(), architecture, files, context: CONTEXT })
}

/// The same model in this process.
fn loaded_here(model: &ModelFiles) -> LocalEngine {
	let engine = LocalEngine::new(1);
	let contents: Vec<_> = model.files.iter().map(|file| fs::read(&file.path).expect("it can be read")).collect();
	let files = contents.iter().zip(&model.files).map(|(content, file)| CheckedFile::check(content, file.sha256));
	let files: Vec<_> = files.collect::<Result<_, _>>().expect("they are not damaged");
	engine.load(&model.name, model.architecture, &files).expect("it is a model");
	engine
}

#[test]
fn the_compiled_in_model_should_be_there_and_say_the_same() {
	let (engine, here) = (engine(None), LocalEngine::embedded(1).expect("it is compiled in"));
	for text in ["Der Hund schläft im Garten.", "The weather is lovely today.", ""] {
		let question = question(COMMON_LINGUA, text);
		assert_eq!(engine.infer(&question), here.infer(&question), "{text}");
	}
	assert_eq!(engine.models(), here.models());
	assert_eq!(engine.status().tier, Some(here.tier()));
}

#[test]
fn installed_models_should_say_the_same_also_several_at_once_and_after_a_crash() {
	let engine = engine(Some(4 << 30));
	for (name, architecture) in [("smollm2", Architecture::Llama), ("minilm", Architecture::Bert)] {
		let Some(model) = installed(name, architecture) else { continue };
		let here = loaded_here(&model);
		assert_eq!(vec![engine.load(&model).expect("it is loaded")], here.models());
		let ask = |text: &str| {
			let question = question(model.files[0].sha256, text);
			let expected = here.infer(&question);
			assert_eq!(engine.infer(&question), expected, "{name}: {text}");
			let claiming = Request { claim: "The capital of France is Paris.".into(), ..question };
			assert_eq!(engine.infer(&claiming), expected, "{name}: {text}, with a claim");
		};
		let ask = &ask;
		thread::scope(|scope| {
			for text in ["What is the capital of France?", "Once upon a time", ""] {
				scope.spawn(move || ask(text));
			}
		});
		let pid = engine.pid().expect("there is a child");
		let killed = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
		assert!(killed.expect("there is a kill").success());
		// What is asked before the end is seen ends with it.
		while engine.pid() == Some(pid) {
			thread::yield_now();
		}
		ask("Hello");
	}
}

#[test]
fn a_damaged_file_and_one_that_does_not_fit_should_be_refused() {
	let engine = engine(Some(96 << 20));
	let file = tempfile::NamedTempFile::new().expect("a file can be made");
	fs::write(file.path(), "GGUF and no more").expect("it can be written");
	let model = |sha256| ModelFiles {
		name: "x".into(),
		architecture: Architecture::Llama,
		files: vec![NamedFile { path: file.path().into(), sha256 }],
		context: CONTEXT,
	};
	let refused = engine.load(&model([7; 32])).expect_err("its hash differs");
	let LoadError::Engine(EngineError::HashMismatch { actual, expected: [7, ..] }) = refused else {
		panic!("{refused}")
	};
	let refused = engine.load(&model(actual)).expect_err("it is no model");
	assert!(matches!(refused, LoadError::Engine(EngineError::InvalidModel(_))), "{refused}");

	let Some(smollm2) = installed("smollm2", Architecture::Llama) else { return };
	let refused = engine.load(&smollm2).expect_err("it takes more than the process may");
	assert!(matches!(refused, LoadError::Memory { available, .. } if available < 96 << 20), "{refused}");
	engine.infer(&question(COMMON_LINGUA, "a")).expect("it has not died of that");
}

#[test]
fn memory_should_be_counted_for_all_that_may_run_at_once() {
	// A model of some kilobytes, which lacks a tokenizer: what it needs is for the tokens of its requests.
	let path = fs::canonicalize("../engine/fuzz/seeds/language_model/llama-q4_0").expect("it is committed");
	let file = VerifiedFile::open(&path, &mut |_, _| ()).expect("it can be read");
	let files = vec![NamedFile { path, sha256: file.sha256().0 }];
	let model = ModelFiles { name: "tiny".into(), architecture: Architecture::Llama, files, context: CONTEXT };
	let refused = |memory, places| {
		let engine = engine_with(|settings| (settings.memory, settings.places) = (Some(memory), places));
		engine.load(&model).expect_err("it does not fit, or is no model")
	};
	let needed = |places| match refused(400 << 20, places) {
		LoadError::Memory { needed, .. } => needed,
		other => panic!("{other}"),
	};
	assert!(needed(1) > 512 << 20, "what requests keep of their tokens together");
	assert!(needed(64) > needed(1), "each chooses among the tokens");
	let refused = refused(1 << 30, 1);
	assert!(matches!(refused, LoadError::Engine(EngineError::InvalidModel(_))), "{refused}");
}

#[test]
fn the_number_of_threads_should_reach_the_engine() {
	let Some(smollm2) = installed("smollm2", Architecture::Llama) else { return };
	let engine = engine_with(|settings| settings.threads = 3);
	engine.load(&smollm2).expect("it is loaded");
	engine.infer(&question(smollm2.files[0].sha256, "Hi")).expect("it is answered");
	let tasks = format!("/proc/{}/task", engine.pid().expect("there is a child"));
	let name = |task: io::Result<DirEntry>| {
		// A thread may end meanwhile.
		fs::read_to_string(task.expect("it can be listed").path().join("comm")).unwrap_or_default()
	};
	let names: Vec<_> = fs::read_dir(tasks).expect("it can be listed").map(name).collect();
	let workers = names.iter().filter(|name| name.trim() == "sibyl-engine").count();
	assert_eq!(workers, 2, "beside the one that leads: {names:?}");
}

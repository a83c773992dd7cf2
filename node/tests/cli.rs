//! Drives the built program as a user would, mostly wrongly.

mod common;

use common::{ended_in_time, fails_saying, folder, run, sibyl, succeeds};
use std::{
	io::{BufRead, BufReader},
	net::{Ipv4Addr, TcpListener},
	os::unix::fs::PermissionsExt,
	path::Path,
	process::{Command, Stdio},
};

/// Arguments of a development node that gets in no other's way.
fn dev_node(base_path: &Path) -> Command {
	let mut command = sibyl();
	command.arg("--base-path").arg(base_path).args([
		"--dev",
		"--listen-addr=/ip4/127.0.0.1/tcp/0",
		"--rpc-port=0",
		"--no-prometheus",
		"--no-telemetry",
		"--no-mdns",
	]);
	command
}

/// Runs a development node until it has imported so many blocks at least, then ends it. A killed one might not have written
/// the last ones.
fn make_blocks(base_path: &Path, count: u32) {
	let mut node = dev_node(base_path).stderr(Stdio::piped()).spawn().expect("the node starts");
	let in_time = ended_in_time(node.id());
	let log = BufReader::new(node.stderr.take().expect("the log is piped"));
	let last = format!("Imported #{count} ");
	let mut lines = log.lines().map_while(Result::ok);
	let seen = lines.by_ref().any(|line| line.contains(&last));
	assert!(seen, "the node ended, or had no block {count} in time");
	fails_saying(
		sibyl().args(["chain-info", "--chain", "dev", "--base-path"]).arg(base_path),
		&["in use", "--base-path"],
	);
	fails_saying(&mut dev_node(base_path), &["in use", "--base-path"]);
	fails_saying(
		sibyl().args(["purge-chain", "-y", "--chain", "dev", "--base-path"]).arg(base_path),
		&["in use", "--base-path"],
	);
	let asked = Command::new("sh").args(["-c", &format!("kill {}", node.id())]).status().expect("there is a shell");
	assert!(asked.success(), "the node can be asked to end");
	let last: Vec<_> = lines.collect();
	assert!(last.iter().any(|line| line.contains("Stopping, since SIGTERM")), "it says why it stops: {last:#?}");
	assert!(!last.iter().any(|line| line.contains("Essential task")), "nothing fails: {last:#?}");
	assert!(node.wait().expect("the node ends").success(), "the node ends well when asked to");
	drop(in_time);
}

#[test]
fn a_folder_of_models_that_is_not_there_is_named_with_the_command_that_makes_it() {
	let folder = folder();
	let nowhere = folder.path().join("nowhere").display().to_string();
	let mut node = dev_node(folder.path());
	let mut node = node.args(["--models-path", &nowhere]).stderr(Stdio::piped()).spawn().expect("the node starts");
	let _in_time = ended_in_time(node.id());
	let log = BufReader::new(node.stderr.take().expect("the log is piped"));
	let until_it_runs = log.lines().map_while(Result::ok).take_while(|line| !line.contains("Imported #1 "));
	let said: Vec<_> = until_it_runs.filter(|line| line.contains(&nowhere)).collect();
	node.kill().and_then(|()| node.wait()).expect("the node can be killed");
	let [line] = &said[..] else { panic!("one line names it: {said:#?}") };
	assert!(line.contains(&format!("models install all --models-path {nowhere}'")), "{line}");
}

#[test]
fn an_unknown_chain_is_refused_with_the_names_of_the_known_ones() {
	fails_saying(sibyl().args(["--chain", "mainnet"]), &["'mainnet'", "dev, local and testnet"]);
	fails_saying(sibyl().args(["export-chain-spec", "--chain", "mainnet"]), &["'mainnet'", "dev, local and testnet"]);
}

#[test]
fn a_broken_chain_spec_is_refused_by_its_path() {
	let folder = folder();
	let spec = folder.path().join("broken.json");
	for content in ["", "{ \"name\": ", "{}", "not JSON", "[1, 2]"] {
		std::fs::write(&spec, content).expect("the file can be written");
		fails_saying(sibyl().arg("--chain").arg(&spec), &["broken.json", "broken or not a chain spec"]);
	}
}

#[test]
fn an_unreadable_chain_spec_is_refused_by_its_path() {
	let folder = folder();
	fails_saying(sibyl().arg("--chain").arg(folder.path()), &[&folder.path().display().to_string(), "is a folder"]);
}

#[test]
fn a_port_in_use_is_refused_with_the_flag_that_changes_it() {
	let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
	let port = other.local_addr().expect("a bound socket has an address").port();
	let address = format!("127.0.0.1:{port}");
	let folder = folder();
	let node = |arguments: &[String]| {
		let mut command = sibyl();
		command.arg("--base-path").arg(folder.path()).args(["--dev", "--no-mdns"]).args(arguments);
		command
	};
	let (p2p, rpc) = ("--listen-addr=/ip4/127.0.0.1/tcp/0".to_string(), "--rpc-port=0".to_string());
	fails_saying(
		&mut node(&[format!("--listen-addr=/ip4/127.0.0.1/tcp/{port}"), rpc.clone(), "--no-prometheus".into()]),
		&[&address, "in use", "--port"],
	);
	fails_saying(
		&mut node(&[p2p.clone(), format!("--rpc-port={port}"), "--no-prometheus".into()]),
		&[&address, "in use", "--rpc-port"],
	);
	fails_saying(
		&mut node(&[p2p, rpc, format!("--prometheus-port={port}")]),
		&[&address, "in use", "--prometheus-port"],
	);
}

#[test]
fn a_base_path_that_cannot_be_written_is_refused_by_its_name() {
	let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
	let below = file.path().join("base");
	fails_saying(&mut dev_node(&below), &[&below.display().to_string(), "--base-path"]);
	// The default one is below the user's home.
	fails_saying(
		sibyl().args(["--chain", "local"]).env("HOME", file.path()).env_remove("XDG_DATA_HOME"),
		&[&file.path().display().to_string(), "--base-path"],
	);
}

#[test]
fn no_model_and_some_models_at_a_time_are_refused() {
	let folder = folder();
	for models in ["common-lingua,none", "none,common-lingua"] {
		fails_saying(dev_node(folder.path()).args(["--models", models]), &["'common-lingua'", "'none'"]);
	}
}

#[test]
fn a_validator_without_a_node_key_is_told_the_command_that_makes_one_and_it_works() {
	let folder = folder();
	let base_path = folder.path().display().to_string();
	let make_one = format!("key generate-node-key --base-path {base_path} --chain local");
	fails_saying(
		sibyl().args(["--validator", "--chain", "local", "--base-path", &base_path]),
		&["node key", "secret_ed25519", &make_one],
	);
	succeeds(sibyl().args(make_one.split(' ')));
	let key = folder.path().join("chains/sibyl_local/network/secret_ed25519");
	let made = std::fs::metadata(&key).expect("the command has made it");
	assert_eq!(made.permissions().mode() & 0o777, 0o600, "others can't read it");
}

#[test]
fn a_validator_in_a_temporary_folder_is_told_how_to_get_a_node_key() {
	fails_saying(
		sibyl().args(["--validator", "--chain", "local", "--tmp"]),
		&["--tmp", "--base-path", "--unsafe-force-node-key-generation"],
	);
}

#[test]
fn unknown_flags_and_values_are_refused_without_starting_anything() {
	for arguments in [
		vec!["--no-such-flag"],
		vec!["no-such-command"],
		vec!["--rpc-port", "seventy"],
		vec!["revert", "x"],
		vec!["--inference-threads", "0"],
		vec!["--inference-queue", "0"],
		vec!["--inference-queue", "4097"],
		vec!["--inference-job-timeout", "soon"],
		vec!["--inference-memory", "255"],
	] {
		let output = run(sibyl().args(&arguments));
		let text = String::from_utf8_lossy(&output.stderr);
		assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
		assert!(text.starts_with("Error: ") && text.lines().count() == 1, "{arguments:?}: {text}");
		assert!(text.trim_end().ends_with(" --help'"), "{arguments:?}: {text}");
	}
}

#[test]
fn the_engines_own_sub_command_is_hidden_and_no_use_by_hand() {
	assert!(!succeeds(sibyl().arg("--help")).contains("engine-process"));
	fails_saying(sibyl().arg("engine-process"), &["the node's own sub-command", "start the node"]);
}

#[test]
fn keys_are_made_inspected_and_inserted() {
	let made = succeeds(sibyl().args(["key", "generate", "--scheme", "ed25519", "--output-type", "json"]));
	assert!(made.contains("\"ss58Address\"") && made.contains("\"secretPhrase\""), "{made}");
	let inspected = succeeds(sibyl().args(["key", "inspect", "//Alice"]));
	assert!(inspected.contains("0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"), "{inspected}");

	let folder = folder();
	succeeds(
		sibyl()
			.args([
				"key",
				"insert",
				"--chain",
				"local",
				"--scheme",
				"ed25519",
				"--key-type",
				"infr",
				"--suri",
				"//Dave",
			])
			.arg("--base-path")
			.arg(folder.path()),
	);
	let keystore = folder.path().join("chains/sibyl_local/keystore");
	let names: Vec<_> = std::fs::read_dir(keystore)
		.expect("the keystore exists")
		.map(|entry| entry.expect("its entries can be read").file_name().into_string().expect("hex names"))
		.collect();
	assert_eq!(names.len(), 1);
	assert!(names[0].starts_with(&hex_of(b"infr")), "{names:?}");
}

#[test]
fn a_key_that_would_sign_otherwise_or_nothing_is_refused() {
	let folder = folder();
	let insert = |arguments: &[&str]| {
		let mut command = sibyl();
		command.args(["key", "insert", "--chain", "local", "--suri", "//Dave", "--base-path"]).arg(folder.path());
		command.args(arguments);
		command
	};
	for (key_type, wrong, right) in [
		("infr", "sr25519", "ed25519"),
		("gran", "sr25519", "ed25519"),
		("babe", "ed25519", "sr25519"),
		("audi", "ecdsa", "sr25519"),
	] {
		fails_saying(
			&mut insert(&["--key-type", key_type, "--scheme", wrong]),
			&[key_type, wrong, &format!("--scheme {right}")],
		);
	}
	fails_saying(&mut insert(&["--key-type", "xyz1"]), &["xyz1", "--key-type"]);
	assert!(!folder.path().join("chains").exists(), "nothing was written");
	succeeds(&mut insert(&["--key-type", "gran"]));
}

#[test]
fn commands_that_need_a_node_say_where_none_is() {
	let none = "--url=ws://127.0.0.1:1";
	fails_saying(sibyl().args(["status", none]), &["127.0.0.1:1", "--url"]);
	for command in ["setup", "rotate", "drain", "payout", "leave"] {
		fails_saying(sibyl().args(["validator", command, none]), &["127.0.0.1:1", "--url"]);
	}
}

fn hex_of(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_test_networks_committed_spec_is_what_its_name_loads() {
	let exported = succeeds(sibyl().args(["export-chain-spec", "--chain", "testnet", "--raw"]));
	let committed = include_str!("../../chain-specs/testnet.raw.json");
	let parsed = |json: &str| serde_json::from_str::<serde_json::Value>(json.trim()).expect("a spec is JSON");
	assert_eq!(parsed(&exported), parsed(committed));
}

/// The state of a genesis, without the runtime's code.
fn genesis_without_code(spec: &str) -> serde_json::Value {
	let mut spec: serde_json::Value = serde_json::from_str(spec.trim()).expect("a spec is JSON");
	let state = spec["genesis"]["raw"]["top"].as_object_mut().expect("a raw spec has a state");
	// `:code`.
	assert!(state.remove("0x3a636f6465").is_some(), "a runtime is there");
	spec["genesis"]["raw"].take()
}

#[test]
fn the_test_networks_committed_state_is_what_the_programs_runtime_makes_of_its_configuration() {
	let made = succeeds(sibyl().args(["export-chain-spec", "--chain", "testnet-staging", "--raw"]));
	let committed = include_str!("../../chain-specs/testnet.raw.json");
	let (made, committed) = (genesis_without_code(&made), genesis_without_code(committed));
	let [made_top, committed_top] = [&made, &committed].map(|state| state["top"].as_object().expect("a state"));
	let differ: Vec<_> = made_top
		.keys()
		.chain(committed_top.keys())
		.filter(|key| made_top.get(*key) != committed_top.get(*key))
		.collect();
	assert!(differ.is_empty(), "`make chain-specs` is to be run: {differ:?}");
	assert_eq!(made, committed);
}

#[test]
fn blocks_are_exported_imported_checked_reverted_and_purged() {
	let (folder, other) = (folder(), folder());
	let base_path = folder.path();
	make_blocks(base_path, 4);
	let on = |command: &str, base_path: &Path| {
		let mut sibyl = sibyl();
		sibyl.arg(command).args(["--chain", "dev", "--base-path"]).arg(base_path);
		sibyl
	};

	let best = |base_path| {
		let info = succeeds(&mut on("chain-info", base_path));
		let info: serde_json::Value = serde_json::from_str(&info).expect("chain-info prints JSON");
		info["best_number"].as_u64().expect("a block's number")
	};
	assert!(best(base_path) >= 4);

	succeeds(on("check-block", base_path).arg("3"));
	fails_saying(on("check-block", base_path).arg("3000"), &["Unknown block"]);

	let blocks = base_path.join("blocks");
	let said = succeeds(on("export-blocks", base_path).args(["--from=1", "--to=4", "--binary"]).arg(&blocks));
	assert!(!said.contains("Essential task"), "{said}");
	succeeds(on("import-blocks", other.path()).arg("--binary").arg(&blocks));
	assert_eq!(best(other.path()), 4);

	let said = succeeds(on("revert", other.path()).arg("2"));
	assert!(!said.contains("Essential task"), "{said}");
	assert_eq!(best(other.path()), 2);

	succeeds(on("purge-chain", base_path).arg("-y"));
	let database = base_path.join("chains/sibyl_dev/paritydb");
	assert!(!database.exists(), "the database should be gone");
	for command in [&["chain-info"][..], &["export-blocks"], &["check-block", "1"], &["revert", "1"]] {
		fails_saying(on(command[0], base_path).args(&command[1..]), &["there is no database at", "--base-path"]);
		assert!(!database.exists(), "{command:?} makes one");
	}
}

#[test]
fn a_database_of_another_genesis_is_refused_and_left_as_it_is() {
	let folder = folder();
	make_blocks(folder.path(), 1);
	let spec = folder.path().join("other.json");
	let exported = succeeds(sibyl().args(["export-chain-spec", "--chain", "dev"]));
	let mut other: serde_json::Value = serde_json::from_str(&exported).expect("a spec is JSON");
	other["genesis"]["runtimeGenesis"]["patch"]["timing"]["epochDuration"] = 30.into();
	std::fs::write(&spec, other.to_string()).expect("the file can be written");

	fails_saying(
		sibyl()
			.args(["--no-mdns", "--listen-addr=/ip4/127.0.0.1/tcp/0", "--rpc-port=0", "--no-prometheus"])
			.arg("--chain")
			.arg(&spec)
			.arg("--base-path")
			.arg(folder.path()),
		&["genesis", "purge-chain", "--base-path"],
	);
	// Nothing is lost: the chain it belongs to still opens it.
	let info = succeeds(sibyl().args(["chain-info", "--chain", "dev", "--base-path"]).arg(folder.path()));
	assert!(info.contains("\"best_number\""), "{info}");
}

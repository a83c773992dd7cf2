//! The help in this chain's own words, where the SDK speaks of other chains and other programs.

use clap::Command;

/// What the SDK's options are said to be here, by their names.
const WORDS: [(&str, &str); 5] = [
	(
		"chain",
		"The chain: 'testnet' (where none is named), 'local', 'dev', or the file of a chain's specification. It must be one of \
		 whose genesis you are sure",
	),
	(
		"dev",
		"Run a chain of one validator on this machine, for trying: as with --chain dev --force-authoring --rpc-cors all --alice \
		 --tmp, and without looking for other nodes",
	),
	(
		"rpc-external",
		"Listen for JSON-RPC on all addresses; without it on this machine's own alone. Not for a validator: give such a node no \
		 keys, and put a proxy with limits before it",
	),
	(
		"offchain-worker",
		"When to run offchain workers: always, never, or when-authority, as a validator only. One without them answers no job",
	),
	(
		"no-telemetry",
		"Tell no telemetry server of this node, although the chain's specification names one",
	),
];

/// What is said here of the SDK's options whose defaults it does not tell, by how its own words begin.
const WITH_DEFAULTS: [(&str, &str); 5] = [
	("Specify custom base path", "The folder of database, keys and models [default: ~/.local/share/sibyl-node]"),
	("Specify custom keystore path", "The folder of the session keys [default: chains/ID/keystore in the base path]"),
	("Specify p2p protocol TCP port", "The port for other nodes [default: 30333]"),
	("Specify JSON-RPC server TCP port", "The port for JSON-RPC [default: 9944]"),
	("Specify Prometheus exporter TCP", "The port for Prometheus [default: 9615]"),
];

/// What stands for the SDK's own defaults, by the options' names.
///
/// Of a batch of JSON-RPC the SDK has no limit, and a node would answer hundreds of thousands of requests at once; a hundred are
/// more than clients send at a time. Its cache of the state would grow to 1 GiB. The 300 jobs of a full block leave half a
/// MiB of keys and values in the state.
const DEFAULTS: [(&str, &str); 2] = [("rpc-max-batch-request-len", "100"), ("trie-cache-size", "67108864")];

/// Examples of the SDK's commands, by how they are called.
const EXAMPLES: [(&str, &str); 12] = [
	("insert", "sibyl-node key insert --chain local --key-type babe --suri secret-file"),
	("generate", "sibyl-node key generate --output-type json"),
	("generate-node-key", "sibyl-node key generate-node-key --chain testnet --default-base-path"),
	("inspect", "sibyl-node key inspect secret-file"),
	("inspect-node-key", "sibyl-node key inspect-node-key --file secret_ed25519"),
	("export-chain-spec", "sibyl-node export-chain-spec --chain local --output local.json"),
	("check-block", "sibyl-node check-block --chain local 12"),
	("export-blocks", "sibyl-node export-blocks --chain local --from 1 --to 100 blocks.bin"),
	("import-blocks", "sibyl-node import-blocks --chain local blocks.bin"),
	("purge-chain", "sibyl-node purge-chain --chain local"),
	("revert", "sibyl-node revert --chain local 8"),
	("chain-info", "sibyl-node chain-info --chain local"),
];

/// A command, and those below it, with these words and limits.
pub fn in_own_words(command: Command) -> Command {
	let command = match EXAMPLES.iter().find(|(name, _)| *name == command.get_name()) {
		Some((_, example)) => command.after_help(format!("Example:\n  {example}")),
		None => command,
	};
	let command = command.mut_args(|arg| match WORDS.iter().find(|(name, _)| arg.get_long() == Some(name)) {
		Some((_, words)) => arg.help(*words).long_help(*words).hide_possible_values(true),
		None => arg,
	});
	let command = command.mut_args(|arg| {
		let sdks = arg.get_help().map(ToString::to_string).unwrap_or_default();
		match WITH_DEFAULTS.iter().find(|(begin, _)| sdks.starts_with(begin)) {
			Some((_, words)) => arg.help(*words).long_help(*words),
			None => arg,
		}
	});
	// A negative number is then a wrong value of the option before it, and not said to be an option that there is not.
	let command = command.mut_args(|arg| match arg.get_action().takes_values() {
		true => arg.allow_negative_numbers(true),
		false => arg,
	});
	let command = command.mut_args(|arg| match DEFAULTS.iter().find(|(name, _)| arg.get_long() == Some(name)) {
		Some((_, value)) => arg.default_value(*value),
		None => arg,
	});
	// Ours says itself what its options are.
	command.mut_subcommands(|below| if below.get_name() == "verify" { below } else { in_own_words(below) })
}

#[cfg(test)]
mod tests {
	use crate::cli::Cli;
	use clap::{Command, CommandFactory};
	use sc_cli::SubstrateCli;

	/// The commands of an example, each as its words: `a 'b c' > file` is `a` and `b c`.
	fn words_of(line: &str) -> Vec<String> {
		let mut words = vec![String::new()];
		let mut is_quoted = false;
		for sign in line.chars() {
			match sign {
				'\'' => is_quoted = !is_quoted,
				' ' if !is_quoted => words.push(String::new()),
				_ => words.last_mut().expect("there is one").push(sign),
			}
		}
		words.into_iter().take_while(|word| !["|", "||", "&&", ">"].contains(&word.as_str())).collect()
	}

	#[test]
	fn each_command_should_have_examples_that_it_takes() {
		let help = &Cli::setup_command(Cli::command());
		let mut commands: Vec<_> = help.get_subcommands().filter(|command| !command.is_hide_set()).collect();
		while let Some(command) = commands.pop() {
			if command.has_subcommands() {
				commands.extend(command.get_subcommands());
				continue;
			}
			let name = command.get_name();
			let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
			let examples: Vec<_> = text.lines().filter(|line| line.starts_with("  sibyl-node ")).collect();
			assert!(!examples.is_empty(), "{name} has no example");
			for line in examples {
				let read = Cli::try_from_iter(words_of(line.trim()));
				assert!(read.is_ok(), "{line}: {}", read.err().map(|error| error.to_string()).unwrap_or_default());
			}
		}
	}

	fn helps(command: &mut Command, of: &str) -> Vec<(String, String)> {
		let name = format!("{of} {}", command.get_name());
		let mut said = vec![(name.clone(), command.render_long_help().to_string())];
		for below in command.get_subcommands_mut() {
			said.extend(helps(below, &name));
		}
		said
	}

	#[test]
	fn no_help_should_speak_of_other_chains_or_programs() {
		for (name, help) in helps(&mut Cli::setup_command(Cli::command()), "") {
			let text = help.to_lowercase();
			for other in
				["kusama", "westend", "rococo", "parachain", "omni-node", "staging", "substrate.io", "build-spec"]
			{
				assert!(!text.contains(other), "{name} speaks of {other}");
			}
		}
	}

	#[test]
	fn a_nodes_help_should_have_our_options_first_and_the_defaults_of_ports_and_folders() {
		let help = Cli::setup_command(Cli::command()).render_long_help().to_string();
		let at = |option: &str| help.find(option).expect("the help has this option");
		assert!(at("--inference-threads <") < at("--rpc-port <"));
		for default in ["30333", "9944", "9615", "~/.local/share/sibyl-node", "chains/ID/keystore in the base path"] {
			assert!(help.contains(&format!("[default: {default}]")), "{default}");
		}
	}
}

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

/// A command, and those below it, with these words and limits.
pub fn in_own_words(command: Command) -> Command {
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

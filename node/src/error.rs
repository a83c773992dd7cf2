//! What can keep the node from running, each said in one line with what to do about it.

use sibyl_user::show::printable;
use std::{fmt::Display, net::SocketAddr, path::PathBuf};

/// Why the node, or one of its sub-commands, ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// A port that the node was told to listen on can't be had.
	#[error("can't listen on {address} ({source}): stop the program that uses it or choose another port with {flag}")]
	PortUnavailable {
		/// What it is for, by the flag that sets it.
		flag: &'static str,
		/// The address tried.
		address: SocketAddr,
		/// What the system said.
		source: std::io::Error,
	},

	/// Two options want one port.
	#[error("{flag} and {other} are both {port}: give one of them another port")]
	PortTwice {
		/// The one that comes second.
		flag: &'static str,
		/// The one that has it already.
		other: &'static str,
		/// The port.
		port: u16,
	},

	/// The address is another machine's.
	#[error("this machine has no address {}, so nothing can listen on it: give one of its own with --listen-addr", address.ip())]
	AddressElsewhere {
		/// The address tried.
		address: SocketAddr,
	},

	/// The folder of the session keys can't be used.
	#[error(
		"the keystore {path} can't be used ({reason}): change its permissions, or choose another folder with --keystore-path"
	)]
	Keystore {
		/// The folder.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},

	/// The models' folder is a file.
	#[error("{path} is no folder, so no models can be in it: choose another with --models-path")]
	ModelsPath {
		/// What is there.
		path: PathBuf,
	},

	/// A file of a node key holds none.
	#[error("the node key in {path} can't be read ({reason}): the file has 64 hexadecimal digits or 32 bytes, as 'key generate-node-key' writes them")]
	NodeKeyFile {
		/// The file.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},

	/// A node key on the command line is none.
	#[error("--node-key can't be read ({0}): it is 64 hexadecimal digits")]
	NodeKey(String),

	/// A file can't be read or written.
	#[error("can't use the file {path} ({source}): name another one, or change its permissions")]
	File {
		/// The file.
		path: PathBuf,
		/// What the system said.
		source: std::io::Error,
	},

	/// JSON-RPC of a validator is its operator's.
	#[error(
		"--rpc-external is not for a validator: let a full node answer others, and reach this one by 'ssh -L \
		 9944:127.0.0.1:9944 HOST'"
	)]
	RpcExternal,

	/// What is to be logged can't be read.
	#[error("what to log can't be read ({0}): give --log, or RUST_LOG, as info,inference=debug")]
	Log(String),

	/// No first block can be made from a specification.
	#[error("the chain spec's genesis can't be built ({0}): make the spec again, with 'export-chain-spec' of the release that it is for")]
	Genesis(String),

	/// The folder for the database and the keys can't be written to.
	#[error(
		"can't write to the base path {path} ({source}): choose another with --base-path or change its permissions"
	)]
	BasePathUnwritable {
		/// The folder.
		path: PathBuf,
		/// What the system said.
		source: std::io::Error,
	},

	/// The database under the base path is another chain's.
	#[error(
		"the database at {path} holds a chain of genesis {found}, and chain '{chain}' has genesis {expected}: \
		 choose another --base-path or --chain, or delete the database with 'purge-chain'"
	)]
	OtherGenesis {
		/// The database.
		path: PathBuf,
		/// The chain that was asked for.
		chain: String,
		/// Its genesis.
		expected: String,
		/// The database's genesis.
		found: String,
	},

	/// A validator has no network identity yet.
	#[error(
		"no node key at {path}: a validator needs a lasting network identity; make one with \
		 '{make_one}' and start again"
	)]
	NodeKeyMissing {
		/// Where it was looked for.
		path: PathBuf,
		/// The command that makes one.
		make_one: String,
	},

	/// A validator in a temporary folder has no network identity.
	#[error(
		"a validator needs a lasting network identity, which --tmp does not keep: give --base-path, or for a test --node-key with 64 hexadecimal digits, or --unsafe-force-node-key-generation"
	)]
	NodeKeyOfTemporary,

	/// No node has run on this base path.
	#[error("there is no database at {path:?}: give the --base-path and --chain of a node that has run")]
	NoDatabase {
		/// Where it would be.
		path: PathBuf,
	},

	/// Another process has the database open.
	#[error(
		"the database is in use: a node runs on this base path. Stop it first, or choose another folder with --base-path"
	)]
	DatabaseInUse,

	/// The database can't be read, as after a disk failed.
	#[error(
		"the database is damaged ({0}): delete it with 'purge-chain' and the same --base-path and --chain, which leaves the \
		 keys, and start again; the node fetches the chain from others"
	)]
	DatabaseDamaged(String),

	/// A session key of this type signs otherwise.
	#[error(
		"a {key_type} key is of scheme {right}, and --scheme says {given}: leave it out, or give --scheme {right}"
	)]
	KeyScheme {
		/// What the key signs.
		key_type: String,
		/// Its scheme.
		right: String,
		/// The one that was given.
		given: String,
	},

	/// A secret is none.
	#[error("the secret can't be read ({0}): it is a phrase of words, 0x and 64 digits, or a path such as //Alice")]
	KeySecret(&'static str),

	/// The models that were named can't be meant.
	#[error(transparent)]
	ModelsChoice(#[from] crate::inference::models::NoneBesideOthers),

	/// The engine's process can't go on.
	#[error(transparent)]
	EngineProcess(#[from] sibyl_engine_process::child::ChildError),

	/// The engine's threads can't be started.
	#[error("the engine's threads can't be started ({0}): lower --inference-threads, --inference-places or the load of this machine")]
	EngineThreads(std::io::Error),

	/// A model can't be installed or run.
	#[error(transparent)]
	Models(#[from] crate::models::Error),

	/// A receipt shows nothing.
	#[error(transparent)]
	Receipt(#[from] crate::receipt::Error),

	/// A network can't be asked.
	#[error(transparent)]
	User(#[from] sibyl_user::Error),

	/// The disk is nearly full.
	#[error("{0}: free some space, choose another disk with --base-path, or ask for less with --db-storage-threshold")]
	Storage(#[from] sc_storage_monitor::Error),

	/// The SDK's service.
	#[error(transparent)]
	Service(#[from] sc_service::Error),

	/// The SDK's command line.
	#[error(transparent)]
	Cli(#[from] sc_cli::Error),
}

impl From<sp_blockchain::Error> for Error {
	fn from(error: sp_blockchain::Error) -> Self {
		Self::Service(error.into())
	}
}

impl Error {
	/// The same error, in this program's words where the SDK's say too little.
	pub fn explained(self) -> Self {
		let is_sdks = matches!(self, Self::Service(_) | Self::Cli(_));
		let text = self.to_string();
		if let Some((_, what)) = text.split_once(DATABASE_DAMAGED).filter(|_| is_sdks) {
			return Self::DatabaseDamaged(what.into());
		}
		match self {
			_ if is_sdks && text.contains(DATABASE_IN_USE) => Self::DatabaseInUse,
			Self::Cli(sc_cli::Error::GlobalLoggerError(_)) => Self::Log(text),
			Self::Cli(sc_cli::Error::Input(input)) => match input.strip_prefix(NODE_KEY) {
				Some(reason) => Self::NodeKey(reason.into()),
				None if input.starts_with(RPC_EXTERNAL) => Self::RpcExternal,
				None => sc_cli::Error::Input(input).into(),
			},
			_ if is_sdks => genesis_fault(&text).map_or(self, Self::Genesis),
			_ => self,
		}
	}
}

/// What the SDK's command line says before the reason why a node key is none.
const NODE_KEY: &str = "Invalid node key: ";

/// What it says first where a validator is to answer everybody; it goes on with the options that allow it.
const RPC_EXTERNAL: &str = "--rpc-external option";

/// Why a genesis can't be built, where that is what the SDK's text says. It may go on with the whole genesis.
fn genesis_fault(text: &str) -> Option<String> {
	if text.contains("wasm call error") {
		return Some("its code is no runtime that can be run".into());
	}
	let said = ["Invalid JSON blob: ", "Error parsing spec file: ", "Runtime missing from initial storage"];
	let at = said.iter().find_map(|said| text.find(said))?;
	Some(text[at..].split(" for blob:").next().unwrap_or_default().into())
}

/// What ParityDB says where another process has locked it.
const DATABASE_IN_USE: &str = "Database file is in use";

/// What it says before what is wrong with its files.
const DATABASE_DAMAGED: &str = "Corruption: ";

/// The error's text without line breaks, as some of the SDK's messages are paragraphs, and without what a terminal obeys, as a
/// model's file may have it say.
pub fn in_one_line(error: &impl Display) -> String {
	printable(&error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_database_in_use_is_said_with_what_to_do() {
		let sdks = || sp_blockchain::Error::Backend("Database file is in use. (os error 11)".into());
		let error = Error::from(sdks()).explained().to_string();
		assert!(error.contains("--base-path"), "{error}");
		let other = Error::from(sp_blockchain::Error::Backend("no space".into())).explained();
		assert!(matches!(other, Error::Service(_)));
	}

	#[test]
	fn a_genesis_that_can_not_be_built_is_said_without_all_of_it() {
		let sdks = |text: &str| Error::from(sc_service::Error::Other(text.into())).explained().to_string();
		let error = sdks("Storage error: Invalid JSON blob: BadLength at line 1 column 8 for blob:\n{ \"babe\": 1 }");
		assert!(error.contains("(Invalid JSON blob: BadLength at line 1 column 8)"), "{error}");
		let error = sdks("wasm call error Other: cannot deserialize module: HeapOther(\"UnexpectedEof\")");
		assert!(error.contains("no runtime that can be run") && !error.contains("HeapOther"), "{error}");
	}

	#[test]
	fn a_node_key_is_said_to_be_wrong_by_its_option() {
		let input = |text: &str| Error::from(sc_cli::Error::Input(text.into())).explained().to_string();
		assert!(input("Invalid node key: Invalid input length").starts_with("--node-key can't be read"));
		assert_eq!(input("anything else"), "Invalid input: anything else");
	}

	#[test]
	fn a_validator_that_is_to_answer_everybody_is_told_another_way_and_no_unsafe_one() {
		let sdks = "--rpc-external option shouldn't be used. Use `--unsafe-rpc-external` if you understand the risks.";
		let error = Error::from(sc_cli::Error::Input(sdks.into())).explained().to_string();
		assert!(error.contains("ssh -L") && !error.contains("unsafe"), "{error}");
	}

	#[test]
	fn a_damaged_database_is_said_with_what_to_do() {
		let sdks = sp_blockchain::Error::Backend("Corruption: Bad removed ref 7 out of 7".into());
		let error = Error::from(sdks).explained().to_string();
		assert!(error.contains("damaged (Bad removed ref 7 out of 7)") && error.contains("purge-chain"), "{error}");
	}

	#[test]
	fn a_message_of_several_lines_becomes_one() {
		let error = Error::Service(sc_service::Error::Other("no key.\n\t\t\n  Make one".into()));
		assert_eq!(in_one_line(&error), "Other: no key. Make one");
	}

	#[test]
	fn a_message_moves_no_cursor() {
		let error = Error::Service(sc_service::Error::Other("the file says \u{1b}[2J\u{9b}1m".into()));
		assert_eq!(in_one_line(&error), "Other: the file says \u{fffd}[2J\u{fffd}1m");
	}
}

//! `sibyl-node key`: the SDK's, except that a session key is inserted by what it signs, and that others can't read what is
//! written.

use crate::{
	error::Error,
	service::{check_keystore, check_readable},
};
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum};
use sc_cli::{CryptoScheme, KeySubcommand, KeystoreParams, SharedParams, SubstrateCli};
use sc_keystore::LocalKeystore;
use sc_service::{config::KeystoreConfig, BasePath};
use sibyl_primitives::inference_key;
use sibyl_user::secret_pair;
use sp_core::{
	crypto::{key_types, ExposeSecret, KeyTypeId, SecretString, Ss58Codec},
	ecdsa, ed25519, sr25519, Pair,
};
use sp_keystore::Keystore;
use std::path::PathBuf;

/// `key`
#[derive(Debug)]
pub enum KeyCommand {
	/// Inserts a session key.
	Insert(InsertCommand),
	/// What the SDK has.
	Sdk(Sdks),
}

/// One of the SDK's commands, and what it is about, which the SDK keeps to itself.
#[derive(Debug)]
pub struct Sdks {
	command: KeySubcommand,
	/// The file or the folder.
	path: Option<PathBuf>,
	/// The secret, or the address.
	uri: Option<String>,
}

const INSERT: &str = "insert";

impl Subcommand for KeyCommand {
	fn augment_subcommands(command: Command) -> Command {
		let insert = |_| {
			InsertCommand::augment_args(Command::new(INSERT)).about("Insert a session key into the keystore of a node")
		};
		KeySubcommand::augment_subcommands(command).mut_subcommand(INSERT, insert)
	}

	fn augment_subcommands_for_update(command: Command) -> Command {
		Self::augment_subcommands(command)
	}

	fn has_subcommand(name: &str) -> bool {
		KeySubcommand::has_subcommand(name)
	}
}

impl FromArgMatches for KeyCommand {
	fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
		match matches.subcommand() {
			Some((INSERT, matches)) => InsertCommand::from_arg_matches(matches).map(Self::Insert),
			given => {
				let path =
					|name| given.and_then(|(_, given)| given.try_get_one::<PathBuf>(name).ok().flatten().cloned());
				let uri = given.and_then(|(_, given)| given.try_get_one::<String>("uri").ok().flatten().cloned());
				let is_public = given.is_some_and(|(_, given)| matches!(given.try_get_one("public"), Ok(Some(true))));
				let path = path("file").or_else(|| path("base_path"));
				let uri = uri.filter(|_| !is_public);
				KeySubcommand::from_arg_matches(matches).map(|command| Self::Sdk(Sdks { command, path, uri }))
			}
		}
	}

	fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
		*self = Self::from_arg_matches(matches)?;
		Ok(())
	}
}

/// `key insert`
#[derive(Debug, clap::Args)]
pub struct InsertCommand {
	/// The secret: a phrase, a seed or a path such as //Alice, or a file that holds one. It is asked for where none is given.
	#[arg(long)]
	suri: Option<String>,

	/// What the key signs.
	#[arg(long, value_enum)]
	key_type: KeyType,

	/// The key's scheme, which its type decides: it is checked where it is given.
	#[arg(long, value_name = "SCHEME", value_enum, ignore_case = true)]
	scheme: Option<Scheme>,

	#[clap(flatten)]
	shared_params: SharedParams,

	#[clap(flatten)]
	keystore_params: KeystoreParams,
}

/// What a session key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KeyType {
	/// Blocks, sr25519.
	Babe,
	/// Votes for finality, ed25519.
	Gran,
	/// The validator's network addresses, sr25519.
	Audi,
	/// Votes on jobs, ed25519.
	Infr,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheme {
	/// Ed25519.
	Ed25519,
	/// Schnorr signatures on Ristretto.
	Sr25519,
	/// ECDSA on secp256k1.
	Ecdsa,
}

impl KeyType {
	fn id(self) -> KeyTypeId {
		match self {
			Self::Babe => key_types::BABE,
			Self::Gran => key_types::GRANDPA,
			Self::Audi => key_types::AUTHORITY_DISCOVERY,
			Self::Infr => inference_key::KEY_TYPE,
		}
	}

	fn scheme(self) -> Scheme {
		match self {
			Self::Babe | Self::Audi => Scheme::Sr25519,
			Self::Gran | Self::Infr => Scheme::Ed25519,
		}
	}
}

impl KeyCommand {
	/// Does it. What it writes, others on this machine can't read.
	pub fn run<Cli: SubstrateCli>(&self, cli: &Cli) -> Result<(), Error> {
		rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
		match self {
			Self::Insert(command) => command.run(cli),
			Self::Sdk(command) => command.run(cli),
		}
	}
}

impl Sdks {
	fn run<Cli: SubstrateCli>(&self, cli: &Cli) -> Result<(), Error> {
		if let (KeySubcommand::Inspect(command), Some(uri)) = (&self.command, &self.uri) {
			// The SDK says of what it can't read that it can't, and does not fail.
			match command.crypto_scheme.scheme {
				CryptoScheme::Ecdsa => check_uri::<ecdsa::Pair>(uri)?,
				CryptoScheme::Sr25519 => check_uri::<sr25519::Pair>(uri)?,
				CryptoScheme::Ed25519 => check_uri::<ed25519::Pair>(uri)?,
			}
		}
		self.command.run(cli).map_err(|error| match (error, &self.path, &self.command) {
			(sc_cli::Error::Io(source), Some(path), _) => Error::File { path: path.clone(), source },
			(sc_cli::Error::Input(reason), path, KeySubcommand::InspectNodeKey(_)) => {
				Error::NodeKeyFile { path: path.clone().unwrap_or_else(|| "-".into()), reason }
			}
			(error, ..) => error.into(),
		})
	}
}

fn check_uri<P: Pair>(uri: &String) -> Result<(), Error> {
	let uri = read_secret(Some(uri))?;
	match P::Public::from_string_with_version(&uri) {
		Ok(_) => Ok(()),
		Err(_) => secret_pair::<P>(&uri, None).map(drop).map_err(Error::KeySecret),
	}
}

/// What is given, or what the file of that name holds.
fn read_secret(given: Option<&String>) -> Result<String, Error> {
	sc_cli::utils::read_uri(given).map_err(|error| match (error, given) {
		(sc_cli::Error::Io(source), Some(path)) => Error::File { path: path.into(), source },
		(error, _) => error.into(),
	})
}

impl InsertCommand {
	fn run<Cli: SubstrateCli>(&self, cli: &Cli) -> Result<(), Error> {
		let (key_type, scheme) = (self.key_type, self.key_type.scheme());
		if let Some(given) = self.scheme.filter(|given| *given != scheme) {
			return Err(Error::KeyScheme {
				key_type: name(&key_type),
				right: name(&scheme).to_string(),
				given: name(&given),
			});
		}
		if let Some(path) = &self.keystore_params.password_filename {
			check_readable(path)?;
		}
		let secret = read_secret(self.suri.as_ref())?;
		let default = || BasePath::from_project("", "", &Cli::executable_name());
		let base_path = self.shared_params.base_path()?.unwrap_or_else(default);
		let chain = self.shared_params.chain_id(self.shared_params.is_dev());
		let spec = cli.load_spec(&chain).map_err(sc_cli::Error::Input)?;
		let config = self.keystore_params.keystore_config(&base_path.config_dir(spec.id()))?;
		let KeystoreConfig::Path { path, password } = config else {
			return Err(sc_cli::Error::KeystoreOperation.into());
		};
		let public = match scheme {
			Scheme::Ed25519 => public::<ed25519::Pair>(&secret, password.as_ref())?,
			Scheme::Sr25519 | Scheme::Ecdsa => public::<sr25519::Pair>(&secret, password.as_ref())?,
		};
		check_keystore(&path)?;
		let keystore = LocalKeystore::open(path, password).map_err(sc_cli::Error::from)?;
		keystore.insert(key_type.id(), &secret, &public).map_err(|()| sc_cli::Error::KeystoreOperation)?;
		Ok(())
	}
}

fn public<P: Pair>(secret: &str, password: Option<&SecretString>) -> Result<Vec<u8>, Error> {
	let password = password.map(|password| password.expose_secret().as_str());
	let pair = secret_pair::<P>(secret, password).map_err(Error::KeySecret)?;
	Ok(AsRef::<[u8]>::as_ref(&pair.public()).to_vec())
}

/// A value as the command line has it.
fn name(value: &impl ValueEnum) -> String {
	value.to_possible_value().map_or_else(String::new, |value| value.get_name().into())
}

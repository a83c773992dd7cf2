//! The chains that the node knows by name, and those in files.

use sc_chain_spec::{ChainSpecExtension, ChainType, Properties};
use serde::{Deserialize, Serialize};
use sibyl_runtime::{constants, genesis, opaque::Block, RuntimeGenesisConfig, WASM_BINARY};
use sp_core::storage::{well_known_keys, Storage};
use sp_runtime::BuildStorage;
use std::path::PathBuf;

/// The test network's raw specification, made by `make chain-specs`.
const TESTNET_RAW: &[u8] = include_bytes!("../../chain-specs/testnet.raw.json");

/// What a specification may carry beside the genesis.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ChainSpecExtension)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
	/// Blocks that all nodes must have at their heights.
	pub fork_blocks: sc_client_api::ForkBlocks<Block>,
	/// Blocks that no node may import.
	pub bad_blocks: sc_client_api::BadBlocks<Block>,
	/// A finalised state that light clients start from.
	pub light_sync_state: sc_sync_state_rpc::LightSyncStateExtension,
}

/// A chain's specification.
pub type ChainSpec = sc_chain_spec::GenericChainSpec<Extensions>;

/// The specification of the chain of this name, or that of the file at this path.
///
/// Where no chain is named it is the test network's. `testnet-staging` is what the test network's committed
/// specification is made from; it changes with the runtime.
pub fn load(name_or_path: &str) -> Result<ChainSpec, String> {
	match name_or_path {
		"dev" => from_preset("Sibyl Development", "sibyl_dev", ChainType::Development, genesis::DEVELOPMENT),
		"local" => from_preset("Sibyl Local Testnet", "sibyl_local", ChainType::Local, genesis::LOCAL_TESTNET),
		"" | "testnet" => ChainSpec::from_json_bytes(TESTNET_RAW),
		"testnet-staging" => from_preset(
			"Sibyl Testnet (genesis validators have public test keys)",
			"sibyl_testnet",
			ChainType::Live,
			genesis::TESTNET,
		),
		path => from_file(PathBuf::from(path)),
	}
}

/// The first state of the chain of this name, or that of the file at this path: what its specification builds.
///
/// Where a specification names a preset of the runtime, this program's own copy of the runtime makes it, in place of the wasm,
/// which takes seconds to compile.
pub fn first_state(name_or_path: &str) -> Result<Storage, String> {
	match name_or_path {
		"dev" => of_preset(genesis::DEVELOPMENT),
		"local" => of_preset(genesis::LOCAL_TESTNET),
		_ => load(name_or_path)?.build_storage(),
	}
}

fn of_preset(preset: &str) -> Result<Storage, String> {
	let unreadable = |error: serde_json::Error| format!("the preset '{preset}' can't be read: {error}");
	let patch = genesis::get_preset(&preset.into()).ok_or_else(|| format!("there is no preset '{preset}'"))?;
	let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).map_err(unreadable)?;
	sc_chain_spec::json_merge(&mut config, serde_json::from_slice(&patch).map_err(unreadable)?);
	let config: RuntimeGenesisConfig = serde_json::from_value(config).map_err(unreadable)?;
	let mut storage = config.build_storage()?;
	storage.top.insert(well_known_keys::CODE.to_vec(), wasm()?.to_vec());
	Ok(storage)
}

fn wasm() -> Result<&'static [u8], String> {
	let none = "this program was built without the runtime's wasm (SKIP_WASM_BUILD), so only chain specs in files work";
	WASM_BINARY.ok_or_else(|| none.into())
}

fn from_preset(name: &str, id: &str, chain_type: ChainType, preset: &str) -> Result<ChainSpec, String> {
	Ok(ChainSpec::builder(wasm()?, Extensions::default())
		.with_name(name)
		.with_id(id)
		.with_chain_type(chain_type)
		.with_protocol_id(id)
		.with_properties(properties())
		.with_genesis_config_preset_name(preset)
		.build())
}

fn from_file(path: PathBuf) -> Result<ChainSpec, String> {
	let shown = path.display().to_string();
	if !path.exists() {
		return Err(format!(
			"there is no chain and no file '{shown}': the chains known by name are dev, local and testnet; \
			 others need the path of their spec file"
		));
	}
	if path.is_dir() {
		return Err(format!("'{shown}' is a folder: give the path of the chain's spec file in it"));
	}
	ChainSpec::from_json_file(path)
		.map_err(|reason| format!("the chain spec '{shown}' can't be read, it is broken or not a chain spec: {reason}"))
}

/// What wallets need to show amounts and addresses.
fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), constants::TOKEN_SYMBOL.into());
	properties.insert("tokenDecimals".into(), constants::TOKEN_DECIMALS.into());
	properties.insert("ss58Format".into(), constants::SS58_PREFIX.into());
	properties
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_named_chain_builds_its_genesis_with_the_tokens_properties() {
		for name in ["dev", "local", "testnet", "testnet-staging", ""] {
			let spec = load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
			assert_eq!(spec.properties()["tokenSymbol"], "SIB", "{name}");
			let storage = spec.build_storage().unwrap_or_else(|error| panic!("{name}: {error}"));
			assert!(storage.top.contains_key(well_known_keys::CODE), "{name}");
			assert!(first_state(name).expect(name).top == storage.top, "{name}: both ways lead to the same state");
		}
	}

	#[test]
	fn an_unknown_chain_is_refused_with_the_known_names() {
		let error = load("mainnet").err().expect("there is no such chain");
		assert!(error.contains("'mainnet'") && error.contains("dev, local and testnet"), "{error}");
	}

	#[test]
	fn a_broken_spec_file_is_refused_by_its_path() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		std::fs::write(file.path(), "{ \"name\": ").expect("the temporary file can be written");
		let path = file.path().display().to_string();
		let error = load(&path).err().expect("half a JSON object is no spec");
		assert!(error.contains(&path) && error.contains("broken"), "{error}");
	}
}

//! Says at start which session keys the node has and whether the chain counts on it.

use super::FullClient;
use sc_client_api::HeaderBackend;
use sibyl_primitives::{api::InferenceApi, inference_key};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_authority_discovery::AuthorityDiscoveryApi;
use sp_consensus_babe::BabeApi;
use sp_consensus_grandpa::GrandpaApi;
use sp_core::{bytes::to_hex, crypto::KeyTypeId, ByteArray};
use sp_keystore::Keystore;

const LOG_TARGET: &str = "session-keys";

/// The public keys that the current session signs with, for one key type.
type Authorities = Vec<Vec<u8>>;

/// Logs one line per key type and one on the node's part in the session.
pub fn log_session_keys(client: &FullClient, keystore: &dyn Keystore, is_validator: bool) {
	let authorities = match current_authorities(client) {
		Ok(authorities) => authorities,
		Err(error) => {
			log::warn!(target: LOG_TARGET, "The current session's keys can't be read from the chain: {error}");
			return;
		}
	};
	let mut signs = true;
	for (name, key_type, in_session) in authorities {
		let ours = keystore.keys(key_type).unwrap_or_default();
		// A validator can't do its part without it.
		let level = if is_validator && ours.is_empty() { log::Level::Warn } else { log::Level::Info };
		log::log!(target: LOG_TARGET, level, "🔑 {}", describe(name, key_type, &ours, &in_session));
		signs &= ours.iter().any(|key| in_session.contains(key));
	}
	let part = match (is_validator, signs) {
		(true, true) => "an authority in the current session",
		(true, false) => {
			"no authority in the current session: a key is missing or not yet in use (see docs/validator.md)"
		}
		(false, _) => "no authority: it was started without --validator",
	};
	log::info!(target: LOG_TARGET, "🔑 This node is {part}");
}

fn current_authorities(client: &FullClient) -> Result<[(&'static str, KeyTypeId, Authorities); 4], ApiError> {
	let best = client.info().best_hash;
	let bytes = |key: &dyn AsRef<[u8]>| key.as_ref().to_vec();
	let babe = client.runtime_api().current_epoch(best)?.authorities;
	let grandpa = client.runtime_api().grandpa_authorities(best)?;
	let discovery = client.runtime_api().authorities(best)?;
	// The newest set, that of the current session, comes first.
	let inference = client.runtime_api().key_sets(best)?.into_iter().next().map_or_else(Vec::new, |set| set.members);
	Ok([
		("babe", sp_consensus_babe::KEY_TYPE, babe.iter().map(|(key, _)| bytes(key)).collect()),
		("grandpa", sp_consensus_grandpa::KEY_TYPE, grandpa.iter().map(|(key, _)| bytes(key)).collect()),
		(
			"authority discovery",
			sp_core::crypto::key_types::AUTHORITY_DISCOVERY,
			discovery.iter().map(|key| key.to_raw_vec()).collect(),
		),
		("inference", inference_key::KEY_TYPE, inference.iter().map(|(_, key)| key.to_raw_vec()).collect()),
	])
}

fn describe(name: &str, key_type: KeyTypeId, ours: &[Vec<u8>], in_session: &[Vec<u8>]) -> String {
	let type_id = String::from_utf8_lossy(&key_type.0).into_owned();
	match (ours.iter().find(|key| in_session.contains(key)), ours.last()) {
		(Some(key), _) => format!("{name} key ({type_id}): present, in use, {}", to_hex(key, false)),
		(None, Some(key)) => {
			format!("{name} key ({type_id}): present, not in use this session, {}", to_hex(key, false))
		}
		(None, None) => format!("{name} key ({type_id}): missing"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const TYPE: KeyTypeId = KeyTypeId(*b"babe");

	#[test]
	fn a_key_of_the_session_is_shown_as_in_use_whatever_others_there_are() {
		let line = describe("babe", TYPE, &[vec![1], vec![2]], &[vec![1], vec![9]]);
		assert_eq!(line, "babe key (babe): present, in use, 0x01");
	}

	#[test]
	fn a_key_that_the_session_does_not_use_is_told_apart() {
		let line = describe("babe", TYPE, &[vec![1]], &[vec![9]]);
		assert_eq!(line, "babe key (babe): present, not in use this session, 0x01");
	}

	#[test]
	fn a_missing_key_is_said() {
		assert_eq!(describe("babe", TYPE, &[], &[vec![9]]), "babe key (babe): missing");
	}
}

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

/// Logs a validator's keys, one line per type, and the node's part in the session.
pub fn log_session_keys(client: &FullClient, keystore: &dyn Keystore, is_validator: bool) {
	let keys = if is_validator { current_keys(client, keystore) } else { Ok(Vec::new()) };
	match keys {
		Ok(keys) => {
			let levels = keys.iter().map(Keys::level).chain([log::Level::Info]);
			for (level, line) in levels.zip(lines(is_validator, &keys)) {
				log::log!(target: LOG_TARGET, level, "🔑 {line}");
			}
		}
		Err(error) => {
			log::warn!(target: LOG_TARGET, "The current session's keys can't be read from the chain: {error}");
		}
	}
}

/// Keys of one type.
struct Keys {
	name: &'static str,
	key_type: KeyTypeId,
	/// Those that the node has.
	ours: Vec<Vec<u8>>,
	in_session: Authorities,
}

fn current_keys(client: &FullClient, keystore: &dyn Keystore) -> Result<Vec<Keys>, ApiError> {
	let keys = current_authorities(client)?.into_iter().map(|(name, key_type, in_session)| {
		let ours = keystore.keys(key_type).unwrap_or_default();
		Keys { name, key_type, ours, in_session }
	});
	Ok(keys.collect())
}

/// What is said of the keys, and of the node's part in the session.
fn lines(is_validator: bool, keys: &[Keys]) -> Vec<String> {
	if !is_validator {
		return vec!["This node is no authority: it was started without --validator".into()];
	}
	let signs = keys.iter().all(|keys| keys.in_use().is_some());
	let part = match signs {
		true => "an authority in the current session",
		false => "no authority in the current session: a key is missing or not yet in use (see docs/validator.md)",
	};
	keys.iter().map(Keys::describe).chain([format!("This node is {part}")]).collect()
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

impl Keys {
	fn in_use(&self) -> Option<&Vec<u8>> {
		self.ours.iter().find(|key| self.in_session.contains(key))
	}

	/// A validator can't do its part without a key of each type.
	fn level(&self) -> log::Level {
		if self.ours.is_empty() {
			log::Level::Warn
		} else {
			log::Level::Info
		}
	}

	fn describe(&self) -> String {
		let state = match (self.in_use(), self.ours.is_empty()) {
			(Some(key), _) => format!("present, in use, {}", to_hex(key, false)),
			// They may be of several sets, of which none is better than the others.
			(None, false) => {
				"present, none of them in use this session ('sibyl-node status' says which account has set which)"
					.into()
			}
			(None, true) => "missing".into(),
		};
		format!("{} key ({}): {state}", self.name, String::from_utf8_lossy(&self.key_type.0))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn keys(ours: &[u8], in_session: &[u8]) -> Keys {
		let each = |keys: &[u8]| keys.iter().map(|key| vec![*key]).collect();
		Keys { name: "babe", key_type: KeyTypeId(*b"babe"), ours: each(ours), in_session: each(in_session) }
	}

	#[test]
	fn a_key_of_the_session_is_shown_as_in_use_whatever_others_there_are() {
		assert_eq!(keys(&[1, 2], &[1, 9]).describe(), "babe key (babe): present, in use, 0x01");
	}

	#[test]
	fn keys_that_the_session_does_not_use_are_told_apart_and_none_of_them_is_named() {
		let line = keys(&[1, 2], &[9]).describe();
		assert!(line.starts_with("babe key (babe): present, none of them in use") && !line.contains("0x"), "{line}");
	}

	#[test]
	fn a_missing_key_is_said_as_a_warning() {
		assert_eq!(keys(&[], &[9]).describe(), "babe key (babe): missing");
		assert_eq!(keys(&[], &[9]).level(), log::Level::Warn);
		assert_eq!(keys(&[1], &[9]).level(), log::Level::Info);
	}

	#[test]
	fn a_validator_has_a_line_for_each_type_and_a_full_node_has_one_line_in_all() {
		let said = lines(true, &[keys(&[1], &[1]), keys(&[], &[1])]);
		assert_eq!(said.len(), 3);
		assert!(said[2].starts_with("This node is no authority in the current session"), "{said:?}");
		let said = lines(true, &[keys(&[1], &[1])]);
		assert_eq!(said[1], "This node is an authority in the current session");
		assert_eq!(lines(false, &[]), ["This node is no authority: it was started without --validator"]);
	}
}

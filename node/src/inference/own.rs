//! Which validators are this node's: the accounts whose session keys its keystore has.

use codec::Decode;
use frame_support::storage::storage_prefix;
use pallet_inference::{Absence, OutOfService};
use pallet_session::{DisabledValidators, KeyOwner, NextKeys, QueuedKeys};
use pallet_staking::{Bonded, Ledger, MinValidatorBond, StakingLedger, Validators};
use sc_client_api::StorageProvider;
use sibyl_primitives::{api::InferenceApi, inference_key, AccountId, Balance, Hash, SessionIndex};
use sibyl_rpc_types::{address, KeySet, OwnKey, OwnValidator, Validator};
use sibyl_runtime::{opaque::Block, Runtime, SessionKeys};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_core::{
	bytes::to_hex,
	crypto::{key_types, ByteArray, KeyTypeId},
	storage::StorageKey,
};
use sp_keystore::Keystore;
use sp_runtime::traits::OpaqueKeys;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that are told of at most; those that the chain knows come first.
const MAX_KEYS: usize = 64;

/// What session keys sign, in their order.
const KINDS: [(&str, KeyTypeId); 4] = [
	("babe", key_types::BABE),
	("grandpa", key_types::GRANDPA),
	("authorityDiscovery", key_types::AUTHORITY_DISCOVERY),
	("inference", inference_key::KEY_TYPE),
];

/// A validator's four public keys.
type Keys = [Vec<u8>; 4];

/// The validators of a session.
type Set = Vec<(AccountId, Keys)>;

/// What reads a block's state.
pub trait StateReader {
	/// The entry of this key, where there is one and the node keeps the block's state.
	fn read(&self, at: Hash, key: &[u8]) -> Option<Vec<u8>>;
}

impl StateReader for crate::service::FullClient {
	fn read(&self, at: Hash, key: &[u8]) -> Option<Vec<u8>> {
		self.storage(at, &StorageKey(key.to_vec())).ok().flatten().map(|value| value.0)
	}
}

/// This node's keys and validators, and the session.
pub struct Own {
	/// The keys.
	pub keys: Vec<OwnKey>,
	/// The validators.
	pub validators: Vec<OwnValidator>,
	/// The current session.
	pub session: SessionIndex,
	/// Validators in its set.
	pub set_size: usize,
	/// When the block was made, in seconds since 1970.
	pub made_at: Option<u64>,
}

impl Own {
	/// As the state after a block has it.
	pub fn at<Client>(client: &Client, keystore: &dyn Keystore, at: Hash) -> Result<Self, ApiError>
	where
		Client: StateReader + ProvideRuntimeApi<Block>,
		Client::Api: InferenceApi<Block>,
	{
		let (session, current) = current_set(client, at)?;
		let set_size = current.len();
		let made_at = value::<u64>(client, at, &storage_prefix(b"Timestamp", b"Now")).map(|millis| millis / 1_000);
		let state = State { client, at, keystore, current, next: next_set(client, at) };
		let mut keys = state.keys();
		let accounts: BTreeSet<_> = keys.iter().flat_map(|(_, accounts)| accounts).flatten().cloned().collect();
		keys.sort_by_key(|(_, accounts)| accounts.iter().all(Option::is_none));
		keys.truncate(MAX_KEYS);
		let validators = accounts.iter().map(|account| state.validator(account)).collect::<Result<_, _>>()?;
		Ok(Self { keys: keys.into_iter().map(|(key, _)| key).collect(), validators, session, set_size, made_at })
	}
}

fn value<T: Decode>(client: &impl StateReader, at: Hash, key: &[u8]) -> Option<T> {
	T::decode(&mut &client.read(at, key)?[..]).ok()
}

/// The current session and its set. Every engine has its keys in the set's order.
fn current_set<Client>(client: &Client, at: Hash) -> Result<(SessionIndex, Set), ApiError>
where
	Client: StateReader + ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	let Some(set) = client.runtime_api().key_sets(at)?.into_iter().next() else { return Ok((0, Vec::new())) };
	let weighted = |pallet: &[u8]| {
		let keys = value::<Vec<([u8; 32], u64)>>(client, at, &storage_prefix(pallet, b"Authorities"));
		keys.unwrap_or_default().into_iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>()
	};
	let discovery = value::<Vec<[u8; 32]>>(client, at, &storage_prefix(b"AuthorityDiscovery", b"Keys"));
	let discovery: Vec<_> = discovery.unwrap_or_default().into_iter().map(|key| key.to_vec()).collect();
	let (babe, grandpa) = (weighted(b"Babe"), weighted(b"Grandpa"));
	let members = set.members.into_iter().enumerate().map(|(index, (account, inference))| {
		let key = |keys: &[Vec<u8>]| keys.get(index).cloned().unwrap_or_default();
		(account, [key(&babe), key(&grandpa), key(&discovery), inference.to_raw_vec()])
	});
	Ok((set.session, members.collect()))
}

fn next_set(client: &impl StateReader, at: Hash) -> Set {
	let queued = value::<Vec<(AccountId, SessionKeys)>>(client, at, &QueuedKeys::<Runtime>::hashed_key());
	queued.unwrap_or_default().into_iter().map(|(account, keys)| (account, raw(&keys))).collect()
}

fn raw(keys: &SessionKeys) -> Keys {
	KINDS.map(|(_, key_type)| keys.get_raw(key_type).to_vec())
}

struct State<'a, Client> {
	client: &'a Client,
	at: Hash,
	keystore: &'a dyn Keystore,
	current: Set,
	next: Set,
}

impl<Client> State<'_, Client>
where
	Client: StateReader + ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	fn value<T: Decode>(&self, key: &[u8]) -> Option<T> {
		value(self.client, self.at, key)
	}

	/// The keystore's keys, each with the accounts that use it now, use it next, and have set it.
	fn keys(&self) -> Vec<(OwnKey, [Option<AccountId>; 3])> {
		let mut keys = Vec::new();
		for (index, (kind, key_type)) in KINDS.iter().enumerate() {
			for public in self.keystore.keys(*key_type).unwrap_or_default() {
				let user = |set: &Set| set.iter().find(|(_, keys)| keys[index] == public).map(|(user, _)| user.clone());
				let owner = self.value(&KeyOwner::<Runtime>::hashed_key_for((*key_type, public.clone())));
				let accounts = [user(&self.current), user(&self.next), owner];
				let [current, next, set] = accounts.each_ref().map(|account| account.as_ref().map(address));
				let public = to_hex(&public, false);
				keys.push((OwnKey { kind: (*kind).into(), public, current, next, set }, accounts));
			}
		}
		keys
	}

	fn validator(&self, account: &AccountId) -> Result<OwnValidator, ApiError> {
		let place = self.current.iter().position(|(member, _)| member == account);
		let in_next = self.next.iter().find(|(member, _)| member == account);
		let set_keys = self.value::<SessionKeys>(&NextKeys::<Runtime>::hashed_key_for(account));
		let disabled = self.value::<Vec<(u32, u32)>>(&DisabledValidators::<Runtime>::hashed_key()).unwrap_or_default();
		let out_of_service =
			self.value::<BTreeMap<AccountId, Absence>>(&OutOfService::<Runtime>::hashed_key()).unwrap_or_default();
		let controller = self.value::<AccountId>(&Bonded::<Runtime>::hashed_key_for(account));
		let ledger = controller.and_then(|controller| {
			self.value::<StakingLedger<Runtime>>(&Ledger::<Runtime>::hashed_key_for(controller))
		});
		let min_stake = self.value::<Balance>(&MinValidatorBond::<Runtime>::hashed_key()).unwrap_or_default();
		let service = self.client.runtime_api().validator(self.at, account.clone())?;
		Ok(OwnValidator {
			is_elected: place.is_some(),
			is_elected_next: in_next.is_some(),
			is_candidate: self.client.read(self.at, &Validators::<Runtime>::hashed_key_for(account)).is_some(),
			is_disabled: place.is_some_and(|place| disabled.iter().any(|(index, _)| *index as usize == place)),
			is_out_of_service: out_of_service.contains_key(account),
			current_keys: place.map(|place| self.key_set(&self.current[place].1)),
			next_keys: in_next.map(|(_, keys)| self.key_set(keys)),
			set_keys: set_keys.map(|keys| self.key_set(&raw(&keys))),
			stake: ledger.map_or(0, |ledger| ledger.active).to_string(),
			min_stake: min_stake.to_string(),
			service: Validator::new(account, service),
		})
	}

	fn key_set(&self, keys: &Keys) -> KeySet {
		let lacks = |(key, (_, key_type)): &(&Vec<u8>, &(&str, KeyTypeId))| {
			!self.keystore.has_keys(&[((*key).clone(), *key_type)])
		};
		let missing = keys.iter().zip(&KINDS).filter(lacks).map(|(_, (kind, _))| (*kind).into()).collect();
		KeySet { keys: to_hex(&keys.concat(), false), missing }
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, key_set, MockChain};
	use codec::Encode;
	use sc_client_api::HeaderBackend;
	use sp_core::{crypto::UncheckedFrom, ed25519, sr25519, Pair};
	use sp_keystore::testing::MemoryKeystore;
	use std::sync::Arc;

	struct Test {
		chain: Arc<MockChain>,
		keystore: MemoryKeystore,
		ours: SessionKeys,
	}

	fn strangers(n: u8) -> SessionKeys {
		SessionKeys {
			babe: sr25519::Public::unchecked_from([n; 32]).into(),
			grandpa: ed25519::Public::unchecked_from([n; 32]).into(),
			authority_discovery: sr25519::Public::unchecked_from([n; 32]).into(),
			inference: ed25519::Public::unchecked_from([n; 32]).into(),
		}
	}

	/// The public key of //Alice.
	fn public<P: Pair>() -> Vec<u8> {
		P::from_string("//Alice", None).expect("it is a path").public().as_ref().to_vec()
	}

	impl Test {
		/// A node with four keys, and a chain that does not know them.
		fn new() -> Self {
			let keystore = MemoryKeystore::new();
			let generate = "a memory keystore makes every key";
			let sr25519 = |key_type| keystore.sr25519_generate_new(key_type, None).expect(generate);
			let ed25519 = |key_type| keystore.ed25519_generate_new(key_type, None).expect(generate);
			let ours = SessionKeys {
				babe: sr25519(key_types::BABE).into(),
				grandpa: ed25519(key_types::GRANDPA).into(),
				authority_discovery: sr25519(key_types::AUTHORITY_DISCOVERY).into(),
				inference: ed25519(inference_key::KEY_TYPE).into(),
			};
			let chain = Arc::new(MockChain::new());
			let mut set = key_set(5, 4);
			set.members.drain(..2);
			chain.state().key_sets = vec![set];
			Self { chain, keystore, ours }
		}

		fn put(&self, key: Vec<u8>, value: impl Encode) {
			self.chain.state().storage.insert(key, value.encode());
		}

		fn set_keys(&self, who: u8, keys: &SessionKeys) {
			self.put(NextKeys::<Runtime>::hashed_key_for(account(who)), keys);
			for (kind, key) in KINDS.iter().zip(raw(keys)) {
				self.put(KeyOwner::<Runtime>::hashed_key_for((kind.1, key)), account(who));
			}
		}

		fn queue(&self, set: &[(u8, &SessionKeys)]) {
			let queued: Vec<_> = set.iter().map(|(who, keys)| (account(*who), (*keys).clone())).collect();
			self.put(QueuedKeys::<Runtime>::hashed_key().to_vec(), queued);
		}

		/// Lets the current session have these keys.
		fn begin(&self, set: &[(u8, &SessionKeys)]) {
			let keys = |kind: usize| set.iter().map(|(_, keys)| raw(keys)[kind].clone()).collect::<Vec<_>>();
			let fixed = |key: Vec<u8>| <[u8; 32]>::try_from(key).expect("a public key has 32 bytes");
			let weighted = |kind| keys(kind).into_iter().map(|key| (fixed(key), 1u64)).collect::<Vec<_>>();
			self.put(storage_prefix(b"Babe", b"Authorities").to_vec(), weighted(0));
			self.put(storage_prefix(b"Grandpa", b"Authorities").to_vec(), weighted(1));
			let discovery: Vec<_> = keys(2).into_iter().map(fixed).collect();
			self.put(storage_prefix(b"AuthorityDiscovery", b"Keys").to_vec(), discovery);
			let members = set.iter().map(|(who, keys)| (account(*who), keys.inference.clone())).collect();
			self.chain.state().key_sets[0].members = members;
		}

		fn own(&self) -> Own {
			let best = self.chain.info().best_hash;
			Own::at(&*self.chain, &self.keystore, best).expect("the mock's runtime answers")
		}
	}

	#[test]
	fn a_node_whose_keys_nobody_has_set_has_no_validator() {
		let test = Test::new();
		test.put(storage_prefix(b"Timestamp", b"Now").to_vec(), 7_500_u64);
		let own = test.own();
		assert_eq!((own.session, own.set_size, own.validators.len()), (5, 2, 0));
		assert_eq!(own.made_at, Some(7));
		assert_eq!(own.keys.iter().map(|key| key.kind.as_str()).collect::<Vec<_>>(), KINDS.map(|(kind, _)| kind));
		assert!(own.keys.iter().all(|key| key.current.is_none() && key.next.is_none() && key.set.is_none()));
	}

	#[test]
	fn keys_come_into_use_from_being_set_over_the_next_session_to_the_current_one() {
		let test = Test::new();
		let other = strangers(7);
		test.set_keys(1, &test.ours);
		let [validator] = &test.own().validators[..] else { panic!("one account has set them") };
		assert!(validator.set_keys.as_ref().is_some_and(|keys| keys.missing.is_empty()));
		assert!(!validator.is_elected && !validator.is_elected_next && validator.current_keys.is_none());

		test.queue(&[(0, &other), (1, &test.ours)]);
		assert!(test.own().validators[0].is_elected_next);
		test.begin(&[(0, &other), (1, &test.ours)]);
		let own = test.own();
		let [validator] = &own.validators[..] else { panic!("the other's keys are not here") };
		assert!(validator.is_elected && !validator.is_disabled);
		assert_eq!(validator.current_keys, validator.set_keys);
		assert_eq!(validator.service.account, address(&account(1)));
		assert!(own.keys.iter().all(|key| key.current.as_ref() == Some(&address(&account(1)))));
	}

	#[test]
	fn a_set_key_that_the_node_lacks_is_named_and_a_disabled_validator_is_told() {
		let test = Test::new();
		let mixed = SessionKeys { grandpa: strangers(7).grandpa, ..test.ours.clone() };
		test.begin(&[(1, &mixed)]);
		test.put(DisabledValidators::<Runtime>::hashed_key().to_vec(), vec![(0u32, 0u32)]);
		let [validator] = &test.own().validators[..] else { panic!("three of its keys are here") };
		assert_eq!(validator.current_keys.as_ref().map(|keys| keys.missing.clone()), Some(vec!["grandpa".into()]));
		assert!(validator.is_disabled && validator.set_keys.is_none());
		assert!(!validator.is_out_of_service);
	}

	#[test]
	fn a_validator_that_is_out_of_service_is_told() {
		let test = Test::new();
		test.set_keys(1, &test.ours);
		let absent = |account| BTreeMap::from([(account, Absence { since: 7, is_underbonded: false })]);
		for (number, expected) in [(0, false), (1, true)] {
			test.put(OutOfService::<Runtime>::hashed_key().to_vec(), absent(account(number)));
			let own = test.own();
			assert_eq!(
				own.validators.iter().map(|one| one.is_out_of_service).collect::<Vec<_>>(),
				[expected],
				"{number}"
			);
		}
	}

	#[test]
	fn a_key_of_another_scheme_counts_as_missing_though_the_keystore_takes_it() {
		let test = Test::new();
		let [right, wrong] = [public::<ed25519::Pair>(), public::<sr25519::Pair>()];
		test.keystore.insert(key_types::GRANDPA, "//Alice", &wrong).expect("it takes any");
		let grandpa = ed25519::Public::try_from(&right[..]).expect("it is one").into();
		test.set_keys(1, &SessionKeys { grandpa, ..test.ours.clone() });
		let [validator] = &test.own().validators[..] else { panic!("three of its keys are here") };
		assert_eq!(validator.set_keys.as_ref().map(|keys| keys.missing.clone()), Some(vec!["grandpa".into()]));
	}

	#[test]
	fn no_more_keys_are_told_of_than_there_is_room_for_and_those_in_use_are_among_them() {
		let test = Test::new();
		for _ in 0..MAX_KEYS {
			test.keystore.sr25519_generate_new(key_types::BABE, None).expect("a memory keystore makes every key");
		}
		test.set_keys(1, &test.ours);
		let keys = test.own().keys;
		assert_eq!(keys.len(), MAX_KEYS);
		assert_eq!(keys.iter().filter(|key| key.set.is_some()).count(), 4);
	}
}

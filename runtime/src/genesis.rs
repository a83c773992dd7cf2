//! What each network starts with, as presets inside the runtime.
//!
//! The keys of every preset, sudo's and the council's too, are the publicly known ones of `//Alice`, `//Bob` and so on:
//! whoever reads this can sign with them.

use crate::{
	configs::{babe::EPOCH_CONFIGURATION, staking::MaxValidatorCount},
	constants::{DAY, MILLI_SIB, SIB},
	models, AccountId, BabeConfig, Balance, BalancesConfig, BlockNumber, CouncilMembershipConfig, Inference,
	InferenceConfig, ModelsConfig, RuntimeGenesisConfig, SessionConfig, SessionKeys, StakingConfig, SudoConfig,
	TimelockConfig, TimingConfig,
};
use alloc::{string::ToString, vec, vec::Vec};
use frame_support::{build_struct_json_patch, BoundedVec};
use pallet_staking::StakerStatus;
use serde_json::Value;
use sp_genesis_builder::PresetId;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::Perbill;

/// One validator with short epochs: `sibyl-node --dev`.
pub const DEVELOPMENT: &str = sp_genesis_builder::DEV_RUNTIME_PRESET;
/// Four validators on one machine, Alice to Dave, with short epochs. Alice to Charlie are the council.
pub const LOCAL_TESTNET: &str = sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET;
/// Four validators, Alice to Dave, with epochs of ten minutes. They are the council, and there is no sudo key.
pub const TESTNET: &str = "testnet";

const ENDOWMENT: Balance = 1_000_000 * SIB;
const STAKE: Balance = 100_000 * SIB;
/// What covers a validator's seats: enough for hundreds of the dearest jobs.
const SERVICE_BOND: Balance = 1_000 * SIB;
const MIN_VALIDATOR_BOND: Balance = 1_000 * SIB;
const MIN_NOMINATOR_BOND: Balance = 10 * SIB;
/// The council's delay where nobody has anything to lose: half a minute.
const SHORT_DELAY: BlockNumber = 10;

/// How a network differs from another.
struct Network {
	/// The validators of the first sessions, each its own stash.
	validators: &'static [TestIdentity],
	/// Seats for elected validators.
	validator_count: u32,
	/// Slots in an epoch.
	epoch_duration: u64,
	/// Sessions in an era.
	sessions_per_era: u32,
	/// The members of the council.
	council: &'static [TestIdentity],
	/// Blocks that the council's calls wait before root makes them.
	delay: BlockNumber,
	/// Who can make calls as root at once.
	sudo: Option<Sr25519Keyring>,
}

/// One publicly known secret in both signature schemes.
struct TestIdentity {
	sr25519: Sr25519Keyring,
	ed25519: Ed25519Keyring,
}

const ALICE: TestIdentity = TestIdentity { sr25519: Sr25519Keyring::Alice, ed25519: Ed25519Keyring::Alice };
const BOB: TestIdentity = TestIdentity { sr25519: Sr25519Keyring::Bob, ed25519: Ed25519Keyring::Bob };
const CHARLIE: TestIdentity = TestIdentity { sr25519: Sr25519Keyring::Charlie, ed25519: Ed25519Keyring::Charlie };
const DAVE: TestIdentity = TestIdentity { sr25519: Sr25519Keyring::Dave, ed25519: Ed25519Keyring::Dave };

const ENDOWED: [Sr25519Keyring; 6] = [
	Sr25519Keyring::Alice,
	Sr25519Keyring::Bob,
	Sr25519Keyring::Charlie,
	Sr25519Keyring::Dave,
	Sr25519Keyring::Eve,
	Sr25519Keyring::Ferdie,
];

impl TestIdentity {
	fn account(&self) -> AccountId {
		self.sr25519.to_account_id()
	}

	fn session_keys(&self) -> SessionKeys {
		SessionKeys {
			babe: self.sr25519.public().into(),
			grandpa: self.ed25519.public().into(),
			authority_discovery: self.sr25519.public().into(),
			inference: self.ed25519.public().into(),
		}
	}
}

impl Network {
	fn genesis(&self) -> Value {
		let balances = ENDOWED
			.iter()
			.map(|account| (account.to_account_id(), ENDOWMENT))
			// The existential deposit: the protocol's shares may each be less than that.
			.chain([(Inference::protocol_account(), MILLI_SIB)])
			.collect();
		let keys = self
			.validators
			.iter()
			.map(|validator| (validator.account(), validator.account(), validator.session_keys()))
			.collect();
		let stakers = self
			.validators
			.iter()
			.map(|validator| (validator.account(), validator.account(), STAKE, StakerStatus::Validator))
			.collect();
		let members = self.council.iter().map(TestIdentity::account).collect::<Vec<_>>();
		let service_bonds =
			self.validators.iter().map(|validator| (validator.account(), SERVICE_BOND)).collect::<Vec<_>>();
		build_struct_json_patch!(RuntimeGenesisConfig {
			timing: TimingConfig {
				epoch_duration: Some(self.epoch_duration),
				sessions_per_era: Some(self.sessions_per_era),
			},
			// BABE's and GRANDPA's authorities come from the session keys.
			babe: BabeConfig { epoch_config: EPOCH_CONFIGURATION },
			balances: BalancesConfig { balances },
			staking: StakingConfig {
				validator_count: self.validator_count,
				minimum_validator_count: 1,
				slash_reward_fraction: Perbill::from_percent(10),
				stakers,
				min_validator_bond: MIN_VALIDATOR_BOND,
				min_nominator_bond: MIN_NOMINATOR_BOND,
				max_validator_count: Some(MaxValidatorCount::get()),
				max_nominator_count: None,
			},
			session: SessionConfig { keys },
			models: ModelsConfig { models: models::all() },
			inference: InferenceConfig { service_bonds },
			sudo: SudoConfig { key: self.sudo.map(|key| key.to_account_id()) },
			council_membership: CouncilMembershipConfig { members: BoundedVec::truncate_from(members) },
			timelock: TimelockConfig { delay: Some(self.delay) },
		})
	}
}

/// The JSON patch of the named preset, or `None` where there is no such preset.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
	let network = match id.as_ref() {
		DEVELOPMENT => Network {
			validators: &[ALICE],
			validator_count: 10,
			epoch_duration: 20,
			sessions_per_era: 2,
			council: &[ALICE],
			delay: SHORT_DELAY,
			sudo: Some(Sr25519Keyring::Alice),
		},
		LOCAL_TESTNET => Network {
			validators: &[ALICE, BOB, CHARLIE, DAVE],
			validator_count: 10,
			epoch_duration: 20,
			sessions_per_era: 2,
			council: &[ALICE, BOB, CHARLIE],
			delay: SHORT_DELAY,
			sudo: Some(Sr25519Keyring::Alice),
		},
		TESTNET => Network {
			validators: &[ALICE, BOB, CHARLIE, DAVE],
			validator_count: 20,
			epoch_duration: 200,
			sessions_per_era: 6,
			council: &[ALICE, BOB, CHARLIE, DAVE],
			delay: 2 * DAY,
			sudo: None,
		},
		_ => return None,
	};
	Some(network.genesis().to_string().into_bytes())
}

/// The presets this runtime has.
pub fn preset_names() -> Vec<PresetId> {
	vec![DEVELOPMENT.into(), LOCAL_TESTNET.into(), TESTNET.into()]
}

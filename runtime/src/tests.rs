mod feeds;
mod fuzz;
mod governance;
mod inference;
mod padding;
mod staking;
mod upgrade;

use crate::{
	configs::staking::FixedInflation,
	constants::{MILLIS_PER_YEAR, SIB},
	genesis, AllPalletsWithSystem, Authorship, Balances, Inference, Runtime, RuntimeCall, RuntimeGenesisConfig,
	SessionKeys, System, TxExtension, UncheckedExtrinsic,
};
use codec::{Decode, Encode};
use frame_support::traits::{fungible::Balanced, Get, OnUnbalanced, PalletsInfoAccess, TryState, TryStateSelect};
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{BuildStorage, MultiAddress, MultiSignature};
use sp_staking::EraPayout;

/// The state that the preset starts with.
fn network(preset: &str) -> TestExternalities {
	storage(preset).into()
}

/// The storage that the preset starts with.
fn storage(preset: &str) -> sp_storage::Storage {
	changed(preset, serde_json::Value::Null)
}

/// The storage that the preset starts with, with other values for what is named.
fn changed(preset: &str, change: serde_json::Value) -> sp_storage::Storage {
	let patch = genesis::get_preset(&preset.into()).expect("the preset exists");
	let patch = serde_json::from_slice(&patch).expect("a preset is JSON");
	let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("a genesis is JSON");
	merge(&mut config, patch);
	if change.is_object() {
		merge(&mut config, change);
	}
	serde_json::from_value::<RuntimeGenesisConfig>(config)
		.expect("a preset sets only what there is")
		.build_storage()
		.expect("the storage of a preset builds")
}

/// Puts the patch's values in the place of the config's, object by object.
fn merge(config: &mut serde_json::Value, patch: serde_json::Value) {
	match (config, patch) {
		(serde_json::Value::Object(config), serde_json::Value::Object(patch)) => {
			for (key, value) in patch {
				merge(config.entry(key).or_insert(serde_json::Value::Null), value);
			}
		}
		(config, patch) => *config = patch,
	}
}

fn validators(preset: &str) -> Vec<crate::AccountId> {
	network(preset).execute_with(pallet_session::Validators::<Runtime>::get)
}

#[test]
fn every_preset_builds_a_genesis_whose_state_all_pallets_accept() {
	for preset in genesis::preset_names() {
		network(preset.as_ref()).execute_with(|| {
			AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All)
				.unwrap_or_else(|error| panic!("{preset}: {error:?}"));
		});
	}
}

#[test]
fn a_state_that_breaks_an_invariant_is_not_accepted() {
	network(genesis::DEVELOPMENT).execute_with(|| {
		pallet_timing::EpochDurationInSlots::<Runtime>::put(1);
		AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All)
			.expect_err("an epoch of one slot is too short");
	});
}

#[test]
fn development_has_one_validator_and_the_networks_have_four() {
	assert_eq!(validators(genesis::DEVELOPMENT), [Sr25519Keyring::Alice.to_account_id()]);
	for preset in [genesis::LOCAL_TESTNET, genesis::TESTNET] {
		let mut elected = validators(preset);
		let mut expected = [Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie, Sr25519Keyring::Dave]
			.map(|validator| validator.to_account_id());
		elected.sort();
		expected.sort();
		assert_eq!(elected, expected, "{preset}");
	}
}

#[test]
fn epochs_are_short_on_laptops_and_long_on_the_test_network() {
	let times = |preset| {
		network(preset).execute_with(|| {
			(
				<Runtime as pallet_babe::Config>::EpochDuration::get(),
				<Runtime as pallet_staking::Config>::SessionsPerEra::get(),
				crate::Babe::current_epoch().duration,
			)
		})
	};
	assert_eq!(times(genesis::DEVELOPMENT), (20, 2, 20));
	assert_eq!(times(genesis::LOCAL_TESTNET), (20, 2, 20));
	assert_eq!(times(genesis::TESTNET), (200, 6, 200));
}

#[test]
fn new_validators_find_free_seats_and_nobody_is_invulnerable() {
	for preset in [genesis::LOCAL_TESTNET, genesis::TESTNET] {
		network(preset).execute_with(|| {
			assert!(pallet_staking::ValidatorCount::<Runtime>::get() >= 10, "{preset}");
			assert!(pallet_staking::Invulnerables::<Runtime>::get().is_empty(), "{preset}");
		});
	}
}

#[test]
fn an_unknown_preset_is_none() {
	assert_eq!(genesis::get_preset(&"mainnet".into()), None);
}

#[test]
fn session_keys_are_four_public_keys_one_after_another() {
	let keys = SessionKeys::decode(&mut &[7u8; 128][..]).expect("any bytes are keys");
	assert_eq!(keys.encode(), [7u8; 128]);
	let types: Vec<_> = SessionKeys::decode_into_raw_public_keys(&[7u8; 128])
		.expect("any bytes are keys")
		.into_iter()
		.map(|(key, key_type)| (key.len(), key_type.0))
		.collect();
	assert_eq!(types, [(32, *b"babe"), (32, *b"gran"), (32, *b"audi"), (32, *b"infr")]);
}

#[test]
fn calls_are_addressed_by_the_pallets_committed_indices() {
	let indices: Vec<_> = AllPalletsWithSystem::infos().into_iter().map(|pallet| (pallet.index, pallet.name)).collect();
	assert_eq!(
		indices,
		[
			(0, "System"),
			(1, "Timing"),
			(2, "Timestamp"),
			(3, "Babe"),
			(4, "Authorship"),
			(5, "Balances"),
			(6, "TransactionPayment"),
			(7, "Staking"),
			(8, "Offences"),
			(9, "Historical"),
			(10, "Session"),
			(11, "Grandpa"),
			(12, "AuthorityDiscovery"),
			(13, "Utility"),
			(14, "Sudo"),
			(15, "Inference"),
			(16, "Models"),
			(17, "VoterList"),
			(18, "Feeds"),
			(20, "Council"),
			(21, "CouncilMembership"),
			(22, "Timelock"),
			(23, "Scheduler"),
			(24, "Preimage"),
			(25, "SafeMode"),
			(26, "Treasury"),
		]
	);
}

#[test]
fn a_v4_signed_extrinsic_decodes_as_wallets_encode_it() {
	let alice = Sr25519Keyring::Alice.to_account_id();
	let call = RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
		dest: MultiAddress::Id(Sr25519Keyring::Bob.to_account_id()),
		value: SIB,
	});
	let mut wire = vec![0b1000_0100];
	MultiAddress::<_, ()>::Id(alice.clone()).encode_to(&mut wire);
	MultiSignature::Sr25519([1u8; 64].into()).encode_to(&mut wire);
	// An immortal era, nonce 3, no tip, no metadata hash.
	wire.extend([0, 3 << 2, 0, 0]);
	call.encode_to(&mut wire);

	let decoded = UncheckedExtrinsic::decode(&mut &wire.encode()[..]).expect("a wallet's extrinsic decodes");
	assert_eq!(decoded.function, call);
	assert_eq!(decoded.encode(), wire.encode());
	assert_eq!(decoded.preamble.to_signed().map(|(signer, ..)| signer), Some(MultiAddress::Id(alice)));
}

#[test]
fn extensions_stand_in_the_order_that_is_signed() {
	use sp_runtime::traits::TransactionExtension;
	let names: Vec<_> = TxExtension::metadata().into_iter().map(|extension| extension.identifier).collect();
	assert_eq!(
		names,
		[
			"CheckNonZeroSender",
			"CheckSpecVersion",
			"CheckTxVersion",
			"CheckGenesis",
			"CheckMortality",
			"CheckNonce",
			"CheckWeight",
			"ChargeTransactionPayment",
			"CheckMetadataHash",
			"WeightReclaim",
		]
	);
}

#[test]
fn a_year_of_eras_mints_the_yearly_inflation_and_no_era_more() {
	let issuance = 1_000_000 * SIB;
	let day = 24 * 60 * 60 * 1000;
	let (stakers, rest) = FixedInflation::era_payout(SIB, issuance, day);
	assert_eq!(rest, 0);
	let expected = issuance / 20 * u128::from(day) / u128::from(MILLIS_PER_YEAR);
	assert!(stakers.abs_diff(expected) <= 1, "{stakers} for {expected}");
	assert_eq!(FixedInflation::era_payout(SIB, issuance, MILLIS_PER_YEAR).0, issuance / 20);
	assert_eq!(FixedInflation::era_payout(SIB, issuance, u64::MAX).0, issuance / 20);
}

/// Bob pays a SIB of fees.
fn pay_fees() {
	let fees = Balances::withdraw(
		&Sr25519Keyring::Bob.to_account_id(),
		SIB,
		frame_support::traits::tokens::Precision::Exact,
		frame_support::traits::tokens::Preservation::Preserve,
		frame_support::traits::tokens::Fortitude::Polite,
	)
	.expect("Bob has a SIB");
	crate::configs::payment::ToAuthorAndProtocol::on_unbalanced(fees);
}

#[test]
fn fees_without_an_author_are_burnt_and_nothing_else_is_lost() {
	network(genesis::DEVELOPMENT).execute_with(|| {
		assert_eq!(Authorship::author(), None);
		let before = Balances::total_issuance();
		pay_fees();
		assert_eq!(Balances::total_issuance(), before - SIB);
	});
}

#[test]
fn a_fifth_of_fees_is_the_protocols_and_the_rest_the_authors() {
	inference::chain(|| {
		inference::block(1, Sr25519Keyring::Alice, || {
			assert_eq!(Authorship::author(), Some(Sr25519Keyring::Alice.to_account_id()));
			let of = |account: crate::AccountId| move || Balances::free_balance(&account);
			let (author, protocol) = (of(Sr25519Keyring::Alice.to_account_id()), of(Inference::protocol_account()));
			let before = (Balances::total_issuance(), author(), protocol());
			pay_fees();
			let after = (Balances::total_issuance(), author(), protocol());
			assert_eq!(after, (before.0, before.1 + SIB / 5 * 4, before.2 + SIB / 5));
		});
	});
}

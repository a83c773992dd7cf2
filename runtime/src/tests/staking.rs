//! Who is read by an election.

use super::network;
use crate::configs::staking::{Bounds, MaxElectingVoters};
use crate::{
	constants::SIB, AccountId, AllPalletsWithSystem, Balance, Balances, Runtime, RuntimeOrigin, Staking, System,
	VoterList,
};
use frame_election_provider_support::{ElectionDataProvider, SortedListProvider};
use frame_support::{
	assert_noop, assert_ok,
	traits::{fungible::Mutate, TryState, TryStateSelect},
};
use pallet_staking::RewardDestination;
use sp_keyring::Sr25519Keyring;
use sp_runtime::MultiAddress;

fn nominate(number: u32, stake: Balance) -> AccountId {
	let mut account = [7; 32];
	account[..4].copy_from_slice(&number.to_le_bytes());
	let account = AccountId::from(account);
	assert_ok!(Balances::mint_into(&account, stake + SIB));
	let origin = RuntimeOrigin::signed(account.clone());
	assert_ok!(Staking::bond(origin.clone(), stake, RewardDestination::Stash));
	assert_ok!(Staking::nominate(origin, vec![MultiAddress::Id(Sr25519Keyring::Alice.to_account_id())]));
	account
}

fn readers() -> Vec<AccountId> {
	VoterList::iter().collect()
}

#[test]
fn who_has_more_stake_is_read_before_all_that_came_first_with_less() {
	network(sp_genesis_builder::DEV_RUNTIME_PRESET).execute_with(|| {
		let first: Vec<_> = (0..1_500).map(|number| nominate(number, 10 * SIB)).collect();
		let last = nominate(5_000, 40 * SIB);
		let bounds = Bounds::get().voters;
		let electing = Staking::electing_voters(bounds, 0).expect("they can be read");
		assert_eq!(electing.len() as u32, MaxElectingVoters::get());
		assert!(electing.iter().any(|(voter, ..)| *voter == last), "the last to come has more stake");
		let order = readers();
		assert_eq!(order.len(), 1 + 1_500 + 1, "nobody is refused: a validator and all nominators");
		let place = |account: &AccountId| order.iter().position(|other| other == account);
		assert!(first.iter().all(|poor| place(&last) < place(poor)), "places are outbid");

		let origin = RuntimeOrigin::signed(first[500].clone());
		assert_ok!(Balances::mint_into(&first[500], 200 * SIB));
		assert_ok!(Staking::bond_extra(origin, 150 * SIB));
		let order = readers();
		let place = |account: &AccountId| order.iter().position(|other| other == account);
		assert!(place(&first[500]) < place(&last), "who bonds more moves ahead at once");
	});
}

#[test]
fn nobody_is_put_among_those_who_vote_that_neither_validates_nor_nominates() {
	network(sp_genesis_builder::DEV_RUNTIME_PRESET).execute_with(|| {
		let alice = Sr25519Keyring::Alice.to_account_id();
		let rebag = || VoterList::rebag(RuntimeOrigin::signed(alice.clone()), MultiAddress::Id(alice.clone()));
		assert_ok!(rebag());
		assert_ok!(Staking::chill(RuntimeOrigin::signed(alice.clone())));
		let unknown = pallet_bags_list::ListError::NodeNotFound;
		assert_noop!(rebag(), pallet_bags_list::Error::<Runtime, pallet_bags_list::Instance1>::List(unknown));
		assert_eq!(readers(), []);
		assert_ok!(Staking::validate(RuntimeOrigin::signed(alice.clone()), Default::default()));
		assert_eq!(readers(), [alice]);
		AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All).expect("all invariants hold");
	});
}

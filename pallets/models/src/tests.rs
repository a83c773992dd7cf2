use crate::{self as pallet_models, Attestations, Event, Pallet};
use frame_support::{assert_ok, derive_impl, traits::Hooks};
use sibyl_primitives::{
	model::{Golden, ModelFile, ModelId, ModelLimits, ModelRevision, Standing, Task},
	price::ModelPrice,
	vote::Attestation,
	AccountId, Hash,
};
use sp_io::TestExternalities;
use sp_runtime::{traits::IdentityLookup, BuildStorage};

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(RuntimeCall, RuntimeEvent, RuntimeError, RuntimeOrigin, RuntimeTask)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Models = pallet_models;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
}

impl crate::Config for Test {}

const SERVES: Standing = Standing::Serves { capacity: 8 };

fn revision(name: &str) -> ModelRevision {
	ModelRevision {
		name: name.try_into().expect("the name is short"),
		task: Task::Classify,
		architecture: "test".try_into().expect("the name is short"),
		files: vec![ModelFile {
			name: "weights".try_into().expect("the name is short"),
			size: 1,
			sha256: Hash::repeat_byte(1),
		}]
		.try_into()
		.expect("one file fits"),
		semantics: 1,
		limits: ModelLimits { input_bytes: 512, context_units: 512, output_units: 0 },
		commit_window: 12,
		price: ModelPrice { base: 1, unit: 1 },
		goldens: vec![Golden {
			input: "hello".try_into().expect("the text is short"),
			output_hash: Hash::repeat_byte(2),
		}]
		.try_into()
		.expect("one golden fits"),
	}
}

fn network(models: Vec<ModelRevision>) -> TestExternalities {
	let config =
		RuntimeGenesisConfig { models: crate::GenesisConfig { models, ..Default::default() }, ..Default::default() };
	let mut externalities: TestExternalities = config.build_storage().expect("the genesis builds").into();
	externalities.execute_with(|| System::set_block_number(1));
	externalities
}

fn validator(number: u8) -> AccountId {
	[number; 32].into()
}

fn serving(model: &ModelId) -> Vec<(AccountId, u16)> {
	Pallet::<Test>::serving(model).collect()
}

fn attest(who: u8, model: ModelId, standing: Standing, made_at: u32) -> bool {
	Pallet::<Test>::attest(&validator(who), &Attestation { model, standing }, made_at)
}

fn end_block() {
	Pallet::<Test>::on_finalize(System::block_number());
	assert_ok!(Pallet::<Test>::check_invariants());
}

#[test]
fn a_genesis_model_is_known_by_the_hash_of_its_revision() {
	network(vec![revision("one"), revision("two")]).execute_with(|| {
		assert_eq!(Pallet::<Test>::revision(&revision("one").id()), Some(revision("one")));
		assert_eq!(crate::Models::<Test>::count(), 2);
		assert_ok!(Pallet::<Test>::check_invariants());
	});
}

#[test]
#[should_panic(expected = "names a model twice")]
fn a_genesis_with_a_model_twice_is_refused() {
	network(vec![revision("one"), revision("one")]);
}

#[test]
#[should_panic(expected = "a model has no golden")]
fn a_genesis_model_without_goldens_is_refused() {
	network(vec![ModelRevision { goldens: Default::default(), ..revision("one") }]);
}

#[test]
fn an_attestation_takes_effect_at_the_blocks_end() {
	let model = revision("one").id();
	network(vec![revision("one")]).execute_with(|| {
		assert!(attest(1, model, SERVES, 1));
		assert_eq!(serving(&model), []);
		end_block();
		assert_eq!(serving(&model), [(validator(1), 8)]);
		assert_eq!(Pallet::<Test>::capacity(&model, &validator(1)), Some(8));
		System::assert_last_event(Event::Attested { validator: validator(1), model, capacity: 8 }.into());
	});
}

#[test]
fn a_validator_that_withdraws_does_not_serve_any_more() {
	let model = revision("one").id();
	network(vec![revision("one")]).execute_with(|| {
		assert!(attest(1, model, SERVES, 1));
		end_block();
		assert!(attest(1, model, Standing::Withdrawn, 2));
		end_block();
		assert_eq!(serving(&model), []);
		System::assert_last_event(Event::Withdrawn { validator: validator(1), model }.into());
	});
}

#[test]
fn an_older_ballot_that_comes_later_changes_nothing() {
	let model = revision("one").id();
	network(vec![revision("one")]).execute_with(|| {
		assert!(attest(1, model, SERVES, 1));
		end_block();
		assert!(attest(1, model, Standing::Withdrawn, 5));
		end_block();
		assert!(!attest(1, model, SERVES, 1));
		assert!(!attest(1, model, SERVES, 5));
		assert!(attest(1, model, SERVES, 6));
	});
}

#[test]
fn what_is_known_or_names_an_unknown_model_is_no_news() {
	let model = revision("one").id();
	network(vec![revision("one")]).execute_with(|| {
		assert!(!attest(1, revision("two").id(), SERVES, 1));
		assert!(!attest(1, model, Standing::Withdrawn, 1));
		assert!(attest(1, model, SERVES, 1));
		end_block();
		assert!(!attest(1, model, SERVES, 2));
	});
}

#[test]
fn accounts_that_no_longer_validate_are_forgotten() {
	let model = revision("one").id();
	network(vec![revision("one")]).execute_with(|| {
		for who in 1..=3 {
			assert!(attest(who, model, SERVES, 1));
		}
		end_block();
		Pallet::<Test>::retain_validators(&[validator(2)]);
		assert_eq!(Attestations::<Test>::iter_keys().collect::<Vec<_>>(), [(model, validator(2))]);
	});
}

#[test]
fn a_revision_with_another_price_or_file_has_another_id() {
	let base = revision("one");
	let dearer = ModelRevision { price: ModelPrice { base: 2, unit: 1 }, ..base.clone() };
	let newer = ModelRevision { semantics: 2, ..base.clone() };
	assert_ne!(base.id(), dearer.id());
	assert_ne!(base.id(), newer.id());
}

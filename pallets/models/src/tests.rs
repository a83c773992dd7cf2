use crate::{self as pallet_models, Event, Pallet};
use frame_support::{assert_noop, assert_ok, derive_impl};
use sibyl_primitives::{
	model::{Golden, ModelFile, ModelLimits, ModelRevision, Task},
	price::ModelPrice,
	AccountId, Hash,
};
use sp_io::TestExternalities;
use sp_runtime::{
	traits::{BadOrigin, IdentityLookup},
	BuildStorage,
};

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

impl crate::Config for Test {
	type WeightInfo = ();
}

fn revision(name: &str) -> ModelRevision {
	ModelRevision {
		name: name.try_into().expect("the name is short"),
		task: Task::Classify,
		architecture: "test".try_into().expect("the name is short"),
		files: vec![ModelFile {
			name: "weights".try_into().expect("the name is short"),
			size: 1,
			sha256: Hash::repeat_byte(1),
			chunk_root: Hash::repeat_byte(1),
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
			trace: Hash::repeat_byte(3),
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
fn a_genesis_model_whose_jobs_cost_nothing_or_outlive_their_keys_is_refused() {
	let free = ModelRevision { price: ModelPrice { base: 0, unit: 1 }, ..revision("one") };
	let slow = ModelRevision { commit_window: crate::MAX_COMMIT_WINDOW + 1, ..revision("one") };
	for unusable in [free, slow] {
		assert!(std::panic::catch_unwind(|| network(vec![unusable])).is_err());
	}
}

#[test]
fn root_suspends_a_model_and_resumes_it_and_nobody_else_does() {
	let model = revision("one").id();
	network(vec![revision("one")]).execute_with(|| {
		assert_noop!(Models::suspend(RuntimeOrigin::signed([1; 32].into()), model), BadOrigin);
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model));
		assert!(Pallet::<Test>::is_suspended(&model));
		System::assert_last_event(Event::ModelSuspended { model }.into());
		let events = System::event_count();
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model));
		assert_eq!(System::event_count(), events, "twice is once");
		assert_ok!(Pallet::<Test>::check_invariants());

		assert_noop!(Models::resume(RuntimeOrigin::signed([1; 32].into()), model), BadOrigin);
		assert_ok!(Models::resume(RuntimeOrigin::root(), model));
		assert!(!Pallet::<Test>::is_suspended(&model));
		System::assert_last_event(Event::ModelResumed { model }.into());
	});
}

#[test]
fn a_model_that_the_chain_does_not_know_can_not_be_suspended() {
	network(vec![revision("one")]).execute_with(|| {
		for call in [Models::suspend, Models::resume] {
			assert_noop!(call(RuntimeOrigin::root(), revision("two").id()), crate::Error::<Test>::UnknownModel);
		}
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

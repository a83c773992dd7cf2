use crate::{self as pallet_models, Error, Event, HoldReason, Pallet};
use codec::Encode;
use frame_support::{
	assert_noop, assert_ok, derive_impl,
	traits::{fungible::InspectHold, ConstU128, ConstU32},
};
use frame_system::EnsureRoot;
use sibyl_primitives::{
	model::{Golden, ModelFile, ModelId, ModelLimits, ModelManifest, ModelRevision, ModelState, Task},
	price::ModelPrice,
	AccountId, Balance, Hash,
};
use sp_io::TestExternalities;
use sp_runtime::{
	traits::{BadOrigin, IdentityLookup},
	BuildStorage, Percent,
};
use std::cell::RefCell;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeHoldReason,
		RuntimeFreezeReason,
		RuntimeTask
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(2)]
	pub type Models = pallet_models;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<10>;
}

thread_local! {
	static FORGOTTEN: RefCell<Vec<ModelId>> = const { RefCell::new(Vec::new()) };
}

pub struct Noted;
impl crate::OnForgotten for Noted {
	fn on_forgotten(model: &ModelId) {
		FORGOTTEN.with_borrow_mut(|forgotten| forgotten.push(*model));
	}
}

const DEPOSIT_BASE: Balance = 1_000;
const MAX_MODELS: u32 = 3;

impl crate::Config for Test {
	type Deposits = Balances;
	type SuspendOrigin = EnsureRoot<AccountId>;
	type OnForgotten = Noted;
	type MaxModels = ConstU32<MAX_MODELS>;
	type DepositBase = ConstU128<DEPOSIT_BASE>;
	type DepositPerByte = ConstU128<2>;
	type WeightInfo = ();
}

const FUNDS: Balance = 100_000;
const PRICE: ModelPrice = ModelPrice { base: 1, unit: 1, author_share: Percent::from_percent(10) };

fn author() -> AccountId {
	[7; 32].into()
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
			chunk_root: Hash::repeat_byte(4),
		}]
		.try_into()
		.expect("one file fits"),
		semantics: 1,
		limits: ModelLimits { input_bytes: 512, context_units: 512, output_units: 0 },
		commit_window: 12,
		goldens: vec![Golden {
			input: "hello".try_into().expect("the text is short"),
			output_hash: Hash::repeat_byte(2),
			trace: Hash::repeat_byte(3),
		}]
		.try_into()
		.expect("one golden fits"),
		licence: "Apache-2.0".try_into().expect("the text is short"),
	}
}

fn manifest(name: &str) -> ModelManifest {
	ModelManifest { revision: revision(name), price: PRICE }
}

pub fn network(models: Vec<ModelManifest>) -> TestExternalities {
	FORGOTTEN.take();
	let config = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances: vec![(author(), FUNDS)], ..Default::default() },
		models: crate::GenesisConfig { models, ..Default::default() },
		..Default::default()
	};
	let mut externalities: TestExternalities = config.build_storage().expect("the genesis builds").into();
	externalities.execute_with(|| System::set_block_number(1));
	externalities
}

/// Runs the test on a chain with the model `first` of the genesis, and checks the invariants after it.
fn on_a_chain(test: impl FnOnce()) {
	network(vec![manifest("first")]).execute_with(|| {
		test();
		assert_ok!(Pallet::<Test>::check_invariants());
	});
}

fn register(manifest: ModelManifest) -> Result<ModelId, sp_runtime::DispatchError> {
	let id = manifest.revision.id();
	Models::register(RuntimeOrigin::signed(author()), Box::new(manifest)).map(|()| id)
}

fn held() -> Balance {
	Balances::balance_on_hold(&HoldReason::ModelDeposit.into(), &author())
}

fn state(model: ModelId) -> Option<ModelState> {
	Pallet::<Test>::registration(&model).map(|registration| registration.state)
}

#[test]
fn a_genesis_model_is_known_by_the_hash_of_its_revision() {
	network(vec![manifest("one"), manifest("two-2")]).execute_with(|| {
		assert_eq!(Pallet::<Test>::revision(&revision("one").id()), Some(revision("one")));
		assert_eq!(crate::Models::<Test>::count(), 2);
		assert_eq!(crate::Names::<Test>::get(&revision("two-2").name), Some(revision("two-2").id()));
		assert_ok!(Pallet::<Test>::check_invariants());
	});
}

#[test]
#[should_panic(expected = "AlreadyRegistered")]
fn a_genesis_with_a_model_twice_is_refused() {
	network(vec![manifest("one"), manifest("one")]);
}

#[test]
#[should_panic(expected = "GoldensInvalid")]
fn a_genesis_model_without_goldens_is_refused() {
	let revision = ModelRevision { goldens: Default::default(), ..revision("one") };
	network(vec![ModelManifest { revision, price: PRICE }]);
}

#[test]
fn root_suspends_a_model_and_resumes_it_and_nobody_else_does() {
	on_a_chain(|| {
		let model = revision("first").id();
		assert_noop!(Models::suspend(RuntimeOrigin::signed(author()), model), BadOrigin);
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model));
		assert!(Pallet::<Test>::is_suspended(&model));
		System::assert_last_event(Event::ModelSuspended { model }.into());
		let events = System::event_count();
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model));
		assert_eq!(System::event_count(), events, "twice is once");

		assert_noop!(Models::resume(RuntimeOrigin::signed(author()), model), BadOrigin);
		assert_ok!(Models::resume(RuntimeOrigin::root(), model));
		assert!(!Pallet::<Test>::is_suspended(&model));
		System::assert_last_event(Event::ModelResumed { model }.into());
	});
}

#[test]
fn a_model_that_the_chain_does_not_know_can_not_be_changed() {
	on_a_chain(|| {
		let unknown = revision("other").id();
		for call in [Models::suspend, Models::resume] {
			assert_noop!(call(RuntimeOrigin::root(), unknown), Error::<Test>::UnknownModel);
		}
		let author = RuntimeOrigin::signed(author());
		assert_noop!(Models::retire(author.clone(), unknown), Error::<Test>::UnknownModel);
		assert_noop!(Models::update_price(author, unknown, PRICE), Error::<Test>::UnknownModel);
	});
}

#[test]
fn a_revision_with_another_file_or_arithmetic_has_another_id_and_one_of_another_price_has_not() {
	let base = manifest("one");
	let dearer = ModelManifest { price: ModelPrice { base: 2, ..PRICE }, ..base.clone() };
	let newer = ModelRevision { semantics: 2, ..base.revision.clone() };
	assert_eq!(base.revision.id(), dearer.revision.id());
	assert_ne!(base.revision.id(), newer.id());
}

#[test]
fn anybody_registers_a_model_for_a_deposit_by_its_bytes() {
	on_a_chain(|| {
		let manifest = manifest("mine");
		let deposit = DEPOSIT_BASE + 2 * manifest.encoded_size() as Balance;
		let model = register(manifest.clone()).expect("it is in order");
		assert_eq!(held(), deposit);
		System::assert_last_event(
			Event::ModelRegistered { model, name: manifest.revision.name, author: author(), deposit }.into(),
		);
		let registration = Pallet::<Test>::registration(&model).expect("it is known");
		assert_eq!((registration.author, registration.price), (Some(author()), PRICE));
		assert_eq!(registration.state, ModelState::Listed);
	});
}

#[test]
fn who_can_not_pay_the_deposit_registers_nothing() {
	on_a_chain(|| {
		let poor = RuntimeOrigin::signed([8; 32].into());
		assert_noop!(Models::register(poor, Box::new(manifest("mine"))), Error::<Test>::DepositTooHigh);
	});
}

#[test]
fn a_model_or_a_name_that_is_there_is_refused() {
	on_a_chain(|| {
		assert_noop!(register(manifest("first")), Error::<Test>::AlreadyRegistered);
		let other = ModelRevision { semantics: 2, ..revision("first") };
		assert_noop!(register(ModelManifest { revision: other, price: PRICE }), Error::<Test>::NameTaken);
	});
}

#[test]
fn the_chain_takes_so_many_models_and_no_more() {
	on_a_chain(|| {
		assert_ok!(register(manifest("second")));
		assert_ok!(register(manifest("third")));
		assert_noop!(register(manifest("fourth")), Error::<Test>::TooManyModels);
	});
}

#[test]
fn names_are_such_that_no_two_look_alike() {
	on_a_chain(|| {
		for name in ["", "a", "Mine", "-mine", "mi ne", "m\u{456}ne", "mine\n", "mine/x"] {
			assert_noop!(register(manifest(name)), Error::<Test>::NameInvalid);
		}
		assert_ok!(register(manifest("7b-mine_v1.2")));
	});
}

#[test]
fn a_manifest_that_no_job_can_be_run_by_is_refused() {
	type Change = fn(&mut ModelManifest);
	let same_file: Change = |manifest| {
		let file = manifest.revision.files[0].clone();
		manifest.revision.files.try_push(file).expect("there is room");
	};
	let same_golden: Change = |manifest| {
		let golden = manifest.revision.goldens[0].clone();
		manifest.revision.goldens.try_push(golden).expect("there is room");
	};
	let cases: [(Change, Error<Test>); 17] = [
		(|manifest| manifest.revision.files = Default::default(), Error::FilesInvalid),
		(|manifest| manifest.revision.files[0].size = 0, Error::FilesInvalid),
		(same_file, Error::FilesInvalid),
		(|manifest| manifest.revision.goldens = Default::default(), Error::GoldensInvalid),
		(same_golden, Error::GoldensInvalid),
		(|manifest| manifest.revision.architecture = text(b""), Error::TextInvalid),
		(|manifest| manifest.revision.licence = text(b"\xff"), Error::TextInvalid),
		(|manifest| manifest.revision.files[0].name = text(b"\xc3\x28"), Error::TextInvalid),
		(|manifest| manifest.revision.goldens[0].input = text(b""), Error::TextInvalid),
		(|manifest| manifest.revision.limits.input_bytes = 0, Error::LimitsInvalid),
		(|manifest| manifest.revision.limits.input_bytes = 8_193, Error::LimitsInvalid),
		(|manifest| manifest.revision.limits.context_units = 0, Error::LimitsInvalid),
		(|manifest| manifest.revision.limits.output_units = 1_025, Error::LimitsInvalid),
		(|manifest| manifest.revision.commit_window = crate::MAX_COMMIT_WINDOW + 1, Error::WindowTooLong),
		(|manifest| manifest.price.base = 0, Error::PriceInvalid),
		(|manifest| manifest.price.author_share = Percent::from_percent(21), Error::PriceInvalid),
		(|manifest| manifest.revision.name = text(b"\xff\xff"), Error::NameInvalid),
	];
	on_a_chain(|| {
		for (number, (change, error)) in cases.into_iter().enumerate() {
			let mut manifest = manifest("mine");
			change(&mut manifest);
			assert_eq!(register(manifest), Err(error.into()), "case {number}");
		}
		assert_eq!(held(), 0);
	});
}

/// A text as a foreign encoding may hold it.
fn text<const N: u32>(bytes: &[u8]) -> sibyl_primitives::Text<N> {
	codec::Decode::decode(&mut &bytes.encode()[..]).expect("a text is bytes")
}

#[test]
fn an_author_changes_the_price_of_its_model_and_nobody_else_does() {
	on_a_chain(|| {
		let model = register(manifest("mine")).expect("it is in order");
		let dearer = ModelPrice { base: 5, ..PRICE };
		let change =
			|who: [u8; 32], model, price| Models::update_price(RuntimeOrigin::signed(who.into()), model, price);
		assert_noop!(change([8; 32], model, dearer), Error::<Test>::NotItsAuthor);
		assert_noop!(change([7; 32], revision("first").id(), dearer), Error::<Test>::NotItsAuthor);
		assert_noop!(change([7; 32], model, ModelPrice { base: 0, ..PRICE }), Error::<Test>::PriceInvalid);
		assert_ok!(change([7; 32], model, dearer));
		System::assert_last_event(Event::PriceUpdated { model, price: dearer }.into());
		assert_eq!(Pallet::<Test>::registration(&model).map(|known| known.price), Some(dearer));
	});
}

#[test]
fn a_retired_model_without_jobs_is_forgotten_at_once_and_its_name_is_free() {
	on_a_chain(|| {
		let model = register(manifest("mine")).expect("it is in order");
		let deposit = held();
		assert_noop!(Models::retire(RuntimeOrigin::signed([8; 32].into()), model), Error::<Test>::NotItsAuthor);
		assert_ok!(Models::retire(RuntimeOrigin::signed(author()), model));
		assert_eq!(held(), 0);
		System::assert_last_event(Event::ModelForgotten { model, deposit }.into());
		assert_eq!(FORGOTTEN.take(), [model]);
		assert_eq!(Pallet::<Test>::revision(&model), None);
		assert_ok!(register(manifest("mine")));
	});
}

#[test]
fn a_retired_model_stays_until_its_last_job_is_forgotten() {
	on_a_chain(|| {
		let model = register(manifest("mine")).expect("it is in order");
		let deposit = held();
		for _ in 0..2 {
			Pallet::<Test>::add_job(&model);
		}
		assert_ok!(Models::retire(RuntimeOrigin::signed(author()), model));
		assert_eq!((state(model), held()), (Some(ModelState::Retired), deposit));
		assert_noop!(register(ModelManifest { price: PRICE, ..manifest("mine") }), Error::<Test>::AlreadyRegistered);
		assert_noop!(Models::retire(RuntimeOrigin::signed(author()), model), Error::<Test>::ModelRetired);
		assert_noop!(Models::suspend(RuntimeOrigin::root(), model), Error::<Test>::ModelRetired);
		assert!(!Pallet::<Test>::remove_job(&model));
		assert_eq!(held(), deposit);
		assert!(Pallet::<Test>::remove_job(&model));
		assert_eq!((state(model), held()), (None, 0));
	});
}

#[test]
fn each_change_of_the_list_is_counted_and_a_job_is_none() {
	on_a_chain(|| {
		let changes = || crate::Changes::<Test>::get();
		let mut before = changes();
		let mut has_changed = |expected: u64| {
			assert_eq!(changes() - before, expected);
			before = changes();
		};
		let model = register(manifest("mine")).expect("it is in order");
		has_changed(1);
		assert_ok!(Models::update_price(RuntimeOrigin::signed(author()), model, PRICE));
		has_changed(1);
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model));
		has_changed(1);
		Pallet::<Test>::add_job(&model);
		has_changed(0);
		assert_ok!(Models::retire(RuntimeOrigin::signed(author()), model));
		has_changed(1);
		assert!(Pallet::<Test>::remove_job(&model));
		has_changed(1);
	});
}

#[test]
fn a_model_that_is_not_retired_stays_without_jobs() {
	on_a_chain(|| {
		let model = revision("first").id();
		Pallet::<Test>::add_job(&model);
		assert!(!Pallet::<Test>::remove_job(&model));
		assert!(!Pallet::<Test>::remove_job(&model), "a count never wraps");
		assert_eq!(Pallet::<Test>::registration(&model).map(|known| known.jobs), Some(0));
	});
}

//! A chain of the pallet alone, whose sessions and randomness the tests hold in their hands.

use crate::{self as pallet_inference, *};
use codec::Encode;
use frame_support::{
	assert_ok, derive_impl,
	dispatch::DispatchResultWithPostInfo,
	parameter_types,
	traits::{fungible::InspectHold, ConstU128, ConstU32, DisabledValidators, Get, Hooks, OneSessionHandler},
	weights::Weight,
	BoundedVec, PalletId,
};
use sibyl_primitives::{
	commitment::{salt_of, salt_payload, Committer},
	inference_key::InferencePair,
	job::{AbstainReason, Seats},
	model::{Golden, ModelFile, ModelLimits, ModelRevision, Standing, Task},
	output::{output_hash, Answer, Classification, VersionedOutput},
	price::ModelPrice,
	vote::{Abstention, Attestation, Ballot, Commit, Reveal, SignedBallot, VoteTarget},
	InferenceId,
};
use sp_core::Pair;
use sp_io::TestExternalities;
use sp_runtime::{traits::IdentityLookup, BuildStorage, Perbill};
use std::cell::{Cell, RefCell};

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
	pub type Inference = pallet_inference;
	#[runtime::pallet_index(3)]
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

impl pallet_models::Config for Test {}

thread_local! {
	static VRF: RefCell<Option<[u8; 32]>> = const { RefCell::new(None) };
	static SESSION: Cell<SessionIndex> = const { Cell::new(0) };
	static DISABLED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

pub struct TestVrf;
impl Get<Option<[u8; 32]>> for TestVrf {
	fn get() -> Option<[u8; 32]> {
		VRF.with_borrow(|vrf| *vrf)
	}
}

pub struct TestSession;
impl Get<SessionIndex> for TestSession {
	fn get() -> SessionIndex {
		SESSION.get()
	}
}

pub struct TestStake;
impl StakeOf for TestStake {
	fn stake_of(_: &AccountId) -> Balance {
		1_000
	}
}

pub struct TestDisabled;
impl DisabledValidators for TestDisabled {
	fn is_disabled(index: u32) -> bool {
		DISABLED.with_borrow(|disabled| disabled.contains(&index))
	}
	fn disabled_validators() -> Vec<u32> {
		DISABLED.with_borrow(Clone::clone)
	}
}

/// Disables these authorities from now on.
pub fn disable(indices: &[u32]) {
	DISABLED.set(indices.to_vec());
}

/// What the next blocks' VRF is; none lets draws wait.
pub fn set_vrf(vrf: Option<[u8; 32]>) {
	VRF.set(vrf);
}

parameter_types! {
	pub const TestPalletId: PalletId = PalletId(*b"sibyl/in");
	pub const TestShare: Perbill = Perbill::from_percent(5);
	pub const MaxIncludeWeight: Weight = Weight::from_parts(600_000_000, u64::MAX);
}

pub const COMMIT_WINDOW: u32 = 12;
pub const GRACE: u32 = 3;
pub const REVEAL_WINDOW: u32 = 12;
pub const RETENTION: u32 = 100;
pub const MAX_OPEN: u32 = 40;
pub const MAX_OPEN_PER_ACCOUNT: u32 = 30;
pub const MAX_DUE: u32 = 8;
pub const KEY_SET_HISTORY: u32 = 2;

impl pallet_inference::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type BlockVrf = TestVrf;
	type CurrentSession = TestSession;
	type Stake = TestStake;
	type DisabledValidators = TestDisabled;
	type PalletId = TestPalletId;
	type ProtocolShare = TestShare;
	type CommitWindow = ConstU32<COMMIT_WINDOW>;
	type CommitGrace = ConstU32<GRACE>;
	type RevealWindow = ConstU32<REVEAL_WINDOW>;
	type Retention = ConstU32<RETENTION>;
	type MaxOpenJobs = ConstU32<MAX_OPEN>;
	type MaxOpenJobsPerAccount = ConstU32<MAX_OPEN_PER_ACCOUNT>;
	type MaxDuePerBlock = ConstU32<MAX_DUE>;
	type MaxValidators = ConstU32<100>;
	type KeySetHistory = ConstU32<KEY_SET_HISTORY>;
	type MaxIncludeWeight = MaxIncludeWeight;
	type WeightInfo = ();
}

pub const PRICE: ModelPrice = ModelPrice { base: 1_000, unit: 10 };
pub const FUNDS: Balance = 10_000_000;

/// A model that answers in up to 50 units.
pub fn model() -> ModelRevision {
	ModelRevision {
		name: "test".try_into().expect("the name is short"),
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
		limits: ModelLimits { input_bytes: 512, context_units: 512, output_units: 50 },
		commit_window: 1,
		price: PRICE,
		goldens: vec![Golden { input: "x".try_into().expect("the text is short"), output_hash: Hash::zero() }]
			.try_into()
			.expect("one golden fits"),
	}
}

pub fn account(number: u8) -> AccountId {
	[number; 32].into()
}

pub fn requester() -> AccountId {
	account(200)
}

pub fn key(number: u8) -> InferencePair {
	InferencePair::from_seed(&[number; 32])
}

/// A chain in its first block, with validators 0, 1, 2… of which each serves the model.
pub struct Chain {
	validators: u8,
	serving: u8,
	capacity: u16,
}

impl Default for Chain {
	fn default() -> Self {
		Self { validators: 4, serving: 4, capacity: 100 }
	}
}

impl Chain {
	pub fn validators(self, validators: u8) -> Self {
		Self { validators, serving: validators, ..self }
	}

	pub fn serving(self, serving: u8) -> Self {
		Self { serving, ..self }
	}

	pub fn capacity(self, capacity: u16) -> Self {
		Self { capacity, ..self }
	}

	pub fn build(self) -> TestExternalities {
		let funded =
			(0..self.validators).map(account).chain([requester(), account(201), Inference::protocol_account()]);
		let config = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: funded.map(|account| (account, FUNDS)).collect(),
				..Default::default()
			},
			models: pallet_models::GenesisConfig { models: vec![model()], ..Default::default() },
			..Default::default()
		};
		let mut externalities: TestExternalities = config.build_storage().expect("the genesis builds").into();
		externalities.execute_with(|| {
			SESSION.set(0);
			set_vrf(Some([7; 32]));
			disable(&[]);
			begin_session(0, &(0..self.validators).map(|number| (number, number)).collect::<Vec<_>>());
			for number in 0..self.serving {
				let standing = Standing::Serves { capacity: self.capacity };
				let attestation = Attestation { model: model().id(), standing };
				assert!(Models::attest(&account(number), &attestation, 0));
			}
			Models::on_finalize(0);
			System::set_block_number(1);
			Inference::on_initialize(1);
		});
		externalities
	}

	pub fn run(self, test: impl FnOnce()) {
		self.build().execute_with(test)
	}
}

/// Begins a session of these validators, each with the key of that number.
pub fn begin_session(session: SessionIndex, validators: &[(u8, u8)]) {
	SESSION.set(session);
	let members: Vec<(AccountId, InferenceId)> =
		validators.iter().map(|(validator, of_key)| (account(*validator), key(*of_key).public())).collect();
	let validators = || members.iter().map(|(account, key)| (account, key.clone()));
	Inference::on_new_session(true, validators(), validators());
}

/// Ends the block, checks every invariant, and begins the next.
pub fn next_block() -> u32 {
	let now = System::block_number();
	Inference::on_finalize(now);
	Models::on_finalize(now);
	check();
	System::set_block_number(now + 1);
	Inference::on_initialize(now + 1);
	(now + 1) as u32
}

/// Checks the invariants of both pallets, and that no unit of money has come or gone.
pub fn check() {
	assert_ok!(Inference::check_invariants());
	assert_ok!(Models::check_invariants());
	let accounts: Balance =
		frame_system::Account::<Test>::iter_values().map(|info| info.data.free + info.data.reserved).sum();
	assert_eq!(accounts, pallet_balances::TotalIssuance::<Test>::get());
}

/// Ends blocks until this one has begun.
pub fn advance_to(block: u32) {
	while (System::block_number() as u32) < block {
		next_block();
	}
}

pub fn all_seats() -> JobOptions {
	JobOptions::default()
}

pub fn fixed(seats: u16) -> JobOptions {
	JobOptions { seats: Seats::Fixed(seats), ..all_seats() }
}

/// Submits "hello" and returns the job's number.
pub fn submit(options: JobOptions) -> JobId {
	let id = NextJob::<Test>::get();
	assert_ok!(Inference::submit(
		RuntimeOrigin::signed(requester()),
		model().id(),
		b"hello".to_vec(),
		options,
		Balance::MAX
	));
	id
}

/// Submits a job and ends two blocks, so that its committee is drawn.
pub fn drawn(options: JobOptions) -> JobId {
	let id = submit(options);
	next_block();
	next_block();
	assert_eq!(job(id).phase, Phase::Committing);
	id
}

pub fn job(id: JobId) -> Job {
	Jobs::<Test>::get(id).expect("the job exists")
}

pub fn committee(id: JobId) -> Committee {
	Committees::<Test>::get(id).expect("the committee is drawn")
}

pub fn target(id: JobId) -> VoteTarget {
	committee(id).target(job(id).fingerprint)
}

/// An answer with that label, as canonical bytes.
pub fn answer(label: &str) -> OutputBytes {
	let classification =
		Classification { label: label.try_into().expect("the label is short"), scores: Default::default() };
	let output = VersionedOutput::V1(Output::Answer(Answer::Classification(classification)));
	output.encode().try_into().expect("a label is short")
}

/// A refusal, as canonical bytes.
pub fn refusal() -> OutputBytes {
	let refusal = sibyl_primitives::job::Refusal::ContextExceeded;
	VersionedOutput::V1(Output::Refusal(refusal)).encode().try_into().expect("a refusal is short")
}

/// The votes of a validator, signed with the key of its number.
pub struct Votes {
	validator: u8,
	key: u8,
	ballot: Ballot,
	outputs: Vec<OutputBytes>,
}

impl Votes {
	pub fn of(validator: u8) -> Self {
		Self::at_place(validator, validator.into())
	}

	pub fn at_place(validator: u8, index: u32) -> Self {
		let ballot = Ballot::new(SESSION.get(), index, System::block_number() as u32);
		Self { validator, key: validator, ballot, outputs: Vec::new() }
	}

	pub fn session(mut self, session: SessionIndex) -> Self {
		self.ballot.session = session;
		self
	}

	pub fn made_at(mut self, block: u32) -> Self {
		self.ballot.at_block = block;
		self
	}

	pub fn signed_by(mut self, key: u8) -> Self {
		self.key = key;
		self
	}

	pub fn commit(mut self, id: JobId, output: &OutputBytes) -> Self {
		let (seat, commitment, _) = self.bind(id, output);
		self.ballot.commits.try_push(Commit { target: target(id), seat, commitment }).expect("the ballot has room");
		self
	}

	pub fn abstain(mut self, id: JobId) -> Self {
		let abstention = Abstention { target: target(id), seat: self.seat(id), reason: AbstainReason::TooSlow };
		self.ballot.abstentions.try_push(abstention).expect("the ballot has room");
		self
	}

	pub fn reveal(self, id: JobId, output: &OutputBytes) -> Self {
		let mut votes = self.reveal_without_output(id, output);
		votes.outputs.push(output.clone());
		votes
	}

	pub fn reveal_without_output(mut self, id: JobId, output: &OutputBytes) -> Self {
		let (seat, _, salt) = self.bind(id, output);
		let output_hash = output_hash(output);
		let reveal = Reveal { target: target(id), seat, output_hash, work: Hash::zero(), salt };
		self.ballot.reveals.try_push(reveal).expect("the ballot has room");
		self
	}

	pub fn output(mut self, output: OutputBytes) -> Self {
		self.outputs.push(output);
		self
	}

	pub fn attest(mut self, standing: Standing) -> Self {
		self.ballot.attestations.try_push(Attestation { model: model().id(), standing }).expect("the ballot has room");
		self
	}

	pub fn change(mut self, change: impl FnOnce(&mut Ballot)) -> Self {
		change(&mut self.ballot);
		self
	}

	pub fn sign(self) -> VersionedBallot {
		let signature = key(self.key).sign(&self.ballot.signing_payload(&Inference::genesis()));
		let outputs = self.outputs.try_into().expect("the ballot has room");
		VersionedBallot::V1(SignedBallot { ballot: self.ballot, outputs, signature })
	}

	fn seat(&self, id: JobId) -> SeatIndex {
		let seats = committee(id).seats;
		let place = seats.iter().position(|seat| seat.validator == account(self.validator));
		place.expect("the validator has a seat") as SeatIndex
	}

	fn bind(&self, id: JobId, output: &OutputBytes) -> (SeatIndex, Hash, Hash) {
		let genesis = Inference::genesis();
		let salt = salt_of(&key(self.validator).sign(&salt_payload(&genesis, &target(id))));
		let seat = self.seat(id);
		let validator = account(self.validator);
		let committer = Committer { genesis, target: target(id), seat, validator: &validator, model: job(id).model };
		(seat, committer.commitment(&output_hash(output), &Hash::zero(), &salt), salt)
	}
}

/// Puts the ballots into the block; the call never fails.
pub fn include(ballots: impl IntoIterator<Item = VersionedBallot>) -> Weight {
	let ballots = BoundedVec::try_from(ballots.into_iter().collect::<Vec<_>>()).expect("the ballots fit");
	let result: DispatchResultWithPostInfo = Inference::include(RuntimeOrigin::none(), ballots);
	result.expect("the call never fails").actual_weight.expect("the call says what it weighed")
}

/// Has these validators commit to the output in this block.
pub fn commit_by(validators: impl IntoIterator<Item = u8>, id: JobId, output: &OutputBytes) {
	include(validators.into_iter().map(|number| Votes::of(number).commit(id, output).sign()).collect::<Vec<_>>());
}

/// Has these validators reveal the output in this block.
pub fn reveal_by(validators: impl IntoIterator<Item = u8>, id: JobId, output: &OutputBytes) {
	include(validators.into_iter().map(|number| Votes::of(number).reveal(id, output).sign()).collect::<Vec<_>>());
}

/// Has a job drawn and committed to by all four validators: they may reveal.
pub fn revealing(options: JobOptions, output: &OutputBytes) -> JobId {
	let id = drawn(options);
	commit_by(0..4, id, output);
	assert_eq!(job(id).phase, Phase::Revealing);
	next_block();
	id
}

pub fn verdict(id: JobId) -> Option<Verdict> {
	match job(id).phase {
		Phase::Ended { verdict, .. } => Some(verdict),
		_ => None,
	}
}

pub fn free(account: &AccountId) -> Balance {
	Balances::free_balance(account)
}

pub fn held() -> Balance {
	Balances::balance_on_hold(&HoldReason::JobFee.into(), &requester())
}

pub fn has_event(event: Event<Test>) -> bool {
	System::events().iter().any(|record| record.event == RuntimeEvent::Inference(event.clone()))
}

/// A chain whose keystore the benchmarks can use.
#[cfg(feature = "runtime-benchmarks")]
pub fn benchmark_externalities() -> TestExternalities {
	let mut externalities = Chain::default().serving(0).build();
	externalities.register_extension(sp_keystore::KeystoreExt::new(sp_keystore::testing::MemoryKeystore::new()));
	externalities
}

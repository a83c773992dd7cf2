//! A chain of the pallet alone, whose sessions and randomness the tests hold in their hands.

mod consumers;
pub mod moderation;
mod stand_ins;
mod votes;

pub use consumers::*;
pub use stand_ins::*;
pub use votes::*;

use crate::{self as pallet_inference, *};
use codec::Encode;
use frame_support::{
	assert_ok, derive_impl,
	dispatch::{DispatchResult, DispatchResultWithPostInfo},
	parameter_types,
	traits::{
		fungible::{InspectHold, Mutate},
		ConstU128, ConstU32, ConstU64, ConstU8, DisabledValidators, Get, Hooks, OneSessionHandler,
	},
	weights::Weight,
	BoundedVec, PalletId,
};
use sibyl_primitives::{
	api::BallotStanding,
	commitment::{salt_of, salt_payload, work, Committer},
	inference_key::InferencePair,
	job::{AbstainReason, Seats},
	model::{Availability, Golden, ModelFile, ModelLimits, ModelManifest, ModelRevision, Pace, Task},
	output::{output_hash, Answer, Classification, Finish, Generation, VersionedOutput},
	price::ModelPrice,
	vote::{Abstention, Attestation, Ballot, Commit, Reveal, SignedBallot, VoteTarget},
	InferenceId,
};
use sp_core::Pair;
use sp_io::TestExternalities;
use sp_runtime::{traits::IdentityLookup, BuildStorage, Perbill, Percent};
use std::cell::Cell;

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
	#[runtime::pallet_index(4)]
	pub type Moderation = moderation;
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

impl pallet_models::Config for Test {
	type Deposits = Balances;
	type SuspendOrigin = frame_system::EnsureRoot<AccountId>;
	type OnForgotten = Inference;
	type MaxModels = ConstU32<1_000>;
	type DepositBase = ConstU128<1_000>;
	type DepositPerByte = ConstU128<1>;
	type WeightInfo = ();
}

parameter_types! {
	pub const TestPalletId: PalletId = PalletId(*b"sibyl/in");
	pub const TestShare: Perbill = Perbill::from_percent(5);
	pub const TestReuseShare: Perbill = Perbill::from_percent(10);
	pub const MaxIncludeWeight: Weight = Weight::from_parts(20_000_000, u64::MAX);
	/// Eight draws of four seats.
	pub const MaxDrawWeight: Weight = Weight::from_parts(8 * 104_000, u64::MAX);
	/// Eight ends of four seats.
	pub const MaxDeadlineWeight: Weight = Weight::from_parts(8 * 104_000, u64::MAX);
	/// Four deliveries to a usual consumer.
	pub const MaxDeliveryWeight: Weight = Weight::from_parts(4 * 20_000, u64::MAX);
}

/// Draws of up to four seats that a block has room for, and as many deadlines.
pub const DUE_PER_BLOCK: u32 = 8;
pub const COMMIT_WINDOW: u32 = 12;
pub const GRACE: u32 = 3;
pub const REVEAL_WINDOW: u32 = 6;
pub const RETENTION: u32 = 400;
pub const MAX_OPEN: u32 = 40;
pub const MAX_OPEN_PER_ACCOUNT: u32 = 30;
/// Microseconds.
pub const BLOCK_TIME: u64 = 3_000_000;
pub const KEY_SET_HISTORY: u32 = 2;

impl pallet_inference::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type BlockVrf = TestVrf;
	type CurrentSession = TestSession;
	type NextKeys = TestNextKeys;
	type Stake = TestStake;
	type Offences = TestOffences;
	type DisabledValidators = TestDisabled;
	type PalletId = TestPalletId;
	type ProtocolShare = TestShare;
	type BlockTime = ConstU64<BLOCK_TIME>;
	type CommitWindow = ConstU32<COMMIT_WINDOW>;
	type CommitGrace = TestGrace;
	type RevealWindow = TestRevealWindow;
	type ActiveStake = TestActiveStake;
	type AuditOdds = TestAuditOdds;
	type ReuseShare = TestReuseShare;
	type LeastServiceBond = ConstU128<LEAST_BOND>;
	type Retention = ConstU32<RETENTION>;
	type MaxOpenJobs = ConstU32<MAX_OPEN>;
	type MaxOpenJobsPerAccount = ConstU32<MAX_OPEN_PER_ACCOUNT>;
	type MaxValidators = ConstU32<100>;
	type KeySetHistory = ConstU32<KEY_SET_HISTORY>;
	type MaxIncludeWeight = MaxIncludeWeight;
	type MaxDrawWeight = MaxDrawWeight;
	type MaxDeadlineWeight = MaxDeadlineWeight;
	type CancelOrigin = frame_system::EnsureRoot<AccountId>;
	type Consumers = TestConsumers;
	type MaxRequests = ConstU32<MAX_REQUESTS>;
	type MaxDeliveryWeight = MaxDeliveryWeight;
	type WeightInfo = ();
}

impl moderation::Config for Test {
	type Inference = Inference;
	type ConsumerId = ConstU8<MODERATION>;
	type Model = TestModel;
}

pub struct TestModel;
impl Get<ModelId> for TestModel {
	fn get() -> ModelId {
		model().id()
	}
}

pub const PRICE: ModelPrice = ModelPrice { base: 1_000, unit: 10, author_share: Percent::from_percent(0) };
pub const FUNDS: Balance = 10_000_000;
/// A validator's service bond, beside its funds.
pub const BOND: Balance = 1_000_000;
/// Who has less serves no model.
pub const LEAST_BOND: Balance = 1_000;
/// A millisecond for a job of the shortest input.
pub const PACE: Pace = Pace { job: 1_000, input_unit: 0, output_unit: 0 };

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
			chunk_root: Hash::repeat_byte(2),
		}]
		.try_into()
		.expect("one file fits"),
		semantics: 1,
		limits: ModelLimits { input_bytes: 512, context_units: 512, output_units: 50 },
		commit_window: 1,
		goldens: vec![Golden {
			input: "x".try_into().expect("the text is short"),
			output_hash: Hash::zero(),
			trace: Hash::zero(),
		}]
		.try_into()
		.expect("one golden fits"),
		licence: "Apache-2.0".try_into().expect("the text is short"),
	}
}

/// Registers a model by [`author`]; who serves the other one serves it too.
pub fn add_model(revision: ModelRevision, price: ModelPrice) -> ModelId {
	let name = format!("model-{}", pallet_models::Models::<Test>::count());
	let revision = ModelRevision { name: name.as_str().try_into().expect("the name is short"), ..revision };
	let id = revision.id();
	assert_ok!(Models::register(RuntimeOrigin::signed(author()), Box::new(ModelManifest { revision, price })));
	Rosters::<Test>::insert(id, Rosters::<Test>::get(model().id()));
	id
}

/// Changes the price of the model that has no author.
pub fn set_price(price: ModelPrice) {
	pallet_models::Registrations::<Test>::mutate_extant(model().id(), |registration| registration.price = price);
}

pub fn account(number: u8) -> AccountId {
	[number; 32].into()
}

pub fn requester() -> AccountId {
	account(200)
}

/// Who registers models.
pub fn author() -> AccountId {
	account(210)
}

pub fn key(number: u8) -> InferencePair {
	InferencePair::from_seed(&[number; 32])
}

/// A chain in its first block, with validators 0, 1, 2… of which each serves the model.
pub struct Chain {
	validators: u8,
	serving: u8,
	paces: Vec<Pace>,
	bond: Balance,
	stakes: Vec<(u8, Balance)>,
}

impl Default for Chain {
	fn default() -> Self {
		Self { validators: 4, serving: 4, paces: Vec::new(), bond: BOND, stakes: Vec::new() }
	}
}

impl Chain {
	pub fn validators(self, validators: u8) -> Self {
		Self { validators, serving: validators, ..self }
	}

	pub fn serving(self, serving: u8) -> Self {
		Self { serving, ..self }
	}

	/// Of the first validators; that of the others is [`PACE`].
	pub fn paces(self, paces: &[Pace]) -> Self {
		Self { paces: paces.to_vec(), ..self }
	}

	pub fn bond(self, bond: Balance) -> Self {
		Self { bond, ..self }
	}

	/// What these have at stake; the others have 1,000.
	pub fn stakes(self, stakes: &[(u8, Balance)]) -> Self {
		Self { stakes: stakes.to_vec(), ..self }
	}

	pub fn build(self) -> TestExternalities {
		let validators = (0..self.validators).map(|number| (account(number), FUNDS + self.bond));
		let others = [requester(), account(201), account(202), author(), Inference::protocol_account()]
			.map(|account| (account, FUNDS));
		let config = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: validators.chain(others).collect(),
				..Default::default()
			},
			models: pallet_models::GenesisConfig {
				models: vec![ModelManifest { revision: model(), price: PRICE }],
				..Default::default()
			},
			inference: pallet_inference::GenesisConfig {
				service_bonds: (0..self.validators).map(|number| (account(number), self.bond)).collect(),
				..Default::default()
			},
			..Default::default()
		};
		SESSION.set(0);
		STAKES.set(self.stakes);
		OFFENCES.set(Vec::new());
		set_audit_odds(u32::MAX);
		set_phases(GRACE, REVEAL_WINDOW);
		set_active_stake(Perbill::zero());
		reset_vrf();
		disable(&[]);
		be_stubborn(true);
		let mut externalities: TestExternalities = config.build_storage().expect("the genesis builds").into();
		externalities.execute_with(|| {
			begin_session(0, &(0..self.validators).map(|number| (number, number)).collect::<Vec<_>>());
			for number in 0..self.serving {
				let pace = self.paces.get(usize::from(number)).copied().unwrap_or(PACE);
				let attestation = Attestation { model: model().id(), availability: Availability::Serves(pace) };
				assert!(Inference::is_news(&account(number), &attestation, 0), "{pace:?}");
				Inference::attest(&account(number), &attestation, 0);
			}
			Inference::on_finalize(0);
			System::set_block_number(1);
			Inference::on_initialize(1);
		});
		externalities
	}

	/// Runs the test, and checks everything once more at its end.
	pub fn run(self, test: impl FnOnce()) {
		self.build().execute_with(|| {
			test();
			next_block();
		})
	}
}

/// Gives somebody new funds and that service bond.
pub fn endow(number: u8, bond: Balance) {
	assert_ok!(<Balances as Mutate<_>>::mint_into(&account(number), FUNDS + bond));
	assert_ok!(Inference::bond_service(RuntimeOrigin::signed(account(number)), bond));
}

/// Begins a session of these validators, each with the key of that number.
pub fn begin_session(session: SessionIndex, validators: &[(u8, u8)]) {
	SESSION.set(session);
	let members: Vec<(AccountId, InferenceId)> =
		validators.iter().map(|(validator, of_key)| (account(*validator), key(*of_key).public())).collect();
	let validators = || members.iter().map(|(account, key)| (account, key.clone()));
	Inference::on_new_session(true, validators(), validators());
}

/// Ends the block, checks every invariant, that no more is due than what was reserved for among them, and begins
/// the next.
pub fn next_block() -> u32 {
	let now = System::block_number();
	let (end, _) = Inference::what_is_due();
	if let Some((_, reserved)) = RESERVED.get().filter(|(block, _)| *block == now) {
		assert!(end.all_lte(reserved), "the end of #{now} weighs {end:?}, and {reserved:?} were reserved");
	}
	Inference::on_finalize(now);
	check();
	System::set_block_number(now + 1);
	Inference::on_initialize(now + 1);
	RESERVED.set(Some((now + 1, Inference::what_is_due().0)));
	(now + 1) as u32
}

thread_local! {
	/// The block that has begun, and the weight of its end as it was known then.
	static RESERVED: Cell<Option<(u64, Weight)>> = const { Cell::new(None) };
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
	submit_by(requester(), options)
}

/// The same, of somebody's.
pub fn submit_by(payer: AccountId, options: JobOptions) -> JobId {
	let id = NextJob::<Test>::get();
	assert_ok!(Inference::submit(RuntimeOrigin::signed(payer), model().id(), "hello".into(), options, Balance::MAX));
	id
}

/// What came of a call, whatever it weighed.
pub fn outcome(done: DispatchResultWithPostInfo) -> DispatchResult {
	done.map(|_| ()).map_err(|refused| refused.error)
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

/// The job's present committee.
pub fn committee(id: JobId) -> Committee {
	committee_of(id, job(id).round)
}

pub fn committee_of(id: JobId, round: Round) -> Committee {
	Committees::<Test>::get((id, round)).expect("the committee is drawn")
}

/// The validator's seat in the job's present committee.
pub fn seat_of(validator: u8, id: JobId) -> Option<SeatIndex> {
	let seats = committee(id).seats;
	seats.iter().position(|seat| seat.validator == account(validator)).map(|place| place as SeatIndex)
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

/// A generated text of so many tokens, as canonical bytes.
pub fn generation(tokens: usize) -> OutputBytes {
	let generation = Generation {
		text: "text".try_into().expect("the text is short"),
		tokens: vec![1; tokens].try_into().expect("the tokens are few"),
		finish: Finish::Length,
	};
	VersionedOutput::V1(Output::Answer(Answer::Generation(generation))).encode().try_into().expect("it is short")
}

/// A refusal, as canonical bytes.
pub fn refusal() -> OutputBytes {
	let refusal = sibyl_primitives::job::Refusal::ContextExceeded;
	VersionedOutput::V1(Output::Refusal(refusal)).encode().try_into().expect("a refusal is short")
}

/// What everybody has, bonds and held prices included.
pub struct Wealth(Vec<(AccountId, Balance)>);

impl Wealth {
	pub fn now() -> Self {
		let accounts = frame_system::Account::<Test>::iter();
		Self(accounts.map(|(account, info)| (account, info.data.free + info.data.reserved)).collect())
	}

	/// What the account has gained since.
	pub fn gain(&self, account: &AccountId) -> i128 {
		let of = |wealth: &Self| wealth.0.iter().find(|(other, _)| other == account).map_or(0, |(_, has)| *has as i128);
		of(&Self::now()) - of(self)
	}

	/// What these validators have gained since.
	pub fn gains(&self, validators: &[u8]) -> Vec<i128> {
		validators.iter().map(|number| self.gain(&account(*number))).collect()
	}
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
	job(id).outcome.map(|outcome| outcome.verdict)
}

/// How the job ended, and in which block.
pub fn ended(id: JobId) -> Option<(Verdict, u32)> {
	job(id).outcome.map(|outcome| (outcome.verdict, outcome.at))
}

pub fn ledger(validator: u8) -> Ledger {
	ServiceLedgers::<Test>::get(account(validator))
}

pub fn free(account: &AccountId) -> Balance {
	Balances::free_balance(account)
}

pub fn held() -> Balance {
	Balances::balance_on_hold(&HoldReason::JobFee.into(), &requester())
}

/// What the next block would do with the ballot.
pub fn standing(ballot: &VersionedBallot) -> BallotStanding {
	let VersionedBallot::V1(signed) = ballot;
	Inference::ballot_standings(vec![signed.ballot.clone()]).remove(0)
}

/// Validators that may get seats of the model.
pub fn serving() -> usize {
	Inference::serving(&model().id()).len()
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

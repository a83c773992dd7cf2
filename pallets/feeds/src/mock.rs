//! A chain of the pallet alone: who is asked does what the tests say.

use crate::{self as pallet_feeds, *};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::{Inspect, InspectHold, Mutate},
		tokens::Preservation,
		ConstU128, ConstU32, ConstU8, Hooks,
	},
	weights::{IdentityFee, Weight},
};
use sibyl_primitives::{
	api::{SettlementView, Support},
	consumer::{Asked, Asker, Ended, Inference as Asks, Said},
	feed::FeedReader,
	job::Refusal,
	output::{Answer, Classification, Output},
	price::{ModelPrice, Quote},
	Hash,
};
use sp_io::TestExternalities;
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult};
use std::{
	cell::{Cell, RefCell},
	collections::BTreeMap,
};

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
	pub type FeedsPallet = pallet_feeds;
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
	type ExistentialDeposit = ConstU128<ED>;
}

pub const ED: Balance = 10;
/// What everybody has at first.
pub const WEALTH: Balance = 1_000_000;
/// What a job costs, where a test says nothing else.
pub const PRICE: Balance = 5_000;
/// The limit of the tests' feeds.
pub const MAX_FEE: Balance = 6_000;
/// What a round costs beside its job.
pub const ROUND_FEE: Balance = 1_000;
/// Rounds that a block has weight for.
pub const ROUNDS: usize = 4;
pub const INTERVAL: BlockNumber = 5;
pub const MAX_FEEDS: u32 = 12;
pub const MAX_FEEDS_PER_ACCOUNT: u32 = 8;
pub const CONSUMER: ConsumerId = 7;
/// The base, and the five bytes of "hello".
pub const DEPOSIT: Balance = 10_000 + 5 * 10;

parameter_types! {
	pub Recipient: AccountId = account(100);
	/// Four rounds, and a look at some blocks.
	pub const MaxRoundsWeight: Weight = Weight::from_parts(4_000 + 100, u64::MAX);
}

impl pallet_feeds::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Inference = Oracle;
	type ConsumerId = ConstU8<CONSUMER>;
	type WeightToFee = IdentityFee<Balance>;
	type FeeRecipient = Recipient;
	type DepositBase = ConstU128<10_000>;
	type DepositPerByte = ConstU128<10>;
	type MinInterval = ConstU32<2>;
	type MaxInterval = ConstU32<1_000>;
	type MaxFeeds = ConstU32<MAX_FEEDS>;
	type MaxFeedsPerAccount = ConstU32<MAX_FEEDS_PER_ACCOUNT>;
	type MaxRoundsWeight = MaxRoundsWeight;
	type WeightInfo = ();
}

/// A job of a round.
#[derive(Clone)]
pub struct Round {
	pub feed: FeedId,
	pub payer: AccountId,
	pub price: Balance,
}

thread_local! {
	static OFFER: Cell<Result<Balance, DispatchError>> = const { Cell::new(Ok(PRICE)) };
	static NEXT: Cell<JobId> = const { Cell::new(0) };
	static OPEN: RefCell<BTreeMap<JobId, Round>> = const { RefCell::new(BTreeMap::new()) };
}

/// Who is asked: keeps prices in an account of its own until a test ends the job.
pub struct Oracle;

fn escrow() -> AccountId {
	account(101)
}

impl Asks for Oracle {
	fn quote(_: ModelId, _: &Input, _: &JobOptions) -> Result<Quote, DispatchError> {
		OFFER.get().map(quote)
	}

	fn request(
		asker: Asker,
		payer: &AccountId,
		_: ModelId,
		_: Input,
		_: JobOptions,
		max_fee: Balance,
	) -> Result<Asked, DispatchError> {
		assert_eq!(asker.consumer, CONSUMER);
		let price = OFFER.get()?;
		if price > max_fee {
			return Err(DispatchError::Exhausted);
		}
		Balances::transfer(payer, &escrow(), price, Preservation::Preserve)?;
		let job = NEXT.get();
		NEXT.set(job + 1);
		let round = Round { feed: asker.reference as FeedId, payer: payer.clone(), price };
		OPEN.with_borrow_mut(|open| open.insert(job, round));
		Ok(Asked { job, fingerprint: fingerprint(job), quote: quote(price) })
	}

	fn weight_of_request(_: u32) -> Weight {
		Weight::from_parts(100, 0)
	}

	fn is_awaited(job: JobId) -> bool {
		OPEN.with_borrow(|open| open.contains_key(&job))
	}
}

fn quote(total: Balance) -> Quote {
	let price = ModelPrice { base: total, unit: 0, author_share: Default::default() };
	Quote::new(&price, 1, 0, 0, Default::default()).expect("one seat costs what it costs")
}

fn fingerprint(job: JobId) -> Hash {
	Hash::from_low_u64_be(job)
}

/// What the next rounds cost, or why they are refused.
pub fn offer(offer: Result<Balance, DispatchError>) {
	OFFER.set(offer);
}

/// Jobs that have not ended.
pub fn open_jobs() -> Vec<JobId> {
	OPEN.with_borrow(|open| open.keys().copied().collect())
}

pub fn price_of(job: JobId) -> Balance {
	OPEN.with_borrow(|open| open.get(&job).map_or(0, |round| round.price))
}

/// Ends the job and gives its refund to the payer; what its feed would then hear.
pub fn end_job(job: JobId, verdict: Verdict, output: Option<Output>, refunded: Balance) -> Ended {
	let Round { feed, payer, price } = OPEN.with_borrow_mut(|open| open.remove(&job)).expect("the job is open");
	if refunded > 0 {
		assert_ok!(Balances::transfer(&escrow(), &payer, refunded, Preservation::Preserve));
	}
	let support = Support { round: 0, seats: 3, agreed: 3, serving: 4 };
	Ended {
		job,
		fingerprint: fingerprint(job),
		reference: feed.into(),
		verdict,
		said: output.map(|output| Said { output, at: now(), support }),
		settlement: SettlementView { refunded, paid: price - refunded, author_share: 0, protocol_share: 0 },
	}
}

/// Ends the job and tells its feed.
pub fn tell(job: JobId, verdict: Verdict, output: Option<Output>, refunded: Balance) {
	assert_ok!(FeedsPallet::on_result(end_job(job, verdict, output, refunded)));
}

/// Has the job answered with this label, for its whole price.
pub fn answer(job: JobId, label: &str) {
	tell(job, Verdict::Agreed, Some(said(label)), 0);
}

pub fn said(label: &str) -> Output {
	let label = label.try_into().expect("the label is short");
	Output::Answer(Answer::Classification(Classification { label, scores: Default::default() }))
}

pub fn refusal() -> (Verdict, Output) {
	(Verdict::Failed(Refusal::ContextExceeded), Output::Refusal(Refusal::ContextExceeded))
}

/// The feed's latest answer: the label of `said`, by which it is known.
pub fn latest(feed: FeedId) -> Option<(Output, BlockNumber)> {
	<FeedsPallet as FeedReader>::latest(feed).map(|latest| (Output::Answer(latest.answer), latest.at))
}

pub fn account(number: u8) -> AccountId {
	[number; 32].into()
}

pub fn owner() -> AccountId {
	account(1)
}

pub fn other() -> AccountId {
	account(2)
}

pub fn network() -> TestExternalities {
	let balances = [owner(), other(), account(3), Recipient::get(), escrow()].map(|account| (account, WEALTH));
	let config = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances: balances.into(), ..Default::default() },
		..Default::default()
	};
	offer(Ok(PRICE));
	NEXT.set(0);
	OPEN.set(BTreeMap::new());
	let mut externalities: TestExternalities = config.build_storage().expect("the genesis builds").into();
	externalities.execute_with(|| System::set_block_number(1));
	externalities
}

/// Runs the test, and checks everything at its end.
pub fn chain(test: impl FnOnce()) {
	network().execute_with(|| {
		test();
		check();
	});
}

/// Checks the invariants, and that no unit of money has come or gone.
pub fn check() {
	assert_ok!(FeedsPallet::check_invariants());
	let accounts: Balance =
		frame_system::Account::<Test>::iter_values().map(|info| info.data.free + info.data.reserved).sum();
	assert_eq!(accounts, pallet_balances::TotalIssuance::<Test>::get());
}

pub fn now() -> BlockNumber {
	System::block_number() as BlockNumber
}

/// Checks everything, and begins the next block. Returns what its rounds weigh.
pub fn next_block() -> Weight {
	check();
	let next = System::block_number() + 1;
	System::set_block_number(next);
	FeedsPallet::on_initialize(next)
}

pub fn advance_to(block: BlockNumber) {
	while now() < block {
		next_block();
	}
}

pub fn create_by(who: AccountId, interval: BlockNumber, max_fee: Balance, funds: Balance) -> DispatchResult {
	let options = JobOptions::default();
	FeedsPallet::create_feed(
		RuntimeOrigin::signed(who),
		Hash::zero(),
		"hello".into(),
		options,
		interval,
		max_fee,
		funds,
	)
}

/// A feed of the usual interval with funds for so many rounds after the first one.
pub fn feed(rounds: u32) -> FeedId {
	let id = NextFeed::<Test>::get();
	let funds = PRICE + Balance::from(rounds) * (PRICE + ROUND_FEE) + (MAX_FEE - PRICE);
	assert_ok!(create_by(owner(), INTERVAL, MAX_FEE, funds));
	id
}

pub fn stored(id: FeedId) -> Feed {
	Feeds::<Test>::get(id).expect("the feed is there")
}

pub fn is_there(id: FeedId) -> bool {
	Feeds::<Test>::contains_key(id)
}

/// The job of the feed's last round.
pub fn job_of(id: FeedId) -> JobId {
	stored(id).open_job.expect("the feed has asked")
}

pub fn free(who: &AccountId) -> Balance {
	Balances::balance(who)
}

pub fn held(who: &AccountId) -> Balance {
	Balances::balance_on_hold(&HoldReason::Feed.into(), who)
}

/// The pallet's events so far, the newest last.
pub fn events() -> Vec<Event<Test>> {
	let of_pallet = |event| match event {
		RuntimeEvent::FeedsPallet(event) => Some(event),
		_ => None,
	};
	System::events().into_iter().filter_map(|record| of_pallet(record.event)).collect()
}

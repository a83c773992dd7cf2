//! The state that a benchmark starts with: a session of many validators that all serve one model, idle jobs, and ended ones
//! that are to be forgotten.

use crate::Error;
use pallet_inference::{
	Agreement, Attested, Committee, Inputs, Job, JobIds, Jobs, Ledger, Members, NextJob, OpenJobs, Outcome, Outputs,
	Phase, Requesters, Retained, RetainedRange, Rosters, Seat, SeatVote, ServiceLedgers, Value,
};
use sibyl_primitives::{
	api::{AuditView, SettlementView, Support},
	inference_key::InferencePair,
	input::Input,
	job::{fingerprint, JobId, JobOptions, Seats, Verdict, FIRST_ROUND},
	model::{Availability, ModelRevision, Pace},
	price::Quote,
	AccountId, Balance, Hash,
};
use sibyl_runtime::{
	configs::babe::EPOCH_CONFIGURATION, constants::SIB, models, BabeConfig, BalancesConfig, Inference, InferenceConfig,
	Models, ModelsConfig, Runtime, RuntimeGenesisConfig, SessionConfig, SessionKeys, StakingConfig, TimingConfig,
};
use sp_core::{crypto::Pair, ed25519, sr25519, storage::Storage};
use sp_io::hashing::blake2_256;
use sp_runtime::{BoundedVec, BuildStorage, Perbill};
use sp_state_machine::BasicExternalities;
use std::collections::BTreeMap;

const FUNDS: Balance = 1_000_000 * SIB;
const STAKE: Balance = 100_000 * SIB;
const SERVICE_BOND: Balance = 10_000 * SIB;
/// A language question takes some milliseconds.
const PACE: Pace = Pace { job: 4_096, input_unit: 0, output_unit: 0 };
/// No session ends while a benchmark runs.
const EPOCH: u64 = 100_000;
/// The block until which idle jobs wait.
const FAR: u32 = 1_000_000;

/// A validator with its keys.
pub struct Validator {
	/// Its account, and its key for blocks.
	pub pair: sr25519::Pair,
	/// Its key for votes.
	pub votes: InferencePair,
}

/// What a chain starts with.
pub struct Genesis {
	/// The state.
	pub storage: Storage,
	/// The validators, in the order of their authority indices.
	pub validators: Vec<Validator>,
	/// Those that ask.
	pub requesters: Vec<sr25519::Pair>,
}

/// The model that is asked.
pub fn model() -> ModelRevision {
	models::common_lingua().revision
}

fn seed(kind: &str, number: u32) -> [u8; 32] {
	blake2_256(format!("{kind} {number}").as_bytes())
}

fn account(pair: &sr25519::Pair) -> AccountId {
	pair.public().into()
}

/// What there is in a chain when a benchmark begins.
pub struct Setting {
	/// Validators, all of which serve the model.
	pub validators: u32,
	/// Accounts that will ask.
	pub requesters: u32,
	/// Jobs that are open, and of which nothing is to come for long.
	pub idle: u32,
	/// Blocks that each forget ended jobs, from the first one on, and how many.
	pub forgetful: (u32, u32),
	/// Seats of each job.
	pub seats: u16,
}

/// A chain of that.
pub fn build(setting: &Setting) -> Result<Genesis, Error> {
	let &Setting { validators, requesters, idle, forgetful: (blocks, each), seats } = setting;
	let by_account: BTreeMap<AccountId, u32> = (0..validators)
		.map(|number| (account(&sr25519::Pair::from_seed(&seed("validator", number))), number))
		.collect();
	let requesters: Vec<_> =
		(0..requesters).map(|number| sr25519::Pair::from_seed(&seed("requester", number))).collect();
	let keys = |number: &u32| SessionKeys {
		babe: sr25519::Pair::from_seed(&seed("validator", *number)).public().into(),
		grandpa: ed25519::Pair::from_seed(&seed("validator", *number)).public().into(),
		authority_discovery: sr25519::Pair::from_seed(&seed("validator", *number)).public().into(),
		inference: InferencePair::from_seed(&seed("votes", *number)).public(),
	};
	let rich = by_account.keys().cloned().chain(requesters.iter().map(account)).chain([Inference::protocol_account()]);
	let config = RuntimeGenesisConfig {
		timing: TimingConfig { epoch_duration: Some(EPOCH), sessions_per_era: Some(6), ..Default::default() },
		babe: BabeConfig { epoch_config: EPOCH_CONFIGURATION, ..Default::default() },
		balances: BalancesConfig { balances: rich.map(|account| (account, FUNDS)).collect(), ..Default::default() },
		staking: StakingConfig {
			validator_count: validators,
			minimum_validator_count: 1,
			slash_reward_fraction: Perbill::from_percent(10),
			stakers: by_account
				.keys()
				.map(|account| (account.clone(), account.clone(), STAKE, pallet_staking::StakerStatus::Validator))
				.collect(),
			..Default::default()
		},
		session: SessionConfig {
			keys: by_account.iter().map(|(account, number)| (account.clone(), account.clone(), keys(number))).collect(),
			..Default::default()
		},
		models: ModelsConfig { models: models::all(), ..Default::default() },
		inference: InferenceConfig {
			service_bonds: by_account.keys().map(|account| (account.clone(), SERVICE_BOND)).collect(),
			..Default::default()
		},
		..Default::default()
	};
	let mut storage = config.build_storage()?;
	let code = sibyl_runtime::WASM_BINARY.ok_or("the runtime was built without its wasm")?;
	storage.top.insert(sp_core::storage::well_known_keys::CODE.to_vec(), code.to_vec());
	let members = BasicExternalities::execute_with_storage(&mut storage, || {
		let members = serve();
		for number in 0..idle {
			idle_job(number, &members, seats);
		}
		for number in 0..blocks * each {
			ended_job(idle + number, 1 + number / each, &members, seats);
		}
		members
	});
	let validators = members
		.iter()
		.filter_map(|account| by_account.get(account))
		.map(|number| Validator {
			pair: sr25519::Pair::from_seed(&seed("validator", *number)),
			votes: InferencePair::from_seed(&seed("votes", *number)),
		})
		.collect();
	Ok(Genesis { storage, validators, requesters })
}

/// Lets all validators serve the model; returns them in order.
fn serve() -> Vec<AccountId> {
	let id = model().id();
	let members: Vec<_> =
		(0..).map_while(|index| Members::<Runtime>::get(0, index)).map(|member| member.validator).collect();
	let said = members.iter().map(|validator| Attested {
		validator: validator.clone(),
		availability: Availability::Serves(PACE),
		made_at: 0,
		session: 0,
	});
	Rosters::<Runtime>::insert(id, BoundedVec::truncate_from(said.collect()));
	members
}

/// A job whose seats have done nothing yet, and need not for a long time.
fn idle_job(number: u32, members: &[AccountId], seats: u16) {
	let id = JobId::from(number);
	let requester = seed("idle", number / 100).into();
	let Some((job, committee)) = job(number, requester, members, seats) else { return };
	for seat in &committee.seats {
		ServiceLedgers::<Runtime>::mutate(&seat.validator, |ledger: &mut Ledger| {
			ledger.reserved += committee.charge;
			ledger.open_time += seat.time;
			ledger.open_seats.try_push((id, FIRST_ROUND)).expect("idle jobs are fewer than a validator's places");
		});
	}
	Requesters::<Runtime>::mutate(&job.requester, |account| account.open += 1);
	OpenJobs::<Runtime>::insert(id, ());
	keep(id, job, committee);
}

/// A job of its own requester that has had its answer, and that this block forgets.
fn ended_job(number: u32, forgotten_at: u32, members: &[AccountId], seats: u16) {
	let id = JobId::from(number);
	let requester = seed("past", number).into();
	let Some((mut job, mut committee)) = job(number, requester, members, seats) else { return };
	let output = "an answer".as_bytes().to_vec();
	let value = Value { output_hash: Hash::from(blake2_256(&output)), work: Hash::zero() };
	for seat in committee.seats.iter_mut() {
		seat.vote = SeatVote::Revealed(value);
	}
	let support = Support { round: FIRST_ROUND, seats, agreed: seats, serving: committee.serving };
	let paid = job.quote.per_seat * Balance::from(seats);
	let settlement = SettlementView { paid, refunded: 0, author_share: 0, protocol_share: 0 };
	job.phase = Phase::Ended;
	job.agreed = Some(Agreement { value, at: 0, support });
	job.outcome = Some(Outcome { verdict: Verdict::Agreed, at: 0, settlement });
	Outputs::<Runtime>::insert(id, BoundedVec::truncate_from(output));
	RetainedRange::<Runtime>::mutate(|(_, next)| {
		Retained::<Runtime>::insert(*next, (id, forgotten_at));
		*next += 1;
	});
	keep(id, job, committee);
}

/// Enters a job as far as open and ended ones are entered alike.
fn keep(id: JobId, job: Job, committee: Committee) {
	pallet_inference::Committees::<Runtime>::insert((id, FIRST_ROUND), committee);
	JobIds::<Runtime>::insert(job.fingerprint, id);
	NextJob::<Runtime>::put(id + 1);
	Requesters::<Runtime>::mutate(&job.requester, |account| {
		account.submitted += 1;
		account.kept += 1;
	});
	Models::add_job(&job.model);
	Jobs::<Runtime>::insert(id, job);
}

/// A job in its commits, and its committee, of which nobody has said anything.
fn job(number: u32, requester: AccountId, members: &[AccountId], seats: u16) -> Option<(Job, Committee)> {
	let id = JobId::from(number);
	let options = JobOptions { seats: Seats::Fixed(seats), ..Default::default() };
	let (model, price) = (model().id(), models::common_lingua().price);
	let input = Input::from("This one waits.");
	let fingerprint = fingerprint(&requester, id, &model, &input, &options);
	let quote = Quote::new(&price, seats, input.units(), 0, Perbill::from_percent(5))?;
	let charge = quote.per_seat.saturating_mul(seats.into());
	let places = (0..usize::from(seats)).map(|seat| (number as usize * usize::from(seats) + seat) % members.len());
	let seats: Vec<_> = places
		.map(|place| Seat {
			validator: members[place].clone(),
			authority_index: place as u32,
			stake: STAKE,
			time: 1,
			vote: SeatVote::Missing,
		})
		.collect();
	let committee = Committee {
		draw: Hash::zero(),
		round: FIRST_ROUND,
		session: 0,
		drawn_at: 0,
		serving: members.len() as u16,
		serving_stake: STAKE * members.len() as Balance,
		charge,
		checks: false,
		seats: BoundedVec::truncate_from(seats),
	};
	let job = Job {
		requester,
		fingerprint,
		model,
		options,
		input_units: input.units(),
		commit_window: 12,
		price,
		quote,
		expected_time: 0,
		submitted_at: 0,
		ends_by: FAR,
		deadline: FAR,
		round: FIRST_ROUND,
		phase: Phase::Committing,
		has_substitutes: false,
		agreed: None,
		audit: AuditView::None,
		outcome: None,
		reused: None,
	};
	Inputs::<Runtime>::insert(id, input);
	Some((job, committee))
}

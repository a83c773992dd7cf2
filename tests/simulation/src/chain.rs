//! Blocks and what executing them does.

use crate::{
	plan::{self, Plan},
	rng::Rng,
	runtime::{
		AuditOdds, Balances, CommitGrace, CommitWindow, DutiesPerBlock, Facts, Inference, KeySetHistory, MaxOpenJobs,
		MaxOpenJobsPerAccount, Models, Offence, Retention, RevealWindow, RuntimeCall, RuntimeEvent,
		RuntimeGenesisConfig, RuntimeHoldReason, RuntimeOrigin, System, Test,
	},
	state::State,
};
use frame_support::{
	inherent::ProvideInherent,
	storage::unhashed,
	traits::{fungible::InspectHold, Hooks, OneSessionHandler, UnfilteredDispatchable},
};
use pallet_inference::{Call, Event, HoldReason};
use sibyl_primitives::{
	api::KeySetView,
	input::Input,
	job::{JobId, JobOptions},
	model::{ModelId, ModelManifest},
	vote::{InherentVotes, SignedBallot, VersionedBallot, INHERENT_IDENTIFIER},
	AccountId, Balance, BlockNumber, Hash, SessionIndex,
};
use sibyl_votes::Equivocation;
use sp_core::Pair;
use sp_inherents::InherentData;
// As the pallet does for its reports.
#[allow(deprecated)]
use sp_runtime::traits::ValidateUnsigned;
use sp_runtime::{transaction_validity::TransactionSource, BuildStorage};

/// What votes name the chain by.
pub(crate) const GENESIS: Hash = Hash::repeat_byte(0x6e);

/// What an account, or root, wants done.
#[derive(Clone, Debug)]
pub(crate) enum Transaction {
	Submit { model: ModelId, input: Input, options: JobOptions },
	Bond(Balance),
	Unbond(Balance),
	Resume(ModelId),
	Cancel(JobId),
}

/// A transaction and who wants it, each sender's in order.
pub(crate) type Signed = (AccountId, u32, Transaction);

/// What a block's author puts into it.
#[derive(Clone, Debug)]
pub(crate) struct Content {
	pub slot: u64,
	pub author: usize,
	pub is_primary: bool,
	/// Tells two blocks of one author and slot apart.
	pub variant: u8,
	pub transactions: Vec<Signed>,
	pub includes: Vec<Vec<VersionedBallot>>,
	pub reports: Vec<Equivocation>,
}

/// A block that has been executed.
pub(crate) struct Block {
	pub parent: Hash,
	pub number: BlockNumber,
	/// Blocks of primary authors up to this one.
	pub weight: u32,
	pub content: Content,
	pub session: SessionIndex,
	pub state: State,
	pub events: Vec<Event<Test>>,
	pub offences: Vec<Offence>,
	pub key_sets: Vec<KeySetView>,
	pub next_keys: Option<KeySetView>,
	/// What must not be, and is.
	pub violation: Option<String>,
	/// Jobs submitted so far.
	pub jobs: JobId,
	/// Agreements on what is not the truth.
	pub untrue: Vec<JobId>,
}

/// What a sender's next transaction is.
pub(crate) fn nonce(sender: &AccountId) -> u32 {
	unhashed::get_or_default(&nonce_key(sender))
}

fn nonce_key(sender: &AccountId) -> Vec<u8> {
	let account: &[u8] = sender.as_ref();
	[b":sim:nonce:", account].concat()
}

/// The genesis.
pub(crate) fn genesis(plan: &Plan) -> Block {
	let validators = plan.validators.iter().enumerate();
	let balances = validators
		.clone()
		.map(|(number, of)| (plan::validator(number), plan::FUNDS + of.bond))
		.chain((0..plan.requesters.len()).map(|number| (plan::requester(number), plan::FUNDS)))
		.chain([(Inference::protocol_account(), plan::FUNDS), (plan::author(), plan::FUNDS)])
		.collect();
	let config = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
		models: pallet_models::GenesisConfig {
			models: plan
				.models
				.iter()
				.zip(&plan.prices)
				.map(|(revision, price)| ModelManifest { revision: revision.clone(), price: *price })
				.collect(),
			..Default::default()
		},
		inference: pallet_inference::GenesisConfig {
			service_bonds: validators.map(|(number, of)| (plan::validator(number), of.bond)).collect(),
			..Default::default()
		},
		..Default::default()
	};
	let storage = config.build_storage().expect("the genesis builds");
	let mut state = State::new(storage.top);
	state.execute(|| {
		let parameters = &plan.parameters;
		CommitWindow::set(&parameters.commit_window);
		CommitGrace::set(&parameters.grace);
		RevealWindow::set(&parameters.reveal_window);
		AuditOdds::set(&parameters.audit_odds);
		DutiesPerBlock::set(&parameters.duties_per_block);
		MaxOpenJobs::set(&parameters.max_open);
		MaxOpenJobsPerAccount::set(&(parameters.max_open / 2));
		KeySetHistory::set(&parameters.history);
		Retention::set(&parameters.retention);
		for model in &plan.models {
			pallet_models::Registrations::<Test>::mutate_extant(model.id(), |known| {
				known.author = Some(plan::author())
			});
		}
		begin_session(plan, 0, true);
		unhashed::put(b":sim:issuance", &pallet_balances::TotalIssuance::<Test>::get());
		Inference::integrity_test();
	});
	let content = Content {
		slot: 0,
		author: 0,
		is_primary: true,
		variant: 0,
		transactions: Vec::new(),
		includes: Vec::new(),
		reports: Vec::new(),
	};
	let (key_sets, next_keys) = state.execute(|| (Inference::key_sets_view(), Inference::next_key_set_view()));
	Block {
		parent: Hash::zero(),
		number: 0,
		weight: 0,
		content,
		session: 0,
		state,
		events: Vec::new(),
		offences: Vec::new(),
		key_sets,
		next_keys,
		violation: None,
		jobs: 0,
		untrue: Vec::new(),
	}
}

/// The session of a block in this slot after that parent.
pub(crate) fn session_of(plan: &Plan, parent: &Block, slot: u64) -> SessionIndex {
	let epoch = |slot: u64| slot / plan.parameters.session;
	parent.session + u32::from(epoch(slot) > epoch(parent.content.slot))
}

fn begin_session(plan: &Plan, session: SessionIndex, is_genesis: bool) {
	let members = |session| -> Vec<_> {
		let members = plan.session(session).members.into_iter();
		members
			.map(|(number, generation, stake)| (plan::validator(number), plan::key(number, generation).public(), stake))
			.collect()
	};
	let (now, next) = (members(session), members(session + 1));
	let stakes: Vec<_> = now.iter().map(|(account, _, stake)| (account.clone(), *stake)).collect();
	let next: Vec<_> = next.into_iter().map(|(account, key, _)| (account, key)).collect();
	Facts::set_session(session, &stakes, &next);
	let validators = || now.iter().map(|(account, key, _)| (account, key.clone()));
	if is_genesis {
		Inference::on_genesis_session(validators());
	} else {
		// The pallet asks for the next session's keys where it wants them.
		Inference::on_new_session(true, validators(), validators());
	}
}

fn begin(plan: &Plan, parent_hash: Hash, parent: &Block, content: &Content) {
	let number = parent.number + 1;
	System::initialize(&number, &parent_hash, &Default::default());
	let mut rng = Rng::new(plan.seed ^ content.slot << 8 ^ (content.author as u64) << 40, "vrf");
	Facts::set_vrf(rng.bytes());
	let session = session_of(plan, parent, content.slot);
	if session != parent.session {
		begin_session(plan, session, false);
	}
	if plan.disables && (session != parent.session || number.is_multiple_of(17)) {
		let mut rng = Rng::new(plan.seed ^ u64::from(number / 17) ^ u64::from(session) << 20, "disabled");
		let count = plan.session(session).members.len() as u64;
		let disabled = if rng.chance(600) { vec![rng.below(count) as u32] } else { Vec::new() };
		Facts::set_disabled(&disabled);
	}
	Inference::on_initialize(number);
}

/// What an honest author would include of the ballots, and the reports that are still news.
pub(crate) fn select(
	plan: &Plan,
	parent_hash: Hash,
	parent: &mut Block,
	content: &Content,
	ballots: Vec<VersionedBallot>,
	reports: Vec<Equivocation>,
) -> (Option<Vec<VersionedBallot>>, Vec<Equivocation>) {
	let mut state = std::mem::take(&mut parent.state);
	let selected = state.look(Default::default(), || {
		begin(plan, parent_hash, parent, content);
		let mut data = InherentData::new();
		data.put_data(INHERENT_IDENTIFIER, &InherentVotes::V1(ballots)).expect("it is put there once");
		let ballots = match Inference::create_inherent(&data) {
			Some(Call::include { ballots }) => Some(ballots.into_inner()),
			_ => None,
		};
		let is_right = |report: &Equivocation| {
			#[allow(deprecated)]
			Inference::validate_unsigned(TransactionSource::Local, &report_call(report)).is_ok()
		};
		let mut news: Vec<Equivocation> = Vec::new();
		for report in reports {
			let seat = |report: &Equivocation| report.first.id();
			if is_right(&report) && !news.iter().any(|other| seat(other) == seat(&report)) {
				news.push(report);
			}
		}
		(ballots, news)
	});
	parent.state = state;
	selected
}

fn report_call(report: &Equivocation) -> Call<Test> {
	let boxed = |ballot: &SignedBallot| Box::new(ballot.clone());
	Call::report_equivocation_unsigned { first: boxed(&report.first), second: boxed(&report.second) }
}

/// The hash of a block of this content.
pub(crate) fn hash(parent: Hash, content: &Content) -> Hash {
	let Content { slot, author, is_primary, variant, .. } = content;
	sp_io::hashing::blake2_256(format!("{parent:?} {slot} {author} {is_primary} {variant}").as_bytes()).into()
}

/// Executes a block; an error where it is not valid.
pub(crate) fn execute(plan: &Plan, parent_hash: Hash, parent: &Block, content: Content) -> Result<Block, String> {
	let mut state = parent.state.clone();
	let number = parent.number + 1;
	let outcome = state.execute(|| -> Result<_, String> {
		begin(plan, parent_hash, parent, &content);
		for ballots in &content.includes {
			let ballots = ballots.clone().try_into().map_err(|_| "too many ballots".to_string())?;
			let call = RuntimeCall::Inference(Call::include { ballots });
			let result = call.dispatch_bypass_filter(RuntimeOrigin::none());
			let weight = result.map_err(|error| format!("{:?}", error.error))?;
			let limit = <Test as pallet_inference::Config>::MaxIncludeWeight::get();
			if weight.actual_weight.is_none_or(|weight| weight.any_gt(limit)) {
				return Err(format!("VIOLATION include weighs {weight:?}"));
			}
		}
		for (sender, place, transaction) in &content.transactions {
			if nonce(sender) != *place {
				return Err("a transaction out of turn".into());
			}
			unhashed::put(&nonce_key(sender), &(place + 1));
			// What is refused has changed nothing.
			let _ = call_of(transaction).dispatch_bypass_filter(origin_of(sender, transaction));
		}
		for report in &content.reports {
			#[allow(deprecated)]
			Inference::pre_dispatch(&report_call(report)).map_err(|error| format!("{error:?}"))?;
			let call = RuntimeCall::Inference(report_call(report));
			call.dispatch_bypass_filter(RuntimeOrigin::none()).map_err(|error| format!("{error:?}"))?;
		}
		Inference::on_finalize(number);
		let events = System::events().into_iter().filter_map(|record| match record.event {
			RuntimeEvent::Inference(event) => Some(event),
			_ => None,
		});
		let events: Vec<_> = events.collect();
		System::reset_events();
		let offences = Facts::take_offences();
		let views = (Inference::key_sets_view(), Inference::next_key_set_view());
		Ok((events, offences, views, Facts::session()))
	});
	let (events, offences, (key_sets, next_keys), session) = outcome?;
	let violation = state.look(Default::default(), || check(number).err());
	let untrue = state.look(Default::default(), || untrue(plan, &events));
	let submitted = events.iter().filter(|event| matches!(event, Event::JobSubmitted { .. })).count() as JobId;
	Ok(Block {
		parent: parent_hash,
		number,
		weight: parent.weight + u32::from(content.is_primary),
		content,
		session,
		state,
		events,
		offences,
		key_sets,
		next_keys,
		violation,
		jobs: parent.jobs + submitted,
		untrue,
	})
}

fn call_of(transaction: &Transaction) -> RuntimeCall {
	match transaction.clone() {
		Transaction::Submit { model, input, options } => {
			RuntimeCall::Inference(Call::submit { model, input, options, max_fee: Balance::MAX })
		}
		Transaction::Bond(amount) => RuntimeCall::Inference(Call::bond_service { amount }),
		Transaction::Unbond(amount) => RuntimeCall::Inference(Call::unbond_service { amount }),
		Transaction::Resume(model) => RuntimeCall::Models(pallet_models::Call::resume { model }),
		Transaction::Cancel(job) => RuntimeCall::Inference(Call::cancel { job }),
	}
}

fn origin_of(sender: &AccountId, transaction: &Transaction) -> RuntimeOrigin {
	match transaction {
		Transaction::Resume(_) | Transaction::Cancel(_) => RuntimeOrigin::root(),
		_ => RuntimeOrigin::signed(sender.clone()),
	}
}

/// Checks what must hold after every block.
fn check(number: BlockNumber) -> Result<(), String> {
	Inference::check_invariants()?;
	Models::check_invariants()?;
	let issuance: Balance = unhashed::get_or_default(b":sim:issuance");
	let mut sum: Balance = 0;
	for (account, info) in frame_system::Account::<Test>::iter() {
		sum += info.data.free + info.data.reserved;
		let reasons: [RuntimeHoldReason; 2] = [HoldReason::JobFee.into(), HoldReason::ServiceBond.into()];
		let held: Balance = reasons.iter().map(|reason| Balances::balance_on_hold(reason, &account)).sum();
		if held != info.data.reserved {
			return Err(format!("money: the holds of {account:?} are not what is reserved"));
		}
	}
	if sum != issuance || pallet_balances::TotalIssuance::<Test>::get() != issuance {
		return Err(format!("money: {sum} is there, and {issuance} was"));
	}
	for (id, ()) in pallet_inference::OpenJobs::<Test>::iter() {
		let job = pallet_inference::Jobs::<Test>::get(id).ok_or(format!("job {id} is open and not there"))?;
		if number > job.ends_by {
			return Err(format!("job {id} is open after its last block, {}", job.ends_by));
		}
	}
	Ok(())
}

/// The jobs of which the block says an output that the model does not give.
fn untrue(plan: &Plan, events: &[Event<Test>]) -> Vec<JobId> {
	let untrue = events.iter().filter_map(|event| match event {
		Event::Agreed { job, output_hash, .. } => (truth(plan, *job) != Some(*output_hash)).then_some(*job),
		_ => None,
	});
	untrue.collect()
}

/// What the job's model gives.
pub(crate) fn truth(plan: &Plan, id: JobId) -> Option<Hash> {
	let job = pallet_inference::Jobs::<Test>::get(id)?;
	let input = pallet_inference::Inputs::<Test>::get(id)?;
	let (_, model) = plan.model(&job.model)?;
	Some(sibyl_primitives::output::output_hash(&crate::engine::answer_to(model, &job, &input).output))
}

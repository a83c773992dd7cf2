//! What the benchmarks start from.

use super::*;
use alloc::format;
use sibyl_primitives::input::MAX_INPUT_BYTES;

pub const FUNDS: Balance = 1_000_000_000_000_000_000;
pub const STAKE: Balance = 1_000;
/// A millisecond a job.
pub const PACE: Pace = Pace { job: 1_000, input_unit: 0, output_unit: 0 };
/// A block beyond those of any job.
pub const FAR: BlockNumber = 1_000_000;

/// A revision as long as can be.
pub fn model(number: u32) -> ModelRevision {
	let file = ModelFile {
		name: "w".repeat(64).as_str().try_into().expect("it fits"),
		size: 1,
		sha256: Hash::zero(),
		chunk_root: Hash::zero(),
	};
	let golden = Golden {
		input: "g".repeat(256).as_str().try_into().expect("it fits"),
		output_hash: Hash::zero(),
		trace: Hash::zero(),
	};
	ModelRevision {
		name: "benchmark".try_into().expect("it fits"),
		task: Task::Generate,
		architecture: "benchmark".try_into().expect("it fits"),
		files: vec![file; 4].try_into().expect("they fit"),
		semantics: number,
		limits: ModelLimits { input_bytes: MAX_INPUT_BYTES, context_units: MAX_INPUT_BYTES, output_units: 1_024 },
		commit_window: 12,
		goldens: vec![golden; 8].try_into().expect("they fit"),
		licence: "l".repeat(64).as_str().try_into().expect("it fits"),
	}
}

/// Who registered it, and gets a share.
pub fn registration() -> Registration {
	Registration {
		author: Some(author()),
		deposit: 0,
		price: ModelPrice { base: 1_000_000_000, unit: 1_000_000, author_share: MAX_AUTHOR_SHARE },
		state: ModelState::Listed,
		jobs: 0,
	}
}

pub fn author() -> AccountId {
	account("author", 0, 0)
}

pub fn requester() -> AccountId {
	account("requester", 0, 0)
}

pub fn validator(number: u32) -> AccountId {
	account("validator", number, 0)
}

/// Seats that a validator has open when as many jobs are as can be, in two rounds each.
pub fn open_seats<T: Config>() -> u32 {
	let seats = T::MaxOpenJobs::get().saturating_mul(MAX_SEATS + MAX_SECOND_ROUND_SEATS);
	(seats / T::MaxValidators::get()).clamp(1, MAX_OPEN_SEATS - 1)
}

/// A session as large as can be, whose validators all serve every model; each has a seat and a bond for more.
pub fn network<T: Config>() -> Vec<Member> {
	network_with::<T>(1)
}

/// The same, where all validators have taken their bonds back and are out of service.
pub fn nobody_is_bonded<T: Config>() {
	for member in network::<T>() {
		Pallet::<T>::do_unbond(&member.validator, FUNDS).expect("no seat is covered by it");
	}
}

/// The same, where each validator has so many seats.
pub fn network_with<T: Config>(open: u32) -> Vec<Member> {
	// The setup begins in block 0, and what is measured would be in block 1.
	frame_system::Pallet::<T>::set_block_number(10u32.into());
	let key = InferenceId::generate_pair(None);
	let session = T::CurrentSession::get();
	let members: Vec<_> =
		(0..T::MaxValidators::get()).map(|number| Member { validator: validator(number), key: key.clone() }).collect();
	let open: Vec<_> = (0..open).map(|job| (JobId::MAX - JobId::from(job), FIRST_ROUND)).collect();
	for (index, member) in (0..).zip(&members) {
		Members::<T>::insert(session, index, member);
		Places::<T>::insert(&member.key, session, index);
		T::Currency::set_balance(&member.validator, FUNDS * 2);
		T::Currency::hold(&HoldReason::ServiceBond.into(), &member.validator, FUNDS).expect("it has that");
		let open_seats = BoundedVec::truncate_from(open.clone());
		ServiceLedgers::<T>::insert(&member.validator, Ledger { bond: FUNDS, open_seats, ..Default::default() });
	}
	let electors =
		members.iter().map(|member| Elector { validator: member.validator.clone(), stake: STAKE, since: session });
	Electorate::<T>::put(BoundedVec::truncate_from(electors.collect()));
	let said = members.iter().map(|member| Attested {
		validator: member.validator.clone(),
		availability: Availability::Serves(PACE),
		made_at: 0,
		session,
	});
	let id = model(0).id();
	pallet_models::Models::<T>::insert(id, model(0));
	pallet_models::Registrations::<T>::insert(id, registration());
	Rosters::<T>::insert(id, BoundedVec::truncate_from(said.collect()));
	for rich in [requester(), author(), Pallet::<T>::protocol_account()] {
		T::Currency::set_balance(&rich, FUNDS * 1_000);
	}
	RecentVrfs::<T>::put(BoundedVec::truncate_from(vec![(0, [7; 32]); MAX_DRAW_DELAY.into()]));
	for duty in [Duty::Draw, Duty::Deadline] {
		AgendaFront::<T>::insert(duty, (Pallet::<T>::now(), 0));
	}
	members
}

/// What the jobs of a block share.
pub fn shared_keys<T: Config>() -> Vec<Vec<u8>> {
	let now = Pallet::<T>::now();
	let mut keys = vec![
		frame_system::BlockHash::<T>::hashed_key_for(frame_system::pallet_prelude::BlockNumberFor::<T>::from(0u32)),
		// As the runtime names it.
		storage_prefix(b"Session", b"CurrentIndex").to_vec(),
		storage_prefix(b"Session", b"DisabledValidators").to_vec(),
		storage_prefix(b"Babe", b"AuthorVrfRandomness").to_vec(),
		NextJob::<T>::hashed_key().to_vec(),
		ExpectedTime::<T>::hashed_key().to_vec(),
		RecentVrfs::<T>::hashed_key().to_vec(),
		RetainedRange::<T>::hashed_key().to_vec(),
		DeliveryRange::<T>::hashed_key().to_vec(),
		AuditCandidates::<T>::hashed_key().to_vec(),
		Incoming::<T>::hashed_key().to_vec(),
		OpenJobs::<T>::counter_storage_final_key().to_vec(),
		Electorate::<T>::hashed_key().to_vec(),
		OutOfService::<T>::hashed_key().to_vec(),
		frame_system::Account::<T>::hashed_key_for(Pallet::<T>::protocol_account()),
	];
	let after = |blocks| now.saturating_add(blocks);
	keys.extend((1..=2).map(|blocks| Agenda::<T>::hashed_key_for(Duty::Draw, after(blocks))));
	for blocks in [1, T::CommitGrace::get(), T::RevealWindow::get(), Pallet::<T>::commit_window(0)] {
		keys.push(Agenda::<T>::hashed_key_for(Duty::Deadline, after(blocks)));
	}
	keys
}

/// Leaves out what `end_block` counts.
pub fn leave_out_what_is_shared<T: Config>() {
	for key in shared_keys::<T>() {
		add_to_whitelist(key.into());
	}
}

/// The most that a requester may choose: the largest committee, and the format with the most to look through.
pub fn options() -> JobOptions {
	let choice = |at: u32| format!("{at:0>64}").as_str().try_into().expect("it fits");
	let choices: Vec<_> = (0..MAX_CHOICES).map(choice).collect();
	JobOptions {
		seats: Seats::Fixed(MAX_FIXED_SEATS),
		max_output_units: 1_024,
		format: Format::Choice(choices.try_into().expect("they fit")),
		reuse: true,
		..Default::default()
	}
}

pub fn submitted<T: Config>() -> (JobId, Job) {
	submitted_with::<T>(options())
}

pub fn submitted_with<T: Config>(options: JobOptions) -> (JobId, Job) {
	let id = NextJob::<T>::get();
	Pallet::<T>::do_submit(requester(), model(0).id(), input(), options, Balance::MAX).expect("it is right");
	(id, Jobs::<T>::get(id).expect("it was submitted"))
}

pub fn input() -> Input {
	Input::Text(vec![b'x'; 100])
}

/// An input of so many bytes: many small messages, each decoded and checked alone.
pub fn messages(bytes: u32) -> Input {
	let message = Message { role: Role::User, text: b"x".to_vec() };
	match bytes / (MESSAGE_BYTES + 1) {
		0 => Input::Text(vec![b'x'; bytes as usize]),
		count => Input::Messages(vec![message; count as usize]),
	}
}

/// A job whose answer, the longest, so many seats agreed on, and may be taken again.
pub fn known<T: Config>(input: Input, options: &JobOptions, seats: u32) -> JobId {
	let id = NextJob::<T>::get();
	let key = options.answer_key(&model(0).id(), &input).expect("it may be reused");
	Pallet::<T>::do_submit(requester(), model(0).id(), input, options.clone(), Balance::MAX).expect("it is right");
	let support = Support { round: FIRST_ROUND, seats: seats as u16, agreed: seats as u16, serving: 300 };
	let agreed = Some(Agreement { value: value(1), at: 1, support });
	let settlement = SettlementView { paid: 0, refunded: 0, author_share: 0, protocol_share: 0 };
	let outcome = Some(Outcome { verdict: Verdict::Agreed, at: 1, settlement });
	Jobs::<T>::mutate_extant(id, |job| *job = Job { phase: Phase::Ended, agreed, outcome, ..job.clone() });
	OpenJobs::<T>::remove(id);
	Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
	Committees::<T>::insert((id, FIRST_ROUND), committee::<T>(FIRST_ROUND, 0..seats, SeatVote::Revealed(value(1))));
	KnownAnswers::<T>::insert(key, id);
	id
}

/// An answer of so many bytes, or as many as an answer has at least: its tokens take the most of it to decode.
pub fn answer(bytes: u32) -> OutputBytes {
	let tokens = (bytes / 8).min(1_024);
	let text = bytes.saturating_sub(tokens * 4 + 16) as usize;
	let generation = Generation {
		text: "x".repeat(text.min(6_000)).as_str().try_into().expect("it fits"),
		tokens: (0..tokens).collect::<Vec<_>>().try_into().expect("they fit"),
		finish: Finish::Stop,
	};
	VersionedOutput::V1(Output::Answer(Answer::Generation(generation))).encode().try_into().expect("it fits")
}

pub fn value(number: u8) -> Value {
	Value { output_hash: output_hash(&answer(MAX_OUTPUT_BYTES)), work: Hash::repeat_byte(number) }
}

/// A committee of these validators, each of which did that.
pub fn committee<T: Config>(round: Round, seats: core::ops::Range<u32>, vote: SeatVote) -> Committee {
	let seats: Vec<_> = seats
		.map(|number| Seat { validator: validator(number), authority_index: number, stake: STAKE, time: 1, vote })
		.collect();
	let serving = T::MaxValidators::get();
	Committee {
		draw: Hash::zero(),
		round,
		session: T::CurrentSession::get(),
		drawn_at: Pallet::<T>::now(),
		serving: serving as u16,
		serving_stake: STAKE.saturating_mul(serving.into()),
		charge: 1_000,
		checks: true,
		seats: BoundedVec::truncate_from(seats),
	}
}

/// Stores the committee and gives its validators their seats.
pub fn seat<T: Config>(id: JobId, job: &mut Job, committee: &Committee, phase: Phase) {
	for seat in &committee.seats {
		ServiceLedgers::<T>::mutate(&seat.validator, |ledger| {
			ledger.reserved += committee.charge;
			ledger.open_time += seat.time;
			ledger.open_seats.try_push((id, committee.round)).expect("there is room");
		});
	}
	Committees::<T>::insert((id, committee.round), committee);
	job.round = committee.round;
	job.phase = phase;
	job.deadline = FAR;
	Jobs::<T>::insert(id, job);
}

/// Ends the job with a largest committee's answer, and lets its retention be over.
pub fn ended_long_ago<T: Config>(id: JobId, job: &mut Job) {
	Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
	let first = committee::<T>(FIRST_ROUND, 0..MAX_SEATS, SeatVote::Revealed(value(1)));
	seat::<T>(id, job, &first, Phase::Ended);
	OpenJobs::<T>::remove(id);
	Retained::<T>::insert(0, (id, 0));
	RetainedRange::<T>::put((0, 1));
}

/// All validators' ledgers, as if something before had read them.
pub fn read_ledgers<T: Config>() -> Ledgers<T> {
	let mut ledgers = Ledgers::<T>::default();
	for number in 0..T::MaxValidators::get() {
		ledgers.get(&validator(number));
	}
	ledgers
}

/// Leaves these validators no bond for more seats.
pub fn fill<T: Config>(validators: core::ops::Range<u32>) {
	for number in validators {
		ServiceLedgers::<T>::mutate(validator(number), |entry| entry.reserved = entry.bond);
	}
}

/// Gives the block, whose number it returns, as many VRFs as any draw waits for.
pub fn ready_to_draw<T: Config>() -> BlockNumber {
	let now = Pallet::<T>::now();
	RecentVrfs::<T>::put(BoundedVec::truncate_from(vec![(now, [7; 32]); MAX_DRAW_DELAY.into()]));
	leave_out_what_is_shared::<T>();
	now
}

/// A ballot of the first validator.
pub fn signed<T: Config>(change: impl FnOnce(&mut Ballot)) -> SignedBallot {
	let Member { key, .. } = Members::<T>::get(T::CurrentSession::get(), 0).expect("the session has validators");
	let mut ballot = Ballot::new(T::CurrentSession::get(), 0, Pallet::<T>::now());
	change(&mut ballot);
	let signature = ballot.sign(&Pallet::<T>::genesis(), &key).expect("the keystore has the key");
	SignedBallot { ballot, outputs: Default::default(), signature }
}

pub fn junk(number: u32) -> Reveal {
	let target =
		VoteTarget { fingerprint: sp_io::hashing::blake2_256(&number.encode()).into(), draw: Hash::zero(), round: 0 };
	Reveal { target, seat: 0, output_hash: Hash::zero(), work: Hash::zero(), salt: Hash::zero() }
}

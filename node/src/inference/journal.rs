//! What became of this validator's seats, told by final blocks: a line for each job that it sat in and for each change of
//! its place in the set, at the usual level; each step of a seat at the level `debug`.

use super::{events, insight::Insight, metrics::Metrics, IsSyncing};
use futures::StreamExt;
use pallet_inference::{Event, Fault};
use sc_client_api::{Backend, BlockchainEvents, HeaderBackend, StorageProvider};
use sibyl_primitives::{
	api::{InferenceApi, KeySetView},
	inference_key,
	job::{AbstainReason, JobId},
	AccountId, Balance, BlockNumber, Hash,
};
use sibyl_runtime::{configs::inference::LeastServiceBond, opaque::Block, Runtime, RuntimeEvent};
use sp_api::ProvideRuntimeApi;
use sp_core::crypto::ByteArray;
use sp_keystore::KeystorePtr;
use std::{
	collections::{BTreeMap, BTreeSet},
	marker::PhantomData,
	sync::Arc,
};

const LOG_TARGET: &str = "inference::seats";

/// Jobs whose ends are awaited, at most: those that a node may sit in at once, and more. Beyond them the oldest is forgotten,
/// and its line says less.
const MAX_AWAITED: usize = 8_192;

/// Reads final blocks and tells of what concerns this validator.
pub struct Journal<Client, Database> {
	client: Arc<Client>,
	keystore: KeystorePtr,
	metrics: Metrics,
	is_syncing: IsSyncing,
	insight: Insight,
	entries: Entries,
	_database: PhantomData<Database>,
}

impl<Client, Database> Journal<Client, Database>
where
	Database: Backend<Block>,
	Client: ProvideRuntimeApi<Block>
		+ HeaderBackend<Block>
		+ BlockchainEvents<Block>
		+ StorageProvider<Block, Database>
		+ 'static,
	Client::Api: InferenceApi<Block>,
{
	/// A journal of what the chain does with the validator whose inference key the keystore has.
	pub fn new(
		client: Arc<Client>,
		keystore: KeystorePtr,
		metrics: Metrics,
		is_syncing: IsSyncing,
		insight: Insight,
	) -> Self {
		let entries = Entries::default();
		Self { client, keystore, metrics, is_syncing, insight, entries, _database: PhantomData }
	}

	/// Tells, as long as blocks become final.
	pub async fn run(mut self) {
		let mut finalised = self.client.finality_notification_stream();
		self.look_at_session(self.client.info().finalized_hash);
		while let Some(block) = finalised.next().await {
			if (self.is_syncing)() {
				continue;
			}
			for hash in block.tree_route.iter().copied().chain([block.hash]) {
				self.read(hash);
			}
		}
	}

	fn read(&mut self, block: Hash) {
		// It is one of the chain's, so it has a number.
		self.entries.number = self.client.number(block).ok().flatten().unwrap_or_default();
		for event in events::of(self.client.as_ref(), block) {
			if matches!(event, RuntimeEvent::Session(pallet_session::Event::NewSession { .. })) {
				self.look_at_session(block);
			}
			let told = self.entries.note(event);
			if let Some(outcome) = told.outcome {
				self.metrics.seats.with_label_values(&[outcome]).inc();
			}
			if let Some(blocks) = told.waited {
				self.metrics.vote_blocks.observe(f64::from(blocks));
			}
			if let Some((_, line)) = told.line.as_ref().filter(|_| told.is_fault) {
				self.insight.fault(line.trim_start_matches("🔮 "));
			}
			match told.line {
				Some((log::Level::Debug, line)) => log::debug!(target: LOG_TARGET, "{line}"),
				Some((_, line)) => log::info!(target: LOG_TARGET, "{line}"),
				None => {}
			}
		}
	}

	fn look_at_session(&mut self, block: Hash) {
		let Some(set) = self.client.runtime_api().key_sets(block).ok().and_then(|sets| sets.into_iter().next()) else {
			return;
		};
		let has = |key: &[u8]| self.keystore.has_keys(&[(key.to_vec(), inference_key::KEY_TYPE)]);
		if let Some(line) = self.entries.look_at_session(&set, has) {
			log::info!(target: LOG_TARGET, "{line}");
		}
		self.metrics.elected.set(u64::from(self.entries.is_elected));
	}
}

/// What is to be said, and counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
	line: Option<(log::Level, String)>,
	outcome: Option<&'static str>,
	/// Whether the operator should know of it for longer.
	is_fault: bool,
	/// Blocks from a seat's draw to the one that has its commit or abstention.
	waited: Option<BlockNumber>,
}

impl Told {
	fn line(line: String) -> Self {
		Self { line: Some((log::Level::Info, line)), ..Self::default() }
	}

	fn step(outcome: &'static str, line: String) -> Self {
		Self { line: Some((log::Level::Debug, line)), outcome: Some(outcome), ..Self::default() }
	}
}

/// What is known of a seat whose job has not ended.
#[derive(Debug, Default)]
struct Seat {
	/// None where the journal began after the draw.
	drawn_at: Option<BlockNumber>,
	abstained: Option<AbstainReason>,
	has_committed: bool,
	has_revealed: bool,
	paid: Balance,
	charged: Balance,
	fault: Option<Fault>,
}

/// What the journal knows.
#[derive(Debug, Default)]
struct Entries {
	/// Of the block that is read.
	number: BlockNumber,
	/// The accounts whose key this node has, or had.
	ours: BTreeSet<AccountId>,
	is_elected: bool,
	/// The inference keys that the last session had of this node.
	keys: Vec<Vec<u8>>,
	awaited: BTreeMap<JobId, Seat>,
	/// The last job that took another's answer, and that one.
	reused: Option<(JobId, JobId)>,
}

impl Entries {
	/// Whether this node is in the set of a session; what to say where that is new.
	fn look_at_session(&mut self, set: &KeySetView, has: impl Fn(&[u8]) -> bool) -> Option<String> {
		let session = set.session;
		let ours: Vec<_> = set.members.iter().filter(|(_, key)| has(key.as_slice())).collect();
		let was_elected = self.is_elected;
		self.is_elected = !ours.is_empty();
		let keys = ours.iter().map(|(_, key)| key.as_slice().to_vec()).collect();
		let had = std::mem::replace(&mut self.keys, keys);
		self.ours.extend(ours.iter().map(|(account, _)| account.clone()));
		match (was_elected, self.is_elected) {
			(false, true) => {
				let names: Vec<_> = ours.iter().map(|(account, _)| account.to_string()).collect();
				Some(format!("🔑 Session {session}: elected, as {}", names.join(", ")))
			}
			(true, false) => Some(format!(
				"🔑 Session {session}: no longer elected, or its keys are not in use: no block, vote or seat is this node's"
			)),
			(true, true) if had != self.keys => Some(format!(
				"🔑 Session {session}: new session keys are in use; earlier ones may go two sessions later"
			)),
			_ => None,
		}
	}

	fn note(&mut self, event: RuntimeEvent) -> Told {
		match event {
			RuntimeEvent::Inference(event) => self.note_inference(event),
			RuntimeEvent::Staking(pallet_staking::Event::EraPaid { era_index, .. }) if self.is_elected => Told::line(
				format!("💰 Era {era_index} is over: its rewards are paid once somebody calls for them, within 84 eras, as 'sibyl-node validator payout' does"),
			),
			RuntimeEvent::Staking(pallet_staking::Event::Rewarded { stash, amount, .. })
				if self.ours.contains(&stash) =>
			{
				Told::line(format!("💰 {} of staking rewards", sib(amount)))
			}
			_ => Told::default(),
		}
	}

	fn note_inference(&mut self, event: Event<Runtime>) -> Told {
		match event {
			Event::CommitteeDrawn { job, round, seats, commit_deadline, .. } => {
				let Some(seat) = seats.iter().position(|validator| self.ours.contains(validator)) else {
					return Told::default();
				};
				let drawn_at = Some(self.number);
				// A seat that it keeps, where substitutes were drawn for others, commits anew.
				let own = self.seat(job);
				(own.has_committed, own.drawn_at) = (false, drawn_at);
				let of = seats.len();
				Told::step(
					"drawn",
					format!("Job {job}, round {round}: seat {seat} of {of}, commits until #{commit_deadline}"),
				)
			}
			Event::Committed { job, validator, .. } if self.ours.contains(&validator) => {
				self.seat(job).has_committed = true;
				let told = Told::step("committed", format!("Job {job}: its commit is in a block"));
				Told { waited: self.waited(job), ..told }
			}
			Event::Abstained { job, validator, reason, .. } if self.ours.contains(&validator) => {
				self.seat(job).abstained = Some(reason);
				let told = Told::step("abstained", format!("Job {job}: its abstention is in a block"));
				Told { waited: self.waited(job), ..told }
			}
			Event::Revealed { job, validator, .. } if self.ours.contains(&validator) => {
				self.seat(job).has_revealed = true;
				Told::step("revealed", format!("Job {job}: its reveal is in a block"))
			}
			Event::AnswerReused { job, source } => {
				self.reused = Some((job, source));
				Told::default()
			}
			Event::SeatPaid { job, validator, amount, .. } if self.ours.contains(&validator) => match self.reused {
				Some((id, source)) if id == job => Told::line(format!(
					"🔮 Job {job}: paid {} for the answer of job {source}, taken again",
					sib(amount)
				)),
				_ => {
					let seat = self.seat(job);
					seat.paid = seat.paid.saturating_add(amount);
					Told::step("paid", format!("Job {job}: {} for its seat", sib(amount)))
				}
			},
			Event::SeatCharged { job, validator, amount, fault, .. } if self.ours.contains(&validator) => {
				let seat = self.seat(job);
				(seat.charged, seat.fault) = (seat.charged.saturating_add(amount), Some(fault));
				Told::step("charged", format!("Job {job}: charged {}", sib(amount)))
			}
			Event::Settled { job, .. } => {
				let Some(seat) = self.awaited.remove(&job) else { return Told::default() };
				let is_fault = seat.fault.is_some() || !seat.has_committed && seat.abstained.is_none();
				Told { is_fault, ..Told::line(format!("🔮 Job {job}: {}", seat.end())) }
			}
			Event::Unresponsive { validator } if self.ours.contains(&validator) => {
				let line = "🔮 Too many seats missed in a row: none until this node attests again";
				Told { is_fault: true, ..Told::line(line.into()) }
			}
			Event::Underbonded { validator } if self.ours.contains(&validator) => {
				let least = sib(LeastServiceBond::get());
				let line = format!("🔮 This validator has less service bond than {least}: no seats until more is bonded ('sibyl-node validator setup')");
				Told { is_fault: true, ..Told::line(line) }
			}
			_ => Told::default(),
		}
	}

	fn waited(&self, job: JobId) -> Option<BlockNumber> {
		let drawn_at = self.awaited.get(&job)?.drawn_at?;
		Some(self.number.saturating_sub(drawn_at))
	}

	fn seat(&mut self, job: JobId) -> &mut Seat {
		if self.awaited.len() >= MAX_AWAITED && !self.awaited.contains_key(&job) {
			self.awaited.pop_first();
		}
		self.awaited.entry(job).or_default()
	}
}

impl Seat {
	/// How it ended for this validator.
	fn end(&self) -> String {
		let charged = match self.charged {
			0 => String::new(),
			charged => format!("; charged {}", sib(charged)),
		};
		let fault = self.fault.map(|fault| match fault {
			Fault::Withheld => "it committed and did not reveal in time",
			Fault::Lost => "the others revealed another output",
			Fault::Contradicted => "a second committee says another output",
		});
		let what = match (self.paid, fault) {
			(0, Some(fault)) => format!("not paid, since {fault}"),
			(0, None) => match (self.abstained, self.has_committed, self.has_revealed) {
				(Some(reason), ..) => format!("not paid, since it abstained: {}", reason_of(reason)),
				(None, false, _) => "not paid: none of its commits came into a block in time".into(),
				(None, true, false) => "not paid: it ended before this seat revealed".into(),
				(None, true, true) => "not paid: the seats came to no agreement, or to another".into(),
			},
			(paid, None) => format!("paid {}", sib(paid)),
			(paid, Some(fault)) => format!("paid {}, and {fault}", sib(paid)),
		};
		what + &charged
	}
}

fn reason_of(reason: AbstainReason) -> &'static str {
	match reason {
		AbstainReason::NoModel => "it does not serve the model",
		AbstainReason::Overloaded => "it had too much to do",
		AbstainReason::TooSlow => "there was not enough time",
		AbstainReason::EngineFailed => "its engine failed",
	}
}

fn sib(amount: Balance) -> String {
	sibyl_user::sib(amount)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, key_set};
	use sibyl_primitives::job::Verdict;
	use sibyl_runtime::constants::SIB;

	const JOB: JobId = 7;

	/// A journal of the validator whose account is the set's second.
	fn entries() -> Entries {
		let mut entries = Entries::default();
		let set = key_set(5, 4);
		let key = set.members[1].1.as_slice().to_vec();
		let line = entries.look_at_session(&set, |other| other == key).expect("it is news");
		assert!(line.contains("Session 5: elected") && entries.is_elected, "{line}");
		entries
	}

	fn drawn(entries: &mut Entries) {
		let event = Event::CommitteeDrawn {
			job: JOB,
			round: 0,
			draw: Hash::zero(),
			session: 5,
			seats: vec![account(0), account(1)],
			commit_deadline: 20,
		};
		let told = entries.note_inference(event);
		assert_eq!(told, Told::step("drawn", "Job 7, round 0: seat 1 of 2, commits until #20".into()));
	}

	fn committed(entries: &mut Entries) {
		let (validator, commitment) = (account(1), Hash::zero());
		entries.note_inference(Event::Committed { job: JOB, round: 0, seat: 1, validator, commitment });
	}

	fn revealed(entries: &mut Entries) {
		let (validator, output_hash) = (account(1), Hash::zero());
		entries.note_inference(Event::Revealed { job: JOB, round: 0, seat: 1, validator, output_hash });
	}

	fn settled_as(entries: &mut Entries) -> Told {
		let event = Event::Settled {
			job: JOB,
			verdict: Verdict::Agreed,
			paid: 1,
			refunded: 2,
			author_share: 4,
			protocol_share: 3,
		};
		entries.note_inference(event)
	}

	fn settled(entries: &mut Entries) -> Option<String> {
		settled_as(entries).line.map(|(level, line)| {
			assert_eq!(level, log::Level::Info);
			line
		})
	}

	#[test]
	fn a_seat_that_was_paid_has_one_line_with_what_it_got() {
		let mut entries = entries();
		drawn(&mut entries);
		committed(&mut entries);
		revealed(&mut entries);
		for validator in [account(0), account(1)] {
			let event = Event::SeatPaid { job: JOB, round: 0, seat: 1, validator, amount: SIB / 1_000 };
			entries.note_inference(event);
		}
		assert_eq!(settled(&mut entries).as_deref(), Some("🔮 Job 7: paid 0.001 SIB"));
		assert_eq!(settled(&mut entries), None, "once");
	}

	#[test]
	fn how_many_blocks_a_vote_took_is_told_from_the_seats_last_draw_and_not_where_that_is_not_known() {
		let commit =
			|| Event::Committed { job: JOB, round: 0, seat: 1, validator: account(1), commitment: Hash::zero() };
		let abstention = || {
			let reason = AbstainReason::TooSlow;
			Event::Abstained { job: JOB, round: 0, seat: 1, validator: account(1), reason }
		};
		let waited = |draws: &[BlockNumber], vote| {
			let mut entries = entries();
			for draw in draws {
				entries.number = *draw;
				drawn(&mut entries);
			}
			entries.number = 19;
			entries.note_inference(vote).waited
		};
		for vote in [commit as fn() -> Event<Runtime>, abstention] {
			assert_eq!(waited(&[12], vote()), Some(7));
			assert_eq!(waited(&[12, 17], vote()), Some(2));
			assert_eq!(waited(&[], vote()), None);
		}
	}

	#[test]
	fn a_seat_that_is_kept_when_substitutes_are_drawn_for_others_is_told_to_miss_where_it_does_not_commit_again() {
		let mut entries = entries();
		drawn(&mut entries);
		committed(&mut entries);
		drawn(&mut entries);
		let told = settled_as(&mut entries);
		assert!(told.is_fault);
		assert!(told.line.is_some_and(|(_, line)| line.contains("none of its commits")));
	}

	#[test]
	fn an_answer_that_is_taken_again_is_told_as_a_payment_and_not_as_a_seat_that_missed() {
		let mut entries = entries();
		assert_eq!(entries.note_inference(Event::AnswerReused { job: JOB, source: 3 }), Told::default());
		let told = [account(0), account(1)].map(|validator| {
			entries.note_inference(Event::SeatPaid { job: JOB, round: 0, seat: 1, validator, amount: SIB / 1_000 })
		});
		let line = "🔮 Job 7: paid 0.001 SIB for the answer of job 3, taken again";
		assert_eq!(told, [Told::default(), Told::line(line.into())]);
		assert_eq!(settled_as(&mut entries), Told::default());
	}

	#[test]
	fn who_is_taken_out_of_service_is_told_what_to_do_about_it() {
		let unresponsive = |validator| Event::Unresponsive { validator };
		let underbonded = |validator| Event::Underbonded { validator };
		let lines = [
			(unresponsive(account(1)), "until this node attests again"),
			(underbonded(account(1)), "less service bond than 50 SIB: no seats until more is bonded"),
		];
		for (event, expected) in lines {
			let told = entries().note_inference(event);
			assert!(told.is_fault && told.line.is_some_and(|(_, line)| line.contains(expected)), "{expected}");
		}
		for of_another in [unresponsive(account(0)), underbonded(account(0))] {
			assert_eq!(entries().note_inference(of_another), Told::default());
		}
	}

	#[test]
	fn a_seat_that_was_not_paid_says_why() {
		let end = |steps: &dyn Fn(&mut Entries)| {
			let mut entries = entries();
			drawn(&mut entries);
			steps(&mut entries);
			settled(&mut entries).expect("it sat in the job")
		};
		assert!(end(&|_| ()).contains("none of its commits"));
		assert!(end(&committed).contains("before this seat revealed"));
		let both = |entries: &mut Entries| {
			committed(entries);
			revealed(entries);
		};
		assert!(end(&both).contains("no agreement"));
		let abstained = |entries: &mut Entries| {
			let reason = AbstainReason::TooSlow;
			entries.note_inference(Event::Abstained { job: JOB, round: 0, seat: 1, validator: account(1), reason });
		};
		assert!(end(&abstained).contains("abstained: there was not enough time"));
		let charged = |entries: &mut Entries| {
			committed(entries);
			let (validator, fault, amount) = (account(1), Fault::Withheld, SIB);
			entries.note_inference(Event::SeatCharged { job: JOB, round: 0, seat: 1, validator, fault, amount });
		};
		assert_eq!(end(&charged), "🔮 Job 7: not paid, since it committed and did not reveal in time; charged 1 SIB");
	}

	#[test]
	fn a_seat_that_did_nothing_or_was_charged_is_a_fault_and_one_that_voted_is_none() {
		let is_fault = |steps: &dyn Fn(&mut Entries)| {
			let mut entries = entries();
			drawn(&mut entries);
			steps(&mut entries);
			settled_as(&mut entries).is_fault
		};
		assert!(is_fault(&|_| ()));
		assert!(!is_fault(&|entries| {
			committed(entries);
			revealed(entries);
		}));
		assert!(is_fault(&|entries| {
			committed(entries);
			let (validator, fault, amount) = (account(1), Fault::Lost, SIB);
			entries.note_inference(Event::SeatCharged { job: JOB, round: 0, seat: 1, validator, fault, amount });
		}));
	}

	#[test]
	fn what_others_do_is_not_told() {
		let mut entries = entries();
		let seats = vec![account(0), account(2)];
		let (draw, session) = (Hash::zero(), 5);
		let event = Event::CommitteeDrawn { job: JOB, round: 0, draw, session, seats, commit_deadline: 20 };
		assert_eq!(entries.note_inference(event), Told::default());
		assert_eq!(settled(&mut entries), None);
	}

	#[test]
	fn new_keys_are_told_of_when_they_come_into_use() {
		let mut entries = entries();
		let mut set = key_set(6, 4);
		assert_eq!(entries.look_at_session(&set, |key| key == set.members[1].1.as_slice()), None);
		set.members[1].1 = set.members[3].1.clone();
		let line = entries.look_at_session(&set, |key| key == set.members[1].1.as_slice()).expect("it is news");
		assert!(line.contains("Session 6: new session keys are in use"), "{line}");
	}

	#[test]
	fn who_drops_out_is_told_once_and_still_hears_of_its_last_jobs() {
		let mut entries = entries();
		drawn(&mut entries);
		let line = entries.look_at_session(&key_set(6, 4), |_| false).expect("it is news");
		assert!(line.contains("Session 6: no longer elected") && !entries.is_elected, "{line}");
		assert_eq!(entries.look_at_session(&key_set(7, 4), |_| false), None);
		assert!(settled(&mut entries).is_some());
	}

	#[test]
	fn no_more_jobs_are_awaited_than_there_is_room_for() {
		let mut entries = entries();
		for job in 0..2 * MAX_AWAITED as u64 {
			entries.seat(job);
		}
		assert_eq!(entries.awaited.len(), MAX_AWAITED);
		assert!(entries.awaited.contains_key(&(2 * MAX_AWAITED as u64 - 1)));
	}
}

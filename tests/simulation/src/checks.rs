//! What must hold of a whole run: of every block, and of the chain that the honest ones end with.

use crate::{
	chain::Block,
	plan::{self, Tick, TICKS},
	report::Report,
	runtime::{Offence, Test},
	world::World,
};
use pallet_inference::{Event, Fault};
use sibyl_primitives::{
	api::{AuditView, Support},
	job::{Fingerprint, JobId, Round, SeatIndex, Verdict, FIRST_ROUND, SECOND_ROUND},
	AccountId, Balance, BlockNumber, Hash,
};
use std::collections::{BTreeMap, BTreeSet};

/// Whether these are more than two thirds: said here again, so that the code under test does not measure itself.
fn is_quorum(votes: usize, seats: usize) -> bool {
	3 * votes > 2 * seats
}

/// Seats that committed and did not reveal when they should have are charged.
fn check_withheld(story: &Story) -> Vec<String> {
	let mut violations = Vec::new();
	for (id, job) in &story.jobs {
		let is_judged = matches!(job.settled, Some((Verdict::Agreed | Verdict::Failed(_) | Verdict::NoQuorum, _)));
		for (round, sitting) in job.sittings.iter().filter(|(_, sitting)| is_judged && sitting.commits_until.is_some())
		{
			// What an audit, or a model, that was ended before its time comes to is nobody's fault.
			if job.is_audited && *round == SECOND_ROUND && !job.audit_decided {
				continue;
			}
			for seat in &sitting.committed {
				let is_charged = sitting.charged.get(seat).is_some_and(|amount| *amount > 0);
				if !sitting.revealed.contains_key(seat) && !is_charged {
					violations.push(format!("seat {seat} of job {id} and round {round} withheld and is not charged"));
				}
			}
		}
	}
	violations
}

/// A job that takes an answer ends in its own block, draws no committee, and has what the other one's committee agreed on.
fn check_reused(id: JobId, job: &Told, source: JobId, other: Option<&Told>) -> Vec<String> {
	let is_at_once = job.settled == Some((Verdict::Agreed, job.submitted_at)) && job.sittings.is_empty();
	let agreed = |job: &Told| job.agreed.map(|(hash, support)| (hash, support.seats));
	let is_the_same = other.is_some_and(|other| other.source.is_none() && agreed(other) == agreed(job));
	let mut violations = Vec::new();
	if !is_at_once {
		violations.push(format!("job {id} takes an answer, and comes to {:?}", job.settled));
	}
	if !is_the_same {
		violations.push(format!("job {id} takes an answer that job {source} does not have"));
	}
	violations
}

/// A committee, as events tell of it.
struct Sitting {
	drawn_at: BlockNumber,
	seats: Vec<AccountId>,
	/// When commits were over.
	commits_until: Option<BlockNumber>,
	votes: BTreeMap<SeatIndex, BlockNumber>,
	committed: BTreeSet<SeatIndex>,
	charged: BTreeMap<SeatIndex, Balance>,
	revealed: BTreeMap<SeatIndex, Hash>,
	/// When it was over.
	over_at: Option<BlockNumber>,
}

/// A job, as events tell of it.
struct Told {
	fingerprint: Fingerprint,
	submitted_at: BlockNumber,
	ends_by: BlockNumber,
	first_bound: BlockNumber,
	sittings: BTreeMap<Round, Sitting>,
	/// The first committee as it was before substitutes were drawn.
	stalled: Option<Sitting>,
	agreed: Option<(Hash, Support)>,
	/// The job whose answer it has.
	source: Option<JobId>,
	settled: Option<(Verdict, BlockNumber)>,
	is_audited: bool,
	audit_over: bool,
	audit_decided: bool,
}

/// The chain, as events tell of it.
#[derive(Default)]
struct Story {
	jobs: BTreeMap<JobId, Told>,
	/// By heights: the slot, and whether the author is honest.
	blocks: BTreeMap<BlockNumber, (u64, bool)>,
	wages: Balance,
	audit_pay: Balance,
	honest_losses: Balance,
	charges: Vec<(JobId, Round, SeatIndex, AccountId, Fault, BlockNumber)>,
	unresponsive: Vec<(AccountId, BlockNumber)>,
	/// What must not be, and is.
	wrong: Vec<String>,
}

impl World {
	/// Checks what a block reports.
	pub(crate) fn check_offences(&mut self, block: &Block) {
		for offence in &block.offences {
			if let Offence::Equivocated { validator, .. } = offence {
				if !self.plan.is_of_coalition(validator) {
					self.violations.push(format!("#{}: {validator:?} is honest and said to equivocate", block.number));
				}
			}
		}
	}

	/// Checks the chain that the honest ones end with.
	pub(crate) fn conclude(&mut self) -> Report {
		let chain = self.chain(self.canonical());
		let mut story = Story::default();
		let mut report = Report {
			blocks: chain.len() as u64,
			forked: (self.blocks.len() - 1 - chain.len()) as u64,
			invalid: self.counts.invalid_blocks,
			deepest_reorg: self.counts.deepest_reorg,
			..Default::default()
		};
		for hash in &chain {
			let block = &self.blocks[hash];
			let is_honest = !self.plan.is_byzantine(block.content.author);
			story.blocks.insert(block.number, (block.content.slot, is_honest));
			for event in &block.events {
				self.tell(&mut story, block.number, event);
			}
			for offence in &block.offences {
				match offence {
					Offence::Equivocated { .. } => report.equivocations += 1,
					Offence::Contradicted { validators, .. } => report.contradicted += validators.len() as u64,
				}
			}
		}
		let mut violations = self.check_ends(&story, &mut report);
		// Whatever fork it is on.
		for block in self.blocks.values() {
			for job in &block.untrue {
				violations.extend(self.check_untrue(*job, block));
			}
		}
		report.captures = chain.iter().map(|hash| self.blocks[hash].untrue.len() as u64).sum();
		violations.append(&mut story.wrong);
		violations.extend(check_withheld(&story));
		violations.extend(self.check_charges(&story, &mut report));
		violations.extend(self.check_misses(&story, &mut report));
		violations.extend(self.check_gain(&story));
		self.violations.extend(violations);
		report
	}

	fn tell(&self, story: &mut Story, now: BlockNumber, event: &Event<Test>) {
		let of_coalition = |account: &AccountId| self.plan.is_of_coalition(account);
		match event {
			Event::JobSubmitted { job, fingerprint, ends_by, model, .. } => {
				let window = self.plan.model(model).map_or(0, |(_, model)| model.commit_window);
				let parameters = &self.plan.parameters;
				let window = parameters.commit_window.max(window);
				let delay = parameters.max_open * 3 / parameters.duties_per_block + 1;
				let told = Told {
					fingerprint: *fingerprint,
					submitted_at: now,
					ends_by: *ends_by,
					first_bound: 8 + window + parameters.reveal_window + 2 * delay,
					sittings: BTreeMap::new(),
					stalled: None,
					agreed: None,
					source: None,
					settled: None,
					is_audited: false,
					audit_over: false,
					audit_decided: false,
				};
				story.jobs.insert(*job, told);
			}
			Event::CommitteeDrawn { job, round, seats, .. } => {
				if let Some(job) = story.jobs.get_mut(job) {
					let sitting = Sitting {
						drawn_at: now,
						seats: seats.clone(),
						commits_until: None,
						votes: BTreeMap::new(),
						committed: BTreeSet::new(),
						charged: BTreeMap::new(),
						revealed: BTreeMap::new(),
						over_at: None,
					};
					job.sittings.insert(*round, sitting);
				}
			}
			Event::Committed { job, round, seat, .. } | Event::Abstained { job, round, seat, .. } => {
				let Some(sitting) = story.sitting(*job, *round) else { return };
				if matches!(event, Event::Committed { .. }) {
					sitting.committed.insert(*seat);
				}
				let is_late = sitting.commits_until.is_some();
				if sitting.votes.insert(*seat, now).is_some() {
					story.wrong.push(format!("#{now}: seat {seat} of job {job} and round {round} votes twice"));
				}
				if is_late {
					story.wrong.push(format!(
						"#{now}: seat {seat} of job {job} and round {round} votes after commits are over"
					));
				}
			}
			Event::RevealingBegan { job, round, .. } => {
				let Some(sitting) = story.sitting(*job, *round) else { return };
				if sitting.commits_until.replace(now).is_some() {
					story.wrong.push(format!("#{now}: job {job} begins to reveal in round {round} twice"));
				}
			}
			Event::Revealed { job, round, seat, output_hash, .. } => {
				let Some(sitting) = story.sitting(*job, *round) else { return };
				let is_right = sitting.commits_until.is_some() && sitting.committed.contains(seat);
				if sitting.revealed.insert(*seat, *output_hash).is_some() || !is_right {
					story.wrong.push(format!(
						"#{now}: seat {seat} of job {job} and round {round} reveals twice, too early or what it has not committed to"
					));
				}
			}
			Event::AnswerReused { job, source } => {
				if let Some(job) = story.jobs.get_mut(job) {
					job.source = Some(*source);
				}
			}
			Event::Agreed { job, output_hash, support, .. } => {
				if support.agreed * 3 <= support.seats * 2 {
					story.wrong.push(format!("#{now}: job {job} agrees with {} of {}", support.agreed, support.seats));
				}
				if let Some(job) = story.jobs.get_mut(job) {
					job.agreed = Some((*output_hash, *support));
				}
			}
			Event::SubstitutesCalled { job: id, .. } => {
				let Some(job) = story.jobs.get_mut(id) else { return };
				if job.stalled.is_some() {
					story.wrong.push(format!("#{now}: job {id} gets substitutes twice"));
				}
				job.stalled =
					job.sittings.remove(&FIRST_ROUND).map(|sitting| Sitting { over_at: Some(now), ..sitting });
			}
			Event::SecondRoundBegan { job, is_audit } => {
				if let Some(job) = story.jobs.get_mut(job) {
					job.is_audited = *is_audit;
					if let Some(first) = job.sittings.get_mut(&0) {
						first.over_at.get_or_insert(now);
					}
				}
			}
			Event::Settled { job, verdict, .. } => {
				if let Some(job) = story.jobs.get_mut(job) {
					job.settled = Some((*verdict, now));
					job.sittings.values_mut().for_each(|sitting| {
						sitting.over_at.get_or_insert(now);
					});
				}
			}
			Event::Audited { job, audit } => {
				if let Some(job) = story.jobs.get_mut(job) {
					job.audit_decided = *audit != AuditView::Undecided;
					job.audit_over = true;
					job.sittings.values_mut().for_each(|sitting| {
						sitting.over_at.get_or_insert(now);
					});
				}
			}
			Event::SeatPaid { job, round, seat, validator, amount } if of_coalition(validator) => {
				let Some(told) = story.jobs.get(job) else { return };
				// Seats are paid for an answer of theirs that is taken again.
				let answered = told.source.and_then(|source| story.jobs.get(&source)).unwrap_or(told);
				let said = answered.sittings.get(round).and_then(|sitting| sitting.revealed.get(seat));
				if told.is_audited && *round == SECOND_ROUND {
					story.audit_pay += amount;
				} else if said.is_some() && said.copied() == answered.agreed.map(|(hash, _)| hash) {
					story.wages += amount;
				}
			}
			Event::SeatCharged { job, round, seat, validator, fault, amount } => {
				if let Some(sitting) = story.sitting(*job, *round) {
					sitting.charged.insert(*seat, *amount);
				}
				if !of_coalition(validator) {
					story.honest_losses += amount;
					story.charges.push((*job, *round, *seat, validator.clone(), *fault, now));
				}
			}
			Event::Unresponsive { validator } if !of_coalition(validator) => {
				story.unresponsive.push((validator.clone(), now));
			}
			_ => {}
		}
	}

	fn check_ends(&self, story: &Story, report: &mut Report) -> Vec<String> {
		let mut violations = Vec::new();
		let is_clean = self.is_calm() && self.byzantine() == 0;
		for (id, job) in &story.jobs {
			report.jobs += 1;
			let Some((verdict, at)) = job.settled else {
				violations.push(format!("job {id} of #{} has not ended", job.submitted_at));
				continue;
			};
			if at > job.ends_by {
				violations.push(format!("job {id} ended in #{at} and not by #{}", job.ends_by));
			}
			let is_undrawn = job.sittings.is_empty() && job.stalled.is_none();
			if let Some(source) = job.source {
				report.reused += 1;
				violations.extend(check_reused(*id, job, source, story.jobs.get(&source)));
			}
			report.substituted += u64::from(job.stalled.is_some());
			match verdict {
				Verdict::Agreed | Verdict::Failed(_) => report.agreed += 1,
				Verdict::Expired => report.expired += 1,
				Verdict::NoQuorum => report.no_quorum += 1,
				Verdict::Cancelled => report.cancelled += 1,
			}
			report.undrawn += u64::from(is_undrawn && verdict == Verdict::Expired);
			report.second_rounds += u64::from(job.sittings.contains_key(&SECOND_ROUND) && !job.is_audited);
			report.audits += u64::from(job.audit_over);
			if self.is_denied_by_one(job) {
				report.denied_once += 1;
				if verdict == Verdict::Expired {
					violations.push(format!("job {id}: one byzantine validator keeps it from an answer"));
				}
			}
			if is_clean && !is_undrawn {
				let life = at - job.submitted_at;
				report.longest_life = report.longest_life.max(life.into());
				if !matches!(verdict, Verdict::Agreed | Verdict::Failed(_)) {
					violations.push(format!("job {id}: all is well, and it came to {verdict:?}"));
				}
				if life > job.first_bound {
					violations.push(format!("job {id}: all is well, and it took {life} blocks"));
				}
			}
		}
		let overturned =
			|event: &Event<Test>| matches!(event, Event::Audited { audit: AuditView::Overturned { .. }, .. });
		let chain = self.chain(self.canonical());
		let events = chain.iter().flat_map(|hash| &self.blocks[hash].events);
		report.overturned = events.filter(|event| overturned(event)).count() as u64;
		violations
	}

	/// Whether nobody is away and the network is good.
	fn is_calm(&self) -> bool {
		let plan = &self.plan;
		plan.network.is_good() && plan.network.partitions.is_empty() && plan.absences.is_empty() && !plan.has_changes
	}

	/// Whether the only byzantine validator of a calm network sat in a first committee with too few commits, and substitutes
	/// were drawn.
	fn is_denied_by_one(&self, job: &Told) -> bool {
		let is_byzantine =
			|account: &AccountId| self.plan.number_of(account).is_some_and(|number| self.plan.is_byzantine(number));
		let sat = job.stalled.as_ref().is_some_and(|stalled| stalled.seats.iter().any(is_byzantine));
		self.is_calm() && self.byzantine() == 1 && sat && job.sittings.contains_key(&FIRST_ROUND)
	}

	fn byzantine(&self) -> usize {
		(0..self.plan.validators.len()).filter(|number| self.plan.is_byzantine(*number)).count()
	}

	/// An agreement on what is not the truth: in a committee in which byzantine ones have a quorum it is a capture.
	fn check_untrue(&self, id: JobId, block: &Block) -> Option<String> {
		let round = block.events.iter().find_map(|event| match event {
			Event::Agreed { job, support, .. } if *job == id => Some(support.round),
			_ => None,
		})?;
		let source = block.events.iter().find_map(|event| match event {
			Event::AnswerReused { job, source } if *job == id => Some(*source),
			_ => None,
		});
		let seats = self.seats_before(source.unwrap_or(id), round, block)?;
		let captured = seats.iter().filter(|validator| self.plan.is_of_coalition(validator)).count();
		let is_capture = is_quorum(captured, seats.len());
		(!is_capture).then(|| {
			format!("#{}: job {id} agrees on a lie; {captured} of {} seats are byzantine", block.number, seats.len())
		})
	}

	fn seats_before(&self, id: JobId, of: Round, block: &Block) -> Option<Vec<AccountId>> {
		let mut parent = block.parent;
		while parent != self.genesis {
			let block = &self.blocks[&parent];
			for event in &block.events {
				match event {
					Event::CommitteeDrawn { job, round, seats, .. } if (*job, *round) == (id, of) => {
						return Some(seats.clone());
					}
					_ => {}
				}
			}
			parent = block.parent;
		}
		None
	}

	/// Honest seats are charged only where the network was not good enough for them, or byzantine ones had a quorum.
	fn check_charges(&self, story: &Story, report: &mut Report) -> Vec<String> {
		let mut violations = Vec::new();
		for (id, round, seat, account, fault, at) in &story.charges {
			let Some(number) = self.plan.number_of(account) else { continue };
			let Some(sitting) = story.jobs.get(id).and_then(|job| job.sittings.get(round)) else { continue };
			let is_excused = match fault {
				Fault::Withheld => {
					let began = sitting.commits_until.unwrap_or(sitting.drawn_at);
					let end = sitting.over_at.unwrap_or(*at).min(*at);
					!self.is_served(story, number, began, end)
				}
				Fault::Lost | Fault::Contradicted => self.is_captured(story, *id),
			};
			report.honest_charged += 1;
			if !is_excused {
				violations.push(format!("#{at}: honest {number} is charged in seat {seat} of job {id}: {fault:?}"));
			}
		}
		violations
	}

	/// Whether byzantine ones have a quorum in one of the job's committees.
	fn is_captured(&self, story: &Story, id: JobId) -> bool {
		story.jobs.get(&id).is_some_and(|job| {
			job.sittings.values().any(|sitting| {
				let byzantine = sitting.seats.iter().filter(|validator| self.plan.is_of_coalition(validator)).count();
				is_quorum(byzantine, sitting.seats.len())
			})
		})
	}

	/// Whether the validator could get a vote into the blocks after the first and up to the last of these: the network is a
	/// good one, nothing befell the validator from two slots before to the end, and at least two of these blocks, the first
	/// one after the vote was due not counted, are of honest authors.
	fn is_served(&self, story: &Story, number: usize, first: BlockNumber, last: BlockNumber) -> bool {
		let slot = |height: BlockNumber| story.blocks.get(&height).map_or(0, |(slot, _)| *slot);
		let from: Tick = slot(first).saturating_sub(2) * TICKS;
		let until: Tick = (slot(last) + 1) * TICKS;
		let after = story.blocks.range(first.saturating_add(2)..).take_while(|(height, _)| **height <= last);
		let honest = after.filter(|(_, (_, is_honest))| *is_honest).count();
		honest >= 2 && self.plan.network.is_good() && self.nodes[number].was_well(from, until)
	}

	/// Honest seats commit or abstain where the network is good enough for them and they are as fast as the others.
	fn check_misses(&self, story: &Story, report: &mut Report) -> Vec<String> {
		let mut violations = Vec::new();
		let mut slow = BTreeMap::<usize, u64>::new();
		for (id, job) in &story.jobs {
			let stalled = job.stalled.iter().map(|sitting| (&FIRST_ROUND, sitting));
			for (round, sitting) in stalled.chain(&job.sittings) {
				if matches!(job.settled, Some((Verdict::Cancelled, _))) {
					continue;
				}
				let end = sitting.commits_until.or(sitting.over_at).unwrap_or(sitting.drawn_at);
				for (seat, account) in (0..).zip(&sitting.seats) {
					let Some(number) = self.plan.number_of(account) else { continue };
					if self.plan.is_byzantine(number) || sitting.votes.contains_key(&seat) {
						continue;
					}
					// The block of the slot before the answer was there is the first that counts.
					let answered = self.nodes[number].answered.get(&job.fingerprint).map(|tick| tick / TICKS);
					let first = answered.and_then(|slot| {
						story
							.blocks
							.range(sitting.drawn_at..)
							.find(|(_, (of, _))| *of >= slot)
							.map(|(height, _)| *height)
					});
					match first {
						Some(first) if self.is_served(story, number, first, end) => violations.push(format!(
							"honest {number} has job {id} answered by #{first} and misses seat {seat} of round {round} by #{end}"
						)),
						_ => {
							report.honest_slow += 1;
							*slow.entry(number).or_default() += 1;
						}
					}
				}
			}
		}
		for (account, at) in &story.unresponsive {
			report.honest_unresponsive += 1;
			let number = self.plan.number_of(account).unwrap_or_default();
			if slow.get(&number).copied().unwrap_or(0) < pallet_inference::MAX_MISSED_IN_A_ROW.into() {
				violations.push(format!("#{at}: honest {number} is found unresponsive"));
			}
		}
		violations
	}

	/// What the requester and the byzantine validators have won together, beside wages and what audits paid, is nothing,
	/// but for what honest ones lost.
	fn check_gain(&mut self, story: &Story) -> Option<String> {
		let coalition: Vec<_> = (0..self.plan.validators.len())
			.map(|number| (plan::validator(number), plan::FUNDS + self.plan.validators[number].bond))
			.chain((0..self.plan.requesters.len()).map(|number| (plan::requester(number), plan::FUNDS)))
			.filter(|(account, _)| self.plan.is_of_coalition(account))
			.collect();
		let before: Balance = coalition.iter().map(|(_, funds)| funds).sum();
		let tip = self.canonical();
		let after: Balance = self.blocks.get_mut(&tip)?.state.look(Default::default(), || {
			let account = |account: &AccountId| frame_system::Account::<Test>::get(account).data;
			coalition.iter().map(|(of, _)| account(of)).map(|data| data.free + data.reserved).sum()
		});
		let allowed = before + story.wages + story.audit_pay + story.honest_losses;
		(after > allowed).then(|| format!("the coalition has {after}, and {allowed} would be right"))
	}
}

impl Story {
	fn sitting(&mut self, job: JobId, round: Round) -> Option<&mut Sitting> {
		self.jobs.get_mut(&job)?.sittings.get_mut(&round)
	}
}

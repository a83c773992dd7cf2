//! How fast this machine is with a model, and what the validator attests of it.
//!
//! The goldens are run first, which warms the model up. Then three kinds of runs are measured, three times each, with
//! nothing beside them. Of each kind the shortest time counts, since whatever disturbs a run makes it longer.
//!
//! | run | input | output | what it shows |
//! |---|---|---|---|
//! | [`Kind::Short`] | the first golden's | one unit | with the long one: what a job and what a byte of input takes |
//! | [`Kind::Long`] | the goldens' texts over and over, 1,024 bytes | one unit | |
//! | [`Kind::Full`] | the first golden's | as a golden's | with the short one: what a unit of output takes |
//!
//! Each input begins with another number, so that what the engine keeps of one run is of no use to the next. Attention
//! makes a unit of a long job dearer than one of a short job, and some texts have twice as many tokens to a byte; for
//! these, and for what else the machine does, what is attested is [`SAFETY`] times what was measured.

use sibyl_engine::{queue::JobOutcome, Response};
use sibyl_primitives::{
	model::{ModelLimits, ModelRevision, Pace},
	BlockNumber,
};
use sibyl_runtime::{configs::inference::CommitWindow, constants::SLOT_DURATION};
use std::time::Duration;

/// What is attested, for each unit of time that was measured.
pub const SAFETY: u64 = 2;

/// Runs of a kind.
const RUNS: u32 = 3;

/// Bytes of the long input at most.
const LONG_INPUT: usize = 1_024;

/// The least that is attested: the mailbox and the vote take some time, too.
const FLOOR: Pace = Pace { job: 1_000, input_unit: 1, output_unit: 1 };

/// Blocks of a commit window that are for the votes to get into, as the chain counts them.
const BLOCKS_FOR_VOTES: BlockNumber = 2;

/// What this machine gives and what the chain wants, as far as times go.
#[derive(Clone, Copy, Debug)]
pub struct Times {
	/// The time between two blocks.
	pub block: Duration,
	/// Blocks for commits, where a model does not ask for more.
	pub commit_window: BlockNumber,
}

impl Times {
	/// Those of this release's chain.
	pub fn of_this_chain() -> Self {
		Self { block: Duration::from_millis(SLOT_DURATION), commit_window: CommitWindow::get() }
	}

	/// How long the largest job of a model may take: the chain takes no attestation of a slower pace. A quarter of the
	/// window is kept for short jobs.
	pub fn limit(&self, revision: &ModelRevision) -> Duration {
		let window = self.commit_window.max(revision.commit_window);
		self.block * window.saturating_sub(BLOCKS_FOR_VOTES) / 4 * 3
	}
}

/// What was measured: what one inference takes with nothing beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured(pub Pace);

impl Measured {
	/// How long a job takes.
	pub fn time(&self, input_bytes: u32, output_units: u32) -> Duration {
		Duration::from_micros(self.0.time(input_bytes, output_units))
	}

	/// What to attest, with the safety factor, on the chain's coarse scale. Several jobs at once are done sooner than one
	/// after the other, which is not counted on.
	pub fn attested(&self) -> Pace {
		let safe = |one: u32, floor: u32| u32::try_from(u64::from(one) * SAFETY).unwrap_or(u32::MAX).max(floor);
		let Pace { job, input_unit, output_unit } = self.0;
		Pace {
			job: safe(job, FLOOR.job),
			input_unit: safe(input_unit, FLOOR.input_unit),
			output_unit: safe(output_unit, FLOOR.output_unit),
		}
		.coarse()
	}

	/// How long the largest job takes at the attested pace.
	pub fn largest_job(&self, limits: &ModelLimits) -> Duration {
		Duration::from_micros(self.attested().time(limits.input_bytes, limits.output_units))
	}
}

/// The pace to attest after an earlier one: the same, unless one of its figures is more than a step of the scale away.
/// No two measurements are quite alike, and every change is an attestation on the chain.
pub fn steady(earlier: Option<Pace>, now: Pace) -> Pace {
	let is_near = |a: u32, b: u32| step(a).abs_diff(step(b)) <= 1;
	let is_same = |earlier: &Pace| {
		is_near(earlier.job, now.job)
			&& is_near(earlier.input_unit, now.input_unit)
			&& is_near(earlier.output_unit, now.output_unit)
	};
	earlier.filter(is_same).unwrap_or(now)
}

/// A number's place on the coarse scale, whose numbers are 0, 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on.
fn step(number: u32) -> u32 {
	let digits = u32::BITS - number.leading_zeros();
	match digits {
		0 | 1 => digits,
		_ => 2 * digits - 2 + ((number >> (digits - 2)) & 1),
	}
}

/// A kind of run that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// Little input, one unit of output.
	Short,
	/// Much input, one unit of output.
	Long,
	/// Little input, as much output as a golden has.
	Full,
}

/// A run to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
	/// What the model reads.
	pub input: String,
	/// Output at most.
	pub max_output_units: u32,
}

/// The runs of one model, under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
	goldens: Vec<String>,
	limits: ModelLimits,
	/// Output of a full run at most.
	full_units: u32,
	long_bytes: usize,
	/// Runs so far, which makes their inputs differ.
	runs: u32,
	short: Times3,
	long: Times3,
	full: Times3,
	/// Units that full runs had.
	units: u32,
	is_long_refused: bool,
}

/// The shortest of some runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times3 {
	runs: u32,
	shortest: Option<Duration>,
}

impl Times3 {
	fn note(&mut self, ran: Duration) {
		self.runs += 1;
		self.shortest = Some(self.shortest.map_or(ran, |shortest| shortest.min(ran)));
	}

	fn micros(&self) -> u64 {
		self.shortest.map_or(0, |shortest| u64::try_from(shortest.as_micros()).unwrap_or(u64::MAX))
	}
}

impl Measurement {
	/// What is to be run of a model whose goldens have passed. `full_units` is the output that a golden has at most.
	pub fn new(revision: &ModelRevision, full_units: u32) -> Self {
		let goldens: Vec<_> = revision.goldens.iter().map(|golden| golden.input.to_string_lossy()).collect();
		let long_bytes = LONG_INPUT.min(revision.limits.input_bytes as usize);
		Self {
			goldens,
			limits: revision.limits,
			full_units: full_units.min(revision.limits.output_units),
			long_bytes,
			runs: 0,
			short: Times3::default(),
			long: Times3::default(),
			full: Times3::default(),
			units: 0,
			is_long_refused: false,
		}
	}

	/// The kind of the next run; none when all have been made.
	fn kind(&self) -> Option<Kind> {
		let wants_full = self.full_units > 1;
		let wanted = [
			(Kind::Short, self.short.runs < RUNS),
			(Kind::Long, self.long.runs < RUNS && !self.is_long_refused),
			(Kind::Full, self.full.runs < RUNS && wants_full),
		];
		wanted.into_iter().find(|(_, is_wanted)| *is_wanted).map(|(kind, _)| kind)
	}

	/// The next run; none when all have been made.
	pub fn next(&self) -> Option<Probe> {
		let kind = self.kind()?;
		let max_output_units = match kind {
			Kind::Full => self.full_units,
			Kind::Short | Kind::Long => self.limits.output_units.min(1),
		};
		Some(Probe { input: self.input(kind), max_output_units })
	}

	fn input(&self, kind: Kind) -> String {
		let mut input = format!("{} ", self.runs);
		let first = self.goldens.first().map_or("", String::as_str);
		match kind {
			Kind::Short | Kind::Full => input.push_str(first),
			Kind::Long => {
				let texts = self.goldens.iter().map(String::as_str).filter(|text| !text.is_empty());
				for text in texts.cycle().take(self.long_bytes) {
					if input.len() >= self.long_bytes {
						break;
					}
					input.push_str(text);
					input.push(' ');
				}
			}
		}
		let limit = match kind {
			Kind::Long => self.long_bytes,
			Kind::Short | Kind::Full => self.limits.input_bytes as usize,
		};
		let end = (0..=limit.min(input.len())).rev().find(|end| input.is_char_boundary(*end)).unwrap_or(0);
		input.truncate(end);
		input
	}

	/// Notes what came of the run that [`Measurement::next`] named, and how long it took; an error where nothing can be
	/// learned of it.
	pub fn note(&mut self, outcome: &JobOutcome, ran: Duration) -> Result<(), String> {
		let Some(kind) = self.kind() else { return Ok(()) };
		let JobOutcome::Done(inference) = outcome else { return Err(format!("{outcome:?}")) };
		self.runs += 1;
		match (&inference.outcome, kind) {
			(Err(_), Kind::Long) => {
				// The text has more units than the model reads: a shorter one shows as much.
				self.long_bytes /= 2;
				self.is_long_refused = self.long_bytes <= 2 * self.input(Kind::Short).len();
			}
			(Err(refusal), _) => {
				return Err(format!("the model refuses a golden's text with a number before it: {refusal}"))
			}
			(Ok(_), Kind::Short) => self.short.note(ran),
			(Ok(_), Kind::Long) => self.long.note(ran),
			(Ok(response), Kind::Full) => {
				if let Response::Generation { tokens, .. } = response {
					self.units = self.units.max(tokens.len() as u32);
				}
				self.full.note(ran);
			}
		}
		Ok(())
	}

	/// What the runs come to.
	pub fn measured(&self) -> Measured {
		let short_bytes = self.input(Kind::Short).len() as u64;
		let long_bytes = self.input(Kind::Long).len() as u64;
		let (short, long) = (self.short.micros(), self.long.micros());
		let input_unit = match long_bytes.checked_sub(short_bytes) {
			Some(more) if more > 0 && !self.is_long_refused => long.saturating_sub(short).div_ceil(more),
			_ => short.div_ceil(short_bytes.max(1)),
		};
		let output_unit = match self.units {
			0 | 1 if self.limits.output_units == 0 => 0,
			0 | 1 => short,
			units => self.full.micros().saturating_sub(short).div_ceil(u64::from(units) - 1),
		};
		let figure = |micros: u64| u32::try_from(micros).unwrap_or(u32::MAX);
		Measured(Pace {
			job: figure(short.saturating_sub(input_unit * short_bytes)),
			input_unit: figure(input_unit),
			output_unit: figure(output_unit),
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::fake_revision;
	use sibyl_engine::{Finish, Inference, Refusal};

	fn revision(input_bytes: u32, output_units: u32) -> ModelRevision {
		let mut revision = fake_revision();
		revision.limits = ModelLimits { input_bytes, context_units: 8_192, output_units };
		revision
	}

	/// A machine of this pace that reads so many bytes, and what each run took beyond that.
	fn measure(
		revision: &ModelRevision,
		machine: Pace,
		reads: usize,
		mut noise: impl FnMut() -> u64,
	) -> (Measured, u32) {
		let mut measurement = Measurement::new(revision, 32);
		let mut runs = 0;
		while let Some(Probe { input, max_output_units }) = measurement.next() {
			assert!(!input.is_empty() && input.len() <= revision.limits.input_bytes as usize);
			let micros = machine.time(input.len() as u32, max_output_units) + noise();
			let tokens = vec![0; max_output_units as usize];
			let answer = Response::Generation { text: String::new(), tokens, finish: Finish::Length };
			let outcome = match input.len() > reads {
				true => Inference::refused(Refusal::ContextExceeded { limit: 7 }),
				false => Inference { outcome: Ok(answer), trace: [0; 32] },
			};
			measurement.note(&JobOutcome::Done(outcome), Duration::from_micros(micros)).expect("it answers");
			runs += 1;
			assert!(runs < 100, "there is an end");
		}
		(measurement.measured(), runs)
	}

	#[test]
	fn a_machines_pace_is_found_from_nine_runs() {
		let machine = Pace { job: 3_000, input_unit: 70, output_unit: 6_000 };
		let (Measured(found), runs) = measure(&revision(4_096, 256), machine, usize::MAX, || 0);
		// One unit of output is a part of the job here: there is none without.
		assert_eq!(found, Pace { job: 9_000, ..machine });
		assert_eq!(runs, 9);
	}

	#[test]
	fn without_output_units_there_are_six_runs() {
		let machine = Pace { job: 500, input_unit: 4, output_unit: 0 };
		assert_eq!(measure(&revision(512, 0), machine, usize::MAX, || 0), (Measured(machine), 6));
	}

	#[test]
	fn what_disturbs_some_runs_does_not_count() {
		let machine = Pace { job: 3_000, input_unit: 70, output_unit: 6_000 };
		let mut run = 0;
		let disturbed = || {
			run += 1;
			if run % 3 == 0 {
				0
			} else {
				50_000 * run
			}
		};
		let (Measured(found), _) = measure(&revision(4_096, 256), machine, usize::MAX, disturbed);
		assert_eq!(found, Pace { job: 9_000, ..machine });
	}

	#[test]
	fn a_text_that_the_model_does_not_read_is_halved() {
		let machine = Pace { job: 500, input_unit: 40, output_unit: 0 };
		let (Measured(found), runs) = measure(&revision(1_024, 0), machine, 300, || 0);
		assert_eq!((found, runs), (machine, 8));
		// One that reads no more than a golden: all of the time is that of its bytes.
		let (Measured(found), _) = measure(&revision(1_024, 0), machine, 5, || 0);
		assert!(found.input_unit >= machine.input_unit && found.job == 0, "{found:?}");
	}

	#[test]
	fn a_failure_or_a_refusal_of_a_goldens_text_is_an_error() {
		let mut measurement = Measurement::new(&revision(512, 0), 32);
		assert!(measurement.note(&JobOutcome::Overloaded, Duration::ZERO).is_err());
		let refused = JobOutcome::Done(Inference::refused(Refusal::NotFinite));
		assert!(measurement.note(&refused, Duration::ZERO).is_err());
	}

	#[test]
	fn no_two_runs_have_one_input() {
		let mut measurement = Measurement::new(&revision(4_096, 256), 32);
		let mut before: Vec<String> = Vec::new();
		while let Some(Probe { input, .. }) = measurement.next() {
			assert!(before.iter().all(|other| other.split(' ').next() != input.split(' ').next()), "{input}");
			before.push(input);
			let answer = Response::Embedding { values: Vec::new() };
			let done = JobOutcome::Done(Inference { outcome: Ok(answer), trace: [0; 32] });
			measurement.note(&done, Duration::from_micros(5)).expect("it answers");
		}
		assert_eq!(before.len(), 9);
	}

	#[test]
	fn what_is_attested_is_twice_what_was_measured() {
		let measured = Measured(Pace { job: 8_192, input_unit: 64, output_unit: 6_000 });
		assert_eq!(measured.attested(), Pace { job: 16_384, input_unit: 128, output_unit: 12_288 });
		assert_eq!(Measured(Pace { job: 0, input_unit: 0, output_unit: 0 }).attested(), FLOOR.coarse());
		let endless = Measured(Pace { job: u32::MAX, input_unit: u32::MAX, output_unit: u32::MAX });
		assert_eq!(endless.attested().job, u32::MAX);
	}

	#[test]
	fn the_largest_job_has_all_input_and_output_that_the_model_takes_and_gives() {
		let measured = Measured(Pace { job: 8_192, input_unit: 64, output_unit: 1_024 });
		let limits = ModelLimits { input_bytes: 1_000, context_units: 1_000, output_units: 10 };
		assert_eq!(measured.largest_job(&limits), Duration::from_micros(16_384 + 128_000 + 20_480));
	}

	#[test]
	fn the_largest_job_may_take_three_quarters_of_the_window_without_the_votes_blocks() {
		let times = Times { block: Duration::from_secs(3), commit_window: 12 };
		let mut revision = revision(1, 0);
		revision.commit_window = 4;
		assert_eq!(times.limit(&revision), Duration::from_millis(22_500));
		revision.commit_window = 22;
		assert_eq!(times.limit(&revision), Duration::from_secs(45));
	}

	#[test]
	fn a_pace_stays_as_it_was_unless_it_is_more_than_a_step_away() {
		let pace = |job| Pace { job, input_unit: 4, output_unit: 6 };
		assert_eq!(steady(None, pace(1_024)), pace(1_024));
		for near in [768, 1_024, 1_536] {
			assert_eq!(steady(Some(pace(near)), pace(1_024)), pace(near));
		}
		for far in [512, 2_048, 0] {
			assert_eq!(steady(Some(pace(far)), pace(1_024)), pace(1_024));
		}
		let other = Pace { input_unit: 12, ..pace(1_024) };
		assert_eq!(steady(Some(other), pace(1_024)), pace(1_024));
		let steps: Vec<_> = [0, 1, 2, 3, 4, 6, 8, 12, 16].map(step).into();
		assert_eq!(steps, (0..9).collect::<Vec<_>>());
	}
}

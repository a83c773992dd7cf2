//! Blocks full of jobs: how many settle in one, how long its import takes, and what its parts cost.

use crate::{
	chain::{Chain, Made},
	genesis::{self, Setting},
	report::{median, rounded, Took},
	Error,
};
use codec::MaxEncodedLen;
use frame_support::{dispatch::DispatchClass, weights::constants::WEIGHT_REF_TIME_PER_MILLIS};
use pallet_inference::{Committee, Job};
use serde_json::{json, Value};
use sibyl_primitives::{input::MAX_INPUT_BYTES, job::MAX_OUTPUT_BYTES};
use sibyl_runtime::configs::system::RuntimeBlockWeights;
use std::time::Duration;

/// Blocks until each has new jobs, draws, commits and reveals.
const WARM_UP: u32 = 5;
/// Blocks that are measured.
const MEASURED: u32 = 5;
/// Jobs of which a part of a block is measured.
const JOBS_OF_A_PART: u32 = 100;
/// Jobs a block, by which the search for the most goes on.
const STEP: u32 = 20;
const MOST: u32 = 1_000;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
	/// Validators; the most jobs a block are looked for with the first number.
	#[arg(long, value_delimiter = ',', default_values_t = [100, 300])]
	validators: Vec<u32>,
	/// Jobs that are open beside those of the block.
	#[arg(long, value_delimiter = ',', default_values_t = [500, 5_000])]
	open: Vec<u32>,
	/// Seats of a job.
	#[arg(long, default_value_t = 5)]
	seats: u16,
	/// Jobs a block; the most that fit where this is not given.
	#[arg(long)]
	jobs: Option<u32>,
}

/// Measures blocks.
pub fn run(arguments: &Arguments) -> Result<(), Error> {
	let validators = arguments.validators.first().copied().unwrap_or(100);
	let most = match arguments.jobs {
		Some(jobs) => jobs,
		None => most_jobs(validators, arguments.seats)?,
	};
	let Load { blocks, is_steady, state_of_a_job } = steady(validators, arguments.seats, most)?;
	let full = summary(&blocks);
	println!("{validators} validators, {most} jobs a block, steady: {is_steady}\n{full:#}");
	let mut table = Vec::new();
	for validators in &arguments.validators {
		for open in &arguments.open {
			let mut row = parts(*validators, *open, arguments.seats)?;
			row["validators"] = json!(validators);
			row["open"] = json!(open);
			println!("{row}");
			table.push(row);
		}
	}
	let result = json!({
		"jobs_per_block_5_seats": most,
		"block_import_ms": full["import_cpu_ms"],
		"declared_weight_ms": full["declared_ms"],
		"vote_bytes_per_job": full["vote_bytes_per_job"],
		"state_bytes_per_ended_job": state_of_a_job,
		"most_state_bytes_per_job": most_state_of_a_job(),
		"create_inherent_ms": full["create_inherent_cpu_ms"],
		"validators": validators,
		"is_steady": is_steady,
		"seats": arguments.seats,
		"database": "ParityDB",
		"block": full,
		"table": table,
	});
	println!("RESULT {result}");
	Ok(())
}

/// The most jobs of which as many settle as come in, block for block.
fn most_jobs(validators: u32, seats: u16) -> Result<u32, Error> {
	let (mut most, mut too_many) = (0, MOST);
	while too_many - most > STEP {
		let jobs = if most == 0 && too_many == MOST { 300 } else { (most + too_many) / 2 };
		let Load { blocks, is_steady, .. } = steady(validators, seats, jobs)?;
		let settled: Vec<_> = blocks.iter().map(|made| made.settled).collect();
		println!("{jobs} jobs a block: {settled:?} settle; {}", summary(&blocks));
		if is_steady {
			most = jobs;
		} else {
			too_many = jobs;
		}
	}
	Ok(most)
}

/// What a load of jobs came to.
struct Load {
	blocks: Vec<Made>,
	/// As many jobs settled in each block as came in.
	is_steady: bool,
	/// Bytes of state of one of the jobs, once it has ended.
	state_of_a_job: usize,
}

/// Blocks of so many jobs each, which also forget as many whose retention is over.
fn steady(validators: u32, seats: u16, jobs: u32) -> Result<Load, Error> {
	let forgetful = (WARM_UP + MEASURED, jobs);
	let setting = Setting { validators, requesters: jobs, idle: 0, forgetful, seats };
	let mut chain = Chain::new(genesis::build(&setting)?, seats)?;
	let mut blocks = Vec::new();
	for _ in 0..WARM_UP + MEASURED {
		blocks.push(chain.block(jobs, true)?);
	}
	let blocks = blocks.split_off(WARM_UP as usize);
	let is_steady = blocks.iter().all(|made| (made.submitted, made.settled, made.forgotten) == (jobs, jobs, jobs));
	Ok(Load { blocks, is_steady, state_of_a_job: chain.state_of_an_ended_job()? })
}

/// Bytes of the values of a job that is as large as can be, with two rounds.
fn most_state_of_a_job() -> usize {
	let (input, output) = (MAX_INPUT_BYTES as usize, MAX_OUTPUT_BYTES as usize);
	Job::max_encoded_len() + 2 * Committee::max_encoded_len() + input + output
}

fn summary(blocks: &[Made]) -> Value {
	let middle =
		|of: fn(&Made) -> Took, part: fn(Took) -> Duration| rounded(median(blocks.iter().map(|made| part(of(made)))));
	let wall: fn(Took) -> Duration = |took| took.wall;
	let cpu: fn(Took) -> Duration = |took| took.cpu;
	let settled = blocks.iter().map(|made| made.settled as usize).sum::<usize>().max(1);
	let declared = |class: Option<DispatchClass>| {
		let of = |made: &Made| class.map_or(made.declared.total(), |class| *made.declared.get(class)).ref_time();
		let most = blocks.iter().map(of).max().unwrap_or(0);
		rounded(most as f64 / WEIGHT_REF_TIME_PER_MILLIS as f64)
	};
	json!({
		"import_wall_ms": middle(|made| made.import, wall),
		"import_cpu_ms": middle(|made| made.import, cpu),
		"making_wall_ms": middle(|made| made.making, wall),
		"making_cpu_ms": middle(|made| made.making, cpu),
		"create_inherent_wall_ms": middle(|made| made.create_inherent, wall),
		"create_inherent_cpu_ms": middle(|made| made.create_inherent, cpu),
		"declared_ms": declared(None),
		"declared_mandatory_ms": declared(Some(DispatchClass::Mandatory)),
		"declared_normal_ms": declared(Some(DispatchClass::Normal)),
		"limit_ms": RuntimeBlockWeights::get().max_block.ref_time() / WEIGHT_REF_TIME_PER_MILLIS,
		"vote_bytes_per_job": blocks.iter().map(|made| made.vote_bytes).sum::<usize>() / settled,
		"block_bytes": blocks.iter().map(|made| made.bytes).max(),
	})
}

/// What each part of a job costs a block, in microseconds a job: each part has a block of its own, beside an empty one.
fn parts(validators: u32, open: u32, seats: u16) -> Result<Value, Error> {
	let setting = Setting { validators, requesters: JOBS_OF_A_PART, idle: open, forgetful: (0, 0), seats };
	let mut chain = Chain::new(genesis::build(&setting)?, seats)?;
	let mut rounds = Vec::new();
	chain.block(0, false)?;
	for _ in 0..MEASURED {
		let empty = chain.block(0, false)?;
		let submit = chain.block(JOBS_OF_A_PART, false)?;
		let draw = chain.block(0, false)?;
		let commit = chain.block(0, true)?;
		let reveal = chain.block(0, true)?;
		if (submit.submitted, reveal.settled) != (JOBS_OF_A_PART, JOBS_OF_A_PART) {
			return Err(format!("{} jobs were submitted and {} settled", submit.submitted, reveal.settled).into());
		}
		rounds.push([empty, submit, draw, commit, reveal]);
	}
	let cpu = |part: usize| median(rounds.iter().map(|blocks| blocks[part].import.cpu));
	let each = |part: usize| rounded((cpu(part) - cpu(0)) * 1e3 / f64::from(JOBS_OF_A_PART));
	let selection = median(rounds.iter().map(|blocks| blocks[3].create_inherent.cpu));
	Ok(json!({
		"empty_block_ms": rounded(cpu(0)),
		"submit_us": each(1),
		"draw_us": each(2),
		"commits_us": each(3),
		"reveals_and_settlement_us": each(4),
		"create_inherent_us": rounded(selection * 1e3 / f64::from(JOBS_OF_A_PART)),
	}))
}

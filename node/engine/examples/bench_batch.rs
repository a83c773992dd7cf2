//! Many jobs at once: `bench_batch FILE.gguf [RUNS] [THREADS] [TOKENS]`
//!
//! Asks a language model some questions of their own length at once, and the same one after the other; the answers are
//! compared. THREADS is a list such as `1,2`, TOKENS the longest answer. The last line is RESULT {…}, with every run's
//! figure.

use sha2::{Digest, Sha256};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::sampling::Sampling;
use sibyl_engine::{
	Architecture, BatchLimits, CheckedFile, Engine, Inference, Input, LanguageModel, Limits, LocalEngine, Request,
	Response,
};
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: bench_batch FILE.gguf [RUNS] [THREADS] [TOKENS]";
const JOBS: [usize; 4] = [1, 4, 10, 16];
/// The numbers of sequences whose passes are timed.
const ROWS: [usize; 10] = [1, 2, 3, 4, 5, 8, 10, 12, 16, 32];
/// The number of jobs that are also asked one after the other.
const COMPARED: usize = 10;
const TOPICS: [&str; 8] = ["the sea", "bread", "a lost key", "winter", "two brothers", "the moon", "a bridge", "rain"];

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let path = arguments.next().ok_or(USAGE)?;
	let runs: usize = arguments.next().map_or(Ok(3), |runs| runs.parse())?;
	let threads = arguments.next().unwrap_or("1,2".into());
	let threads: Vec<usize> = threads.split(',').map(str::parse).collect::<Result<_, _>>()?;
	let tokens: u32 = arguments.next().map_or(Ok(128), |tokens| tokens.parse())?;

	let bytes = std::fs::read(path)?;
	let sha256: [u8; 32] = Sha256::digest(&bytes).into();
	let name = GgufFile::parse(&bytes)?.get::<&str>("general.architecture")?;
	let architecture = Architecture::find(name).ok_or("no architecture of a language model")?;
	let limits = BatchLimits { places: JOBS[JOBS.len() - 1], ..BatchLimits::default() };
	let mut model = LanguageModel::load(&bytes, 1)?;
	let mut engine = LocalEngine::new(1).with_batch_limits(limits);
	engine.load("model", architecture, &[CheckedFile::check(&bytes, sha256)?])?;
	drop(bytes);
	let mut result = format!("\"tier\":\"{}\"", engine.tier().name());

	for threads in threads {
		model = model.with_threads(threads)?;
		for rows in ROWS {
			let passes = (0..runs).map(|_| pass(&model, rows)).collect::<Result<Vec<f64>, _>>()?;
			println!("{threads} threads: a pass of {rows} rows {:.2} ms (median of {runs})", median(&passes));
			result += &format!(",\"pass_ms_{rows}_rows_{threads}t\":{passes:.2?}");
		}
		engine = engine.with_threads(threads);
		let (mut gains, mut speeds) = (Vec::new(), JOBS.map(|_| Vec::new()));
		// One more, to warm up.
		for run in 0..=runs {
			for (jobs, speeds) in JOBS.into_iter().zip(&mut speeds) {
				let requests: Vec<Request> = (0..jobs).map(|job| request(sha256, run, job, tokens)).collect();
				let (answers, together) = at_once(&engine, &requests)?;
				speeds.push(count(&answers) as f64 / together.as_secs_f64());
				if jobs == COMPARED {
					let start = Instant::now();
					let alone = requests.iter().map(|request| engine.infer(request)).collect::<Result<Vec<_>, _>>()?;
					gains.push(start.elapsed().as_secs_f64() / together.as_secs_f64());
					if alone != answers {
						return Err("an answer is another one beside others".into());
					}
				}
			}
		}
		gains.remove(0);
		println!("{threads} threads: {COMPARED} jobs at once {:.2} × one after the other", median(&gains));
		result += &format!(",\"batch{COMPARED}_vs_serial_{threads}t\":{gains:.3?}");
		for (jobs, mut speeds) in JOBS.into_iter().zip(speeds) {
			speeds.remove(0);
			println!("{threads} threads: {jobs} jobs at once {:.1} tok/s (median of {runs})", median(&speeds));
			result += &format!(",\"tokens_per_second_{jobs}_jobs_{threads}t\":{speeds:.1?}");
		}
	}
	println!("RESULT {{{result}}}");
	Ok(())
}

/// How many milliseconds it takes to read a token of so many sequences at once.
fn pass(model: &LanguageModel, rows: usize) -> Result<f64, Box<dyn Error>> {
	const STEPS: u32 = 16;
	let mut contexts: Vec<_> = (0..rows).map(|_| model.context()).collect();
	let mut read = |step: u32| -> Result<(), Box<dyn Error>> {
		let tokens: Vec<u32> = (0..rows as u32).map(|row| 100 + (step * 7_919 + row * 97) % 1_000).collect();
		let mut sequences: Vec<_> = contexts.iter_mut().zip(tokens.chunks(1)).collect();
		let logits = model.read_all(&mut sequences)?;
		Ok(logits.into_iter().try_for_each(|logits| logits.map(drop))?)
	};
	read(0)?;
	let start = Instant::now();
	(1..=STEPS).try_for_each(read)?;
	Ok(start.elapsed().as_secs_f64() * 1e3 / f64::from(STEPS))
}

/// A text that is continued by chance, so that few answers end before they must.
fn request(model: [u8; 32], run: usize, job: usize, tokens: u32) -> Request {
	let topic = TOPICS[job % TOPICS.len()];
	let input = format!("This is story number {} of {run}. It is about {topic}.", job + 1);
	let limits = Limits { max_input_bytes: input.len() as u32, max_output_units: tokens };
	let sampling = Sampling { temperature: 1_000, top_k: 40, top_p: 0 };
	Request { sampling, seed: [job as u8; 32], ..Request::new(model, Input::Raw(input.into()), limits) }
}

/// The answers of requests that come together, and how long the last of them took.
fn at_once(engine: &LocalEngine, requests: &[Request]) -> Result<(Vec<Inference>, Duration), Box<dyn Error>> {
	let start = Instant::now();
	let answers: Result<Vec<Inference>, _> = thread::scope(|scope| {
		let callers: Vec<_> = requests.iter().map(|request| scope.spawn(|| engine.infer(request))).collect();
		callers
			.into_iter()
			.map(|caller| caller.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
			.collect()
	});
	Ok((answers?, start.elapsed()))
}

/// How many tokens the answers have together.
fn count(answers: &[Inference]) -> usize {
	let tokens = answers.iter().map(|answer| match &answer.outcome {
		Ok(Response::Generation { tokens, .. }) => tokens.len(),
		_ => 0,
	});
	tokens.sum()
}

fn median(samples: &[f64]) -> f64 {
	let mut samples = samples.to_vec();
	samples.sort_by(f64::total_cmp);
	samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

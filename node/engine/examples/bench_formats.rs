//! What an answer costs beside the model's steps: `bench_formats FILE.gguf [RUNS] [THREADS]`
//!
//! Says how much longer a step of decoding takes where a format says which tokens may come, and how much of a step the
//! digest of its row is. THREADS is a list such as `1,2`. The last line is RESULT {…}, with every run's figure.

use sibyl_engine::gguf::GgufFile;
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::testing::trace_of;
use sibyl_engine::{Architecture, CheckedFile, Engine, Format, Input, Limits, LocalEngine, Request, Response};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const USAGE: &str = "usage: bench_formats FILE.gguf [RUNS] [THREADS]";
const PROMPT: &str = "Once upon a time there was a";
/// What a step takes is the difference between two answers' times by the difference between their tokens: a prompt and a
/// format's automaton are in both.
const TOKENS: [u32; 2] = [8, 104];
/// No answer of so few tokens has as many characters, so that no format may end before.
const CHARACTERS: usize = 900;
/// How many rows are digested at once, and in how many runs.
const ROWS: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let path = arguments.next().ok_or(USAGE)?;
	let runs: usize = arguments.next().map_or(Ok(5), |runs| runs.parse())?;
	let threads = arguments.next().unwrap_or("1,2".into());
	let threads: Vec<usize> = threads.split(',').map(str::parse).collect::<Result<_, _>>()?;

	let file = VerifiedFile::open(&path, &mut |_, _| ())?;
	let gguf = GgufFile::open(&file)?;
	let name = gguf.get::<&str>("general.architecture")?;
	let width: u32 = gguf.get(&format!("{name}.embedding_length"))?;
	let architecture = Architecture::find(name).ok_or("no architecture of a language model")?;
	let mut engine = LocalEngine::new(threads.iter().copied().max().unwrap_or(1));
	engine.load("model", architecture, &[CheckedFile::from(&file)])?;
	let model = file.sha256().0;
	let digest = median(&(0..runs).map(|_| digest(width as usize)).collect::<Vec<_>>());
	println!("a row's digest: {:.2} µs", digest * 1e6);
	let mut result = format!("\"tier\":\"{}\",\"digest_us\":{:.3}", engine.tier().name(), digest * 1e6);

	// Each automaton is a new one, whose sets of tokens nobody has asked for before.
	let mut number = 0;
	for threads in threads {
		engine = engine.with_threads(threads);
		let (mut steps, mut shares) = (Vec::new(), [Vec::new(), Vec::new()]);
		for run in 0..=runs {
			let mut of = |format: fn(usize) -> Format| step(&engine, model, format, &mut number);
			let (text, masked) = (of(|_| Format::default())?, [of(regex)?, of(json)?]);
			// The first one warms up.
			if run > 0 {
				steps.push(text * 1e3);
				shares.iter_mut().zip(masked).for_each(|(shares, masked)| shares.push(masked / text - 1.0));
			}
		}
		let digest = digest / (median(&steps) / 1e3);
		println!(
			"{threads} threads: a step {:.2} ms; of it a digest {:.3} %; longer by a pattern {:.1} %, by a schema {:.1} %",
			median(&steps),
			digest * 100.0,
			median(&shares[0]) * 100.0,
			median(&shares[1]) * 100.0
		);
		let [regex, json] = &shares;
		result += &format!(
			",\"step_ms_{threads}t\":{steps:.3?},\"trace_share_{threads}t\":{digest:.5},\
			\"regex_share_{threads}t\":{regex:.4?},\"json_share_{threads}t\":{json:.4?}"
		);
	}
	println!("RESULT {{{result}}}");
	Ok(())
}

fn regex(number: usize) -> Format {
	Format::Regex(format!("[ -~]{{{},}}", CHARACTERS + number))
}

fn json(number: usize) -> Format {
	let text = format!(r#"{{"type":"string","minLength":{}}}"#, CHARACTERS + number);
	Format::Json(format!(r#"{{"type":"object","properties":{{"story":{text}}}}}"#))
}

/// How many seconds a step of decoding takes.
fn step(
	engine: &LocalEngine,
	model: [u8; 32],
	format: fn(usize) -> Format,
	number: &mut usize,
) -> Result<f64, Box<dyn Error>> {
	let mut answer = |tokens: u32| -> Result<(usize, f64), Box<dyn Error>> {
		*number += 1;
		let limits = Limits { max_input_bytes: PROMPT.len() as u32, max_output_units: tokens };
		let request = Request { format: format(*number), ..Request::new(model, Input::Raw(PROMPT.into()), limits) };
		let start = Instant::now();
		let inference = engine.infer(&request)?;
		let seconds = start.elapsed().as_secs_f64();
		match inference.outcome {
			Ok(Response::Generation { tokens, .. }) => Ok((tokens.len(), seconds)),
			other => Err(format!("no text: {other:?}").into()),
		}
	};
	let [short, long] = TOKENS;
	let ((short, before), (long, after)) = (answer(short)?, answer(long)?);
	match long.checked_sub(short) {
		None | Some(0) => Err("the model ends its answer at once".into()),
		Some(steps) => Ok((after - before) / steps as f64),
	}
}

/// How many seconds the digest of a row takes.
fn digest(width: usize) -> f64 {
	let row: Vec<f32> = (0..width).map(|at| at as f32 / 7.0).collect();
	let rows = vec![&row[..]; ROWS];
	let start = Instant::now();
	black_box(trace_of(black_box(&rows)));
	start.elapsed().as_secs_f64() / ROWS as f64
}

fn median(samples: &[f64]) -> f64 {
	let mut samples = samples.to_vec();
	samples.sort_by(f64::total_cmp);
	samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

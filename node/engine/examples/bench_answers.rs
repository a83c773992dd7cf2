//! What is known of an answer before: `bench_answers FILE.gguf [RUNS] [THREADS] [TOKENS]`
//!
//! Asks a language model for texts of TOKENS tokens, without a claim, with the right one, and with one that is wrong from the
//! middle on; and for a choice of eight texts, which is also read token by token. Answers are compared. The last line is
//! RESULT {…}, with every run's milliseconds.

use sha2::{Digest, Sha256};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::sampling::Sampling;
use sibyl_engine::tokenizer::{BpeTokenizer, Piece};
use sibyl_engine::{
	Architecture, CheckedFile, Engine, Format, Input, LanguageModel, Limits, LocalEngine, Request, Response,
};
use std::error::Error;
use std::time::Instant;

const USAGE: &str = "usage: bench_answers FILE.gguf [RUNS] [THREADS] [TOKENS]";
const INPUT: &str = "This is a story about a lost key. It was found";
const DRAWN: Sampling = Sampling { temperature: 700, top_k: 40, top_p: 0 };
const CHOICES: [&str; 8] = [
	" under an old kitchen table",
	" behind the big red door",
	" in a box of letters",
	" by the children next door",
	" on the way to school",
	" at the bottom of a well",
	" in the snow last winter",
	" near the bridge at night",
];

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let path = arguments.next().ok_or(USAGE)?;
	let runs: usize = arguments.next().map_or(Ok(5), |runs| runs.parse())?;
	let threads: usize = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
	let tokens: u32 = arguments.next().map_or(Ok(128), |tokens| tokens.parse())?;

	let bytes = std::fs::read(path)?;
	let sha256: [u8; 32] = Sha256::digest(&bytes).into();
	let file = GgufFile::parse(&bytes)?;
	let architecture =
		Architecture::find(file.get("general.architecture")?).ok_or("no language model's architecture")?;
	let tokenizer = BpeTokenizer::from_gguf(&file)?;
	let model = LanguageModel::load(&bytes, threads)?;
	let engine = LocalEngine::new(threads);
	engine.load("model", architecture, &[CheckedFile::check(&bytes, sha256)?])?;
	let limits = Limits { max_input_bytes: INPUT.len() as u32, max_output_units: tokens };
	let plain = Request::new(sha256, Input::Raw(INPUT.into()), limits);
	let mut results = Vec::new();
	let mut report = |name: &str, samples: Vec<f64>| {
		println!("{name}: {:.1} ms (median of {runs})", median(&samples));
		results.push(format!("\"{name}_ms\":{samples:.1?}"));
	};

	for (name, sampling) in [("likeliest", Sampling::GREEDY), ("drawn", DRAWN)] {
		let request = Request { sampling, ..plain.clone() };
		let expected = engine.infer(&request)?;
		let Ok(Response::Generation { text, tokens, .. }) = &expected.outcome else { return Err("no text".into()) };
		println!("{name}: {} tokens, {} bytes", tokens.len(), text.len());
		let middle = text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2).unwrap_or(0);
		let wrong = format!("{} # {}", &text[..middle], &text[middle..]);
		for (claimed, claim) in [("none", ""), ("right", text), ("wrong", &wrong)] {
			let request = Request { claim: claim.into(), ..request.clone() };
			let samples = timed(runs, || match engine.infer(&request)? == expected {
				true => Ok(()),
				false => Err("a claim changed an answer".into()),
			})?;
			report(&format!("{name}_claim_{claimed}"), samples);
		}
	}

	let request = Request { format: Format::Choice(CHOICES.map(String::from).to_vec()), ..plain };
	let samples = timed(runs, || {
		engine.infer(&request)?.outcome?;
		Ok(())
	})?;
	report("choice", samples);
	let encode = |text: &str| tokenizer.encode(&[Piece::Text(text)]);
	let (prompt, texts) = (encode(INPUT)?, CHOICES.map(encode));
	let samples = timed(runs, || {
		let mut context = model.context();
		model.read(&mut context, &prompt)?;
		for text in &texts {
			let text = text.as_ref().map_err(Clone::clone)?;
			// The end does not count, so nobody reads the last one.
			for token in &text[..text.len() - 1] {
				model.read(&mut context, &[*token])?;
			}
			context.truncate(prompt.len());
		}
		Ok(())
	})?;
	report("choice_token_by_token", samples);
	println!("RESULT {{{}}}", results.join(","));
	Ok(())
}

/// How many milliseconds each of some runs takes, after one that does not count.
fn timed(runs: usize, mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Vec<f64>, Box<dyn Error>> {
	run()?;
	let mut samples = Vec::new();
	for _ in 0..runs {
		let start = Instant::now();
		run()?;
		samples.push(start.elapsed().as_secs_f64() * 1e3);
	}
	Ok(samples)
}

fn median(samples: &[f64]) -> f64 {
	let mut samples = samples.to_vec();
	samples.sort_by(f64::total_cmp);
	samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

//! Speed of a language model: prompt and decode, on 1 and 2 threads. Usage: `bench_llm FILE.gguf [TIER] [RUNS]`

use sibyl_engine::{LanguageModel, Tier};
use std::time::Instant;

const PROMPT: usize = 128;
const DECODE: usize = 128;

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let mut arguments = std::env::args().skip(1);
	let path = arguments.next().ok_or("usage: bench_llm FILE.gguf [TIER] [RUNS]")?;
	let tier = match arguments.next() {
		None => Tier::best(),
		Some(name) => Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or("no such tier")?,
	};
	let runs: usize = arguments.next().map_or(Ok(5), |runs| runs.parse())?;
	let file = std::fs::read(path)?;
	let start = Instant::now();
	let mut model = LanguageModel::load(&file, 1)?.on_tier(tier)?;
	let load = start.elapsed().as_secs_f64();
	drop(file);
	let mut result = format!("\"tier\":\"{}\",\"load_seconds\":{load:.3}", tier.name());
	for threads in [1, 2] {
		model = model.with_threads(threads)?;
		let (mut prefill, mut decode, mut first) = (0.0_f64, 0.0_f64, f64::MAX);
		for run in 0..runs {
			let prompt: Vec<u32> = (0..PROMPT).map(|at| ((at * 2_654_435 + run * 97) % 40_000 + 100) as u32).collect();
			let mut context = model.context();
			let start = Instant::now();
			let mut logits = model.read(&mut context, &prompt)?;
			prefill = prefill.max(PROMPT as f64 / start.elapsed().as_secs_f64());
			let start = Instant::now();
			for _ in 0..DECODE {
				logits = model.read(&mut context, &[likeliest(&logits)])?;
			}
			decode = decode.max(DECODE as f64 / start.elapsed().as_secs_f64());
			let start = Instant::now();
			model.read(&mut model.context(), &prompt[..32])?;
			first = first.min(start.elapsed().as_secs_f64() * 1e3);
		}
		println!(
			"{} {threads} threads: prefill {prefill:.1} tok/s, decode {decode:.1} tok/s, first token after 32: {first:.1} ms",
			tier.name()
		);
		result += &format!(
			",\"prefill_{threads}t\":{prefill:.1},\"decode_{threads}t\":{decode:.1},\"first_token_32_ms_{threads}t\":{first:.1}"
		);
	}
	println!("RESULT {{{result}}}");
	Ok(())
}

fn likeliest(logits: &[f32]) -> u32 {
	let mut best = 0;
	for (token, logit) in logits.iter().enumerate() {
		if *logit > logits[best] {
			best = token;
		}
	}
	best as u32
}

//! Speed of sentence embeddings, on 1 and 2 threads. Usage: `bench_embed MODEL.safetensors TOKENIZER.json [TIER]`

use sibyl_engine::{SentenceEmbedder, Tier};
use std::time::Instant;

/// How many sequences, and how many tokens each.
const SHAPES: [(usize, usize); 3] = [(1, 32), (8, 32), (1, 128)];
const WARM_UP: usize = 5;
const RUNS: usize = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
	const USAGE: &str = "usage: bench_embed MODEL.safetensors TOKENIZER.json [TIER]";
	let mut arguments = std::env::args().skip(1);
	let weights = std::fs::read(arguments.next().ok_or(USAGE)?)?;
	let tokenizer = std::fs::read(arguments.next().ok_or(USAGE)?)?;
	let tier = match arguments.next() {
		None => Tier::best(),
		Some(name) => Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or("no such tier")?,
	};
	let start = Instant::now();
	let mut model = SentenceEmbedder::load(&weights, &tokenizer, 1)?.on_tier(tier)?;
	let load = start.elapsed().as_secs_f64();
	drop(weights);
	let mut result = format!("\"tier\":\"{}\",\"load_seconds\":{load:.3}", tier.name());
	for threads in [1, 2] {
		model = model.with_threads(threads)?;
		for (count, length) in SHAPES {
			let tokens: Vec<u32> = (0..count * length).map(|at| (at * 7_919 % 19_000 + 1_000) as u32).collect();
			let sequences: Vec<&[u32]> = tokens.chunks(length).collect();
			let mut milliseconds = Vec::new();
			for run in 0..WARM_UP + RUNS {
				let start = Instant::now();
				model.embed_tokens(&sequences)?;
				if run >= WARM_UP {
					milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
				}
			}
			milliseconds.sort_by(f64::total_cmp);
			let (least, median) = (milliseconds[0], milliseconds[RUNS / 2]);
			println!(
				"{} {threads} threads, {count} x {length} tokens: {median:.2} ms, at best {least:.2}",
				tier.name()
			);
			result += &format!(",\"{count}x{length}_ms_{threads}t\":{median:.2}");
		}
	}
	println!("RESULT {{{result}}}");
	Ok(())
}

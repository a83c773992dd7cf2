//! Milliseconds per request on every tier of this machine.

use sibyl_engine::{Engine, EngineError, Limits, LocalEngine, Request, Tier, COMMON_LINGUA};
use std::time::Instant;

fn main() -> Result<(), EngineError> {
	let text = "The validators of this chain answer the same question independently and compare hashes. ".repeat(6);
	for tier in Tier::ALL {
		if !tier.is_available() {
			println!("{}: skipped, this CPU lacks it", tier.name());
			continue;
		}
		for threads in [1, 2] {
			let engine = LocalEngine::embedded(threads)?.on_tier(tier)?;
			for bytes in [20, 100, 512] {
				let limits = Limits { max_input_bytes: 512, max_output_units: 0 };
				let request = Request::new(COMMON_LINGUA, &text.as_bytes()[..bytes], limits);
				let mut times = Vec::new();
				for _ in 0..if tier == Tier::Scalar { 3 } else { 30 } {
					let start = Instant::now();
					let _ = engine.infer(&request)?;
					times.push(start.elapsed().as_secs_f64() * 1e3);
				}
				times.sort_by(f64::total_cmp);
				let (best, median) = (times[0], times[times.len() / 2]);
				println!("{} {threads} threads {bytes} bytes: median {median:.2} ms, best {best:.2} ms", tier.name());
			}
		}
	}
	Ok(())
}

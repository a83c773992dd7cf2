//! Classifies the lines of standard input: label, score in parts per million, the SHA-256 of the outcome's canonical bytes
//! and the trace, separated by tabs. The hashes must be the same on every machine:
//!
//! ```sh
//! cut -f 2 tests/data/sentences.tsv | cargo run --release --example classify | cut -f 3-4 | diff - tests/data/goldens.txt
//! ```

use sha2::{Digest, Sha256};
use sibyl_engine::{outcome_bytes, Engine, Inference, Limits, LocalEngine, Request, Response, COMMON_LINGUA};
use std::error::Error;
use std::io::{stdin, BufRead};

fn main() -> Result<(), Box<dyn Error>> {
	let engine = LocalEngine::embedded(1)?;
	eprintln!("tier {}", engine.tier().name());
	for line in stdin().lock().lines() {
		let limits = Limits { max_input_bytes: 512, max_output_units: 0 };
		let Inference { outcome, trace } = engine.infer(&Request::new(COMMON_LINGUA, line?, limits))?;
		let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
		let (hash, trace) = (hex(&Sha256::digest(outcome_bytes(&outcome))), hex(&trace));
		match outcome {
			Ok(Response::Classification { label, scores }) => println!("{label}\t{}\t{hash}\t{trace}", scores[0].score),
			Ok(other) => return Err(format!("no classification but {other:?}").into()),
			Err(refusal) => println!("{refusal}\t0\t{hash}\t{trace}"),
		}
	}
	Ok(())
}

//! Answers the lines of standard input as a chain's goldens are answered: the trace in hex, then the outcome, separated
//! by a tab. Usage: `trace ARCHITECTURE FILE... < INPUTS`; without a file it is common-lingua's.

use sha2::{Digest, Sha256};
use sibyl_engine::{Architecture, CheckedFile, Engine, Limits, LocalEngine, Request};
use std::error::Error;
use std::io::{stdin, BufRead};

/// What a text has at most, where the model generates.
const MAX_TOKENS: u32 = 32;

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let name = arguments.next().ok_or("usage: trace ARCHITECTURE FILE... < INPUTS")?;
	let architecture = Architecture::find(&name).ok_or("no such architecture")?;
	let files = arguments.map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
	let files = files.iter().map(|file| CheckedFile::check(file, Sha256::digest(file).into()));
	let files = files.collect::<Result<Vec<_>, _>>()?;
	let engine = LocalEngine::embedded(1)?;
	let model = match files.is_empty() {
		true => engine.models().into_iter().find(|model| model.architecture == architecture).ok_or("which file?")?,
		false => engine.load(&name, architecture, &files)?,
	};
	let model = model.files.first().ok_or("a model has a file")?.sha256;
	for line in stdin().lock().lines() {
		let limits = Limits { max_input_bytes: u32::MAX, max_output_units: MAX_TOKENS };
		let inference = engine.infer(&Request::new(model, line?, limits))?;
		let trace: String = inference.trace.iter().map(|byte| format!("{byte:02x}")).collect();
		println!("{trace}\t{:?}", inference.outcome);
	}
	Ok(())
}

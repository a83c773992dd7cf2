//! Writes a prompt's logits, f32 in little-endian: `logits FILE.gguf PART OUT [THREADS] [TIER]`
//!
//! The prompt is read in parts of PART tokens. No choice of PART, THREADS and TIER may change a bit of the output.

use sibyl_engine::{LanguageModel, Tier};
use std::error::Error;

const PROMPT: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	let [path, part, out, options @ ..] = &arguments[..] else {
		return Err("usage: logits FILE.gguf PART OUT [THREADS] [TIER]".into());
	};
	let threads = options.first().map_or(Ok(1), |threads| threads.parse())?;
	let tier = match options.get(1) {
		None => Tier::best(),
		Some(name) => Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or("no such tier")?,
	};
	let model = LanguageModel::load(&std::fs::read(path)?, threads)?.on_tier(tier)?;
	let prompt: Vec<u32> = (0..PROMPT as u32).map(|at| 1000 + at * 37 % 20_000).collect();
	let mut context = model.context();
	let mut logits = Vec::new();
	for part in prompt.chunks(part.parse()?) {
		logits = model.read(&mut context, part)?;
	}
	std::fs::write(out, logits.iter().flat_map(|logit| logit.to_le_bytes()).collect::<Vec<_>>())?;
	Ok(())
}

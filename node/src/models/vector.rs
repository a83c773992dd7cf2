//! A text's vector, by an embedding model.

use super::{memory, Error};
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::SentenceEmbedder;
use std::io::Write;
use std::time::Instant;

/// Values of the vector on a line.
const PER_LINE: usize = 8;

/// Loads the model from its weights and its tokenizer, and writes the vector, of length 1.
pub fn embed(
	name: &str,
	files: &[VerifiedFile],
	prompt: &str,
	threads: usize,
	out: &mut impl Write,
) -> Result<(), Error> {
	let [weights, tokenizer] = files else {
		return Err(Error::NotAModel { name: name.into(), reason: format!("it has {} files", files.len()) });
	};
	// The weights are read whole, become floats, and are repacked.
	memory::announce(name, 3 * weights.size())?;
	let start = Instant::now();
	let read = |file: &VerifiedFile| {
		file.contents().map_err(|error| Error::NotAModel { name: name.into(), reason: error.to_string() })
	};
	let model = SentenceEmbedder::load(&read(weights)?, &read(tokenizer)?, threads)?;
	let loading = start.elapsed();
	let start = Instant::now();
	let vector = model.embed(prompt)?;
	let running = start.elapsed();
	for line in vector.chunks(PER_LINE) {
		let values: Vec<_> = line.iter().map(|value| format!("{value:>9.6}")).collect();
		writeln!(out, "{}", values.join(" "))?;
	}
	eprintln!(
		"{} dimensions in {:.1} ms; tier {}, threads {threads}; loaded in {:.2} s",
		vector.len(),
		running.as_secs_f64() * 1e3,
		model.tier().name(),
		loading.as_secs_f64()
	);
	Ok(())
}

//! A text's vector, by an embedding model.

use super::{memory, Error};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::{EngineError, SentenceEmbedder};
use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

/// Values of the vector on a line.
const PER_LINE: usize = 8;

/// Loads the model from a GGUF file, or from its weights and its tokenizer, and writes the vector, of length 1.
pub fn embed(
	name: &str,
	files: &[VerifiedFile],
	prompt: &str,
	threads: usize,
	out: &mut impl Write,
) -> Result<(), Error> {
	let invalid = |reason: &dyn Display| Error::Unrunnable { name: name.into(), reason: reason.to_string() };
	memory::announce(name, SentenceEmbedder::memory_needed(files))?;
	let start = Instant::now();
	let read = |file: &VerifiedFile| file.contents().map_err(|error| invalid(&error));
	let model = match files {
		[file] => {
			let gguf = GgufFile::open(file).map_err(|error| invalid(&error))?;
			SentenceEmbedder::from_gguf(&gguf, threads)
		}
		[weights, tokenizer] => SentenceEmbedder::load(&read(weights)?, &read(tokenizer)?, threads),
		files => return Err(invalid(&format!("it has {} files", files.len()))),
	};
	let model = model.map_err(|error| match error {
		EngineError::InvalidModel(_) => invalid(&error),
		error => error.into(),
	})?;
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

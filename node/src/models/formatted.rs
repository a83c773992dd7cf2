//! A language model's answer in a format, as the chain's jobs have it.

use super::question::Question;
use super::{memory, Error};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::{
	Architecture, Engine, Format, LanguageModel, Limits, LocalEngine, ModelDescription, Request, Response, ScoredToken,
	SCORE_ONE,
};
use sibyl_user::show::printable;
use std::fmt::Display;
use std::io::Write;

/// Loads a GGUF file's model and prints its answer.
pub fn answer(
	name: &str,
	file: &VerifiedFile,
	question: &Question,
	format: Format,
	out: &mut impl Write,
) -> Result<(), Error> {
	let gguf = GgufFile::open(file).map_err(|error| Error::of_file(name, &error))?;
	let invalid = |reason: &dyn Display| Error::of_model(name, &gguf, reason);
	let tokens = question.input.bytes().saturating_add(question.max_tokens as usize);
	let needed = LanguageModel::memory_needed(&gguf, tokens).map_err(|error| invalid(&error))?;
	memory::announce(name, needed)?;
	let architecture: &str = gguf.get("general.architecture").map_err(|error| invalid(&error))?;
	let unknown = || invalid(&format!("architecture {architecture:?} is not known"));
	let architecture = Architecture::find(architecture).ok_or_else(unknown)?;
	let engine = LocalEngine::new(question.threads);
	let ModelDescription { files, .. } = engine.load(name, architecture, &[file.into()])?;
	let model = files.first().map(|file| file.sha256).unwrap_or_default();
	let limits = Limits { max_input_bytes: u32::MAX, max_output_units: question.max_tokens };
	let request = Request {
		sampling: question.sampling,
		seed: question.seed,
		format: format.clone(),
		..Request::new(model, question.input.clone(), limits)
	};
	print(&engine.infer(&request)?.outcome?, &format, out)
}

fn percent(score: u32) -> String {
	format!("{:5.1} %", f64::from(score) * 100.0 / f64::from(SCORE_ONE))
}

fn print(response: &Response, format: &Format, out: &mut impl Write) -> Result<(), Error> {
	match (response, format) {
		(Response::Choice { index, probabilities }, Format::Choice(choices)) => {
			for (choice, probability) in choices.iter().zip(probabilities) {
				eprintln!("{}  {choice}", percent(*probability));
			}
			writeln!(out, "{}", choices.get(usize::from(*index)).map_or("", String::as_str))?;
		}
		(Response::Number { value, decimals }, _) => {
			writeln!(out, "{}", sibyl_primitives::output::Number { value: *value, decimals: *decimals })?;
		}
		(Response::Generation { text, .. }, _) => writeln!(out, "{}", printable(text))?,
		(Response::ScoredText { text, tokens, .. }, _) => {
			let mut at = 0;
			for ScoredToken { id, bytes, score } in tokens {
				let end = text.len().min(at + *bytes as usize);
				let part = String::from_utf8_lossy(&text.as_bytes()[at..end]);
				eprintln!("{}  {id:6}  {part:?}", percent(*score));
				at = end;
			}
			writeln!(out, "{}", printable(text))?;
		}
		(other, _) => writeln!(out, "{other:?}")?,
	}
	Ok(())
}

//! A language model's answer in a format, as the chain's jobs have it.

use super::text::Question;
use super::{memory, Error};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::{
	check_format, Architecture, Engine, Format, LanguageModel, Limits, LocalEngine, ModelDescription, Prompt, Request,
	Response, SCORE_ONE,
};
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

/// What form the answer has; any text where none is chosen.
#[derive(Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct FormatOptions {
	/// Say which of these texts is the likeliest answer, and how likely each of them is.
	#[arg(long, value_name = "TEXT,...", value_delimiter = ',')]
	choices: Vec<String>,

	/// Answer by a number from MIN to MAX, with as many decimals as these have.
	#[arg(long, value_name = "MIN..MAX", allow_hyphen_values = true, value_parser = parse_range)]
	number: Option<Format>,

	/// Answer by JSON of the JSON Schema in this file.
	#[arg(long, value_name = "FILE")]
	json_schema: Option<PathBuf>,

	/// Answer by a text that this pattern matches whole.
	#[arg(long, value_name = "PATTERN")]
	regex: Option<String>,
}

impl FormatOptions {
	/// The format; none where none is chosen.
	pub fn format(&self) -> Result<Option<Format>, Error> {
		let format = if !self.choices.is_empty() {
			Format::Choice(self.choices.clone())
		} else if let Some(number) = &self.number {
			number.clone()
		} else if let Some(path) = &self.json_schema {
			let unreadable = |source| Error::Unreadable { path: path.clone(), source };
			Format::Json(std::fs::read_to_string(path).map_err(unreadable)?)
		} else if let Some(pattern) = &self.regex {
			Format::Regex(pattern.clone())
		} else {
			return Ok(None);
		};
		check_format(&format)?;
		Ok(Some(format))
	}
}

/// `0..100`, or `-1.50..1.50`.
fn parse_range(text: &str) -> Result<Format, String> {
	let wrong = || "expected two numbers, as in 0..100 or -1.50..1.50".to_string();
	let (min, max) = text.split_once("..").ok_or_else(wrong)?;
	let decimals_of = |text: &str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
	let decimals = decimals_of(min).max(decimals_of(max));
	let scaled = |text: &str| {
		let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
		format!("{whole}{rest:0<decimals$}").parse::<i64>().map_err(|_| wrong())
	};
	let decimals = u8::try_from(decimals).map_err(|_| wrong())?;
	Ok(Format::Number { min: scaled(min)?, max: scaled(max)?, decimals })
}

/// Loads a GGUF file's model and prints its answer.
pub fn answer(
	name: &str,
	file: &VerifiedFile,
	question: &Question<'_>,
	format: Format,
	out: &mut impl Write,
) -> Result<(), Error> {
	let invalid = |reason: &dyn Display| Error::NotAModel { name: name.into(), reason: reason.to_string() };
	let gguf = GgufFile::open(file).map_err(|error| invalid(&error))?;
	let tokens = question.prompt.len().saturating_add(question.max_tokens);
	let needed = LanguageModel::memory_needed(&gguf, tokens).map_err(|error| invalid(&error))?;
	memory::announce(name, needed)?;
	let architecture: &str = gguf.get("general.architecture").map_err(|error| invalid(&error))?;
	let unknown = || invalid(&format!("architecture {architecture:?} is not known"));
	let architecture = Architecture::find(architecture).ok_or_else(unknown)?;
	let engine = LocalEngine::new(question.threads);
	let ModelDescription { files, .. } = engine.load(name, architecture, &[file.into()])?;
	let model = files.first().map(|file| file.sha256).unwrap_or_default();
	let limits =
		Limits { max_input_bytes: u32::MAX, max_output_units: u32::try_from(question.max_tokens).unwrap_or(u32::MAX) };
	let request = Request {
		prompt: if question.is_raw { Prompt::Raw } else { Prompt::Chat },
		sampling: question.sampling,
		seed: question.seed(),
		format: format.clone(),
		..Request::new(model, question.prompt, limits)
	};
	print(&engine.infer(&request)?.outcome?, &format, out)
}

fn print(response: &Response, format: &Format, out: &mut impl Write) -> Result<(), Error> {
	match (response, format) {
		(Response::Choice { index, probabilities }, Format::Choice(choices)) => {
			for (choice, probability) in choices.iter().zip(probabilities) {
				eprintln!("{:5.1} %  {choice}", f64::from(*probability) * 100.0 / f64::from(SCORE_ONE));
			}
			writeln!(out, "{}", choices.get(usize::from(*index)).map_or("", String::as_str))?;
		}
		(Response::Number { value, decimals }, _) => {
			writeln!(out, "{}", sibyl_primitives::output::Number { value: *value, decimals: *decimals })?;
		}
		(Response::Generation { text, .. }, _) => writeln!(out, "{text}")?,
		(other, _) => writeln!(out, "{other:?}")?,
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_range_should_have_the_decimals_that_it_is_written_with() {
		let number = |min, max, decimals| Ok(Format::Number { min, max, decimals });
		assert_eq!(parse_range("0..100"), number(0, 100, 0));
		assert_eq!(parse_range("-1.5..2"), number(-15, 20, 1));
		assert_eq!(parse_range("-0.25..0.75"), number(-25, 75, 2));
		for wrong in ["", "5", "1..", "a..b", "1...2.0", "0..99999999999999999999"] {
			assert!(parse_range(wrong).is_err(), "{wrong}");
		}
	}
}

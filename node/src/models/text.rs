//! A language model's answer, token by token.

use super::progress::Progress;
use super::{memory, Error};
use sibyl_engine::chat::{ChatTemplate, Message, Role};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::sampling::{Sampler, Sampling};
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::tokenizer::BpeTokenizer;
use sibyl_engine::{EngineError, LanguageModel};
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

/// How many tokens a chat template adds to what is said, at most.
const TEMPLATE_TOKENS: usize = 64;

/// What a language model is asked, and how.
pub struct Question<'a> {
	/// What is asked.
	pub prompt: &'a str,
	/// What the model is told before.
	pub system: Option<&'a str>,
	/// Whether the prompt is to be continued as it is.
	pub is_raw: bool,
	/// The longest answer.
	pub max_tokens: usize,
	/// How tokens are chosen.
	pub sampling: Sampling,
	/// Where draws start.
	pub seed: u64,
	/// Threads to compute in.
	pub threads: usize,
}

impl Question<'_> {
	/// Where draws start, as the engine has it.
	pub fn seed(&self) -> [u8; 32] {
		let mut seed = [0; 32];
		seed[..8].copy_from_slice(&self.seed.to_le_bytes());
		seed
	}
}

/// Loads a model from its file and writes its answer as it comes.
pub fn answer(name: &str, file: VerifiedFile, question: &Question<'_>, out: &mut impl Write) -> Result<(), Error> {
	let start = Instant::now();
	let invalid = |reason: &dyn Display| Error::NotAModel { name: name.into(), reason: reason.to_string() };
	let gguf = GgufFile::open(&file).map_err(|error| invalid(&error))?;
	// A token has at least one byte.
	let said = question.prompt.len() + question.system.map_or(0, str::len) + TEMPLATE_TOKENS;
	let needed = LanguageModel::memory_needed(&gguf, said.saturating_add(question.max_tokens));
	memory::announce(name, needed.map_err(|error| invalid(&error))?)?;
	let tokenizer = BpeTokenizer::from_gguf(&gguf).map_err(|error| invalid(&error))?;
	let prompt = tokens(name, &gguf, &tokenizer, question)?;
	let progress = Progress::new(format!("loading {name}"));
	let show = &mut |done, total| progress.show(done, total);
	let model = LanguageModel::from_gguf(&gguf, question.threads, show).map_err(|error| match error {
		EngineError::InvalidModel(_) => invalid(&error),
		error => error.into(),
	})?;
	drop(progress);
	drop(gguf);
	drop(file);
	let loading = start.elapsed();
	if prompt.len() > model.context_length() {
		let (length, limit) = (prompt.len(), model.context_length());
		return Err(Error::PromptTooLong { name: name.into(), length, limit, unit: "tokens" });
	}
	let figures = write_answer(&model, &tokenizer, &prompt, question, out)?;
	eprintln!(
		"prompt {}; answer {}, {}; tier {}, threads {}; loaded in {:.2} s",
		speed(prompt.len(), figures.reading),
		speed(figures.tokens, figures.writing),
		figures.end,
		model.tier().name(),
		model.threads(),
		loading.as_secs_f64()
	);
	Ok(())
}

/// The tokens of what is asked.
fn tokens(
	name: &str,
	file: &GgufFile<'_>,
	tokenizer: &BpeTokenizer,
	question: &Question<'_>,
) -> Result<Vec<u32>, Error> {
	if question.is_raw {
		let invalid = |error: &dyn Display| Error::NotAModel { name: name.into(), reason: error.to_string() };
		let text = tokenizer.encode_with_controls(question.prompt).map_err(|error| invalid(&error))?;
		return Ok(tokenizer.begun(text));
	}
	let system = question.system.map(|content| Message { role: Role::System, content });
	let user = Message { role: Role::User, content: question.prompt };
	let messages: Vec<_> = system.into_iter().chain([user]).collect();
	ChatTemplate::from_gguf(file)
		.and_then(|template| template.encode(tokenizer, &messages))
		.map_err(|error| Error::NoChat { name: name.into(), reason: error.to_string() })
}

/// What an answer took.
struct Figures {
	reading: Duration,
	writing: Duration,
	tokens: usize,
	end: &'static str,
}

fn write_answer(
	model: &LanguageModel,
	tokenizer: &BpeTokenizer,
	prompt: &[u32],
	question: &Question<'_>,
	out: &mut impl Write,
) -> Result<Figures, Error> {
	let mut sampler = Sampler::new(question.sampling, question.seed());
	let mut text = tokenizer.stream();
	let mut context = model.context();
	let start = Instant::now();
	let mut logits = model.read(&mut context, prompt)?;
	let reading = start.elapsed();
	let start = Instant::now();
	let mut tokens = 0;
	let end = loop {
		let token = sampler.choose(&logits)?;
		if tokenizer.stops().contains(&token) {
			break "ended by the model";
		}
		let piece = text.push(token).map_err(|error| EngineError::Internal(error.to_string()))?;
		write!(out, "{piece}")?;
		out.flush()?;
		tokens += 1;
		if tokens == question.max_tokens {
			break "ended by --max-tokens";
		}
		if context.length() == model.context_length() {
			break "ended by the model's context";
		}
		logits = model.read(&mut context, &[token])?;
	};
	let writing = start.elapsed();
	writeln!(out, "{}", text.finish())?;
	Ok(Figures { reading, writing, tokens, end })
}

/// So many tokens, and how many of them in a second.
fn speed(tokens: usize, time: Duration) -> String {
	format!("{tokens} tokens, {:.1} tokens/s", tokens as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn speed_should_be_tokens_by_seconds() {
		assert_eq!(speed(37, Duration::from_millis(500)), "37 tokens, 74.0 tokens/s");
		assert_eq!(speed(0, Duration::ZERO), "0 tokens, 0.0 tokens/s");
	}
}

//! A language model that is asked on the command line, in this process.

use super::progress::Progress;
use super::{memory, Error};
use sibyl_engine::chat::{ChatTemplate, Message};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::sampling::{Sampler, Sampling};
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::tokenizer::{BpeTokenizer, Piece};
use sibyl_engine::{Context, EngineError, Input, LanguageModel, Role};
use sibyl_user::show::printable;
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

/// A model with what turns texts into its tokens.
pub struct Loaded {
	name: String,
	model: LanguageModel,
	tokenizer: BpeTokenizer,
	/// Or why there is none.
	template: Result<ChatTemplate, String>,
	/// How long loading took.
	pub loading: Duration,
}

/// How an answer is written.
pub struct Writing {
	/// The longest answer, in tokens.
	pub max_tokens: u32,
	/// How tokens are chosen.
	pub sampling: Sampling,
	/// Where draws start.
	pub seed: [u8; 32],
}

/// An answer, and what it took.
pub struct Written {
	/// What it says.
	pub text: String,
	/// Its tokens, as far as the model has read them.
	pub read: Vec<u32>,
	/// How many tokens it has.
	pub tokens: usize,
	/// The time until the first of them.
	pub reading: Duration,
	/// The time for all others.
	pub writing: Duration,
	/// What ended it.
	pub end: &'static str,
}

impl Loaded {
	/// Loads a model that is to read and write so many tokens, once it is known that there is memory for them.
	pub fn load(name: &str, file: VerifiedFile, tokens: usize, threads: usize) -> Result<Self, Error> {
		let start = Instant::now();
		let gguf = GgufFile::open(&file).map_err(|error| Error::of_file(name, &error))?;
		let invalid = |reason: &dyn Display| Error::of_model(name, &gguf, reason);
		let needed = LanguageModel::memory_needed(&gguf, tokens);
		memory::announce(name, needed.map_err(|error| invalid(&error))?)?;
		let tokenizer = BpeTokenizer::from_gguf(&gguf).map_err(|error| invalid(&error))?;
		let template = ChatTemplate::from_gguf(&gguf).map_err(|error| error.to_string());
		let progress = Progress::new(format!("loading {name}"));
		let show = &mut |done, total| progress.show(done, total);
		let model = LanguageModel::from_gguf(&gguf, threads, show).map_err(|error| match error {
			EngineError::InvalidModel(_) => invalid(&error),
			error => error.into(),
		})?;
		Ok(Self { name: name.into(), model, tokenizer, template, loading: start.elapsed() })
	}

	/// The model.
	pub fn model(&self) -> &LanguageModel {
		&self.model
	}

	/// The tokens of what is asked; an error where they are more than the model reads.
	pub fn tokens(&self, input: &Input) -> Result<Vec<u32>, Error> {
		let tokens = self.encode(input)?;
		match (tokens.len(), self.model.context_length()) {
			(length, limit) if length > limit => {
				Err(Error::PromptTooLong { name: self.name.clone(), length, limit, unit: "tokens" })
			}
			_ => Ok(tokens),
		}
	}

	fn encode(&self, input: &Input) -> Result<Vec<u32>, Error> {
		let invalid = |error: &dyn Display| Error::Unrunnable { name: self.name.clone(), reason: error.to_string() };
		let text = |bytes| std::str::from_utf8(bytes).map_err(|error| invalid(&error));
		let messages = match input {
			Input::Raw(said) => {
				let tokens = self.tokenizer.encode(&[Piece::Text(text(said)?)]).map_err(|error| invalid(&error))?;
				return Ok(self.tokenizer.begin().into_iter().chain(tokens).collect());
			}
			Input::Text(said) => vec![Message { role: Role::User, content: text(said)? }],
			Input::Messages(messages) => {
				let messages = messages.iter().map(|(role, said)| Ok(Message { role: *role, content: text(said)? }));
				messages.collect::<Result<_, Error>>()?
			}
		};
		let no_chat = |reason| Error::NoChat { name: self.name.clone(), reason };
		let template = self.template.as_ref().map_err(|reason| no_chat(reason.clone()))?;
		template.encode(&self.tokenizer, &messages).map_err(|error| no_chat(error.to_string()))
	}

	/// Reads these tokens, and writes the answer as it comes, without what a terminal obeys.
	pub fn write(
		&self,
		context: &mut Context,
		prompt: &[u32],
		how: &Writing,
		out: &mut impl Write,
	) -> Result<Written, Error> {
		let mut sampler = Sampler::new(how.sampling, how.seed);
		let mut stream = self.tokenizer.stream();
		let start = Instant::now();
		let mut logits = self.model.read(context, prompt)?;
		let reading = start.elapsed();
		let start = Instant::now();
		let (mut text, mut read, mut tokens) = (String::new(), Vec::new(), 0);
		let end = loop {
			let token = sampler.choose(&logits)?;
			if self.tokenizer.stops().contains(&token) {
				break "ended by the model";
			}
			let piece = stream.push(token).map_err(|error| EngineError::Internal(error.to_string()))?;
			write!(out, "{}", printable(&piece))?;
			out.flush()?;
			text += &piece;
			tokens += 1;
			if tokens == how.max_tokens as usize {
				break "ended by --max-tokens";
			}
			if context.length() == self.model.context_length() {
				break "ended by the model's context";
			}
			logits = self.model.read(context, &[token])?;
			read.push(token);
		};
		let writing = start.elapsed();
		let rest = stream.finish();
		writeln!(out, "{}", printable(&rest))?;
		Ok(Written { text: text + &rest, read, tokens, reading, writing, end })
	}
}

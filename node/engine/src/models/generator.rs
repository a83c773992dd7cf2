//! Texts that a language model generates.

use super::batch::{Answer, Batch, BatchLimits, Question};
use super::llama::Llama;
use super::{settle, Model, Stop};
use crate::boundary::check_text;
use crate::chat::{ChatError, ChatTemplate, Message, Role};
use crate::gguf::{GgufError, GgufFile};
use crate::kernels::Kernels;
use crate::sampling::Sampler;
use crate::tokenizer::{BpeTokenizer, Piece, TokenizerError};
use crate::trace::Tracer;
use crate::{Architecture, EngineError, Finish, Inference, Prompt, Refusal, Request, Response};

/// Questions that begin differently: what their prompts have in common is the constant part of the template.
const QUESTIONS: [&str; 2] = ["?", "What"];

/// A language model with its tokenizer and its chat template.
pub(crate) struct Generator {
	batch: Batch,
	prompts: Prompts,
}

/// What makes prompts of texts.
struct Prompts {
	tokenizer: BpeTokenizer,
	template: Option<ChatTemplate>,
}

impl Generator {
	/// Loads a model from a GGUF file, whose hash the caller has checked.
	pub fn load(file: &[u8], limits: BatchLimits) -> Result<Self, EngineError> {
		let invalid = |error: &dyn std::fmt::Display| EngineError::InvalidModel(error.to_string());
		let file = GgufFile::parse(file).map_err(|error| invalid(&error))?;
		let model = Llama::load(&file, &mut |_, _| ())?;
		let tokenizer = BpeTokenizer::from_gguf(&file).map_err(|error| invalid(&error))?;
		if tokenizer.vocabulary() > model.vocabulary() {
			return Err(EngineError::InvalidModel("the tokenizer has tokens that the model lacks".into()));
		}
		let template = match ChatTemplate::from_gguf(&file) {
			Ok(template) => Some(template),
			Err(ChatError::Gguf(GgufError::MissingKey(_))) => None,
			Err(error) => return Err(invalid(&error)),
		};
		let prompts = Prompts { tokenizer, template };
		// A template that has no text for the simplest of questions would fail at each.
		let head = prompts.head().map_err(|error| invalid(&error))?;
		let stops = prompts.tokenizer.stops().to_vec();
		Ok(Self { batch: Batch::new(model, stops, head, limits), prompts })
	}

	/// What the file says that it is.
	pub fn architecture(&self) -> Architecture {
		self.batch.model().architecture()
	}

	fn answer(
		&self,
		request: &Request,
		kernels: Kernels,
		threads: usize,
		tracer: &mut Tracer,
	) -> Result<Response, Stop> {
		let prompt = self.prompts.of(check_text(request, usize::MAX)?, request.prompt).map_err(no_prompt)?;
		let max_tokens = request.limits.max_output_units as usize;
		let context = self.batch.model().context();
		if prompt.len().saturating_add(max_tokens) > context {
			return Err(Refusal::ContextExceeded { limit: context as u32 }.into());
		}
		if prompt.is_empty() {
			// The text has only bytes that no token stands for.
			return self.response(Vec::new(), Finish::Stop);
		}
		if max_tokens == 0 {
			return self.response(Vec::new(), Finish::Length);
		}
		let sampler = Sampler::new(request.sampling, request.seed).on_tier(kernels.tier())?;
		let question = Question { prompt, max_tokens, sampler, stop: request.stop.clone() };
		let Answer { tokens, finish, tracer: rows } = self.batch.answer(question, kernels, threads)?;
		*tracer = rows;
		self.response(tokens, finish)
	}

	fn response(&self, tokens: Vec<u32>, finish: Finish) -> Result<Response, Stop> {
		let failed = |error: TokenizerError| EngineError::Internal(error.to_string());
		Ok(Response::Generation { text: self.prompts.tokenizer.decode(&tokens).map_err(failed)?, tokens, finish })
	}
}

impl Prompts {
	/// The tokens of a user's text.
	fn of(&self, text: &str, prompt: Prompt) -> Result<Vec<u32>, ChatError> {
		if let (Some(template), Prompt::Chat) = (&self.template, prompt) {
			return template.encode(&self.tokenizer, &[Message { role: Role::User, content: text }]);
		}
		let tokens = self.tokenizer.encode(&[Piece::Text(text)])?;
		Ok(self.tokenizer.begin().into_iter().chain(tokens).collect())
	}

	/// The tokens that the prompts of all questions begin with, as far as one can tell; for this, nothing depends on it but
	/// speed.
	fn head(&self) -> Result<Vec<u32>, ChatError> {
		let [first, second] = QUESTIONS.map(|question| self.of(question, Prompt::Chat));
		let (first, second) = (first?, second?);
		Ok(first.into_iter().zip(second).take_while(|(one, other)| one == other).map(|(token, _)| token).collect())
	}
}

/// That a template fails on a text depends on nothing else, so all engines say the same.
fn no_prompt(error: ChatError) -> Stop {
	match error {
		ChatError::Template(_) => Refusal::Template.into(),
		error => EngineError::Internal(error.to_string()).into(),
	}
}

impl Model for Generator {
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Inference, EngineError> {
		settle(|tracer| self.answer(request, kernels, threads, tracer))
	}
}

#[cfg(test)]
mod tests;

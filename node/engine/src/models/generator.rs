//! Texts that a language model generates.

use super::answering::{Answering, Draft, Grammars, Probabilities, Scorer, Writer, Written};
use super::batch::{Batch, BatchLimits, Question};
use super::llama::Llama;
use super::{settle, Model, Stop};
use crate::boundary::{check_texts, Texts};
use crate::chat::{ChatError, ChatTemplate, Message};
use crate::format::parse_number;
use crate::gguf::{GgufError, GgufFile};
use crate::kernels::pool::Pool;
use crate::kernels::Kernels;
use crate::sampling::Sampler;
use crate::tokenizer::{BpeTokenizer, Piece, TokenizerError};
use crate::trace::Tracer;
use crate::{Architecture, EngineError, Finish, Format, Inference, Refusal, Request, Response, Role};
use std::sync::Arc;

/// Questions that begin differently: what their prompts have in common is the constant part of the template.
const QUESTIONS: [&str; 2] = ["?", "What"];

/// A language model with its tokenizer and its chat template.
pub(crate) struct Generator {
	batch: Batch,
	prompts: Prompts,
	grammars: Grammars,
}

/// What makes prompts of texts.
struct Prompts {
	tokenizer: Arc<BpeTokenizer>,
	template: Option<ChatTemplate>,
}

impl Generator {
	/// Loads a model from a GGUF file, whose hash the caller has checked, in this many threads.
	pub fn load(file: &GgufFile<'_>, threads: usize, limits: BatchLimits) -> Result<Self, EngineError> {
		let invalid = |error: &dyn std::fmt::Display| EngineError::InvalidModel(error.to_string());
		let model = Llama::load(file, &Pool::new(threads)?, &mut |_, _| ())?;
		let tokenizer = BpeTokenizer::from_gguf(file).map_err(|error| invalid(&error))?;
		if tokenizer.vocabulary() > model.vocabulary() {
			return Err(EngineError::InvalidModel("the tokenizer has tokens that the model lacks".into()));
		}
		let template = match ChatTemplate::from_gguf(file) {
			Ok(template) => Some(template),
			Err(ChatError::Empty | ChatError::Gguf(GgufError::MissingKey(_))) => None,
			Err(error) => return Err(invalid(&error)),
		};
		let prompts = Prompts { tokenizer: Arc::new(tokenizer), template };
		// A template that has no text for the simplest of questions would fail at each.
		let head = prompts.head().map_err(|error| invalid(&error))?;
		Ok(Self { batch: Batch::new(model, head, limits), prompts, grammars: Grammars::default() })
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
		let (asked, format) = (check_texts(request, usize::MAX)?, &request.format);
		let grammar = self.grammars.of(format, &self.prompts.tokenizer)?;
		if request.limits.max_output_units < format.min_output_units() {
			return Err(Refusal::Format.into());
		}
		let prompt = self.prompts.of(&asked)?;
		let max_tokens = request.limits.max_output_units as usize;
		let (longest, answering) = match format {
			Format::Choice(choices) => {
				let texts = self.prompts.continuations(&prompt, choices)?;
				let ends = self.prompts.ends(&asked);
				let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
				(longest, Answering::Scoring(Scorer::new(texts, ends, Probabilities::new(kernels))))
			}
			_ => {
				let sampler = Sampler::new(request.sampling, request.seed).on_tier(kernels.tier())?;
				let writer = Writer::new(sampler, self.prompts.tokenizer.stops(), max_tokens);
				let mut writer = writer.held_to(format, grammar, &self.prompts.tokenizer);
				if matches!(format, Format::ScoredText { .. }) {
					writer = writer.with_scores(Probabilities::new(kernels));
				}
				(max_tokens, Answering::Writing(Box::new(writer)))
			}
		};
		let context = self.batch.model().context();
		if prompt.len().saturating_add(longest) > context {
			return Err(Refusal::ContextExceeded { limit: context as u32 }.into());
		}
		if prompt.is_empty() {
			// The text has only bytes that no token stands for.
			return match format {
				Format::Text { .. } => self.text(Vec::new(), Finish::Stop, None),
				Format::ScoredText { .. } => {
					Ok(Response::ScoredText { text: String::new(), tokens: Vec::new(), finish: Finish::Stop })
				}
				_ => Err(Refusal::Format.into()),
			};
		}
		let answering = match answering {
			Answering::Writing(writer) if writer.is_complete() => {
				return self.response(Answering::Writing(writer), format);
			}
			Answering::Writing(mut writer) if !request.claim.is_empty() => {
				writer.expect(Draft::new(&self.prompts.tokenizer, &prompt, &request.claim, max_tokens));
				Answering::Writing(writer)
			}
			answering => answering,
		};
		let question = Question { prompt, longest, answering, stop: request.stop.clone() };
		let answer = self.batch.answer(question, kernels, threads)?;
		*tracer = answer.tracer;
		self.response(answer.answering, format)
	}

	fn response(&self, answering: Answering, format: &Format) -> Result<Response, Stop> {
		let Written { tokens, finish, text, scores } = match answering {
			Answering::Scoring(scorer) => return Ok(scorer.response()),
			Answering::Writing(writer) => writer.written(),
		};
		if let Format::Number { decimals, .. } = format {
			// It has units enough, so that it is complete.
			let value = text.filter(|_| finish == Finish::Stop).and_then(|text| parse_number(&text, *decimals));
			let value = value.ok_or_else(|| EngineError::Internal("a number is not complete".into()))?;
			return Ok(Response::Number { value, decimals: *decimals });
		}
		match (scores, text) {
			(Some(tokens), Some(text)) => Ok(Response::ScoredText { text, tokens, finish }),
			(_, text) => self.text(tokens, finish, text),
		}
	}

	/// A text, that of the tokens if there is no other.
	fn text(&self, tokens: Vec<u32>, finish: Finish, text: Option<String>) -> Result<Response, Stop> {
		let failed = |error: TokenizerError| EngineError::Internal(error.to_string());
		let text = text.map_or_else(|| self.prompts.tokenizer.decode(&tokens).map_err(failed), Ok)?;
		Ok(Response::Generation { text, tokens, finish })
	}
}

impl Prompts {
	/// The tokens of an input. Refused where it is a conversation, and there is no template or it fails on it.
	fn of(&self, asked: &Texts<'_>) -> Result<Vec<u32>, Stop> {
		let encoded = match (asked, &self.template) {
			(Texts::Messages(messages), Some(template)) => template.encode(&self.tokenizer, messages),
			(Texts::Messages(_), None) => return Err(Refusal::Template.into()),
			(Texts::Text(text), Some(template)) => self.question(template, text),
			(Texts::Text(text) | Texts::Raw(text), _) => self.plain(text),
		};
		encoded.map_err(|error| match error {
			// That a template fails on a text depends on nothing else, so all engines say the same.
			ChatError::Template(_) => Stop::from(Refusal::Template),
			error => EngineError::Internal(error.to_string()).into(),
		})
	}

	fn plain(&self, text: &str) -> Result<Vec<u32>, ChatError> {
		let tokens = self.tokenizer.encode(&[Piece::Text(text)])?;
		Ok(self.tokenizer.begin().into_iter().chain(tokens).collect())
	}

	fn question(&self, template: &ChatTemplate, text: &str) -> Result<Vec<u32>, ChatError> {
		template.encode(&self.tokenizer, &[Message { role: Role::User, content: text }])
	}

	/// The tokens of texts behind a prompt. Refused if the model cannot write one of them.
	fn continuations(&self, prompt: &[u32], texts: &[String]) -> Result<Vec<Vec<u32>>, Stop> {
		let continuation = |text: &String| match self.tokenizer.encode_behind(prompt, text) {
			Ok(tokens) => tokens.ok_or(Stop::Refused(Refusal::Format)),
			Err(error) => Err(EngineError::Internal(error.to_string()).into()),
		};
		texts.iter().map(continuation).collect()
	}

	/// The tokens that end an answer in the template, if there are both.
	fn ends(&self, asked: &Texts<'_>) -> Option<Vec<u32>> {
		let is_chat = self.template.is_some() && !matches!(asked, Texts::Raw(_));
		Some(self.tokenizer.stops().to_vec()).filter(|stops| is_chat && !stops.is_empty())
	}

	/// The tokens that the prompts of all questions begin with, as far as one can tell; for this, nothing depends on it but
	/// speed.
	fn head(&self) -> Result<Vec<u32>, ChatError> {
		let Some(template) = &self.template else { return Ok(Vec::new()) };
		let [first, second] = QUESTIONS.map(|question| self.question(template, question));
		let (first, second) = (first?, second?);
		Ok(first.into_iter().zip(second).take_while(|(one, other)| one == other).map(|(token, _)| token).collect())
	}
}

impl Model for Generator {
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Inference, EngineError> {
		settle(|tracer| self.answer(request, kernels, threads, tracer))
	}
}

#[cfg(test)]
mod tests;

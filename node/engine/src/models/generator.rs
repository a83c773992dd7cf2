//! Texts that a language model generates.

use super::llama::{Llama, Workspace};
use super::{settle, Model, Stop};
use crate::boundary::check_text;
use crate::chat::{ChatError, ChatTemplate, Message, Role};
use crate::gguf::{GgufError, GgufFile};
use crate::kernels::attention::KvCache;
use crate::kernels::pool::Pool;
use crate::kernels::Kernels;
use crate::sampling::Sampler;
use crate::tokenizer::{BpeTokenizer, Piece, TokenizerError};
use crate::trace::Tracer;
use crate::{Architecture, EngineError, Finish, Inference, Prompt, Refusal, Request, Response};
use std::sync::{Mutex, PoisonError};

/// Longer contexts are not kept: for SmolLM2, these take 24 MB.
const KEPT_POSITIONS: usize = 512;

/// A language model with its tokenizer and its chat template.
pub(crate) struct Generator {
	model: Llama,
	tokenizer: BpeTokenizer,
	template: Option<ChatTemplate>,
	/// What was read last. Another prompt that begins alike goes on from there, which changes no bit of its answer.
	kept: Mutex<Option<Kept>>,
}

struct Kept {
	tokens: Vec<u32>,
	cache: KvCache,
}

impl Generator {
	/// Loads a model from a GGUF file, whose hash the caller has checked.
	pub fn load(file: &[u8]) -> Result<Self, EngineError> {
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
		// A template that has no text for the simplest of questions would fail at each.
		let question = [Message { role: Role::User, content: "?" }];
		if let Some(Err(error)) = template.as_ref().map(|template| template.render(&question)) {
			return Err(invalid(&error));
		}
		Ok(Self { model, tokenizer, template, kept: Mutex::new(None) })
	}

	/// What the file says that it is.
	pub fn architecture(&self) -> Architecture {
		self.model.architecture()
	}

	fn prompt(&self, text: &str, prompt: Prompt) -> Result<Vec<u32>, ChatError> {
		match (&self.template, prompt) {
			(Some(template), Prompt::Chat) => {
				template.encode(&self.tokenizer, &[Message { role: Role::User, content: text }])
			}
			_ => self.tokenizer.encode(&[Piece::Text(text)]).map_err(ChatError::from).map(|tokens| {
				let begin = self.tokenizer.begin();
				begin.into_iter().chain(tokens).collect()
			}),
		}
	}

	fn answer(
		&self,
		request: &Request,
		kernels: Kernels,
		threads: usize,
		tracer: &mut Tracer,
	) -> Result<Response, Stop> {
		let prompt = self.prompt(check_text(request, usize::MAX)?, request.prompt).map_err(no_prompt)?;
		let max_tokens = request.limits.max_output_units as usize;
		let context = self.model.context();
		if prompt.len().saturating_add(max_tokens) > context {
			return Err(Refusal::ContextExceeded { limit: context as u32 }.into());
		}
		let mut answer = Vec::new();
		if prompt.is_empty() {
			// The text has only bytes that no token stands for.
			return self.response(answer, Finish::Stop);
		}
		let pool = Pool::new(threads)?;
		let mut on = Workspace::new(kernels, &pool);
		let mut sampler = Sampler::new(request.sampling, request.seed).on_tier(kernels.tier())?;
		let mut cache = self.begin(&prompt);
		let mut unread = prompt[cache.length()..].to_vec();
		let finish = loop {
			if answer.len() == max_tokens {
				break Finish::Length;
			}
			request.stop.check()?;
			let logits = self.model.forward(&mut on, &unread, &mut cache)?;
			let token = sampler.choose(&logits)?;
			tracer.add(on.hidden());
			if self.tokenizer.stops().contains(&token) {
				break Finish::Stop;
			}
			answer.push(token);
			unread = vec![token];
		};
		let mut read = prompt;
		read.extend(&answer);
		read.truncate(cache.length());
		self.keep(Kept { tokens: read, cache });
		self.response(answer, finish)
	}

	fn response(&self, tokens: Vec<u32>, finish: Finish) -> Result<Response, Stop> {
		let failed = |error: TokenizerError| EngineError::Internal(error.to_string());
		Ok(Response::Generation { text: self.tokenizer.decode(&tokens).map_err(failed)?, tokens, finish })
	}

	/// A cache of what the prompt begins with, without its last token, whose logits are wanted.
	fn begin(&self, prompt: &[u32]) -> KvCache {
		let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
		let Some(Kept { tokens, mut cache }) = kept else { return self.model.cache() };
		let common = tokens.iter().zip(&prompt[..prompt.len() - 1]).take_while(|(kept, token)| kept == token).count();
		cache.set_length(common);
		cache
	}

	fn keep(&self, kept: Kept) {
		if kept.tokens.len() <= KEPT_POSITIONS {
			*self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
		}
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

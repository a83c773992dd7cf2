//! A question as the chain takes it, what it costs, and what came of it.

use crate::{connection::Connection, show::printable, Error, InputError};
use jsonrpsee::rpc_params;
use sibyl_engine::{Format as EngineFormat, FormatError, Input as EngineInput, Role as EngineRole};
use sibyl_primitives::{
	api::MAX_LISTED_MODELS,
	format::Format,
	input::{Input, Message, Role},
	job::{JobId, JobOptions, MAX_FIXED_SEATS},
	model::Task,
	Balance, Hash, Text,
};
use sibyl_rpc_types::{JobResult, Model, Quote};
use sibyl_runtime::RuntimeCall;

/// What is asked of a network.
pub struct Question {
	/// Who is asked.
	pub model: Model,
	/// What the model reads.
	pub input: Input,
	/// How it is to answer.
	pub options: JobOptions,
}

/// What a question costs now.
pub struct Price {
	/// Seats that are paid for.
	pub seats: u16,
	/// What is held until the job ends, in the smallest unit: it costs no more, the transaction's fee apart.
	pub total: Balance,
}

impl Question {
	/// A question that the model can read.
	pub fn new(model: Model, input: EngineInput, options: JobOptions) -> Result<Self, Error> {
		let input = on_chain(input);
		match model.task != Task::Generate && !input.is_text() {
			true => Err(Error::NotOfTask { name: model.name }),
			false => Ok(Self { model, input, options }),
		}
	}

	/// What it costs now.
	pub async fn price(&self, node: &Connection) -> Result<Price, Error> {
		let JobOptions { seats, max_output_units, format, .. } = &self.options;
		let params = rpc_params![self.model.id, seats, self.input.units(), max_output_units, format];
		let Quote { seats, total, .. } = node.call("inference_quote", params).await?;
		let total = total.parse().map_err(|_| Error::Unreadable {
			method: "inference_quote",
			reason: format!("{} is no price", printable(&total)),
		})?;
		Ok(Price { seats, total })
	}

	/// The call that submits it, where it costs no more than this.
	pub fn call(&self, max_fee: Balance) -> RuntimeCall {
		let (input, options) = (self.input.clone(), self.options.clone());
		RuntimeCall::Inference(pallet_inference::Call::submit { model: self.model.id, input, options, max_fee })
	}
}

/// What a node calls it that no model has a name.
const UNKNOWN_MODEL: &str = "UnknownModel";

/// Models that an error names.
const MOST_NAMES: usize = 20;

/// A number of seats, as a command line has it.
pub fn parse_seats(text: &str) -> Result<u16, String> {
	let seats = text.parse().ok().filter(|seats| (1..=MAX_FIXED_SEATS).contains(seats) && seats % 2 == 1);
	seats.ok_or_else(|| format!("expected an odd number from 1 to {MAX_FIXED_SEATS}"))
}

/// The models that the network has, at the best block where none is given.
pub async fn models(node: &Connection, at: Option<Hash>) -> Result<Vec<Model>, Error> {
	let mut models: Vec<Model> = Vec::new();
	loop {
		let after = models.last().map(|model| model.id);
		let page: Vec<Model> = node.call("inference_listModels", rpc_params![after, MAX_LISTED_MODELS, at]).await?;
		// A node that answers whatever it is asked would be listened to for ever.
		if page.is_empty() || page.iter().any(|model| models.iter().any(|known| known.id == model.id)) {
			return Ok(models);
		}
		models.extend(page);
	}
}

/// The model of this name or id.
pub async fn model(node: &Connection, name: &str) -> Result<Model, Error> {
	match node.call("inference_getModel", rpc_params![name]).await {
		Err(Error::Refused { name: Some(refusal), .. }) if refusal == UNKNOWN_MODEL => {
			let models = models(node, None).await?;
			let active = models.iter().filter(|model| model.is_active).take(MOST_NAMES);
			let known = active.map(|model| printable(&model.name)).collect::<Vec<_>>().join(", ");
			Err(Error::NoSuchModel { name: name.into(), known })
		}
		answer => answer,
	}
}

/// What became of a job.
pub async fn result(node: &Connection, job: JobId) -> Result<JobResult, Error> {
	node.call("inference_getResult", rpc_params![job]).await
}

/// What a model reads, as the chain has it.
fn on_chain(input: EngineInput) -> Input {
	let role = |role| match role {
		EngineRole::System => Role::System,
		EngineRole::User => Role::User,
		EngineRole::Assistant => Role::Assistant,
	};
	match input {
		EngineInput::Text(text) => Input::Text(text),
		EngineInput::Raw(text) => Input::Raw(text),
		EngineInput::Messages(messages) => {
			let message = |(speaker, text)| Message { role: role(speaker), text };
			Input::Messages(messages.into_iter().map(message).collect())
		}
	}
}

/// A format, as the chain has it.
pub fn on_chain_format(format: EngineFormat) -> Result<Format, Error> {
	Ok(match format {
		EngineFormat::Text { stops } => Format::Text { stops: texts(stops)?.try_into().map_err(|_| Error::TooMany)? },
		EngineFormat::ScoredText { stops } => {
			Format::ScoredText { stops: texts(stops)?.try_into().map_err(|_| Error::TooMany)? }
		}
		EngineFormat::Choice(choices) => Format::Choice(texts(choices)?.try_into().map_err(|_| Error::TooMany)?),
		EngineFormat::Number { min, max, decimals } => Format::Number { min, max, decimals },
		EngineFormat::Json(schema) => Format::Json(schema.as_str().try_into()?),
		EngineFormat::Regex(pattern) if pattern.is_empty() => {
			// An engine would take it, and the chain takes no text of a format that is empty.
			let reason = "it is empty; give one that matches an answer".into();
			return Err(InputError::Format(FormatError::Pattern { at: 0, reason }).into());
		}
		EngineFormat::Regex(pattern) => Format::Regex(pattern.as_str().try_into()?),
	})
}

fn texts<const N: u32>(texts: Vec<String>) -> Result<Vec<Text<N>>, Error> {
	texts.iter().map(|text| Ok(text.as_str().try_into()?)).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn formats_are_those_of_the_chain_and_what_is_too_long_for_it_is_said() {
		let choices = EngineFormat::Choice(vec!["yes".into(), "no".into()]);
		assert!(matches!(on_chain_format(choices), Ok(Format::Choice(choices)) if choices.len() == 2));
		let long = EngineFormat::Choice(vec!["x".repeat(65), "no".into()]);
		assert!(on_chain_format(long).expect_err("it is too long").to_string().contains("64 bytes"));
		let many = EngineFormat::Text { stops: vec!["x".into(); 5] };
		assert!(matches!(on_chain_format(many), Err(Error::TooMany)));
		let empty = on_chain_format(EngineFormat::Regex(String::new())).expect_err("the chain refuses it").to_string();
		assert_eq!(
			empty,
			"no answer can have this format: the pattern at byte 0: it is empty; give one that matches an answer"
		);
	}
}

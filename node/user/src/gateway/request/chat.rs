//! `POST /v1/chat/completions`

use super::{
	form::{self, ResponseFormat, Stop},
	messages,
	params::Params,
};
use crate::{
	gateway::error::ApiError,
	question::{on_chain_format, Question},
};
use serde::Deserialize;
use serde_json::{Number, Value};
use sibyl_engine::{Format, Input};
use sibyl_primitives::{
	job::{JobOptions, Sampling, Seats},
	model::Task,
	output::MAX_SCORED_TOKENS,
};
use sibyl_rpc_types::Model;

/// Tokens of an answer where the request does not say.
const USUAL_TOKENS: u32 = 128;
/// OpenAI's highest temperature.
const MAX_TEMPERATURE: f64 = 2.0;
/// OpenAI's most alternatives with their probabilities.
const MAX_TOP_LOGPROBS: u8 = 20;
/// What changes no answer.
const HARMLESS: [&str; 8] = [
	"user",
	"metadata",
	"store",
	"safety_identifier",
	"prompt_cache_key",
	"prompt_cache_retention",
	"service_tier",
	"parallel_tool_calls",
];

/// A conversation to go on with.
#[derive(Debug)]
pub struct ChatRequest {
	/// The model's name.
	pub model: String,
	input: Input,
	format: Format,
	sampling: Sampling,
	seed: Option<u64>,
	max_tokens: Option<u32>,
	seats: Option<Seats>,
	reuse: bool,
	/// Whether to tell what happens meanwhile.
	pub stream: bool,
	/// Whether the stream is to end with what was used.
	pub include_usage: bool,
	/// How many alternatives are to be told with their probabilities.
	pub logprobs: Option<u8>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
	#[serde(default)]
	include_usage: bool,
	/// Noise against those who count a stream's bytes: there is none here.
	#[serde(default, rename = "include_obfuscation")]
	_obfuscation: bool,
}

impl ChatRequest {
	/// Reads a request's body. A format is compiled, which takes a while.
	pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
		let mut params = Params::parse(body)?;
		let model = params.need("model", "the name of a model")?;
		let input = messages::input(params.need::<Vec<Value>>("messages", "a list of messages")?)?;
		let response_format = params.take::<ResponseFormat>("response_format", "an object with a 'type'")?;
		let stop = params.take::<Stop>("stop", "a text, or a list of up to four")?;
		let max_tokens = [params.take("max_completion_tokens", TOKENS)?, params.take("max_tokens", TOKENS)?];
		let stream = params.take("stream", "true or false")?.unwrap_or(false);
		let options = params.take("stream_options", "an object with 'include_usage'")?;
		let StreamOptions { include_usage, .. } = options.unwrap_or_default();
		let sampling = sampling(&mut params)?;
		let seed = params.take::<Number>("seed", "a whole number")?.map(seed).transpose()?;
		let logprobs = logprobs(&mut params)?;
		let seats = params.take_seats()?;
		let reuse = params.take_reuse()?;
		params.only("n", 1_u8, "a job has one answer: send the request several times, each with a 'seed'")?;
		for penalty in ["presence_penalty", "frequency_penalty"] {
			params.only(penalty, 0.0_f64, "the chain's sampling has no penalties")?;
		}
		params.only("modalities", vec!["text".to_string()], "the chain's models write text alone")?;
		params.only("tools", Vec::<Value>::new(), "the chain's models call no tools")?;
		params.finish(&HARMLESS)?;
		// Last, since it takes the longest.
		let format = form::format(response_format, stop)?;
		if logprobs.is_some() && !matches!(format, Format::Choice(_) | Format::Text { .. }) {
			return Err(no_logprobs());
		}
		let max_tokens = match max_tokens {
			[Some(one), Some(other)] if one != other => {
				let message = "'max_tokens' and 'max_completion_tokens' mean the same: give one of them";
				return Err(ApiError::invalid("max_tokens", message));
			}
			[one, other] => one.or(other),
		};
		let request = Self {
			model,
			input,
			format,
			sampling,
			seed,
			max_tokens,
			seats,
			reuse,
			stream,
			include_usage: stream && include_usage,
			logprobs,
		};
		Ok(request)
	}

	/// The question, to the model of the request's name; with so many seats where it does not say.
	pub fn question(self, model: Model, seats: Seats) -> Result<Question, ApiError> {
		if model.task == Task::Embed {
			let message = format!("{} gives vectors: ask it by /v1/embeddings", model.name);
			return Err(ApiError::invalid("model", message));
		}
		let format = match (model.task, self.logprobs, self.format) {
			(Task::Generate, Some(0), Format::Text { stops }) => Format::ScoredText { stops },
			(Task::Generate, Some(1..), Format::Text { .. }) => return Err(no_alternatives()),
			(_, _, format) => format,
		};
		let max_output_units = match (model.task, &format) {
			(Task::Generate, Format::Choice(_)) | (Task::Classify | Task::Embed, _) => 0,
			(Task::Generate, format) => {
				let is_scored = matches!(format, Format::ScoredText { .. });
				let most = model.limits.output_units.min(if is_scored { MAX_SCORED_TOKENS } else { u32::MAX });
				let usual = USUAL_TOKENS.max(format.min_output_units()).min(most);
				let asked = self.max_tokens.unwrap_or(usual);
				if asked == 0 || asked > most {
					let message = format!("{} gives 1 to {most} tokens, and {asked} are asked for", model.name);
					return Err(ApiError::invalid("max_completion_tokens", message));
				}
				asked
			}
		};
		let options = JobOptions {
			seats: self.seats.unwrap_or(seats),
			max_output_units,
			sampling: self.sampling,
			seed: self.seed,
			format: on_chain_format(format)?,
			reuse: self.reuse,
			..JobOptions::default()
		};
		Ok(Question::new(model, self.input, options)?)
	}
}

const TOKENS: &str = "a number of tokens";

fn no_logprobs() -> ApiError {
	let why = "the chain tells the probabilities of a text's tokens and of choices: give no 'response_format', or one of the \
		type 'choice'";
	ApiError::unsupported("logprobs", why)
}

fn no_alternatives() -> ApiError {
	let why =
		"the chain tells the probabilities of the tokens that a text has, and not of others: leave it out, or give a \
		'response_format' of the type 'choice'";
	ApiError::unsupported("top_logprobs", why)
}

fn sampling(params: &mut Params) -> Result<Sampling, ApiError> {
	let temperature = params.take::<f64>("temperature", "a number from 0 to 2")?.unwrap_or(0.0);
	if !(0.0..=MAX_TEMPERATURE).contains(&temperature) {
		return Err(ApiError::invalid("temperature", "'temperature' is to be a number from 0 to 2"));
	}
	let top_p = params.take::<f64>("top_p", "a number above 0, up to 1")?.unwrap_or(1.0);
	if !(top_p > 0.0 && top_p <= 1.0) {
		return Err(ApiError::invalid("top_p", "'top_p' is to be a number above 0, up to 1"));
	}
	let temperature = (temperature * 1e3).round() as u16;
	// All of it is 0 to the chain, and less than a millionth is one.
	let top_p = if top_p == 1.0 { 0 } else { ((top_p * 1e6).round() as u32).max(1) };
	Ok(Sampling { temperature, top_p, top_k: 0 })
}

/// OpenAI's seeds may be negative, the chain's are not: each has the one of the same bits.
fn seed(seed: Number) -> Result<u64, ApiError> {
	let seed = seed.as_u64().or_else(|| seed.as_i64().map(i64::cast_unsigned));
	seed.ok_or_else(|| ApiError::invalid("seed", "'seed' is to be a whole number of 64 bits"))
}

fn logprobs(params: &mut Params) -> Result<Option<u8>, ApiError> {
	let wanted = params.take("logprobs", "true or false")?.unwrap_or(false);
	let top = params.take::<u8>("top_logprobs", "a number from 0 to 20")?;
	match (wanted, top) {
		(_, Some(top)) if top > MAX_TOP_LOGPROBS => {
			Err(ApiError::invalid("top_logprobs", "'top_logprobs' is to be a number from 0 to 20"))
		}
		(false, Some(1..)) => Err(ApiError::invalid("top_logprobs", "'top_logprobs' needs 'logprobs': true")),
		(false, _) => Ok(None),
		(true, top) => Ok(Some(top.unwrap_or(0))),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::testing::model;
	use serde_json::json;
	use sibyl_primitives::format::Format as ChainFormat;

	fn request(more: Value) -> Result<ChatRequest, ApiError> {
		let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
		let (Value::Object(body), Value::Object(more)) = (&mut body, more) else { panic!("both are objects") };
		body.extend(more);
		ChatRequest::parse(&serde_json::to_vec(body).expect("it is JSON"))
	}

	fn options(more: Value) -> Result<JobOptions, ApiError> {
		Ok(request(more)?.question(model("generate"), Seats::All)?.options)
	}

	#[test]
	fn a_request_should_be_a_job_of_the_same_meaning() {
		let plain = options(json!({})).expect("it is served");
		assert_eq!(plain, JobOptions { max_output_units: USUAL_TOKENS, ..JobOptions::default() });
		let asked = json!({ "temperature": 0.7, "top_p": 0.9, "seed": 42, "max_tokens": 20, "seats": 3, "stop": "\n" });
		let asked = options(asked).expect("it is served");
		assert_eq!(asked.sampling, Sampling { temperature: 700, top_k: 0, top_p: 900_000 });
		assert_eq!((asked.seed, asked.max_output_units, asked.seats), (Some(42), 20, Seats::Fixed(3)));
		assert!(matches!(asked.format, ChainFormat::Text { stops } if stops.len() == 1));
		let edges = options(json!({ "temperature": 2, "top_p": 1, "seed": -1, "max_completion_tokens": 256 }));
		let edges = edges.expect("it is served");
		assert_eq!(edges.sampling, Sampling { temperature: 2_000, top_k: 0, top_p: 0 });
		assert_eq!((edges.seed, edges.max_output_units), (Some(u64::MAX), 256));
	}

	#[test]
	fn a_number_should_have_room_for_its_digits_and_a_choice_need_none() {
		let number = json!({ "response_format": { "type": "number", "min": 0, "max": 1 } });
		assert_eq!(options(number).expect("it is served").max_output_units, USUAL_TOKENS);
		let choice = json!({ "response_format": { "type": "choice", "choices": ["a", "b"] }, "max_tokens": 5 });
		assert_eq!(options(choice).expect("it is served").max_output_units, 0);
	}

	#[test]
	fn what_changes_no_answer_should_be_passed_over() {
		let harmless = json!({ "user": "ada", "metadata": { "a": "b" }, "store": false, "n": 1, "presence_penalty": 0,
			"frequency_penalty": 0.0, "tools": [], "modalities": ["text"], "logprobs": false, "top_logprobs": null,
			"tool_choice": null, "service_tier": "auto" });
		options(harmless).expect("it is served");
	}

	#[test]
	fn what_is_not_served_should_be_refused_by_its_name_and_never_left_out() {
		let unsupported = [
			("tools", json!([{ "type": "function" }])),
			("tool_choice", json!("auto")),
			("logit_bias", json!({ "50256": -100 })),
			("n", json!(2)),
			("presence_penalty", json!(0.5)),
			("frequency_penalty", json!(-1)),
			("modalities", json!(["text", "audio"])),
			("audio", json!({})),
			("reasoning_effort", json!("low")),
			("best_of", json!(3)),
		];
		for (name, value) in unsupported {
			let error = options(json!({ name: value })).expect_err(name);
			assert_eq!((error.code, error.param.as_deref()), ("unsupported_parameter", Some(name)));
		}
	}

	#[test]
	fn what_is_out_of_its_bounds_should_be_refused() {
		let wrong = [
			("temperature", json!(2.1)),
			("temperature", json!(-0.1)),
			("temperature", json!("hot")),
			("top_p", json!(0)),
			("top_p", json!(1.5)),
			("seed", json!(1.5)),
			("max_tokens", json!(-1)),
			("max_completion_tokens", json!(257)),
			("max_completion_tokens", json!(0)),
			("stream", json!("yes")),
			("top_logprobs", json!(21)),
			("top_logprobs", json!(2)),
			("messages", json!("Hi")),
			("model", json!(7)),
		];
		for (name, value) in wrong {
			let error = options(json!({ name: value })).expect_err(name);
			assert_eq!((error.code, error.param.as_deref()), ("invalid_value", Some(name)));
		}
		let both = options(json!({ "max_tokens": 1, "max_completion_tokens": 2 })).expect_err("which of them?");
		assert_eq!(both.param.as_deref(), Some("max_tokens"));
		let missing = ChatRequest::parse(br#"{"model":"m"}"#).expect_err("it asks nothing");
		assert_eq!(missing.code, "missing_required_parameter");
	}

	#[test]
	fn probabilities_should_be_told_of_texts_of_choices_and_of_labels() {
		let text = options(json!({ "logprobs": true, "stop": "." })).expect("it is served");
		assert!(matches!(text.format, ChainFormat::ScoredText { stops } if stops.len() == 1));
		let alternatives = options(json!({ "logprobs": true, "top_logprobs": 1 })).expect_err("the chain has none");
		assert_eq!(alternatives.param.as_deref(), Some("top_logprobs"));
		let number = json!({ "logprobs": true, "response_format": { "type": "number", "min": 0, "max": 1 } });
		assert_eq!(request(number).expect_err("it has none").param.as_deref(), Some("logprobs"));
		let choice = json!({ "logprobs": true, "top_logprobs": 2, "response_format": { "type": "choice", "choices": ["a", "b"] } });
		assert_eq!(request(choice).expect("it is served").logprobs, Some(2));
		let label = request(json!({ "logprobs": true })).expect("it may be of a classifier");
		label.question(model("classify"), Seats::All).expect("it is served");
	}

	#[test]
	fn a_classifier_should_read_a_text_and_an_embedder_be_asked_elsewhere() {
		let asked = request(json!({})).expect("it is served").question(model("classify"), Seats::All);
		assert_eq!(asked.expect("it is served").options.max_output_units, 0);
		let elsewhere = request(json!({})).expect("it is served").question(model("embed"), Seats::All);
		assert_eq!(elsewhere.err().and_then(|error| error.param).as_deref(), Some("model"));
		let spoken = json!({ "messages": [{ "role": "system", "content": "a" }, { "role": "user", "content": "b" }] });
		let spoken = request(spoken).expect("it is served").question(model("classify"), Seats::All);
		assert_eq!(spoken.err().and_then(|error| error.param).as_deref(), Some("messages"));
	}
}

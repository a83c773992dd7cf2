//! `POST /v1/embeddings`

use super::params::Params;
use crate::{gateway::error::ApiError, question::Question};
use serde::Deserialize;
use sibyl_engine::Input;
use sibyl_primitives::{
	job::{JobOptions, Seats},
	model::Task,
};
use sibyl_rpc_types::Model;

/// Texts of one request, each of which is a job.
pub const MAX_INPUTS: usize = 32;
/// What changes no answer.
const HARMLESS: [&str; 2] = ["user", "safety_identifier"];

/// Texts to give vectors.
#[derive(Debug)]
pub struct EmbeddingsRequest {
	/// The model's name.
	pub model: String,
	/// How the vectors are written.
	pub encoding: Encoding,
	texts: Vec<String>,
	seats: Option<Seats>,
	reuse: bool,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
	/// Its components as numbers.
	#[default]
	Float,
	/// Its components as floats of 32 bits, little-endian, in base64.
	Base64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
	One(String),
	Several(Vec<String>),
}

impl EmbeddingsRequest {
	/// Reads a request's body.
	pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
		let mut params = Params::parse(body)?;
		let model = params.need("model", "the name of a model")?;
		let expected = "a text or a list of texts; lists of tokens are not supported, since the chain reads text";
		let texts = match params.need("input", expected)? {
			Texts::One(text) => vec![text],
			Texts::Several(texts) => texts,
		};
		let encoding = params.take("encoding_format", "\"float\" or \"base64\"")?.unwrap_or_default();
		let seats = params.take_seats()?;
		let reuse = params.take_reuse()?;
		params.finish(&HARMLESS)?;
		if !(1..=MAX_INPUTS).contains(&texts.len()) {
			let message = format!("'input' is to have 1 to {MAX_INPUTS} texts, each of which is a job");
			return Err(ApiError::invalid("input", message));
		}
		if texts.iter().any(String::is_empty) {
			return Err(ApiError::invalid("input", "No text of 'input' is to be empty"));
		}
		Ok(Self { model, encoding, texts, seats, reuse })
	}

	/// The questions, one for each text; with so many seats where the request does not say.
	pub fn questions(self, model: &Model, seats: Seats) -> Result<Vec<Question>, ApiError> {
		if model.task != Task::Embed {
			let message = format!("{} gives no vectors: ask it by /v1/chat/completions", model.name);
			return Err(ApiError::invalid("model", message));
		}
		let (seats, reuse) = (self.seats.unwrap_or(seats), self.reuse);
		let options = JobOptions { seats, reuse, ..JobOptions::default() };
		let question = |text| Ok(Question::new(model.clone(), Input::from(text), options.clone())?);
		self.texts.into_iter().map(question).collect()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::{json, Value};

	fn request(body: Value) -> Result<EmbeddingsRequest, ApiError> {
		EmbeddingsRequest::parse(&serde_json::to_vec(&body).expect("it is JSON"))
	}

	#[test]
	fn one_text_or_several_should_be_read_and_each_encoding() {
		let one = request(json!({ "model": "m", "input": "a" })).expect("it is served");
		assert_eq!((one.texts.len(), one.encoding), (1, Encoding::Float));
		let several = json!({ "model": "m", "input": ["a", "b"], "encoding_format": "base64", "user": "ada" });
		let several = request(several).expect("it is served");
		assert_eq!((several.texts, several.encoding), (vec!["a".to_string(), "b".into()], Encoding::Base64));
	}

	#[test]
	fn what_a_refusal_repeats_of_a_request_is_within_its_one_line() {
		let asked = request(json!({ "model": "m", "input": "a", "encoding_format": { "\n\u{1b}[2J": 7 } }));
		let message = asked.expect_err("there is no such encoding").message;
		assert!(message.starts_with("'encoding_format' is to be"), "{message:?}");
		assert!(!message.contains(char::is_control), "{message:?}");
	}

	#[test]
	fn what_is_not_served_should_be_refused_by_its_name() {
		let wrong = [
			(json!({ "model": "m", "input": [1, 2] }), "input"),
			(json!({ "model": "m", "input": [[1, 2]] }), "input"),
			(json!({ "model": "m", "input": [] }), "input"),
			(json!({ "model": "m", "input": ["a", ""] }), "input"),
			(json!({ "model": "m", "input": vec!["a"; MAX_INPUTS + 1] }), "input"),
			(json!({ "model": "m" }), "input"),
			(json!({ "input": "a" }), "model"),
			(json!({ "model": "m", "input": "a", "dimensions": 8 }), "dimensions"),
			(json!({ "model": "m", "input": "a", "encoding_format": "hex" }), "encoding_format"),
		];
		for (body, param) in wrong {
			assert_eq!(request(body).expect_err(param).param.as_deref(), Some(param));
		}
	}
}

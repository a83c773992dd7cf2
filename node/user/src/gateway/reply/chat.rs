//! A completion of a conversation: whole, or as a stream of chunks.

use super::{sibyl, unanswered, usage};
use crate::{
	gateway::{desk::Ended, error::ApiError},
	submission::Submitted,
};
use serde_json::{json, Value};
use sibyl_primitives::{format::Format, job::Fingerprint, model::ModelId, BlockNumber};
use sibyl_rpc_types::{Answer, Finish, Job, Phase, ScoredToken};
use std::time::{SystemTime, UNIX_EPOCH};

/// What logarithms of probabilities below a millionth are told as, as OpenAI tells those that are too small.
const IMPOSSIBLE: f64 = -9999.0;
const MILLION: f64 = 1e6;

/// What all parts of a reply have alike.
pub struct ChatReply {
	model: String,
	model_id: ModelId,
	created: u64,
	logprobs: Option<u8>,
}

/// How far a job is.
pub struct Progress<'a> {
	/// The height of the block that tells it.
	pub block: BlockNumber,
	/// The job there.
	pub job: &'a Job,
}

/// What the model said.
struct Said {
	text: String,
	finish: &'static str,
	written: usize,
	/// Alternatives and their probabilities in millionths, the likeliest first.
	likely: Vec<(String, u32)>,
	/// The tokens of a text with theirs.
	tokens: Vec<ScoredToken>,
}

impl ChatReply {
	/// Of this model, with so many alternatives and their probabilities.
	pub fn new(model: String, model_id: ModelId, logprobs: Option<u8>) -> Self {
		// A clock before 1970 is no reason to fail.
		let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
		Self { model, model_id, created, logprobs }
	}

	/// The whole.
	pub fn whole(&self, ended: &Ended) -> Result<Value, ApiError> {
		let said = Said::of(ended)?;
		let mut reply = self.frame("chat.completion", &ended.job.fingerprint);
		reply["choices"] = json!([{
			"index": 0,
			"message": { "role": "assistant", "content": said.text, "refusal": null },
			"logprobs": self.logprobs(&said),
			"finish_reason": said.finish,
		}]);
		reply["usage"] = usage(&[ended], said.written);
		reply["sibyl"] = sibyl(ended);
		Ok(reply)
	}

	/// The first chunk: the job is in a block.
	pub fn begin(&self, submitted: &Submitted) -> Value {
		let delta = json!({ "role": "assistant", "content": "" });
		let mut told = super::job_of(submitted);
		told["phase"] = json!("submitted");
		self.chunk(&submitted.fingerprint, delta, None, told)
	}

	/// A chunk without text: what the seats have done.
	pub fn progress(&self, fingerprint: &Fingerprint, progress: &Progress<'_>) -> Value {
		let Progress { block, job } = progress;
		let (committed, revealed, seats, round) = job.committees.last().map_or((0, 0, 0, 0), |committee| {
			let revealed = committee.revealed.len();
			(committee.committed.len() + revealed, revealed, committee.seats.len(), committee.round)
		});
		let phase: Phase = job.phase;
		let told = json!({ "job": job.id, "phase": phase, "block": block, "seats": seats, "committed": committed,
			"revealed": revealed, "round": round });
		self.chunk(fingerprint, json!({}), None, told)
	}

	/// The last chunks: the text, why it ends, and what was used where that is wanted.
	pub fn end(&self, ended: &Ended, include_usage: bool) -> Result<Vec<Value>, ApiError> {
		let said = Said::of(ended)?;
		let fingerprint = &ended.job.fingerprint;
		let mut text = self.chunk(fingerprint, json!({ "content": said.text }), None, Value::Null);
		text["choices"][0]["logprobs"] = self.logprobs(&said);
		let mut chunks = vec![text, self.chunk(fingerprint, json!({}), Some(said.finish), sibyl(ended))];
		if include_usage {
			chunks.iter_mut().for_each(|chunk| chunk["usage"] = Value::Null);
			let mut used = self.frame("chat.completion.chunk", fingerprint);
			used["choices"] = json!([]);
			used["usage"] = usage(&[ended], said.written);
			chunks.push(used);
		}
		Ok(chunks)
	}

	fn chunk(&self, fingerprint: &Fingerprint, delta: Value, finish: Option<&str>, sibyl: Value) -> Value {
		let mut chunk = self.frame("chat.completion.chunk", fingerprint);
		chunk["choices"] = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
		if !sibyl.is_null() {
			chunk["sibyl"] = sibyl;
		}
		chunk
	}

	fn frame(&self, object: &str, fingerprint: &Fingerprint) -> Value {
		json!({
			"id": format!("chatcmpl-{}", hex(fingerprint)),
			"object": object,
			"created": self.created,
			"model": self.model,
			"system_fingerprint": format!("{:?}", self.model_id),
		})
	}

	/// Of each token of a text; a choice or a label is one token here.
	fn logprobs(&self, said: &Said) -> Value {
		let Some(top) = self.logprobs else { return Value::Null };
		let told = |(text, share): &(String, u32)| {
			let logprob = if *share == 0 { IMPOSSIBLE } else { (f64::from(*share) / MILLION).ln() };
			json!({ "token": text, "logprob": logprob, "bytes": text.as_bytes() })
		};
		if !said.tokens.is_empty() {
			let tokens = said.tokens.iter().map(|token| {
				let mut told = told(&(token.text.clone(), token.score));
				told["top_logprobs"] = json!([]);
				told
			});
			return json!({ "content": tokens.collect::<Vec<_>>(), "refusal": null });
		}
		let Some(mut chosen) = said.likely.iter().find(|(text, _)| *text == said.text).map(told) else {
			return Value::Null;
		};
		chosen["top_logprobs"] = said.likely.iter().take(top.into()).map(told).collect();
		json!({ "content": [chosen], "refusal": null })
	}
}

impl Said {
	fn of(ended: &Ended) -> Result<Self, ApiError> {
		let Some(answer) = &ended.result.answer else {
			return Err(unanswered(ended));
		};
		let whole = |text: String, written, likely| Self { text, finish: "stop", written, likely, tokens: Vec::new() };
		Ok(match answer {
			Answer::Generation { text, tokens, finish } => {
				Self { finish: finish_reason(*finish), ..whole(text.clone(), tokens.len(), Vec::new()) }
			}
			Answer::ScoredText { text, tokens, finish } => {
				let said = whole(text.clone(), tokens.len(), Vec::new());
				Self { finish: finish_reason(*finish), tokens: tokens.clone(), ..said }
			}
			Answer::Number { value, .. } => whole(value.clone(), value.len(), Vec::new()),
			Answer::Choice { index, probabilities } => {
				let Format::Choice(choices) = &ended.question.options.format else { return Err(unreadable(ended)) };
				let texts = choices.iter().map(|choice| choice.to_string_lossy());
				let mut likely: Vec<_> = texts.zip(probabilities.iter().copied()).collect();
				let (chosen, _) = likely.get(usize::from(*index)).ok_or_else(|| unreadable(ended))?.clone();
				// Of equals the first is the chosen one.
				likely.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
				whole(chosen, 0, likely)
			}
			Answer::Classification { label, scores } => {
				let likely = scores.iter().map(|score| (score.label.clone(), score.score)).collect();
				whole(label.clone(), 0, likely)
			}
			Answer::Embedding { .. } => return Err(unreadable(ended)),
		})
	}
}

fn finish_reason(finish: Finish) -> &'static str {
	match finish {
		Finish::Stop => "stop",
		Finish::Length => "length",
	}
}

fn unreadable(ended: &Ended) -> ApiError {
	let message = "The node tells an answer of another form than was asked for";
	let error = ApiError::new(hyper::StatusCode::BAD_GATEWAY, "node_incompatible", message);
	error.of_job(sibyl(ended))
}

fn hex(fingerprint: &Fingerprint) -> String {
	format!("{fingerprint:?}").trim_start_matches("0x").into()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::{
		error::Retry,
		testing::{ended, job},
	};
	use sibyl_engine::Format;

	fn frame(logprobs: Option<u8>) -> ChatReply {
		ChatReply::new("m".into(), ModelId::zero(), logprobs)
	}

	fn text(finish: &str) -> Ended {
		let answer = json!({ "generation": { "text": "Hello \u{1b}[1m", "tokens": [1, 2, 3], "finish": finish } });
		ended(answer, Format::default())
	}

	#[test]
	fn a_text_should_be_a_completion_with_where_it_stands_on_the_chain() {
		let reply = frame(None).whole(&text("stop")).expect("it has an answer");
		assert_eq!(reply["object"], "chat.completion");
		assert_eq!(reply["id"], format!("chatcmpl-{}", "ab".repeat(32)));
		let choice = &reply["choices"][0];
		assert_eq!(choice["message"]["content"], "Hello \u{1b}[1m", "a program gets what was said");
		assert_eq!((&choice["finish_reason"], &choice["logprobs"]), (&json!("stop"), &Value::Null));
		assert_eq!(reply["usage"], json!({ "prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5 }));
		let sibyl = &reply["sibyl"];
		assert_eq!(
			(&sibyl["job"], &sibyl["block"]["number"], &sibyl["seats"]["agreed"]),
			(&json!(7), &json!(6), &json!(2))
		);
		let price = json!({ "held": "0.005", "paid": "0.0025", "transaction_fee": "0.001", "unit": "SIB" });
		assert_eq!(sibyl["price"], price);
		assert_eq!(sibyl["receipt"], "/v1/sibyl/receipts/7");
		let cut = frame(None).whole(&text("length")).expect("it has an answer");
		assert_eq!(cut["choices"][0]["finish_reason"], "length");
	}

	#[test]
	fn a_choice_should_be_its_text_with_the_probabilities_that_are_asked_for() {
		let choices = Format::Choice(["yes", "no", "perhaps"].map(String::from).to_vec());
		let answer = json!({ "choice": { "index": 1, "probabilities": [250_000, 750_000, 0] } });
		let chosen = ended(answer, choices);
		let reply = frame(Some(2)).whole(&chosen).expect("it has an answer");
		assert_eq!(reply["choices"][0]["message"]["content"], "no");
		let told = &reply["choices"][0]["logprobs"]["content"][0];
		assert_eq!((&told["token"], &told["bytes"]), (&json!("no"), &json!([110, 111])));
		assert!((told["logprob"].as_f64().expect("a number") - 0.75_f64.ln()).abs() < 1e-9);
		let top: Vec<_> = told["top_logprobs"].as_array().expect("a list").iter().map(|one| &one["token"]).collect();
		assert_eq!(top, ["no", "yes"]);
		assert_eq!(reply["usage"]["prompt_tokens"], 2 + 12, "the choices are read, too");
		let unasked = frame(None).whole(&chosen).expect("it has an answer");
		assert_eq!(unasked["choices"][0]["logprobs"], Value::Null);
	}

	#[test]
	fn a_text_should_have_the_logarithm_of_each_tokens_probability_where_they_are_asked_for() {
		let tokens = json!([{ "id": 7, "text": "Par", "score": 500_000 }, { "id": 8, "text": "is", "score": 0 }]);
		let answer = json!({ "scoredText": { "text": "Paris", "tokens": tokens, "finish": "length" } });
		let reply = frame(Some(0)).whole(&ended(answer, Format::default())).expect("it has an answer");
		let choice = &reply["choices"][0];
		assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("Paris"), &json!("length")));
		assert_eq!(reply["usage"]["completion_tokens"], 2);
		let told = &choice["logprobs"]["content"];
		assert_eq!((&told[0]["token"], &told[0]["bytes"]), (&json!("Par"), &json!([80, 97, 114])));
		assert!((told[0]["logprob"].as_f64().expect("a number") - 0.5_f64.ln()).abs() < 1e-9);
		let least = json!({ "token": "is", "logprob": -9999.0, "bytes": [105, 115], "top_logprobs": [] });
		assert_eq!(told[1], least);
	}

	#[test]
	fn a_choice_that_there_is_not_should_be_the_nodes_fault_and_no_panic() {
		let answer = json!({ "choice": { "index": 9, "probabilities": [1] } });
		for format in [Format::default(), Format::Choice(vec!["yes".into(), "no".into()])] {
			let error = frame(None).whole(&ended(answer.clone(), format)).expect_err("there is no such choice");
			assert_eq!((error.code, error.retry), ("node_incompatible", Retry::Never));
		}
	}

	#[test]
	fn a_job_without_an_answer_should_be_an_error_that_names_the_job() {
		let error = frame(None).whole(&ended(Value::Null, Format::default())).expect_err("there is none");
		assert_eq!(error.code, "no_quorum");
		assert_eq!(error.body()["error"]["sibyl"]["job"], 7);
	}

	#[test]
	fn a_stream_should_tell_the_seats_then_the_text_and_then_the_end() {
		let frame = frame(None);
		let submitted = Submitted { job: 7, fingerprint: job().fingerprint, block: 3 };
		let begin = frame.begin(&submitted);
		assert_eq!(begin["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
		assert_eq!((&begin["sibyl"]["phase"], &begin["sibyl"]["job"]), (&json!("submitted"), &json!(7)));
		let progress = frame.progress(&submitted.fingerprint, &Progress { block: 5, job: &job() });
		assert_eq!(progress["choices"][0]["delta"], json!({}));
		let told = json!({ "job": 7, "phase": "revealing", "block": 5, "seats": 2, "committed": 2, "revealed": 1, "round": 0 });
		assert_eq!(progress["sibyl"], told);
		let end = frame.end(&text("stop"), true).expect("it has an answer");
		assert_eq!(end.len(), 3);
		assert_eq!(end[0]["choices"][0]["delta"]["content"], "Hello \u{1b}[1m");
		assert_eq!(end[1]["choices"][0]["finish_reason"], "stop");
		assert_eq!((&end[2]["choices"], &end[2]["usage"]["completion_tokens"]), (&json!([]), &json!(3)));
		assert_eq!(frame.end(&text("stop"), false).expect("it has an answer").len(), 2);
		assert!(end.iter().chain([&begin, &progress]).all(|chunk| chunk["id"] == begin["id"]));
	}
}

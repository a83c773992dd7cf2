//! Vectors of texts.

use super::{sibyl, unanswered, usage};
use crate::gateway::{desk::Ended, error::ApiError, request::Encoding};
use base64::{prelude::BASE64_STANDARD, Engine};
use hyper::StatusCode;
use serde_json::{json, Value};
use sibyl_rpc_types::Answer;

/// What stands for 1 in the chain's vectors.
const ONE: f32 = 32_767.0;

/// The reply, with a vector for each job.
pub fn embeddings(model: &str, encoding: Encoding, jobs: &[&Ended]) -> Result<Value, ApiError> {
	let vector = |(index, ended): (usize, &&Ended)| {
		let values = match &ended.result.answer {
			Some(Answer::Embedding { values }) => values,
			Some(_) => {
				let message = "The node tells an answer of another form than was asked for";
				let error = ApiError::new(StatusCode::BAD_GATEWAY, "node_incompatible", message);
				return Err(error.of_job(sibyl(ended)));
			}
			None => return Err(unanswered(ended)),
		};
		Ok(
			json!({ "object": "embedding", "index": index, "embedding": written(values, encoding), "sibyl": sibyl(ended) }),
		)
	};
	let vectors = jobs.iter().enumerate().map(vector).collect::<Result<Vec<_>, ApiError>>().map_err(|error| {
		let jobs: Vec<_> = jobs.iter().map(|ended| sibyl(ended)).collect();
		error.of_jobs(&jobs, jobs.len())
	})?;
	let mut used = usage(jobs, 0);
	if let Some(used) = used.as_object_mut() {
		used.remove("completion_tokens");
	}
	Ok(json!({ "object": "list", "data": vectors, "model": model, "usage": used }))
}

fn written(values: &[i16], encoding: Encoding) -> Value {
	let values = values.iter().map(|value| f32::from(*value) / ONE);
	match encoding {
		Encoding::Float => values.collect(),
		Encoding::Base64 => BASE64_STANDARD.encode(values.flat_map(f32::to_le_bytes).collect::<Vec<_>>()).into(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::{error::Retry, testing::ended};
	use sibyl_engine::Format;

	#[test]
	fn where_one_text_of_several_has_no_vector_none_should_be_asked_again() {
		let answered = ended(json!({ "embedding": { "values": [1] } }), Format::default());
		let unanswered = ended(Value::Null, Format::default());
		let refunded = Ended { cost: unanswered.fee, ..unanswered };
		let reply = |jobs: &[&Ended]| embeddings("m", Encoding::Float, jobs).expect_err("one has no vector");
		assert_eq!(reply(&[&refunded]).retry, Retry::Usual, "it cost nothing");
		let error = reply(&[&answered, &refunded]);
		assert_eq!((error.code, error.retry), ("no_quorum", Retry::Never));
		assert_eq!(error.body()["error"]["sibyl"]["jobs"].as_array().map(Vec::len), Some(2));
	}

	#[test]
	fn a_vector_is_the_same_in_each_encoding() {
		assert_eq!(written(&[32_767, 0, -32_767], Encoding::Float), json!([1.0, 0.0, -1.0]));
		// 1.0 and -1.0 as floats of 32 bits, little-endian.
		let bytes = [0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xbf];
		assert_eq!(written(&[32_767, -32_767], Encoding::Base64), json!(BASE64_STANDARD.encode(bytes)));
	}
}

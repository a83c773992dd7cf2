//! Jobs that have ended, for tests.

use super::desk::Ended;
use crate::question::{on_chain_format, Question};
use serde_json::{json, Value};
use sibyl_engine::{Format, Input};
use sibyl_primitives::{job::JobOptions, Hash};
use sibyl_rpc_types::{Job, JobResult, Model};
use std::sync::Arc;

/// A model of this task.
pub fn model(task: &str) -> Model {
	let model = json!({ "id": Hash::zero(), "name": "m", "task": task, "architecture": "a", "files": [],
		"limits": { "inputBytes": 512, "contextUnits": 512, "outputUnits": 256 }, "commitWindow": 12,
		"price": { "base": "1000000000", "unit": "1000000", "authorShare": 0 }, "author": null, "licence": "MIT",
		"goldens": 0, "state": "listed", "isActive": true, "stakeShare": 50.0, "servedBy": ["a", "b"] });
	serde_json::from_value(model).expect("it is a model")
}

/// A job with two seats, one of which has revealed.
pub fn job() -> Job {
	let seat = |vote: Value| {
		let mut seat = json!({ "validator": "a" });
		seat.as_object_mut().expect("it is one").extend(vote.as_object().expect("it is one").clone());
		seat
	};
	let job = json!({
		"id": 7, "fingerprint": Hash::repeat_byte(0xab), "requester": "ferdie", "model": Hash::zero(),
		"input": { "text": "Hi" },
		"options": { "seats": "all", "maxOutputUnits": 8, "drawDelay": 1,
			"sampling": { "temperature": 0, "topK": 0, "topP": 0 }, "seed": null, "format": { "text": { "stops": [] } } },
		"price": { "seats": 2, "perSeat": "1", "authorShare": "0", "protocolShare": "1", "total": "3" },
		"submittedAt": 3, "phase": "revealing", "verdict": null, "endedAt": null, "deadline": 9, "endsBy": 40,
		"committees": [{ "draw": Hash::zero(), "round": 0, "session": 0, "drawnAt": 4, "serving": 2,
			"seats": [seat(json!({ "vote": "committed" })), seat(json!({ "vote": "revealed", "outputHash": Hash::zero() }))],
			"committed": ["a"], "revealed": ["b"], "missing": [] }],
		"agreed": null, "audit": { "status": "none" }, "settlement": null,
	});
	serde_json::from_value(job).expect("it is a job")
}

/// A job that has ended with this answer, in this format; without an answer too few seats agreed.
pub fn ended(answer: Value, format: Format) -> Ended {
	let status = if answer.is_null() { "noQuorum" } else { "agreed" };
	let result = json!({ "id": 7, "status": status, "answer": answer, "refusal": null,
		"outputHash": Hash::repeat_byte(1), "agreedAt": 6,
		"support": { "round": 0, "seats": 2, "agreed": 2, "serving": 2 }, "audit": { "status": "none" }, "settled": true,
		"blockHash": Hash::repeat_byte(2), "finalized": true });
	let result: JobResult = serde_json::from_value(result).expect("it is a result");
	let format = on_chain_format(format).expect("it is short");
	let options = JobOptions { format, ..JobOptions::default() };
	let question = Question::new(model("generate"), Input::from("Hi"), options).expect("it is read");
	let (price, fee, cost) = (5_000_000_000, 1_000_000_000, 3_500_000_000);
	Ended { question: Arc::new(question), job: job(), result, submitted_at: 3, price, fee, cost }
}

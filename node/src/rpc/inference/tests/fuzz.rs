//! Parameters of every kind, of every method that the chain is asked by.

use super::*;
use crate::{inference::mock::fake_revision, rpc::inference::InferenceFeeds};
use sibyl_fuzzing::{fuzz, json_text, json_value, Random};

const TEXTS: &[&str] = &[
	"all",
	"fixed",
	"fake",
	"requester",
	"model",
	"open",
	"text",
	"stops",
	"choice",
	"number",
	"min",
	"max",
	"decimals",
	"json",
	"regex",
	"7",
	"0x7",
	"18446744073709551615",
	"-1",
	"0x6e6e",
	"bVnqjF8iStDR4TtHSHRd17AKke8eVjeLHba2qL4DSo7KFW14Y",
];

/// The methods, with parameters that are good.
fn requests(hash: Hash) -> Vec<(&'static str, Value)> {
	let model = fake_revision().id();
	vec![
		("getJob", json!([7, hash])),
		("getJob", json!(["0x7"])),
		("getResult", json!([7, hash])),
		("listJobs", json!([{ "requester": address(9), "model": model, "open": true }, 7, 3, hash])),
		("getModel", json!(["fake", hash])),
		("getModel", json!([model])),
		("listModels", json!([model, 3, hash])),
		("quote", json!([model, { "fixed": 5 }, 10, 20, { "text": { "stops": ["x"] } }, hash])),
		("quote", json!([model, "all", 10, 20, { "choice": ["yes", "no"] }])),
		("quote", json!([model, "all", 10, 20, { "number": { "min": -5, "max": 5, "decimals": 1 } }])),
		("quote", json!([model, "all", 10, 20, { "json": "{\"type\":\"boolean\"}" }])),
		("quote", json!([model, "all", 10, 20, { "regex": "a|b" }])),
		("validator", json!([address(9), hash])),
		("feed", json!([7, hash])),
		("listFeeds", json!([7, 3, hash])),
	]
}

fn request(random: &mut Random, known: &[(&str, Value)]) -> String {
	let (method, params) = random.pick(known).clone();
	let params = match random.below(6) {
		0 => json_value(random, TEXTS, 3).to_string(),
		_ => json_text(random, params, TEXTS),
	};
	format!(r#"{{"jsonrpc":"2.0","id":1,"method":"inference_{method}","params":{params}}}"#)
}

#[test]
fn every_request_is_answered_or_refused_and_none_makes_a_method_fail() {
	let test = Test::new();
	test.chain.state().jobs.insert(ID, Lookup::Found(job()));
	test.chain.state().models = vec![fake_model()];
	let mut module = RpcModule::new(());
	module.merge(Inference::new(test.chain.clone(), Arc::new(|| false)).into_rpc()).expect("names differ");
	module.merge(InferenceFeeds::new(test.chain.clone(), Arc::new(|| false)).into_rpc()).expect("names differ");
	let known = requests(test.hash(10));
	let runtime = sc_cli::build_runtime().expect("a runtime can be built");
	let (mut answered, mut refused) = (0, 0);
	let ran = fuzz(3_000, |case| {
		let request = request(&mut case.random, &known);
		case.tries(request.as_bytes());
		// What is no JSON-RPC does not come to a method.
		let Ok((response, _)) = runtime.block_on(module.raw_json_request(&request, 1)) else { return };
		let response: Value = serde_json::from_str(&response).expect("a response is JSON");
		if response.get("result").is_some() {
			answered += 1;
			return;
		}
		let error = &response["error"];
		let message = error["message"].as_str().expect("it says what is wrong");
		assert!(!message.is_empty() && message.lines().count() == 1, "{response}");
		// What a method says that has panicked, too.
		assert_ne!(error["code"], json!(-32_603), "{response}");
		refused += 1;
	});
	assert!(ran == 1 || (answered > 300 && refused > 300), "{answered} {refused}");
}

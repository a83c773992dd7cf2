//! Models and what they cost.

use super::*;

#[test]
fn models_are_listed_with_who_serves_them() {
	let test = Test::new();
	test.chain.state().models = vec![fake_model()];
	let model = fake_model();
	let expected = json!([{
		"id": model.id,
		"name": "fake",
		"task": "classify",
		"architecture": "fake",
		"files": [{
			"name": "fake",
			"size": 0,
			"sha256": model.revision.files[0].sha256,
			"chunkRoot": model.revision.files[0].chunk_root,
		}],
		"limits": { "inputBytes": 256, "contextUnits": 512, "outputUnits": 0 },
		"commitWindow": 12,
		"price": { "base": "100", "unit": "3", "authorShare": 5 },
		"author": null,
		"licence": "Apache-2.0",
		"goldens": 2,
		"state": "listed",
		"isActive": true,
		"stakeShare": 75.0,
		"servedBy": [address(0)],
	}]);
	assert_eq!(test.call("listModels", json!([])), Ok(expected.clone()));
	for known in [json!("fake"), json!(model.id)] {
		assert_eq!(test.call("getModel", json!([known])), Ok(expected[0].clone()));
	}
	let unknown = [(json!("other"), 10002), (json!("x".repeat(65)), 10002), (json!(Hash::zero()), 10002)];
	for (model, code) in unknown.into_iter().chain([(json!("0x12"), 10015)]) {
		assert_eq!(test.call("getModel", json!([model])).map_err(|(code, ..)| code), Err(code), "{model}");
	}
}

#[test]
fn models_are_listed_page_by_page() {
	let test = Test::new();
	let mut models: Vec<_> = (0..40u8)
		.map(|number| {
			let mut model = fake_model();
			model.id = Hash::repeat_byte(number);
			model
		})
		.collect();
	models.sort_by_key(|model| model.id);
	test.chain.state().models = models;
	let ids = |page: serde_json::Value| -> Vec<Hash> {
		let models: Vec<serde_json::Value> = serde_json::from_value(page).expect("it is a list");
		models.into_iter().map(|model| serde_json::from_value(model["id"].clone()).expect("it has an id")).collect()
	};
	let first = ids(test.call("listModels", json!([])).expect("there are models"));
	assert_eq!(first.len(), 32);
	let second = ids(test.call("listModels", json!([first[31], 32])).expect("there are more"));
	assert_eq!(second.len(), 8);
	assert!(first.iter().all(|id| !second.contains(id)));
	for limit in [0, 33] {
		let refused = test.call("listModels", json!([null, limit])).map_err(|(code, ..)| code);
		assert_eq!(refused, Err(10015));
	}
}

#[test]
fn a_price_is_quoted_in_strings() {
	let test = Test::new();
	test.chain.state().quote = Ok(ChainQuote { seats: 3, per_seat: 10, author_share: 3, protocol_share: 2, total: 35 });
	let expected = json!({ "seats": 3, "perSeat": "10", "authorShare": "3", "protocolShare": "2", "total": "35" });
	for seats in [json!("all"), json!({ "fixed": 3 })] {
		assert_eq!(test.call("quote", json!([Hash::zero(), seats, 5, 0])), Ok(expected.clone()));
		let format = json!({ "choice": ["yes", "no"] });
		assert_eq!(test.call("quote", json!([Hash::zero(), seats, 5, 0, format])), Ok(expected.clone()));
	}
}

#[test]
fn each_reason_for_no_price_has_its_own_error() {
	let test = Test::new();
	for (reason, code, name) in [
		(QuoteError::UnknownModel, 10002, "UnknownModel"),
		(QuoteError::InputEmpty, 10003, "InputEmpty"),
		(QuoteError::InputTooLong { limit: 1 }, 10004, "InputTooLong"),
		(QuoteError::OutputTooLong { limit: 1 }, 10005, "OutputTooLong"),
		(QuoteError::NoOutputUnits { least: 1 }, 10012, "NoOutputUnits"),
		(QuoteError::FormatInvalid, 10016, "FormatInvalid"),
		(QuoteError::FormatNotOfTask, 10017, "FormatNotOfTask"),
		(QuoteError::SeatsInvalid, 10006, "SeatsInvalid"),
		(QuoteError::TooFewValidators { serving: 1 }, 10007, "TooFewValidators"),
		(QuoteError::TooManyValidators { limit: 32 }, 10008, "TooManyValidators"),
		(QuoteError::Overflow, 10009, "PriceOverflow"),
		(QuoteError::Busy { serving: 4 }, 10013, "Busy"),
		(QuoteError::Suspended, 10014, "Suspended"),
	] {
		test.chain.state().quote = Err(reason);
		assert_eq!(test.error("quote", json!([Hash::zero(), "all", 5, 0])), (code, name.into()));
	}
}

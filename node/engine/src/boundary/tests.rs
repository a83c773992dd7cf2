use super::*;

#[test]
fn a_score_should_be_rounded_to_even() {
	assert_eq!(parts_per_million(0.0), 0);
	assert_eq!(parts_per_million(1.0), SCORE_ONE);
	assert_eq!(parts_per_million(0.5), 500_000);
	for (probability, score) in [(4.5_f32 / 1e6, 4), (5.5 / 1e6, 6)] {
		assert_eq!(probability * 1e6, score as f32 + if score == 4 { 0.5 } else { -0.5 }, "a tie");
		assert_eq!(parts_per_million(probability), score);
	}
}

#[test]
fn equal_scores_should_stay_in_the_order_of_the_labels() {
	let labels = ["a", "b", "c", "d", "e", "f", "g"];
	let probabilities = [0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.100_000_01];
	let Response::Classification { label, scores } = classification(&labels, &probabilities) else { panic!("a label") };
	assert_eq!(label, "b");
	let order: Vec<_> = scores.iter().map(|score| score.label.as_str()).collect();
	assert_eq!(order, ["b", "d", "f", "a", "c"]);
}

#[test]
fn the_bytes_of_a_response_should_be_as_documented() {
	let response = Response::Classification {
		label: "eng".into(),
		scores: vec![Score { label: "eng".into(), score: 999_999 }, Score { label: "é".into(), score: 1 }],
	};
	let expected = [
		&[1_u8][..],
		&[3, 0, 0, 0],
		b"eng",
		&[2, 0, 0, 0],
		&[3, 0, 0, 0],
		b"eng",
		&[0x3f, 0x42, 0x0f, 0],
		&[2, 0, 0, 0],
		&[0xc3, 0xa9],
		&[1, 0, 0, 0],
	]
	.concat();
	assert_eq!(response.canonical_bytes(), expected);
	assert_eq!(outcome_bytes(&Ok(response)), expected);
}

#[test]
fn the_bytes_of_a_text_and_of_a_vector_should_be_as_documented() {
	let text = |finish| Response::Generation { text: "é".into(), tokens: vec![7, 256], finish };
	let rest = [&[2, 0, 0, 0, 7, 0, 0, 0, 0, 1, 0, 0][..], &[2, 0, 0, 0, 0xc3, 0xa9]].concat();
	assert_eq!(text(Finish::Stop).canonical_bytes(), [&[2, 0][..], &rest].concat());
	assert_eq!(text(Finish::Length).canonical_bytes(), [&[2, 1][..], &rest].concat());
	let vector = Response::Embedding { values: vec![1, -1] };
	assert_eq!(vector.canonical_bytes(), [3, 2, 0, 0, 0, 1, 0, 255, 255]);
}

#[test]
fn the_bytes_of_a_choice_and_of_a_number_should_be_as_documented() {
	let choice = Response::Choice { index: 1, probabilities: vec![1, SCORE_ONE - 1] };
	assert_eq!(choice.canonical_bytes(), [4, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0x3f, 0x42, 0x0f, 0]);
	let number = Response::Number { value: -2, decimals: 3 };
	assert_eq!(number.canonical_bytes(), [5, 3, 254, 255, 255, 255, 255, 255, 255, 255]);
	let tokens = vec![ScoredToken { id: 7, bytes: 2, score: SCORE_ONE - 1 }];
	let scored = Response::ScoredText { text: "é".into(), tokens, finish: Finish::Length };
	let numbers = [1, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0x3f, 0x42, 0x0f, 0];
	assert_eq!(scored.canonical_bytes(), [&[6, 1][..], &numbers, &[2, 0, 0, 0, 0xc3, 0xa9]].concat());
}

#[test]
fn the_bytes_of_a_refusal_should_be_as_documented() {
	let bytes = |refusal| outcome_bytes(&Err(refusal));
	assert_eq!(bytes(Refusal::EmptyInput), [0, 0]);
	assert_eq!(bytes(Refusal::InputTooLong { limit: 7 }), [0, 1, 7, 0, 0, 0]);
	assert_eq!(bytes(Refusal::ContextExceeded { limit: 512 }), [0, 2, 0, 2, 0, 0]);
	assert_eq!(bytes(Refusal::NotUtf8), [0, 3]);
	assert_eq!(bytes(Refusal::NotFinite), [0, 4]);
	assert_eq!(bytes(Refusal::Template), [0, 5]);
	assert_eq!(bytes(Refusal::Format), [0, 6]);
}

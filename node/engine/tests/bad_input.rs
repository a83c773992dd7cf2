//! What is not a text of the right length is refused, with a type, and the same by everyone.

use sibyl_engine::{
	Engine, Input, Limits, LocalEngine, Refusal, Request, Role, COMMON_LINGUA, COMMON_LINGUA_CONTEXT, NO_ROWS,
};

const LIMITS: Limits = Limits { max_input_bytes: 1_000, max_output_units: 0 };

fn refusal(input: &[u8], limits: Limits) -> Option<Refusal> {
	refusal_of(input.into(), limits)
}

fn refusal_of(input: Input, limits: Limits) -> Option<Refusal> {
	let engine = LocalEngine::embedded(1).expect("the embedded model loads");
	let request = Request::new(COMMON_LINGUA, input, limits);
	let inference = engine.infer(&request).expect("the engine has the model");
	assert_eq!(inference.outcome.is_err(), inference.trace == NO_ROWS);
	inference.outcome.err()
}

#[test]
fn an_empty_input_should_be_refused() {
	assert_eq!(refusal(b"", LIMITS), Some(Refusal::EmptyInput));
	assert_eq!(refusal(b"", Limits { max_input_bytes: 0, max_output_units: 0 }), Some(Refusal::EmptyInput));
}

#[test]
fn an_input_that_is_not_utf8_should_be_refused() {
	for input in [&[0xff][..], b"cut off \xe2\x82", b"surrogate \xed\xa0\x80", b"overlong \xc0\xaf"] {
		assert_eq!(refusal(input, LIMITS), Some(Refusal::NotUtf8));
	}
}

#[test]
fn an_input_longer_than_the_model_reads_should_be_refused_and_the_longest_one_answered() {
	let text = vec![b'x'; COMMON_LINGUA_CONTEXT + 1];
	assert_eq!(refusal(&text, LIMITS), Some(Refusal::ContextExceeded { limit: 512 }));
	assert_eq!(refusal(&text[1..], LIMITS), None);
}

#[test]
fn an_input_longer_than_the_job_allows_should_be_refused() {
	let limits = Limits { max_input_bytes: 4, ..LIMITS };
	assert_eq!(refusal(b"five!", limits), Some(Refusal::InputTooLong { limit: 4 }));
	assert_eq!(refusal(b"four", limits), None);
}

#[test]
fn of_several_reasons_the_first_in_the_documented_order_should_count() {
	let nothing = Limits { max_input_bytes: 600, max_output_units: 0 };
	assert_eq!(refusal(&[0xff; 601], nothing), Some(Refusal::InputTooLong { limit: 600 }));
	assert_eq!(refusal(&[0xff; 600], nothing), Some(Refusal::ContextExceeded { limit: 512 }));
	assert_eq!(refusal(&[0xff; 512], nothing), Some(Refusal::NotUtf8));
	assert_eq!(refusal(&[b'x'; 512], nothing), None);
}

#[test]
fn zero_bytes_and_control_characters_should_be_text_like_any_other() {
	assert_eq!(refusal(&[0; 512], LIMITS), None);
	assert_eq!(refusal("\u{1}\u{7f}\u{10ffff}".as_bytes(), LIMITS), None);
}

#[test]
fn the_seed_should_not_matter_to_a_classification() {
	let engine = LocalEngine::embedded(1).unwrap();
	let request = Request::new(COMMON_LINGUA, "seed", LIMITS);
	assert_eq!(engine.infer(&request), engine.infer(&Request { seed: [1; 32], ..request.clone() }));
}

#[test]
fn a_conversation_should_be_refused_by_a_model_that_reads_texts() {
	let said = Input::Messages(vec![(Role::User, b"In which language is this?".to_vec())]);
	assert_eq!(refusal_of(said, LIMITS), Some(Refusal::Template));
	assert_eq!(refusal_of(Input::Raw(b"In which language is this?".to_vec()), LIMITS), None, "a text is one");
}

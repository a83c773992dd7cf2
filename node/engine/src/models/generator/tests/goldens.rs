//! Hashes of a made-up model's answers in every format, without a download.

use super::claims::model_of_bytes;
use super::formats::{choice, in_format};
use super::*;
use crate::outcome_bytes;

const GOLDENS: &str = include_str!("../../../../tests/data/made_up_answers.txt");

const QUESTION: &str = "What is the size of it?";
const DRAWN: Sampling = Sampling { temperature: 1_500, top_k: 100, top_p: 950_000 };
const SCHEMA: &str = r#"{"type":"object","properties":{"name":{"type":"string","minLength":2,"maxLength":12},"size":{"type":"number",
"multipleOf":0.01,"minimum":-5,"maximum":1200},"kind":{"enum":["hello","the","é"]},"all":{"type":"array","items":{"type":"boolean"},
"maxItems":4}}}"#;

fn formats() -> [(&'static str, Format); 5] {
	[
		("text", Format::Text { stops: vec!["\u{7}".into(), "a".into()] }),
		("choice", choice(&["a", " the", "hello", "12 12 é", "no, it is the other one"])),
		("number", Format::Number { min: -1_000_000, max: 98_765_432, decimals: 3 }),
		("json", Format::Json(SCHEMA.into())),
		("regex", Format::Regex("( the| hell|[a-zé]{2,5}){3,9}[.!]".into())),
	]
}

/// A line per format, prompt and way to choose: these, and the hash of the outcome's bytes and the trace.
fn lines(kernels: Kernels, threads: usize) -> String {
	let model = model_of_bytes();
	let mut lines = String::new();
	for (name, format) in formats() {
		for (input, of_prompt) in [(Input::from(QUESTION), "chat"), (raw(QUESTION), "raw")] {
			for (sampling, of_sampling) in [(Sampling::GREEDY, "likeliest"), (DRAWN, "drawn")] {
				let request = Request { sampling, ..in_format(format.clone(), input.clone(), 7, 90) };
				let Inference { outcome, trace } = model.run(&request, kernels, threads).unwrap();
				assert!(outcome.is_ok(), "{name}: {outcome:?}");
				let hash = hex(blake2b_256(&[&outcome_bytes(&outcome), &trace]));
				lines += &format!("{name} {of_prompt} {of_sampling} {}\n", &hash[..16]);
			}
		}
	}
	lines
}

#[test]
fn a_made_up_models_answers_in_every_format_should_have_the_committed_bits() {
	for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
		for threads in 1..=2 {
			assert_eq!(lines(kernels, threads), GOLDENS, "{:?}, {threads} threads", kernels.tier());
		}
	}
}

#[test]
#[ignore = "writes the goldens, after a deliberate change of the semantics"]
fn write_made_up_goldens_of_formats() {
	let path = "tests/data/made_up_answers.txt";
	std::fs::write(path, lines(Kernels::best(), 1)).unwrap();
}

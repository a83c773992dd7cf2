//! Which language a text is in, by the model that is compiled in.

use super::names::COMMON_LINGUA as NAME;
use super::Error;
use sibyl_engine::{
	Engine, EngineError, Limits, LocalEngine, Request, Response, COMMON_LINGUA, COMMON_LINGUA_CONTEXT, SCORE_ONE,
};
use std::io::Write;
use std::time::Instant;

/// Writes the label and the scores of the likeliest ones.
pub fn classify(prompt: &str, threads: usize, out: &mut impl Write) -> Result<(), Error> {
	if prompt.len() > COMMON_LINGUA_CONTEXT {
		let (length, limit) = (prompt.len(), COMMON_LINGUA_CONTEXT);
		return Err(Error::PromptTooLong { name: NAME.into(), length, limit, unit: "bytes" });
	}
	let start = Instant::now();
	let engine = LocalEngine::embedded(threads)?;
	let loading = start.elapsed();
	let limits = Limits { max_input_bytes: COMMON_LINGUA_CONTEXT as u32, max_output_units: 1 };
	let start = Instant::now();
	let outcome = engine.infer(&Request::new(COMMON_LINGUA, prompt, limits))?.outcome;
	let running = start.elapsed();
	let Response::Classification { label, scores } = outcome? else {
		return Err(EngineError::Internal("no label from a classifier".into()).into());
	};
	writeln!(out, "{label}")?;
	for score in scores {
		writeln!(out, "{:.6} {}", f64::from(score.score) / f64::from(SCORE_ONE), score.label)?;
	}
	eprintln!(
		"{} bytes in {:.1} ms; tier {}, threads {threads}; loaded in {:.2} s",
		prompt.len(),
		running.as_secs_f64() * 1e3,
		engine.tier().name(),
		loading.as_secs_f64()
	);
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_text_should_get_its_language_and_scores() {
		let mut out = Vec::new();
		classify("The quick brown fox jumps over the lazy dog.", 1, &mut out).expect("it is a text");
		let text = String::from_utf8(out).expect("it is UTF-8");
		let lines: Vec<_> = text.lines().collect();
		assert_eq!((lines[0], lines.len()), ("eng", 6));
		assert!(lines[1].starts_with("0.7") && lines[1].ends_with(" eng"), "{text}");
	}

	#[test]
	fn a_text_that_is_too_long_should_be_refused_with_its_length() {
		let error = classify(&"x".repeat(513), 1, &mut Vec::new()).expect_err("it is too long").to_string();
		assert!(error.contains("513 bytes") && error.contains("at most 512"), "{error}");
	}
}

//! A language model's answer, token by token.

use super::loaded::{Loaded, Writing};
use super::question::Question;
use super::Error;
use sibyl_engine::store::VerifiedFile;
use std::io::Write;
use std::time::Duration;

/// How many tokens a chat template adds to a message, at most.
const TEMPLATE_TOKENS: usize = 64;

/// Loads a model from its file and writes its answer as it comes.
pub fn answer(name: &str, file: VerifiedFile, question: &Question, out: &mut impl Write) -> Result<(), Error> {
	let Question { input, max_tokens, sampling, seed, threads } = question;
	// A token has at least one byte.
	let said = input.bytes() + input.parts().count() * TEMPLATE_TOKENS;
	let loaded = Loaded::load(name, file, said.saturating_add(*max_tokens as usize), *threads)?;
	let (model, prompt) = (loaded.model(), loaded.tokens(input)?);
	let writing = Writing { max_tokens: *max_tokens, sampling: *sampling, seed: *seed };
	let written = loaded.write(&mut model.context(), &prompt, &writing, out)?;
	eprintln!(
		"prompt {}; answer {}, {}; tier {}, threads {}; loaded in {:.2} s",
		speed(prompt.len(), written.reading),
		speed(written.tokens, written.writing),
		written.end,
		model.tier().name(),
		model.threads(),
		loaded.loading.as_secs_f64()
	);
	Ok(())
}

/// So many tokens, and how many of them in a second.
fn speed(tokens: usize, time: Duration) -> String {
	format!("{tokens} tokens, {:.1} tokens/s", tokens as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn speed_should_be_tokens_by_seconds() {
		assert_eq!(speed(37, Duration::from_millis(500)), "37 tokens, 74.0 tokens/s");
		assert_eq!(speed(0, Duration::ZERO), "0 tokens, 0.0 tokens/s");
	}
}

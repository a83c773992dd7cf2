//! A whole language model, which reads a few tokens; on the best tier and on the scalar one, whose bits must be the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sibyl_engine::{LanguageModel, ModelStop, Tier};

/// The bits of the logits; nothing if the model refuses.
fn read(model: &LanguageModel) -> Option<Vec<u32>> {
	let last = model.vocabulary() as u32 - 1;
	let tokens = [0, last, last / 2];
	let tokens = &tokens[..tokens.len().min(model.context_length())];
	let mut context = model.context();
	match model.read(&mut context, tokens) {
		Ok(logits) => {
			assert_eq!((logits.len(), context.length()), (model.vocabulary(), tokens.len()));
			assert!(logits.iter().all(|logit| logit.is_finite()));
			Some(logits.into_iter().map(f32::to_bits).collect())
		}
		Err(ModelStop::Refused(_)) => {
			assert_eq!(context.length(), 0);
			None
		}
		Err(ModelStop::Failed(error)) => panic!("{error}"),
	}
}

fuzz_target!(|file: &[u8]| {
	let Ok(model) = LanguageModel::load(file, 1) else { return };
	let best = read(&model);
	let scalar = model.on_tier(Tier::Scalar).expect("every CPU has it");
	assert_eq!(best, read(&scalar));
});

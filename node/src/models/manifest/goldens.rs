//! Inputs whose outputs validators must reproduce.

use super::super::Error;
use crate::inference::models::{golden_request, proof};
use sibyl_engine::Engine;
use sibyl_primitives::model::{ModelRevision, Task};

/// What is asked unless the author says something else: a few languages, short and long.
pub fn usual(task: Task) -> [&'static str; 4] {
	match task {
		Task::Generate => [
			"What is the capital of France?",
			"Write one sentence about the sea.",
			"Écris un mot. 写一个词。 12 + 30 = ?",
			"Name three colours.",
		],
		Task::Classify | Task::Embed => [
			"The committee answers, and the chain keeps what it agreed on.",
			"Le comité répond. 委员会给出答案。 12 + 30 = 42",
			"Комитет отвечает, и цепочка хранит то, о чём он договорился.",
			"a",
		],
	}
}

/// Has the engine compute what each golden gives. A golden that the model refuses says nothing of its arithmetic.
pub fn prove(revision: &mut ModelRevision, engine: &dyn Engine) -> Result<(), Error> {
	let asked = revision.clone();
	for golden in revision.goldens.iter_mut() {
		let unusable = |reason: String| Error::Golden { text: golden.input.to_string_lossy(), reason };
		let request = golden_request(&asked, golden).ok_or_else(|| unusable("the model has no file".into()))?;
		let inference = engine.infer(&request)?;
		inference.outcome.as_ref().map_err(|refusal| unusable(refusal.to_string()))?;
		(golden.output_hash, golden.trace) = proof(&inference).map_err(unusable)?;
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::fake_revision;
	use sibyl_engine::{testing::FakeEngine, Refusal};
	use sibyl_primitives::Hash;

	#[test]
	fn a_golden_gets_the_hashes_that_the_chain_wants_of_validators() {
		let mut made = fake_revision();
		for golden in made.goldens.iter_mut() {
			(golden.output_hash, golden.trace) = (Hash::zero(), Hash::zero());
		}
		prove(&mut made, &FakeEngine::new()).expect("the engine has the model");
		assert_eq!(made, fake_revision());
	}

	#[test]
	fn a_text_that_the_model_refuses_is_no_golden() {
		let refusing = FakeEngine::new().answering(|_| Ok(Err(Refusal::NotFinite)));
		let mut revision = fake_revision();
		let error = prove(&mut revision, &refusing).expect_err("it refuses").to_string();
		assert!(error.contains("is no golden for this model (") && error.contains("--golden"), "{error}");
	}
}

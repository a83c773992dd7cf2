//! What models say: a function of the request, as with the real engine.

use codec::Encode;
use pallet_inference::Job;
use sibyl_primitives::{
	input::Input,
	job::{OutputBytes, Refusal, Sampling},
	mailbox::Answered,
	model::{ModelRevision, Task},
	output::{Answer, Classification, Finish, Generation, Output, VersionedOutput},
	Hash,
};
use sp_io::hashing::blake2_256;

/// What the model says to the input, and how many units of output that took. The seed is that of a job which draws tokens by
/// chance: what draws none says the same to the same input.
pub(crate) fn answer(
	model: &ModelRevision,
	input: &Input,
	max_output_units: u32,
	seed: Option<[u8; 32]>,
) -> (Answered, u32) {
	let digest = match model.task {
		Task::Classify | Task::Embed => blake2_256(&(model.id(), input).encode()),
		Task::Generate => blake2_256(&(model.id(), input, max_output_units, seed).encode()),
	};
	let trace = Hash::from(blake2_256(&(b"trace", digest).encode()));
	let (output, units) = output_of(model, &digest, max_output_units);
	(Answered { output: encode(output), trace }, units)
}

/// What starts the drawing of tokens, where they are drawn.
pub(crate) fn seed_of(sampling: Sampling, seed: [u8; 32]) -> Option<[u8; 32]> {
	(sampling.temperature > 0).then_some(seed)
}

/// What the model says to a job.
pub(crate) fn answer_to(model: &ModelRevision, job: &Job, input: &Input) -> Answered {
	let seed = seed_of(job.options.sampling, job.options.sampling_seed(&job.fingerprint));
	answer(model, input, job.options.max_output_units, seed).0
}

fn output_of(model: &ModelRevision, digest: &[u8; 32], max_output_units: u32) -> (Output, u32) {
	if digest[0] < 16 {
		return (Output::Refusal(Refusal::ContextExceeded), 0);
	}
	match model.task {
		Task::Classify | Task::Embed => (label(["yes", "no", "maybe"][usize::from(digest[1]) % 3]), 0),
		Task::Generate => {
			let units = 1 + u32::from(digest[1]) % max_output_units.max(1);
			let tokens: Vec<_> = (0..units).map(|place| u32::from(digest[place as usize % 32]) + place).collect();
			let text: String = tokens.iter().map(|token| format!("{token} ")).collect();
			let generation = Generation {
				text: text.as_str().try_into().expect("the text is short"),
				tokens: tokens.try_into().expect("there are few tokens"),
				finish: if units == max_output_units { Finish::Length } else { Finish::Stop },
			};
			(Output::Answer(Answer::Generation(generation)), units)
		}
	}
}

/// What one that lies says, and a trace for it. Those of one mind give the same.
pub(crate) fn lie(truth: &Answered, liar: u64, has_right_trace: bool) -> Answered {
	let digest = blake2_256(&(b"lie", liar, truth.trace).encode());
	let output = encode(label(&format!("lie {}", digest[0])));
	let trace = if has_right_trace { truth.trace } else { blake2_256(&digest).into() };
	Answered { output, trace }
}

fn label(label: &str) -> Output {
	let label = label.try_into().expect("the label is short");
	Output::Answer(Answer::Classification(Classification { label, scores: Default::default() }))
}

fn encode(output: Output) -> OutputBytes {
	VersionedOutput::V1(output).encode().try_into().expect("outputs are short")
}

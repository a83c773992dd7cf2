//! Tokens that are read before the rows are taken that decide on them.

use super::*;
use crate::models::answering::{Next, Scorer};
use crate::Response;

/// Texts, one of which is to be chosen behind a prompt; the tokens that end an answer, if the end counts.
#[derive(Clone, Debug)]
struct Choice {
	prompt: Vec<u32>,
	texts: Vec<Vec<u32>>,
	ends: Option<Vec<u32>>,
}

impl Choice {
	fn scorer(&self) -> Scorer {
		Scorer::new(self.texts.clone(), self.ends.clone(), Kernels::best())
	}

	fn question(&self) -> Question {
		let longest = self.texts.iter().map(Vec::len).max().unwrap();
		let (prompt, answering) = (self.prompt.clone(), Answering::Scoring(self.scorer()));
		Question { prompt, longest, answering, stop: crate::Stop::default() }
	}

	/// The shares and the trace as one finds them who reads token by token.
	fn alone(&self, model: &Llama) -> Result<(Response, [u8; 32]), Refusal> {
		let pool = Pool::new(1).unwrap();
		let (mut on, mut cache) = (Workspace::new(Kernels::best(), &pool), model.cache());
		let (mut scorer, mut tracer) = (self.scorer(), Tracer::new());
		let mut unread = self.prompt.clone();
		loop {
			let logits = model.forward(&mut on, &unread, &mut cache).map_err(|stop| told_of(stop).unwrap())?;
			let next = scorer.take(&logits)?;
			tracer.add(on.hidden());
			let Some(Next { forget, token }) = next else { break };
			cache.set_length(cache.length() - forget);
			unread = vec![token];
		}
		Ok((scorer.response(), tracer.finish()))
	}
}

fn told_choice(outcome: Outcome) -> Result<(Response, [u8; 32]), Refusal> {
	match outcome {
		Ok(Answer { answering: Answering::Scoring(scorer), tracer }) => Ok((scorer.response(), tracer.finish())),
		Ok(Answer { answering: Answering::Writing(_), .. }) => panic!("a choice was asked for"),
		Err(stop) => Err(told_of(stop).unwrap()),
	}
}

fn text(length: usize, seed: u32) -> Vec<u32> {
	(0..length as u32).map(|at| (at * 7 + seed * 13 + 1) % REFUSED).collect()
}

fn choice(lengths: &[usize], ends: bool) -> Choice {
	let texts = (1..).zip(lengths).map(|(seed, length)| text(*length, seed)).collect();
	Choice { prompt: other_prompt(9), texts, ends: ends.then(|| STOPS.to_vec()) }
}

#[test]
fn a_text_to_choose_should_be_read_in_one_pass_and_the_first_with_the_prompt() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	for (ends, expected) in [(true, vec![9 + 3, 1, 5, 2]), (false, vec![9 + 2, 4, 1])] {
		let choice = choice(&[3, 1, 5, 2], ends);
		let (passes, mut outcomes) = run(&batch, [choice.question()].into_iter());
		let read: Vec<usize> = passes.iter().map(|pass| pass[0].1).collect();
		assert_eq!(read, expected);
		assert_eq!(told_choice(outcomes.remove(0).unwrap()), choice.alone(batch.model()));
	}
}

#[test]
fn long_texts_should_be_read_in_parts_that_hold_up_nobody_for_longer_than_prompts_do() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	let beside = long_answer(&batch, other_prompt(3), 12);
	let choices = [choice(&[80, 40], true), choice(&[50, 2], true)];
	let questions = [beside.question(), choices[0].question(), choices[1].question()];
	let (passes, outcomes) = run(&batch, questions.into_iter());
	assert_eq!(passes[0], [(0, 3), (1, 9 + 32), (2, 9)], "logits of no more than so many rows");
	for pass in &passes[1..] {
		let read = pass.iter().map(|(_, read)| read);
		assert!(read.sum::<usize>() <= pass.len() + 32, "{pass:?}");
		assert!(pass.iter().all(|(ticket, read)| *ticket > 0 || *read == 1), "{pass:?}");
	}
	assert_eq!(passes[1], [(0, 1), (1, 33), (2, 1)]);
	assert_eq!(passes[2], [(0, 1), (1, 15), (2, 19)]);
	for (choice, outcome) in choices.iter().zip(outcomes.into_iter().skip(1)) {
		assert_eq!(told_choice(outcome.unwrap()), choice.alone(batch.model()));
	}
}

#[test]
fn a_choice_should_be_the_one_it_is_token_by_token_whoever_shares_its_passes() {
	let mut noise = Noise(23);
	for overflow in [None, Some(OVERFLOWS[0]), Some(OVERFLOWS[2]), Some(OVERFLOWS[3])] {
		let file = overflow.map_or_else(|| made_up("qwen2", GgufDtype::Q4_1), refusing);
		let batch = batch(&file, limits(4));
		let mut choices = Vec::new();
		for round in 0..8 {
			let lengths: Vec<usize> = (0..2 + noise.bits() % 4).map(|_| 1 + noise.bits() as usize % 12).collect();
			let mut choice = choice(&lengths, round % 2 == 0);
			choice.prompt = [&head()[..round * 5], &other_prompt(1 + noise.bits() as usize % 40)].concat();
			if round % 4 == 3 {
				choice.texts[noise.bits() as usize % lengths.len()][0] = REFUSED;
			}
			choices.push(choice);
		}
		let expected: Vec<_> = choices.iter().map(|choice| choice.alone(batch.model())).collect();
		let refused = expected.iter().filter(|told| told.is_err()).count();
		assert!(if overflow.is_none() { refused == 0 } else { (1..4).contains(&refused) }, "{refused}");
		let others = questions(&mut noise);
		let expected_others: Vec<Told> = others.iter().map(|asked| asked.alone(batch.model())).collect();
		thread::scope(|scope| {
			for caller in 0..4 {
				let (batch, choices, expected) = (&batch, &choices, &expected);
				let (others, expected_others) = (&others, &expected_others);
				scope.spawn(move || {
					for at in 0..8 {
						let which = (caller * 3 + at) % choices.len();
						let outcome = batch.answer(choices[which].question(), Kernels::best(), 1);
						assert_eq!(told_choice(outcome), expected[which], "{:?}", choices[which]);
						let which = (caller * 5 + at) % others.len();
						let outcome = batch.answer(others[which].question(), Kernels::best(), 1);
						assert_eq!(told(outcome), expected_others[which]);
					}
				});
			}
		});
	}
}

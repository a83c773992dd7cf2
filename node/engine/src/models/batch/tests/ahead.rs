//! Tokens that are read before the rows are taken that decide on them.

use super::*;
use crate::models::answering::{Draft, Next, Probabilities, Scorer};
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
		Scorer::new(self.texts.clone(), self.ends.clone(), Probabilities::new(Kernels::best()))
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
fn what_is_read_ahead_should_leave_half_of_the_room_for_prompts_that_came_later() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	let prompt = long_answer(&batch, other_prompt(200), 2);
	let (passes, _) = run(&batch, [choice(&[50, 2], true).question(), prompt.question()].into_iter());
	assert_eq!(passes[..2], [[(0, 9 + 32), (1, 128 - 41)], [(0, 1 + 16), (1, 32 - 16)]]);
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

/// A question whose answer somebody claims to know.
fn drafted(asked: &Asked, draft: &[u32]) -> Question {
	let mut writer = Writer::new(asked.sampler(), &STOPS, asked.max_tokens);
	writer.expect(Draft::of_tokens(draft));
	Question { answering: Answering::Writing(Box::new(writer)), ..asked.question() }
}

/// How many tokens are read in each pass for an answer, and the answer.
fn drafted_alone(batch: &Batch, asked: &Asked, draft: &[u32]) -> (Vec<usize>, Told) {
	let (passes, mut outcomes) = run(batch, [drafted(asked, draft)].into_iter());
	(passes.iter().map(|pass| pass[0].1).collect(), told(outcomes.remove(0).unwrap()))
}

fn tokens_of(told: &Told) -> &[u32] {
	&told.as_ref().unwrap().0
}

#[test]
fn a_right_claim_should_be_found_right_in_a_few_passes() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	let asked = long_answer(&batch, other_prompt(9), 100);
	let expected = asked.alone(batch.model());
	let tokens = tokens_of(&expected).to_vec();
	assert_eq!(drafted_alone(&batch, &asked, &tokens[..99]), (vec![9 + 32, 33, 33, 1], expected.clone()));
	let short = Asked { max_tokens: 20, ..asked.clone() };
	assert_eq!(drafted_alone(&batch, &short, &tokens[..19]), (vec![9 + 19], short.alone(batch.model())));
	let (passes, told) = drafted_alone(&batch, &asked, &[]);
	assert_eq!((passes.len(), told), (100, expected), "without a claim");
}

#[test]
fn a_wrong_claim_should_cost_no_more_than_the_rest_of_its_pass() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	let asked = long_answer(&batch, other_prompt(9), 60);
	let expected = asked.alone(batch.model());
	for wrong in [0, 1, 31, 32, 33, 50, 58] {
		let mut draft = tokens_of(&expected)[..59].to_vec();
		draft[wrong] = (draft[wrong] + 1) % REFUSED;
		let (passes, told) = drafted_alone(&batch, &asked, &draft);
		assert_eq!(told, expected, "wrong at {wrong}");
		let in_vain = passes.iter().sum::<usize>() - (9 + 59);
		assert!(in_vain <= 32, "{passes:?}");
		let last = passes.iter().rposition(|read| *read > 1).unwrap();
		assert!(passes.len() <= 2 + 60 - wrong && last <= wrong / 32 + 1, "{passes:?}");
	}
}

#[test]
fn a_claim_that_the_model_refuses_to_read_should_not_refuse_the_answer() {
	let (mut answers, mut refused) = (0, 0);
	for overflow in OVERFLOWS {
		let batch = batch(&refusing(overflow), limits(4));
		let others = questions(&mut Noise(31));
		for asked in &others {
			let expected = asked.alone(batch.model());
			let right = expected.as_ref().map_or(&[][..], |told| &told.0);
			for at in [0, right.len() / 2, right.len()] {
				let draft = [&right[..at], &[REFUSED, 1, 2]].concat();
				let (passes, told) = drafted_alone(&batch, asked, &draft);
				assert_eq!(told, expected, "{overflow:?}, {draft:?}");
				let without = drafted_alone(&batch, asked, &[]).0;
				assert!(passes.len() <= without.len() + 1, "one pass is made again: {passes:?}, {without:?}");
			}
			answers += usize::from(expected.is_ok());
			refused += usize::from(expected.is_err());
		}
	}
	assert!(answers > 10 && refused > 10, "{answers} {refused}");
}

#[test]
fn claims_should_change_no_answer_and_no_trace_whoever_shares_their_passes() {
	let mut noise = Noise(71);
	for file in [refusing(OVERFLOWS[0]), made_up("qwen3", GgufDtype::Q4_0), made_up("smollm3", GgufDtype::F32)] {
		let batch = batch(&file, limits(3));
		let others = questions(&mut noise);
		let expected: Vec<Told> = others.iter().map(|asked| asked.alone(batch.model())).collect();
		thread::scope(|scope| {
			for caller in 0..6_u64 {
				let (batch, others, expected) = (&batch, &others, &expected);
				scope.spawn(move || {
					let mut noise = Noise(caller + 1);
					for at in 0..12 {
						let which = (caller as usize * 5 + at) % others.len();
						let mut draft = expected[which].as_ref().map_or(Vec::new(), |told| told.0.clone());
						match noise.bits() % 6 {
							0 => draft.clear(),
							1 => draft.truncate(draft.len() / 2),
							2 => draft.extend((0..20).map(|_| noise.bits() % REFUSED)),
							3 => draft.iter_mut().skip(1).for_each(|token| *token = noise.bits() % (REFUSED + 1)),
							_ => draft.truncate(others[which].max_tokens - 1),
						}
						draft.truncate(others[which].max_tokens - 1);
						let outcome = batch.answer(drafted(&others[which], &draft), Kernels::best(), 1);
						assert_eq!(told(outcome), expected[which], "{:?} with {draft:?}", others[which]);
					}
				});
			}
		});
	}
}

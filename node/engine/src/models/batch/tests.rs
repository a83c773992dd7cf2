use super::*;
use crate::gguf::GgufDtype;
use crate::models::answering::{Writer, Written};
use crate::models::llama::tests::{load, made_up, refusing, OVERFLOWS, REFUSED};
use crate::models::llama::Workspace;
use crate::sampling::{Sampler, Sampling};
use crate::tests::{tiers, Noise};
use crate::{Finish, Refusal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

mod ahead;

/// What ends answers in these tests.
const STOPS: [u32; 3] = [0, 17, 42];

/// What prompts in these tests begin with, or some of it.
fn head() -> Vec<u32> {
	(0..40).map(|at| (at * 13 + 5) % REFUSED).collect()
}

/// A question that can be asked again and again.
#[derive(Clone, Debug)]
struct Asked {
	prompt: Vec<u32>,
	max_tokens: usize,
	seed: u8,
}

impl Asked {
	fn sampler(&self) -> Sampler {
		let sampling = match self.seed {
			0 => Sampling::GREEDY,
			_ => Sampling { temperature: 1_000, top_k: 0, top_p: 0 },
		};
		Sampler::new(sampling, [self.seed; 32])
	}

	fn question(&self) -> Question {
		self.question_until(&crate::Stop::default())
	}

	fn question_until(&self, stop: &crate::Stop) -> Question {
		let Self { prompt, max_tokens, .. } = self.clone();
		let answering = Answering::Writing(Box::new(Writer::new(self.sampler(), &STOPS, max_tokens)));
		Question { prompt, longest: max_tokens, answering, stop: stop.clone() }
	}

	/// The answer as one finds it who knows of no other question.
	fn alone(&self, model: &Llama) -> Told {
		let pool = Pool::new(1).unwrap();
		let mut on = Workspace::new(Kernels::best(), &pool);
		let (mut sampler, mut tracer, mut cache) = (self.sampler(), Tracer::new(), model.cache());
		let mut tokens = Vec::new();
		let mut unread = self.prompt.clone();
		let finish = loop {
			let token = match model.forward(&mut on, &unread, &mut cache) {
				Ok(logits) => sampler.choose(&logits).map_err(Stop::from),
				Err(stop) => Err(stop),
			};
			let token = match token {
				Ok(token) => token,
				Err(stop) => return Err(told_of(stop)),
			};
			tracer.add(on.hidden());
			if STOPS.contains(&token) {
				break Finish::Stop;
			}
			tokens.push(token);
			if tokens.len() == self.max_tokens {
				break Finish::Length;
			}
			unread = vec![token];
		};
		Ok((tokens, finish, tracer.finish()))
	}
}

/// An outcome that can be compared.
type Told = Result<(Vec<u32>, Finish, [u8; 32]), Result<Refusal, EngineError>>;

fn told(outcome: Outcome) -> Told {
	match outcome {
		Ok(Answer { answering: Answering::Writing(writer), tracer }) => {
			let Written { tokens, finish, .. } = writer.written();
			Ok((tokens, finish, tracer.finish()))
		}
		Ok(Answer { answering: Answering::Scoring(_), .. }) => panic!("a text was asked for"),
		Err(stop) => Err(told_of(stop)),
	}
}

fn told_of(stop: Stop) -> Result<Refusal, EngineError> {
	match stop {
		Stop::Refused(refusal) => Ok(refusal),
		Stop::Failed(error) => Err(error),
	}
}

fn batch(file: &[u8], limits: BatchLimits) -> Batch {
	Batch::new(load(file).unwrap(), head(), limits)
}

fn limits(places: usize) -> BatchLimits {
	BatchLimits { places, ..BatchLimits::default() }
}

/// Questions of many lengths; some begin as the head does, some have the token that is refused at one of their places.
fn questions(noise: &mut Noise) -> Vec<Asked> {
	let mut questions = Vec::new();
	for at in 0..14 {
		let common = [0, 40, 39, 17][at % 4];
		let rest = [1, 2, 9, 60, 150, 290][noise.bits() as usize % 6];
		let mut prompt = head()[..common].to_vec();
		prompt.extend((0..rest).map(|_| noise.bits() % REFUSED));
		if at % 3 == 2 {
			let place = noise.bits() as usize % prompt.len();
			prompt[place] = REFUSED;
		}
		let max_tokens = 1 + noise.bits() as usize % 20;
		questions.push(Asked { prompt, max_tokens, seed: at as u8 });
	}
	questions
}

/// Lets requests join and leave as chance will have it; each answer must be the one that it has alone.
fn check_mix(
	model: &[u8],
	expected: &[Told],
	questions: &[Asked],
	kernels: Kernels,
	threads: usize,
	noise: &mut Noise,
) {
	let batch = batch(model, limits(1 + noise.bits() as usize % 6));
	let pool = Pool::new(threads).unwrap();
	let mut on = Workspace::new(kernels, &pool);
	let mut asked = Vec::new();
	let mut leader = Leader::new(&batch, &mut batch.state());
	while asked.len() < 25 || !leader.running.is_empty() {
		if asked.len() < 25 && noise.bits().is_multiple_of(3) {
			let (which, stop) = (noise.bits() as usize % questions.len(), crate::Stop::default());
			let ticket = batch.enter(questions[which].question_until(&stop)).unwrap();
			asked.push((ticket, which, stop, false));
		}
		if noise.bits().is_multiple_of(25) && !asked.is_empty() {
			let at = noise.bits() as usize % asked.len();
			asked[at].2.stop();
			asked[at].3 = true;
		}
		leader.settle(0);
		assert!(leader.guarded_pass(&mut on));
	}
	leader.settle(0);
	drop(leader);
	let mut done = std::mem::take(&mut batch.state().done);
	let (mut whole, mut stopped) = (0, 0);
	for (ticket, which, _, is_stopped) in asked {
		let told = told(done.remove(&ticket).unwrap());
		if told == Err(Err(EngineError::Stopped)) {
			assert!(is_stopped);
			stopped += 1;
		} else {
			assert_eq!(told, expected[which], "{:?} on {:?}, {threads} threads", questions[which], kernels.tier());
			whole += 1;
		}
	}
	assert!(done.is_empty() && whole > 5, "{whole} answers, {stopped} stopped");
}

#[test]
fn each_answer_and_trace_should_be_the_one_it_has_alone_whoever_joins_leaves_or_is_refused() {
	let mut noise = Noise(97);
	let mut refused = 0;
	for (at, overflow) in OVERFLOWS.into_iter().enumerate() {
		let file = refusing(overflow);
		let model = load(&file).unwrap();
		let questions = questions(&mut noise);
		let expected: Vec<Told> = questions.iter().map(|asked| asked.alone(&model)).collect();
		refused += expected.iter().filter(|told| told == &&Err(Ok(Refusal::NotFinite))).count();
		for kernels in tiers() {
			check_mix(&file, &expected, &questions, kernels, 1 + at % 2, &mut noise);
		}
	}
	assert!(refused > 5, "{refused}");
	for (family, dtype) in [("llama", GgufDtype::Q4_1), ("qwen2", GgufDtype::Q8_0), ("phi3", GgufDtype::Q5_0)] {
		let file = made_up(family, dtype);
		let questions = questions(&mut noise);
		let model = load(&file).unwrap();
		let expected: Vec<Told> = questions.iter().map(|asked| asked.alone(&model)).collect();
		for (kernels, threads) in tiers().into_iter().flat_map(|kernels| [(kernels, 1), (kernels, 2)]) {
			check_mix(&file, &expected, &questions, kernels, threads, &mut noise);
		}
	}
}

#[test]
fn callers_in_many_threads_should_each_get_their_answer() {
	let file = refusing(OVERFLOWS[0]);
	let batch = batch(&file, limits(3));
	let questions = questions(&mut Noise(5));
	let expected: Vec<Told> = questions.iter().map(|asked| asked.alone(batch.model())).collect();
	for threads in [1, 2] {
		thread::scope(|scope| {
			for caller in 0..8 {
				let (batch, questions, expected) = (&batch, &questions, &expected);
				scope.spawn(move || {
					for at in 0..6 {
						let which = (caller * 5 + at * 3) % questions.len();
						let answer = batch.answer(questions[which].question(), Kernels::best(), threads);
						assert_eq!(told(answer), expected[which]);
					}
				});
			}
		});
		let state = batch.state();
		assert!(state.waiting.is_empty() && state.running.is_empty() && state.done.is_empty() && !state.is_led);
	}
}

/// How many tokens each of some requests reads, in each pass.
type Passes = Vec<Vec<(Ticket, usize)>>;

/// The passes of some questions that are asked at once, until the last of them is answered.
fn passes(batch: &Batch, questions: &[Asked]) -> Passes {
	run(batch, questions.iter().map(Asked::question)).0
}

/// The same, and the outcomes of those that have one.
fn run(batch: &Batch, questions: impl Iterator<Item = Question>) -> (Passes, Vec<Option<Outcome>>) {
	let seen = Arc::new(Mutex::new(Vec::new()));
	let into = seen.clone();
	*batch.watch.lock().unwrap() = Some(Box::new(move |pass| into.lock().unwrap().push(pass.to_vec())));
	let tickets: Vec<Ticket> = questions.map(|question| batch.enter(question).unwrap()).collect();
	let leader = Leader::new(batch, &mut batch.state());
	leader.lead(tickets[tickets.len() - 1], Kernels::best(), &Pool::new(1).unwrap());
	*batch.watch.lock().unwrap() = None;
	let mut done = std::mem::take(&mut batch.state().done);
	let outcomes = tickets.iter().map(|ticket| done.remove(ticket)).collect();
	(Arc::try_unwrap(seen).unwrap().into_inner().unwrap(), outcomes)
}

/// A question whose answer is as long as it may be.
fn long_answer(batch: &Batch, prompt: Vec<u32>, max_tokens: usize) -> Asked {
	let mut asked = (0..=u8::MAX).map(|seed| Asked { prompt: prompt.clone(), max_tokens, seed });
	asked.find(|asked| matches!(asked.alone(batch.model()), Ok((_, Finish::Length, _)))).unwrap()
}

fn other_prompt(length: usize) -> Vec<u32> {
	(0..length).map(|at| (at * 11 + 3) as u32 % REFUSED).collect()
}

#[test]
fn prompts_should_be_read_in_parts_while_answers_go_on() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	let first = long_answer(&batch, other_prompt(3), 12);
	let second = long_answer(&batch, other_prompt(200), 3);
	let passes = passes(&batch, &[first, second]);
	assert_eq!(passes[0], [(0, 3), (1, 125)], "a whole pass where nothing is answered");
	let reads =
		|pass: &[(Ticket, usize)], ticket| pass.iter().find(|(other, _)| *other == ticket).map(|(_, read)| *read);
	let read: Vec<_> = passes[1..].iter().filter_map(|pass| reads(pass, 1)).collect();
	assert_eq!(read, [32, 32, 11, 1, 1]);
	let answered: Vec<_> = passes[1..].iter().filter_map(|pass| reads(pass, 0)).collect();
	assert!(answered.len() >= 5 && answered.iter().all(|read| *read == 1), "{answered:?}");
}

#[test]
fn what_prompts_begin_with_should_be_read_once_and_shared() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(8));
	let after_head = |tokens: &[u32]| long_answer(&batch, [&head(), tokens].concat(), 2);
	let (one, other) = (after_head(&[9, 8, 7]), after_head(&[1]));
	let nothing_more = long_answer(&batch, head(), 2);
	assert!(!batch.head.is_kept());
	let passes = passes(&batch, &[one, other, nothing_more]);
	assert_eq!(passes[0], [(0, 3), (1, 1), (2, 1)]);
	assert!(batch.head.is_kept());
}

#[test]
fn a_beginning_that_is_refused_should_not_be_kept_and_refuse_as_it_does_alone() {
	let head = vec![4, REFUSED, 5];
	let batch = Batch::new(load(&refusing(OVERFLOWS[0])).unwrap(), head.clone(), limits(8));
	let asked = Asked { prompt: [head, vec![6]].concat(), max_tokens: 2, seed: 1 };
	for _ in 0..2 {
		let outcome = told(batch.answer(asked.question(), Kernels::best(), 1));
		assert_eq!(outcome, Err(Ok(Refusal::NotFinite)));
		assert!(!batch.head.is_kept());
	}
}

#[test]
fn those_beyond_the_places_or_the_memory_should_wait_in_the_order_of_their_coming() {
	let file = made_up("llama", GgufDtype::Q8_0);
	let one = load(&file).unwrap().cache_bytes(1) as u64;
	for limits in [
		limits(2),
		BatchLimits { cache_bytes: 2 * one, ..limits(8) },
		BatchLimits { cache_bytes: 3 * one - 1, ..limits(8) },
	] {
		let batch = batch(&file, limits);
		let questions = [5, 9, 2, 4].map(|max_tokens| long_answer(&batch, other_prompt(2), max_tokens));
		let passes = passes(&batch, &questions);
		assert!(passes.iter().all(|pass| pass.len() <= 2), "{passes:?}");
		let joined = |ticket| passes.iter().position(|pass| pass.iter().any(|(other, _)| *other == ticket)).unwrap();
		assert_eq!([0, 1, 2, 3].map(joined), [0, 0, 5, 7], "each as soon as one before has left");
	}
}

#[test]
fn a_request_that_takes_more_memory_than_all_may_should_run_with_nothing_beside_it() {
	let file = made_up("llama", GgufDtype::Q8_0);
	let one = load(&file).unwrap().cache_bytes(1) as u64;
	let batch = batch(&file, BatchLimits { cache_bytes: one, ..limits(8) });
	let questions = [300, 2, 2].map(|prompt| long_answer(&batch, other_prompt(prompt), 3));
	let passes = passes(&batch, &questions);
	assert!(passes.iter().all(|pass| pass.len() == 1), "{passes:?}");
}

#[test]
fn a_request_that_is_stopped_should_leave_at_the_next_pass_and_one_that_waits_at_once() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(2));
	let stays = long_answer(&batch, other_prompt(2), 30);
	let expected = stays.alone(batch.model());
	let mut stops = [(); 3].map(|()| crate::Stop::default());
	// One that is answered, one whose prompt is read, and one that waits.
	for (prompt, stop_at) in [(2, 4), (300, 2)] {
		let stopped = long_answer(&batch, other_prompt(prompt), 20);
		let waits = long_answer(&batch, other_prompt(3), 20);
		let tickets = [
			batch.enter(stays.question()).unwrap(),
			batch.enter(stopped.question_until(&stops[0])).unwrap(),
			batch.enter(waits.question_until(&stops[1])).unwrap(),
		];
		let last = batch.enter(stays.question_until(&stops[2])).unwrap();
		let seen = Arc::new(Mutex::new(Vec::new()));
		let (into, to_stop) = (seen.clone(), stops.clone());
		*batch.watch.lock().unwrap() = Some(Box::new(move |pass| {
			let mut seen = into.lock().unwrap();
			seen.push(pass.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>());
			if seen.len() == stop_at {
				to_stop[..2].iter().for_each(crate::Stop::stop);
			}
		}));
		let leader = Leader::new(&batch, &mut batch.state());
		leader.lead(last, Kernels::best(), &Pool::new(2).unwrap());
		*batch.watch.lock().unwrap() = None;
		let seen = seen.lock().unwrap();
		assert!(seen[..stop_at].iter().all(|pass| *pass == tickets[..2]));
		assert!(seen[stop_at..]
			.iter()
			.all(|pass| pass.iter().all(|ticket| ![tickets[1], tickets[2]].contains(ticket))));
		assert_eq!(seen[stop_at], [tickets[0], last], "its place is free at once");
		let mut done = std::mem::take(&mut batch.state().done);
		for ticket in [tickets[1], tickets[2]] {
			assert_eq!(told(done.remove(&ticket).unwrap()), Err(Err(EngineError::Stopped)));
		}
		assert_eq!(told(done.remove(&last).unwrap()), expected);
		stops = [(); 3].map(|()| crate::Stop::default());
	}
}

#[test]
fn a_panic_in_a_pass_should_fail_its_requests_and_hold_up_no_other() {
	let batch = batch(&made_up("llama", GgufDtype::Q8_0), limits(2));
	let questions = questions(&mut Noise(8));
	let expected: Vec<Told> = questions.iter().map(|asked| asked.alone(batch.model())).collect();
	let panicked = Err(Err(EngineError::Panicked("on purpose".into())));
	let passes = AtomicUsize::new(0);
	*batch.watch.lock().unwrap() = Some(Box::new(move |_| {
		let pass = passes.fetch_add(1, Ordering::Relaxed);
		assert!(![0, 1, 20, 45].contains(&pass), "on purpose");
	}));
	let failed = AtomicUsize::new(0);
	thread::scope(|scope| {
		for caller in 0..6 {
			let (batch, questions, expected, panicked, failed) = (&batch, &questions, &expected, &panicked, &failed);
			scope.spawn(move || {
				for at in 0..4 {
					let which = (caller * 5 + at) % questions.len();
					let outcome = told(batch.answer(questions[which].question(), Kernels::best(), 2));
					match outcome == *panicked {
						true => drop(failed.fetch_add(1, Ordering::Relaxed)),
						false => assert_eq!(outcome, expected[which]),
					}
				}
			});
		}
	});
	assert!((4..=8).contains(&failed.into_inner()), "one or two in each of four passes");
	let state = batch.state();
	assert!(state.waiting.is_empty() && state.running.is_empty() && state.done.is_empty() && !state.is_led);
}

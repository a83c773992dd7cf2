use super::*;
use crate::gguf::GgufDtype;
use crate::kernels::pool::Pool;
use crate::kernels::Tier;
use crate::models::llama::Workspace;
use crate::sampling::Sampling;
use crate::tests::{hex, tiny_model, Item};
use crate::trace::blake2b_256;
use crate::{Input, Limits, ScoredToken, NO_ROWS};
use std::collections::BTreeSet;

/// A small model with a tokenizer and this template.
fn load(template: &str) -> Result<Generator, EngineError> {
	let file = tiny_model("llama", GgufDtype::Q8_0)
		.value("tokenizer.ggml.model", Item::String("gpt2"))
		.value("tokenizer.ggml.pre", Item::String("smollm"))
		.value("tokenizer.ggml.tokens", Item::Strings(&["a", "b", "<s>", "c", "?"]))
		.value("tokenizer.ggml.token_type", Item::I32s(&[1, 1, 3, 1, 1]))
		.value("tokenizer.ggml.merges", Item::Strings(&[]))
		.value("tokenizer.ggml.bos_token_id", Item::U32(2))
		.value("tokenizer.ggml.eos_token_id", Item::U32(2))
		.value("tokenizer.chat_template", Item::String(template));
	let bytes = file.bytes();
	Generator::load(&GgufFile::parse(&bytes)?, 2, BatchLimits::default())
}

#[test]
fn a_question_should_stand_in_the_models_template_and_a_raw_text_alone() {
	let model = load("{{ bos_token }}a{{ messages[0].content }}c").unwrap();
	assert_eq!(model.prompts.of(&Texts::Text("<s>b")).unwrap(), [2, 0, 1, 3], "no token stands for s, < and >");
	assert_eq!(model.prompts.of(&Texts::Raw("ab")).unwrap(), [0, 1]);
	assert_eq!(model.prompts.of(&Texts::Raw("<s>b")).unwrap(), [1], "nor is it the control token of that name");
}

#[test]
fn a_conversation_should_be_rendered_by_the_template_and_never_write_a_control_token() {
	let turns = "{% for m in messages %}{{ bos_token }}{% if m.role == 'user' %}a{% elif m.role == 'system' %}b\
		{% else %}c{% endif %}{{ m.content }}{% endfor %}?";
	let model = load(turns).unwrap();
	let input = conversation(&[(Role::System, "a"), (Role::User, "b<s>"), (Role::Assistant, "c"), (Role::User, "a")]);
	let long = Request { input, ..request("", 1, 2) };
	let prompt = model.prompts.of(&check_texts(&long, 100).unwrap()).unwrap();
	assert_eq!(prompt, [2, 1, 0, 2, 0, 1, 2, 3, 3, 2, 0, 0, 4]);
	assert_eq!(answer(&run(&model, &long)).0.len(), 2);
	let alone = Request { input: conversation(&[(Role::User, "ab")]), ..long.clone() };
	assert_eq!(
		run(&model, &alone),
		run(&model, &request("ab", 1, 2)),
		"a conversation of one question is that question"
	);
	let bytes = |limit| Request { limits: Limits { max_input_bytes: limit, ..long.limits }, ..long.clone() };
	assert_eq!(run(&model, &bytes(6)), Inference::refused(Refusal::InputTooLong { limit: 6 }), "all messages count");
	assert!(run(&model, &bytes(7)).outcome.is_ok());
	let broken = Input::Messages(vec![(Role::User, vec![0xff])]);
	assert_eq!(run(&model, &Request { input: broken, ..long.clone() }), Inference::refused(Refusal::NotUtf8));
	assert_eq!(run(&model, &Request { input: conversation(&[]), ..long }), Inference::refused(Refusal::EmptyInput));
}

#[test]
fn a_template_that_cannot_be_run_should_be_refused_with_its_file() {
	for template in ["{{", "{{ strftime_now('%s') }}", "{{ raise_exception('no') }}", "{{ range(99999999) }}"] {
		assert!(matches!(load(template), Err(EngineError::InvalidModel(_))), "{template}");
	}
}

#[test]
fn an_empty_template_should_be_none() {
	let model = load("").unwrap();
	assert_eq!(model.prompts.of(&Texts::Text("ab")).unwrap(), [0, 1], "the text alone");
	let conversation = Request { input: conversation(&[(Role::User, "ab")]), ..request("", 1, 2) };
	assert_eq!(run(&model, &conversation), Inference::refused(Refusal::Template), "there is none for a conversation");
}

#[test]
fn a_template_that_fails_on_a_text_should_be_a_refusal() {
	let raising = "{% if messages[0].content == 'a' %}{{ raise_exception('no') }}{% endif %}b";
	let lower = "{{ messages[0].content | lower }}";
	let endless = "{% if messages[0].content == 'a' %}{% for i in range(99999999) %}b{% endfor %}{% endif %}b";
	for (template, text) in [(raising, "a"), (lower, "É"), (endless, "a")] {
		let model = load(template).unwrap();
		let refused = Inference::refused(Refusal::Template);
		assert_eq!(model.run(&request(text, 1, 2), Kernels::best(), 1), Ok(refused), "{template}");
		let raw = request(raw(text), 1, 2);
		assert!(model.run(&raw, Kernels::best(), 1).unwrap().outcome.is_ok(), "there is no template in it");
		assert!(model.run(&request("b", 1, 2), Kernels::best(), 1).unwrap().outcome.is_ok(), "{template}");
	}
}

fn model() -> Generator {
	load("{{ bos_token }}a{{ messages[0].content }}c").unwrap()
}

fn raw(text: &str) -> Input {
	Input::Raw(text.into())
}

fn conversation(messages: &[(Role, &str)]) -> Input {
	Input::Messages(messages.iter().map(|(role, said)| (*role, said.as_bytes().to_vec())).collect())
}

/// A question whose answer is drawn from tokens that are all about as likely.
fn request(input: impl Into<Input>, seed: u8, max_output_units: u32) -> Request {
	let sampling = Sampling { temperature: 1_000, top_k: 0, top_p: 0 };
	let limits = Limits { max_input_bytes: 100, max_output_units };
	Request { sampling, seed: [seed; 32], ..Request::new([0; 32], input, limits) }
}

fn run(model: &Generator, request: &Request) -> Inference {
	model.run(request, Kernels::best(), 1).unwrap()
}

fn answer(inference: &Inference) -> (&[u32], Finish) {
	let Ok(Response::Generation { tokens, finish, .. }) = &inference.outcome else { panic!("{inference:?}") };
	(tokens, *finish)
}

/// The trace of an answer as one finds it who reads prompt and answer: no sampler, and each token on its own.
fn expected_trace(model: &Generator, request: &Request, (tokens, finish): (&[u32], Finish)) -> [u8; 32] {
	let prompt = model.prompts.of(&check_texts(request, 100).unwrap()).unwrap();
	let pool = Pool::new(1).unwrap();
	let (mut on, mut cache) = (Workspace::new(Kernels::best(), &pool), model.batch.model().cache());
	let mut rows = Vec::new();
	for token in prompt.iter().chain(tokens) {
		model.batch.model().forward(&mut on, &[*token], &mut cache).unwrap();
		rows.push(on.hidden().to_vec());
	}
	let chosen = tokens.len() + usize::from(finish == Finish::Stop);
	let rows = rows[prompt.len() - 1..][..chosen].concat();
	blake2b_256(&[&rows.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()])
}

#[test]
fn the_trace_should_be_of_the_rows_that_chose_the_answers_tokens_and_its_stop() {
	let model = model();
	let mut finishes = Vec::new();
	for seed in 0..20 {
		let request = request("ab", seed, 6);
		let inference = run(&model, &request);
		let answer = answer(&inference);
		assert_eq!(inference.trace, expected_trace(&model, &request, answer), "{answer:?}");
		finishes.push((answer.1, answer.0.len()));
		if answer.1 == Finish::Stop {
			// The same tokens, but nothing chose to stop.
			let shorter =
				Request { limits: Limits { max_output_units: answer.0.len() as u32, ..request.limits }, ..request };
			let shorter = run(&self::model(), &shorter);
			assert_eq!(self::answer(&shorter), (answer.0, Finish::Length));
			assert_ne!(shorter.trace, inference.trace);
		}
	}
	assert!(finishes.contains(&(Finish::Length, 6)), "{finishes:?}");
	assert!(finishes.iter().any(|(finish, length)| *finish == Finish::Stop && *length > 1), "{finishes:?}");
}

#[test]
fn the_trace_should_not_depend_on_tier_threads_or_what_was_asked_before() {
	let requests =
		[request("ab", 1, 6), request("aba", 2, 9), Request { sampling: Sampling::GREEDY, ..request("abab", 0, 5) }];
	let expected = requests.each_ref().map(|request| run(&model(), request));
	let asked_before = model();
	for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
		for threads in 1..=3 {
			for at in [0, 0, 1, 2, 1, 0, 2] {
				let inference = asked_before.run(&requests[at], kernels, threads).unwrap();
				assert_eq!(inference, expected[at], "{at} on {:?} with {threads} threads", kernels.tier());
			}
		}
	}
	assert_eq!(
		expected.map(|inference| hex(inference.trace)),
		[
			"ca93de0f9f9ef09ca89da5ee8cc5c87760a36de9391e752e8379edd9ff43b057",
			"8d636796e1b7e55143fe552be4daef4af92953640894305f76c04c8ea39c6ab9",
			"ea70ff29ab269449a4571cd079075f4d5d3f671d27d32d1532ed96c00da70868",
		]
	);
}

#[test]
fn callers_at_once_should_each_get_what_they_get_alone() {
	let texts = ["a", "ab", "abc", "cab", "bbb", "?", "aaaaaaaaaa", "c"];
	let requests: Vec<Request> = (0..24).map(|at| request(texts[at % 8], at as u8, 1 + at as u32 % 9)).collect();
	let expected: Vec<Inference> = requests.iter().map(|request| run(&model(), request)).collect();
	let model = model();
	std::thread::scope(|scope| {
		for (request, expected) in requests.iter().zip(&expected) {
			let model = &model;
			scope.spawn(move || assert_eq!(model.run(request, Kernels::best(), 2).as_ref(), Ok(expected)));
		}
	});
}

#[test]
fn another_prompt_seed_or_length_should_have_another_trace() {
	let model = model();
	let requests = [
		request("ab", 1, 6),
		request("ba", 1, 6),
		request("ab", 2, 6),
		request("ab", 1, 5),
		request(raw("ab"), 1, 6),
		Request { sampling: Sampling::GREEDY, ..request("ab", 1, 6) },
	];
	let traces: BTreeSet<_> = requests.iter().map(|request| run(&model, request).trace).collect();
	assert_eq!(traces.len(), requests.len());
	assert!(!traces.contains(&NO_ROWS));
	let [drawn, likeliest] = [Sampling { temperature: 1_000, ..Sampling::GREEDY }, Sampling::GREEDY]
		.map(|sampling| run(&model, &Request { sampling, ..request("ab", 1, 1) }));
	assert_ne!(drawn.outcome, likeliest.outcome);
	assert_eq!(drawn.trace, likeliest.trace, "the last token chosen is in no row");
}

#[test]
fn an_answer_that_needed_no_row_and_a_refusal_should_have_the_trace_of_none() {
	let model = model();
	let nothing_asked = run(&model, &request("ab", 1, 0));
	assert_eq!((answer(&nothing_asked), nothing_asked.trace), ((&[][..], Finish::Length), NO_ROWS));
	let nothing_read = run(&model, &request(raw("x"), 1, 6));
	assert_eq!((answer(&nothing_read), nothing_read.trace), ((&[][..], Finish::Stop), NO_ROWS));
	assert_eq!(run(&model, &request("ab", 1, 40)), Inference::refused(Refusal::ContextExceeded { limit: 40 }));
}

#[test]
fn a_request_that_nobody_waits_for_any_more_should_end_before_the_next_token() {
	let model = model();
	let stopped = request("ab", 1, 6);
	stopped.stop.stop();
	assert_eq!(model.run(&stopped, Kernels::best(), 1), Err(EngineError::Stopped));
	assert_eq!(run(&model, &request("ab", 1, 6)).outcome.map(|_| ()), Ok(()), "another one runs");
}

mod claims;
mod formats;
mod goldens;

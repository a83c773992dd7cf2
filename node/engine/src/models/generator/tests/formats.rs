//! Answers in formats.

use super::*;

pub(super) fn in_format(format: Format, input: impl Into<Input>, seed: u8, max_output_units: u32) -> Request {
	Request { format, ..request(input, seed, max_output_units) }
}

pub(super) fn choice(choices: &[&str]) -> Format {
	Format::Choice(choices.iter().map(|choice| choice.to_string()).collect())
}

/// The logits and the row behind the last of some tokens, as one finds them who reads them token by token.
fn behind(model: &Generator, tokens: &[u32]) -> (Vec<f64>, Vec<u8>) {
	let pool = Pool::new(1).unwrap();
	let model = model.batch.model();
	let (mut on, mut cache) = (Workspace::new(Kernels::best(), &pool), model.cache());
	let mut logits = Vec::new();
	for token in tokens {
		logits = model.forward(&mut on, &[*token], &mut cache).unwrap();
	}
	let row = on.hidden().iter().flat_map(|value| value.to_le_bytes()).collect();
	(logits.into_iter().map(f64::from).collect(), row)
}

/// The probability of each choice by a softmax in floats of 64 bits, and the trace.
fn naive(model: &Generator, prompt: &[u32], choices: &[Vec<u32>], end: Option<u32>) -> (Vec<f64>, [u8; 32]) {
	let mut rows = vec![behind(model, prompt).1];
	let mut likelihoods = Vec::new();
	for choice in choices {
		let mut likelihood = 1.0;
		for (at, token) in choice.iter().copied().chain(end).enumerate() {
			let (logits, row) = behind(model, &[prompt, &choice[..at]].concat());
			likelihood *= logits[token as usize].exp() / logits.iter().map(|logit| logit.exp()).sum::<f64>();
			if at > 0 {
				rows.push(row);
			}
		}
		likelihoods.push(likelihood);
	}
	let all = likelihoods.iter().sum::<f64>();
	(likelihoods.iter().map(|likelihood| likelihood / all).collect(), blake2b_256(&[&rows.concat()]))
}

#[test]
fn a_choice_should_have_the_probabilities_that_the_models_softmax_says() {
	let model = model();
	let choices = ["a", "ab", "c?b", "bb", "b"];
	let tokens = [vec![0], vec![0, 1], vec![3, 4, 1], vec![1, 1], vec![1]];
	for (input, read) in [(Input::from("ab"), vec![2, 0, 0, 1, 3]), (raw("ab"), vec![0, 1]), (raw("c"), vec![3])] {
		let end = matches!(input, Input::Text(_)).then_some(2);
		let (expected, trace) = naive(&model, &read, &tokens, end);
		let request = in_format(choice(&choices), input.clone(), 1, 0);
		let inference = run(&model, &request);
		assert_eq!(inference.trace, trace, "{input:?}");
		let Ok(Response::Choice { index, probabilities }) = inference.outcome else { panic!("{inference:?}") };
		for (found, expected) in probabilities.iter().zip(&expected) {
			assert!((f64::from(*found) / 1e6 - expected).abs() < 1e-4, "{probabilities:?} {expected:?}");
		}
		let best = (0..5).max_by(|one, other| expected[*one].total_cmp(&expected[*other]));
		assert_eq!(Some(usize::from(index)), best);
		assert!((999_995..=1_000_000).contains(&probabilities.iter().sum::<u32>()));
	}
}

/// Requests of all formats that this model can write.
fn requests() -> Vec<Request> {
	let greedy = |request: Request| Request { sampling: Sampling::GREEDY, ..request };
	let regex = |pattern: &str| Format::Regex(pattern.into());
	vec![
		in_format(regex("(a|b){2,4}c?"), "ab", 1, 9),
		in_format(regex("[abc?]{3}"), "ab", 2, 9),
		greedy(in_format(regex("(ab|ca)*"), "ba", 0, 7)),
		in_format(Format::Text { stops: vec!["ab".into(), "?".into()] }, "ab", 3, 20),
		in_format(Format::ScoredText { stops: vec!["ab".into(), "?".into()] }, "ab", 5, 20),
		in_format(choice(&["a", "ab", "c?b"]), "ab", 0, 0),
		in_format(choice(&["ab", "ba"]), raw("cab"), 0, 0),
		request("ab", 4, 9),
	]
}

#[test]
fn an_answer_in_a_format_should_have_it() {
	let model = model();
	for seed in 0..30 {
		for (pattern, least, most) in [("(a|b){2,4}c?", 2, 5), ("[abc?]{3}", 3, 3), ("(ab|ca)*", 0, 8)] {
			let inference = run(&model, &in_format(Format::Regex(pattern.into()), "ab", seed, 8));
			let (tokens, finish) = answer(&inference);
			let Ok(Response::Generation { text, .. }) = &inference.outcome else { panic!("a text") };
			assert_eq!(text.len(), tokens.len());
			assert!((least..=most).contains(&text.len()), "{text} of {pattern}");
			assert_eq!(finish == Finish::Length, pattern == "(ab|ca)*" && text.len() == 8, "{text} of {pattern}");
			let automaton = crate::format::compile(&Format::Regex(pattern.into())).unwrap().unwrap();
			assert!(automaton.accepts(text.as_bytes()), "{text} of {pattern}");
		}
		let stops = Format::Text { stops: vec!["ab".into(), "?".into()] };
		let inference = run(&model, &in_format(stops, "ab", seed, 20));
		let Ok(Response::Generation { text, .. }) = &inference.outcome else { panic!("a text") };
		assert!(!text.contains("ab") && !text.contains('?'), "{text}");
		// The same tokens as without stop texts, as far as they go.
		let (found, free) = (answer(&inference), run(&model, &request("ab", seed, 20)));
		assert!(answer(&free).0.starts_with(found.0));
	}
}

#[test]
fn a_text_with_scores_should_be_the_same_text_with_what_the_models_softmax_says_of_each_token() {
	let model = model();
	let mut scored_tokens = 0;
	for seed in 0..10 {
		let plain = run(&model, &request("ab", seed, 9));
		let scored = run(&model, &in_format(Format::ScoredText { stops: Vec::new() }, "ab", seed, 9));
		assert_eq!(scored.trace, plain.trace);
		let Ok(Response::ScoredText { text, tokens, finish }) = scored.outcome else { panic!("a text with scores") };
		let ids: Vec<_> = tokens.iter().map(|token| token.id).collect();
		assert_eq!(plain.outcome, Ok(Response::Generation { text: text.clone(), tokens: ids, finish }));
		assert_eq!(tokens.iter().map(|token| token.bytes as usize).sum::<usize>(), text.len());
		let mut read = vec![2, 0, 0, 1, 3];
		for ScoredToken { id, score, .. } in tokens {
			let (logits, _) = behind(&model, &read);
			let expected = logits[id as usize].exp() / logits.iter().map(|logit| logit.exp()).sum::<f64>();
			assert!((f64::from(score) / 1e6 - expected).abs() < 1e-5, "{score} {expected}");
			read.push(id);
			scored_tokens += 1;
		}
	}
	assert!(scored_tokens > 20);
}

#[test]
fn answers_in_formats_should_be_the_same_on_every_tier_and_beside_others() {
	let requests = requests();
	let expected: Vec<Inference> = requests.iter().map(|request| run(&model(), request)).collect();
	assert!(expected.iter().all(|inference| inference.outcome.is_ok() && inference.trace != NO_ROWS), "{expected:?}");
	let traces: BTreeSet<_> = expected.iter().map(|inference| inference.trace).collect();
	assert!(traces.len() > 4, "{expected:?}");
	let model = model();
	for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
		for threads in 1..=2 {
			std::thread::scope(|scope| {
				for caller in 0..4 {
					let (model, requests, expected) = (&model, &requests, &expected);
					scope.spawn(move || {
						for at in 0..2 * requests.len() {
							let at = (at * (caller + 1) + caller) % requests.len();
							let inference = model.run(&requests[at], kernels, threads).unwrap();
							assert_eq!(inference, expected[at], "{at} on {:?}", kernels.tier());
						}
					});
				}
			});
		}
	}
}

#[test]
fn a_format_that_cannot_be_served_should_be_refused_before_the_prompt_is_read() {
	let model = model();
	let refused = |request: &Request| {
		let inference = run(&model, request);
		assert_eq!(inference.trace, NO_ROWS);
		inference.outcome.unwrap_err()
	};
	let number = Format::Number { min: 0, max: 9, decimals: 0 };
	for format in [
		Format::Regex("a{".into()),
		Format::Regex("x+".into()),
		Format::Json("{}".into()),
		Format::Json(r#"{"type":"null"}"#.into()),
		Format::Text { stops: vec![String::new()] },
		choice(&["a"]),
		choice(&["a", "x"]),
		number.clone(),
	] {
		assert_eq!(refused(&in_format(format.clone(), "ab", 1, 9)), Refusal::Format, "{format:?}");
		assert_eq!(refused(&in_format(format, "", 1, 9)), Refusal::EmptyInput);
	}
	assert_eq!(number.min_output_units(), 2);
	assert_eq!(refused(&in_format(number, "ab", 1, 1)), Refusal::Format);
	let raw = |format| in_format(format, raw("x"), 1, 9);
	assert_eq!(refused(&raw(choice(&["a", "b"]))), Refusal::Format, "there is no prompt");
	assert_eq!(refused(&raw(Format::Regex("a".into()))), Refusal::Format);
	let long = "a".repeat(36);
	let exceeded = Refusal::ContextExceeded { limit: 40 };
	assert_eq!(refused(&in_format(choice(&["b", &long]), "ab", 1, 0)), exceeded, "five tokens and 36");
	assert!(run(&model, &in_format(choice(&["b", &long[1..]]), "ab", 1, 0)).outcome.is_ok());
	assert_eq!(refused(&in_format(Format::Regex("a*".into()), "ab", 1, 36)), exceeded);
	assert_eq!(refused(&in_format(Format::Regex("a**".into()), "ab", 1, 36)), Refusal::Format, "it counts before");
}

#[test]
fn nothing_to_write_should_need_no_row() {
	let model = model();
	for (pattern, units, finish) in [("a{0}", 5, Finish::Stop), ("a", 0, Finish::Length), ("x?", 5, Finish::Stop)] {
		let inference = run(&model, &in_format(Format::Regex(pattern.into()), "ab", 1, units));
		assert_eq!((answer(&inference), inference.trace), ((&[][..], finish), NO_ROWS), "{pattern}");
	}
}

use super::*;
use crate::format::{compile, parse_number};
use crate::kernels::{Kernels, Tier};
use crate::sampling::{Sampler, Sampling};
use crate::tests::{bytes_tokenizer, Noise};
use crate::tokenizer::BpeTokenizer;
use crate::{Finish, Format, Response};
use std::sync::Arc;

const SAMPLED: Sampling = Sampling { temperature: 1_000, top_k: 0, top_p: 0 };
/// The token that ends an answer.
const END: u32 = 2;

fn writer(format: &Format, sampling: Sampling, max_tokens: usize) -> Writer {
	let tokenizer = Arc::new(bytes_tokenizer());
	let grammar = Grammars::default().of(format, &tokenizer).unwrap();
	Writer::new(Sampler::new(sampling, [1; 32]), tokenizer.stops(), max_tokens).held_to(format, grammar, &tokenizer)
}

/// Writes with logits that noise chooses; those of the given tokens are greater.
fn write(mut writer: Writer, noise: &mut Noise, favoured: &[u32]) -> Result<Written, Refusal> {
	while !writer.is_complete() {
		let mut logits: Vec<f32> = (0..267).map(|_| noise.unit() * 8.0).collect();
		favoured.iter().for_each(|token| logits[*token as usize] += 4.0);
		writer.take(&logits)?;
	}
	Ok(writer.written())
}

/// Writes the given tokens, as far as the format and its end allow.
fn write_tokens(format: &Format, tokens: &[u32], max_tokens: usize) -> Result<Written, Refusal> {
	let mut writer = writer(format, Sampling::GREEDY, max_tokens);
	for token in tokens {
		if writer.is_complete() {
			break;
		}
		let mut logits = vec![0.0; 267];
		logits[*token as usize] = 1.0;
		writer.take(&logits)?;
	}
	Ok(writer.written())
}

fn bytes(text: &str) -> Vec<u32> {
	text.bytes().map(|byte| u32::from(byte) + 3).collect()
}

fn text_of(written: Written) -> (String, usize, Finish) {
	(written.text.unwrap(), written.tokens.len(), written.finish)
}

fn stops(stops: &[&str]) -> Format {
	Format::Text { stops: stops.iter().map(|stop| stop.to_string()).collect() }
}

#[test]
fn a_text_should_be_the_tokenizers_whatever_its_bytes() {
	let mut noise = Noise(31);
	let tokenizer = bytes_tokenizer();
	for _ in 0..50 {
		let written = write(writer(&stops(&["never"]), SAMPLED, 40), &mut noise, &[0, 1, END]).unwrap();
		let Written { text, tokens, finish, .. } = written;
		assert_eq!(text, Some(tokenizer.decode(&tokens).unwrap()));
		assert_eq!(finish == Finish::Length, tokens.len() == 40);
	}
}

#[test]
fn a_stop_text_should_end_an_answer_before_it() {
	let written = |format: &Format, text: &str, max| text_of(write_tokens(format, &bytes(text), max).unwrap());
	assert_eq!(written(&stops(&["\n\n", "é"]), "a\nb\n\nc", 20), ("a\nb".into(), 5, Finish::Stop));
	assert_eq!(written(&stops(&["\n\n", "é"]), "aéb", 20), ("a".into(), 3, Finish::Stop));
	assert_eq!(written(&stops(&["ab"]), "xab", 3), ("x".into(), 3, Finish::Stop), "the last token that is allowed");
	assert_eq!(written(&stops(&["ab"]), "xab", 2), ("xa".into(), 2, Finish::Length));
	assert_eq!(written(&stops(&["x"]), "abc", 3), ("abc".into(), 3, Finish::Length));
	// A token of several bytes, in the middle of which the stop text begins: " the".
	let the = bytes_tokenizer().encode(&[crate::tokenizer::Piece::Text(" the")]).unwrap();
	assert_eq!(the.len(), 1);
	assert_eq!(text_of(write_tokens(&stops(&["he"]), &the, 9).unwrap()), (" t".into(), 1, Finish::Stop));
}

#[test]
fn every_text_should_be_of_its_format_or_the_beginning_of_one() {
	let formats = [
		Format::Regex("(a|bc)*d{2,5}".into()),
		Format::Regex("[A-Z][a-zé]{0,8}( the| 12){0,2}".into()),
		Format::Regex("".into()),
		Format::Json(r#"{"type":"object","properties":{"a":{"type":"string","maxLength":6},"b":{"type":"integer","minimum":-5,"maximum":120}}}"#.into()),
		Format::Json(r#"{"type":"array","items":{"enum":["hell","he",1.5,null]},"maxItems":3}"#.into()),
		Format::Json(r#"{"type":"string"}"#.into()),
	];
	let mut noise = Noise(77);
	let (mut stopped, mut cut) = (0, 0);
	for format in &formats {
		let automaton = compile(format).unwrap().unwrap();
		for sampling in [Sampling::GREEDY, SAMPLED, Sampling { top_k: 3, ..SAMPLED }] {
			for max_tokens in [5, 60] {
				for _ in 0..20 {
					let written = write(writer(format, sampling, max_tokens), &mut noise, &[END]).unwrap();
					let (text, length, finish) = text_of(written);
					match finish {
						Finish::Stop => {
							assert!(automaton.accepts(text.as_bytes()), "{text} of {format:?}");
							stopped += 1;
						}
						Finish::Length => {
							assert_eq!(length, max_tokens);
							let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
							assert!(automaton.begins(whole.as_bytes()), "{text} of {format:?}");
							cut += 1;
						}
					}
				}
			}
		}
	}
	assert!(stopped > 100 && cut > 100, "{stopped} {cut}");
}

#[test]
fn what_can_not_go_on_should_end_without_another_token() {
	let json = Format::Json(r#"{"type":"boolean"}"#.into());
	assert_eq!(text_of(write_tokens(&json, &bytes("true"), 4).unwrap()), ("true".into(), 4, Finish::Stop));
	assert_eq!(text_of(write_tokens(&json, &bytes("true"), 3).unwrap()), ("tru".into(), 3, Finish::Length));
	assert!(writer(&Format::Regex("a{0}".into()), SAMPLED, 4).is_complete());
	assert!(writer(&Format::default(), SAMPLED, 0).is_complete());
}

#[test]
fn a_number_should_be_its_value_and_always_end_within_its_units() {
	let mut noise = Noise(5);
	for (min, max, decimals) in [(0, 10, 0), (-150, 1_234, 2), (i64::MIN, i64::MAX, 3), (7, 7, 0), (-3, -1, 1)] {
		let format = Format::Number { min, max, decimals };
		let units = format.min_output_units() as usize;
		for favoured in [&[][..], &[END], &[u32::from(b' ') + 3, u32::from(b'0') + 3]] {
			for _ in 0..50 {
				let written = write(writer(&format, SAMPLED, units), &mut noise, favoured).unwrap();
				let (text, _, finish) = text_of(written);
				let value = parse_number(&text, decimals).unwrap();
				assert!((min..=max).contains(&value) && finish == Finish::Stop, "{text} of {format:?}");
			}
		}
	}
	let format = Format::Number { min: -10_000, max: 10_000, decimals: 2 };
	let number = |text: &str| text_of(write_tokens(&format, &[bytes(text), vec![END]].concat(), 9).unwrap());
	assert_eq!(number(" -1.5"), (" -1.5".into(), 5, Finish::Stop));
	assert_eq!(number("42"), ("42".into(), 2, Finish::Stop));
	assert_eq!(number("42 apples"), ("42".into(), 2, Finish::Stop), "what is no number ends it");
}

#[test]
fn a_control_token_should_never_come_within_a_format() {
	let format = Format::Regex("[^a]{3}".into());
	for control in [0, 1, END] {
		let written = write_tokens(&format, &[control; 3], 9).unwrap();
		assert!(written.tokens.len() == 3 && written.tokens.iter().all(|token| *token > 2), "{written:?}");
	}
}

#[test]
fn what_is_not_of_the_format_should_end_it_only_where_it_may_end() {
	let written =
		|pattern: &str, text: &str| text_of(write_tokens(&Format::Regex(pattern.into()), &bytes(text), 9).unwrap());
	assert_eq!(written("[a-z]+", "paris, France"), ("paris".into(), 5, Finish::Stop));
	assert_eq!(written("[a-z]*", "Paris"), (String::new(), 0, Finish::Stop));
	let (text, ..) = written("[a-z]{3}", "pa-");
	assert!(text.starts_with("pa") && text.len() == 3, "{text}");
	let control = write_tokens(&Format::Regex("a+".into()), &[bytes("a"), vec![1]].concat(), 9).unwrap();
	assert_eq!(text_of(control), ("a".into(), 1, Finish::Stop));
}

#[test]
fn grammars_should_be_kept_and_refusals_too() {
	let (grammars, tokenizer) = (Grammars::default(), bytes_tokenizer());
	let format = Format::Regex("a+".into());
	let first = grammars.of(&format, &tokenizer).unwrap().unwrap();
	for at in 0..7 {
		let bad = Format::Regex(format!("a{{{at}"));
		assert_eq!(grammars.of(&bad, &tokenizer).map(|_| ()), Err(Refusal::Format));
	}
	assert!(Arc::ptr_eq(&first, &grammars.of(&format, &tokenizer).unwrap().unwrap()), "it was asked for before");
	for at in 0..8 {
		assert!(grammars.of(&Format::Regex(format!("b{{{at}}}")), &tokenizer).is_ok());
	}
	assert!(!Arc::ptr_eq(&first, &grammars.of(&format, &tokenizer).unwrap().unwrap()), "no more than eight are kept");
	assert!(grammars.of(&Format::default(), &tokenizer).unwrap().is_none());
	assert_eq!(grammars.of(&stops(&[""]), &tokenizer).map(|_| ()), Err(Refusal::Format));
}

/// Logits that depend on what was read.
fn logits(read: &[u32]) -> Vec<f32> {
	let seed = read.iter().fold(1_u64, |seed, token| seed.wrapping_mul(31).wrapping_add(u64::from(*token)));
	let mut noise = Noise(seed | 1);
	(0..50).map(|_| noise.unit() * 6.0).collect()
}

/// Scores texts behind a prompt, as an engine with these logits does; how many tokens were read, too.
fn score(prompt: &[u32], texts: &[Vec<u32>], ends: Option<&[u32]>, kernels: Kernels) -> (usize, Vec<u32>, usize) {
	let mut scorer = Scorer::new(texts.to_vec(), ends.map(<[u32]>::to_vec), Probabilities::new(kernels));
	let (mut read, mut count) = (prompt.to_vec(), 0);
	let mut ahead = scorer.ahead().to_vec();
	while let Some(Next { forget, token }) = scorer.take(&logits(&read)).unwrap() {
		assert!(ahead.is_empty() || (forget, token) == (0, ahead[0]), "it is read as it was foretold");
		ahead = scorer.ahead().to_vec();
		read.truncate(read.len() - forget);
		assert!(read.len() >= prompt.len(), "the prompt is kept");
		read.push(token);
		count += 1;
	}
	assert!(ahead.is_empty());
	let Response::Choice { index, probabilities } = scorer.response() else { panic!("a choice") };
	(index.into(), probabilities, count)
}

/// The same in floats of 64 bits, straight from the definition.
fn naive(prompt: &[u32], texts: &[Vec<u32>], ends: Option<&[u32]>) -> Vec<f64> {
	let probability = |read: &[u32], tokens: &[u32]| {
		let logits = logits(read);
		let exp = |logit: &f32| f64::from(*logit).exp();
		tokens.iter().map(|token| exp(&logits[*token as usize])).sum::<f64>() / logits.iter().map(exp).sum::<f64>()
	};
	let likelihood = |text: &Vec<u32>| {
		let read = |length: usize| [prompt, &text[..length]].concat();
		let tokens = (0..text.len()).map(|at| probability(&read(at), &text[at..=at]));
		tokens.chain(ends.map(|ends| probability(&read(text.len()), ends))).product::<f64>()
	};
	let all: Vec<f64> = texts.iter().map(likelihood).collect();
	all.iter().map(|one| one / all.iter().sum::<f64>()).collect()
}

#[test]
fn choices_should_have_the_probabilities_of_a_naive_softmax_on_every_tier() {
	let mut noise = Noise(41);
	for round in 0..200 {
		let count = 2 + noise.bits() as usize % 6;
		let texts: Vec<Vec<u32>> =
			(0..count).map(|_| (0..1 + noise.bits() % 4).map(|_| noise.bits() % 50).collect()).collect();
		let ends = [None, Some(&[3][..]), Some(&[3, 17][..])][round % 3];
		let expected = naive(&[7, round as u32], &texts, ends);
		let (index, probabilities, read) = score(&[7, round as u32], &texts, ends, Kernels::best());
		for (found, expected) in probabilities.iter().zip(&expected) {
			assert!((f64::from(*found) / 1e6 - expected).abs() < 1e-5, "{probabilities:?} {expected:?}");
		}
		assert!(expected.iter().all(|other| expected[index] >= other * 0.99999));
		let wanted = texts.iter().map(|text| text.len() - usize::from(ends.is_none()));
		assert_eq!(read, wanted.sum::<usize>());
		for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
			assert_eq!(score(&[7, round as u32], &texts, ends, kernels).1, probabilities);
		}
	}
}

#[test]
fn a_logit_that_is_not_finite_should_be_refused() {
	let mut scorer = Scorer::new(vec![vec![0], vec![1]], None, Probabilities::new(Kernels::best()));
	assert_eq!(scorer.take(&[1.0, f32::INFINITY]), Err(Refusal::NotFinite));
	let mut writer = writer(&Format::Regex("a".into()), Sampling::GREEDY, 4);
	let mut logits = vec![0.0; 267];
	logits[usize::from(b'a') + 3] = f32::NAN;
	assert_eq!(writer.take(&logits), Err(Refusal::NotFinite));
}

fn behind(tokenizer: &BpeTokenizer, before: &[u32], text: &str) -> Option<Vec<u32>> {
	tokenizer.encode_behind(before, text).unwrap()
}

#[test]
fn a_text_behind_others_should_be_what_the_model_can_write() {
	let tokenizer = bytes_tokenizer();
	assert_eq!(behind(&tokenizer, &bytes("x"), "ab"), Some(bytes("ab")));
	assert_eq!(behind(&tokenizer, &[1], " the").map(|ids| ids.len()), Some(1));
}

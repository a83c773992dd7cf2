//! Jobs and answers in words.

use crate::amount::sib;
use sibyl_primitives::format::Format;
use sibyl_rpc_types::{Answer, Committee, Input, Job, JobResult, Phase, ScoredToken, Status, Verdict};
use std::fmt::Write;

/// What scores and probabilities are parts of.
const MILLION: f64 = 1e6;

fn amount(text: &str) -> String {
	text.parse().map_or_else(|_| printable(text), sib)
}

/// Where a job stands, in a word.
pub fn state(phase: Phase, verdict: Option<Verdict>) -> &'static str {
	match (phase, verdict) {
		(_, Some(Verdict::Agreed)) => "agreed",
		(_, Some(Verdict::Failed)) => "refused",
		(_, Some(Verdict::NoQuorum)) => "no quorum",
		(_, Some(Verdict::Expired)) => "expired",
		(_, Some(Verdict::Cancelled)) => "cancelled",
		(Phase::Pending, None) => "pending",
		(Phase::Committing, None) => "committing",
		(Phase::Revealing, None) => "revealing",
		(Phase::Ended, None) => "ended",
	}
}

/// Where a job stands, in a line.
pub fn progress(job: &Job) -> String {
	let state = state(job.phase, job.verdict);
	if let Some(source) = job.reused {
		return format!("{state}: the answer of job {source}, to the same question");
	}
	let Some(committee) = job.committees.last() else { return format!("{state}: the committee is drawn next") };
	let Committee { seats, committed, revealed, .. } = committee;
	let round = if committee.round > 0 { " of a second committee" } else { "" };
	let (seats, committed) = (seats.len(), committed.len() + revealed.len());
	match job.phase {
		Phase::Pending if job.has_substitutes && 3 * committed <= 2 * seats => {
			format!("{state}: too few seats committed, and others are drawn next for the rest")
		}
		Phase::Pending => format!("{state}: a committee is drawn next"),
		Phase::Committing => format!("{state}: {committed} of {seats} seats{round} have committed"),
		Phase::Revealing => format!("{state}: {} of {seats} seats{round} have revealed", revealed.len()),
		Phase::Ended => match &job.agreed {
			Some(agreed) => format!("{state}, by {} of {} seats", agreed.support.agreed, agreed.support.seats),
			None => state.into(),
		},
	}
}

/// Where a job's money went.
pub fn settlement(job: &Job) -> String {
	job.settlement.as_ref().map_or_else(String::new, |settled| {
		format!("; {} paid to the seats, {} came back", amount(&settled.paid), amount(&settled.refunded))
	})
}

/// Why a job has no answer.
pub fn why(result: &JobResult) -> &'static str {
	match result.status {
		Status::Open => "it has not ended: wait some blocks",
		Status::Failed => "the model refuses the input, and all seats agree on that",
		Status::NoQuorum => "too few seats said the same; what it cost came back",
		Status::Expired => "too few seats took part; what it cost came back",
		Status::Cancelled => "it was ended from outside; what it cost came back",
		Status::Agreed => "the node does not tell it",
	}
}

/// How sure a result is.
pub fn agreement(result: &JobResult) -> String {
	let support = result.support.as_ref().map_or_else(String::new, |support| {
		format!(
			"{} of {} seats agree, of {} validators that serve the model",
			support.agreed, support.seats, support.serving
		)
	});
	let support = match result.reused {
		Some(source) => format!("{support}; the answer of job {source}, to the same question"),
		None => support,
	};
	match result.finalized {
		true => format!("{support}; final"),
		false => format!("{support}; not final yet"),
	}
}

/// Millionths as a share of a hundred.
fn percent(millionths: u32) -> String {
	format!("{:.1} %", f64::from(millionths) / MILLION * 100.0)
}

/// An answer as text.
pub fn answer(answer: &Answer, format: &Format) -> String {
	match answer {
		Answer::Generation { text, .. } => printable(text),
		Answer::ScoredText { text, tokens, .. } => {
			let token = |token: &ScoredToken| format!("{:?} {}", printable(&token.text), percent(token.score));
			format!("{} ({})", printable(text), tokens.iter().map(token).collect::<Vec<_>>().join(", "))
		}
		Answer::Number { value, .. } => printable(value),
		Answer::Choice { index, probabilities } => {
			let Format::Choice(choices) = format else { return index.to_string() };
			let named =
				|at: usize| choices.get(at).map_or_else(String::new, |choice| printable(&choice.to_string_lossy()));
			let shares =
				probabilities.iter().enumerate().map(|(at, share)| format!("{} {}", named(at), percent(*share)));
			format!("{} ({})", named((*index).into()), shares.collect::<Vec<_>>().join(", "))
		}
		Answer::Classification { label, scores } => {
			let score = scores.first().map_or(0, |score| score.score);
			format!("{} ({})", printable(label), percent(score))
		}
		Answer::Embedding { values } => format!("{values:?}"),
	}
}

/// What a model reads, each text with what it is.
pub fn input(input: &Input) -> Vec<(String, String)> {
	match input {
		Input::Text(text) => vec![("text".into(), field(text))],
		Input::Raw(text) => vec![("raw".into(), field(text))],
		Input::Messages(messages) => {
			messages.iter().map(|said| (format!("{:?}", said.role).to_lowercase(), field(&said.text))).collect()
		}
	}
}

/// A job on several lines.
pub fn job(job: &Job) -> String {
	let mut said = String::new();
	// To write into a text does not fail.
	let mut line = |name: &str, value: String| {
		let _ = writeln!(said, "{name:<12}{value}");
	};
	line("job", format!("{} ({})", job.id, job.fingerprint));
	line("requester", field(&job.requester));
	line("model", job.model.to_string());
	input(&job.input).into_iter().for_each(|(name, text)| line(&name, text));
	line("price", format!("{} at most", amount(&job.price.total)));
	line("submitted", format!("#{}, ends by #{}", job.submitted_at, job.ends_by));
	line("state", progress(job) + &settlement(job));
	for committee in &job.committees {
		let round = if committee.round == 0 { "committee" } else { "second" };
		let how = if committee.round == 0 && job.has_substitutes { ", with substitutes" } else { "" };
		line(round, format!("drawn in #{} of {} that serve the model{how}", committee.drawn_at, committee.serving));
		for seat in &committee.seats {
			let vote = serde_json::to_value(seat.vote).ok();
			let vote = vote.as_ref().and_then(|vote| vote["vote"].as_str()).unwrap_or_default().to_string();
			line("", format!("{} {vote}", field(&seat.validator)));
		}
	}
	said
}

/// A text of somebody else's without what a terminal obeys, or what turns its direction.
pub fn printable(text: &str) -> String {
	let obeys = |sign: char| {
		let turns = matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
		turns || sign.is_control() && !matches!(sign, '\n' | '\t')
	};
	text.chars().map(|sign| if obeys(sign) { '\u{fffd}' } else { sign }).collect()
}

/// The same as one line.
pub fn one_line(text: &str) -> String {
	printable(text).replace(['\n', '\t'], " ")
}

/// The same within one of several lines, none of which it can begin.
fn field(text: &str) -> String {
	printable(text).replace('\n', "\n            ")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_choice_is_named_with_how_likely_each_is() {
		let texts = ["yes", "no"].map(|text| text.try_into().expect("it is short")).to_vec();
		let format = Format::Choice(texts.try_into().expect("two fit"));
		let choice = Answer::Choice { index: 1, probabilities: vec![250_000, 749_999] };
		assert_eq!(answer(&choice, &format), "no (yes 25.0 %, no 75.0 %)");
	}

	#[test]
	fn a_field_begins_no_line_and_turns_no_direction() {
		assert_eq!(field("hi\nstate  agreed\u{202e}"), "hi\n            state  agreed\u{fffd}");
	}

	#[test]
	fn an_answer_moves_no_cursor() {
		let text = serde_json::json!({ "generation": { "text": "a\u{1b}[2Jb\nc", "tokens": [], "finish": "stop" } });
		let text: Answer = serde_json::from_value(text).expect("it is an answer");
		assert_eq!(answer(&text, &Format::default()), "a\u{fffd}[2Jb\nc");
	}
}

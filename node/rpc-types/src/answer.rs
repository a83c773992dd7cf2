//! A model's answer as JSON.

use serde::{Deserialize, Serialize};
use sibyl_primitives::output::{Answer as ChainAnswer, Finish as ChainFinish, ScoredToken as ChainToken};

/// What a model says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
	/// The label of a text.
	Classification {
		/// The label with the highest score.
		label: String,
		/// The highest scores, in falling order.
		scores: Vec<LabelScore>,
	},
	/// A text.
	Generation {
		/// The text, without the token that ended it.
		text: String,
		/// The tokens, as the model numbers them, likewise.
		tokens: Vec<u32>,
		/// Why it ends.
		finish: Finish,
	},
	/// A text, and how likely the model found each token of it.
	ScoredText {
		/// The text, without the token that ended it.
		text: String,
		/// The tokens, likewise.
		tokens: Vec<ScoredToken>,
		/// Why it ends.
		finish: Finish,
	},
	/// A vector that is near those of texts with a like meaning.
	Embedding {
		/// Its components; 32,767 stands for 1, which is the vector's length.
		values: Vec<i16>,
	},
	/// Which of the texts that the job names.
	Choice {
		/// Its place among them, from 0.
		index: u8,
		/// The probability of each, among them, in millionths.
		probabilities: Vec<u32>,
	},
	/// A number.
	Number {
		/// The number as it is written, with its point.
		value: String,
		/// The same in units of its last decimal.
		units: String,
		/// Its digits behind the point.
		decimals: u8,
	},
}

/// Why a generated text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Finish {
	/// The model ended it.
	Stop,
	/// It has as many tokens as the job pays for.
	Length,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredToken {
	/// The token, as the model numbers it.
	pub id: u32,
	/// Its part of the text. Where that begins or ends within a character, there is U+FFFD.
	pub text: String,
	/// Its probability among all tokens in millionths.
	pub score: u32,
}

/// How well a label fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelScore {
	/// The label.
	pub label: String,
	/// Its probability in millionths.
	pub score: u32,
}

/// Each token with its part of the text.
fn scored_tokens(text: &[u8], tokens: &[ChainToken]) -> Vec<ScoredToken> {
	let mut rest = text;
	let token = |&ChainToken { id, bytes, score }: &ChainToken| {
		let (part, behind) = rest.split_at(usize::from(bytes).min(rest.len()));
		rest = behind;
		ScoredToken { id, text: String::from_utf8_lossy(part).into_owned(), score }
	};
	tokens.iter().map(token).collect()
}

impl From<ChainFinish> for Finish {
	fn from(finish: ChainFinish) -> Self {
		match finish {
			ChainFinish::Stop => Self::Stop,
			ChainFinish::Length => Self::Length,
		}
	}
}

impl From<ChainAnswer> for Answer {
	fn from(answer: ChainAnswer) -> Self {
		match answer {
			ChainAnswer::Classification(classification) => Self::Classification {
				label: classification.label.to_string_lossy(),
				scores: classification
					.scores
					.iter()
					.map(|score| LabelScore { label: score.label.to_string_lossy(), score: score.score })
					.collect(),
			},
			ChainAnswer::Generation(generation) => Self::Generation {
				text: generation.text.to_string_lossy(),
				tokens: generation.tokens.into_inner(),
				finish: generation.finish.into(),
			},
			ChainAnswer::ScoredText(scored) => Self::ScoredText {
				text: scored.text.to_string_lossy(),
				tokens: scored_tokens(scored.text.as_bytes(), &scored.tokens),
				finish: scored.finish.into(),
			},
			ChainAnswer::Embedding(embedding) => Self::Embedding { values: embedding.values.into_inner() },
			ChainAnswer::Choice(choice) => {
				Self::Choice { index: choice.index, probabilities: choice.probabilities.into_inner() }
			}
			ChainAnswer::Number(number) => {
				Self::Number { value: number.to_string(), units: number.value.to_string(), decimals: number.decimals }
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn each_token_has_its_part_of_the_text() {
		let token = |bytes| ChainToken { id: 7, bytes, score: 9 };
		let parts = |text: &str, bytes: &[u16]| {
			let tokens: Vec<_> = bytes.iter().copied().map(token).collect();
			scored_tokens(text.as_bytes(), &tokens).into_iter().map(|token| token.text).collect::<Vec<_>>()
		};
		assert_eq!(parts("Paris é", &[3, 2, 3]), ["Par", "is", " é"]);
		assert_eq!(parts("é", &[1, 1]), ["\u{fffd}", "\u{fffd}"]);
		assert_eq!(parts("a", &[1, 0, 65_535]), ["a", "", ""], "a chain's answer is read whatever it says");
	}
}

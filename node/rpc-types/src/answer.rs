//! A model's answer as JSON.

use serde::{Deserialize, Serialize};
use sibyl_primitives::output::{Answer as ChainAnswer, Finish as ChainFinish};

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

/// How well a label fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelScore {
	/// The label.
	pub label: String,
	/// Its probability in millionths.
	pub score: u32,
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
				finish: match generation.finish {
					ChainFinish::Stop => Finish::Stop,
					ChainFinish::Length => Finish::Length,
				},
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

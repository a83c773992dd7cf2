//! Text to token ids and back.
//!
//! [`BpeTokenizer`] comes with a GGUF file of a language model, [`JsonTokenizer`] from a `tokenizer.json` or the GGUF file of
//! another model. The crate `tokenizers`, whose
//! version is pinned, does the splitting and merging, but for SentencePiece's, which is here. Ids are part of an answer,
//! so they are part of the semantics, and so are the Unicode tables of that crate and of those below it.
//!
//! What a file says is checked before the crate sees it, since some of it makes the crate panic or choose at random.

mod bpe;
mod byte_level;
mod json;
mod pieces;
mod sentence_piece;
mod word_piece;

pub use bpe::{BpeTokenizer, Piece};
pub(crate) use byte_level::{DIGIT, GPT2, LLAMA3, O200K, QWEN2, TEKKEN};
pub use json::JsonTokenizer;
pub use pieces::StreamDecoder;

use crate::gguf::GgufError;

/// The most tokens that a vocabulary may have.
const MAX_TOKENS: usize = 1 << 20;

/// Why a tokenizer cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
	/// The GGUF file lacks something.
	#[error(transparent)]
	Gguf(#[from] GgufError),
	/// The kind of tokenizer is not known.
	#[error("the tokenizer's {what} is {name:?}, which is not known")]
	Unknown {
		/// Which part of it.
		what: &'static str,
		/// What the file calls it.
		name: String,
	},
	/// The file contradicts itself.
	#[error("the tokenizer is not valid: {0}")]
	Invalid(String),
	/// There is no token with this id.
	#[error("there is no token {0}")]
	NoSuchId(u32),
	/// The crate `tokenizers` reported an error.
	#[error("the text could not be tokenised: {0}")]
	Encode(String),
}

fn invalid(reason: impl Into<String>) -> TokenizerError {
	TokenizerError::Invalid(reason.into())
}

fn unknown(what: &'static str, name: &str) -> TokenizerError {
	TokenizerError::Unknown { what, name: name.into() }
}

#[cfg(test)]
mod tests;

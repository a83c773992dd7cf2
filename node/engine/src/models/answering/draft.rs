//! What an answer will likely be.
//!
//! Somebody claims that an answer has a certain text. The model has to say so itself, token by token, but the tokens that it
//! says if the claim is right can be read before, many in one pass. A wrong claim costs a pass that is a little longer, and
//! then the answer is written as if nobody had claimed anything.

use crate::format::vocabulary::TokenText;
use crate::tokenizer::BpeTokenizer;
use std::sync::Arc;

/// How many bytes of a claim are looked at for each token that the answer may have.
const BYTES_PER_TOKEN: usize = 32;
/// A text can be written in other tokens than those that its tokenizer makes. Then the rest of it is drafted anew: so often at
/// most, and each time the answer must have so many tokens more, so that what is read in vain is little beside the answer.
const REDRAFTS: usize = 8;
const TOKENS_PER_REDRAFT: usize = 16;

/// The tokens that an answer will likely have.
pub(crate) struct Draft {
	tokens: Vec<u32>,
	/// How many of them were written.
	at: usize,
	/// The text that they were made of.
	claim: Option<Claim>,
}

/// A text that somebody claims.
struct Claim {
	tokenizer: Arc<BpeTokenizer>,
	text: Vec<u8>,
	/// How many bytes of it were written.
	at: usize,
	/// Whether a token was written that is shown.
	has_begun: bool,
	/// How many tokens were written, and how many are read at most.
	written: usize,
	most: usize,
	redrafts: usize,
}

impl Draft {
	/// The tokens that a claimed text has behind a prompt, of an answer of at most so many tokens.
	pub fn new(tokenizer: &Arc<BpeTokenizer>, prompt: &[u32], claim: &[u8], max_tokens: usize) -> Self {
		// The last token of an answer is not read.
		let most = max_tokens.saturating_sub(1);
		let text = claim[..claim.len().min(most.saturating_mul(BYTES_PER_TOKEN))].to_vec();
		let tokenizer = tokenizer.clone();
		let claim = Claim { tokenizer, text, at: 0, has_begun: false, written: 0, most, redrafts: 0 };
		Self { tokens: claim.tokens_behind(prompt), at: 0, claim: Some(claim) }
	}

	/// These tokens, of no text.
	#[cfg(test)]
	pub fn of_tokens(tokens: &[u32]) -> Self {
		Self { tokens: tokens.to_vec(), at: 0, claim: None }
	}

	/// What will likely be read behind the prompt or behind the token that was written last.
	pub fn ahead(&self) -> &[u32] {
		&self.tokens[self.at..]
	}

	/// Takes the token that was written.
	pub fn follow(&mut self, token: u32) {
		let goes_on = self.claim.as_mut().is_none_or(|claim| claim.follow(token));
		if goes_on && self.ahead().first() == Some(&token) {
			self.at += 1;
			return;
		}
		let claim = self.claim.as_mut().filter(|claim| goes_on && claim.may_be_drafted_again());
		self.tokens = claim.map_or_else(Vec::new, |claim| {
			claim.redrafts += 1;
			claim.tokens_behind(&[token])
		});
		self.at = 0;
	}
}

impl Claim {
	/// The tokens of what was not written yet, as far as it is UTF-8.
	fn tokens_behind(&self, before: &[u32]) -> Vec<u32> {
		let text = self.text[self.at..].utf8_chunks().next().map_or("", |chunk| chunk.valid());
		// What has no tokens is not going to be written.
		let tokens = self.tokenizer.encode_behind(before, text).ok().flatten();
		let mut tokens = tokens.unwrap_or_default();
		tokens.truncate(self.most.saturating_sub(self.written));
		tokens
	}

	/// Takes a token. Returns whether the text goes on with it; if not, nothing does any more.
	fn follow(&mut self, token: u32) -> bool {
		let text = self.tokenizer.text(token);
		let added = text.bytes(!self.has_begun);
		self.has_begun |= text != TokenText::None;
		self.written += 1;
		let goes_on = self.text[self.at..].starts_with(added);
		self.at = if goes_on { self.at + added.len() } else { self.text.len() };
		goes_on
	}

	fn may_be_drafted_again(&self) -> bool {
		let is_whole = self.at == self.text.len();
		!is_whole && self.redrafts < REDRAFTS && self.written >= self.redrafts * TOKENS_PER_REDRAFT
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tests::bytes_tokenizer;

	fn bytes(text: &str) -> Vec<u32> {
		text.bytes().map(|byte| u32::from(byte) + 3).collect()
	}

	fn draft(claim: &[u8], max_tokens: usize) -> Draft {
		Draft::new(&Arc::new(bytes_tokenizer()), &bytes("x"), claim, max_tokens)
	}

	#[test]
	fn what_is_ahead_should_be_the_claims_tokens_as_far_as_they_are_read() {
		assert_eq!(draft(b"abc", 10).ahead(), bytes("abc"));
		assert_eq!(draft(b" the", 10).ahead().len(), 1, "as the tokenizer writes it");
		assert_eq!(draft(b"abc", 3).ahead(), bytes("ab"), "nobody reads the last one");
		for max_tokens in [0, 1] {
			assert!(draft(b"abc", max_tokens).ahead().is_empty());
		}
		assert!(draft(b"", 10).ahead().is_empty());
	}

	#[test]
	fn a_claim_that_is_no_text_should_count_as_far_as_it_is_one() {
		assert_eq!(draft(b"ab\xffcd", 10).ahead(), bytes("ab"));
		assert!(draft(b"\xff", 10).ahead().is_empty());
		assert_eq!(draft("abé".as_bytes().split_last().unwrap().1, 10).ahead(), bytes("ab"));
	}

	#[test]
	fn a_long_claim_should_be_read_no_further_than_the_answer_may_go() {
		let draft = draft("a".repeat(10_000_000).as_bytes(), 5);
		assert_eq!(draft.ahead(), bytes("aaaa"));
		assert_eq!(draft.claim.unwrap().text.len(), 4 * BYTES_PER_TOKEN);
	}

	#[test]
	fn what_was_written_should_be_ahead_no_more() {
		let mut draft = draft(b"abc", 10);
		for (token, left) in bytes("abc").into_iter().zip(["bc", "c", ""]) {
			draft.follow(token);
			assert_eq!(draft.ahead(), bytes(left));
		}
		draft.follow(bytes("d")[0]);
		assert!(draft.ahead().is_empty());
	}

	#[test]
	fn nothing_should_be_ahead_behind_the_first_difference() {
		let mut draft = draft(b"abcabc", 10);
		for token in bytes("abxabcabc") {
			draft.follow(token);
			assert_eq!(draft.ahead().is_empty(), draft.claim.as_ref().unwrap().written > 2);
		}
	}

	#[test]
	fn a_text_in_other_tokens_should_be_drafted_again_but_not_too_often() {
		let text = " the".repeat(400);
		let mut draft = draft(text.as_bytes(), 2_000);
		let redrafts = |draft: &Draft| draft.claim.as_ref().unwrap().redrafts;
		let (mut foretold, mut drafted) = (0, Vec::new());
		for (before, token) in bytes(&text).into_iter().enumerate() {
			foretold += usize::from(draft.ahead().first() == Some(&token));
			draft.follow(token);
			if redrafts(&draft) > drafted.len() {
				drafted.push(before + 1);
			}
		}
		assert!(drafted.len() == REDRAFTS && redrafts(&draft) == REDRAFTS, "{drafted:?}");
		assert!(drafted[0] == 1 && drafted.iter().zip(0..).all(|(at, before)| *at >= before * 16), "{drafted:?}");
		assert!(foretold > 0 && draft.ahead().is_empty());
	}

	#[test]
	fn a_space_that_is_not_shown_should_be_found_out() {
		let tokens = [
			("<unk>", 0.0, 2),
			("<s>", 0.0, 3),
			("</s>", 0.0, 3),
			("\u{2581}", -1.0, 1),
			("a", -2.0, 1),
			("b", -3.0, 1),
		];
		let tokens = [&tokens[..], &[("\u{2581}a", -0.5, 1)]].concat();
		let file = crate::tests::sentence_piece_file(&tokens)
			.value("tokenizer.ggml.unknown_token_id", crate::tests::Item::U32(0))
			.bytes();
		let file = crate::gguf::GgufFile::parse(&file).unwrap();
		let tokenizer = Arc::new(BpeTokenizer::from_gguf(&file).unwrap());
		let mut draft = Draft::new(&tokenizer, &[1, 4], b"ab ab", 10);
		assert_eq!(draft.ahead(), [4, 5, 6, 5]);
		draft.follow(6);
		assert_eq!(draft.ahead(), [5, 6, 5]);
	}
}

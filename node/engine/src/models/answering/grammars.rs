//! The grammars of a model.

use crate::format::compile;
use crate::format::grammar::Grammar;
use crate::format::vocabulary::Vocabulary;
use crate::tokenizer::BpeTokenizer;
use crate::{Format, Refusal};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How many formats are kept, and how many bytes of memory they may take. Programs ask in the same ones again and again.
const KEPT: usize = 8;
pub(crate) const KEPT_BYTES: usize = 16 << 20;

type Found = Result<Option<Arc<Grammar>>, Refusal>;

/// Makes grammars, and keeps those that were asked for last.
#[derive(Default)]
pub(crate) struct Grammars {
	vocabulary: OnceLock<Arc<Vocabulary>>,
	/// The last one asked for last.
	kept: Mutex<Vec<(Format, Found)>>,
}

impl Grammars {
	/// The grammar of a format, if it has one. A refusal if the format, or this model in this format, cannot be served.
	pub fn of(&self, format: &Format, tokenizer: &BpeTokenizer) -> Found {
		if matches!(format, Format::Text { .. } | Format::ScoredText { .. } | Format::Choice(_)) {
			return compile(format).map(|_| None).map_err(|_| Refusal::Format);
		}
		let known = self.take(format);
		// Another thread may make the same one meanwhile, which is then kept twice.
		let found = known.unwrap_or_else(|| self.make(format, tokenizer));
		let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		kept.push((format.clone(), found.clone()));
		let bytes = |(_, found): &(Format, Found)| {
			found.as_ref().map_or(0, |grammar| grammar.as_ref().map_or(0, |grammar| grammar.bytes()))
		};
		while kept.len() > KEPT || kept.iter().map(bytes).fold(0, usize::saturating_add) > KEPT_BYTES {
			drop(kept.drain(..1));
		}
		found
	}

	fn take(&self, format: &Format) -> Option<Found> {
		let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		let at = kept.iter().position(|(other, _)| other == format)?;
		Some(kept.remove(at).1)
	}

	fn make(&self, format: &Format, tokenizer: &BpeTokenizer) -> Found {
		let Some(automaton) = compile(format).map_err(|_| Refusal::Format)? else { return Ok(None) };
		let vocabulary = self.vocabulary.get_or_init(|| {
			let texts = (0..tokenizer.vocabulary() as u32).map(|id| tokenizer.text(id));
			Arc::new(Vocabulary::new(texts, tokenizer.stops()))
		});
		Grammar::new(&automaton, vocabulary.clone()).map(Arc::new).map(Some).ok_or(Refusal::Format)
	}
}

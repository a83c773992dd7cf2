//! What is multiplied by a number, or has a bound.

use super::{invalid, positive, Family};
use crate::gguf::GgufFile;
use crate::EngineError;

/// What a family multiplies or bounds beside its matrices. Nothing is where there is no number.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Scales {
	/// Multiplies the rows of the embedding.
	pub embedding: Option<f32>,
	/// Multiplies what the attention and the feed-forward part of a layer add.
	pub residual: Option<f32>,
	/// Multiplies scores.
	pub scores: f32,
	/// Multiplies logits.
	pub logits: Option<f32>,
	/// The bound of scores: a score becomes the bound times the tangens hyperbolicus of the score divided by it.
	pub score_bound: Option<f32>,
	/// The bound of logits.
	pub logit_bound: Option<f32>,
}

/// The largest models of Gemma 2 and of Gemma 3, by their numbers of layers: scores are scaled by the width of each query
/// head's share. Files do not say.
const GEMMA2_LARGEST: usize = 46;
const GEMMA3_LARGEST: usize = 62;

impl Scales {
	/// The keys, behind the architecture's name, that a family's files give numbers with.
	pub const fn names(family: Family) -> &'static [&'static str] {
		match family {
			Family::Granite => &["embedding_scale", "residual_scale", "attention.scale", "logit_scale"],
			Family::Gemma2 => &["attn_logit_softcapping", "final_logit_softcapping"],
			Family::Gemma3 => &["final_logit_softcapping"],
			_ => &[],
		}
	}

	/// What the file of a family says that has so many layers, such a width, so many heads, of such a size.
	pub fn read(
		file: &GgufFile<'_>,
		family: Family,
		[layers, width, heads, head]: [usize; 4],
	) -> Result<Self, EngineError> {
		let key = |name: &str| format!("{}.{name}", family.name());
		let required =
			|name: &str| positive(file, &key(name))?.ok_or_else(|| invalid(format!("{} is missing", key(name))));
		// A file that has no such number may have a zero.
		let optional = |name: &str| match file.find::<f32>(&key(name)) {
			Ok(Some(0.0)) => Ok(None),
			_ => positive(file, &key(name)),
		};
		let share = match (family, layers) {
			(Family::Gemma2, GEMMA2_LARGEST) | (Family::Gemma3, GEMMA3_LARGEST) => width / heads,
			_ => head,
		};
		let scores = 1.0 / (share as f32).sqrt();
		let none = Self { embedding: None, residual: None, scores, logits: None, score_bound: None, logit_bound: None };
		let embedding = Some((width as f32).sqrt());
		Ok(match family {
			Family::Granite => Self {
				embedding: optional("embedding_scale")?,
				residual: optional("residual_scale")?,
				scores: optional("attention.scale")?.unwrap_or(scores),
				logits: Some(1.0 / required("logit_scale")?),
				..none
			},
			Family::Gemma2 => Self {
				embedding,
				score_bound: Some(required("attn_logit_softcapping")?),
				logit_bound: Some(required("final_logit_softcapping")?),
				..none
			},
			Family::Gemma3 => Self { embedding, logit_bound: optional("final_logit_softcapping")?, ..none },
			_ => none,
		})
	}
}

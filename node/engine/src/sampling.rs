//! Which token comes next.
//!
//! Logits are floats whose bits all engines agree on. From there on, everything is integers: each token gets a weight,
//! `round(2³⁰ · exp((logit − maximum) / temperature))` with this crate's `exp`, and a draw is a point among the weights
//! of the tokens that are left, these in the order of their ids.
//!
//! 1. Temperature 0, and a `top_k` of 1, mean the likeliest token; of equals the one with the lowest id.
//! 2. `top_k` leaves so many tokens: by descending logit, of equals the lowest id first.
//! 3. `top_p` leaves as few of these, in the same order, as have that share of their weights, and at least one.
//! 4. The point is the upper half of the product of the weights' sum and a random number of 64 bits.
//!
//! The random numbers are a ChaCha20 key stream (RFC 8439), the seed its key, the nonce zero and the block counter from
//! zero; the n-th draw reads its n-th eight bytes, little-endian. The likeliest token is found without a draw.
//!
//! Where an answer has a format, only some tokens may come next. The others have no part in any of this, as if the model
//! did not know them: the maximum is that of the tokens that may come, and so are the weights' sums.

mod chacha;

use crate::format::vocabulary::TokenSet;
use crate::kernels::{all_finite, Kernels};
use crate::{EngineError, Refusal, Tier};
use chacha::KeyStream;

/// What temperatures are counted in: thousandths.
pub const TEMPERATURE_ONE: u32 = 1_000;
/// What shares are counted in: parts per million.
pub const SHARE_ONE: u32 = 1_000_000;

/// 2³⁰: the weight of the likeliest token.
const WEIGHT_ONE: f32 = (1_u32 << 30) as f32;
/// How many floats a kernel takes at once.
pub(crate) const LANES: usize = 16;

/// How to choose among tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sampling {
	/// What logits are divided by, in [`TEMPERATURE_ONE`]s; 0 always takes the likeliest token.
	pub temperature: u32,
	/// How many of the likeliest tokens are left; 0 leaves all.
	pub top_k: u32,
	/// The share of the weights that is left, in [`SHARE_ONE`]s; 0, and [`SHARE_ONE`] and more, leave all.
	pub top_p: u32,
}

impl Sampling {
	/// Always the likeliest token.
	pub const GREEDY: Self = Self { temperature: 0, top_k: 0, top_p: 0 };
}

/// Chooses the tokens of one answer.
pub struct Sampler {
	sampling: Sampling,
	stream: KeyStream,
	kernels: Kernels,
	terms: Vec<f32>,
}

/// A token that may be drawn.
#[derive(Clone, Copy)]
struct Candidate {
	id: u32,
	/// Orders as the logit does; of equal logits the lower id is the greater.
	rank: (i32, std::cmp::Reverse<u32>),
	weight: u64,
}

impl Sampler {
	/// Begins an answer. The seed comes with the request.
	pub fn new(sampling: Sampling, seed: [u8; 32]) -> Self {
		Self { sampling, stream: KeyStream::new(seed), kernels: Kernels::best(), terms: Vec::new() }
	}

	/// The same sampler on another tier, for tests and benchmarks.
	#[doc(hidden)]
	pub fn on_tier(mut self, tier: Tier) -> Result<Self, EngineError> {
		self.kernels = Kernels::new(tier).ok_or(EngineError::TierUnavailable(tier.name()))?;
		Ok(self)
	}

	/// The next token.
	///
	/// The engine refuses logits that are not finite, and such whose quotient by the temperature is not. No logits at
	/// all are refused likewise.
	pub fn choose(&mut self, logits: &[f32]) -> Result<u32, Refusal> {
		let likeliest = greedy(logits);
		self.choose_from(logits, likeliest, None)
	}

	/// The next token of those in a set, which must not be empty.
	pub(crate) fn choose_among(&mut self, logits: &[f32], allowed: &TokenSet) -> Result<u32, Refusal> {
		let known = allowed.iter().filter_map(|id| Some((id, logits.get(id as usize)?)));
		let likeliest = greedy_of(known);
		self.choose_from(logits, likeliest, Some(allowed))
	}

	fn choose_from(
		&mut self,
		logits: &[f32],
		likeliest: Option<u32>,
		allowed: Option<&TokenSet>,
	) -> Result<u32, Refusal> {
		if !all_finite(logits) {
			return Err(Refusal::NotFinite);
		}
		let likeliest = likeliest.ok_or(Refusal::NotFinite)?;
		if self.sampling.temperature == 0 || self.sampling.top_k == 1 {
			return Ok(likeliest);
		}
		let mut candidates = self.candidates(logits, allowed)?;
		self.keep_top_k(&mut candidates);
		self.keep_top_p(&mut candidates);
		candidates.sort_unstable_by_key(|candidate| candidate.id);
		let total = total(&candidates);
		let mut point = (u128::from(self.stream.next_u64()) * u128::from(total)) >> 64;
		for candidate in &candidates {
			match point.checked_sub(candidate.weight.into()) {
				Some(rest) => point = rest,
				None => return Ok(candidate.id),
			}
		}
		// The point is below the sum of the weights, of which the likeliest token has some.
		Ok(likeliest)
	}

	/// The tokens that may come whose weight is not zero, in the order of their ids.
	fn candidates(&mut self, logits: &[f32], allowed: Option<&TokenSet>) -> Result<Vec<Candidate>, Refusal> {
		let scale = TEMPERATURE_ONE as f32 / self.sampling.temperature as f32;
		let terms = &mut self.terms;
		let may_come = |id: u32| allowed.is_none_or(|allowed| allowed.contains(id));
		terms.clear();
		match allowed {
			None => terms.extend(logits.iter().map(|logit| logit * scale)),
			// What may not come must not be the maximum.
			Some(_) => {
				terms.extend((0..).zip(logits).map(|(id, logit)| if may_come(id) { logit * scale } else { f32::MIN }))
			}
		}
		if !all_finite(terms) {
			return Err(Refusal::NotFinite);
		}
		// Whole lanes: a copy of a token changes no other one's weight.
		let last = terms.last().copied().unwrap_or_default();
		terms.resize(terms.len().next_multiple_of(LANES), last);
		self.kernels.softmax_terms(terms, 1.0);
		let candidates = (0_u32..).zip(logits.iter().zip(terms.iter())).filter_map(|(id, (logit, term))| {
			let weight = weight(*term);
			(weight > 0 && may_come(id)).then(|| Candidate { id, rank: (order(*logit), std::cmp::Reverse(id)), weight })
		});
		Ok(candidates.collect())
	}

	fn keep_top_k(&self, candidates: &mut Vec<Candidate>) {
		let k = self.sampling.top_k as usize;
		if k > 0 && k < candidates.len() {
			candidates.select_nth_unstable_by_key(k, |candidate| std::cmp::Reverse(candidate.rank));
			candidates.truncate(k);
		}
	}

	fn keep_top_p(&self, candidates: &mut Vec<Candidate>) {
		let share = u128::from(self.sampling.top_p);
		if share == 0 || share >= u128::from(SHARE_ONE) {
			return;
		}
		candidates.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.rank));
		let wanted = u128::from(total(candidates)) * share;
		let mut reached = 0_u128;
		let enough = candidates.iter().position(|candidate| {
			reached += u128::from(candidate.weight) * u128::from(SHARE_ONE);
			reached >= wanted
		});
		candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));
	}
}

/// The id of the largest logit, of equals the lowest; none if there are no logits. Zeros are equal, whatever their sign.
pub fn greedy(logits: &[f32]) -> Option<u32> {
	greedy_of((0..).zip(logits))
}

fn greedy_of<'a>(logits: impl Iterator<Item = (u32, &'a f32)>) -> Option<u32> {
	let mut best: Option<(u32, f32)> = None;
	for (id, logit) in logits {
		if best.is_none_or(|(_, most)| *logit > most) {
			best = Some((id, *logit));
		}
	}
	best.map(|(id, _)| id)
}

fn total(candidates: &[Candidate]) -> u64 {
	candidates.iter().fold(0, |total, candidate| total + candidate.weight)
}

/// `round(2³⁰ · term)`, ties to even, of a term from 0 to 1. Scaling by a power of two is exact.
fn weight(term: f32) -> u64 {
	const EXACT_FROM: f32 = (1_u32 << 23) as f32;
	let scaled = term * WEIGHT_ONE;
	if scaled >= EXACT_FROM {
		// Such floats are integers.
		scaled as u64
	} else {
		// Added to 2²³ it is rounded to an integer that stands in the low bits.
		u64::from((scaled + EXACT_FROM).to_bits() - EXACT_FROM.to_bits())
	}
}

/// An integer that orders as the float does, with zeros equal.
fn order(logit: f32) -> i32 {
	let bits = (logit + 0.0).to_bits().cast_signed();
	if bits < 0 {
		i32::MIN - bits
	} else {
		bits
	}
}

#[cfg(test)]
mod tests;

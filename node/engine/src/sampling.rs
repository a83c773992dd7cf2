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
use crate::kernels::lanes::WIDTH;
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
pub(crate) const LANES: usize = WIDTH;
/// How many of the likeliest tokens are looked at first.
const FEW: usize = 128;

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
	/// Room for those of the last draw, which is a megabyte or more for most vocabularies.
	candidates: Vec<Candidate>,
	/// Room for the tokens that may come, and their logits.
	left: (Vec<u32>, Vec<f32>),
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
		Self {
			sampling,
			stream: KeyStream::new(seed),
			kernels: Kernels::best(),
			terms: Vec::new(),
			candidates: Vec::new(),
			left: Default::default(),
		}
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
		if !all_finite(logits) {
			return Err(Refusal::NotFinite);
		}
		let greedy = greedy(logits).ok_or(Refusal::NotFinite)?;
		if self.sampling.temperature == 0 || self.sampling.top_k == 1 {
			return Ok(greedy);
		}
		let mut candidates = std::mem::take(&mut self.candidates);
		let drawn = self.fill(&mut candidates, logits).map(|()| self.draw(&mut candidates));
		self.candidates = candidates;
		// The point is below the sum of the weights, of which the likeliest token has some.
		Ok(drawn?.unwrap_or(greedy))
	}

	/// The next token of those in a set, which must not be empty.
	pub(crate) fn choose_among(&mut self, logits: &[f32], allowed: &TokenSet) -> Result<u32, Refusal> {
		let (mut ids, mut left) = std::mem::take(&mut self.left);
		ids.clear();
		left.clear();
		for id in allowed.iter() {
			if let Some(logit) = logits.get(id as usize) {
				ids.push(id);
				left.push(*logit);
			}
		}
		let chosen = self.choose(&left).map(|index| ids[index as usize]);
		self.left = (ids, left);
		chosen
	}

	/// The token at a point among the weights of those that are left.
	fn draw(&mut self, candidates: &mut Vec<Candidate>) -> Option<u32> {
		self.keep_top_k(candidates);
		self.keep_top_p(candidates);
		candidates.sort_unstable_by_key(|candidate| candidate.id);
		let mut point = (u128::from(self.stream.next_u64()) * u128::from(total(candidates))) >> 64;
		let at_point = candidates.iter().find(|candidate| match point.checked_sub(candidate.weight.into()) {
			Some(rest) => {
				point = rest;
				false
			}
			None => true,
		});
		at_point.map(|candidate| candidate.id)
	}

	/// Fills in the tokens whose weight is not zero, in the order of their ids.
	fn fill(&mut self, candidates: &mut Vec<Candidate>, logits: &[f32]) -> Result<(), Refusal> {
		let scale = TEMPERATURE_ONE as f32 / self.sampling.temperature as f32;
		let terms = &mut self.terms;
		terms.clear();
		terms.extend(logits.iter().map(|logit| logit * scale));
		terms.resize(terms.len().next_multiple_of(LANES), 0.0);
		self.kernels.softmax_of(terms, logits.len(), 1.0).ok_or(Refusal::NotFinite)?;
		candidates.clear();
		// Most tokens are known to be no candidates as soon as `top_k` others are there.
		let most = if self.sampling.top_k == 0 { usize::MAX } else { (2 * self.sampling.top_k as usize).max(FEW) };
		candidates.reserve(logits.len().min(most));
		let mut least = i32::MIN;
		for (id, (logit, term)) in (0_u32..).zip(logits.iter().zip(&self.terms)) {
			let order = order(*logit);
			if order <= least {
				continue;
			}
			let weight = weight(*term);
			if weight > 0 {
				candidates.push(Candidate { id, rank: (order, std::cmp::Reverse(id)), weight });
			}
			if candidates.len() == most {
				self.keep_top_k(candidates);
				// Of equals the lowest id first: all that are kept come before an equal one.
				least = candidates.iter().map(|candidate| candidate.rank.0).min().unwrap_or(least);
			}
		}
		Ok(())
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
		let wanted = u128::from(total(candidates)) * share;
		// As a rule the likeliest few have the share, so that the others need no order.
		let mut sorted = FEW;
		loop {
			let by_rank = |candidate: &Candidate| std::cmp::Reverse(candidate.rank);
			if sorted < candidates.len() {
				candidates.select_nth_unstable_by_key(sorted, by_rank);
			}
			sorted = sorted.min(candidates.len());
			candidates[..sorted].sort_unstable_by_key(by_rank);
			let mut reached = 0_u128;
			let enough = candidates[..sorted].iter().position(|candidate| {
				reached += u128::from(candidate.weight) * u128::from(SHARE_ONE);
				reached >= wanted
			});
			if enough.is_some() || sorted == candidates.len() {
				candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));
				return;
			}
			sorted *= 8;
		}
	}
}

/// The id of the largest logit, of equals the lowest; none if there are no logits. Zeros are equal, whatever their sign.
pub fn greedy(logits: &[f32]) -> Option<u32> {
	let first = *logits.first()?;
	let (lanes, rest) = logits.as_chunks::<LANES>();
	// Lane by lane, which compilers make wide.
	let mut most = [first; LANES];
	for logits in lanes {
		for (most, logit) in most.iter_mut().zip(logits) {
			*most = if logit > most { *logit } else { *most };
		}
	}
	let most = most.iter().chain(rest).fold(first, |most, logit| if *logit > most { *logit } else { most });
	// No logit equals one that is not a number, as which the first may be.
	Some(logits.iter().position(|logit| *logit == most).unwrap_or(0) as u32)
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

//! common-lingua 0.2.3: which language a text is in.
//!
//! Bytes, padded to [`CONTEXT`], are embedded together with the trigram that begins at each; three causal depthwise
//! convolutions and one attention layer over all positions follow, each with a gated feed-forward part; the mean of the
//! text's positions is classified. Of the model's 334 labels only [`LANGUAGES`] are answers: the softmax is over these.
//!
//! A softmax over so few labels makes a likely one of any text. So the label is [`UNDETERMINED`] where all of them together
//! have less than 1 / [`KNOWN_SHARE`] of the softmax over all labels: the model takes the text for another language.
//!
//! Padding is part of the semantics: the text attends to all positions. But few padded rows differ. A convolution
//! looks [`KERNEL`] − 1 positions back, so three of them carry the text 42 positions past its end; beyond that, all
//! rows equal each other, save the last two, whose trigrams are cut off. [`Plan::distinct`] computes equal rows once,
//! which changes no bit, since rows do not depend on each other's order or number; a test compares with
//! [`Plan::full`].

use super::rows::over_rows;
use super::{settle, Model, Stop};
use crate::boundary::{check_text, classification};
use crate::kernels::{all_finite, lanes, rope::RopeTables, Kernels, PackedMatrix};
use crate::weights::Weights;
use crate::{EngineError, Inference, Refusal, Request, Response};

/// How many bytes the model reads.
pub const CONTEXT: usize = 512;

/// The labels that are answers (ISO 639-3, the model's spelling), in the model's order.
pub const LANGUAGES: [&str; 64] = [
	"amh", "arb", "azj", "bel", "ben", "bul", "cat", "ces", "dan", "deu", "ell", "eng", "est", "fas", "fin", "fra",
	"guj", "hau", "heb", "hin", "hrv", "hun", "hye", "ind", "isl", "ita", "jpn", "kan", "kat", "kaz", "kor", "lav",
	"lit", "mal", "mar", "mkd", "mya", "nep", "nld", "nor", "pan", "pol", "por", "ron", "rus", "sin", "slk", "slv",
	"spa", "sqi", "srp", "swe", "swh", "tam", "tel", "tgl", "tha", "tur", "ukr", "urd", "uzb", "vie", "yor", "zho",
];

/// The label of a text in none of [`LANGUAGES`], as far as the model can tell (ISO 639-3: undetermined).
pub const UNDETERMINED: &str = "und";

/// An answer is a language where all of [`LANGUAGES`] have at least one in so many parts of the unmasked softmax. A power of two, so
/// that the product with it is exact.
const KNOWN_SHARE: f32 = 1024.0;

/// No file of this architecture is larger.
const MAX_FILE_SIZE: u64 = 16 << 20;

const LABELS: usize = 334;
const WIDTH: usize = 256;
const HIDDEN: usize = 512;
const HEADS: usize = 4;
const HEAD: usize = WIDTH / HEADS;
const CONV_LAYERS: usize = 3;
const KERNEL: usize = 15;
const PAD: usize = 256;
const NGRAMS: usize = 4096;
const NGRAM_WIDTH: usize = 64;
const NORM_EPSILON: f32 = 1e-5;
const ROPE_BASE: f64 = 10_000.0;
/// 1 / √HEAD
const SCORE_SCALE: f32 = 0.125;

/// The bits of the tables of angles are part of the semantics.
const ROPE_HASH: [u8; 32] = [
	0x04, 0x17, 0xf7, 0xd8, 0xd8, 0x84, 0xee, 0xc9, 0x5b, 0x20, 0x5b, 0x66, 0xfc, 0xc0, 0x49, 0xd2, 0xf3, 0x06, 0x0e,
	0x0b, 0x63, 0x35, 0x81, 0x0f, 0x2f, 0x9a, 0x03, 0x7f, 0x25, 0xc5, 0x45, 0x26,
];

/// How many rows the feed-forward part and the attention take at once: what they hold then stays in the second cache.
const BLOCK: usize = 48;

struct NormWeights {
	weight: Vec<f32>,
	bias: Vec<f32>,
}

struct FeedForward {
	norm: NormWeights,
	gate: PackedMatrix,
	up: PackedMatrix,
	down: PackedMatrix,
}

struct ConvLayer {
	norm: NormWeights,
	/// A row per tap.
	weight: Vec<f32>,
	bias: Vec<f32>,
	feed_forward: FeedForward,
}

/// The loaded model.
pub(crate) struct CommonLingua {
	embedding: Vec<f32>,
	ngram_embedding: Vec<f32>,
	ngram_projection: PackedMatrix,
	conv_layers: Vec<ConvLayer>,
	attention_norm: NormWeights,
	query: PackedMatrix,
	/// Keys, then values.
	key_value: PackedMatrix,
	out: PackedMatrix,
	feed_forward: FeedForward,
	final_norm: NormWeights,
	hidden: PackedMatrix,
	hidden_bias: Vec<f32>,
	classifier: PackedMatrix,
	classifier_bias: Vec<f32>,
	/// The numbers of [`LANGUAGES`] among the labels.
	languages: Vec<usize>,
	rope: RopeTables,
}

/// Which rows are computed.
struct Plan {
	/// The position of each row that is computed.
	positions: Vec<usize>,
	/// The row that has a position's values.
	row_of: Vec<usize>,
	/// How many rows, from the first, are computed after the attention.
	queries: usize,
}

impl Plan {
	/// Every row on its own.
	fn full() -> Self {
		Self { positions: (0..CONTEXT).collect(), row_of: (0..CONTEXT).collect(), queries: CONTEXT }
	}

	/// The rows that differ, for a text of `length` bytes; after the attention those of the text.
	fn distinct(length: usize) -> Self {
		const REACH: usize = CONV_LAYERS * (KERNEL - 1);
		const CUT_OFF: usize = CONTEXT - 2;
		let alike = length + REACH;
		if alike + 1 >= CUT_OFF {
			return Self { queries: length, ..Self::full() };
		}
		let positions = (0..=alike).chain(CUT_OFF..CONTEXT).collect();
		let row_of = (0..CONTEXT)
			.map(|position| if position < CUT_OFF { position.min(alike) } else { alike + 1 + position - CUT_OFF })
			.collect();
		Self { positions, row_of, queries: length }
	}
}

impl CommonLingua {
	/// Loads the model from its file, whose hash the caller has checked.
	pub fn load(file: &[u8]) -> Result<Self, EngineError> {
		let size = file.len() as u64;
		if size > MAX_FILE_SIZE {
			return Err(EngineError::FileTooLarge { size, limit: MAX_FILE_SIZE });
		}
		let mut file = Weights::read(file)?;
		let weights = &mut file;
		let qkv = weights.take("attn_layers.0.qkv", &[3 * WIDTH, WIDTH])?;
		let (query, key_value) = qkv.split_at(WIDTH * WIDTH);
		let classifier = weights.take("head.3.weight", &[LABELS, WIDTH])?;
		let mut classifier_bias = weights.take("head.3.bias", &[LABELS])?;
		classifier_bias.resize(LABELS.next_multiple_of(lanes::WIDTH), 0.0);
		let rope = RopeTables::new(CONTEXT, HEAD, ROPE_BASE);
		if rope.hash() != ROPE_HASH {
			return Err(EngineError::Internal("the tables of angles differ from the semantics'".into()));
		}
		let model = Self {
			embedding: weights.take("embed.weight", &[PAD + 1, WIDTH])?,
			ngram_embedding: weights.take("ngram_embed.embed.weight", &[NGRAMS, NGRAM_WIDTH])?,
			ngram_projection: matrix(weights, "ngram_proj", WIDTH, NGRAM_WIDTH)?,
			conv_layers: (0..CONV_LAYERS).map(|layer| conv_layer(weights, layer)).collect::<Result<_, _>>()?,
			attention_norm: norm(weights, "attn_layers.0.norm1")?,
			query: PackedMatrix::from_rows(query, WIDTH),
			key_value: PackedMatrix::from_rows(key_value, WIDTH),
			out: matrix(weights, "attn_layers.0.out_proj", WIDTH, WIDTH)?,
			feed_forward: feed_forward(weights, "attn_layers.0")?,
			final_norm: norm(weights, "final_norm")?,
			hidden: matrix(weights, "head.0.weight", WIDTH, WIDTH)?,
			hidden_bias: weights.take("head.0.bias", &[WIDTH])?,
			classifier: PackedMatrix::from_rows(&classifier, WIDTH),
			classifier_bias,
			languages: language_labels()?,
			rope,
		};
		file.finish()?;
		Ok(model)
	}

	/// What the classifier is multiplied with.
	fn features(&self, text: &[u8], plan: &Plan, kernels: Kernels, threads: usize) -> Result<Vec<f32>, Stop> {
		let mut x = self.embed(text, plan, kernels, threads)?;
		for layer in &self.conv_layers {
			layer.apply(&mut x, plan, kernels, threads)?;
		}
		ensure_finite(&x)?;
		self.attend(&mut x, plan, kernels, threads)?;
		x.truncate(text.len() * WIDTH);
		ensure_finite(&x)?;

		let mut mean = vec![0.0; WIDTH];
		for row in x.chunks_exact(WIDTH) {
			kernels.add_to(&mut mean, row);
		}
		kernels.divide_by(&mut mean, text.len() as f32);
		let mut hidden = vec![0.0; WIDTH];
		kernels.gemm(&mean, WIDTH, self.hidden.panels(), &mut hidden, 1);
		kernels.add_to(&mut hidden, &self.hidden_bias);
		ensure_finite(&hidden)?;
		kernels.gelu(&mut hidden);
		Ok(hidden)
	}

	/// The logits of all labels, and zeros up to a multiple of sixteen.
	fn logits(&self, features: &[f32], kernels: Kernels) -> Result<Vec<f32>, Stop> {
		let mut logits = vec![0.0; self.classifier_bias.len()];
		kernels.gemm(features, WIDTH, self.classifier.panels(), &mut logits, 1);
		kernels.add_to(&mut logits, &self.classifier_bias);
		ensure_finite(&logits)?;
		Ok(logits)
	}

	/// The label, and the best scores among [`LANGUAGES`], by the logits of all labels.
	fn answer(&self, mut all: Vec<f32>, kernels: Kernels) -> Result<Response, Stop> {
		let mut logits: Vec<f32> = self.languages.iter().map(|label| all[*label]).collect();
		let sum = softmax(kernels, &mut logits, 1.0)?;
		kernels.divide_by(&mut logits, sum);
		let total = kernels.softmax_of(&mut all, LABELS, 1.0).ok_or(Refusal::NotFinite)?;
		let known = self.languages.iter().fold(0.0, |known, label| known + all[*label]);
		Ok(match classification(&LANGUAGES, &logits) {
			Response::Classification { scores, .. } if known * KNOWN_SHARE < total => {
				Response::Classification { label: UNDETERMINED.into(), scores }
			}
			answer => answer,
		})
	}

	fn embed(&self, text: &[u8], plan: &Plan, kernels: Kernels, threads: usize) -> Result<Vec<f32>, Stop> {
		// The trigram sees the padding as byte 255, and zeros behind the last position.
		let byte = |position: usize| match text.get(position) {
			Some(byte) => usize::from(*byte),
			None if position < CONTEXT => PAD - 1,
			None => 0,
		};
		let mut x = vec![0.0; plan.positions.len() * WIDTH];
		over_rows(threads, WIDTH, &mut x, |first, part| {
			let positions = &plan.positions[first..][..part.len() / WIDTH];
			let mut ngrams = Vec::with_capacity(positions.len() * NGRAM_WIDTH);
			for position in positions.iter().copied() {
				let trigram = (byte(position) * 257 + byte(position + 1)) * 257 + byte(position + 2);
				ngrams.extend_from_slice(&self.ngram_embedding[trigram % NGRAMS * NGRAM_WIDTH..][..NGRAM_WIDTH]);
			}
			kernels.gemm(&ngrams, NGRAM_WIDTH, self.ngram_projection.panels(), part, positions.len());
			for (row, position) in part.chunks_exact_mut(WIDTH).zip(positions) {
				let id = text.get(*position).map_or(PAD, |byte| usize::from(*byte));
				kernels.add_to(row, &self.embedding[id * WIDTH..][..WIDTH]);
			}
			Ok(())
		})?;
		Ok(x)
	}

	/// The attention layer and the final norm, of the plan's first rows.
	fn attend(&self, x: &mut [f32], plan: &Plan, kernels: Kernels, threads: usize) -> Result<(), Stop> {
		let mut normed = vec![0.0; x.len()];
		self.attention_norm.apply(x, &mut normed, kernels, threads)?;
		let project = |to: &PackedMatrix, width: usize, rows: usize| -> Result<Vec<f32>, Stop> {
			let mut projected = vec![0.0; rows * width];
			over_rows(threads, width, &mut projected, |first, part| {
				kernels.gemm(&normed[first * WIDTH..], WIDTH, to.panels(), part, part.len() / width);
				ensure_finite(part)
			})?;
			Ok(projected)
		};
		let key_value = project(&self.key_value, 2 * WIDTH, plan.positions.len())?;
		let query = project(&self.query, WIDTH, plan.queries)?;
		let (keys, values) = self.keys_and_values(&key_value, plan, kernels);

		over_rows(threads, WIDTH, &mut x[..plan.queries * WIDTH], |first, part| {
			let mut rotated = vec![0.0; BLOCK * WIDTH];
			let mut scores = vec![0.0; BLOCK * CONTEXT];
			let mut mixed = vec![0.0; BLOCK * WIDTH];
			let mut projected = vec![0.0; BLOCK * WIDTH];
			for (block, x) in part.chunks_mut(BLOCK * WIDTH).enumerate() {
				let rows = x.len() / WIDTH;
				let from = first + block * BLOCK;
				rotated[..x.len()].copy_from_slice(&query[from * WIDTH..][..x.len()]);
				for (row, query) in rotated[..x.len()].chunks_exact_mut(WIDTH).enumerate() {
					self.rotate(query, plan.positions[from + row], kernels);
				}
				for (head, (keys, values)) in keys.iter().zip(&values).enumerate() {
					let scores = &mut scores[..rows * CONTEXT];
					kernels.gemm(&rotated[head * HEAD..], WIDTH, keys.panels(), scores, rows);
					let sums = scores.chunks_exact_mut(CONTEXT).map(|row| softmax(kernels, row, SCORE_SCALE));
					let sums: Vec<f32> = sums.collect::<Result<_, _>>()?;
					let mixed = &mut mixed[head * HEAD..];
					kernels.gemm_into(scores, CONTEXT, values.panels(), mixed, WIDTH, rows);
					for (row, sum) in sums.into_iter().enumerate() {
						kernels.divide_by(&mut mixed[row * WIDTH..][..HEAD], sum);
					}
				}
				let projected = &mut projected[..x.len()];
				kernels.gemm(&mixed, WIDTH, self.out.panels(), projected, rows);
				kernels.add_to(x, projected);
			}
			self.feed_forward.apply(part, kernels)?;
			ensure_finite(part)?;
			let before = part.to_vec();
			self.final_norm.rows(&before, part, kernels)
		})
	}

	/// Each head's keys, a column per position, and its values, a row per position.
	fn keys_and_values(
		&self,
		key_value: &[f32],
		plan: &Plan,
		kernels: Kernels,
	) -> (Vec<PackedMatrix>, Vec<PackedMatrix>) {
		let mut keys = vec![PackedMatrix::zeros(HEAD, CONTEXT); HEADS];
		let mut values = vec![PackedMatrix::zeros(CONTEXT, HEAD); HEADS];
		let mut rotated = [0.0; WIDTH];
		for (position, row) in plan.row_of.iter().enumerate() {
			let (key, value) = key_value[row * 2 * WIDTH..][..2 * WIDTH].split_at(WIDTH);
			rotated.copy_from_slice(key);
			self.rotate(&mut rotated, position, kernels);
			for head in 0..HEADS {
				keys[head].set_column(position, &rotated[head * HEAD..][..HEAD]);
				values[head].set_row(position, &value[head * HEAD..][..HEAD]);
			}
		}
		(keys, values)
	}

	fn rotate(&self, row: &mut [f32], position: usize, kernels: Kernels) {
		let (cos, sin) = self.rope.at(position);
		for head in row.chunks_exact_mut(HEAD) {
			kernels.rotate(head, cos, sin);
		}
	}
}

impl Model for CommonLingua {
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Inference, EngineError> {
		settle(|tracer| {
			let text = check_text(request, CONTEXT)?.as_bytes();
			let features = self.features(text, &Plan::distinct(text.len()), kernels, threads)?;
			let logits = self.logits(&features, kernels)?;
			tracer.add(&features);
			self.answer(logits, kernels)
		})
	}
}

impl NormWeights {
	fn apply(&self, x: &[f32], out: &mut [f32], kernels: Kernels, threads: usize) -> Result<(), Stop> {
		over_rows(threads, WIDTH, out, |first, part| self.rows(&x[first * WIDTH..][..part.len()], part, kernels))
	}

	/// The norm of each row. A variance that is not finite, whose norm would be zeros, is a refusal.
	fn rows(&self, x: &[f32], out: &mut [f32], kernels: Kernels) -> Result<(), Stop> {
		ensure(kernels.norm(x, out, &self.weight, &self.bias, NORM_EPSILON))
	}
}

impl ConvLayer {
	fn apply(&self, x: &mut [f32], plan: &Plan, kernels: Kernels, threads: usize) -> Result<(), Stop> {
		const BEFORE: [f32; WIDTH] = [0.0; WIDTH];
		let mut normed = vec![0.0; x.len()];
		self.norm.apply(x, &mut normed, kernels, threads)?;
		over_rows(threads, WIDTH, x, |first, part| {
			for (row, x) in part.chunks_exact_mut(WIDTH).enumerate() {
				let position = plan.positions[first + row];
				let mut taps = [&BEFORE[..]; KERNEL];
				for (tap, values) in taps.iter_mut().enumerate() {
					if let Some(from) = (position + tap).checked_sub(KERNEL - 1) {
						*values = &normed[plan.row_of[from] * WIDTH..][..WIDTH];
					}
				}
				kernels.conv_step(x, taps, &self.weight, &self.bias);
			}
			self.feed_forward.apply(part, kernels)
		})
	}
}

impl FeedForward {
	/// `x += down(silu(gate(norm(x))) · up(norm(x)))`
	fn apply(&self, x: &mut [f32], kernels: Kernels) -> Result<(), Stop> {
		let mut normed = vec![0.0; BLOCK * WIDTH];
		let mut gate = vec![0.0; BLOCK * HIDDEN];
		let mut up = vec![0.0; BLOCK * HIDDEN];
		for x in x.chunks_mut(BLOCK * WIDTH) {
			let rows = x.len() / WIDTH;
			let normed = &mut normed[..rows * WIDTH];
			let (gate, up) = (&mut gate[..rows * HIDDEN], &mut up[..rows * HIDDEN]);
			self.norm.rows(x, normed, kernels)?;
			kernels.gemm(normed, WIDTH, self.gate.panels(), gate, rows);
			kernels.gemm(normed, WIDTH, self.up.panels(), up, rows);
			kernels.gate_up(gate, up);
			kernels.gemm(gate, HIDDEN, self.down.panels(), normed, rows);
			kernels.add_to(x, normed);
		}
		Ok(())
	}
}

/// Replaces a row of scores by the terms of its softmax and returns their sum.
fn softmax(kernels: Kernels, row: &mut [f32], scale: f32) -> Result<f32, Stop> {
	kernels.softmax_of(row, row.len(), scale).ok_or_else(|| Refusal::NotFinite.into())
}

fn ensure_finite(values: &[f32]) -> Result<(), Stop> {
	ensure(all_finite(values))
}

/// Finite, or the model refuses.
fn ensure(finite: bool) -> Result<(), Stop> {
	if finite {
		Ok(())
	} else {
		Err(Refusal::NotFinite.into())
	}
}

/// The numbers of [`LANGUAGES`] among the model's labels.
fn language_labels() -> Result<Vec<usize>, EngineError> {
	let number = |language: &&str| common_lingua::LANGS.iter().position(|label| label == language);
	LANGUAGES
		.iter()
		.map(number)
		.collect::<Option<Vec<_>>>()
		.ok_or_else(|| EngineError::Internal("a language is not among the model's labels".into()))
}

fn matrix(weights: &mut Weights, name: &str, columns: usize, depth: usize) -> Result<PackedMatrix, EngineError> {
	Ok(PackedMatrix::from_rows(&weights.take(name, &[columns, depth])?, depth))
}

fn norm(weights: &mut Weights, name: &str) -> Result<NormWeights, EngineError> {
	Ok(NormWeights {
		weight: weights.take(&format!("{name}.weight"), &[WIDTH])?,
		bias: weights.take(&format!("{name}.bias"), &[WIDTH])?,
	})
}

fn feed_forward(weights: &mut Weights, layer: &str) -> Result<FeedForward, EngineError> {
	Ok(FeedForward {
		norm: norm(weights, &format!("{layer}.norm2"))?,
		gate: matrix(weights, &format!("{layer}.ffn_gate"), HIDDEN, WIDTH)?,
		up: matrix(weights, &format!("{layer}.ffn_up"), HIDDEN, WIDTH)?,
		down: matrix(weights, &format!("{layer}.ffn_down"), WIDTH, HIDDEN)?,
	})
}

fn conv_layer(weights: &mut Weights, layer: usize) -> Result<ConvLayer, EngineError> {
	let name = format!("conv_layers.{layer}");
	let by_channel = weights.take(&format!("{name}.conv.weight"), &[WIDTH, 1, KERNEL])?;
	let by_tap =
		(0..KERNEL).flat_map(|tap| by_channel.iter().skip(tap).step_by(KERNEL).copied().collect::<Vec<_>>()).collect();
	Ok(ConvLayer {
		norm: norm(weights, &format!("{name}.norm1"))?,
		weight: by_tap,
		bias: weights.take(&format!("{name}.conv.bias"), &[WIDTH])?,
		feed_forward: feed_forward(weights, &name)?,
	})
}

#[cfg(test)]
mod tests;

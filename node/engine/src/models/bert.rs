//! all-MiniLM-L6-v2: a text as a unit vector, so that texts of like meaning have a large scalar product.
//!
//! BERT, from safetensors of F32. Tokens are embedded with their positions and normed; each layer adds an attention over
//! all positions and a feed-forward part with a GELU, and norms after each of the two. The mean over all tokens, those
//! that the tokenizer puts around the text among them, is divided by its length.
//!
//! A position's embedding is added to that of token type 0 first. A matrix product's bias is added to the finished sum,
//! then the residual. Scores, their softmax and the mixed values are as in [`attention`](crate::kernels::attention), but
//! every query sees every position. The mean is a chain over the tokens in increasing order, divided at the end.
//!
//! Sizes are read off the tensors' shapes; that a head has [`HEAD`] dimensions is of this model's kind.

mod loader;
#[cfg(test)]
mod tests;

use super::{settle, Model, Stop};
use crate::boundary::check_text;
use crate::kernels::lanes::WIDTH;
use crate::kernels::pool::Pool;
use crate::kernels::{check_float_environment, Kernels, PackedMatrix, Panels, StoredMatrix, TILE_PANELS};
use crate::tokenizer::JsonTokenizer;
use crate::{EngineError, Inference, Refusal, Request, Response};
use std::sync::atomic::{AtomicBool, Ordering};

/// How many tokens the model reads at most, those around the text among them. It has positions for 512; this is what its
/// publishers' `sentence_bert_config.json` names. Theirs cuts longer texts off, this one refuses them.
const CONTEXT: usize = 256;
/// The dimensions of a head.
const HEAD: usize = 32;
const NORM_EPSILON: f32 = 1e-12;

/// How many rows a forward pass takes at once, unless one sequence has more.
const MAX_ROWS: usize = 256;
/// How many rows a thread takes at once: with what a product reads beside them, they fit the second cache.
const BLOCK_ROWS: usize = 64;
/// How many pieces of a product each thread gets, so that a slow one delays little.
const PIECES: usize = 4;

struct Linear {
	weights: StoredMatrix,
	bias: Vec<f32>,
}

struct Norm {
	weight: Vec<f32>,
	bias: Vec<f32>,
}

struct Layer {
	/// Queries, keys and values beside each other.
	query_key_value: Linear,
	attention_out: Linear,
	attention_norm: Norm,
	up: Linear,
	down: Linear,
	feed_forward_norm: Norm,
}

/// The loaded model and its tokenizer.
pub(crate) struct Bert {
	tokenizer: JsonTokenizer,
	/// A row per token.
	words: Vec<f32>,
	/// A row per position, the embedding of token type 0 added.
	positions: Vec<f32>,
	embedding_norm: Norm,
	layers: Vec<Layer>,
}

/// What happens to a product after its bias was added.
#[derive(Clone, Copy)]
enum Then<'a> {
	Nothing,
	Gelu,
	/// These rows are added.
	Add(&'a [f32]),
}

/// The rows of some sequences on their way through the model.
struct States<'a> {
	kernels: Kernels,
	pool: &'a Pool,
	/// The number of tokens of each sequence.
	lengths: Vec<usize>,
	x: Vec<f32>,
	query_key_value: Vec<f32>,
	mixed: Vec<f32>,
	hidden: Vec<f32>,
	sums: Vec<f32>,
}

impl Bert {
	/// How many tokens it reads at most.
	pub fn context(&self) -> usize {
		self.positions.len() / self.width()
	}

	/// How many dimensions an embedding has.
	pub fn width(&self) -> usize {
		self.embedding_norm.weight.len()
	}

	/// The number of tokens that it knows.
	pub fn vocabulary(&self) -> usize {
		self.words.len() / self.width()
	}

	/// The tokens of a text, with those around it.
	pub fn tokens(&self, text: &str) -> Result<Vec<u32>, Stop> {
		if text.is_empty() {
			return Err(Refusal::EmptyInput.into());
		}
		let tokens = self.tokenizer.encode(text);
		Ok(tokens.map_err(|error| EngineError::Internal(error.to_string()))?)
	}

	/// The mean over a text's tokens.
	fn mean(&self, kernels: Kernels, pool: &Pool, text: &str) -> Result<Vec<f32>, Stop> {
		let tokens = self.tokens(text)?;
		let mut means = self.means(kernels, pool, &[&tokens])?;
		means.pop().ok_or_else(|| EngineError::Internal("no embedding".into()).into())
	}

	/// The embedding of a text, of length 1.
	pub fn embed(&self, kernels: Kernels, pool: &Pool, text: &str) -> Result<Vec<f32>, Stop> {
		unit(kernels, self.mean(kernels, pool, text)?)
	}

	/// The embedding of each sequence, the same as each of them alone. If one of them is refused, all are.
	pub fn embed_tokens(&self, kernels: Kernels, pool: &Pool, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>, Stop> {
		let mut embeddings = Vec::with_capacity(sequences.len());
		let mut rest = sequences;
		while !rest.is_empty() {
			let mut rows = 0;
			let fitting = rest.iter().take_while(|sequence| {
				rows += sequence.len();
				rows <= MAX_ROWS
			});
			let (group, others) = rest.split_at(fitting.count().max(1));
			for mean in self.means(kernels, pool, group)? {
				embeddings.push(unit(kernels, mean)?);
			}
			rest = others;
		}
		Ok(embeddings)
	}

	/// The mean over the tokens of each sequence.
	fn means(&self, kernels: Kernels, pool: &Pool, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>, Stop> {
		let mut states = self.start(kernels, pool, sequences)?;
		for layer in &self.layers {
			layer.apply(&mut states)?;
		}
		Ok(states.means(self.width()))
	}

	/// Embeds the tokens of some sequences.
	fn start<'a>(&self, kernels: Kernels, pool: &'a Pool, sequences: &[&[u32]]) -> Result<States<'a>, Stop> {
		if !check_float_environment() {
			return Err(EngineError::FloatEnvironment.into());
		}
		let width = self.width();
		let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.len()).collect();
		let rows = lengths.iter().sum::<usize>();
		let mut states = States {
			kernels,
			pool,
			lengths,
			x: vec![0.0; rows * width],
			query_key_value: vec![0.0; rows * 3 * width],
			mixed: vec![0.0; rows * width],
			hidden: Vec::new(),
			sums: vec![0.0; rows * width],
		};
		let mut to = states.sums.chunks_exact_mut(width);
		for sequence in sequences {
			if sequence.is_empty() {
				return Err(Refusal::EmptyInput.into());
			}
			if sequence.len() > self.context() {
				return Err(Refusal::ContextExceeded { limit: self.context() as u32 }.into());
			}
			for ((token, position), row) in sequence.iter().zip(self.positions.chunks_exact(width)).zip(&mut to) {
				let word = self.words.get(*token as usize * width..).and_then(|words| words.get(..width));
				let unknown = || EngineError::Internal("a token that the model does not know".into());
				row.copy_from_slice(word.ok_or_else(unknown)?);
				kernels.add_to(row, position);
			}
		}
		states.norm_sums(&self.embedding_norm)?;
		Ok(states)
	}
}

impl Layer {
	fn apply(&self, states: &mut States<'_>) -> Result<(), Stop> {
		let width = self.attention_norm.weight.len();
		states.hidden.resize(states.x.len() / width * self.up.bias.len(), 0.0);
		let States { kernels, pool, .. } = *states;
		self.query_key_value.multiply(kernels, pool, &states.x, &mut states.query_key_value, Then::Nothing);
		states.attend(width)?;
		self.attention_out.multiply(kernels, pool, &states.mixed, &mut states.sums, Then::Add(&states.x));
		states.norm_sums(&self.attention_norm)?;
		self.up.multiply(kernels, pool, &states.x, &mut states.hidden, Then::Gelu);
		self.down.multiply(kernels, pool, &states.hidden, &mut states.sums, Then::Add(&states.x));
		states.norm_sums(&self.feed_forward_norm)
	}
}

impl Linear {
	/// Multiplies all rows of the input.
	fn multiply(&self, kernels: Kernels, pool: &Pool, input: &[f32], out: &mut [f32], then: Then<'_>) {
		let Panels { depth, data } = self.weights.panels();
		let width = self.bias.len();
		let row_blocks = (input.len() / depth).div_ceil(BLOCK_ROWS).max(1);
		let pieces = if pool.threads() == 1 { 1 } else { (pool.threads() * PIECES).div_ceil(row_blocks) };
		let panels = (width / WIDTH).div_ceil(pieces).next_multiple_of(TILE_PANELS);
		pool.blocks(out, width, [BLOCK_ROWS, panels * WIDTH], |block| {
			let columns = block.columns();
			let data = &data[columns.start / WIDTH * depth..columns.end / WIDTH * depth];
			kernels.gemm_block(&input[block.rows().start * depth..], depth, Panels { depth, data }, block);
			for row in block.rows() {
				let values = block.row(row);
				kernels.add_to(values, &self.bias[columns.clone()]);
				match then {
					Then::Nothing => (),
					Then::Gelu => kernels.gelu(values),
					Then::Add(rows) => kernels.add_to(values, &rows[row * width..][columns.clone()]),
				}
			}
		});
	}
}

impl States<'_> {
	/// Mixes the values of each sequence, head by head.
	fn attend(&mut self, width: usize) -> Result<(), Stop> {
		let Self { kernels, ref lengths, ref query_key_value, .. } = *self;
		let scale = 1.0 / (HEAD as f32).sqrt();
		let finite = AtomicBool::new(true);
		let rows = self.x.len() / width;
		self.pool.blocks(&mut self.mixed, width, [rows.max(1), HEAD], |out| {
			let head = out.columns();
			let longest = lengths.iter().copied().max().unwrap_or_default();
			let mut scores = vec![0.0; BLOCK_ROWS * longest.next_multiple_of(WIDTH)];
			let mut mixed = vec![0.0; BLOCK_ROWS * HEAD];
			let mut first = 0;
			for length in lengths.iter().copied() {
				let rows = &query_key_value[first * 3 * width..][..length * 3 * width];
				let mut keys = PackedMatrix::zeros(HEAD, length);
				let mut values = PackedMatrix::zeros(length, HEAD);
				for (position, row) in rows.chunks_exact(3 * width).enumerate() {
					keys.set_column(position, &row[width..][head.clone()]);
					values.set_row(position, &row[2 * width..][head.clone()]);
				}
				let stride = length.next_multiple_of(WIDTH);
				for (block, rows) in rows.chunks(BLOCK_ROWS * 3 * width).enumerate() {
					let count = rows.len() / (3 * width);
					let scores = &mut scores[..count * stride];
					kernels.gemm(&rows[head.start..], 3 * width, keys.panels(), scores, count);
					let mut sums = [0.0; BLOCK_ROWS];
					for (sum, scores) in sums.iter_mut().zip(scores.chunks_exact_mut(stride)) {
						*sum = kernels.softmax_of(scores, length, scale).unwrap_or_else(|| {
							finite.store(false, Ordering::Relaxed);
							1.0
						});
					}
					kernels.gemm(scores, stride, values.panels(), &mut mixed, count);
					for (row, (sum, mixed)) in sums.iter().zip(mixed.chunks_exact_mut(HEAD)).take(count).enumerate() {
						kernels.divide_by(mixed, *sum);
						out.row(first + block * BLOCK_ROWS + row).copy_from_slice(mixed);
					}
				}
				first += length;
			}
		});
		ensure_finite(finite.into_inner())
	}

	/// `x = norm(sums)`
	fn norm_sums(&mut self, norm: &Norm) -> Result<(), Stop> {
		let (kernels, sums) = (self.kernels, &self.sums);
		let width = norm.weight.len();
		let rows = (sums.len() / width).div_ceil(self.pool.threads()).max(1);
		let finite = AtomicBool::new(true);
		self.pool.parts(&mut self.x, rows * width, |first, part| {
			if !kernels.norm(&sums[first..][..part.len()], part, &norm.weight, &norm.bias, NORM_EPSILON) {
				finite.store(false, Ordering::Relaxed);
			}
		});
		ensure_finite(finite.into_inner())
	}

	/// The mean of each sequence's rows.
	fn means(&self, width: usize) -> Vec<Vec<f32>> {
		let mut rows = self.x.chunks_exact(width);
		let mut means = Vec::with_capacity(self.lengths.len());
		for length in &self.lengths {
			let mut mean = vec![0.0; width];
			rows.by_ref().take(*length).for_each(|row| self.kernels.add_to(&mut mean, row));
			self.kernels.divide_by(&mut mean, *length as f32);
			means.push(mean);
		}
		means
	}
}

impl Model for Bert {
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Inference, EngineError> {
		settle(|tracer| {
			let text = check_text(request, usize::MAX)?;
			let mean = self.mean(kernels, &Pool::new(threads)?, text)?;
			tracer.add(&mean);
			Ok(Response::Embedding { values: fixed_point(&unit(kernels, mean)?) })
		})
	}
}

/// A vector divided by its length.
fn unit(kernels: Kernels, mut vector: Vec<f32>) -> Result<Vec<f32>, Stop> {
	ensure_finite(kernels.divide_by_length(&mut vector))?;
	Ok(vector)
}

/// Finite, or the model refuses.
///
/// A value that is not finite reaches the sums that the next norm takes and is found there, or the softmax finds it: no
/// step between makes a finite value of it.
fn ensure_finite(finite: bool) -> Result<(), Stop> {
	match finite {
		true => Ok(()),
		false => Err(Refusal::NotFinite.into()),
	}
}

/// An embedding as integers: the f32 products of its values and 32767, rounded, ties to even. Values beyond ±1, which
/// rounding may cause, count as ±1.
pub fn fixed_point(embedding: &[f32]) -> Vec<i16> {
	// 1.5 · 2²³: a float added to it loses its fraction by round-ties-even, and the integer stands in the low bits.
	const MAGIC: f32 = 12_582_912.0;
	let scaled = embedding.iter().map(|value| value.clamp(-1.0, 1.0) * f32::from(i16::MAX));
	scaled.map(|scaled| (scaled + MAGIC).to_bits() as u16 as i16).collect()
}

//! Models of the BERT family that make a vector of a text: all-MiniLM-L6-v2, bge, e5, gte, arctic-embed. Texts of like
//! meaning have a large scalar product.
//!
//! From safetensors of F32, or from GGUF in any format. Tokens are embedded with their positions and normed; each layer
//! adds an attention over all positions and a feed-forward part with a GELU, and norms after each of the two. What the
//! file says is taken of the rows, their mean or the first ([`Pooling`]), is divided by its length.
//!
//! A position's embedding is added to that of token type 0 first. A matrix product's bias is added to the finished sum,
//! then the residual. Scores, their softmax and the mixed values are as in [`attention`](crate::kernels::attention), but
//! every query sees every position. The mean is a chain over the tokens in increasing order, divided at the end. Every
//! row of every layer is computed, also where only the first one's is taken in the end.

mod config;
mod gguf;
mod linear;
mod loader;
#[cfg(test)]
pub(super) mod tests;

use super::linear::Matrix;
use super::{settle, Model, Stop};
use crate::boundary::check_text;
use crate::kernels::lanes::{MAGIC, WIDTH};
use crate::kernels::pool::Pool;
use crate::kernels::quant::Quantised;
use crate::kernels::{check_float_environment, Kernels, PackedMatrix};
use crate::tokenizer::JsonTokenizer;
use crate::{EngineError, Inference, Refusal, Request, Response};
use linear::{Input, Linear, Then};
use std::sync::atomic::{AtomicBool, Ordering};

/// How many rows a forward pass takes at once, unless one sequence has more.
const MAX_ROWS: usize = 256;
/// How many rows a thread takes at once: with what a product reads beside them, they fit the second cache.
const BLOCK_ROWS: usize = 64;
/// What becomes of a text's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
	/// Their mean.
	Mean,
	/// The first one, which is that of the token before the text (`[CLS]`).
	First,
}

/// What is not read off tensors' shapes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
	/// The dimensions of a head.
	head: usize,
	epsilon: f32,
	pooling: Pooling,
}

/// A row per token.
enum Words {
	Floats(Vec<f32>),
	Stored(Matrix),
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
	shape: Shape,
	/// How many tokens have a row.
	vocabulary: usize,
	words: Words,
	/// A row per position, the embedding of token type 0 added.
	positions: Vec<f32>,
	embedding_norm: Norm,
	layers: Vec<Layer>,
}

/// The rows of some sequences on their way through the model.
struct States<'a> {
	kernels: Kernels,
	pool: &'a Pool,
	shape: Shape,
	width: usize,
	/// The number of tokens of each sequence.
	lengths: Vec<usize>,
	x: Vec<f32>,
	query_key_value: Vec<f32>,
	mixed: Vec<f32>,
	hidden: Vec<f32>,
	sums: Vec<f32>,
	quantised: Quantised,
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
		self.vocabulary
	}

	/// The tokens of a text, with those around it.
	pub fn tokens(&self, text: &str) -> Result<Vec<u32>, Stop> {
		if text.is_empty() {
			return Err(Refusal::EmptyInput.into());
		}
		let tokens = self.tokenizer.encode(text);
		Ok(tokens.map_err(|error| EngineError::Internal(error.to_string()))?)
	}

	/// What a text's rows come to, before it is divided by its length.
	fn pooled(&self, kernels: Kernels, pool: &Pool, text: &str) -> Result<Vec<f32>, Stop> {
		let tokens = self.tokens(text)?;
		let mut pooled = self.all_pooled(kernels, pool, &[&tokens])?;
		pooled.pop().ok_or_else(|| EngineError::Internal("no embedding".into()).into())
	}

	/// The embedding of a text, of length 1.
	pub fn embed(&self, kernels: Kernels, pool: &Pool, text: &str) -> Result<Vec<f32>, Stop> {
		unit(kernels, self.pooled(kernels, pool, text)?)
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
			for pooled in self.all_pooled(kernels, pool, group)? {
				embeddings.push(unit(kernels, pooled)?);
			}
			rest = others;
		}
		Ok(embeddings)
	}

	/// What the rows of each sequence come to.
	fn all_pooled(&self, kernels: Kernels, pool: &Pool, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>, Stop> {
		let mut states = self.start(kernels, pool, sequences)?;
		for layer in &self.layers {
			layer.apply(&mut states)?;
		}
		Ok(states.pooled())
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
			shape: self.shape,
			width,
			lengths,
			x: vec![0.0; rows * width],
			query_key_value: vec![0.0; rows * 3 * width],
			mixed: vec![0.0; rows * width],
			hidden: Vec::new(),
			sums: vec![0.0; rows * width],
			quantised: Quantised::default(),
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
				let token = *token as usize;
				if token >= self.vocabulary {
					return Err(EngineError::Internal("a token that the model does not know".into()).into());
				}
				match &self.words {
					Words::Floats(words) => row.copy_from_slice(&words[token * width..][..width]),
					Words::Stored(words) => words.column(token, row),
				}
				kernels.add_to(row, position);
			}
		}
		states.norm_sums(&self.embedding_norm)?;
		Ok(states)
	}
}

impl Layer {
	fn apply(&self, states: &mut States<'_>) -> Result<(), Stop> {
		states.project(&self.query_key_value)?;
		states.attend()?;
		states.add_mixed(&self.attention_out)?;
		states.norm_sums(&self.attention_norm)?;
		states.add_fed_forward(&self.up, &self.down)?;
		states.norm_sums(&self.feed_forward_norm)
	}
}

impl States<'_> {
	fn project(&mut self, to: &Linear) -> Result<(), Stop> {
		let Self { kernels, pool, width, quantised, .. } = self;
		let input = Input { rows: &self.x, depth: *width, quantised };
		ensure_finite(to.multiply(*kernels, pool, input, &mut self.query_key_value, Then::Nothing))
	}

	/// `sums = out(mixed) + x`
	fn add_mixed(&mut self, out: &Linear) -> Result<(), Stop> {
		let Self { kernels, pool, width, quantised, .. } = self;
		let input = Input { rows: &self.mixed, depth: *width, quantised };
		ensure_finite(out.multiply(*kernels, pool, input, &mut self.sums, Then::Add(&self.x)))
	}

	/// `sums = down(gelu(up(x))) + x`
	fn add_fed_forward(&mut self, up: &Linear, down: &Linear) -> Result<(), Stop> {
		let Self { kernels, pool, width, quantised, .. } = self;
		self.hidden.resize(self.x.len() / *width * up.bias.len(), 0.0);
		let input = Input { rows: &self.x, depth: *width, quantised };
		ensure_finite(up.multiply(*kernels, pool, input, &mut self.hidden, Then::Gelu))?;
		let input = Input { rows: &self.hidden, depth: up.bias.len(), quantised };
		ensure_finite(down.multiply(*kernels, pool, input, &mut self.sums, Then::Add(&self.x)))
	}

	/// Mixes the values of each sequence, head by head.
	fn attend(&mut self) -> Result<(), Stop> {
		let Self { kernels, width, shape: Shape { head: size, .. }, ref lengths, ref query_key_value, .. } = *self;
		let scale = 1.0 / (size as f32).sqrt();
		let finite = AtomicBool::new(true);
		let rows = self.x.len() / width;
		self.pool.blocks(&mut self.mixed, width, [rows.max(1), size], |out| {
			let head = out.columns();
			let longest = lengths.iter().copied().max().unwrap_or_default();
			let mut scores = vec![0.0; BLOCK_ROWS * longest.next_multiple_of(WIDTH)];
			let mut mixed = vec![0.0; BLOCK_ROWS * size];
			let mut first = 0;
			for length in lengths.iter().copied() {
				let rows = &query_key_value[first * 3 * width..][..length * 3 * width];
				let mut keys = PackedMatrix::zeros(size, length);
				let mut values = PackedMatrix::zeros(length, size);
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
					for (row, (sum, mixed)) in sums.iter().zip(mixed.chunks_exact_mut(size)).take(count).enumerate() {
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
		let (kernels, sums, width) = (self.kernels, &self.sums, self.width);
		let rows = (sums.len() / width).div_ceil(self.pool.threads()).max(1);
		let finite = AtomicBool::new(true);
		self.pool.parts(&mut self.x, rows * width, |first, part| {
			if !kernels.norm(&sums[first..][..part.len()], part, &norm.weight, &norm.bias, self.shape.epsilon) {
				finite.store(false, Ordering::Relaxed);
			}
		});
		ensure_finite(finite.into_inner())
	}

	/// What each sequence's rows come to.
	fn pooled(&self) -> Vec<Vec<f32>> {
		let mut rows = self.x.chunks_exact(self.width);
		let of = |length: &usize| {
			let mut rows = rows.by_ref().take(*length);
			match self.shape.pooling {
				Pooling::Mean => {
					let mut mean = vec![0.0; self.width];
					rows.for_each(|row| self.kernels.add_to(&mut mean, row));
					self.kernels.divide_by(&mut mean, *length as f32);
					mean
				}
				Pooling::First => {
					let first = rows.next().map(<[f32]>::to_vec).unwrap_or_default();
					rows.for_each(drop);
					first
				}
			}
		};
		self.lengths.iter().map(of).collect()
	}
}

impl Model for Bert {
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Inference, EngineError> {
		settle(|tracer| {
			let text = check_text(request, usize::MAX)?;
			let pooled = self.pooled(kernels, &Pool::new(threads)?, text)?;
			tracer.add(&pooled);
			Ok(Response::Embedding { values: fixed_point(&unit(kernels, pooled)?) })
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
	let scaled = embedding.iter().map(|value| value.clamp(-1.0, 1.0) * f32::from(i16::MAX));
	scaled.map(|scaled| (scaled + MAGIC).to_bits() as u16 as i16).collect()
}

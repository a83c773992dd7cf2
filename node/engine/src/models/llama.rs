//! Decoder-only language models of the Llama family, from GGUF: Llama (SmolLM2, TinyLlama, Llama 3.2), Qwen2 and 3,
//! Phi-3, SmolLM3.
//!
//! Tokens are embedded; each layer adds an attention over all positions so far and a gated feed-forward part, both on the
//! root-mean-square norm of their input; the last norm is multiplied with the output matrix, which may be the embedding.
//!
//! Rows of Llama's query and key matrices are reordered at load, so that the pairs which the rotation turns are half a
//! head apart, as those of the other families are in their files. Scores are sums in this order.
//!
//! Every row is computed alike, wherever it stands: a prompt at once, in parts or token by token, alone or beside other
//! sequences, gives the same bits.

mod config;
pub(crate) mod linear;
mod loader;
mod memory;
#[cfg(test)]
mod tests;

use super::Stop;
use crate::gguf::GgufFile;
use crate::kernels::attention::{KvCache, Queries};
use crate::kernels::pool::Pool;
use crate::kernels::quant::Quantised;
use crate::kernels::rope::{RopeScaling, RopeTables};
use crate::kernels::{all_finite, check_float_environment, Kernels};
use crate::store::Progress;
use crate::{Architecture, EngineError, Refusal};
use config::{Config, Family};
use linear::{invalid, Linear};
use loader::Loader;
pub(crate) use memory::memory_needed;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many rows a forward pass takes at once; a longer prompt is read in parts.
const MAX_ROWS: usize = 128;
/// How many rows of queries a thread takes at once.
const QUERY_ROWS: usize = 16;
/// Room for keys and values is made in steps of this many positions.
const CACHE_STEP: usize = 256;

struct Layer {
	attention_norm: Vec<f32>,
	/// Queries, keys and values.
	query_key_value: Linear,
	/// The norms of every head of the queries and of the keys, if there are any.
	query_norm: Option<Vec<f32>>,
	key_norm: Option<Vec<f32>>,
	attention_out: Linear,
	feed_forward_norm: Vec<f32>,
	/// Gates, then ups.
	gate_up: Linear,
	down: Linear,
}

/// A loaded model.
pub(crate) struct Llama {
	config: Config,
	/// The embedding, whose columns are the tokens; also the output matrix, if there is no other.
	embedding: Linear,
	layers: Vec<Layer>,
	norm: Vec<f32>,
	output: Option<Linear>,
	rope: RopeTables,
	score_scale: f32,
}

/// Told the values of every step: its name, the layer, the rows.
pub(crate) type Trace = Box<dyn FnMut(&str, usize, &[f32]) + Send>;

/// Where a forward pass computes, and what it needs there.
pub(crate) struct Workspace<'a> {
	kernels: Kernels,
	pool: &'a Pool,
	trace: Option<Trace>,
	x: Vec<f32>,
	input: Quantised,
	query_key_value: Vec<f32>,
	mixed: Vec<f32>,
	gate_up: Vec<f32>,
	product: Vec<f32>,
}

/// Tokens that follow what a cache holds.
pub(crate) struct Sequence<'a> {
	/// The tokens, at least one.
	pub tokens: &'a [u32],
	/// The keys and values of the tokens before.
	pub cache: &'a mut KvCache,
}

impl<'a> Workspace<'a> {
	/// A workspace.
	pub fn new(kernels: Kernels, pool: &'a Pool) -> Self {
		Self {
			kernels,
			pool,
			trace: None,
			x: Vec::new(),
			input: Quantised::default(),
			query_key_value: Vec::new(),
			mixed: Vec::new(),
			gate_up: Vec::new(),
			product: Vec::new(),
		}
	}

	/// What the last forward pass multiplied with the output matrix: the last hidden states behind the last norm, a row per
	/// sequence.
	pub fn hidden(&self) -> &[f32] {
		self.input.floats()
	}

	/// Tells the values of every step.
	#[cfg(test)]
	pub fn traced(mut self, trace: Trace) -> Self {
		self.trace = Some(trace);
		self
	}
}

/// Finite, or the model refuses.
fn ensure(finite: bool) -> Result<(), Stop> {
	match finite {
		true => Ok(()),
		false => Err(Refusal::NotFinite.into()),
	}
}

impl Llama {
	/// Loads a model from its file, whose hash the caller has checked. Tells how many bytes of how many are begun.
	pub fn load(file: &GgufFile<'_>, progress: Progress<'_>) -> Result<Self, EngineError> {
		let config = Config::read(file)?;
		let loader = Loader::new(file, &config, progress);
		let embedding = Linear::new(vec![(loader.matrix("token_embd", config.vocabulary, config.width)?, None)]);
		let output = match file.tensor("output.weight") {
			Some(_) => Some(loader.only("output", config.vocabulary, config.width)?),
			None => None,
		};
		let layers = (0..config.layers).map(|layer| loader.layer(layer)).collect::<Result<_, _>>()?;
		let norm = loader.vector("output_norm.weight", config.width)?;
		let factors = match config.rope.factors {
			Some(name) => loader.vector(name, config.rotated / 2)?,
			None => Vec::new(),
		};
		loader.finish()?;
		if factors.iter().any(|factor| *factor < f32::MIN_POSITIVE) {
			return Err(invalid("a rope factor is not positive".into()));
		}
		let scaling = RopeScaling { factor: config.rope.factor, factors, amplitude: config.rope.amplitude };
		let rope = RopeTables::scaled(config.context, config.rotated, config.rope_base, &scaling);
		let score_scale = 1.0 / (config.head as f32).sqrt();
		Ok(Self { embedding, layers, norm, output, rope, score_scale, config })
	}

	/// How many positions the model can read and write.
	pub fn context(&self) -> usize {
		self.config.context
	}

	/// The family that the file belongs to.
	pub fn architecture(&self) -> Architecture {
		match self.config.family {
			Family::Llama => Architecture::Llama,
			Family::Qwen2 => Architecture::Qwen2,
			Family::Qwen3 => Architecture::Qwen3,
			Family::Phi3 => Architecture::Phi3,
			Family::SmolLm3 => Architecture::SmolLm3,
		}
	}

	/// The number of tokens that it knows.
	pub fn vocabulary(&self) -> usize {
		self.config.vocabulary
	}

	/// The hash of its tables of angles.
	#[cfg(test)]
	pub fn rope_hash(&self) -> [u8; 32] {
		self.rope.hash()
	}

	/// An empty cache.
	pub fn cache(&self) -> KvCache {
		KvCache::new(self.config.layers, self.config.kv_heads, self.config.head)
	}

	/// Reads tokens and returns the logits behind the last one. A cache after a refusal or a failure is as before.
	pub fn forward(&self, on: &mut Workspace<'_>, tokens: &[u32], cache: &mut KvCache) -> Result<Vec<f32>, Stop> {
		let before = cache.length();
		let mut parts = tokens.chunks(MAX_ROWS).peekable();
		while let Some(part) = parts.next() {
			let is_last = parts.peek().is_none();
			let result = self.step(on, &mut [Sequence { tokens: part, cache }], is_last);
			match result {
				Ok(mut logits) if is_last => return logits.pop().ok_or_else(no_tokens),
				Ok(_) => (),
				Err(stop) => {
					cache.set_length(before);
					return Err(stop);
				}
			}
		}
		Err(no_tokens())
	}

	/// Reads tokens of several sequences at once and returns the logits behind the last one of each.
	pub fn forward_all(&self, on: &mut Workspace<'_>, sequences: &mut [Sequence<'_>]) -> Result<Vec<Vec<f32>>, Stop> {
		self.step(on, sequences, true)
	}

	fn step(
		&self,
		on: &mut Workspace<'_>,
		sequences: &mut [Sequence<'_>],
		want_logits: bool,
	) -> Result<Vec<Vec<f32>>, Stop> {
		if !check_float_environment() {
			return Err(EngineError::FloatEnvironment.into());
		}
		let tokens: Vec<u32> = sequences.iter().flat_map(|sequence| sequence.tokens).copied().collect();
		let mut positions = Vec::with_capacity(tokens.len());
		for Sequence { tokens, cache } in sequences.iter_mut() {
			let end = cache.length() + tokens.len();
			if tokens.is_empty() {
				return Err(no_tokens());
			}
			if end > self.config.context {
				return Err(EngineError::Internal("more tokens than the model's context has".into()).into());
			}
			positions.extend(cache.length()..end);
			cache.reserve(end.next_multiple_of(CACHE_STEP).min(self.config.context));
		}
		if tokens.iter().any(|token| *token as usize >= self.config.vocabulary) {
			return Err(EngineError::Internal("a token that the model does not know".into()).into());
		}
		let width = self.config.width;
		on.x.resize(tokens.len() * width, 0.0);
		for (token, row) in tokens.iter().zip(on.x.chunks_exact_mut(width)) {
			self.embedding.first().column(*token as usize, row);
		}
		on.tell("embedding", 0);
		for (index, layer) in self.layers.iter().enumerate() {
			self.attention(on, index, layer, sequences, &positions)?;
			on.tell("attention", index);
			on.feed_forward(layer, self.config.epsilon)?;
			on.tell("feed-forward", index);
		}
		for Sequence { tokens, cache } in sequences.iter_mut() {
			cache.set_length(cache.length() + tokens.len());
		}
		match want_logits {
			true => self.logits(on, sequences),
			false => Ok(Vec::new()),
		}
	}

	fn logits(&self, on: &mut Workspace<'_>, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<f32>>, Stop> {
		let (kernels, pool, width) = (on.kernels, on.pool, self.config.width);
		let lengths = sequences.iter().map(|sequence| sequence.tokens.len());
		let last: Vec<usize> = lengths
			.scan(0, |end, length| {
				*end += length;
				Some(*end - 1)
			})
			.collect();
		let x = &on.x;
		ensure(on.input.fill(kernels, pool, [last.len(), width], |row, out| {
			kernels.root_mean_square(&x[last[row] * width..][..width], out, &self.norm, self.config.epsilon);
		}))?;
		let output = self.output.as_ref().unwrap_or(&self.embedding);
		output.multiply(kernels, pool, &on.input, &mut on.product);
		let rows = on.product.chunks_exact(output.width());
		let logits: Vec<Vec<f32>> = rows.map(|row| row[..self.config.vocabulary].to_vec()).collect();
		ensure(logits.iter().all(|row| all_finite(row)))?;
		Ok(logits)
	}

	/// `x += attention(norm(x))`
	fn attention(
		&self,
		on: &mut Workspace<'_>,
		index: usize,
		layer: &Layer,
		sequences: &mut [Sequence<'_>],
		positions: &[usize],
	) -> Result<(), Stop> {
		let (kernels, pool) = (on.kernels, on.pool);
		let Config { heads, kv_heads, head, .. } = self.config;
		on.norm(&layer.attention_norm, self.config.epsilon)?;
		layer.query_key_value.multiply(kernels, pool, &on.input, &mut on.query_key_value);
		let stride = layer.query_key_value.width();
		let (query_width, kv_width) = (heads * head, kv_heads * head);
		let norm_heads = |norm: &Option<Vec<f32>>, values: &mut [f32]| {
			let Some(norm) = norm else { return };
			let mut normed = vec![0.0; head];
			for head in values.chunks_exact_mut(head) {
				kernels.root_mean_square(head, &mut normed, norm, self.config.epsilon);
				head.copy_from_slice(&normed);
			}
		};
		pool.parts(&mut on.query_key_value, QUERY_ROWS * stride, |first, rows| {
			for (row, values) in rows.chunks_exact_mut(stride).enumerate() {
				let (queries, keys) = values[..query_width + kv_width].split_at_mut(query_width);
				norm_heads(&layer.query_norm, queries);
				norm_heads(&layer.key_norm, keys);
				if !self.config.rotates(index) {
					continue;
				}
				let (cos, sin) = self.rope.at(positions[first / stride + row]);
				for head in values[..query_width + kv_width].chunks_exact_mut(head) {
					kernels.rotate(&mut head[..self.config.rotated], cos, sin);
				}
			}
		});
		let mut rows = on.query_key_value.chunks_exact(stride).zip(positions);
		for Sequence { tokens, cache } in sequences.iter_mut() {
			for (row, position) in rows.by_ref().take(tokens.len()) {
				let (keys, values) = row[query_width..][..2 * kv_width].split_at(kv_width);
				cache.put(index, *position, keys, values);
			}
		}

		on.mixed.resize(positions.len() * query_width, 0.0);
		let group = heads / kv_heads;
		let finite = AtomicBool::new(true);
		// One row leaves only the heads to divide.
		let heads_at_once = if positions.len() > 1 || pool.threads() == 1 { group } else { 1 };
		let block = [QUERY_ROWS, heads_at_once * head];
		let query_key_value = &on.query_key_value;
		let sequences = &*sequences;
		pool.blocks(&mut on.mixed, query_width, block, |out| {
			let block = out.rows();
			let mut first = 0;
			for Sequence { tokens, cache } in sequences {
				let range = block.start.max(first)..block.end.min(first + tokens.len());
				if !range.is_empty() {
					let columns = out.columns();
					let queries = Queries {
						rows: query_key_value,
						stride,
						position: positions[range.start],
						range,
						heads: columns.start / head..columns.end / head,
						group,
						scale: self.score_scale,
					};
					if !kernels.attend(queries, cache, index, out) {
						finite.store(false, Ordering::Relaxed);
					}
				}
				first += tokens.len();
			}
		});
		ensure(finite.into_inner())?;
		let mixed = &on.mixed;
		ensure(on.input.fill(kernels, pool, [positions.len(), query_width], |row, out| {
			out.copy_from_slice(&mixed[row * query_width..][..query_width]);
		}))?;
		layer.attention_out.multiply(kernels, pool, &on.input, &mut on.product);
		on.add_product();
		Ok(())
	}
}

impl Workspace<'_> {
	fn tell(&mut self, step: &str, layer: usize) {
		if let Some(trace) = &mut self.trace {
			trace(step, layer, &self.x);
		}
	}

	/// The norm of every row as the next product's input.
	fn norm(&mut self, weight: &[f32], epsilon: f32) -> Result<(), Stop> {
		let (kernels, width, x) = (self.kernels, weight.len(), &self.x);
		ensure(self.input.fill(kernels, self.pool, [x.len() / width, width], |row, out| {
			kernels.root_mean_square(&x[row * width..][..width], out, weight, epsilon);
		}))
	}

	/// `x += down(silu(gate(norm(x))) · up(norm(x)))`
	fn feed_forward(&mut self, layer: &Layer, epsilon: f32) -> Result<(), Stop> {
		let (kernels, pool) = (self.kernels, self.pool);
		self.norm(&layer.feed_forward_norm, epsilon)?;
		layer.gate_up.multiply(kernels, pool, &self.input, &mut self.gate_up);
		let (gate_up, stride) = (&self.gate_up, layer.gate_up.width());
		let hidden = stride / 2;
		ensure(self.input.fill(kernels, pool, [gate_up.len() / stride, hidden], |row, out| {
			let (gate, up) = gate_up[row * stride..][..stride].split_at(hidden);
			out.copy_from_slice(gate);
			kernels.gate_up(out, up);
		}))?;
		layer.down.multiply(kernels, pool, &self.input, &mut self.product);
		self.add_product();
		Ok(())
	}

	/// `x += product`
	fn add_product(&mut self) {
		self.kernels.add_to(&mut self.x, &self.product);
	}
}

fn no_tokens() -> Stop {
	EngineError::Internal("no tokens to read".into()).into()
}

/// The lowest of the tokens with the largest logit.
pub(crate) fn greedy(logits: &[f32]) -> u32 {
	let mut best = 0;
	for (token, logit) in logits.iter().enumerate() {
		if *logit > logits[best] {
			best = token;
		}
	}
	best as u32
}

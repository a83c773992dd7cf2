//! Decoder-only language models of the Llama family, from GGUF: Llama (SmolLM2, TinyLlama, Llama 3.2), Qwen2 and 3,
//! Phi-3, SmolLM3, Granite, OLMo 2 and 3, Gemma 2 and 3.
//!
//! Tokens are embedded; each layer adds an attention over all positions so far and a gated feed-forward part, both on the
//! root-mean-square norm of their input (of OLMo, their output; of Gemma, both); the last norm is multiplied with the output matrix, which may be the embedding.
//!
//! Rows of Llama's query and key matrices are reordered at load, so that the pairs which the rotation turns are half a
//! head apart, as those of the other families are in their files. Scores are sums in this order.
//!
//! Every row is computed alike, wherever it stands: a prompt at once, in parts or token by token, alone or beside other
//! sequences, gives the same bits. A sequence that is refused is so alone; those beside it go on.

mod config;
mod loader;
mod memory;
#[cfg(test)]
pub(super) mod tests;

use super::linear::{invalid, Linear};
use super::Stop;
use crate::gguf::GgufFile;
use crate::kernels::attention::{KvCache, Queries};
use crate::kernels::pool::Pool;
use crate::kernels::quant::Quantised;
use crate::kernels::rope::{RopeScaling, RopeTables, Yarn};
use crate::kernels::{all_finite, check_float_environment, Kernels};
use crate::store::Progress;
use crate::{Architecture, EngineError, Refusal};
use config::{Config, Family, Rope, Scales};
use loader::Loader;
pub(crate) use memory::memory_needed;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many rows a forward pass takes at once; a longer prompt is read in parts.
pub(super) const MAX_ROWS: usize = 128;
/// How many rows of queries a thread takes at once, and how many if there are few.
const QUERY_ROWS: usize = 16;
const FEW_QUERY_ROWS: usize = 2;
/// How many rows of what is added a thread takes the norms of at once.
const NORMED_ROWS: usize = 4;
/// Room for keys and values is made in steps of this many positions.
pub(super) const CACHE_STEP: usize = 256;

/// Weights of a norm, if there is one.
type Norm = Option<Vec<f32>>;

struct Layer {
	attention_norm: Norm,
	/// Queries, keys and values.
	query_key_value: Linear,
	/// As long as a head, for each one; or as all heads together.
	query_norm: Norm,
	key_norm: Norm,
	attention_out: Linear,
	attention_out_norm: Norm,
	feed_forward_norm: Norm,
	/// Gates, then ups.
	gate_up: Linear,
	down: Linear,
	down_norm: Norm,
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
	/// Of layers that see a window, if they rotate otherwise.
	local_rope: Option<RopeTables>,
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
	/// The rows of each sequence of the pass, and whether it is refused.
	sequences: Vec<(Range<usize>, bool)>,
	/// How many logits there are behind a token, and how far apart their rows lie in `product`.
	logits: [usize; 2],
}

/// What a pass has of the rows whose logits were wanted, by the numbers that [`Llama::pass`] gave.
#[derive(Clone, Copy)]
pub(crate) struct WantedRows<'a> {
	input: &'a Quantised,
	product: &'a [f32],
	logits: [usize; 2],
}

impl<'a> WantedRows<'a> {
	/// What was multiplied with the output matrix: the last hidden state behind the last norm.
	pub fn hidden(&self, row: usize) -> &'a [f32] {
		let width = self.input.width();
		&self.input.floats()[row * width..][..width]
	}

	/// The logits behind the row's token.
	pub fn logits(&self, row: usize) -> &'a [f32] {
		let [count, stride] = self.logits;
		&self.product[row * stride..][..count]
	}
}

/// Tokens that follow what a cache holds.
pub(crate) struct Sequence<'a> {
	/// The tokens, at least one.
	pub tokens: &'a [u32],
	/// The keys and values of the tokens before.
	pub cache: &'a mut KvCache,
	/// How many of the last tokens the logits are wanted behind, each.
	pub wanted: usize,
}

/// What became of a sequence in a pass: the number of the first row that it wanted, which the others follow.
pub(crate) type Passed = Result<Option<usize>, Refusal>;

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
			sequences: Vec::new(),
			logits: [0; 2],
		}
	}

	/// The hidden rows of the last pass, one after the other.
	#[cfg(test)]
	pub fn hidden(&self) -> &[f32] {
		self.input.floats()
	}

	/// The threads that it computes in.
	pub fn pool(&self) -> &'a Pool {
		self.pool
	}

	/// What the last forward pass has of the rows whose logits were wanted.
	pub fn rows(&self) -> WantedRows<'_> {
		WantedRows { input: &self.input, product: &self.product, logits: self.logits }
	}

	/// Tells the values of every step.
	#[cfg(test)]
	pub fn traced(mut self, trace: Trace) -> Self {
		self.trace = Some(trace);
		self
	}
}

impl Llama {
	/// Loads a model from its file, whose hash the caller has checked, in the threads of a pool. Tells how many bytes of how
	/// many are begun.
	pub fn load(file: &GgufFile<'_>, pool: &Pool, progress: Progress<'_>) -> Result<Self, EngineError> {
		let config = Config::read(file)?;
		let loader = Loader::new(file, &config, pool, progress);
		let embedding = Linear::new(vec![(loader.matrix("token_embd", config.vocabulary, config.width)?, None)]);
		let output = loader.output(embedding.first())?;
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
		let tables = |base: f64, rope: &Rope, factors: &[f32]| {
			let factors = match &rope.yarn {
				Some(yarn) => yarn.factors(config.rotated, base),
				None => factors.iter().copied().map(f64::from).collect(),
			};
			let amplitude = rope.yarn.as_ref().map_or(1.0, Yarn::amplitude) * rope.amplitude;
			let scaling = RopeScaling { factor: rope.factor, factors, amplitude };
			RopeTables::scaled(config.context, config.rotated, base, &scaling)
		};
		let rope = tables(config.rope_base, &config.rope, &factors);
		let local_rope = config.local_windows().map(|windows| tables(windows.rope_base, &windows.rope, &[]));
		Ok(Self { embedding, layers, norm, output, rope, local_rope, config })
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
			Family::Granite => Architecture::Granite,
			Family::Olmo2 => Architecture::Olmo2,
			Family::Gemma2 => Architecture::Gemma2,
			Family::Gemma3 => Architecture::Gemma3,
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

	/// How many bytes a cache of so many positions takes.
	pub fn cache_bytes(&self, positions: usize) -> usize {
		self.cache().bytes(self.room(positions))
	}

	/// Makes room in a cache for so many positions, and for some more that may follow.
	pub fn reserve(&self, cache: &mut KvCache, positions: usize) -> Result<(), EngineError> {
		let room = self.room(positions);
		cache.reserve(room).map_err(|_| EngineError::NoMemory { bytes: cache.bytes(room) as u64 })
	}

	fn room(&self, positions: usize) -> usize {
		positions.min(self.config.context).next_multiple_of(CACHE_STEP).min(self.config.context)
	}

	/// Reads tokens and returns the logits behind the last one. A cache after a refusal or a failure is as before.
	pub fn forward(&self, on: &mut Workspace<'_>, tokens: &[u32], cache: &mut KvCache) -> Result<Vec<f32>, Stop> {
		let before = cache.length();
		let mut parts = tokens.chunks(MAX_ROWS).peekable();
		while let Some(part) = parts.next() {
			let wanted = usize::from(parts.peek().is_none());
			let passed = self.pass(on, &mut [Sequence { tokens: part, cache, wanted }]).map_err(Stop::from);
			let passed = passed.and_then(|mut passed| passed.pop().ok_or_else(no_tokens)?.map_err(Stop::from));
			match passed {
				Ok(None) => (),
				Ok(Some(row)) => return Ok(on.rows().logits(row).to_vec()),
				Err(stop) => {
					cache.set_length(before);
					return Err(stop);
				}
			}
		}
		Err(no_tokens().into())
	}

	/// Reads tokens of several sequences at once. Says of each, in their order, whether it is refused or which rows have the
	/// logits that it wanted; the cache of one that is refused is as before, as are all after a failure.
	pub fn pass(&self, on: &mut Workspace<'_>, sequences: &mut [Sequence<'_>]) -> Result<Vec<Passed>, EngineError> {
		if !check_float_environment() {
			return Err(EngineError::FloatEnvironment);
		}
		if sequences.is_empty() {
			return Ok(Vec::new());
		}
		let tokens: Vec<u32> = sequences.iter().flat_map(|sequence| sequence.tokens).copied().collect();
		let mut positions = Vec::with_capacity(tokens.len());
		on.sequences.clear();
		for Sequence { tokens, cache, .. } in sequences.iter_mut() {
			let end = cache.length() + tokens.len();
			if tokens.is_empty() {
				return Err(no_tokens());
			}
			if end > self.config.context {
				return Err(EngineError::Internal("more tokens than the model's context has".into()));
			}
			on.sequences.push((positions.len()..positions.len() + tokens.len(), false));
			positions.extend(cache.length()..end);
			self.reserve(cache, end)?;
		}
		if tokens.iter().any(|token| *token as usize >= self.config.vocabulary) {
			return Err(EngineError::Internal("a token that the model does not know".into()));
		}
		let width = self.config.width;
		on.x.resize(tokens.len() * width, 0.0);
		for (token, row) in tokens.iter().zip(on.x.chunks_exact_mut(width)) {
			self.embedding.first().column(*token as usize, row);
			if let Some(scale) = self.config.scales.embedding {
				on.kernels.multiply_by(row, scale);
			}
		}
		on.tell("embedding", 0);
		for (index, layer) in self.layers.iter().enumerate() {
			self.attention(on, index, layer, sequences, &positions);
			on.tell("attention", index);
			on.feed_forward(layer, &self.config);
			on.tell("feed-forward", index);
			if on.sequences.iter().all(|(_, refused)| *refused) {
				break;
			}
		}
		let firsts = self.logits(on, sequences);
		let passed = sequences.iter_mut().zip(&on.sequences).zip(firsts).map(|((sequence, (_, refused)), first)| {
			if *refused {
				return Err(Refusal::NotFinite);
			}
			sequence.cache.set_length(sequence.cache.length() + sequence.tokens.len());
			Ok(first)
		});
		Ok(passed.collect())
	}

	/// Computes the logits that are wanted and says in which row each sequence's first ones are.
	fn logits(&self, on: &mut Workspace<'_>, sequences: &[Sequence<'_>]) -> Vec<Option<usize>> {
		let (kernels, pool, width) = (on.kernels, on.pool, self.config.width);
		let mut wanted = Vec::new();
		let firsts = sequences.iter().zip(&on.sequences).map(|(sequence, (rows, refused))| {
			let is_wanted = sequence.wanted > 0 && !refused;
			is_wanted.then(|| {
				let first = wanted.len();
				wanted.extend(rows.end - sequence.wanted.min(rows.len())..rows.end);
				first
			})
		});
		let firsts: Vec<Option<usize>> = firsts.collect();
		if wanted.is_empty() {
			return firsts;
		}
		let x = &on.x;
		let finite = on.input.fill(kernels, pool, [wanted.len(), width], |row, out| {
			kernels.root_mean_square(&x[wanted[row] * width..][..width], out, &self.norm, self.config.epsilon);
		});
		let output = self.output.as_ref().unwrap_or(&self.embedding);
		output.multiply(kernels, pool, &on.input, &mut on.product);
		let Scales { logits: scale, logit_bound: bound, .. } = self.config.scales;
		if scale.is_some() || bound.is_some() {
			pool.parts(&mut on.product, output.width(), |_, row| {
				scale.into_iter().for_each(|scale| kernels.multiply_by(row, scale));
				bound.into_iter().for_each(|bound| kernels.bound_by(row, bound));
			});
		}
		on.logits = [self.config.vocabulary, output.width()];
		let made = on.rows();
		let mut refused: Vec<bool> = (0..wanted.len()).map(|row| !finite && !all_finite(made.hidden(row))).collect();
		pool.parts(&mut refused, 1, |row, refused| refused[0] |= !all_finite(made.logits(row)));
		for ((sequence, (rows, is_refused)), first) in sequences.iter().zip(&mut on.sequences).zip(&firsts) {
			let wanted = sequence.wanted.min(rows.len());
			*is_refused |= first.is_some_and(|first| refused[first..first + wanted].contains(&true));
		}
		firsts
	}

	/// `x += attention(norm(x))`
	fn attention(
		&self,
		on: &mut Workspace<'_>,
		index: usize,
		layer: &Layer,
		sequences: &mut [Sequence<'_>],
		positions: &[usize],
	) {
		let (kernels, pool) = (on.kernels, on.pool);
		let Config { heads, kv_heads, head, .. } = self.config;
		on.read(&layer.attention_norm, &self.config);
		layer.query_key_value.multiply(kernels, pool, &on.input, &mut on.query_key_value);
		let stride = layer.query_key_value.width();
		let (query_width, kv_width) = (heads * head, kv_heads * head);
		let norm_heads = |norm: &Norm, values: &mut [f32]| {
			let Some(norm) = norm else { return };
			let mut normed = vec![0.0; norm.len()];
			for values in values.chunks_exact_mut(norm.len()) {
				kernels.root_mean_square(values, &mut normed, norm, self.config.epsilon);
				values.copy_from_slice(&normed);
			}
		};
		let window = self.config.window(index);
		let rope = match &self.local_rope {
			Some(local) if window.is_some() => Some(local),
			_ => self.config.rotates(index).then_some(&self.rope),
		};
		pool.parts(&mut on.query_key_value, QUERY_ROWS * stride, |first, rows| {
			for (row, values) in rows.chunks_exact_mut(stride).enumerate() {
				let (queries, keys) = values[..query_width + kv_width].split_at_mut(query_width);
				norm_heads(&layer.query_norm, queries);
				norm_heads(&layer.key_norm, keys);
				let Some(rope) = rope else { continue };
				let (cos, sin) = rope.at(positions[first / stride + row]);
				for head in values[..query_width + kv_width].chunks_exact_mut(head) {
					kernels.rotate(&mut head[..self.config.rotated], cos, sin);
				}
			}
		});
		let mut rows = on.query_key_value.chunks_exact(stride).zip(positions);
		for Sequence { tokens, cache, .. } in sequences.iter_mut() {
			for (row, position) in rows.by_ref().take(tokens.len()) {
				let (keys, values) = row[query_width..][..2 * kv_width].split_at(kv_width);
				cache.put(index, *position, keys, values);
			}
		}

		on.mixed.resize(positions.len() * query_width, 0.0);
		let group = heads / kv_heads;
		let finite: Vec<AtomicBool> = sequences.iter().map(|_| AtomicBool::new(true)).collect();
		// One row leaves only the heads to divide.
		let heads_at_once = if positions.len() > 1 || pool.threads() == 1 { group } else { 1 };
		let rows_at_once = if positions.len() > QUERY_ROWS { QUERY_ROWS } else { FEW_QUERY_ROWS };
		let block = [rows_at_once, heads_at_once * head];
		let query_key_value = &on.query_key_value;
		let sequences = &*sequences;
		pool.blocks(&mut on.mixed, query_width, block, |out| {
			let block = out.rows();
			let mut first = 0;
			for (Sequence { tokens, cache, .. }, finite) in sequences.iter().zip(&finite) {
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
						window: window.unwrap_or(usize::MAX),
						scale: self.config.scales.scores,
						bound: self.config.scales.score_bound,
					};
					if !kernels.attend(queries, cache, index, out) {
						finite.store(false, Ordering::Relaxed);
					}
				}
				first += tokens.len();
			}
		});
		for (at, finite) in finite.into_iter().enumerate() {
			if !finite.into_inner() {
				on.refuse(at);
			}
		}
		let mixed = &on.mixed;
		let finite = on.input.fill(kernels, pool, [positions.len(), query_width], |row, out| {
			out.copy_from_slice(&mixed[row * query_width..][..query_width]);
		});
		on.refuse_unless(finite);
		layer.attention_out.multiply(kernels, pool, &on.input, &mut on.product);
		on.add_product(&layer.attention_out_norm, &self.config);
	}
}

impl Workspace<'_> {
	fn tell(&mut self, step: &str, layer: usize) {
		if let Some(trace) = &mut self.trace {
			trace(step, layer, &self.x);
		}
	}

	/// Refuses a sequence. Its rows become zeros, which is cheaper than to leave them out and keeps them from overflowing
	/// again.
	fn refuse(&mut self, sequence: usize) {
		let rows = self.sequences.last().map_or(1, |(rows, _)| rows.end);
		let width = self.x.len() / rows;
		let (range, refused) = &mut self.sequences[sequence];
		*refused = true;
		self.x[range.start * width..range.end * width].fill(0.0);
	}

	/// Unless all of the next product's input is finite, refuses the sequences whose rows of it are not.
	fn refuse_unless(&mut self, finite: bool) {
		if finite {
			return;
		}
		let width = self.input.width();
		for at in 0..self.sequences.len() {
			let rows = &self.sequences[at].0;
			if !all_finite(&self.input.floats()[rows.start * width..rows.end * width]) {
				self.refuse(at);
			}
		}
	}

	/// Every row, or its norm, as the next product's input.
	fn read(&mut self, norm: &Norm, config: &Config) {
		let (kernels, width, x) = (self.kernels, config.width, &self.x);
		let finite = self.input.fill(kernels, self.pool, [x.len() / width, width], |row, out| {
			let x = &x[row * width..][..width];
			match norm {
				Some(weight) => {
					kernels.root_mean_square(x, out, weight, config.epsilon);
				}
				None => out.copy_from_slice(x),
			}
		});
		self.refuse_unless(finite);
	}

	/// `x += down(silu(gate(norm(x))) · up(norm(x)))`, or with GELU.
	fn feed_forward(&mut self, layer: &Layer, config: &Config) {
		let (kernels, pool) = (self.kernels, self.pool);
		self.read(&layer.feed_forward_norm, config);
		layer.gate_up.multiply(kernels, pool, &self.input, &mut self.gate_up);
		let (gate_up, stride) = (&self.gate_up, layer.gate_up.width());
		let hidden = stride / 2;
		let finite = self.input.fill(kernels, pool, [gate_up.len() / stride, hidden], |row, out| {
			let (gate, up) = gate_up[row * stride..][..stride].split_at(hidden);
			out.copy_from_slice(gate);
			match config.family.has_gelu() {
				false => kernels.gate_up(out, up),
				true => kernels.gelu_up(out, up),
			}
		});
		self.refuse_unless(finite);
		layer.down.multiply(kernels, pool, &self.input, &mut self.product);
		self.add_product(&layer.down_norm, config);
	}

	/// `x += product`, or the product's norm, or the product times a number. What is not finite makes x so, which whoever
	/// reads it next finds.
	fn add_product(&mut self, norm: &Norm, config: &Config) {
		let (kernels, width, product) = (self.kernels, config.width, &self.product);
		match (norm, config.scales.residual) {
			(None, None) => kernels.add_to(&mut self.x, product),
			(None, Some(scale)) => kernels.add_multiple(&mut self.x, product, scale),
			(Some(weight), _) => self.pool.parts(&mut self.x, NORMED_ROWS * width, |first, rows| {
				let mut normed = vec![0.0; width];
				for (x, product) in rows.chunks_exact_mut(width).zip(product[first..].chunks_exact(width)) {
					kernels.root_mean_square(product, &mut normed, weight, config.epsilon);
					kernels.add_to(x, &normed);
				}
			}),
		}
	}
}

fn no_tokens() -> EngineError {
	EngineError::Internal("no tokens to read".into())
}

//! The weights of a file.

use super::config::{Config, Family};
use super::Layer;
use crate::gguf::{GgufFile, TensorView};
use crate::kernels::packing::Packing;
use crate::kernels::pool::Pool;
use crate::kernels::WeightMemory;
use crate::models::linear::{floats, invalid, unreadable, weight_bytes, Linear, Matrix};
use crate::store::Progress;
use crate::EngineError;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// Takes a file's tensors.
pub(super) struct Loader<'a, 'p> {
	file: &'a GgufFile<'a>,
	config: &'a Config,
	packing: Packing<'a>,
	/// The bytes of the tensors that are loaded or being loaded.
	begun: Cell<u64>,
	progress: RefCell<Progress<'p>>,
	/// The names of the tensors that were looked up.
	taken: RefCell<BTreeSet<&'a str>>,
}

/// A matrix and its bias, if it has one.
type Biased = (Matrix, Option<Vec<f32>>);

impl<'a, 'p> Loader<'a, 'p> {
	/// Packs in the threads of a pool, and tells how many bytes of how many are begun.
	pub fn new(file: &'a GgufFile<'a>, config: &'a Config, pool: &'a Pool, progress: Progress<'p>) -> Self {
		let memory = WeightMemory::of(usize::try_from(weight_bytes(file)).unwrap_or(usize::MAX));
		let (packing, begun, taken) = (Packing::into(memory, pool), Cell::default(), RefCell::default());
		Self { file, config, packing, begun, progress: RefCell::new(progress), taken }
	}

	fn tensor(&self, name: &str, shape: &[usize]) -> Result<&'a TensorView<'a>, EngineError> {
		let tensor = self.file.tensor(name).ok_or_else(|| self.missing(name))?;
		if tensor.shape != shape {
			return Err(invalid(format!("tensor {name} has shape {:?}, expected {shape:?}", tensor.shape)));
		}
		// Joined matrices are looked up once for each of their parts.
		if self.taken.borrow_mut().insert(tensor.name) {
			self.begun.set(self.begun.get() + tensor.data.len() as u64);
		}
		(self.progress.borrow_mut())(self.begun.get(), self.file.tensor_bytes());
		Ok(tensor)
	}

	/// Why there is no such tensor: queries, keys and values may be joined where the family has them apart, or apart where it
	/// has them joined.
	fn missing(&self, name: &str) -> EngineError {
		let others = [name.replace(".attn_q.", ".attn_qkv."), name.replace(".attn_qkv.", ".attn_q.")];
		match others.into_iter().find(|other| other != name && self.file.tensor(other).is_some()) {
			Some(other) => invalid(format!(
				"it has the tensor {other:?} in place of {name:?}, which architecture {} does not compute with here",
				self.config.family.name()
			)),
			None => invalid(format!("tensor {name} is missing")),
		}
	}

	/// A tensor of floats.
	pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, EngineError> {
		floats(self.tensor(name, &[length])?)
	}

	/// The matrix `name.weight` without a bias.
	pub fn matrix(&self, name: &str, columns: usize, depth: usize) -> Result<Matrix, EngineError> {
		let tensor = self.tensor(&format!("{name}.weight"), &[depth, columns])?;
		Matrix::new(&self.packing, tensor, [0, columns], depth, |column| column)
	}

	/// The matrix `name.weight`, and `name.bias` if the file has it; column j is the file's `order(j)`.
	fn biased(
		&self,
		name: &str,
		columns: usize,
		depth: usize,
		order: impl Fn(usize) -> usize + Sync,
	) -> Result<Biased, EngineError> {
		let tensor = self.tensor(&format!("{name}.weight"), &[depth, columns])?;
		let bias = self.bias(name, columns)?.map(|bias| (0..columns).map(|column| bias[order(column)]).collect());
		Ok((Matrix::new(&self.packing, tensor, [0, columns], depth, order)?, bias))
	}

	/// `name.bias` if the file has it.
	fn bias(&self, name: &str, columns: usize) -> Result<Option<Vec<f32>>, EngineError> {
		let name = format!("{name}.bias");
		self.file.tensor(&name).map(|_| self.vector(&name, columns)).transpose()
	}

	/// The matrix `name.weight` on its own, with its bias if it has one.
	pub fn only(&self, name: &str, columns: usize, depth: usize) -> Result<Linear, EngineError> {
		Ok(Linear::new(vec![self.biased(name, columns, depth, |column| column)?]))
	}

	/// The output matrix, with its bias if it has one; nothing if the file has none. One that repeats the embedding is the
	/// same memory.
	pub fn output(&self, embedding: &Matrix) -> Result<Option<Linear>, EngineError> {
		let Config { vocabulary, width, .. } = *self.config;
		let [output, embedded] = ["output.weight", "token_embd.weight"].map(|name| self.file.tensor(name));
		match (output, embedded) {
			(None, _) => Ok(None),
			(Some(output), Some(embedded)) if are_alike(output, embedded)? => {
				self.tensor(output.name, &[width, vocabulary])?;
				Ok(Some(Linear::new(vec![(embedding.clone(), self.bias("output", vocabulary)?)])))
			}
			_ => self.only("output", vocabulary, width).map(Some),
		}
	}

	/// The weights of a layer.
	pub fn layer(&self, layer: usize) -> Result<Layer, EngineError> {
		let Config { width, hidden, heads, kv_heads, head, family, .. } = *self.config;
		let name = |part: &str| format!("blk.{layer}.{part}");
		let plain = |part: &str| self.biased(&name(part), hidden, width, |column| column);
		let gate_up = match family {
			Family::Phi3 => self.only(&name("ffn_up"), 2 * hidden, width)?,
			_ => Linear::new(vec![plain("ffn_gate")?, plain("ffn_up")?]),
		};
		let norm = |there: bool, part: &str, length: usize| match there {
			true => self.vector(&name(&format!("{part}.weight")), length).map(Some),
			false => Ok(None),
		};
		let head_norm = |part: &str, heads: usize| match family {
			Family::Qwen3 | Family::Gemma3 => norm(true, &format!("attn_{part}_norm"), head),
			Family::Olmo2 => norm(true, &format!("attn_{part}_norm"), heads * head),
			_ => Ok(None),
		};
		let (inputs, outputs) = (self.config.norms_inputs(), self.config.norms_outputs());
		Ok(Layer {
			attention_norm: norm(inputs, "attn_norm", width)?,
			query_key_value: self.query_key_value(layer)?,
			query_norm: head_norm("q", heads)?,
			key_norm: head_norm("k", kv_heads)?,
			attention_out: self.only(&name("attn_output"), width, heads * head)?,
			attention_out_norm: norm(outputs, "post_attention_norm", width)?,
			feed_forward_norm: norm(inputs, "ffn_norm", width)?,
			gate_up,
			down: self.only(&name("ffn_down"), width, hidden)?,
			down_norm: norm(outputs, "post_ffw_norm", width)?,
		})
	}

	fn query_key_value(&self, layer: usize) -> Result<Linear, EngineError> {
		let Config { width, heads, kv_heads, head, family, .. } = *self.config;
		if family == Family::Phi3 {
			return self.only(&format!("blk.{layer}.attn_qkv"), (heads + 2 * kv_heads) * head, width);
		}
		let half = head / 2;
		// Pairs of neighbours become pairs half a head apart.
		let apart = |column: usize| column / head * head + column % half * 2 + column % head / half;
		let part = |part: &str, heads: usize, reordered: bool| {
			let order = |column: usize| if reordered { apart(column) } else { column };
			self.biased(&format!("blk.{layer}.attn_{part}"), heads * head, width, order)
		};
		let neighbours = family.rotates_neighbours();
		let [query, key] = [part("q", heads, neighbours)?, part("k", kv_heads, neighbours)?];
		Ok(Linear::new(vec![query, key, part("v", kv_heads, false)?]))
	}

	/// Makes sure that all tensors were taken: with one left over, the model is another than the one that is computed.
	pub fn finish(&self) -> Result<(), EngineError> {
		let taken = self.taken.borrow();
		let left = |name: &str| !taken.contains(name) && !self.config.has_no_use_for(name);
		match self.file.tensors().find(|tensor| left(tensor.name)) {
			None => {
				let total = self.file.tensor_bytes();
				(self.progress.borrow_mut())(total, total);
				Ok(())
			}
			Some(TensorView { name, .. }) => Err(invalid(format!(
				"it has the tensor {name:?}, which architecture {} does not compute with here",
				self.config.family.name()
			))),
		}
	}
}

/// How many bytes are compared at once.
const COMPARED: usize = 1 << 20;

/// Whether tensors have the same type, shape and bytes.
fn are_alike(one: &TensorView<'_>, other: &TensorView<'_>) -> Result<bool, EngineError> {
	if (one.dtype, &one.shape) != (other.dtype, &other.shape) {
		return Ok(false);
	}
	let mut buffers = [Vec::new(), Vec::new()];
	let length = one.data.len();
	for from in (0..length).step_by(COMPARED) {
		let range = from..length.min(from + COMPARED);
		let [first, second] = &mut buffers;
		let first = one.data.read(range.clone(), first).map_err(|error| unreadable(one, &error))?;
		if first != other.data.read(range, second).map_err(|error| unreadable(other, &error))? {
			return Ok(false);
		}
	}
	Ok(true)
}

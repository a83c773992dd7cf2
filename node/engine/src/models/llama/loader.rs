//! The weights of a file.

use super::config::{Config, Family};
use super::linear::{floats, invalid, Linear, Matrix};
use super::Layer;
use crate::gguf::{GgufFile, TensorView};
use crate::kernels::WeightMemory;
use crate::store::Progress;
use crate::EngineError;
use std::cell::{Cell, RefCell};

/// Takes a file's tensors.
pub(super) struct Loader<'a, 'p> {
	file: &'a GgufFile<'a>,
	config: &'a Config,
	memory: WeightMemory,
	/// The bytes of the tensors that are loaded or being loaded.
	begun: Cell<u64>,
	progress: RefCell<Progress<'p>>,
}

impl<'a, 'p> Loader<'a, 'p> {
	/// Tells how many bytes of how many are begun.
	pub fn new(file: &'a GgufFile<'a>, config: &'a Config, progress: Progress<'p>) -> Self {
		let (memory, begun) = (WeightMemory::default(), Cell::default());
		Self { file, config, memory, begun, progress: RefCell::new(progress) }
	}

	fn tensor(&self, name: &str, shape: &[usize]) -> Result<&TensorView<'_>, EngineError> {
		let tensor = self.file.tensor(name).ok_or_else(|| invalid(format!("tensor {name} is missing")))?;
		if tensor.shape != shape {
			return Err(invalid(format!("tensor {name} has shape {:?}, expected {shape:?}", tensor.shape)));
		}
		let total = self.file.tensor_bytes();
		// Joined matrices are looked up once for each of their parts.
		self.begun.set(total.min(self.begun.get() + tensor.data.len() as u64));
		(self.progress.borrow_mut())(self.begun.get(), total);
		Ok(tensor)
	}

	/// A tensor of floats.
	pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, EngineError> {
		floats(self.tensor(name, &[length])?)
	}

	/// The matrix `name.weight`.
	pub fn matrix(&self, name: &str, columns: usize, depth: usize) -> Result<Matrix, EngineError> {
		let tensor = self.tensor(&format!("{name}.weight"), &[depth, columns])?;
		Matrix::new(&self.memory, tensor, [0, columns], depth, |column| column)
	}

	/// The weights of a layer.
	pub fn layer(&self, layer: usize) -> Result<Layer, EngineError> {
		let Config { width, hidden, heads, head, .. } = *self.config;
		let name = |part: &str| format!("blk.{layer}.{part}");
		let only = |part: &str, columns, depth| -> Result<Linear, EngineError> {
			Ok(Linear::new(vec![(self.matrix(&name(part), columns, depth)?, None)]))
		};
		let gate_up = match self.config.family {
			Family::Phi3 => only("ffn_up", 2 * hidden, width)?,
			Family::Llama | Family::Qwen2 => Linear::new(vec![
				(self.matrix(&name("ffn_gate"), hidden, width)?, None),
				(self.matrix(&name("ffn_up"), hidden, width)?, None),
			]),
		};
		Ok(Layer {
			attention_norm: self.vector(&name("attn_norm.weight"), width)?,
			query_key_value: self.query_key_value(layer)?,
			attention_out: only("attn_output", width, heads * head)?,
			feed_forward_norm: self.vector(&name("ffn_norm.weight"), width)?,
			gate_up,
			down: only("ffn_down", width, hidden)?,
		})
	}

	fn query_key_value(&self, layer: usize) -> Result<Linear, EngineError> {
		let Config { width, heads, kv_heads, head, family, .. } = *self.config;
		if family == Family::Phi3 {
			let columns = (heads + 2 * kv_heads) * head;
			return Ok(Linear::new(vec![(self.matrix(&format!("blk.{layer}.attn_qkv"), columns, width)?, None)]));
		}
		let half = head / 2;
		// Pairs of neighbours become pairs half a head apart.
		let apart = |column: usize| column / head * head + column % half * 2 + column % head / half;
		let part = |part: &str, heads: usize, reordered: bool| -> Result<_, EngineError> {
			let name = format!("blk.{layer}.attn_{part}");
			let tensor = self.tensor(&format!("{name}.weight"), &[width, heads * head])?;
			let order = |column: usize| if reordered { apart(column) } else { column };
			let bias_name = format!("{name}.bias");
			let bias = match self.file.tensor(&bias_name) {
				Some(_) => {
					let bias = self.vector(&bias_name, heads * head)?;
					Some((0..bias.len()).map(|column| bias[order(column)]).collect())
				}
				None => None,
			};
			Ok((Matrix::new(&self.memory, tensor, [0, heads * head], width, order)?, bias))
		};
		let llama = family == Family::Llama;
		Ok(Linear::new(vec![part("q", heads, llama)?, part("k", kv_heads, llama)?, part("v", kv_heads, false)?]))
	}
}

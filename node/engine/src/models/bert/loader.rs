//! From files to the model.

use super::config::{Settings, MINILM};
use super::linear::{Linear, Weights};
use super::{Bert, Layer, Norm, Words};
use crate::kernels::lanes::WIDTH;
use crate::kernels::{all_finite, PackedMatrix, WeightMemory};
use crate::models::linear::invalid;
use crate::safetensors_file::{SafetensorsDtype, SafetensorsFile, SafetensorsView};
use crate::tokenizer::JsonTokenizer;
use crate::EngineError;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// No file of this architecture is larger.
const MAX_FILE_SIZE: u64 = 512 << 20;

/// Tensors that a sentence's embedding does not need: numbers that count up, and a layer behind the first token.
pub(super) const UNUSED: [&str; 3] = ["embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"];

impl Bert {
	/// Loads the model from its weights, its `tokenizer.json` and, unless it is of all-MiniLM-L6-v2's kind, its `config.json`
	/// and `1_Pooling/config.json`. The caller has checked their hashes.
	pub fn load(weights: &[u8], tokenizer: &[u8], settings: Option<[&[u8]; 2]>) -> Result<Self, EngineError> {
		let settings = settings.map_or(Ok(MINILM), |[config, pooling]| Settings::read(config, pooling))?;
		let size = weights.len() as u64;
		if size > MAX_FILE_SIZE {
			return Err(EngineError::FileTooLarge { size, limit: MAX_FILE_SIZE });
		}
		let file = SafetensorsFile::parse(weights).map_err(|error| invalid(error.to_string()))?;
		let tensors = Tensors { file: &file, taken: RefCell::default(), memory: WeightMemory::default() };
		let [words, width] = tensors.matrix_shape("embeddings.word_embeddings.weight")?;
		let [positions, _] = tensors.matrix_shape("embeddings.position_embeddings.weight")?;
		let [types, _] = tensors.matrix_shape("embeddings.token_type_embeddings.weight")?;
		let [hidden, _] = tensors.matrix_shape("encoder.layer.0.intermediate.dense.weight")?;
		let shape = settings.shape(width)?;
		if !width.is_multiple_of(shape.head) || !shape.head.is_multiple_of(WIDTH) || !hidden.is_multiple_of(WIDTH) {
			let head = shape.head;
			return Err(invalid(format!(
				"its widths are {width} and {hidden}, heads have {head}: not multiples of each other and of {WIDTH}"
			)));
		}
		let vocabulary = words;
		let words = tensors.floats("embeddings.word_embeddings.weight", &[words, width])?;
		let mut positions = tensors.floats("embeddings.position_embeddings.weight", &[positions, width])?;
		positions.truncate(settings.context.saturating_mul(width));
		let types = tensors.floats("embeddings.token_type_embeddings.weight", &[types, width])?;
		for row in positions.chunks_exact_mut(width) {
			row.iter_mut().zip(&types).for_each(|(value, of_type)| *value += of_type);
		}
		let embedding_norm = tensors.norm("embeddings.LayerNorm", width)?;
		let mut layers = Vec::new();
		while layers.is_empty() || tensors.has_layer(layers.len()) {
			layers.push(tensors.layer(layers.len(), width, hidden)?);
		}
		tensors.finish()?;

		let tokenizer = JsonTokenizer::from_json(tokenizer).map_err(|error| invalid(error.to_string()))?;
		let words = Words::Floats(words);
		let model = Self { tokenizer, shape, vocabulary, words, positions, embedding_norm, layers };
		match model.tokenizer.largest_id() {
			Some(id) if (id as usize) < model.vocabulary() => Ok(model),
			_ => Err(invalid(format!("the tokenizer has no tokens, or more than {}", model.vocabulary()))),
		}
	}
}

/// A file's tensors and which of them were taken.
struct Tensors<'a> {
	file: &'a SafetensorsFile<'a>,
	taken: RefCell<BTreeSet<String>>,
	memory: WeightMemory,
}

impl Tensors<'_> {
	fn view(&self, name: &str) -> Result<&SafetensorsView<'_>, EngineError> {
		self.taken.borrow_mut().insert(name.into());
		self.file.tensor(name).map_err(|error| invalid(error.to_string()))
	}

	fn matrix_shape(&self, name: &str) -> Result<[usize; 2], EngineError> {
		let shape = &self.view(name)?.shape;
		shape.as_slice().try_into().map_err(|_| invalid(format!("tensor {name} has shape {shape:?}, not a matrix's")))
	}

	fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
		let view = self.view(name)?;
		if view.dtype != SafetensorsDtype::F32 {
			return Err(invalid(format!("tensor {name} has type {:?}, expected F32", view.dtype)));
		}
		if view.shape != shape {
			return Err(invalid(format!("tensor {name} has shape {:?}, expected {shape:?}", view.shape)));
		}
		let values: Vec<f32> = view.data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
		match all_finite(&values) {
			true => Ok(values),
			false => Err(invalid(format!("tensor {name} has a value that is not finite"))),
		}
	}

	fn norm(&self, name: &str, width: usize) -> Result<Norm, EngineError> {
		Ok(Norm {
			weight: self.floats(&format!("{name}.weight"), &[width])?,
			bias: self.floats(&format!("{name}.bias"), &[width])?,
		})
	}

	/// Matrices beside each other, each `[columns][depth]` in the file.
	fn linear(&self, names: &[String], [columns, depth]: [usize; 2]) -> Result<Linear, EngineError> {
		let (mut weights, mut bias) = (Vec::new(), Vec::new());
		for name in names {
			weights.extend(self.floats(&format!("{name}.weight"), &[columns, depth])?);
			bias.extend(self.floats(&format!("{name}.bias"), &[columns])?);
		}
		let weights = PackedMatrix::from_rows(&weights, depth).store(&self.memory)?;
		Ok(Linear { weights: Weights::Floats(weights), bias })
	}

	fn has_layer(&self, layer: usize) -> bool {
		let prefix = format!("encoder.layer.{layer}.");
		self.file.tensors().any(|(name, _)| name.starts_with(&prefix))
	}

	fn layer(&self, layer: usize, width: usize, hidden: usize) -> Result<Layer, EngineError> {
		let name = |part: &str| format!("encoder.layer.{layer}.{part}");
		let projections = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
		Ok(Layer {
			query_key_value: self.linear(&projections, [width, width])?,
			attention_out: self.linear(&[name("attention.output.dense")], [width, width])?,
			attention_norm: self.norm(&name("attention.output.LayerNorm"), width)?,
			up: self.linear(&[name("intermediate.dense")], [hidden, width])?,
			down: self.linear(&[name("output.dense")], [width, hidden])?,
			feed_forward_norm: self.norm(&name("output.LayerNorm"), width)?,
		})
	}

	/// Makes sure that nothing is left over.
	fn finish(&self) -> Result<(), EngineError> {
		let taken = self.taken.borrow();
		match self.file.tensors().find(|(name, _)| !taken.contains(*name) && !UNUSED.contains(name)) {
			None => Ok(()),
			Some((name, _)) => Err(invalid(format!("tensor {name:?} has no place in the architecture"))),
		}
	}
}

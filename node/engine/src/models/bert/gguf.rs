//! From a GGUF file to the model: metadata, weights and tokenizer in one file.

use super::linear::{Linear, Weights};
use super::{Bert, Layer, Norm, Pooling, Shape, Words};
use crate::gguf::{GgufError, GgufFile, TensorView};
use crate::kernels::lanes::WIDTH;
use crate::kernels::packing::Packing;
use crate::kernels::pool::Pool;
use crate::kernels::quant::BLOCK;
use crate::kernels::WeightMemory;
use crate::models::gguf_keys::{check_kind, number};
use crate::models::linear::{floats, invalid, weight_bytes, Matrix};
use crate::tokenizer::JsonTokenizer;
use crate::EngineError;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What files call the architecture.
const NAME: &str = "bert";

/// Its relatives, and what they have that is not computed here.
const RELATIVES: [(&str, &str); 9] = [
	("nomic-bert", "positions that rotate"),
	("nomic-bert-moe", "experts"),
	("jina-bert-v2", "ALiBi in place of positions"),
	("jina-bert-v3", "positions that rotate"),
	("modern-bert", "positions that rotate"),
	("neo-bert", "positions that rotate"),
	("eurobert", "positions that rotate"),
	("gemma-embedding", "layers of Gemma"),
	("t5encoder", "relative positions"),
];

/// What `pooling_type` may say, by its number.
const POOLINGS: [&str; 5] = ["none", "mean", "cls", "last", "rank"];

/// Keys behind the architecture's name that change what is computed, unless they are 0 or false.
const MUST_BE_ZERO: [&str; 8] = [
	"attention.clamp_kqv",
	"attention.max_alibi_bias",
	"attention.alibi_bias_max",
	"attention.scale",
	"attention.sliding_window",
	"expert_count",
	"moe_every_n_layers",
	"use_parallel_residual",
];

/// What a file says that is not read off its tensors' shapes.
struct Config {
	layers: usize,
	width: usize,
	hidden: usize,
	context: usize,
	shape: Shape,
}

fn key(name: &str) -> String {
	format!("{NAME}.{name}")
}

impl Config {
	fn read(file: &GgufFile<'_>) -> Result<Self, EngineError> {
		let error = |error: GgufError| invalid(error.to_string());
		check_kind(file)?;
		check_architecture(file.get("general.architecture").map_err(error)?)?;
		let size = |name: &str, limit: u32| -> Result<usize, EngineError> {
			let value: u32 = file.get(&key(name)).map_err(error)?;
			match (1..=limit).contains(&value) {
				true => Ok(value as usize),
				false => Err(invalid(format!("{} is {value}, expected 1 to {limit}", key(name)))),
			}
		};
		let (width, heads) = (size("embedding_length", 1 << 16)?, size("attention.head_count", 1 << 10)?);
		let hidden = size("feed_forward_length", 1 << 18)?;
		for (name, size) in [("embedding_length", width), ("feed_forward_length", hidden)] {
			if !size.is_multiple_of(BLOCK) {
				return Err(invalid(format!("{} is {size}, expected a multiple of {BLOCK}", key(name))));
			}
		}
		let head = width / heads;
		if !width.is_multiple_of(heads) || !head.is_multiple_of(WIDTH) {
			let [width_key, heads_key] = ["embedding_length", "attention.head_count"].map(key);
			return Err(invalid(format!(
				"{width_key} is {width} and {heads_key} {heads}, expected heads of a multiple of {WIDTH}"
			)));
		}
		for (name, expected) in
			[("attention.head_count_kv", heads), ("attention.key_length", head), ("attention.value_length", head)]
		{
			let value: Option<u32> = file.find(&key(name)).map_err(error)?;
			if let Some(value) = value.filter(|value| *value as usize != expected) {
				return Err(invalid(format!("{} is {value}, expected {expected}", key(name))));
			}
		}
		check_keys(file)?;
		let name = key("attention.layer_norm_epsilon");
		let epsilon: f32 = file.get(&name).map_err(error)?;
		if !epsilon.is_normal() || epsilon < 0.0 {
			return Err(invalid(format!("{name} is {epsilon}, expected a positive number")));
		}
		let shape = Shape { head, epsilon, pooling: pooling(file)? };
		Ok(Self {
			layers: size("block_count", 1 << 10)?,
			width,
			hidden,
			context: size("context_length", 1 << 16)?,
			shape,
		})
	}
}

fn check_architecture(name: &str) -> Result<(), EngineError> {
	if name == NAME {
		return Ok(());
	}
	Err(invalid(match RELATIVES.iter().find(|(relative, _)| *relative == name) {
		Some((_, what)) => format!("architecture {name:?} has {what}, which is not computed here"),
		None => format!("architecture {name:?} makes no vectors of texts here: only {NAME:?} does"),
	}))
}

/// What the file does with a text's rows, by its own word.
fn pooling(file: &GgufFile<'_>) -> Result<Pooling, EngineError> {
	let name = key("pooling_type");
	let Some(value) = file.find::<u32>(&name).map_err(|error| invalid(error.to_string()))? else {
		return Err(invalid(format!(
			"it does not say what becomes of a text's tokens: set {name} to 1 (mean) or 2 (cls)"
		)));
	};
	match value {
		1 => Ok(Pooling::Mean),
		2 => Ok(Pooling::First),
		_ => {
			let called = POOLINGS.get(value as usize).map(|called| format!(" ({called})")).unwrap_or_default();
			Err(invalid(format!(
				"{name} is {value}{called}, which is not computed here: only 1 (mean) and 2 (cls) are"
			)))
		}
	}
}

/// Refuses a file with a key that changes what is computed.
fn check_keys(file: &GgufFile<'_>) -> Result<(), EngineError> {
	let value = |name: &str| file.values().find(|(key, _)| *key == name).map(|(_, value)| number(value));
	let causal = key("attention.causal");
	if value(&causal) != Some(Some(0.0)) {
		return Err(invalid(format!("{causal} is not false: only attention in both directions is computed here")));
	}
	for name in MUST_BE_ZERO.map(key) {
		if value(&name).is_some_and(|value| value != Some(0.0)) {
			return Err(invalid(format!("it has {name}, which is not computed here")));
		}
	}
	Ok(())
}

/// Takes a file's tensors.
struct Tensors<'a> {
	file: &'a GgufFile<'a>,
	packing: Packing<'a>,
	taken: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Tensors<'a> {
	fn tensor(&self, name: &str, shape: &[usize]) -> Result<&'a TensorView<'a>, EngineError> {
		let tensor = self.file.tensor(name).ok_or_else(|| invalid(format!("tensor {name} is missing")))?;
		if tensor.shape != shape {
			return Err(invalid(format!("tensor {name} has shape {:?}, expected {shape:?}", tensor.shape)));
		}
		self.taken.borrow_mut().insert(tensor.name);
		Ok(tensor)
	}

	fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
		floats(self.tensor(name, shape)?)
	}

	fn matrix(&self, name: &str, [columns, depth]: [usize; 2]) -> Result<Matrix, EngineError> {
		let tensor = self.tensor(&format!("{name}.weight"), &[depth, columns])?;
		Matrix::new(&self.packing, tensor, [0, columns], depth, |column| column)
	}

	fn norm(&self, name: &str, width: usize) -> Result<Norm, EngineError> {
		Ok(Norm {
			weight: self.floats(&format!("{name}.weight"), &[width])?,
			bias: self.floats(&format!("{name}.bias"), &[width])?,
		})
	}

	/// Matrices of one shape beside each other.
	fn linear(&self, names: &[String], shape: [usize; 2]) -> Result<Linear, EngineError> {
		let (mut matrices, mut bias) = (Vec::new(), Vec::new());
		for name in names {
			matrices.push((bias.len(), self.matrix(name, shape)?));
			bias.extend(self.floats(&format!("{name}.bias"), &shape[..1])?);
		}
		Ok(Linear { weights: Weights::Stored(matrices), bias })
	}

	fn layer(&self, layer: usize, config: &Config) -> Result<Layer, EngineError> {
		let &Config { width, hidden, .. } = config;
		let name = |part: &str| format!("blk.{layer}.{part}");
		Ok(Layer {
			query_key_value: self.linear(&["attn_q", "attn_k", "attn_v"].map(name), [width, width])?,
			attention_out: self.linear(&[name("attn_output")], [width, width])?,
			attention_norm: self.norm(&name("attn_output_norm"), width)?,
			up: self.linear(&[name("ffn_up")], [hidden, width])?,
			down: self.linear(&[name("ffn_down")], [width, hidden])?,
			feed_forward_norm: self.norm(&name("layer_output_norm"), width)?,
		})
	}

	/// A row per position, that of token type 0 added, if there are types.
	fn positions(&self, config: &Config) -> Result<Vec<f32>, EngineError> {
		let &Config { width, context, .. } = config;
		let mut positions = self.floats("position_embd.weight", &[width, context])?;
		if let Some(types) = self.file.tensor("token_types.weight") {
			let count = types.shape.get(1).copied().unwrap_or(1);
			let types = self.floats(types.name, &[width, count])?;
			for row in positions.chunks_exact_mut(width) {
				row.iter_mut().zip(&types).for_each(|(value, of_type)| *value += of_type);
			}
		}
		Ok(positions)
	}

	/// Makes sure that nothing is left over: with one more tensor, the model is another than the one that is computed.
	fn finish(&self) -> Result<(), EngineError> {
		let taken = self.taken.borrow();
		match self.file.tensors().find(|tensor| !taken.contains(tensor.name)) {
			None => Ok(()),
			Some(TensorView { name, .. }) => Err(invalid(format!(
				"it has the tensor {name:?}, which architecture {NAME} does not compute with here"
			))),
		}
	}
}

impl Bert {
	/// Loads the model from a GGUF file, whose hash the caller has checked, in the threads of a pool.
	pub fn from_gguf(file: &GgufFile<'_>, pool: &Pool) -> Result<Self, EngineError> {
		let config = Config::read(file)?;
		let tokenizer = JsonTokenizer::from_gguf(file).map_err(|error| invalid(error.to_string()))?;
		let memory = WeightMemory::of(usize::try_from(weight_bytes(file)).unwrap_or(usize::MAX));
		let tensors = Tensors { file, packing: Packing::into(memory, pool), taken: RefCell::default() };
		let vocabulary = tokenizer.vocabulary();
		let model = Self {
			shape: config.shape,
			vocabulary,
			words: Words::Stored(tensors.matrix("token_embd", [vocabulary, config.width])?),
			positions: tensors.positions(&config)?,
			embedding_norm: tensors.norm("token_embd_norm", config.width)?,
			layers: (0..config.layers).map(|layer| tensors.layer(layer, &config)).collect::<Result<_, _>>()?,
			tokenizer,
		};
		tensors.finish()?;
		Ok(model)
	}
}

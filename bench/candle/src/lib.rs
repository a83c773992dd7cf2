//! What the programs share.

use anyhow::{anyhow, Result};
use candle_core::quantized::gguf_file::Content;
use candle_core::Device;
use candle_transformers::models::quantized_llama::ModelWeights;
use std::fs::File;

/// The command line's arguments, of which there must be so many.
pub fn arguments<const N: usize>(usage: &str) -> Result<[String; N]> {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	arguments.try_into().map_err(|_| anyhow!("usage: {usage}"))
}

/// A model of the Llama family from its GGUF.
pub fn quantized_llama(path: &str) -> Result<ModelWeights> {
	let mut file = File::open(path)?;
	let content = Content::read(&mut file)?;
	Ok(ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?)
}

/// Tokens that any vocabulary of 21 thousand has; the same as those of the engine's example `logits`.
pub fn prompt(length: usize) -> Vec<u32> {
	(0..length as u32).map(|at| 1000 + at * 37 % 20_000).collect()
}

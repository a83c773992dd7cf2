//! Writes a prompt's logits, f32 in little-endian: `logits FILE.gguf PART OUT`
//!
//! The prompt is read in parts of PART tokens. Mathematically no choice of PART changes the output.

use anyhow::Result;
use candle_core::{Device, Tensor};
use candle_peer::{arguments, prompt, quantized_llama};

const PROMPT: usize = 64;

fn main() -> Result<()> {
	let [path, part, out] = arguments("logits FILE.gguf PART OUT")?;
	let mut model = quantized_llama(&path)?;
	let mut logits = Vec::new();
	let mut position = 0;
	for part in prompt(PROMPT).chunks(part.parse()?) {
		let tokens = Tensor::new(part, &Device::Cpu)?.unsqueeze(0)?;
		logits = model.forward(&tokens, position)?.squeeze(0)?.to_vec1::<f32>()?;
		position += part.len();
	}
	std::fs::write(out, logits.iter().flat_map(|logit| logit.to_le_bytes()).collect::<Vec<_>>())?;
	Ok(())
}

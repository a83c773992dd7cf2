//! Stock candle on a GGUF of the Llama family: `llama FILE.gguf RUNS PREFILL DECODE`. Threads: `RAYON_NUM_THREADS`.

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use candle_peer::{arguments, prompt, quantized_llama};
use std::time::Instant;

fn main() -> Result<()> {
	let [path, runs, prefill, decode] = arguments("llama FILE.gguf RUNS PREFILL DECODE")?;
	let (runs, prefill, decode): (usize, usize, usize) = (runs.parse()?, prefill.parse()?, decode.parse()?);
	let mut model = quantized_llama(&path)?;
	let prompt = prompt(prefill);
	// The warm-up is shorter: a whole run takes seconds.
	model.forward(&Tensor::new(&prompt[..8], &Device::Cpu)?.unsqueeze(0)?, 0)?;
	let (mut prefills, mut decodes) = (Vec::new(), Vec::new());
	for _ in 0..runs {
		model.clear_kv_cache();
		let start = Instant::now();
		let mut logits = model.forward(&Tensor::new(prompt.as_slice(), &Device::Cpu)?.unsqueeze(0)?, 0)?;
		prefills.push(prefill as f64 / start.elapsed().as_secs_f64());
		let start = Instant::now();
		for step in 0..decode {
			let token: u32 = logits.squeeze(0)?.argmax(0)?.to_scalar().context("a token")?;
			logits = model.forward(&Tensor::new(&[[token]], &Device::Cpu)?, prefill + step)?;
		}
		decodes.push(decode as f64 / start.elapsed().as_secs_f64());
	}
	println!("RESULT {{\"prefill\":{prefills:.2?},\"decode\":{decodes:.2?}}}");
	Ok(())
}

//! Stock candle on all-MiniLM-L6-v2: `minilm MODEL.safetensors RUNS`, milliseconds. Threads: `RAYON_NUM_THREADS`.

use anyhow::Result;
use candle_core::{safetensors, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_peer::{arguments, prompt};
use candle_transformers::models::bert::{BertModel, Config};
use std::time::Instant;

const SHAPES: [(usize, usize); 3] = [(1, 32), (8, 32), (1, 128)];
const WARM_UP_RUNS: usize = 3;

fn main() -> Result<()> {
	let [path, runs] = arguments("minilm MODEL.safetensors RUNS")?;
	let runs: usize = runs.parse()?;
	let config = Config {
		hidden_size: 384,
		num_hidden_layers: 6,
		num_attention_heads: 12,
		intermediate_size: 1536,
		..Config::default()
	};
	let weights = VarBuilder::from_tensors(safetensors::load(path, &Device::Cpu)?, DType::F32, &Device::Cpu);
	let model = BertModel::load(weights, &config)?;
	let mut result = Vec::new();
	for (batch, length) in SHAPES {
		let tokens = Tensor::from_vec(prompt(batch * length), (batch, length), &Device::Cpu)?;
		let types = tokens.zeros_like()?;
		let mut times = Vec::new();
		for run in 0..WARM_UP_RUNS + runs {
			let start = Instant::now();
			model.forward(&tokens, &types, None)?.mean(1)?;
			if run >= WARM_UP_RUNS {
				times.push(start.elapsed().as_secs_f64() * 1e3);
			}
		}
		result.push(format!("\"{batch}x{length}\":{times:.3?}"));
	}
	println!("RESULT {{{}}}", result.join(","));
	Ok(())
}

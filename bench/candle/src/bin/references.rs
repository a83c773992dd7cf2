//! Logits of the engine's small models of random weights, for its tests to compare with: `references MODELS OUT`
//!
//! For each `MODELS/NAME.gguf` it writes `OUT/NAME.f32`, f32 in little-endian: the logits behind a prompt that is read at
//! once, then behind each of some more tokens. `OUT/NAME-as-floats.f32` has those of a quantised model whose matrices
//! candle turns into floats first, so that inputs are not rounded to eight bits.

use anyhow::{anyhow, bail, Context, Result};
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor};
use candle_peer::arguments;
use candle_transformers::models::{quantized_llama, quantized_phi3, quantized_qwen2};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

/// The engine's test has the same ones.
const TOKENS: [u32; 15] = [1, 11, 35, 73, 29, 95, 79, 77, 89, 19, 59, 17, 85, 71, 71];
/// How many of the tokens are read at once.
const PROMPT: usize = 12;

type Forward = Box<dyn FnMut(&Tensor, usize) -> candle_core::Result<Tensor>>;

fn content(path: &Path) -> Result<(Content, File)> {
	let mut file = File::open(path)?;
	Ok((Content::read(&mut file)?, file))
}

fn load(path: &Path) -> Result<Forward> {
	let (content, mut file) = content(path)?;
	let architecture = content.metadata.get("general.architecture").context("no architecture")?.to_string()?.clone();
	let device = &Device::Cpu;
	match architecture.as_str() {
		"llama" => {
			let mut model = quantized_llama::ModelWeights::from_gguf(content, &mut file, device)?;
			Ok(Box::new(move |tokens, position| model.forward(tokens, position)))
		}
		"qwen2" => {
			let mut model = quantized_qwen2::ModelWeights::from_gguf(content, &mut file, device)?;
			Ok(Box::new(move |tokens, position| model.forward(tokens, position)))
		}
		"phi3" => {
			let mut model = quantized_phi3::ModelWeights::from_gguf(false, content, &mut file, device)?;
			Ok(Box::new(move |tokens, position| model.forward(tokens, position)))
		}
		other => bail!("architecture {other} is not known"),
	}
}

fn write_logits(path: &Path, out: &Path) -> Result<()> {
	let mut forward = load(path)?;
	let (prompt, rest) = TOKENS.split_at(PROMPT);
	let mut position = 0;
	let mut bytes = Vec::new();
	for part in [prompt].into_iter().chain(rest.chunks(1)) {
		let tokens = Tensor::new(part, &Device::Cpu)?.unsqueeze(0)?;
		let logits = forward(&tokens, position)?.squeeze(0)?.to_vec1::<f32>()?;
		bytes.extend(logits.iter().flat_map(|logit| logit.to_le_bytes()));
		position += part.len();
	}
	Ok(fs::write(out, bytes)?)
}

fn is_quantised(path: &Path) -> Result<bool> {
	Ok(content(path)?.0.tensor_infos.values().any(|tensor| tensor.ggml_dtype != GgmlDType::F32))
}

fn main() -> Result<()> {
	let [models, out] = arguments("references MODELS OUT")?;
	let mut paths = fs::read_dir(models)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
	paths.retain(|path| path.extension().is_some_and(|extension| extension == "gguf"));
	let out = |path: &Path, suffix: &str| -> Result<PathBuf> {
		let name = path.file_stem().context("a name")?.to_string_lossy();
		Ok(Path::new(&out).join(format!("{name}{suffix}.f32")))
	};
	for path in &paths {
		write_logits(path, &out(path, "")?)?;
	}
	// Candle reads this variable once per thread.
	std::env::set_var("CANDLE_DEQUANTIZE_ALL", "1");
	let as_floats = || -> Result<()> {
		for path in &paths {
			if is_quantised(path)? {
				write_logits(path, &out(path, "-as-floats")?)?;
			}
		}
		Ok(())
	};
	thread::scope(|scope| scope.spawn(as_floats).join()).map_err(|_| anyhow!("the thread panicked"))?
}

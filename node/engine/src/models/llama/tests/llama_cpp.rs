//! Probabilities beside those of llama.cpp, on random weights. `bench/peers/llamacpp_logits.py` writes the data; see the README.

use super::random_model::{Shape, HEAD};
use super::{load, wide, Kernels, Pool, Workspace};
use crate::gguf::GgufDtype;
use crate::models::llama::config::Family;
use std::path::{Path, PathBuf};
use std::{env, fs};

const FOLDER: &str = "tests/data/llama.cpp";
/// The script has the same ones.
const TOKENS: [u32; 20] = [1, 11, 35, 63, 29, 5, 49, 67, 49, 19, 59, 17, 45, 61, 61, 3, 0, 8, 66, 2];
const PROMPTS: [usize; 3] = [7, 12, 20];

fn models() -> Vec<(String, Shape)> {
	let families = Family::ALL.map(Family::name);
	let floats = families
		.map(|family| (format!("{family}-f32"), Shape { tied: family != "olmo2", ..wide(family, GgufDtype::F32) }));
	let biased = Shape { biased: true, ..wide("llama", GgufDtype::F32) };
	let partial = Shape { heads: 4, head: 2 * HEAD, ..wide("phi3", GgufDtype::F32) };
	let formats = GgufDtype::ALL.into_iter().filter(|dtype| *dtype != GgufDtype::F32).flat_map(|dtype| {
		["llama", "qwen3"].map(|family| (format!("{family}-{dtype}").to_lowercase(), wide(family, dtype)))
	});
	let whole = Shape { tied: false, window: 0, ..wide("olmo2", GgufDtype::F32) };
	let yarn = |family| Shape { tied: family != "olmo2", yarn: true, ..wide(family, GgufDtype::F32) };
	let further = [
		("llama-biased-f32".into(), biased),
		("phi3-partial-f32".into(), partial),
		("olmo2-whole-f32".into(), whole),
		("olmo2-yarn-f32".into(), yarn("olmo2")),
		("llama-yarn-f32".into(), yarn("llama")),
	];
	floats.into_iter().chain(further).chain(formats).collect()
}

/// The logarithms of the probabilities of all tokens behind each of the prompts.
fn logarithms(file: &[u8]) -> Vec<f64> {
	let model = load(file).unwrap();
	let pool = Pool::new(1).unwrap();
	let behind = |length: usize| -> Vec<f64> {
		let mut on = Workspace::new(Kernels::best(), &pool);
		let logits = model.forward(&mut on, &TOKENS[..length], &mut model.cache()).unwrap();
		let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
		logits.into_iter().map(|logit| f64::from(logit) - total.ln()).collect()
	};
	PROMPTS.into_iter().flat_map(behind).collect()
}

/// llama.cpp keeps keys and values in 16 bits and rounds the inputs of quantised matrices to 8, of which the embedding is one but in
/// F32. When the data were made, the logarithms differed by up to half of what is allowed here; those of a model without its
/// biases differed from those with them by 8.
#[test]
fn probabilities_should_be_near_llama_cpps() {
	let mut worst = Vec::new();
	for (name, shape) in models() {
		let path = Path::new(FOLDER).join(format!("{name}.f32"));
		let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
		let expected: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
		let actual = logarithms(&shape.file());
		assert_eq!(expected.len(), actual.len(), "{name}");
		let differences = expected.iter().zip(&actual).map(|(expected, actual)| (f64::from(*expected) - actual).abs());
		worst.push((name, shape.dtype, differences.fold(0.0, f64::max)));
	}
	worst.iter().for_each(|(name, _, difference)| println!("{name}: up to {difference:.1e}"));
	for (name, dtype, difference) in worst {
		let allowed = match dtype {
			GgufDtype::F32 => 3e-2,
			GgufDtype::F16 | GgufDtype::Bf16 => 8e-2,
			_ => 4e-1,
		};
		assert!(difference < allowed, "{name}: {difference}");
	}
}

#[test]
#[ignore = "writes the models for bench/peers/llamacpp_logits.py into the folder that MODELS names"]
fn write_models_for_llama_cpp() {
	let folder = PathBuf::from(env::var_os("MODELS").expect("MODELS names a folder"));
	fs::create_dir_all(&folder).unwrap();
	for (name, shape) in models() {
		fs::write(folder.join(format!("{name}.gguf")), shape.file()).unwrap();
	}
}

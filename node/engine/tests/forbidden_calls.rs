//! No float operation on an answer's path is another's, and none is left to the compiler's or the machine's choice.

use std::fs;
use std::path::{Path, PathBuf};

/// Nowhere in the sources.
const NOWHERE: &[&str] = &[
	"candle_nn",
	"candle_transformers",
	// candle's arithmetic, and where it would hide
	".matmul(",
	".softmax(",
	"softmax_last_dim",
	"layer_norm(",
	"rms_norm(",
	".affine(",
	".to_dtype(",
	".broadcast_",
	".sum_all(",
	".sum_keepdim(",
	".mean_all(",
	".silu()",
	".gelu()",
	".gelu_erf()",
	".erf()",
	".relu()",
	".sqr()",
	".recip()",
	// the platform's library of functions
	"f32::exp",
	"f64::exp",
	".exp()",
	".exp2()",
	".exp_m1()",
	".ln()",
	".log2()",
	".log10()",
	".sin()",
	".cos()",
	".sin_cos()",
	".tan()",
	".tanh()",
	".powf(",
	".powi(",
	".cbrt()",
	".hypot(",
	".rem_euclid(",
	".mul_add(",
	"f32::mul_add",
	"round_ties_even()",
	// sums in an order that an iterator chooses, and operations that may be reordered
	".sum()",
	".product()",
	"sum::<f32>",
	"sum::<f64>",
	"product::<f32>",
	"algebraic_",
	"_fast(",
	"intrinsics::",
	// estimates, short dot products, changes of the environment
	"_rcp_",
	"_rcp14",
	"_rcp28",
	"rsqrt",
	"vrecp",
	"dpbf16",
	"_reduce_",
	"_hadd_",
	"_dp_ps",
	// the environment must not choose the tier
	"env::var",
	"option_env!",
];

/// Only in the named files.
const ONLY_IN: &[(&str, &[&str])] = &[
	("candle_core", &["weights.rs", "candle_ops.rs"]),
	("libm::", &["kernels/rope.rs", "self_test.rs"]),
	("fmadd", &["kernels/x86.rs", "kernels/quant/x86.rs"]),
	("vfmaq", &["kernels/neon.rs", "kernels/quant/neon.rs"]),
	("soft_fma(", &["kernels/lanes.rs", "kernels/quant/columns.rs"]),
	("set_mxcsr", &["kernels/x86.rs", "kernels/mod.rs"]),
	("set_fpcr", &["kernels/neon.rs", "kernels/mod.rs"]),
	(
		"unsafe ",
		&[
			"kernels/x86.rs",
			"kernels/mod.rs",
			"kernels/pool.rs",
			"kernels/neon.rs",
			"kernels/memory.rs",
			"kernels/quant/neon.rs",
			"kernels/quant/x86.rs",
		],
	),
	("is_x86_feature_detected", &["kernels/mod.rs"]),
	("is_aarch64_feature_detected", &["kernels/mod.rs"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
	for entry in fs::read_dir(folder).expect("the folder is there") {
		let path = entry.expect("the folder is readable").path();
		if path.is_dir() {
			if !path.ends_with("tests") {
				sources(&path, found);
			}
		} else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
			found.push(path);
		}
	}
}

/// The lines of code before a file's own tests, without comments.
fn code(path: &Path) -> Vec<String> {
	let text = fs::read_to_string(path).expect("the file is there");
	let lines: Vec<&str> = text.lines().collect();
	let end = lines.windows(2).position(|pair| pair == ["#[cfg(test)]", "mod tests {"]).unwrap_or(lines.len());
	lines[..end].iter().map(|line| line.split("//").next().unwrap_or_default().to_string()).collect()
}

#[test]
fn the_sources_should_contain_no_forbidden_call() {
	let root = Path::new("src");
	let mut paths = Vec::new();
	sources(root, &mut paths);
	assert!(paths.len() > 10, "the sources are where they are looked for");
	let mut faults = Vec::new();
	for path in &paths {
		let name = path.strip_prefix(root).unwrap().to_str().unwrap();
		for (number, line) in code(path).iter().enumerate() {
			let nowhere = NOWHERE.iter().filter(|call| line.contains(**call));
			let elsewhere = ONLY_IN.iter().filter(|(call, files)| line.contains(call) && !files.contains(&name));
			for call in nowhere.chain(elsewhere.map(|(call, _)| call)) {
				faults.push(format!("{name}:{}: {call}", number + 1));
			}
		}
	}
	assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_exception_should_still_be_needed() {
	let root = Path::new("src");
	for (call, files) in ONLY_IN {
		for file in *files {
			assert!(code(&root.join(file)).iter().any(|line| line.contains(call)), "{call} in {file}");
		}
	}
}

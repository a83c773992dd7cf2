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

/// Functions of the platform's library, and what a compiler may have of it, as methods and by their paths.
const FUNCTIONS: &[&str] = &[
	"acos",
	"acosh",
	"asin",
	"asinh",
	"atan",
	"atan2",
	"atanh",
	"cbrt",
	"cos",
	"cosh",
	"div_euclid",
	"exp",
	"exp2",
	"exp_m1",
	"gamma",
	"hypot",
	"ln",
	"ln_1p",
	"ln_gamma",
	"log",
	"log10",
	"log2",
	"mul_add",
	"powf",
	"powi",
	"rem_euclid",
	"round_ties_even",
	"sin",
	"sin_cos",
	"sinh",
	"tan",
	"tanh",
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
			"kernels/lanes.rs",
			"kernels/memory.rs",
			"kernels/quant/columns.rs",
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

/// What a line of a file must not contain, and does.
fn forbidden(file: &str, line: &str) -> Vec<String> {
	let nowhere = NOWHERE.iter().filter(|call| line.contains(**call)).map(|call| call.to_string());
	let elsewhere = ONLY_IN.iter().filter(|(call, files)| line.contains(call) && !files.contains(&file));
	let functions = FUNCTIONS.iter().flat_map(|name| calls(line, name));
	nowhere.chain(elsewhere.map(|(call, _)| call.to_string())).chain(functions).collect()
}

/// How a line names a function of floats: as a method, or by its path, which need not be called at once.
fn calls(line: &str, name: &str) -> Vec<String> {
	let is_whole = |at: usize| !line[at..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
	let by_path = ["f32::", "f64::", "f32>::", "f64>::"].map(|of| format!("{of}{name}"));
	let by_path =
		by_path.into_iter().filter(|path| line.match_indices(path.as_str()).any(|(at, _)| is_whole(at + path.len())));
	let method = Some(format!(".{name}(")).filter(|method| line.contains(method.as_str()));
	by_path.chain(method).collect()
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
			faults.extend(forbidden(name, line).iter().map(|call| format!("{name}:{}: {call}", number + 1)));
		}
	}
	assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_forbidden_call_should_be_found_as_a_method_and_by_its_path() {
	for (line, call) in [
		("let y = x.sin();", ".sin("),
		("let y = f32::sin(x);", "f32::sin"),
		("let y = f32::powf(x, 2.0);", "f32::powf"),
		("let y = core::primitive::f64::ln(x);", "f64::ln"),
		("values.map(f32::exp)", "f32::exp"),
		("let y = <f32>::sin(x);", "f32>::sin"),
		("values.map(<f64>::exp)", "f64>::exp"),
		("let y = x.mul_add(a, b);", ".mul_add("),
		("let total: f32 = values.iter().sum();", ".sum()"),
		("let y = libm::sin(x);", "libm::"),
	] {
		assert_eq!(forbidden("models/llama.rs", line), [call], "{line}");
	}
	for line in ["let y = f32::expand(x);", "let y = x.sine();", "let y = self.log_of(x);", "let y = f32::from(x);"] {
		assert_eq!(forbidden("models/llama.rs", line), [""; 0], "{line}");
	}
	assert_eq!(forbidden("kernels/rope.rs", "let y = libm::sin(x);"), [""; 0]);
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

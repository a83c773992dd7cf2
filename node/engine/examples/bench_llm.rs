//! Speed and memory of a language model: `bench_llm FILE.gguf [TIER] [RUNS] [THREADS] [PROMPT]`
//!
//! TIER is `best` or a tier's name, THREADS a list such as `1,2`; the file is loaded in the most of them. PROMPT tokens are read
//! before 128 are written. The last line is RESULT {…}, with every run's figure.

use sibyl_engine::gguf::GgufFile;
use sibyl_engine::store::VerifiedFile;
use sibyl_engine::{LanguageModel, Tier};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const USAGE: &str = "usage: bench_llm FILE.gguf [TIER] [RUNS] [THREADS] [PROMPT]";
const DECODE: usize = 128;
const SHORT_PROMPT: usize = 32;
/// More than the caches of most machines.
const BANDWIDTH_BYTES: usize = 512 << 20;

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let path = arguments.next().ok_or(USAGE)?;
	let tier = match arguments.next().as_deref() {
		None | Some("best") => Tier::best(),
		Some(name) => Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or("no such tier")?,
	};
	let runs: usize = arguments.next().map_or(Ok(5), |runs| runs.parse())?;
	let threads = arguments.next().unwrap_or("1,2".into());
	let threads: Vec<usize> = threads.split(',').map(str::parse).collect::<Result<_, _>>()?;
	let prompt_length: usize = arguments.next().map_or(Ok(128), |length| length.parse())?;
	if prompt_length < SHORT_PROMPT {
		return Err(format!("a prompt has {SHORT_PROMPT} tokens at least").into());
	}

	let (start, resident_before) = (Instant::now(), memory("VmRSS"));
	let file = VerifiedFile::open(&path, &mut |_, _| ())?;
	let open = start.elapsed().as_secs_f64();
	let gguf = GgufFile::open(&file)?;
	let start = Instant::now();
	let most = threads.iter().copied().max().unwrap_or(1);
	let mut model = LanguageModel::from_gguf(&gguf, most, &mut |_, _| ())?.on_tier(tier)?;
	let load = start.elapsed().as_secs_f64();
	let (weights, file_size) = (bytes_per_token(&gguf), file.size());
	drop(gguf);
	drop(file);
	let (resident, peak) = (memory("VmRSS"), memory("VmHWM"));
	println!(
		"{}: hash {open:.2} s, load {load:.2} s, resident {:.2} and at most {:.2} times the file",
		tier.name(),
		resident as f64 / file_size as f64,
		peak as f64 / file_size as f64
	);
	let mut result = format!(
		"\"tier\":\"{}\",\"hash_seconds\":{open:.3},\"load_seconds\":{load:.3},\"file_bytes\":{file_size},\
		\"bytes_per_token\":{weights},\"resident_bytes_before\":{resident_before},\"resident_bytes\":{resident},\
		\"load_peak_bytes\":{peak}",
		tier.name()
	);

	for &threads in &threads {
		model = model.with_threads(threads)?;
		let (mut prefill, mut decode, mut first) = (Vec::new(), Vec::new(), Vec::new());
		// One more, to warm up.
		for run in 0..=runs {
			let prompt: Vec<u32> =
				(0..prompt_length).map(|at| ((at * 2_654_435 + run * 97) % 40_000 + 100) as u32).collect();
			let mut context = model.context();
			let start = Instant::now();
			let mut logits = model.read(&mut context, &prompt)?;
			prefill.push(prompt_length as f64 / start.elapsed().as_secs_f64());
			let start = Instant::now();
			for _ in 0..DECODE {
				logits = model.read(&mut context, &[likeliest(&logits)])?;
			}
			decode.push(DECODE as f64 / start.elapsed().as_secs_f64());
			let start = Instant::now();
			likeliest(&model.read(&mut model.context(), &prompt[..SHORT_PROMPT])?);
			first.push(start.elapsed().as_secs_f64() * 1e3);
			if run == 0 {
				[&mut prefill, &mut decode, &mut first].into_iter().for_each(Vec::clear);
			}
		}
		for (name, samples, unit) in [
			("prefill", &prefill, "tok/s"),
			("decode", &decode, "tok/s"),
			("first_token_32_ms", &first, "ms to the token after 32"),
		] {
			println!("{} {threads} threads: {name} {:.1} {unit} (median of {runs})", tier.name(), median(samples));
			result += &format!(",\"{name}_{threads}t\":{samples:.2?}");
		}
	}
	result += &format!(",\"peak_bytes\":{}", memory("VmHWM"));
	// Last, since it takes much memory itself.
	for threads in threads {
		let bandwidth = bandwidth(threads);
		result += &format!(",\"bandwidth_{threads}t\":{bandwidth:.0}");
		println!("{} {threads} threads: memory gives {:.1} GB/s", tier.name(), bandwidth / 1e9);
	}
	println!("RESULT {{{result}}}");
	Ok(())
}

/// The weights that a token is multiplied with; of an embedding that is not the output matrix too, only a row is read.
fn bytes_per_token(file: &GgufFile<'_>) -> usize {
	let is_tied = file.tensor("output.weight").is_none();
	let read = file.tensors().filter(|tensor| is_tied || tensor.name != "token_embd.weight");
	read.map(|tensor| tensor.data.len()).sum()
}

/// Bytes per second that threads read together from a buffer, the best of some passes.
fn bandwidth(threads: usize) -> f64 {
	let buffer: Vec<u64> = (0..BANDWIDTH_BYTES as u64 / 8).collect();
	let sum = |part: &[u64]| part.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value));
	let pass = || {
		let start = Instant::now();
		std::thread::scope(|scope| {
			for part in buffer.chunks(buffer.len().div_ceil(threads)) {
				scope.spawn(move || black_box(sum(part)));
			}
		});
		BANDWIDTH_BYTES as f64 / start.elapsed().as_secs_f64()
	};
	(0..5).map(|_| pass()).fold(0.0, f64::max)
}

/// A figure of this process in bytes; 0 where the system does not tell.
fn memory(name: &str) -> u64 {
	let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
	let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
	line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map_or(0, |kibibytes| kibibytes * 1024)
}

fn median(samples: &[f64]) -> f64 {
	let mut samples = samples.to_vec();
	samples.sort_by(f64::total_cmp);
	samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn likeliest(logits: &[f32]) -> u32 {
	let mut best = 0;
	for (token, logit) in logits.iter().enumerate() {
		if *logit > logits[best] {
			best = token;
		}
	}
	best as u32
}

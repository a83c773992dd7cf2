//! SmolLM2 itself, where it is installed.

use super::*;
use crate::store::known::SMOLLM2;

/// "What is the capital of France?" in the model's chat template.
const FRANCE: [u32; 37] = [
	1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198,
	1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198,
];

/// A line per step: its layer, its name and the hash of its rows.
fn traced(model: &Llama, kernels: Kernels, pool: &Pool) -> String {
	let lines = Arc::new(Mutex::new(String::new()));
	let into = lines.clone();
	let hash = |values: &[f32]| {
		let mut hasher = Sha256::new();
		values.iter().for_each(|value| hasher.update(value.to_bits().to_le_bytes()));
		hasher.finalize().iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
	};
	let mut on = Workspace::new(kernels, pool).traced(Box::new(move |step, layer, values| {
		writeln!(into.lock().unwrap(), "{layer} {step} {}", hash(values)).unwrap();
	}));
	let logits = model.forward(&mut on, &FRANCE, &mut model.cache()).unwrap();
	let mut lines = lines.lock().unwrap().clone();
	writeln!(lines, "- logits {}", hash(&logits)).unwrap();
	let rope = model.rope_hash().iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
	writeln!(lines, "- rope {rope}").unwrap();
	lines
}

#[test]
fn smollm2_should_have_the_golden_hashes_at_every_step() {
	let Some(path) = installed("SmolLM2", SMOLLM2.weights.sha256) else { return };
	let model = load(&std::fs::read(path).unwrap()).unwrap();
	let goldens = include_str!("../../../../tests/data/smollm2_steps.txt");
	for kernels in tiers() {
		for threads in [1, 3] {
			let actual = traced(&model, kernels, &Pool::new(threads).unwrap());
			for (actual, golden) in actual.lines().zip(goldens.lines()) {
				assert_eq!(actual, golden, "on {:?} with {threads} threads", kernels.tier());
			}
			assert_eq!(actual.lines().count(), goldens.lines().count());
		}
	}
}

#[test]
fn smollm2_should_not_depend_on_threads_parts_or_other_sequences() {
	let Some(path) = installed("SmolLM2", SMOLLM2.weights.sha256) else { return };
	check(&load(&std::fs::read(path).unwrap()).unwrap(), &FRANCE, false);
}

/// Questions, their prompts' tokens and the answers' by numpy in f32 on the dequantised weights: see
/// `smollm2_reference.py`.
const REFERENCE: &str = include_str!("../../../../tests/data/smollm2_reference.tsv");

/// Where the reference's choice is the engine's second, by less than [`NEAR`]: the question, and tokens before.
const SECOND: [(&str, usize); 2] =
	[("\"Describe a sunset at the sea.\"", 14), ("\"Is a tomato a fruit or a vegetable?\"", 28)];

const NEAR: f32 = 0.01;

#[test]
fn smollm2_should_answer_as_the_reference_does() {
	let Some(path) = installed("SmolLM2", SMOLLM2.weights.sha256) else { return };
	let model = load(&std::fs::read(path).unwrap()).unwrap();
	let tokens = |text: &str| text.split(' ').map(|token| token.parse().unwrap()).collect::<Vec<u32>>();
	// One thread is slow, and gives the same bits.
	for (threads, questions, expected) in [(1, 3, &[][..]), (2, 40, &SECOND)] {
		let pool = Pool::new(threads).unwrap();
		let mut second = Vec::new();
		assert!(REFERENCE.lines().count() >= questions);
		for line in REFERENCE.lines().take(questions) {
			let [question, prompt, answer] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
			let (mut on, mut cache) = (Workspace::new(Kernels::best(), &pool), model.cache());
			let mut logits = model.forward(&mut on, &tokens(prompt), &mut cache).unwrap();
			for (at, token) in tokens(answer).into_iter().enumerate() {
				let choice = greedy(&logits).unwrap();
				let below = logits[choice as usize] - logits[token as usize];
				assert!(below < NEAR, "{question}: after {at} tokens {choice} is {below} above {token}");
				if choice != token {
					second.push((question, at));
				}
				logits = model.forward(&mut on, &[token], &mut cache).unwrap();
			}
		}
		assert_eq!(second, expected);
	}
}

/// The half-precision float nearest to a value, which is not small.
fn nearest_half(value: f64) -> f64 {
	let unit = 2_f64.powi(value.abs().log2().floor().max(-14.0) as i32 - 10);
	(value / unit).round_ties_even() * unit
}

/// The forward pass in f64, written down plainly, on weights that are floats, with keys and values rounded to half
/// precision: the last hidden row and the logits.
fn plain(family: &str, file: &GgufFile<'_>, tokens: &[u32]) -> [Vec<f64>; 2] {
	let weights = |name: &str| -> Vec<f64> {
		let data = file.tensor(name).unwrap_or_else(|| panic!("{name} is missing")).data.in_memory().unwrap();
		data.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
	};
	let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
	let times = |x: &[f64], w: &[f64]| -> Vec<f64> { w.chunks_exact(x.len()).map(|w| dot(x, w)).collect() };
	let norm = |x: &[f64], w: &[f64]| -> Vec<f64> {
		let scale = 1.0 / (dot(x, x) / x.len() as f64 + f64::from(1e-5_f32)).sqrt();
		x.iter().zip(w).map(|(x, w)| x * scale * w).collect()
	};
	let size_of = |name: &str| file.get::<u32>(&format!("{family}.{name}")).unwrap() as usize;
	let (rotated, head_size) = (size_of("rope.dimension_count"), size_of("attention.key_length"));
	let rotate = |head: &mut [f64], position: usize, base: f64, factor: f64| {
		for i in 0..rotated / 2 {
			let angle = position as f64 / base.powf(2.0 * i as f64 / rotated as f64) / factor;
			let neighbours = matches!(family, "llama" | "smollm3" | "granite");
			let (a, b) = if neighbours { (2 * i, 2 * i + 1) } else { (i, i + rotated / 2) };
			let (x, y) = (head[a], head[b]);
			head[a] = x * angle.cos() - y * angle.sin();
			head[b] = x * angle.sin() + y * angle.cos();
		}
	};
	let scale = |name: &str, none: f64| file.find::<f32>(&format!("{family}.{name}")).unwrap().map_or(none, f64::from);
	let embedding = weights("token_embd.weight");
	let residual = scale("residual_scale", 1.0);
	let bound = |value: f64, name: &str| match file.find::<f32>(&format!("{family}.{name}")).unwrap() {
		Some(bound) => f64::from(bound) * (value / f64::from(bound)).tanh(),
		None => value,
	};
	let is_gemma = matches!(family, "gemma2" | "gemma3");
	let embedding_scale = if is_gemma { (WIDTH as f64).sqrt() } else { scale("embedding_scale", 1.0) };
	let score_scale = scale("attention.scale", 1.0 / (head_size as f64).sqrt());
	let mut rows: Vec<Vec<f64>> =
		tokens.iter().map(|token| embedding[*token as usize * WIDTH..][..WIDTH].to_vec()).collect();
	rows.iter_mut().flatten().for_each(|x| *x *= embedding_scale);
	for layer in 0..size_of("block_count") {
		let name = |part: &str| format!("blk.{layer}.{part}");
		let times = |x: &[f64], part: &str| -> Vec<f64> {
			let mut out = times(x, &weights(&name(&format!("{part}.weight"))));
			let bias = name(&format!("{part}.bias"));
			if file.tensor(&bias).is_some() {
				out.iter_mut().zip(weights(&bias)).for_each(|(out, bias)| *out += bias);
			}
			out
		};
		let norm_heads = |values: &mut [f64], part: &str| {
			let name = name(&format!("attn_{part}_norm.weight"));
			if file.tensor(&name).is_some() {
				let weights = weights(&name);
				values.chunks_exact_mut(weights.len()).for_each(|part| part.copy_from_slice(&norm(part, &weights)));
			}
		};
		let norm_if = |x: &[f64], part: &str| match name(&format!("{part}.weight")) {
			name if file.tensor(&name).is_some() => norm(x, &weights(&name)),
			_ => x.to_vec(),
		};
		let window = file.find::<u32>(&format!("{family}.attention.sliding_window")).unwrap();
		let window = window.filter(|_| layer % 2 == 0).map_or(usize::MAX, |window| window as usize);
		let (base, factor) = match (family, window) {
			("gemma3", usize::MAX) => (10_000.0, 2.0),
			("gemma3", _) => (1_000.0, 1.0),
			_ => (10_000.0, 1.0),
		};
		let mut seen: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
		for (position, x) in rows.iter_mut().enumerate() {
			let h = norm_if(x, "attn_norm");
			let [mut q, mut k, v] = if family == "phi3" {
				let all = times(&h, "attn_qkv");
				let (q, rest) = all.split_at(HEADS * head_size);
				let (k, v) = rest.split_at(KV_HEADS * head_size);
				[q.to_vec(), k.to_vec(), v.to_vec()]
			} else {
				["q", "k", "v"].map(|part| times(&h, &format!("attn_{part}")))
			};
			norm_heads(&mut q, "q");
			norm_heads(&mut k, "k");
			if family != "smollm3" || layer % 4 != 3 {
				let heads = q.chunks_exact_mut(head_size).chain(k.chunks_exact_mut(head_size));
				heads.for_each(|head| rotate(head, position, base, factor));
			}
			let halves = |values: &[f64]| values.iter().map(|value| nearest_half(*value)).collect();
			seen.push((halves(&k), halves(&v)));
			let mut mixed = vec![0.0; HEADS * head_size];
			for head in 0..HEADS {
				let of = |values: &[f64]| values[head / (HEADS / KV_HEADS) * head_size..][..head_size].to_vec();
				let query = &q[head * head_size..][..head_size];
				let seen = &seen[seen.len().saturating_sub(window)..];
				let score = |k| bound(dot(query, &of(k)) * score_scale, "attn_logit_softcapping");
				let terms: Vec<f64> = seen.iter().map(|(k, _)| score(k).exp()).collect();
				let total = terms.iter().sum::<f64>();
				for (term, (_, v)) in terms.iter().zip(seen) {
					let out = &mut mixed[head * head_size..][..head_size];
					out.iter_mut().zip(of(v)).for_each(|(out, v)| *out += term / total * v);
				}
			}
			let out = norm_if(&times(&mixed, "attn_output"), "post_attention_norm");
			x.iter_mut().zip(out).for_each(|(x, out)| *x += residual * out);
			let h = norm_if(x, "ffn_norm");
			let (gate, up) = if family == "phi3" {
				let mut gate = times(&h, "ffn_up");
				let up = gate.split_off(HIDDEN);
				(gate, up)
			} else {
				(times(&h, "ffn_gate"), times(&h, "ffn_up"))
			};
			let active = |gate: f64| match is_gemma {
				true => {
					let within = (2.0 / std::f64::consts::PI).sqrt() * (gate + 0.044_715 * gate.powi(3));
					0.5 * gate * (1.0 + within.tanh())
				}
				false => gate / (1.0 + (-gate).exp()),
			};
			let h: Vec<f64> = gate.iter().zip(up).map(|(gate, up)| active(*gate) * up).collect();
			let out = norm_if(&times(&h, "ffn_down"), "post_ffw_norm");
			x.iter_mut().zip(out).for_each(|(x, out)| *x += residual * out);
		}
	}
	let hidden = norm(&rows[tokens.len() - 1], &weights("output_norm.weight"));
	let mut logits = match file.tensor("output.weight") {
		Some(_) => times(&hidden, &weights("output.weight")),
		None => times(&hidden, &embedding),
	};
	if file.tensor("output.bias").is_some() {
		logits.iter_mut().zip(weights("output.bias")).for_each(|(logit, bias)| *logit += bias);
	}
	logits.iter_mut().for_each(|logit| *logit = bound(*logit / scale("logit_scale", 1.0), "final_logit_softcapping"));
	[hidden, logits]
}

#[test]
fn each_family_should_compute_what_a_plain_forward_pass_does() {
	let pool = Pool::new(1).unwrap();
	let tokens: Vec<u32> = (0..21).map(|at| (at * at * 7 + at * 3 + 1) % VOCABULARY as u32).collect();
	let plainly = Family::ALL.map(Family::name).map(|family| shape(family, GgufDtype::F32));
	let biased = plainly.map(|shape| Shape { tied: false, biased: true, ..shape });
	// As in Phi-4-mini, a part of each head rotates.
	let partial = ["qwen2", "qwen3", "phi3"].map(|family| Shape { head: 2 * HEAD, ..shape(family, GgufDtype::F32) });
	for shape in plainly.into_iter().chain(biased).chain(partial) {
		let (family, bytes) = (shape.family, shape.file());
		let file = GgufFile::parse(&bytes).unwrap();
		let model = Llama::load(&file, &Pool::new(2).unwrap(), &mut |_, _| ()).unwrap();
		let mut on = Workspace::new(Kernels::best(), &pool);
		let logits = model.forward(&mut on, &tokens, &mut model.cache()).unwrap();
		assert_eq!([on.hidden().len(), logits.len()], [WIDTH, VOCABULARY]);
		for (actual, expected) in [on.hidden(), &logits].into_iter().zip(plain(family, &file, &tokens)) {
			let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
			for (value, expected) in actual.iter().zip(&expected) {
				assert!(
					// Some keys and values are rounded to the half-precision float beside.
					(f64::from(*value) - expected).abs() < 2e-4 * largest,
					"{shape:?}: {value}, expected {expected}"
				);
			}
		}
	}
}

#[test]
#[ignore = "writes the goldens, after a deliberate change of the semantics"]
fn write_goldens() {
	let path = installed("SmolLM2", SMOLLM2.weights.sha256).unwrap();
	let model = load(&std::fs::read(path).unwrap()).unwrap();
	let lines = traced(&model, Kernels::new(Tier::Scalar).unwrap(), &Pool::new(2).unwrap());
	std::fs::write("tests/data/smollm2_steps.txt", lines).unwrap();
}

//! Answers a question with a chat model. Usage: `generate FILE.gguf QUESTION [SEED]`
//!
//! Without a seed each token is the likeliest one; with a seed, a number, tokens are drawn.

use sibyl_engine::chat::{ChatTemplate, Message, Role};
use sibyl_engine::gguf::GgufFile;
use sibyl_engine::sampling::{Sampler, Sampling};
use sibyl_engine::tokenizer::BpeTokenizer;
use sibyl_engine::LanguageModel;
use std::error::Error;
use std::io::{stdout, Write};
use std::time::Instant;

const MAX_NEW: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let (Some(path), Some(question)) = (arguments.next(), arguments.next()) else {
		return Err("usage: generate FILE.gguf QUESTION [SEED]".into());
	};
	let (sampling, seed) = match arguments.next() {
		None => (Sampling::GREEDY, 0),
		Some(seed) => (Sampling { temperature: 700, top_k: 40, top_p: 950_000 }, seed.parse::<u64>()?),
	};
	let bytes = std::fs::read(path)?;
	let file = GgufFile::parse(&bytes)?;
	let tokenizer = BpeTokenizer::from_gguf(&file)?;
	let template = ChatTemplate::from_gguf(&file)?;
	let threads = std::thread::available_parallelism()?.get();
	let model = LanguageModel::load(&bytes, threads)?;
	let prompt = template.encode(&tokenizer, &[Message { role: Role::User, content: &question }])?;

	let mut seed_bytes = [0; 32];
	seed_bytes[..8].copy_from_slice(&seed.to_le_bytes());
	let mut sampler = Sampler::new(sampling, seed_bytes);
	let mut text = tokenizer.stream();
	let mut context = model.context();
	let start = Instant::now();
	let mut logits = model.read(&mut context, &prompt)?;
	let read = start.elapsed().as_secs_f64();
	let start = Instant::now();
	let mut count = 0;
	while count < MAX_NEW && context.length() < model.context_length() {
		let token = sampler.choose(&logits)?;
		if tokenizer.stops().contains(&token) {
			break;
		}
		print!("{}", text.push(token)?);
		stdout().flush()?;
		logits = model.read(&mut context, &[token])?;
		count += 1;
	}
	println!("{}", text.finish());
	let written = start.elapsed().as_secs_f64();
	eprintln!(
		"prompt {} tokens, {:.1} tokens/s; answer {count} tokens, {:.1} tokens/s; {} on {} threads",
		prompt.len(),
		prompt.len() as f64 / read,
		count as f64 / written,
		model.tier().name(),
		model.threads()
	);
	Ok(())
}

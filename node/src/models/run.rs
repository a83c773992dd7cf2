//! A model's answer to a prompt.

use super::chat::Chat;
use super::formatted;
use super::loaded::{Loaded, Writing};
use super::names::Named;
use super::progress::Progress;
use super::question::Question;
use super::{labels, memory, text, vector, Error, Location};
use sibyl_engine::gguf::{check_header, GgufFile};
use sibyl_engine::sampling::{Sampling, SHARE_ONE, TEMPERATURE_ONE};
use sibyl_engine::store::known::KnownModel;
use sibyl_engine::store::{Sha256Hash, VerifiedFile};
use sibyl_engine::{Architecture, Format, Input};
use sibyl_user::{FormatOptions, InputOptions};
use std::fs;
use std::io::{stdin, IsTerminal, Write};
use std::path::Path;
use std::thread::available_parallelism;

/// How long a conversation may be that there is to be memory for, in tokens; it may grow beyond that.
const CHAT_TOKENS: usize = 4_096;

/// The highest temperature.
const MAX_TEMPERATURE: f64 = 100.0;

/// `models run`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
	sibyl-node models run smollm2 'Is the sky blue?' --choices yes,no\n  \
	sibyl-node models run smollm2\n  \
	sibyl-node models run my-model.gguf --raw 'Once upon a time'")]
pub struct RunCommand {
	/// A model's name (common-lingua, smollm2, minilm), the SHA-256 of a file of the store, or a GGUF file.
	#[arg(value_name = "NAME|FILE")]
	model: String,

	#[command(flatten)]
	asked: InputOptions,

	/// The longest answer, in tokens.
	#[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
	max_tokens: u32,

	/// Draw tokens; 1 as the model weighs them, less for likelier ones. Without it each token is the likeliest.
	#[arg(long, value_name = "T", value_parser = parse_temperature)]
	temperature: Option<u32>,

	/// Draw among the K likeliest tokens.
	#[arg(long, value_name = "K", requires = "temperature", value_parser = clap::value_parser!(u32).range(1..))]
	top_k: Option<u32>,

	/// Draw among the likeliest tokens that have the share P, from 0 to 1, together.
	#[arg(long, value_name = "P", requires = "temperature", value_parser = parse_share)]
	top_p: Option<u32>,

	/// Where draws start; the same one gives the same answer.
	#[arg(long, value_name = "N", default_value_t = 0, requires = "temperature")]
	seed: u64,

	#[command(flatten)]
	format: FormatOptions,

	/// Threads to compute in; as many as the machine has where it is not given.
	#[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
	threads: Option<u16>,
}

impl RunCommand {
	/// Loads the model and prints its answer.
	pub fn run(&self, location: &Location, out: &mut impl Write) -> Result<(), Error> {
		let (name, format) = (&self.model, self.format.format()?);
		let named = Named::find(name, location)?;
		if self.asked.is_open() && format.is_none() && stdin().is_terminal() {
			return self.chat(named, location, out);
		}
		let question = self.question(self.asked.input()?);
		let model = Asked::find(name, named, location)?;
		if format.is_some() && !matches!(model, Asked::Language(_)) {
			return Err(Error::NoFormats { name: name.clone() });
		}
		match model {
			Asked::Identifier => labels::classify(plain(name, &question.input)?, question.threads, out),
			Asked::Embedder(files) => vector::embed(name, &files, plain(name, &question.input)?, question.threads, out),
			Asked::Language(file) => generate(name, file, &question, format, out),
		}
	}

	/// Talks with the model until the person has enough.
	fn chat(&self, named: Named, location: &Location, out: &mut impl Write) -> Result<(), Error> {
		let name = &self.model;
		let Asked::Language(file) = Asked::find(name, named, location)? else {
			return Err(Error::NoConversations { name: name.clone() });
		};
		let Question { max_tokens, sampling, seed, threads, .. } = self.question("".into());
		let loaded = Loaded::load(name, file, CHAT_TOKENS, threads)?;
		let system = self.asked.system().map(Into::into);
		Chat::new(&loaded, Writing { max_tokens, sampling, seed }, system).run(&mut stdin().lock(), out)
	}

	fn question(&self, input: Input) -> Question {
		let mut seed = [0; 32];
		seed[..8].copy_from_slice(&self.seed.to_le_bytes());
		Question {
			input,
			max_tokens: self.max_tokens,
			sampling: Sampling {
				temperature: self.temperature.unwrap_or(Sampling::GREEDY.temperature),
				top_k: self.top_k.unwrap_or(Sampling::GREEDY.top_k),
				top_p: self.top_p.unwrap_or(Sampling::GREEDY.top_p),
			},
			seed,
			threads: match self.threads {
				Some(threads) => threads.into(),
				None => available_parallelism().map_or(1, usize::from),
			},
		}
	}
}

/// A model that is asked, by what it answers with, and its files.
enum Asked {
	/// A text's language.
	Identifier,
	/// A text's vector.
	Embedder(Vec<VerifiedFile>),
	/// More text.
	Language(VerifiedFile),
}

impl Asked {
	fn find(name: &str, named: Named, location: &Location) -> Result<Self, Error> {
		match named {
			Named::CommonLingua => Ok(Self::Identifier),
			Named::Known(model) if model.architecture == Architecture::Bert => {
				let files = model.files().map(|file| stored(&file.sha256, Some(model), location));
				Ok(Self::Embedder(files.collect::<Result<_, _>>()?))
			}
			Named::Known(model) => Ok(Self::Language(stored(&model.weights.sha256, Some(model), location)?)),
			Named::Stored(sha256) => Self::of_gguf(name, stored(&sha256, None, location)?),
			Named::File(path) => Self::of_gguf(name, read(name, &path, location)?),
		}
	}

	fn of_gguf(name: &str, file: VerifiedFile) -> Result<Self, Error> {
		let architecture = GgufFile::open(&file).and_then(|gguf| {
			let name: &str = gguf.get("general.architecture")?;
			Ok(Architecture::find(name))
		});
		match architecture {
			Ok(Some(Architecture::Bert)) => Ok(Self::Embedder(vec![file])),
			// What can't be written by is refused with its reason where it is loaded.
			Ok(_) => Ok(Self::Language(file)),
			Err(error) => Err(Error::of_file(name, &error)),
		}
	}
}

/// The text of an input to a model that reads no conversations.
fn plain<'a>(name: &str, input: &'a Input) -> Result<&'a str, Error> {
	let text = input.text().and_then(|text| std::str::from_utf8(text).ok());
	text.ok_or_else(|| Error::NoConversations { name: name.into() })
}

/// A language model's answer, in a format where there is one.
fn generate(
	name: &str,
	file: VerifiedFile,
	question: &Question,
	format: Option<Format>,
	out: &mut impl Write,
) -> Result<(), Error> {
	match format {
		Some(format) => formatted::answer(name, &file, question, format, out),
		None => text::answer(name, file, question, out),
	}
}

/// A file of the store, hashed.
fn stored(sha256: &Sha256Hash, model: Option<&KnownModel>, location: &Location) -> Result<VerifiedFile, Error> {
	let store = location.store();
	match (store.contains(sha256), model) {
		(true, _) => {
			let progress = Progress::new("checking the file");
			let file = store.open_verified(sha256, &mut |done, total| progress.show(done, total));
			file.map_err(|error| location.explain(error))
		}
		(false, Some(model)) => Err(Error::NotInstalled {
			name: model.name,
			folder: location.folder(),
			install: location.command(&format!("install {}", model.name)),
		}),
		(false, None) => {
			Err(Error::NotStored { sha256: *sha256, folder: location.folder(), list: location.command("list") })
		}
	}
}

/// A file anywhere, hashed as those of the store are, so that it stays what it is while it is loaded.
fn read(name: &str, path: &Path, location: &Location) -> Result<VerifiedFile, Error> {
	let unreadable = |source| Error::Unreadable { path: path.into(), source };
	let metadata = fs::metadata(path).map_err(unreadable)?;
	if !metadata.is_file() {
		return Err(Error::NotAModel { name: name.into(), reason: "it is not a regular file".into() });
	}
	// Before all of it is hashed, which may be gigabytes.
	let mut file = fs::File::open(path).map_err(unreadable)?;
	let header = check_header(&mut file, metadata.len()).map_err(unreadable)?;
	header.map_err(|error| Error::of_file(name, &error))?;
	memory::check(name, metadata.len())?;
	let progress = Progress::new("checking the file");
	let file = VerifiedFile::open(path, &mut |done, total| progress.show(done, total));
	file.map_err(|error| location.explain(error))
}

/// A number as the engine counts it: so many parts of one.
fn parse_parts(text: &str, max: f64, one: u32) -> Result<u32, String> {
	match text.parse::<f64>() {
		Ok(value) if (0.0..=max).contains(&value) => Ok((value * f64::from(one)).round() as u32),
		_ => Err(format!("expected a number from 0 to {max}")),
	}
}

fn parse_temperature(text: &str) -> Result<u32, String> {
	parse_parts(text, MAX_TEMPERATURE, TEMPERATURE_ONE)
}

fn parse_share(text: &str) -> Result<u32, String> {
	parse_parts(text, 1.0, SHARE_ONE)
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	#[derive(clap::Parser)]
	struct Line {
		#[command(flatten)]
		run: RunCommand,
	}

	fn parse(flags: &str) -> Result<RunCommand, clap::Error> {
		let line = format!("run smollm2 --prompt Hi {flags}");
		Line::try_parse_from(line.split_whitespace()).map(|line| line.run)
	}

	fn sampling(flags: &str) -> Sampling {
		parse(flags).expect("the flags are valid").question("Hi".into()).sampling
	}

	#[test]
	fn the_likeliest_token_should_be_taken_unless_a_temperature_is_given() {
		assert_eq!(sampling(""), Sampling::GREEDY);
		assert_eq!(sampling("--temperature 0.7"), Sampling { temperature: 700, ..Sampling::GREEDY });
		let flags = "--temperature 1.25 --top-k 40 --top-p 0.95 --seed 7";
		assert_eq!(sampling(flags), Sampling { temperature: 1_250, top_k: 40, top_p: 950_000 });
		for flags in ["--top-k 40", "--top-p 0.9", "--seed 7"] {
			assert!(parse(flags).is_err(), "{flags} has no use without a temperature");
		}
	}

	#[test]
	fn numbers_out_of_range_should_be_refused() {
		for flags in [
			"--temperature -1",
			"--temperature NaN",
			"--temperature inf",
			"--temperature 101",
			"--temperature warm",
			"--temperature 1 --top-p 1.1",
			"--temperature 1 --top-k 0",
			"--temperature 1 --seed -1",
			"--max-tokens 0",
			"--threads 0",
			"--threads 257",
		] {
			assert!(parse(flags).is_err(), "{flags}");
		}
	}

	#[test]
	fn all_threads_of_the_machine_should_be_used_unless_a_number_is_given() {
		let threads = |flags| parse(flags).expect("the flags are valid").question("Hi".into()).threads;
		assert_eq!(threads("--threads 3"), 3);
		assert_eq!(threads(""), available_parallelism().map_or(1, usize::from));
	}
}

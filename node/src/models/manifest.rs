//! `models manifest`: what an author registers, made from a model's files.

mod files;
mod goldens;
mod source;

use super::bench::Served;
use super::{Error, Location};
use crate::inference::{
	engine_params::EngineParams,
	installed_models::{load_guarded, ModelSource},
	models::WhyNot,
	pace::Times,
};
use files::AuthorFiles;
use indicatif::DecimalBytes;
use sibyl_engine::SEMANTICS_VERSION;
use sibyl_primitives::{
	input::MAX_INPUT_BYTES,
	model::{Golden, ModelLimits, ModelManifest, ModelRevision, Task},
	price::ModelPrice,
	Balance, Hash, Text,
};
use sibyl_runtime::constants::{MICRO_SIB, MILLI_SIB};
use sibyl_user::{check_manifest, deposit, parse_share, parse_sib, sib};
use source::AuthorSource;
use sp_runtime::{BoundedVec, Percent};
use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

/// Units of context that are asked for unless another number is given: memory for them is taken for each job.
const CONTEXT_UNITS: u32 = 8_192;
/// Bytes of input that are taken unless another number is given.
const INPUT_BYTES: u32 = 4_096;
/// Tokens of output that are given unless another number is given.
const OUTPUT_UNITS: u32 = 256;
/// A unit of context has about so many bytes of input.
const BYTES_A_UNIT: u32 = 4;

/// `models manifest`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
	sibyl-node models manifest my-model.gguf --name my-model --licence MIT --output manifest.json\n  \
	sibyl-node models manifest model.safetensors tokenizer.json config.json 1_Pooling/config.json --name my-vectors --licence MIT")]
pub struct ManifestCommand {
	/// The model's files: one of GGUF; or safetensors and tokenizer.json, and config.json and 1_Pooling/config.json beside
	/// them.
	#[arg(required = true, value_name = "FILE")]
	files: Vec<PathBuf>,

	/// The name that users will know it by: 2 to 64 of a-z, 0-9, '-', '.' and '_'.
	#[arg(long, value_name = "NAME")]
	name: String,

	/// What may be done with its files, as an SPDX expression; what a GGUF file says of itself where none is given.
	#[arg(long, value_name = "SPDX")]
	licence: Option<String>,

	/// What a seat gets for each job, in SIB [default: 0.001].
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	base: Option<Balance>,

	/// What a seat gets beside that for each byte of input and each unit of output, in SIB [default: 0.00001 for models that
	/// generate text, 0.000001 for others].
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	unit: Option<Balance>,

	/// What the author gets beside, in a hundred of what seats are paid: 0 to 20.
	#[arg(long, value_name = "PERCENT", default_value = "10", value_parser = parse_share)]
	author_share: Percent,

	/// The longest input, in bytes [default: 4096, or what the model reads if that is less].
	#[arg(long, value_name = "N")]
	input_bytes: Option<u32>,

	/// The longest output, in tokens, of a model that generates text [default: 256, or half of the context].
	#[arg(long, value_name = "N")]
	output_units: Option<u32>,

	/// Tokens that input and output may have together [default: what the model reads, at most 8192].
	#[arg(long, value_name = "N")]
	context_units: Option<u32>,

	/// Blocks of three seconds that validators have for an answer, up to 20.
	#[arg(long, value_name = "N", default_value_t = 12)]
	commit_window: u32,

	/// A text whose output every validator must reproduce; up to eight of these. Some in several languages where none is
	/// given.
	#[arg(long = "golden", value_name = "TEXT", allow_hyphen_values = true)]
	goldens: Vec<String>,

	/// Write the manifest to this file, and not to standard output.
	#[arg(long, value_name = "FILE")]
	output: Option<PathBuf>,

	#[command(flatten)]
	engine: EngineParams,
}

impl ManifestCommand {
	/// Makes the manifest, and says what it is and what becomes of it; fails where a chain would refuse it.
	pub fn run(&self, location: &Location, out: &mut impl Write) -> Result<(), Error> {
		let files = AuthorFiles::read(&self.files, location)?;
		let mut manifest = self.unproven(&files)?;
		check_limits(&manifest.revision.limits, files.context)?;
		// Before the engine is asked: all but the goldens' outputs is there.
		check_manifest(&manifest)?;
		let revision = &mut manifest.revision;
		let engine = self.engine.engine(Duration::ZERO).map_err(Error::EngineThreads)?;
		let source: Arc<dyn ModelSource> = Arc::new(AuthorSource::new(engine.clone(), &files));
		load_guarded(source.as_ref(), revision)
			.map_err(|error| files.refused(&format!("it can't be loaded: {error}")))?;
		goldens::prove(revision, engine.as_ref())?;
		let times = Times::of_this_chain();
		let verdict = match Served::measure(revision, &engine, source, times) {
			Ok(served) => format!(
				"fast enough: its largest job is promised in {:.1} s of the {:.1} s that there are",
				served.largest().as_secs_f64(),
				times.limit(revision).as_secs_f64()
			),
			Err(WhyNot::TooSlow { largest, limit }) => format!(
				"TOO SLOW: its largest job would take {:.1} s of the {:.1} s that there are. Validators as slow as this machine \
				 will not serve it: give a lower --input-bytes or --output-units, or a higher --commit-window",
				largest.as_secs_f64(),
				limit.as_secs_f64()
			),
			Err(why) => return Err(files.refused(&why)),
		};
		tell(&manifest, &verdict);
		self.write(&manifest, out)
	}

	/// The manifest without what the goldens give.
	fn unproven(&self, files: &AuthorFiles) -> Result<ModelManifest, Error> {
		let task = files.task;
		let licence = self.licence.as_ref().or(files.licence.as_ref()).ok_or(Error::NoLicence)?;
		let inputs = match self.goldens.is_empty() {
			true => goldens::usual(task).map(String::from).to_vec(),
			false => self.goldens.clone(),
		};
		let goldens = inputs.iter().map(|input| text("--golden", input).map(unproven));
		let goldens = goldens.collect::<Result<Vec<_>, _>>()?;
		let revision = ModelRevision {
			name: text("--name", &self.name)?,
			task,
			architecture: text("the architecture", &files.architecture.to_string())?,
			files: bounded("the number of files", files.described.clone())?,
			semantics: SEMANTICS_VERSION,
			limits: self.limits(files.context, task),
			commit_window: self.commit_window,
			goldens: bounded("--golden", goldens)?,
			licence: text("--licence", licence)?,
		};
		let unit = if task == Task::Generate { 10 * MICRO_SIB } else { MICRO_SIB };
		let price = ModelPrice {
			base: self.base.unwrap_or(MILLI_SIB),
			unit: self.unit.unwrap_or(unit),
			author_share: self.author_share,
		};
		Ok(ModelManifest { revision, price })
	}

	fn limits(&self, context: u32, task: Task) -> ModelLimits {
		let context_units = self.context_units.unwrap_or(context.min(CONTEXT_UNITS));
		let readable = context_units.saturating_mul(BYTES_A_UNIT).clamp(1, MAX_INPUT_BYTES);
		let written = match task {
			Task::Generate => OUTPUT_UNITS.min(context_units / 2),
			Task::Classify | Task::Embed => 0,
		};
		ModelLimits {
			input_bytes: self.input_bytes.unwrap_or(INPUT_BYTES.min(readable)),
			context_units,
			output_units: self.output_units.unwrap_or(written),
		}
	}

	fn write(&self, manifest: &ModelManifest, out: &mut impl Write) -> Result<(), Error> {
		let json = serde_json::to_string_pretty(manifest).map_err(std::io::Error::from)?;
		match &self.output {
			None => writeln!(out, "{json}")?,
			Some(path) => {
				std::fs::write(path, json + "\n").map_err(|source| Error::NotWritten { path: path.clone(), source })?;
				eprintln!("{0} is written: 'sibyl-node models register {0}' registers it", path.display());
			}
		}
		Ok(())
	}
}

/// Whether a job as large as the limits let it be fits into what the model reads: else it would end without an answer.
fn check_limits(limits: &ModelLimits, context: u32) -> Result<(), Error> {
	let ModelLimits { context_units, output_units, .. } = *limits;
	if context_units > context {
		let reason = format!("it is {context_units}, and the model reads at most {context} units");
		return Err(Error::OutOfBounds { what: "--context-units", reason });
	}
	if output_units > context_units {
		let reason = format!("it is {output_units}, and input and output have {context_units} units together");
		return Err(Error::OutOfBounds { what: "--output-units", reason });
	}
	Ok(())
}

/// Says what was made.
fn tell(manifest: &ModelManifest, verdict: &str) {
	let ModelManifest { revision, price } = manifest;
	let ModelRevision { name, task, architecture, files, limits, goldens, licence, .. } = revision;
	let size: u64 = files.iter().map(|file| file.size).sum();
	let does = match task {
		Task::Classify => "labels texts",
		Task::Generate => "generates text",
		Task::Embed => "gives texts vectors",
	};
	eprintln!(
		"{}: {} in {} of architecture {}, which {does}; licence {}",
		name.to_string_lossy(),
		DecimalBytes(size),
		if files.len() == 1 { "a file".into() } else { format!("{} files", files.len()) },
		architecture.to_string_lossy(),
		licence.to_string_lossy()
	);
	eprintln!(
		"  limits        {} bytes of input, {} units of output, {} of both",
		limits.input_bytes, limits.output_units, limits.context_units
	);
	eprintln!(
		"  price         {} a job and {} a unit, for each seat; {} % of that for you",
		sib(price.base),
		sib(price.unit),
		price.author_share.deconstruct()
	);
	eprintln!("  goldens       {}, computed twice here to the same bytes", goldens.len());
	eprintln!("  this machine  {verdict}");
	eprintln!("  chain         takes it, for a deposit of {}, where its name is free", sib(deposit(manifest)));
	eprintln!("  id            {:?}", revision.id());
}

/// A golden whose output nobody has computed yet.
fn unproven(input: Text<{ sibyl_primitives::model::MAX_GOLDEN_BYTES }>) -> Golden {
	Golden { input, output_hash: Hash::zero(), trace: Hash::zero() }
}

fn text<const N: u32>(what: &'static str, text: &str) -> Result<Text<N>, Error> {
	Text::try_from(text).map_err(|error| Error::OutOfBounds { what, reason: error.to_string() })
}

fn bounded<V, const N: u32>(what: &'static str, values: Vec<V>) -> Result<BoundedVec<V, sp_core::ConstU32<N>>, Error> {
	let count = values.len();
	let too_many =
		|_| Error::OutOfBounds { what, reason: format!("a manifest has room for {N}, and there are {count}") };
	values.try_into().map_err(too_many)
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	#[derive(clap::Parser)]
	struct Line {
		#[command(flatten)]
		manifest: ManifestCommand,
	}

	fn parse(flags: &str) -> Result<ManifestCommand, clap::Error> {
		let line = format!("manifest tiny.gguf --name tiny {flags}");
		Line::try_parse_from(line.split_whitespace()).map(|line| line.manifest)
	}

	fn limits(flags: &str, context: u32, task: Task) -> (u32, u32, u32) {
		let limits = parse(flags).expect("the flags are valid").limits(context, task);
		(limits.input_bytes, limits.context_units, limits.output_units)
	}

	#[test]
	fn limits_are_what_the_model_reads_within_what_a_machine_has_memory_for() {
		assert_eq!(limits("", 131_072, Task::Generate), (4_096, 8_192, 256));
		assert_eq!(limits("", 128, Task::Generate), (512, 128, 64));
		assert_eq!(limits("", 256, Task::Embed), (1_024, 256, 0));
		let given = "--input-bytes 100 --output-units 7 --context-units 50";
		assert_eq!(limits(given, 131_072, Task::Generate), (100, 50, 7));
	}

	#[test]
	fn limits_beyond_what_the_model_reads_are_refused_by_their_option() {
		let check = |context_units, output_units| {
			check_limits(&ModelLimits { input_bytes: 1, context_units, output_units }, 512)
		};
		assert!(check(512, 512).is_ok());
		assert!(check(513, 1).is_err_and(|error| error.to_string().starts_with("--context-units can't be used")));
		assert!(check(512, 513).is_err_and(|error| error.to_string().starts_with("--output-units can't be used")));
	}

	#[test]
	fn amounts_and_shares_that_the_chain_has_no_room_for_are_refused() {
		for wrong in ["--base x", "--unit -1", "--author-share 21", "--input-bytes -1", "--commit-window many"] {
			assert!(parse(wrong).is_err(), "{wrong}");
		}
		let error = text::<64>("--name", &"x".repeat(65)).expect_err("it is too long").to_string();
		assert!(error.starts_with("--name can't be used: text has more than 64 bytes"), "{error}");
		let error = bounded::<_, 8>("--golden", vec![0; 9]).expect_err("it is one too many").to_string();
		assert!(error.contains("room for 8, and there are 9"), "{error}");
	}
}

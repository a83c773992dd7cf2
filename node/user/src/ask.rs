//! `sibyl-node ask`: a question to a network, and its answer.

use crate::{
	connection::Connection,
	reading::receipt,
	show::{self, sib},
	submission::{submit, Requester, Submitted},
	Error, FormatOptions, InputOptions, NodeOptions,
};
use futures::future::{select, Either};
use futures_timer::Delay;
use jsonrpsee::rpc_params;
use sibyl_engine::{Format as EngineFormat, Input as EngineInput, Role as EngineRole};
use sibyl_primitives::{
	format::Format,
	input::{Input, Message, Role},
	job::{JobOptions, Sampling, Seats},
	model::Task,
	Balance, Text,
};
use sibyl_rpc_types::{Job, JobResult, JobUpdate, Model, Quote};
use sibyl_runtime::{constants::SIB, RuntimeCall};
use std::{
	io::{stderr, stdin, stdout, IsTerminal, Write},
	path::PathBuf,
	pin::pin,
	time::Duration,
};

/// `ask`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples, on a network that 'sibyl-node --dev' or 'make network' runs:\n  \
	sibyl-node ask 'Wo ist der Bahnhof?' --model common-lingua --suri //Alice --yes\n  \
	sibyl-node ask 'Is the sky blue?' --choices yes,no --seats 3 --suri-file my-secret")]
pub struct AskCommand {
	#[command(flatten)]
	node: NodeOptions,

	#[command(flatten)]
	input: InputOptions,

	#[command(flatten)]
	format: FormatOptions,

	/// The model's name, one of those that the network has.
	#[arg(long, value_name = "NAME", default_value = "smollm2")]
	model: String,

	/// How many validators answer, an odd number up to 15; all that serve the model where it is not given.
	#[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=15))]
	seats: Option<u16>,

	/// The longest answer that is paid for, in tokens, of a model that generates text.
	#[arg(long, value_name = "N", default_value_t = 64)]
	max_tokens: u32,

	/// Draw tokens, with this temperature in thousandths; without it each token is the likeliest.
	#[arg(long, value_name = "N")]
	temperature: Option<u16>,

	/// The requester's secret: a phrase, a seed, or a path such as //Alice on a test network. Others on this machine can see
	/// it while the program runs: give one with tokens by --suri-file.
	#[arg(long, value_name = "SECRET", conflicts_with = "suri_file")]
	suri: Option<String>,

	/// A file that holds the requester's secret.
	#[arg(long, value_name = "FILE")]
	suri_file: Option<PathBuf>,

	/// The most to pay, in SIB, where the price rises until the job is in a block; the price as it is now where none is given.
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	max_fee: Option<Balance>,

	/// Write a receipt to this file, which shows anybody what the network agreed on: see 'sibyl-node verify'.
	#[arg(long, value_name = "FILE")]
	receipt: Option<PathBuf>,

	/// Agree to the price beforehand.
	#[arg(long, short)]
	yes: bool,
}

impl AskCommand {
	/// Asks, waits until the answer is final, and prints it; what happens meanwhile goes to standard error.
	pub async fn run(&self) -> Result<(), Error> {
		let (input, format) = (self.input.input()?, self.format.format()?);
		let requester = self.requester()?;
		let node = self.node.connect().await?;
		let model = self.find_model(&node).await?;
		let options = self.options(&model, format.unwrap_or_default())?;
		let input = on_chain(input);
		if model.task != Task::Generate && !input.is_text() {
			return Err(Error::NotOfTask { name: model.name });
		}
		let quote = self.quote(&node, &model, &input, &options).await?;
		let price = self.agree(&model, &quote)?;
		let call = pallet_inference::Call::submit { model: model.id, input, options: options.clone(), max_fee: price };
		let submitted = submit(&node, &requester, RuntimeCall::Inference(call)).await?;
		eprintln!("job {} is in block #{}", submitted.job, submitted.block);
		let job = follow(&node, &submitted).await?;
		let result: JobResult = node.call("inference_getResult", rpc_params![job.id]).await?;
		let answer = result.answer.as_ref().ok_or(Error::NoAnswer { job: job.id, why: show::why(&result) })?;
		writeln!(stdout(), "{}", show::answer(answer, &options.format))?;
		if let Some(path) = &self.receipt {
			let unwritable = |source| Error::Unwritable { path: path.display().to_string(), source };
			std::fs::write(path, receipt(&node, job.id).await? + "\n").map_err(unwritable)?;
			eprintln!("the receipt is in {0}: 'sibyl-node verify {0}' checks it", path.display());
		}
		Ok(())
	}

	fn requester(&self) -> Result<Requester, Error> {
		match (&self.suri, &self.suri_file) {
			(Some(secret), _) => Requester::new(secret),
			(None, Some(path)) => {
				let unreadable = |source| Error::File { path: path.display().to_string(), source };
				Requester::new(&std::fs::read_to_string(path).map_err(unreadable)?)
			}
			(None, None) => Err(Error::NoRequester),
		}
	}

	async fn find_model(&self, node: &Connection) -> Result<Model, Error> {
		let models: Vec<Model> = node.call("inference_listModels", rpc_params![]).await?;
		let known = models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", ");
		let found = models.into_iter().find(|model| model.name == self.model);
		found.ok_or_else(|| Error::NoSuchModel { name: self.model.clone(), known })
	}

	fn options(&self, model: &Model, format: EngineFormat) -> Result<JobOptions, Error> {
		let is_generating = model.task == Task::Generate;
		let takes_units = is_generating && !matches!(format, EngineFormat::Choice(_));
		Ok(JobOptions {
			seats: self.seats.map_or(Seats::All, Seats::Fixed),
			max_output_units: if takes_units { self.max_tokens.min(model.limits.output_units) } else { 0 },
			sampling: Sampling { temperature: self.temperature.unwrap_or(0), ..Sampling::default() },
			format: on_chain_format(format)?,
			..JobOptions::default()
		})
	}

	async fn quote(
		&self,
		node: &Connection,
		model: &Model,
		input: &Input,
		options: &JobOptions,
	) -> Result<Quote, Error> {
		let JobOptions { seats, max_output_units, format, .. } = options;
		node.call("inference_quote", rpc_params![model.id, seats, input.units(), max_output_units, format]).await
	}

	/// What the requester pays at most, having agreed.
	fn agree(&self, model: &Model, quote: &Quote) -> Result<Balance, Error> {
		let price = quote.total.parse().map_err(|_| Error::Unreadable {
			method: "inference_quote",
			reason: format!("{} is no price", quote.total),
		})?;
		let shown = sib(price);
		if self.max_fee.is_some_and(|limit| price > limit) {
			return Err(Error::TooDear { price: shown });
		}
		// More may be allowed: the price rises where a validator joins meanwhile.
		let most = self.max_fee.unwrap_or(price);
		let seats = if quote.seats == 1 { "one seat".into() } else { format!("{} seats", quote.seats) };
		eprintln!("{} asks {shown} at most for {seats}; what is not used comes back", model.name);
		if self.yes {
			return Ok(most);
		}
		if !stdin().is_terminal() {
			return Err(Error::NotAgreed);
		}
		eprint!("Submit? [y/N] ");
		stderr().flush()?;
		let mut said = String::new();
		stdin().read_line(&mut said)?;
		match said.trim() {
			"y" | "Y" | "yes" => Ok(most),
			_ => Err(Error::NotAgreed),
		}
	}
}

/// A job says something more often than this: its windows are shorter.
const SILENCE: Duration = Duration::from_secs(300);

/// Tells of a job until it has ended in a final block.
async fn follow(node: &Connection, submitted: &Submitted) -> Result<Job, Error> {
	let methods = ["inference_subscribeJob", "inference_unsubscribeJob"];
	let mut told = node.subscribe::<JobUpdate>(methods, rpc_params![submitted.job]).await?;
	let mut last = String::new();
	loop {
		let update = match select(pin!(node.next(&mut told)), Delay::new(SILENCE)).await {
			Either::Left((update, _)) => update,
			Either::Right(_) => return Err(Error::FellOff(submitted.job)),
		};
		let JobUpdate { block_number, finalized, job, .. } = update?;
		let job = job.filter(|job| job.fingerprint == submitted.fingerprint);
		let Some(job) = job else {
			if finalized {
				return Err(Error::FellOff(submitted.job));
			}
			// A reorg. The node sends the submission again, and it may get its number back.
			eprintln!("#{block_number} the block that held the job was taken back");
			continue;
		};
		let line = show::progress(&job);
		if line != last {
			eprintln!("#{block_number} {line}");
			last = line;
		}
		if finalized {
			eprintln!("#{block_number} final{}", show::settlement(&job));
			return Ok(job);
		}
	}
}

fn on_chain(input: EngineInput) -> Input {
	let role = |role| match role {
		EngineRole::System => Role::System,
		EngineRole::User => Role::User,
		EngineRole::Assistant => Role::Assistant,
	};
	match input {
		EngineInput::Text(text) => Input::Text(text),
		EngineInput::Raw(text) => Input::Raw(text),
		EngineInput::Messages(messages) => {
			let message = |(speaker, text)| Message { role: role(speaker), text };
			Input::Messages(messages.into_iter().map(message).collect())
		}
	}
}

fn on_chain_format(format: EngineFormat) -> Result<Format, Error> {
	Ok(match format {
		EngineFormat::Text { stops } => Format::Text { stops: texts(stops)?.try_into().map_err(|_| Error::TooMany)? },
		EngineFormat::Choice(choices) => Format::Choice(texts(choices)?.try_into().map_err(|_| Error::TooMany)?),
		EngineFormat::Number { min, max, decimals } => Format::Number { min, max, decimals },
		EngineFormat::Json(schema) => Format::Json(schema.as_str().try_into()?),
		EngineFormat::Regex(pattern) => Format::Regex(pattern.as_str().try_into()?),
	})
}

fn texts<const N: u32>(texts: Vec<String>) -> Result<Vec<Text<N>>, Error> {
	texts.iter().map(|text| Ok(text.as_str().try_into()?)).collect()
}

/// An amount in SIB, with up to twelve digits behind the point, in the smallest unit.
pub(crate) fn parse_sib(text: &str) -> Result<Balance, String> {
	let wrong = || "expected an amount in SIB, as 1 or 0.25".to_string();
	let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
	let digits = SIB.ilog10() as usize;
	let is_amount =
		!text.is_empty() && [whole, rest].iter().all(|part| part.bytes().all(|digit| digit.is_ascii_digit()));
	if !is_amount || rest.len() > digits || whole.len() + rest.len() == 0 {
		return Err(wrong());
	}
	format!("{whole}{rest:0<digits$}").parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_amount_is_read_to_the_last_unit() {
		assert_eq!(parse_sib("1"), Ok(SIB));
		assert_eq!(parse_sib("0.25"), Ok(SIB / 4));
		assert_eq!(parse_sib(".000000000001"), Ok(1));
		for wrong in ["", "-1", "1,5", "one", "0.0000000000001", "1e3", "."] {
			assert!(parse_sib(wrong).is_err(), "{wrong}");
		}
	}

	#[test]
	fn formats_are_those_of_the_chain_and_what_is_too_long_for_it_is_said() {
		let choices = EngineFormat::Choice(vec!["yes".into(), "no".into()]);
		assert!(matches!(on_chain_format(choices), Ok(Format::Choice(choices)) if choices.len() == 2));
		let long = EngineFormat::Choice(vec!["x".repeat(65), "no".into()]);
		assert!(on_chain_format(long).expect_err("it is too long").to_string().contains("64 bytes"));
		let many = EngineFormat::Text { stops: vec!["x".into(); 5] };
		assert!(matches!(on_chain_format(many), Err(Error::TooMany)));
	}
}

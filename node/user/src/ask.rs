//! `sibyl-node ask`: a question to a network, and its answer.

use crate::{
	amount::{parse_sib, sib},
	following::{follow, Step},
	question::{self, on_chain_format, parse_seats, Price, Question},
	reading::receipt,
	requester::{is_agreed_to, SecretOptions},
	show,
	submission::Submitter,
	Error, FormatOptions, InputOptions, NodeOptions,
};
use sibyl_engine::Format as EngineFormat;
use sibyl_primitives::{
	job::{JobOptions, Sampling, Seats},
	model::Task,
	Balance,
};
use sibyl_rpc_types::Model;
use std::{
	io::{stdout, Write},
	path::PathBuf,
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
	#[arg(long, value_name = "N", value_parser = parse_seats)]
	seats: Option<u16>,

	/// The longest answer that is paid for, in tokens, of a model that generates text.
	#[arg(long, value_name = "N", default_value_t = 64)]
	max_tokens: u32,

	/// Draw tokens, with this temperature in thousandths; without it each token is the likeliest.
	#[arg(long, value_name = "N")]
	temperature: Option<u16>,

	#[command(flatten)]
	secret: SecretOptions,

	/// The most to pay, in SIB, where the price rises until the job is in a block; the price as it is now where none is given.
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	max_fee: Option<Balance>,

	/// Take an answer to the same question that as many seats agreed on in the last hours, at once and for a part of the
	/// price, if there is one; and let others take this one.
	#[arg(long)]
	reuse: bool,

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
		let submitter = Submitter::new(self.secret.requester()?);
		let node = self.node.connect().await?;
		let model = question::model(&node, &self.model).await?;
		let options = self.options(&model, format.unwrap_or_default())?;
		let question = Question::new(model, input, options)?;
		let price = question.price(&node).await?;
		let chain = node.chain().await?;
		eprintln!("{} signs and pays on {chain}", sibyl_rpc_types::address(&submitter.account()));
		let most = self.agree(&question.model, &price)?;
		let submitted = submitter.submit(&node, question.call(most)).await?.outcome(&node).await?.result?;
		eprintln!("job {} is in block #{}", submitted.job, submitted.block);
		let mut last = String::new();
		let job = follow(&node, &submitted, |step| tell(step, &mut last)).await?;
		let result = question::result(&node, job.id).await?;
		let answer = result.answer.as_ref().ok_or(Error::NoAnswer { job: job.id, why: show::why(&result) })?;
		writeln!(stdout(), "{}", show::answer(answer, &question.options.format))?;
		if let Some(path) = &self.receipt {
			let unwritable = |source| Error::Unwritable { path: path.display().to_string(), source };
			std::fs::write(path, receipt(&node, job.id).await? + "\n").map_err(unwritable)?;
			eprintln!("the receipt is in {0}: 'sibyl-node verify {0}' checks it", path.display());
		}
		Ok(())
	}

	fn options(&self, model: &Model, format: EngineFormat) -> Result<JobOptions, Error> {
		let is_generating = model.task == Task::Generate;
		let takes_units = is_generating && !matches!(format, EngineFormat::Choice(_));
		Ok(JobOptions {
			seats: self.seats.map_or(Seats::All, Seats::Fixed),
			max_output_units: if takes_units { self.max_tokens.min(model.limits.output_units) } else { 0 },
			sampling: Sampling { temperature: self.temperature.unwrap_or(0), ..Sampling::default() },
			format: on_chain_format(format)?,
			reuse: self.reuse,
			..JobOptions::default()
		})
	}

	/// What the requester pays at most, having agreed.
	fn agree(&self, model: &Model, price: &Price) -> Result<Balance, Error> {
		let shown = sib(price.total);
		if self.max_fee.is_some_and(|limit| price.total > limit) {
			return Err(Error::TooDear { price: shown });
		}
		// More may be allowed: the price rises where a validator joins meanwhile.
		let most = self.max_fee.unwrap_or(price.total);
		let seats = if price.seats == 1 { "one seat".into() } else { format!("{} seats", price.seats) };
		eprintln!("{} asks {shown} at most for {seats}; what is not used comes back", model.name);
		match self.yes || is_agreed_to("Submit?")? {
			true => Ok(most),
			false => Err(Error::NotAgreed),
		}
	}
}

/// Tells of a job what was not told last.
fn tell(step: Step<'_>, last: &mut String) {
	match step {
		Step::Silent { has_ended: true } => {
			eprintln!("the job has ended, and finality stands still: waiting until its block is final");
		}
		Step::Silent { has_ended: false } => {
			eprintln!(
				"the chain says nothing new of the job, which is still there: waiting until it makes blocks again"
			);
		}
		Step::TakenBack { block } => eprintln!("#{block} the block that held the job was taken back"),
		Step::Known { block, job, is_final } => {
			let line = show::progress(job);
			if line != *last {
				eprintln!("#{block} {line}");
				*last = line;
			}
			if is_final {
				eprintln!("#{block} final{}", show::settlement(job));
			}
		}
	}
}

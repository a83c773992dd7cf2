//! `sibyl-node jobs`, `job`, `result` and `receipt`: what a network knows.

use crate::{
	amount::sib,
	connection::Connection,
	show::{self, printable},
	Error, NodeOptions,
};
use jsonrpsee::rpc_params;
use serde_json::{json, Value};
use sibyl_primitives::job::JobId;
use sibyl_rpc_types::{Job, JobResult, Page, Receipt};
use std::io::{stdout, Write};

/// `jobs`
#[derive(Debug, clap::Args)]
#[command(
	after_help = "Example:\n  sibyl-node jobs --open --requester 5EYCAe5ijiYfyeZ2JJCGq56LmPyNRAKzpG4QkoQkkQNB5e6Z"
)]
pub struct JobsCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// Only those of this account.
	#[arg(long, value_name = "ADDRESS")]
	requester: Option<String>,

	/// Only those that have not ended.
	#[arg(long)]
	open: bool,

	/// How many, the newest first.
	#[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=256))]
	limit: u32,

	/// Those before this number.
	#[arg(long, value_name = "JOB")]
	before: Option<JobId>,

	/// Print the node's JSON.
	#[arg(long)]
	json: bool,
}

impl JobsCommand {
	/// Prints a line for each job.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		let filter = json!({ "requester": self.requester, "open": self.open.then_some(true) });
		// A page of a rare filter may be empty and not the last.
		let mut page = Page { jobs: Vec::new(), next: self.before };
		loop {
			let left = self.limit - page.jobs.len() as u32;
			let params = rpc_params![&filter, page.next, left];
			let more: Page = node.call("inference_listJobs", params).await?;
			page.jobs.extend(more.jobs);
			page.next = more.next;
			if page.next.is_none() || page.jobs.len() as u32 >= self.limit {
				break;
			}
		}
		let mut out = stdout();
		if self.json {
			return Ok(writeln!(out, "{:#}", json!(page))?);
		}
		for job in &page.jobs {
			let price = job.price.parse().map_or_else(|_| printable(&job.price), sib);
			let state = show::state(job.phase, job.verdict);
			writeln!(
				out,
				"{:>8}  {state:<10}  #{:<8}  {price:>18}  {}",
				job.id,
				job.submitted_at,
				printable(&job.requester)
			)?;
		}
		match page.next {
			Some(next) => eprintln!("more: --before {next}"),
			None if page.jobs.is_empty() => eprintln!("no such jobs"),
			None => {}
		}
		Ok(())
	}
}

/// `job`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node job 0")]
pub struct JobCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// The job's number.
	#[arg(value_name = "JOB")]
	job: JobId,

	/// Print the node's JSON.
	#[arg(long)]
	json: bool,
}

impl JobCommand {
	/// Prints the job: what was asked, where it stands, and each seat.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		let mut out = stdout();
		if self.json {
			let job: Value = node.call("inference_getJob", rpc_params![self.job]).await?;
			return Ok(writeln!(out, "{job:#}")?);
		}
		let job: Job = node.call("inference_getJob", rpc_params![self.job]).await?;
		Ok(write!(out, "{}", show::job(&job))?)
	}
}

/// `result`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node result 0 --json")]
pub struct ResultCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// The job's number.
	#[arg(value_name = "JOB")]
	job: JobId,

	/// Print the node's JSON.
	#[arg(long)]
	json: bool,
}

impl ResultCommand {
	/// Prints the answer; fails where there is none.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		let result: Value = node.call("inference_getResult", rpc_params![self.job]).await?;
		let mut out = stdout();
		if self.json {
			return Ok(writeln!(out, "{result:#}")?);
		}
		let unreadable =
			|error: serde_json::Error| Error::Unreadable { method: "inference_getResult", reason: error.to_string() };
		let result: JobResult = serde_json::from_value(result).map_err(unreadable)?;
		let Some(answer) = &result.answer else {
			return Err(Error::NoAnswer { job: self.job, why: show::why(&result) });
		};
		let job: Job = node.call("inference_getJob", rpc_params![self.job]).await?;
		writeln!(out, "{}", show::answer(answer, &job.options.format))?;
		eprintln!("{}", show::agreement(&result));
		Ok(())
	}
}

/// `receipt`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node receipt 0 > job-0.json\n  sibyl-node verify job-0.json")]
pub struct ReceiptCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// The job's number.
	#[arg(value_name = "JOB")]
	job: JobId,
}

impl ReceiptCommand {
	/// Prints a receipt; fails where the job has not ended in a final block.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		Ok(writeln!(stdout(), "{}", receipt(&node, self.job).await?)?)
	}
}

/// What shows anybody what the network agreed on, as JSON on one line.
pub async fn receipt(node: &Connection, job: JobId) -> Result<String, Error> {
	let receipt: Receipt = node.call("inference_getReceipt", rpc_params![job]).await?;
	Ok(json!(receipt).to_string())
}

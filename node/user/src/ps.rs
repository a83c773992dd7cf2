//! `sibyl-node models ps`: what the engine of a node that runs holds, and what it is at.

use crate::{
	show::printable,
	status::{words_of_engine, words_of_state},
	validator, Error, NodeOptions,
};
use serde_json::json;
use sibyl_rpc_types::{ModelState, NodeStatus, OwnModel};
use std::{
	fmt::Write as _,
	io::{stdout, Write},
};

/// What shows sizes.
const MEGABYTE: u64 = 1_000_000;

/// `models ps`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sibyl-node models ps\n  sibyl-node models ps --json | jq '.queue.waiting'")]
pub struct PsCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// Print the models, the queue and the engine of the node's JSON.
	#[arg(long)]
	json: bool,
}

impl PsCommand {
	/// Prints it.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		let status = validator::status(&node).await?;
		let mut out = stdout();
		match self.json {
			true => writeln!(out, "{:#}", json_of(&status))?,
			false => write!(out, "{}", text_of(&status))?,
		}
		Ok(())
	}
}

fn json_of(status: &NodeStatus) -> serde_json::Value {
	json!({ "isValidator": status.is_validator, "models": status.models, "queue": status.queue, "engine": status.engine })
}

fn text_of(status: &NodeStatus) -> String {
	if !status.is_validator {
		return "the node runs no models: it was started without --validator\n".into();
	}
	let mut said = String::new();
	// To write into a text does not fail.
	let mut line = |columns: [&str; 4]| {
		let [name, state, memory, rest] = columns.map(|column| printable(column).replace('\n', " "));
		let line = format!("{name:<18}{state:<30}{memory:>9}  {rest}");
		let _ = writeln!(said, "{}", line.trim_end());
	};
	line(["NAME", "STATE", "MEMORY", "WHY"]);
	for model in &status.models {
		let why = model.why.as_deref().unwrap_or_default();
		line([&model.name, words_of_state(model.state), &memory_of(model), why]);
	}
	let _ = writeln!(said, "\nengine  {}", printable(&words_of_engine(&status.engine)).replace('\n', " "));
	let _ = writeln!(said, "jobs    {} running, {} waiting", status.queue.running, status.queue.waiting);
	said
}

/// About what a model's weights take while it is loaded.
fn memory_of(model: &OwnModel) -> String {
	use ModelState::{Absent, Checking, Damaged, Loading, Measuring, NotServed, Served, Withdrawn};
	match model.state {
		Served | Withdrawn | Checking | Measuring => format!("{} MB", model.bytes.div_ceil(MEGABYTE)),
		Loading | Absent | Damaged | NotServed => "-".into(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::Value;

	fn status(change: impl FnOnce(&mut Value)) -> NodeStatus {
		let mut status: Value = serde_json::from_str(include_str!("status/example.json")).expect("it is JSON");
		change(&mut status);
		serde_json::from_value(status).expect("it is a node's")
	}

	#[test]
	fn each_model_should_have_a_line_with_what_it_takes_or_why_it_is_not_there() {
		let expected = "\
NAME              STATE                            MEMORY  WHY
smollm2           served                            98 MB
minilm            not served                            -  this node has no file

engine  runs, as process 77; it was killed by signal 9 once
jobs    1 running, 2 waiting
";
		assert_eq!(text_of(&status(|_| ())), expected);
		let loading = text_of(&status(|status| status["models"][0]["state"] = "loading".into()));
		assert!(loading.contains("smollm2           being loaded                          -\n"), "{loading}");
	}

	#[test]
	fn a_node_without_models_should_say_so() {
		let said = text_of(&status(|status| status["isValidator"] = false.into()));
		assert!(said.contains("without --validator"), "{said}");
	}

	#[test]
	fn what_others_wrote_should_begin_no_line_and_move_no_cursor() {
		let said = text_of(&status(|status| status["models"][1]["why"] = "x\nengine  idle\u{1b}[2J".into()));
		assert!(said.contains("x engine  idle\u{fffd}[2J\n"), "{said}");
	}

	#[test]
	fn programs_should_get_the_node_s_own_words() {
		let json = json_of(&status(|_| ()));
		assert_eq!((&json["queue"]["waiting"], &json["models"][1]["state"]), (&json!(2), &json!("absent")));
		assert_eq!((&json["engine"]["pid"], &json["isValidator"]), (&json!(77), &json!(true)));
	}
}

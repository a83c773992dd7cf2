//! `models list --url`

use crate::{connection::Connection, question::models, show::printable, sib, Error, HERE};
use serde_json::json;
use sibyl_primitives::model::{ModelState, Task};
use sibyl_rpc_types::Model;
use std::io::Write;

/// Whether the models are those of a network, and how they are shown.
#[derive(Debug, clap::Args)]
pub struct ListOfNetwork {
	/// Show a network's models in place of this machine's: the address of a node's JSON-RPC, by default of one here.
	#[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = HERE)]
	url: Option<String>,

	/// Print the JSON that the node answers.
	#[arg(long, requires = "url")]
	json: bool,
}

impl ListOfNetwork {
	/// Whether a network is asked.
	pub fn is_asked(&self) -> bool {
		self.url.is_some()
	}

	/// Prints the network's models.
	pub async fn run(&self, out: &mut impl Write) -> Result<(), Error> {
		let node = Connection::open(self.url.as_deref().unwrap_or(HERE)).await?;
		let models = models(&node, None).await?;
		match self.json {
			true => writeln!(out, "{:#}", json!(models))?,
			false => write!(out, "{}", table(&models))?,
		}
		Ok(())
	}
}

const HEADER: [&str; 9] = ["NAME", "TASK", "SIZE", "A JOB", "A UNIT", "SHARE", "STAKE", "STATE", "AUTHOR"];

fn table(models: &[Model]) -> String {
	let rows: Vec<_> = std::iter::once(HEADER.map(String::from)).chain(models.iter().map(row)).collect();
	let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
	let widths: [usize; HEADER.len()] = std::array::from_fn(width);
	let line = |row: &[String; HEADER.len()]| {
		let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
		format!("{}\n", cells.join("  ").trim_end())
	};
	rows.iter().map(line).collect()
}

fn row(model: &Model) -> [String; HEADER.len()] {
	let amount = |text: &str| text.parse().map_or_else(|_| cell(text), sib);
	let size: u64 = model.files.iter().map(|file| file.size).fold(0, u64::saturating_add);
	let task = match model.task {
		Task::Classify => "classify",
		Task::Generate => "generate",
		Task::Embed => "embed",
	};
	let state = match (model.state, model.is_active) {
		(ModelState::Listed, true) => "active",
		(ModelState::Listed, false) => "waits for validators",
		(ModelState::Suspended, _) => "suspended",
		(ModelState::Retired, _) => "retired",
	};
	[
		cell(&model.name),
		task.into(),
		format!("{:.1} MB", size as f64 / 1e6),
		amount(&model.price.base),
		amount(&model.price.unit),
		format!("{} %", model.price.author_share),
		format!("{:.0} %", model.stake_share),
		state.into(),
		model.author.as_deref().map_or_else(|| "-".into(), cell),
	]
}

/// A text of somebody else's within a line.
fn cell(text: &str) -> String {
	printable(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_rpc_types::Price;

	fn model(name: &str, state: ModelState, is_active: bool) -> Model {
		let revision = sibyl_runtime::models::smollm2().revision;
		Model {
			id: revision.id(),
			name: name.into(),
			task: revision.task,
			architecture: "llama".into(),
			files: revision.files.into_inner(),
			limits: revision.limits,
			commit_window: 12,
			price: Price { base: "1000000000".into(), unit: "10000000".into(), author_share: 10 },
			author: None,
			licence: "MIT".into(),
			goldens: 1,
			state,
			is_active,
			stake_share: 25.0,
			served_by: Vec::new(),
		}
	}

	#[test]
	fn a_model_is_told_by_what_it_costs_and_whether_it_takes_jobs() {
		let said = table(&[
			model("one", ModelState::Listed, true),
			model("other", ModelState::Listed, false),
			model("stopped", ModelState::Suspended, false),
		]);
		let lines: Vec<_> = said.lines().collect();
		assert!(lines[0].starts_with("NAME     TASK      SIZE     A JOB      A UNIT"), "{said}");
		let words = lines[1].split_whitespace().collect::<Vec<_>>().join(" ");
		assert_eq!(words, "one generate 98.4 MB 0.001 SIB 0.00001 SIB 10 % 25 % active -");
		assert!(lines[2].contains("waits for validators") && lines[3].contains("suspended"), "{said}");
	}

	#[test]
	fn no_name_begins_a_line() {
		let said = table(&[model("a\nSTATE\tactive\u{1b}[2J", ModelState::Listed, true)]);
		assert!(said.lines().count() == 2 && !said.contains('\u{1b}'), "{said}");
	}
}

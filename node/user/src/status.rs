//! `sibyl-node status`: how a node is, in words.

use crate::{
	show::printable,
	sib,
	validator::{self, in_words, unclaimed, Unclaimed, ValidatorError},
	Error, NodeOptions,
};
use pallet_inference::MAX_MISSED_IN_A_ROW;
use serde_json::json;
use sibyl_primitives::Balance;
use sibyl_rpc_types::{Engine, EngineState, KeySet, ModelState, NodeFault, NodeStatus, OwnModel, OwnValidator};
use sibyl_runtime::configs::inference::LeastServiceBond;
use std::{
	fmt::Write as _,
	io::{stdout, Write},
};

/// Seconds without a block after which a node stands still: more than any chance of empty slots.
const STANDS_STILL: u64 = 60;
/// Blocks that finality may be behind.
const FINALITY_BEHIND: u32 = 30;
/// Faults that are shown.
const FAULTS: usize = 5;

/// `status`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node status || echo 'look after it'")]
pub struct StatusCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// Print the node's JSON, with the reasons why it is not well as `problems`.
	#[arg(long)]
	json: bool,
}

/// A node and what its validators can call for.
struct Report {
	status: NodeStatus,
	/// By the validators' order.
	unclaimed: Vec<Vec<Unclaimed>>,
}

impl StatusCommand {
	/// Prints it; fails where the node is not well, or is a validator that does not do its work.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		let status = validator::status(&node).await?;
		let state = validator::State::finalized(&node).await?;
		let mut left = Vec::new();
		for own in &status.validators {
			left.push(unclaimed(&state, &validator::account_of(&own.service.account)?).await?);
		}
		let report = Report { status, unclaimed: left };
		let problems = report.problems();
		let mut out = stdout();
		if self.json {
			let mut value = json!(report.status);
			value["problems"] = json!(problems);
			writeln!(out, "{value:#}")?;
		} else {
			write!(out, "{}", report.text(&problems))?;
		}
		match (problems.is_empty(), report.status.is_validator) {
			(true, _) => Ok(()),
			(false, true) => Err(ValidatorError::NotWorking(problems.join("; ")).into()),
			(false, false) => Err(ValidatorError::NotWell(problems.join("; ")).into()),
		}
	}
}

impl Report {
	/// Why the node is not well, or does not do a validator's work.
	fn problems(&self) -> Vec<String> {
		let status = &self.status;
		let mut problems = Vec::new();
		if status.is_syncing {
			problems.push(format!("it is still syncing, at block #{}", status.best.number));
		}
		if status.peers == 0 && status.set_size > 1 {
			problems.push("it is connected to no other node".into());
		}
		if let Some(still) =
			status.best_at.map(|at| status.now.saturating_sub(at)).filter(|still| *still > STANDS_STILL)
		{
			problems.push(format!("its newest block is {} old", in_words(still)));
		}
		let behind = status.best.number.saturating_sub(status.finalized.number);
		if behind > FINALITY_BEHIND {
			problems.push(format!("finality is {behind} blocks behind"));
		}
		if !status.is_validator {
			return problems;
		}
		if status.validators.is_empty() {
			let nobody = "no account has set this node's session keys ('sibyl-node validator setup')";
			problems.push(nobody.into());
		}
		status.validators.iter().for_each(|own| problems.extend(problems_of(own)));
		if status.is_draining {
			problems.push("it drains, and takes no new seats ('sibyl-node validator drain --undo')".into());
		}
		problems.extend(problems_of_models(status));
		if status.engine.state == EngineState::Pausing {
			let end = status.engine.last_end.as_deref().unwrap_or("ended");
			problems.push(format!("the engine's process {} again and again", printable(end)));
		}
		problems
	}

	fn text(&self, problems: &[String]) -> String {
		let status = &self.status;
		let mut said = String::new();
		// To write into a text does not fail.
		let mut line = |name: &str, value: String| {
			let _ = writeln!(said, "{name:<12}{}", printable(&value).replace('\n', " "));
		};
		let peers = if status.peers == 1 { "a peer".into() } else { format!("{} peers", status.peers) };
		line("node", format!("version {}, on {}, {peers}", status.version, status.chain));
		let syncing = if status.is_syncing { ", syncing" } else { "" };
		line("blocks", format!("best #{}, final #{}{syncing}", status.best.number, status.finalized.number));
		if !status.is_validator {
			line("validator", "no: it was started without --validator".into());
		}
		for (own, unclaimed) in status.validators.iter().zip(&self.unclaimed) {
			lines_of(own, unclaimed, status, &mut line);
		}
		if status.is_draining {
			line("draining", "it takes no new seats".into());
		}
		status.models.iter().for_each(|model| line("model", words_of_model(model)));
		if status.is_validator {
			line("engine", words_of_engine(&status.engine));
			line("queue", format!("{} waiting, {} running", status.queue.waiting, status.queue.running));
		}
		for NodeFault { at, what } in status.faults.iter().take(FAULTS) {
			line("fault", format!("{} ago: {what}", in_words(status.now.saturating_sub(*at))));
		}
		match problems {
			[] if status.is_validator => line("all is well", "it does a validator's work".into()),
			[] => line("all is well", String::new()),
			problems => problems.iter().for_each(|problem| line("problem", problem.clone())),
		}
		said.lines().map(|line| format!("{}\n", line.trim_end())).collect()
	}
}

fn amount(text: &str) -> Balance {
	text.parse().unwrap_or_default()
}

fn problems_of(own: &OwnValidator) -> Vec<String> {
	let mut problems = Vec::new();
	let lacks = |keys: &KeySet| (!keys.missing.is_empty()).then(|| keys.missing.join(", "));
	match (own.is_elected, own.is_elected_next, own.is_candidate) {
		(true, _, _) => {}
		(false, true, _) => problems.push("it is not elected yet: it is from the next session on".into()),
		(false, false, true) => problems.push("it is not elected: it stands for the next election".into()),
		(false, false, false) => {
			problems.push("it is not elected and does not stand ('sibyl-node validator setup')".into());
		}
	}
	if let Some(missing) = own.current_keys.as_ref().and_then(lacks) {
		problems.push(format!("its keystore lacks keys of this session: {missing}"));
	} else if let Some(missing) = own.set_keys.as_ref().and_then(lacks) {
		problems.push(format!("its keystore lacks keys that the account has set: {missing}"));
	}
	if own.set_keys.is_none() {
		problems.push("the account has set no session keys ('sibyl-node validator rotate')".into());
	}
	if own.is_disabled {
		problems.push("it is disabled in this era, for an offence".into());
	}
	if own.is_candidate && amount(&own.stake) < amount(&own.min_stake) {
		problems.push(format!("it has staked less than {}", sib(amount(&own.min_stake))));
	}
	let has_seats = own.is_elected || own.is_elected_next || own.is_candidate;
	let (bond, least) = (amount(&own.service.bond), LeastServiceBond::get());
	if has_seats && bond < least {
		problems.push(format!(
			"its service bond is less than {}: it serves no model, at the latest from the next session on \
			 ('sibyl-node validator setup')",
			sib(least)
		));
	} else if has_seats && bond <= amount(&own.service.reserved) {
		problems.push("it has no free service bond, and so gets no seats ('sibyl-node validator setup')".into());
	}
	if own.is_out_of_service && bond >= least {
		problems.push("it is out of service until it attests a model again, which this node does by itself".into());
	}
	// At the last of them the chain counts anew, and the node's models are withdrawn.
	if own.service.missed_in_a_row > 0 {
		let missed = own.service.missed_in_a_row;
		problems.push(format!(
			"it has missed its last seats ({missed}): with {MAX_MISSED_IN_A_ROW} in a row it gets none until it attests again"
		));
	}
	problems
}

fn problems_of_models(status: &NodeStatus) -> Vec<String> {
	let damaged = status.models.iter().filter(|model| model.state == ModelState::Damaged);
	let mut problems: Vec<_> = damaged.map(|model| format!("the files of {} are damaged", model.name)).collect();
	let serves = |model: &OwnModel| matches!(model.state, ModelState::Served | ModelState::Withdrawn);
	let is_coming =
		|model: &OwnModel| matches!(model.state, ModelState::Loading | ModelState::Checking | ModelState::Measuring);
	if status.models.iter().any(serves) || status.is_syncing {
		return problems;
	}
	problems.push(match status.models.iter().any(is_coming) {
		true => "it serves no model yet: one is being looked at".into(),
		false => "it serves no model".into(),
	});
	problems
}

fn lines_of(own: &OwnValidator, unclaimed: &[Unclaimed], status: &NodeStatus, line: &mut impl FnMut(&str, String)) {
	let service = &own.service;
	line("validator", service.account.clone());
	let place = match (own.is_elected, own.is_elected_next) {
		(true, true) => format!("in session {}, one of {}, and in the next", status.session, status.set_size),
		(true, false) => format!("in session {}, and not in the next", status.session),
		(false, true) => "from the next session on".into(),
		(false, false) => "no".into(),
	};
	let stands = if own.is_candidate { "stands for election" } else { "does not stand for election" };
	line("elected", format!("{place}; {stands}"));
	line("keys", words_of_keys(own));
	line("stake", format!("{}, of at least {}", sib(amount(&own.stake)), sib(amount(&own.min_stake))));
	let (bond, reserved) = (sib(amount(&service.bond)), sib(amount(&service.reserved)));
	line(
		"service",
		match service.open_seats {
			0 => format!("{bond} bonded; no open seat"),
			1 => format!("{bond} bonded, of which {reserved} cover an open seat"),
			seats => format!("{bond} bonded, of which {reserved} cover {seats} open seats"),
		},
	);
	let record = &service.record;
	line(
		"seats",
		format!(
			"{} drawn, {} committed, {} revealed, {} missed, {} abstained, {} lost",
			record.drawn, record.committed, record.revealed, record.missed, record.abstained, record.lost
		),
	);
	line("earned", format!("{}; charged {}", sib(amount(&record.earned)), sib(amount(&record.charged))));
	let own_part: Balance = unclaimed.iter().map(|unclaimed| unclaimed.own).fold(0, Balance::saturating_add);
	line(
		"rewards",
		match unclaimed.len() {
			0 => "nothing to be called for".into(),
			1 => format!("{} of an era can be called for: 'sibyl-node validator payout'", sib(own_part)),
			eras => format!("{} of {eras} eras can be called for: 'sibyl-node validator payout'", sib(own_part)),
		},
	);
}

fn words_of_keys(own: &OwnValidator) -> String {
	let lacks = |keys: &KeySet| format!("its keystore lacks {}", keys.missing.join(", "));
	match (&own.current_keys, &own.set_keys) {
		(Some(keys), _) | (None, Some(keys)) if !keys.missing.is_empty() => lacks(keys),
		(_, Some(set)) if !set.missing.is_empty() => lacks(set),
		(Some(current), Some(set)) if current == set => "all here and in use".into(),
		(Some(_), Some(_)) => "all here and in use; others are set, and follow within two sessions".into(),
		(None, Some(_)) => "all here, and not in use in this session".into(),
		(Some(_), None) => "all here and in use; none are set for later".into(),
		(None, None) => "none are set".into(),
	}
}

/// A model's state, in words.
pub fn words_of_state(state: ModelState) -> &'static str {
	match state {
		ModelState::Served => "served",
		ModelState::Withdrawn => "withdrawn while the node drains",
		ModelState::Loading => "being loaded",
		ModelState::Checking => "its goldens are being checked",
		ModelState::Measuring => "its pace is being measured",
		ModelState::Damaged => "damaged",
		ModelState::Absent | ModelState::NotServed => "not served",
	}
}

fn words_of_model(model: &OwnModel) -> String {
	let mut state = words_of_state(model.state).to_string();
	if let (ModelState::Served, Some(pace)) = (model.state, model.pace) {
		let [job, input, output] = [pace.job, pace.input_unit, pace.output_unit];
		state += &format!(", at {job} µs for a job, {input} for a unit of input, {output} for a unit of output");
	}
	let why = model.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
	format!("{}: {state}{why}", model.name)
}

/// How the engine's process is, in words.
pub fn words_of_engine(engine: &Engine) -> String {
	let state = match engine.state {
		EngineState::Idle => "not started: no model is loaded".into(),
		EngineState::Starting => "being started".into(),
		EngineState::Running => engine.pid.map_or_else(|| "runs".into(), |pid| format!("runs, as process {pid}")),
		EngineState::Pausing => "ended, and is started again soon".into(),
	};
	match (&engine.last_end, engine.ends) {
		(Some(end), 1) => format!("{state}; it {end} once"),
		(Some(end), ends) if ends > 0 => format!("{state}; it ended {ends} times, and {end} last"),
		_ => state,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::Value;
	use sibyl_runtime::constants::SIB;

	/// A validator in good order, with changes.
	fn report(change: impl FnOnce(&mut Value)) -> Report {
		let mut status: Value = serde_json::from_str(include_str!("status/example.json")).expect("it is JSON");
		change(&mut status);
		let status: NodeStatus = serde_json::from_value(status).expect("it is a node's");
		let era = Unclaimed { era: 4, own: 400_000_000_000, total: 400_000_000_000, pages: vec![0] };
		Report { unclaimed: vec![vec![era]; status.validators.len()], status }
	}

	fn problems(change: impl FnOnce(&mut Value)) -> String {
		report(change).problems().join("; ")
	}

	#[test]
	fn a_validator_that_does_its_work_has_a_line_for_each_thing_and_no_problem() {
		let report = report(|_| ());
		assert_eq!(report.problems(), Vec::<String>::new());
		let expected = "\
node        version 0.1.0, on Sibyl Local Testnet, 4 peers
blocks      best #120, final #118
validator   5EYCAe5ijiYfyeZ2JJCGq56LmPyNRAKzpG4QkoQkkQNB5e6Z
elected     in session 6, one of 5, and in the next; stands for election
keys        all here and in use
stake       1000 SIB, of at least 1000 SIB
service     100 SIB bonded, of which 0.2 SIB cover 3 open seats
seats       26 drawn, 25 committed, 25 revealed, 0 missed, 1 abstained, 0 lost
earned      0.27 SIB; charged 0 SIB
rewards     0.4 SIB of an era can be called for: 'sibyl-node validator payout'
model       smollm2: served, at 2048 µs for a job, 64 for a unit of input, 9000 for a unit of output
model       minilm: not served: this node has no file
engine      runs, as process 77; it was killed by signal 9 once
queue       2 waiting, 1 running
fault       60 s ago: abstained from job 7: overloaded
all is well it does a validator's work
";
		assert_eq!(report.text(&[]), expected);
	}

	#[test]
	fn each_reason_why_a_validator_does_not_do_its_work_is_named() {
		let own = |key: &'static str, value: Value| move |status: &mut Value| status["validators"][0][key] = value;
		let missing = json!({ "keys": "0x01", "missing": ["grandpa"] });
		assert!(problems(own("currentKeys", missing)).contains("lacks keys of this session: grandpa"));
		assert!(problems(own("isDisabled", json!(true))).contains("disabled"));
		assert!(problems(own("isOutOfService", json!(true))).contains("out of service until it attests"));
		assert!(problems(own("setKeys", json!(null))).contains("set no session keys"));
		assert!(problems(own("stake", json!("1"))).contains("less than 1000 SIB"));
		let bonds = |bond: Balance, reserved: Balance| {
			problems(|status| {
				let service = &mut status["validators"][0]["service"];
				(service["bond"], service["reserved"]) = (json!(bond.to_string()), json!(reserved.to_string()));
			})
		};
		assert!(bonds(50 * SIB - 1, 0).contains("service bond is less than 50 SIB"));
		assert!(bonds(50 * SIB, 50 * SIB).contains("no free service bond"));
		assert_eq!(bonds(50 * SIB, SIB), "");
		assert!(problems(|status| status["validators"][0]["service"]["missedInARow"] = json!(1))
			.contains("missed its last seats (1): with 5 in a row"));
		assert!(problems(|status| status["validators"] = json!([])).contains("validator setup"));
		assert!(problems(|status| status["isDraining"] = json!(true)).contains("drain --undo"));
		assert!(problems(|status| status["models"][0]["state"] = json!("notServed")).contains("serves no model"));
		assert!(problems(|status| status["models"][0]["state"] = json!("measuring")).contains("no model yet"));
		assert!(problems(|status| status["models"][1]["state"] = json!("damaged")).contains("minilm are damaged"));
		assert!(problems(|status| status["engine"]["state"] = json!("pausing")).contains("again and again"));
	}

	#[test]
	fn open_seats_are_counted_as_people_do() {
		let service = |seats: u32| {
			let text = report(|status| status["validators"][0]["service"]["openSeats"] = json!(seats)).text(&[]);
			let line = text.lines().find(|line| line.starts_with("service")).unwrap_or_default().to_string();
			line
		};
		assert_eq!(service(0), "service     100 SIB bonded; no open seat");
		assert_eq!(service(1), "service     100 SIB bonded, of which 0.2 SIB cover an open seat");
	}

	#[test]
	fn who_is_not_elected_learns_whether_it_will_be() {
		let elected = |now: bool, next: bool, stands: bool| {
			problems(|status| {
				let own = &mut status["validators"][0];
				(own["isElected"], own["isElectedNext"], own["isCandidate"]) = (json!(now), json!(next), json!(stands));
				own["currentKeys"] = json!(null);
			})
		};
		assert!(elected(false, true, true).contains("from the next session on"));
		assert!(elected(false, false, true).contains("stands for the next election"));
		assert!(elected(false, false, false).contains("does not stand"));
		let left = problems(|status| {
			let own = &mut status["validators"][0];
			(own["isElected"], own["isElectedNext"], own["isCandidate"]) = (json!(false), json!(false), json!(false));
			(own["currentKeys"], own["service"]["bond"]) = (json!(null), json!("0"));
		});
		assert!(!left.contains("service bond"), "who has left needs none: {left}");
	}

	#[test]
	fn a_node_that_is_no_validator_is_well_if_it_follows_the_chain() {
		let full = |status: &mut Value| {
			status["isValidator"] = json!(false);
			(status["validators"], status["models"]) = (json!([]), json!([]));
		};
		assert_eq!(problems(full), "");
		assert!(report(full).text(&[]).ends_with("all is well\n"));
		for (change, said) in [
			(("isSyncing", json!(true)), "still syncing, at block #120"),
			(("peers", json!(0)), "no other node"),
			(("now", json!(1_200)), "newest block is 3 min old"),
			(("finalized", json!({ "number": 7, "hash": format!("0x{}", "03".repeat(32)) })), "113 blocks behind"),
		] {
			let (key, value) = change;
			let said_instead = problems(|status| {
				full(status);
				status[key] = value;
			});
			assert!(said_instead.contains(said), "{said_instead}");
		}
	}

	#[test]
	fn what_others_wrote_begins_no_line_and_moves_no_cursor() {
		let text = report(|status| status["faults"][0]["what"] = json!("x\nall is well\u{1b}[2J")).text(&[]);
		assert!(text.contains("x all is well\u{fffd}[2J"), "{text}");
	}
}

//! `validator drain`

use super::{ready, ValidatorError};
use crate::{connection::Connection, question::models, Error, NodeOptions};
use futures_timer::Delay;
use jsonrpsee::rpc_params;
use sibyl_primitives::Hash;
use sibyl_rpc_types::{Drain, NodeStatus, Validator};
use std::time::Duration;

/// How often it is looked what is open: about twice in a block.
const LOOK: Duration = Duration::from_millis(1_500);

/// `validator drain`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node validator drain && systemctl stop sibyl-node")]
pub struct DrainCommand {
	#[command(flatten)]
	node: NodeOptions,

	/// Take new seats again. A node that was started again does so, too.
	#[arg(long)]
	undo: bool,
}

impl DrainCommand {
	/// Drains, and waits until nothing is open.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.node.connect().await?;
		if self.undo {
			let Drain { .. } = node.call("inference_drain", rpc_params![false]).await?;
			println!("The node takes new seats again, from the next block on.");
			return Ok(());
		}
		let status = ready(&node).await?;
		let Drain { .. } = node.call("inference_drain", rpc_params![true]).await?;
		eprintln!(
			"the node takes no new seats from the next block on; 'sibyl-node validator drain --undo' takes that back"
		);
		let mut said = String::new();
		loop {
			let open = Open::now(&node, &status).await?;
			if open.is_nothing() {
				break;
			}
			let line = open.line();
			if line != said {
				eprintln!("{line}");
				said = line;
			}
			if !super::status(&node).await?.is_draining {
				return Err(ValidatorError::NoLongerDraining.into());
			}
			Delay::new(LOOK).await;
		}
		println!("No seat is open: stop the node now. It takes new seats again when it is started.");
		Ok(())
	}
}

/// What keeps a node from being stopped.
#[derive(Debug, Default, PartialEq, Eq)]
struct Open {
	seats: u32,
	/// Models that the chain still has it serve, so that it may be drawn.
	serves: Vec<String>,
}

impl Open {
	/// At the best block and at the last final one: a fork may have what the other has not.
	async fn now(node: &Connection, status: &NodeStatus) -> Result<Self, Error> {
		let best: Hash = node.call("chain_getBlockHash", rpc_params![]).await?;
		let finalized: Hash = node.call("chain_getFinalizedHead", rpc_params![]).await?;
		let mut open = Self::default();
		for block in [best, finalized] {
			let models = models(node, Some(block)).await?;
			let mut seats = 0u32;
			for own in &status.validators {
				let account = &own.service.account;
				let service: Validator = node.call("inference_validator", rpc_params![account, block]).await?;
				seats = seats.saturating_add(service.open_seats);
				let serves = models.iter().filter(|model| model.served_by.contains(account));
				open.serves.extend(serves.map(|model| model.name.clone()));
			}
			open.seats = open.seats.max(seats);
		}
		open.serves.sort();
		open.serves.dedup();
		Ok(open)
	}

	fn is_nothing(&self) -> bool {
		*self == Self::default()
	}

	fn line(&self) -> String {
		let seats = match self.seats {
			0 => "no seat is open".into(),
			1 => "a seat is open".into(),
			seats => format!("{seats} seats are open"),
		};
		match self.serves.is_empty() {
			true => seats,
			false => format!("{seats}, and the chain is yet to hear that {} no longer served", are(&self.serves)),
		}
	}
}

fn are(names: &[String]) -> String {
	let names: Vec<_> = names.iter().map(|name| crate::show::printable(name)).collect();
	match &names[..] {
		[one] => format!("{one} is"),
		all => format!("{} are", all.join(", ")),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::testing::model;
	use jsonrpsee::server::{RpcModule, Server};
	use serde_json::{json, Value};
	use sibyl_rpc_types::Model;

	#[tokio::test]
	async fn a_model_is_served_until_neither_the_best_block_nor_the_final_one_says_so() {
		let mut status: Value = serde_json::from_str(include_str!("../status/example.json")).expect("it is JSON");
		status["validators"][0]["service"]["openSeats"] = json!(0);
		let status: NodeStatus = serde_json::from_value(status).expect("it is a status");
		let [best, finalized] = [Hash::repeat_byte(0xfe), Hash::repeat_byte(0xff)];
		let server = Server::builder().build("127.0.0.1:0").await.expect("a port is free");
		let address = server.local_addr().expect("it has one");
		let mut module = RpcModule::new(status.validators[0].service.clone());
		for (name, hash) in [("chain_getBlockHash", best), ("chain_getFinalizedHead", finalized)] {
			module.register_method(name, move |_, _, _| Some(hash)).expect("no other has the name");
		}
		let listed = module.register_method("inference_listModels", move |params, service, _| {
			let (after, _, at): (Option<Hash>, Option<u32>, Option<Hash>) = params.parse().expect("it is a list");
			// The model's id is the lowest.
			let is_told = at == Some(finalized) && after.is_none();
			let served = || Model { served_by: vec![service.account.clone()], ..model("generate") };
			is_told.then(served).into_iter().collect::<Vec<_>>()
		});
		listed.expect("no other has the name");
		let told = module.register_method("inference_validator", |_, service, _| Some(service.clone()));
		told.expect("no other has the name");
		let _server = server.start(module);
		let node = Connection::open(&format!("ws://{address}")).await.expect("it listens");
		let open = Open::now(&node, &status).await.expect("the node answers");
		assert_eq!(open, Open { seats: 0, serves: vec!["m".into()] });
	}

	#[test]
	fn what_keeps_a_node_from_being_stopped_is_said() {
		assert!(Open::default().is_nothing());
		let open = |seats, serves: &[&str]| Open { seats, serves: serves.iter().map(|name| (*name).into()).collect() };
		assert!(!open(1, &[]).is_nothing() && !open(0, &["minilm"]).is_nothing());
		assert_eq!(open(1, &[]).line(), "a seat is open");
		assert_eq!(
			open(2, &["minilm", "smollm2"]).line(),
			"2 seats are open, and the chain is yet to hear that minilm, smollm2 are no longer served"
		);
	}
}

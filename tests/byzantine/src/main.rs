//! A validator that misbehaves, for tests on real nodes. It is the node, and what stands in `SIBYL_BYZANTINE` besides.
//!
//! ```text
//!                 ┌──── the node, as it is ────┐
//! other nodes ◀─▶ Tap ◀─▶ gossip ◀─▶ pool ──▶ Author ──▶ its blocks
//!      ▲           └── Conduct: what goes in place of its own ballots ──┘
//!      └── sender: what goes beside them
//! ```

mod author;
mod beside;
mod conduct;
mod junk;
mod mode;
mod signer;
mod tap;

use crate::{author::Author, conduct::Conduct, mode::Mode, signer::Signer, tap::Tap};
use sc_service::TaskManager;
use sibyl_node::{Assembly, Error};
use std::process::ExitCode;

const LOG_TARGET: &str = "byzantine";

fn main() -> ExitCode {
	sibyl_node::run(start)
}

fn start(assembly: Assembly) -> Result<TaskManager, Error> {
	let mode = Mode::of_the_environment().map_err(sc_service::Error::Other)?;
	log::warn!(target: LOG_TARGET, "This validator misbehaves: {mode:?}");
	let node = assembly.node();
	let signer = Signer::new(node.client.clone(), node.keystore.clone(), node.genesis);
	let conduct = Conduct::new(mode, signer.clone());
	let peers = tap::Peers::default();
	let storage = sc_client_api::Backend::offchain_storage(&*node.backend)
		.ok_or_else(|| sc_service::Error::Other("the database has no offchain storage".into()))?;
	let spawner = assembly.spawn_handle();
	match mode {
		Mode::Junk => {
			spawner.spawn("byzantine", None, beside::send_junk(signer.clone(), conduct.clone(), peers.clone()))
		}
		Mode::Flood => spawner.spawn_blocking("byzantine", None, beside::flood(signer.clone(), peers.clone())),
		Mode::Boast => spawner.spawn("byzantine", None, beside::boast(storage)),
		_ => {}
	}
	let author = Author::new(assembly.node(), mode, signer, conduct.clone());
	assembly.with_vote_notifications(|inner| Box::new(Tap::new(inner, peers, conduct))).start_with(author)
}

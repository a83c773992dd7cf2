//! Says why a node may have found nobody.

use futures_timer::Delay;
use sibyl_runtime::Hash;
use std::time::Duration;

const LOG_TARGET: &str = "node";

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(15);

/// Looks without a peer after which it is said: a minute.
const LOOKS_BEFORE: u32 = 4;

/// Looks after which it is said again: ten minutes.
const LOOKS_BETWEEN: u32 = 40;

/// Warns when the node has been without peers for some time, until it ends.
pub async fn warn(peers: impl Fn() -> usize, bootnodes: Vec<String>, genesis: Hash) {
	let mut alone = 0;
	loop {
		Delay::new(LOOK).await;
		alone = if peers() == 0 { alone + 1 } else { 0 };
		if is_time(alone) {
			log::warn!(target: LOG_TARGET, "{}", text(&bootnodes, &genesis));
		}
	}
}

fn is_time(alone: u32) -> bool {
	alone >= LOOKS_BEFORE && (alone - LOOKS_BEFORE).is_multiple_of(LOOKS_BETWEEN)
}

fn text(bootnodes: &[String], genesis: &Hash) -> String {
	match bootnodes {
		[] => format!(
			"No peers: no bootnode is named, neither by --bootnodes nor by the chain's specification. This chain's genesis is \
			 {genesis:?}"
		),
		bootnodes => format!(
			"No peers: the bootnodes can't be reached, have another peer id, or are of a chain with another genesis than \
			 {genesis:?}, which is this node's. They are {}",
			bootnodes.join(", ")
		),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_node_without_peers_names_the_bootnodes_and_its_genesis() {
		let genesis = Hash::repeat_byte(7);
		let said = text(&["/dns/a/tcp/1/p2p/X".into(), "/dns/b/tcp/1/p2p/Y".into()], &genesis);
		assert!(
			said.contains("/dns/a/tcp/1/p2p/X, /dns/b/tcp/1/p2p/Y") && said.contains(&format!("{genesis:?}")),
			"{said}"
		);
		assert!(text(&[], &genesis).contains("--bootnodes"));
	}

	#[test]
	fn it_is_said_after_some_time_and_then_now_and_then() {
		let said: Vec<_> = (0..100).filter(|alone| is_time(*alone)).collect();
		assert_eq!(said, [LOOKS_BEFORE, LOOKS_BEFORE + LOOKS_BETWEEN, LOOKS_BEFORE + 2 * LOOKS_BETWEEN]);
	}
}

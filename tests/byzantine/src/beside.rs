//! What the validator sends beside its own votes.

use crate::{conduct::Conduct, junk::Inventor, signer::Signer, tap::Peers, LOG_TARGET};
use codec::{Decode, Encode};
use futures_timer::Delay;
use sibyl_primitives::{
	mailbox::{ModelStatuses, MODELS},
	model::{Availability, Pace},
	vote::VersionedBallot,
};
use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};
use std::time::{Duration, Instant};

const JUNK_EVERY: Duration = Duration::from_secs(1);
const FLOOD_EVERY: Duration = Duration::from_millis(10);
/// Ballots a second, each of which goes to each peer so often.
const FLOOD_RATE: u64 = 1_000;
const REPEATS: u64 = 4;
/// One in so many has as many votes as there may be.
const FULL_ONE_IN: u64 = 100;
/// Where the machine is too slow for the rate, no more than so many are made up for.
const AT_ONCE: u64 = 500;
const TELL_EVERY: Duration = Duration::from_secs(5);
const BOAST_EVERY: Duration = Duration::from_millis(200);

/// Sends one message of each kind of junk to everybody, again and again.
pub async fn send_junk(signer: Signer, conduct: Conduct, peers: Peers) {
	let mut inventor = Inventor::default();
	let mut sent = 0;
	loop {
		Delay::new(JUNK_EVERY).await;
		let Some(place) = signer.place() else { continue };
		let heard = conduct.heard();
		let targets: Vec<_> =
			heard.iter().rev().flat_map(|signed| &signed.ballot.commits).map(|commit| commit.target).collect();
		for message in inventor.messages(&signer, place, &targets) {
			for peer in peers.all() {
				peer.send_sync_notification(message.clone());
				sent += 1;
			}
		}
		log::info!(target: LOG_TARGET, "{sent} pieces of junk sent, {} peers left", peers.all().len());
	}
}

/// Sends ballots for jobs that do not exist, well signed and each several times, as fast as peers take them.
pub async fn flood(signer: Signer, peers: Peers) {
	let mut inventor = Inventor::default();
	let (mut made, mut sent) = (0, 0u64);
	let (mut told, mut since) = (Instant::now(), Instant::now());
	let mut place = None;
	loop {
		Delay::new(FLOOD_EVERY).await;
		if place.is_none() || told.elapsed() > TELL_EVERY {
			place = signer.place();
			log::info!(target: LOG_TARGET, "{sent} ballots of the flood sent, to {} peers", peers.all().len());
			told = Instant::now();
		}
		let Some(place) = place else { continue };
		let due = since.elapsed().as_millis() as u64 * FLOOD_RATE / 1_000;
		since = Instant::now();
		for _ in 0..due.min(AT_ONCE) {
			made += 1;
			let ballot = if made % FULL_ONE_IN == 0 { inventor.full(place) } else { inventor.small(place) };
			let Some(message) = signer.sign(ballot).map(|signed| VersionedBallot::V1(signed).encode()) else {
				continue;
			};
			for peer in peers.all() {
				for _ in 0..REPEATS {
					peer.send_sync_notification(message.clone());
					sent += 1;
				}
			}
		}
	}
}

/// Says of every model that it takes no time at all.
pub async fn boast(mut storage: impl OffchainStorage) {
	loop {
		Delay::new(BOAST_EVERY).await;
		let Some(stored) = storage.get(STORAGE_PREFIX, MODELS) else { continue };
		let Ok(ModelStatuses::V1(mut statuses)) = Decode::decode(&mut &stored[..]) else { continue };
		for availability in statuses.values_mut().filter(|said| matches!(said, Availability::Serves(_))) {
			*availability = Availability::Serves(Pace { job: 1, input_unit: 0, output_unit: 0 });
		}
		let boast = ModelStatuses::V1(statuses).encode();
		if boast != stored {
			storage.set(STORAGE_PREFIX, MODELS, &boast);
		}
	}
}

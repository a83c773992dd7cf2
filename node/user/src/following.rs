//! A job that is followed, by what identifies it on every fork, until it has ended for good.

use crate::{connection::Connection, submission::Submitted, Error};
use codec::Decode;
use futures::future::{select, Either};
use futures_timer::Delay;
use jsonrpsee::{core::client::Subscription, rpc_params};
use serde::Deserialize;
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	BlockNumber,
};
use sibyl_rpc_types::{Job, JobUpdate};
use sibyl_runtime::Runtime;
use sp_core::Bytes;
use std::{pin::pin, time::Duration};

/// How long is waited for what.
struct Patience {
	/// After such a silence a job is looked up.
	silence: Duration,
	/// How often a job is looked for that a fork has lost.
	look: Duration,
}

/// A job's windows are shorter than this silence: either it has ended and finality stands still, or the chain does.
const PATIENCE: Patience = Patience { silence: Duration::from_secs(300), look: Duration::from_secs(3) };
/// A transaction comes back into a block within its 64 blocks, or never.
const LOOKS: u32 = 64;

/// What is told of a job.
pub enum Step<'a> {
	/// How a best block knows it, or, the last time, a final one.
	Known {
		/// The block's height.
		block: BlockNumber,
		/// The job.
		job: &'a Job,
		/// Whether that is final.
		is_final: bool,
	},
	/// The block that held it was taken back. The node sends its submission again.
	TakenBack {
		/// The height of the new best block.
		block: BlockNumber,
	},
	/// Nothing was heard of it for long, and the best chain still has it. It is told once.
	Silent {
		/// Whether a best block has its end, so that finality stands still; else the chain does.
		has_ended: bool,
	},
}

/// Follows a job until it has ended in a final block, whatever number it gets there and however long that takes.
pub async fn follow(node: &Connection, submitted: &Submitted, tell: impl FnMut(Step<'_>)) -> Result<Box<Job>, Error> {
	follow_on(node, &PATIENCE, submitted, tell).await
}

async fn follow_on(
	chain: &impl Chain,
	patience: &Patience,
	submitted: &Submitted,
	mut tell: impl FnMut(Step<'_>),
) -> Result<Box<Job>, Error> {
	let Submitted { mut job, fingerprint, .. } = *submitted;
	let mut is_told = false;
	loop {
		let found = match follow_number(chain, patience, job, fingerprint, &mut tell).await? {
			Followed::Ended(job) => return Ok(job),
			Followed::Moved(other) => Some(other),
			Followed::Silent { has_ended } => {
				let found = chain.number_of(fingerprint).await?;
				if found.is_some() && !is_told {
					is_told = true;
					tell(Step::Silent { has_ended });
				}
				found
			}
			Followed::Gone => None,
		};
		job = match found {
			Some(number) => number,
			None => look_for(chain, patience, fingerprint).await?.ok_or(Error::FellOff(submitted.job))?,
		};
	}
}

enum Followed {
	Ended(Box<Job>),
	/// It has this number now.
	Moved(JobId),
	/// Another job's end is final under its number, and it has none on the best chain.
	Gone,
	/// Nothing is heard of it.
	Silent {
		/// Whether a best block had its end.
		has_ended: bool,
	},
}

async fn follow_number<C: Chain>(
	chain: &C,
	patience: &Patience,
	number: JobId,
	fingerprint: Fingerprint,
	tell: &mut impl FnMut(Step<'_>),
) -> Result<Followed, Error> {
	let mut told = chain.updates(number).await?;
	let mut has_ended = false;
	loop {
		let update = match select(pin!(chain.update(&mut told)), Delay::new(patience.silence)).await {
			Either::Left((update, _)) => update?,
			Either::Right(_) => return Ok(Followed::Silent { has_ended }),
		};
		let JobUpdate { block_number: block, finalized: is_final, job, .. } = update;
		match job.filter(|job| job.fingerprint == fingerprint) {
			Some(job) => {
				has_ended = job.ended_at.is_some();
				tell(Step::Known { block, job: &job, is_final });
				if is_final {
					return Ok(Followed::Ended(Box::new(job)));
				}
			}
			None => match chain.number_of(fingerprint).await? {
				Some(other) if other != number => return Ok(Followed::Moved(other)),
				_ if is_final => return Ok(Followed::Gone),
				_ => {
					has_ended = false;
					tell(Step::TakenBack { block });
				}
			},
		}
	}
}

/// What a node tells of jobs.
trait Chain {
	/// A job's updates.
	type Updates;
	/// The updates of the job of this number, the first of which says how it is now.
	async fn updates(&self, number: JobId) -> Result<Self::Updates, Error>;
	/// The next one.
	async fn update(&self, updates: &mut Self::Updates) -> Result<JobUpdate, Error>;
	/// The number that the best chain gives a job.
	async fn number_of(&self, fingerprint: Fingerprint) -> Result<Option<JobId>, Error>;
	/// Whether it may know less than the network does.
	async fn is_behind(&self) -> Result<bool, Error>;
}

impl Chain for Connection {
	type Updates = Subscription<JobUpdate>;

	async fn updates(&self, number: JobId) -> Result<Self::Updates, Error> {
		let methods = ["inference_subscribeJob", "inference_unsubscribeJob"];
		self.subscribe(methods, rpc_params![number]).await
	}

	async fn update(&self, updates: &mut Self::Updates) -> Result<JobUpdate, Error> {
		self.next(updates).await
	}

	async fn number_of(&self, fingerprint: Fingerprint) -> Result<Option<JobId>, Error> {
		let key = Bytes(pallet_inference::JobIds::<Runtime>::hashed_key_for(fingerprint));
		let id: Option<Bytes> = self.call("state_getStorage", rpc_params![key]).await?;
		let id = id.map(|id| JobId::decode(&mut &id.0[..])).transpose();
		id.map_err(|error| Error::Unreadable { method: "state_getStorage", reason: error.to_string() })
	}

	async fn is_behind(&self) -> Result<bool, Error> {
		let Health { is_syncing, peers, should_have_peers } = self.call("system_health", rpc_params![]).await?;
		// A node that has just begun to look for others does not know yet that it is behind.
		Ok(is_syncing || (should_have_peers && peers == 0))
	}
}

/// How a node stands in the network.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
	is_syncing: bool,
	peers: usize,
	should_have_peers: bool,
}

/// The number that the best chain gives a job; nothing where it does not have it again within the time of a transaction.
pub async fn find(node: &Connection, fingerprint: Fingerprint) -> Result<Option<JobId>, Error> {
	look_for(node, &PATIENCE, fingerprint).await
}

async fn look_for(chain: &impl Chain, patience: &Patience, fingerprint: Fingerprint) -> Result<Option<JobId>, Error> {
	let mut looks = 0;
	while looks < LOOKS {
		if let Some(job) = chain.number_of(fingerprint).await? {
			return Ok(Some(job));
		}
		// A node that was started again has the job once it has caught up.
		if !chain.is_behind().await? {
			looks += 1;
		}
		Delay::new(patience.look).await;
	}
	Ok(None)
}

#[cfg(test)]
mod over_a_node;

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::testing::job;
	use sibyl_primitives::Hash;
	use std::{
		cell::{Cell, RefCell},
		collections::VecDeque,
		future::pending,
	};

	/// What a subscription says; nothing is a silence.
	struct Script {
		heard: RefCell<VecDeque<Option<JobUpdate>>>,
		number: Option<JobId>,
		subscribed: RefCell<Vec<JobId>>,
		/// How often it is asked until it has caught up.
		behind: Cell<u32>,
	}

	impl Script {
		fn new(number: Option<JobId>, heard: impl IntoIterator<Item = Option<JobUpdate>>) -> Self {
			let heard = RefCell::new(heard.into_iter().collect());
			Self { heard, number, subscribed: RefCell::default(), behind: Cell::new(0) }
		}
	}

	impl Chain for Script {
		type Updates = ();

		async fn updates(&self, number: JobId) -> Result<(), Error> {
			self.subscribed.borrow_mut().push(number);
			Ok(())
		}

		async fn update(&self, (): &mut ()) -> Result<JobUpdate, Error> {
			let next = self.heard.borrow_mut().pop_front().expect("nothing more is asked");
			match next {
				Some(update) => Ok(update),
				None => pending().await,
			}
		}

		async fn number_of(&self, _: Fingerprint) -> Result<Option<JobId>, Error> {
			Ok(self.number.filter(|_| self.behind.get() == 0))
		}

		async fn is_behind(&self) -> Result<bool, Error> {
			let left = self.behind.get();
			self.behind.set(left.saturating_sub(1));
			Ok(left > 0)
		}
	}

	/// The job, as a block has it in which it has ended or not.
	fn update(ended_at: Option<BlockNumber>, finalized: bool) -> Option<JobUpdate> {
		let job = Some(Job { ended_at, ..job() });
		Some(JobUpdate { block_hash: Hash::zero(), block_number: 9, finalized, job })
	}

	/// Follows without patience, and what was said of a silence.
	async fn follow_script(script: &Script) -> (Result<Box<Job>, Error>, Vec<bool>) {
		let submitted = Submitted { job: 7, fingerprint: job().fingerprint, block: 3 };
		let mut silences = Vec::new();
		let tell = |step: Step<'_>| {
			if let Step::Silent { has_ended } = step {
				silences.push(has_ended);
			}
		};
		let followed =
			follow_on(script, &Patience { silence: Duration::ZERO, look: Duration::ZERO }, &submitted, tell).await;
		(followed, silences)
	}

	#[tokio::test]
	async fn a_job_that_has_ended_should_be_waited_for_while_finality_stands_still() {
		let open = update(None, false);
		let ended = || update(Some(9), false);
		let script = Script::new(Some(7), [open, ended(), None, ended(), None, ended(), update(Some(9), true)]);
		let (followed, silences) = follow_script(&script).await;
		assert_eq!(followed.expect("it is final in the end").ended_at, Some(9));
		assert_eq!(silences, [true], "it is told once");
		assert_eq!(*script.subscribed.borrow(), [7, 7, 7]);
	}

	#[tokio::test]
	async fn a_job_should_be_followed_by_the_number_that_it_has_after_a_silence() {
		let script = Script::new(Some(8), [update(None, false), None, update(Some(9), true)]);
		let (followed, silences) = follow_script(&script).await;
		followed.expect("it is final in the end");
		assert_eq!((silences, script.subscribed.into_inner()), (vec![false], vec![7, 8]));
	}

	#[tokio::test]
	async fn a_silent_job_that_the_best_chain_has_not_should_be_given_up() {
		let script = Script::new(None, [update(None, false), None]);
		let (followed, silences) = follow_script(&script).await;
		assert!(matches!(followed, Err(Error::FellOff(7))));
		assert!(silences.is_empty());
	}

	#[tokio::test]
	async fn a_job_should_not_be_given_up_while_the_node_catches_up() {
		let script = Script::new(Some(7), [update(None, false), None, update(Some(9), true)]);
		script.behind.set(2 * LOOKS);
		let (followed, silences) = follow_script(&script).await;
		assert_eq!(followed.expect("it is found in the end").ended_at, Some(9));
		assert!(silences.is_empty(), "the best chain did not have it");
	}
}

//! A job that is followed, by what identifies it on every fork, until it has ended for good.

use crate::{connection::Connection, submission::Submitted, Error};
use codec::Decode;
use futures::future::{select, Either};
use futures_timer::Delay;
use jsonrpsee::rpc_params;
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	BlockNumber,
};
use sibyl_rpc_types::{Job, JobUpdate};
use sibyl_runtime::Runtime;
use sp_core::Bytes;
use std::{pin::pin, time::Duration};

/// A job says something more often than this: its windows are shorter.
const SILENCE: Duration = Duration::from_secs(300);
/// How often a job is looked for that a fork has lost.
const LOOK: Duration = Duration::from_secs(3);
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
}

/// Follows a job until it has ended in a final block, whatever number it gets there.
pub async fn follow(
	node: &Connection,
	submitted: &Submitted,
	mut tell: impl FnMut(Step<'_>),
) -> Result<Box<Job>, Error> {
	let Submitted { mut job, fingerprint, .. } = *submitted;
	loop {
		match follow_number(node, job, fingerprint, &mut tell).await? {
			Followed::Ended(job) => return Ok(job),
			Followed::Moved(other) => job = other,
			Followed::Gone => job = look_for(node, fingerprint).await?.ok_or(Error::FellOff(submitted.job))?,
		}
	}
}

enum Followed {
	Ended(Box<Job>),
	/// It has this number now.
	Moved(JobId),
	/// Another job's end is final under its number, and it has none on the best chain.
	Gone,
}

async fn follow_number(
	node: &Connection,
	number: JobId,
	fingerprint: Fingerprint,
	tell: &mut impl FnMut(Step<'_>),
) -> Result<Followed, Error> {
	let methods = ["inference_subscribeJob", "inference_unsubscribeJob"];
	let mut told = node.subscribe::<JobUpdate>(methods, rpc_params![number]).await?;
	loop {
		let update = match select(pin!(node.next(&mut told)), Delay::new(SILENCE)).await {
			Either::Left((update, _)) => update?,
			Either::Right(_) => return Err(Error::FellOff(number)),
		};
		let JobUpdate { block_number: block, finalized: is_final, job, .. } = update;
		match job.filter(|job| job.fingerprint == fingerprint) {
			Some(job) => {
				tell(Step::Known { block, job: &job, is_final });
				if is_final {
					return Ok(Followed::Ended(Box::new(job)));
				}
			}
			None => match locate(node, fingerprint).await? {
				Some(other) if other != number => return Ok(Followed::Moved(other)),
				_ if is_final => return Ok(Followed::Gone),
				_ => tell(Step::TakenBack { block }),
			},
		}
	}
}

/// The number that the best chain gives a job.
pub async fn locate(node: &Connection, fingerprint: Fingerprint) -> Result<Option<JobId>, Error> {
	let key = Bytes(pallet_inference::JobIds::<Runtime>::hashed_key_for(fingerprint));
	let id: Option<Bytes> = node.call("state_getStorage", rpc_params![key]).await?;
	let id = id.map(|id| JobId::decode(&mut &id.0[..])).transpose();
	id.map_err(|error| Error::Unreadable { method: "state_getStorage", reason: error.to_string() })
}

async fn look_for(node: &Connection, fingerprint: Fingerprint) -> Result<Option<JobId>, Error> {
	for _ in 0..LOOKS {
		if let Some(job) = locate(node, fingerprint).await? {
			return Ok(Some(job));
		}
		Delay::new(LOOK).await;
	}
	Ok(None)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::testing::job;
	use codec::Encode;
	use jsonrpsee::server::{RpcModule, Server, ServerHandle, SubscriptionMessage};
	use sibyl_primitives::Hash;
	use std::collections::HashMap;

	/// A node that tells these updates of each number, and that the best chain has the job under this one.
	async fn node(told: HashMap<JobId, Vec<JobUpdate>>, located: Option<JobId>) -> (Connection, ServerHandle) {
		let server = Server::builder().build("127.0.0.1:0").await.expect("a port is free");
		let address = server.local_addr().expect("it has one");
		let mut module = RpcModule::new((told, located));
		let subscribed = module.register_subscription(
			"inference_subscribeJob",
			"inference_job",
			"inference_unsubscribeJob",
			|params, pending, context, _| async move {
				let number: JobId = params.one().expect("a number is asked for");
				let sink = pending.accept().await.expect("who asked is there");
				for update in context.0.get(&number).into_iter().flatten() {
					let message = SubscriptionMessage::from_json(update).expect("it is JSON");
					sink.send(message).await.expect("who asked listens");
				}
				sink.closed().await;
			},
		);
		subscribed.expect("no other has the name");
		let stored =
			module.register_method("state_getStorage", |_, (_, located), _| located.map(|job| Bytes(job.encode())));
		stored.expect("no other has the name");
		let handle = server.start(module);
		(Connection::open(&format!("ws://{address}")).await.expect("it listens"), handle)
	}

	fn update(block_number: BlockNumber, finalized: bool, job: Option<Job>) -> JobUpdate {
		JobUpdate { block_hash: Hash::zero(), block_number, finalized, job }
	}

	fn other() -> Job {
		Job { fingerprint: Hash::repeat_byte(1), ..job() }
	}

	async fn followed(node: &Connection) -> (Result<Box<Job>, Error>, Vec<(BlockNumber, Option<bool>)>) {
		let submitted = Submitted { job: 7, fingerprint: job().fingerprint, block: 3 };
		let mut steps = Vec::new();
		let end = follow(node, &submitted, |step| {
			steps.push(match step {
				Step::Known { block, is_final, .. } => (block, Some(is_final)),
				Step::TakenBack { block } => (block, None),
			});
		});
		(end.await, steps)
	}

	#[tokio::test]
	async fn a_job_should_be_followed_to_its_final_end() {
		let told = [update(4, false, Some(job())), update(6, true, Some(job()))];
		let (node, _server) = node(HashMap::from([(7, told.to_vec())]), Some(7)).await;
		let (end, steps) = followed(&node).await;
		assert_eq!(*end.expect("it ends"), job());
		assert_eq!(steps, [(4, Some(false)), (6, Some(true))]);
	}

	#[tokio::test]
	async fn a_job_that_gets_another_number_should_be_followed_there_and_not_be_taken_for_the_other() {
		let at_7 = vec![update(4, false, Some(job())), update(5, false, Some(other()))];
		let at_8 = vec![update(6, true, Some(Job { id: 8, ..job() }))];
		let (node, _server) = node(HashMap::from([(7, at_7), (8, at_8)]), Some(8)).await;
		let (end, steps) = followed(&node).await;
		assert_eq!(end.expect("it ends").id, 8);
		assert_eq!(steps, [(4, Some(false)), (6, Some(true))]);
	}

	#[tokio::test]
	async fn a_job_that_a_fork_takes_back_should_be_waited_for() {
		let told = vec![update(4, false, None), update(5, false, Some(job())), update(6, true, Some(job()))];
		let (node, _server) = node(HashMap::from([(7, told)]), None).await;
		let (end, steps) = followed(&node).await;
		end.expect("it ends");
		assert_eq!(steps, [(4, None), (5, Some(false)), (6, Some(true))]);
	}

	#[tokio::test]
	async fn a_node_that_goes_away_should_be_told_as_lost() {
		let (node, server) = node(HashMap::from([(7, vec![update(4, false, Some(job()))])]), Some(7)).await;
		server.stop().expect("it runs");
		let (end, _) = followed(&node).await;
		assert!(matches!(end, Err(Error::Lost { .. })), "{end:?}");
	}
}

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

//! Following a job over a node that moves it, takes it back and goes away.

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
	let end = follow(node, &submitted, |step| match step {
		Step::Known { block, is_final, .. } => steps.push((block, Some(is_final))),
		Step::TakenBack { block } => steps.push((block, None)),
		Step::Silent { .. } => {}
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

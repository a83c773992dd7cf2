//! Reports validators that commit twice for one seat.
//!
//! The report is an extrinsic without a signer, for blocks that this node makes itself: other nodes see the two ballots,
//! too, and the chain takes one report of a seat.

use super::metrics::Metrics;
use async_channel::Receiver;
use futures::StreamExt;
use sibyl_runtime::{Runtime, RuntimeCall, UncheckedExtrinsic};
use sibyl_votes::Equivocation;
use sp_runtime::OpaqueExtrinsic;
use std::{fmt::Display, future::Future};

const LOG_TARGET: &str = "inference::reports";

/// Submits a report of each equivocation, until there can be no more.
pub async fn report_equivocations<Submission, Error>(
	found: Receiver<Equivocation>,
	metrics: Metrics,
	submit: impl Fn(OpaqueExtrinsic) -> Submission,
) where
	Submission: Future<Output = Result<(), Error>>,
	Error: Display,
{
	let mut found = found;
	while let Some(equivocation) = found.next().await {
		let ballot = &equivocation.first.ballot;
		let (validator, session) = (ballot.authority_index, ballot.session);
		log::info!(
			target: LOG_TARGET,
			"Validator {validator} of session {session} has committed twice for one seat; reporting it",
		);
		let outcome = match submit(report(equivocation)).await {
			Ok(()) => "sent",
			Err(error) => {
				// Another node's report may be in a block by now.
				log::info!(target: LOG_TARGET, "The report of validator {validator} is not taken: {error}");
				"not_taken"
			}
		};
		metrics.equivocation_reports.with_label_values(&[outcome]).inc();
	}
}

fn report(Equivocation { first, second }: Equivocation) -> OpaqueExtrinsic {
	let (first, second) = (Box::new(first), Box::new(second));
	let call = pallet_inference::Call::<Runtime>::report_equivocation_unsigned { first, second };
	UncheckedExtrinsic::new_bare(RuntimeCall::Inference(call)).into()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot, registry_with_metrics, value};
	use codec::{DecodeAll, Encode};
	use futures::executor::block_on;
	use parking_lot::Mutex;
	use sp_runtime::generic::{Preamble, EXTRINSIC_FORMAT_VERSION};

	#[test]
	fn each_equivocation_is_submitted_with_both_ballots_and_counted() {
		let (registry, metrics) = registry_with_metrics();
		let (sender, found) = async_channel::unbounded();
		for at_block in [5, 6] {
			let equivocation = Equivocation { first: ballot(0, at_block), second: ballot(0, 9) };
			sender.try_send(equivocation).expect("the channel is open");
		}
		drop(sender);
		let submitted = Mutex::new(Vec::new());
		block_on(report_equivocations(found, metrics, |extrinsic| {
			let mut submitted = submitted.lock();
			submitted.push(extrinsic.encode());
			let verdict = if submitted.len() == 1 { Ok(()) } else { Err("it is known") };
			async move { verdict }
		}));
		let decoded = UncheckedExtrinsic::decode_all(&mut &submitted.lock()[0][..]).expect("it is an extrinsic");
		assert_eq!(decoded.preamble, Preamble::Bare(EXTRINSIC_FORMAT_VERSION));
		let RuntimeCall::Inference(pallet_inference::Call::report_equivocation_unsigned { first, second }) =
			decoded.function
		else {
			panic!("it is another call")
		};
		assert_eq!((*first, *second), (ballot(0, 5), ballot(0, 9)));
		let count = |outcome| value(&registry, "inference_equivocation_reports_total", Some(outcome));
		assert_eq!([count("sent"), count("not_taken")], [1, 1]);
	}
}

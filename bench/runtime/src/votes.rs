//! The votes of all validators, as their nodes would make them.

use crate::genesis::Validator;
use codec::Encode;
use pallet_inference::{Committee, Job, Phase, SeatVote};
use sibyl_primitives::{
	commitment::{work, Committer},
	job::{JobId, OutputBytes, SeatIndex},
	output::{output_hash, Answer, Classification, LabelScore, Output, VersionedOutput},
	vote::{Ballot, Commit, Reveal, SignedBallot, VersionedBallot},
	Hash,
};
use sp_core::crypto::Pair;
use sp_io::hashing::blake2_256;
use std::collections::BTreeMap;

/// The answer to a job, as long as the language identifier's are; no two jobs' are the same.
fn answer(job: JobId) -> OutputBytes {
	let scores = (0..16)
		.map(|place| LabelScore { label: "eng".try_into().expect("it is short"), score: job as u32 * 16 + place })
		.collect::<Vec<_>>();
	let classification = Classification {
		label: "eng".try_into().expect("it is short"),
		scores: scores.try_into().expect("they are as many as there may be"),
	};
	let output = VersionedOutput::V1(Output::Answer(Answer::Classification(classification)));
	output.encode().try_into().expect("it is short")
}

/// What the seats of these jobs have to say, in the ballots of their validators.
pub fn ballots(
	validators: &[Validator],
	genesis: Hash,
	at_block: u32,
	jobs: &[(JobId, Job, Committee)],
) -> Vec<VersionedBallot> {
	let mut ballots = BTreeMap::<u32, (Ballot, Vec<OutputBytes>)>::new();
	for (id, job, committee) in jobs {
		let target = committee.target(job.fingerprint);
		let output = answer(*id);
		let output_hash = output_hash(&output);
		let work = work(&target, &blake2_256(&id.encode()).into());
		for (seat, place) in (0..).zip(&committee.seats) {
			let index = place.authority_index;
			let salt: Hash = blake2_256(&(target, index).encode()).into();
			let (ballot, outputs) =
				ballots.entry(index).or_insert_with(|| (Ballot::new(committee.session, index, at_block), Vec::new()));
			match (job.phase, place.vote) {
				(Phase::Committing, SeatVote::Missing) => {
					let commitment = Committer { genesis, target, seat, validator: &place.validator, model: job.model }
						.commitment(&output_hash, &work, &salt);
					// What does not fit is said in the next block.
					let _ = ballot.commits.try_push(Commit { target, seat: seat as SeatIndex, commitment });
				}
				(Phase::Revealing, SeatVote::Committed(_)) => {
					let reveal = Reveal { target, seat, output_hash, work, salt };
					if ballot.reveals.try_push(reveal).is_ok() && outputs.len() < 64 {
						outputs.push(output.clone());
					}
				}
				_ => {}
			}
		}
	}
	let signed = ballots.into_iter().filter(|(_, (ballot, _))| !ballot.is_empty()).map(|(index, (ballot, outputs))| {
		let signature = validators[index as usize].votes.sign(&ballot.signing_payload(&genesis));
		let outputs = outputs.try_into().expect("they were counted");
		VersionedBallot::V1(SignedBallot { ballot, outputs, signature })
	});
	signed.collect()
}

//! What validators say of their seats, what liars say, and what is nobody's.

use crate::{models, Hash, Inference, Runtime, System};
use codec::{Decode, Encode};
use frame_support::inherent::ProvideInherent;
use pallet_inference::{Committee, Job, Phase, SeatVote};
use sibyl_fuzzing::{Random, Types};
use sibyl_primitives::{
	commitment::{salt_of, salt_payload, work, Committer},
	inference_key::InferencePair,
	job::{AbstainReason, JobId, OutputBytes, Refusal, SeatIndex},
	model::{Availability, Pace},
	output::{output_hash, Answer, Classification, Output, VersionedOutput},
	vote::{
		Abstention, Attestation, Ballot, Commit, InherentVotes, Reveal, SignedBallot, VersionedBallot, VoteTarget,
		INHERENT_IDENTIFIER,
	},
	AuthorityIndex, SessionIndex,
};
use sp_core::Pair;
use sp_inherents::InherentData;
use sp_keyring::Ed25519Keyring;
use sp_runtime::BoundedVec;
use std::{collections::BTreeMap, sync::LazyLock};

type Ballots = BTreeMap<(SessionIndex, AuthorityIndex), (Ballot, Vec<OutputBytes>)>;

/// The validators' keys. Making one takes a millisecond.
static PAIRS: LazyLock<Vec<InferencePair>> = LazyLock::new(|| {
	let keys = [Ed25519Keyring::Alice, Ed25519Keyring::Bob, Ed25519Keyring::Charlie, Ed25519Keyring::Dave];
	keys.iter().map(|key| key.pair().into()).collect()
});

/// What running the model gives. Only some of these are what an engine says: the chain reads none of it.
fn output(job: JobId, is_lie: bool) -> OutputBytes {
	let label = if is_lie { "lie" } else { "eng" };
	let said = match job % 3 {
		0 => Output::Refusal(if is_lie { Refusal::Template } else { Refusal::NotFinite }),
		1 => Output::Answer(Answer::Classification(Classification {
			label: label.try_into().expect("it is short"),
			scores: Default::default(),
		})),
		_ => return label.as_bytes().to_vec().try_into().expect("it is short"),
	};
	VersionedOutput::V1(said).encode().try_into().expect("it is short")
}

fn key(session: SessionIndex, index: AuthorityIndex) -> Option<InferencePair> {
	let member = pallet_inference::Members::<Runtime>::get(session, index)?;
	PAIRS.iter().find(|pair| pair.public() == member.key).cloned()
}

fn signed(ballot: Ballot, outputs: Vec<OutputBytes>) -> VersionedBallot {
	let payload = ballot.signing_payload(&System::block_hash(0));
	let key = key(ballot.session, ballot.authority_index).unwrap_or_else(|| PAIRS[0].clone());
	VersionedBallot::V1(SignedBallot {
		ballot,
		outputs: BoundedVec::truncate_from(outputs),
		signature: key.sign(&payload),
	})
}

/// What a seat says, if anything.
fn vote(random: &mut Random, ballots: &mut Ballots, job: (JobId, &Job), committee: &Committee, seat: SeatIndex) {
	let (id, job) = job;
	let place = &committee.seats[usize::from(seat)];
	let Some(key) = key(committee.session, place.authority_index) else { return };
	let target = committee.target(job.fingerprint);
	let output = output(id, random.one_in(6));
	let (genesis, output_hash) = (System::block_hash(0), output_hash(&output));
	let salt = salt_of(&key.sign(&salt_payload(&genesis, &target)));
	let work = work(&target, &Hash::repeat_byte(u8::from(random.one_in(20))));
	let at = System::block_number();
	let (ballot, outputs) = ballots
		.entry((committee.session, place.authority_index))
		.or_insert_with(|| (Ballot::new(committee.session, place.authority_index, at), Vec::new()));
	// What has no room is said in the next block.
	let _ = match (job.phase, place.vote) {
		(Phase::Committing, SeatVote::Missing) if random.one_in(8) => {
			ballot.abstentions.try_push(Abstention { target, seat, reason: AbstainReason::TooSlow }).is_ok()
		}
		(Phase::Committing, SeatVote::Missing) => {
			let committer = Committer { genesis, target, seat, validator: &place.validator, model: job.model };
			let commitment = committer.commitment(&output_hash, &work, &salt);
			ballot.commits.try_push(Commit { target, seat, commitment }).is_ok()
		}
		(Phase::Revealing, SeatVote::Committed(_)) => {
			if !random.one_in(4) {
				outputs.push(output);
			}
			ballot.reveals.try_push(Reveal { target, seat, output_hash, work, salt }).is_ok()
		}
		_ => false,
	};
}

fn targets() -> Vec<VoteTarget> {
	let of = |((id, _), committee): ((JobId, u8), Committee)| {
		pallet_inference::Jobs::<Runtime>::get(id).map(|job| committee.target(job.fingerprint))
	};
	pallet_inference::Committees::<Runtime>::iter().filter_map(of).take(40).collect()
}

/// The ballots of the validators that do what they should, nearly.
pub(super) fn ballots(random: &mut Random) -> Vec<VersionedBallot> {
	let mut ballots = Ballots::new();
	for (id, job) in pallet_inference::Jobs::<Runtime>::iter() {
		let Some(committee) = pallet_inference::Committees::<Runtime>::get((id, job.round)) else { continue };
		for seat in 0..committee.seats.len() {
			if !random.one_in(5) {
				vote(random, &mut ballots, (id, &job), &committee, seat as SeatIndex);
			}
		}
	}
	let session = pallet_session::CurrentIndex::<Runtime>::get();
	for index in 0..4 {
		if random.one_in(10) {
			let (ballot, _) = ballots
				.entry((session, index))
				.or_insert_with(|| (Ballot::new(session, index, System::block_number()), Vec::new()));
			let pace = Pace { job: 1_000, input_unit: 1, output_unit: random.number(32) as u32 };
			let availability = if random.one_in(4) { Availability::Withdrawn } else { Availability::Serves(pace) };
			let model = random.pick(&models::all()).revision.id();
			ballot.attestations.try_push(Attestation { model, availability }).expect("it is the first");
		}
	}
	ballots
		.into_values()
		.filter(|(ballot, _)| !ballot.is_empty())
		.map(|(ballot, outputs)| signed(ballot, outputs))
		.collect()
}

/// What is no good ballot: a good one that is changed, then signed or not; one whose every part is any.
fn bad(random: &mut Random, good: &[VersionedBallot], targets: &[VoteTarget]) -> Option<VersionedBallot> {
	let mut bytes = match random.below(3) {
		0..2 if !good.is_empty() => random.pick(good).encode(),
		_ => {
			let now = [System::block_number(), pallet_session::CurrentIndex::<Runtime>::get()].map(u128::from);
			thread_local!(static TYPES: Types = Types::of::<VersionedBallot>());
			TYPES.with(|types| {
				types.value(random, &now, |random, place| match place.name {
					"VoteTarget" if !targets.is_empty() => Some(random.pick(targets).encode()),
					_ => None,
				})
			})
		}
	};
	if random.one_in(2) {
		random.mutate(&mut bytes);
	}
	let VersionedBallot::V1(ballot) = Decode::decode(&mut &bytes[..]).ok()?;
	match random.one_in(2) {
		true => Some(signed(ballot.ballot, ballot.outputs.into_inner())),
		false => Some(VersionedBallot::V1(ballot)),
	}
}

/// Bytes as they are.
struct Raw(Vec<u8>);

impl Encode for Raw {
	fn encode(&self) -> Vec<u8> {
		self.0.clone()
	}
}

/// What the runtime makes of what an author's node gives it, as any bytes.
fn selected(random: &mut Random, ballots: Vec<VersionedBallot>) -> Option<pallet_inference::Call<Runtime>> {
	let mut data = InherentVotes::V1(ballots).encode();
	if random.one_in(8) {
		random.mutate(&mut data);
	}
	let mut inherents = InherentData::new();
	inherents.put_data(INHERENT_IDENTIFIER, &Raw(data)).expect("it is the first");
	Inference::create_inherent(&inherents)
}

/// What an author includes, who may be anyone.
pub(super) fn include(random: &mut Random) -> Option<pallet_inference::Call<Runtime>> {
	let mut ballots = ballots(random);
	let targets = targets();
	for _ in 0..random.below(6) {
		ballots.extend(bad(random, &ballots, &targets));
	}
	if !ballots.is_empty() {
		let first = random.below(ballots.len());
		ballots.rotate_left(first);
		if random.one_in(4) {
			ballots.push(ballots[0].clone());
		}
	}
	match random.one_in(2) {
		true => selected(random, ballots),
		false => Some(pallet_inference::Call::include { ballots: BoundedVec::truncate_from(ballots) }),
	}
}

//! Ballots that nobody should take anything of: up to every bound, and beyond.

use crate::signer::{Place, Signer};
use codec::Encode;
use sibyl_primitives::{
	job::{AbstainReason, OutputBytes, MAX_OUTPUT_BYTES},
	model::{Availability, Pace},
	output::output_hash,
	vote::{
		Abstention, Attestation, Ballot, Commit, Reveal, SignedBallot, VersionedBallot, VoteTarget, BALLOT_LONGEVITY,
		MAX_ATTESTATIONS, MAX_BALLOT_BYTES, MAX_OUTPUTS, MAX_VOTES,
	},
	Hash, InferenceSignature,
};
use sp_runtime::traits::{BlakeTwo256, Hash as _};

/// Numbers the invented jobs, so that no two are the same.
#[derive(Default)]
pub struct Inventor(u64);

impl Inventor {
	/// A hash that nothing has.
	pub fn hash(&mut self) -> Hash {
		self.0 += 1;
		BlakeTwo256::hash_of(&(b"sibyl/invented", self.0))
	}

	/// A job that the chain does not have.
	pub fn target(&mut self) -> VoteTarget {
		VoteTarget { fingerprint: self.hash(), draw: self.hash(), round: 0 }
	}

	/// A commit of such a job.
	pub fn commit(&mut self) -> Commit {
		Commit { target: self.target(), seat: 0, commitment: self.hash() }
	}

	/// A small ballot.
	pub fn small(&mut self, place: Place) -> Ballot {
		let mut ballot = Ballot::new(place.session, place.index, place.height);
		push(&mut ballot.commits, self.commit());
		ballot
	}

	/// As many votes as a ballot may have, for as many jobs.
	pub fn full(&mut self, place: Place) -> Ballot {
		let mut ballot = Ballot::new(place.session, place.index, place.height);
		for _ in 0..MAX_VOTES {
			push(&mut ballot.commits, self.commit());
			let (target, reason) = (self.target(), AbstainReason::Overloaded);
			push(&mut ballot.abstentions, Abstention { target, seat: 0, reason });
			let [output_hash, work, salt] = [self.hash(), self.hash(), self.hash()];
			push(&mut ballot.reveals, Reveal { target: self.target(), seat: 0, output_hash, work, salt });
		}
		for _ in 0..MAX_ATTESTATIONS {
			let availability = Availability::Serves(Pace { job: 0, input_unit: 0, output_unit: 0 });
			push(&mut ballot.attestations, Attestation { model: self.hash(), availability });
		}
		ballot
	}

	/// The largest outputs that a ballot may bring, as many as it may.
	fn outputs(&mut self) -> Vec<OutputBytes> {
		(0..MAX_OUTPUTS)
			.map(|_| {
				let mut bytes = self.hash().0.to_vec();
				bytes.resize(MAX_OUTPUT_BYTES as usize, 0);
				OutputBytes::truncate_from(bytes)
			})
			.collect()
	}

	/// One message of each kind, and others' votes as if they were the validator's. `targets` are committees of real jobs.
	pub fn messages(&mut self, signer: &Signer, place: Place, targets: &[VoteTarget]) -> Vec<Vec<u8>> {
		let Place { session, index, height } = place;
		let mut ballots = vec![self.full(place), Ballot::new(session, index, height)];
		let outputs = self.outputs();
		for (reveal, output) in ballots[0].reveals.iter_mut().zip(&outputs) {
			reveal.output_hash = output_hash(output);
		}
		for at_block in [0, height.saturating_sub(BALLOT_LONGEVITY + 1), height + 2, height + 3, u32::MAX] {
			ballots.push(Ballot { at_block, ..self.small(place) });
		}
		for session in [0, session + 1, session + 1_000] {
			ballots.push(Ballot { session, ..self.small(place) });
		}
		ballots.push(Ballot { authority_index: u32::MAX, ..self.small(place) });
		ballots.push(self.of_others(place, targets));
		let mut signed: Vec<_> = ballots.into_iter().filter_map(|ballot| signer.sign(ballot)).collect();
		if let Some(full) = signed.first_mut() {
			full.outputs = sp_runtime::BoundedVec::truncate_from(outputs.clone());
		}
		signed.extend(self.forged(signer, place, &outputs));
		let mut messages: Vec<_> = signed.into_iter().map(|signed| VersionedBallot::V1(signed).encode()).collect();
		messages.extend(self.malformed(signer, place));
		messages
	}

	/// Votes for seats of real jobs that are not the validator's, and for none.
	fn of_others(&mut self, place: Place, targets: &[VoteTarget]) -> Ballot {
		let mut ballot = Ballot::new(place.session, place.index, place.height);
		for target in targets.iter().take(8) {
			for seat in [0, 1, 2, 3, u16::MAX] {
				let [output_hash, work, salt] = [self.hash(), self.hash(), self.hash()];
				push(&mut ballot.commits, Commit { target: *target, seat, commitment: self.hash() });
				push(&mut ballot.abstentions, Abstention { target: *target, seat, reason: AbstainReason::NoModel });
				push(&mut ballot.reveals, Reveal { target: *target, seat, output_hash, work, salt });
			}
		}
		ballot
	}

	/// Signed by nobody, or with outputs that are not theirs.
	fn forged(&mut self, signer: &Signer, place: Place, outputs: &[OutputBytes]) -> Vec<SignedBallot> {
		let other = Place { index: u32::from(place.index == 0), ..place };
		let signature = InferenceSignature::from(sp_core::ed25519::Signature::from_raw([7; 64]));
		let ballots = [place, other].map(|place| self.small(place)).into_iter();
		let mut forged: Vec<_> = ballots
			.map(|ballot| SignedBallot { ballot, outputs: Default::default(), signature: signature.clone() })
			.collect();
		if let Some(mut stray) = signer.sign(self.small(place)) {
			stray.outputs = sp_runtime::BoundedVec::truncate_from(outputs[..1].to_vec());
			forged.push(stray);
		}
		forged
	}

	/// What is no ballot.
	fn malformed(&mut self, signer: &Signer, place: Place) -> Vec<Vec<u8>> {
		let Place { session, index, height } = place;
		let commits: Vec<_> = (0..=MAX_VOTES).map(|_| self.commit()).collect();
		let nothing = Vec::<u8>::new();
		let signature = [7u8; 64];
		let too_many =
			(0u8, (session, index, height), commits, &nothing, &nothing, &nothing, &nothing, signature).encode();
		let too_long = vec![vec![7u8; MAX_OUTPUT_BYTES as usize + 1]];
		let too_long =
			(0u8, (session, index, height), vec![self.commit()], &nothing, &nothing, &nothing, too_long, signature)
				.encode();
		let mut messages =
			vec![too_many, too_long, Vec::new(), vec![0], vec![0xff; 100], vec![0; MAX_BALLOT_BYTES as usize]];
		if let Some(signed) = signer.sign(self.small(place)) {
			let whole = VersionedBallot::V1(signed).encode();
			let mut newer = whole.clone();
			newer[0] = 1;
			messages.extend([newer, whole[..whole.len() - 1].to_vec(), [whole, vec![0]].concat()]);
		}
		messages
	}
}

fn push<T, Bound: sp_core::Get<u32>>(votes: &mut sp_runtime::BoundedVec<T, Bound>, vote: T) {
	// What has no room is one vote less.
	let _ = votes.try_push(vote);
}

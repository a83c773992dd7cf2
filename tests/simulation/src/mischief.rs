//! What byzantine validators do.

use crate::{
	chain::{Content, GENESIS},
	engine,
	plan::{self, Mischief},
	rng::Rng,
	runtime::Test,
	world::{Message, World},
};
use codec::Encode;
use pallet_inference::{Committees, Inputs, Jobs, Phase, SeatVote, ServiceLedgers};
use sibyl_primitives::{
	commitment::{salt_of, salt_payload, work, Committer},
	job::{AbstainReason, OutputBytes, SeatIndex, SECOND_ROUND},
	mailbox::{vote_key, Answered, StoredVote},
	model::ModelId,
	output::output_hash,
	vote::{Abstention, Ballot, Commit, Reveal, SignedBallot, VersionedBallot, VoteTarget},
	Hash, SessionIndex,
};
use sp_core::Pair;
use sp_externalities::Extensions;

/// A seat that its validator has not voted on yet.
struct OpenSeat {
	target: VoteTarget,
	place: SeatIndex,
	session: SessionIndex,
	model: ModelId,
	truth: Answered,
}

impl World {
	fn mischief(&self, number: usize) -> Mischief {
		self.plan.validators[number].mischief.clone().unwrap_or_default()
	}

	/// Signs a ballot with the validator's key of the ballot's session.
	fn sign(&self, number: usize, ballot: Ballot) -> SignedBallot {
		let generation = self.plan.generation(number, ballot.session);
		let signature = plan::key(number, generation).sign(&ballot.signing_payload(&GENESIS));
		SignedBallot { ballot, outputs: Default::default(), signature }
	}

	/// Whether the validator does so to that committee: it does not change its mind.
	fn does(&self, number: usize, what: &str, target: &VoteTarget, per_mille: u64) -> bool {
		let mut bytes = [0; 8];
		bytes.copy_from_slice(&target.draw.0[..8]);
		let shared = if self.mischief(number).conspires { 0 } else { number as u64 + 1 };
		Rng::new(self.plan.seed ^ u64::from_le_bytes(bytes) ^ shared << 32, what).chance(per_mille)
	}

	/// Puts lies and copies where the worker keeps what it committed to.
	pub(crate) fn plant(&mut self, number: usize) {
		let mischief = self.mischief(number);
		if mischief.garbles == 0 && mischief.copies == 0 {
			return;
		}
		for seat in self.open_seats(number) {
			let key = vote_key(&seat.target, seat.place);
			let is_second = seat.target.round == SECOND_ROUND;
			if self.nodes[number].mailbox.get(&key).is_some() {
				continue;
			}
			let vote = if self.does(number, "copy", &seat.target, mischief.copies) {
				self.copy(number, &seat)
			} else if self.does(number, "garble", &seat.target, mischief.garbles)
				&& (is_second || !mischief.lies_in_second_rounds_only)
			{
				Some(self.lie(number, &seat, &mischief))
			} else {
				None
			};
			if let Some(vote) = vote {
				self.note(|| {
					format!("{number} lies or copies in seat {} of {:?}", seat.place, seat.target.fingerprint)
				});
				self.nodes[number].mailbox.set(&key, vote.encode());
			}
		}
	}

	fn open_seats(&mut self, number: usize) -> Vec<OpenSeat> {
		let best = self.nodes[number].best;
		let Some(block) = self.blocks.get_mut(&best) else { return Vec::new() };
		let plan = &self.plan;
		let validator = plan::validator(number);
		block.state.look(Extensions::new(), || {
			let mut seats = Vec::new();
			for (id, round) in ServiceLedgers::<Test>::get(&validator).open_seats {
				let Some(job) = Jobs::<Test>::get(id).filter(|job| job.round == round) else { continue };
				let Some(committee) = Committees::<Test>::get((id, round)) else { continue };
				let Some((_, model)) = plan.model(&job.model) else { continue };
				let input = Inputs::<Test>::get(id).unwrap_or_default();
				let truth = engine::answer_to(model, &job, &input);
				for (place, seat) in (0..).zip(&committee.seats) {
					let is_open = job.phase == Phase::Committing && seat.vote == SeatVote::Missing;
					if seat.validator == validator && is_open {
						let target = committee.target(job.fingerprint);
						let (session, model) = (committee.session, job.model);
						seats.push(OpenSeat { target, place, session, model, truth: truth.clone() });
					}
				}
			}
			seats
		})
	}

	fn lie(&self, number: usize, seat: &OpenSeat, mischief: &Mischief) -> StoredVote {
		let liar = if mischief.conspires { 0 } else { number as u64 + 1 };
		let Answered { output, trace } = engine::lie(&seat.truth, liar, mischief.has_right_trace);
		let work = work(&seat.target, &trace);
		let generation = self.plan.generation(number, seat.session);
		let salt = salt_of(&plan::key(number, generation).sign(&salt_payload(&GENESIS, &seat.target)));
		let validator = plan::validator(number);
		let committer = Committer {
			genesis: GENESIS,
			target: seat.target,
			seat: seat.place,
			validator: &validator,
			model: seat.model,
		};
		let commitment = committer.commitment(&output_hash(&output), &work, &salt);
		StoredVote::V1 { commitment, output, work }
	}

	/// What another one commits to, where the node has seen that.
	fn copy(&self, number: usize, seat: &OpenSeat) -> Option<StoredVote> {
		let pool = &self.nodes[number].pool;
		let ballots = pool.ids();
		let commits = ballots.iter().filter_map(|id| pool.get(id)).flat_map(|ballot| ballot.ballot().commits.iter());
		let other = commits.copied().find(|commit| commit.target == seat.target && commit.seat != seat.place)?;
		let work = work(&seat.target, &seat.truth.trace);
		Some(StoredVote::V1 { commitment: other.commitment, output: seat.truth.output.clone(), work })
	}

	/// Sends what the worker says, changed as the validator likes.
	pub(crate) fn send_altered(&mut self, number: usize, signed: SignedBallot) {
		let mischief = self.mischief(number);
		let SignedBallot { mut ballot, mut outputs, signature } = signed;
		let before = ballot.clone();
		for Commit { target, seat, .. } in before.commits.iter().copied() {
			if self.does(number, "abstain", &target, mischief.abstains) {
				ballot.commits.retain(|commit| (commit.target, commit.seat) != (target, seat));
				let _ = ballot.abstentions.try_push(Abstention { target, seat, reason: AbstainReason::Overloaded });
			}
		}
		ballot.commits.retain(|commit| !self.does(number, "silent", &commit.target, mischief.is_silent));
		if ballot.commits.len() < before.commits.len() {
			self.note(|| {
				format!("{number} keeps {} commits back or abstains", before.commits.len() - ballot.commits.len())
			});
		}
		let reveals = ballot.reveals.clone();
		ballot.reveals.retain(|reveal| !self.does(number, "withhold", &reveal.target, mischief.withholds));
		if ballot.reveals.len() < reveals.len() {
			self.note(|| format!("{number} withholds {} reveals", reveals.len() - ballot.reveals.len()));
		}
		outputs.retain(|output| ballot.reveals.iter().any(|reveal| reveal.output_hash == output_hash(output)));
		if self.nodes[number].rng.chance(mischief.mistimes) {
			let shift = *self.nodes[number].rng.pick(&[-70i64, -10, 1, 2, 3, 1_000]);
			ballot.at_block = i64::from(ballot.at_block).saturating_add(shift).max(0) as u32;
		}
		if ballot.is_empty() {
			return;
		}
		let signed = if ballot == before {
			SignedBallot { ballot, outputs, signature }
		} else {
			SignedBallot { outputs, ..self.sign(number, ballot) }
		};
		let is_double = signed
			.ballot
			.commits
			.first()
			.is_some_and(|commit| self.does(number, "twice", &commit.target, mischief.commits_twice));
		if !is_double {
			return self.send_own(number, signed, |_| true);
		}
		self.note(|| format!("{number} commits twice"));
		let mut other = signed.ballot.clone();
		if let Some(commit) = other.commits.iter_mut().next() {
			commit.commitment = Hash::repeat_byte(0xdd);
		}
		let other = VersionedBallot::V1(self.sign(number, other)).encode();
		self.send_own(number, signed, |peer| peer % 2 == 0);
		self.spread(number, other.into(), |peer| peer % 2 == 1);
	}

	/// Sends junk.
	pub(crate) fn flood(&mut self, number: usize) {
		let amount = self.mischief(number).floods;
		if amount == 0 {
			return;
		}
		let best = self.nodes[number].best;
		let (height, session) = (self.blocks[&best].number, self.blocks[&best].session);
		let members = self.plan.session(session).members;
		let mut rng = self.nodes[number].rng.clone();
		for _ in 0..rng.below(amount + 1) {
			let index = members.iter().position(|member| member.0 == number).unwrap_or(0) as u32;
			let mut ballot = Ballot::new(session, index, height);
			let target = VoteTarget { fingerprint: rng.bytes().into(), draw: rng.bytes().into(), round: 0 };
			let commit = Commit { target, seat: 0, commitment: rng.bytes().into() };
			let output: OutputBytes = vec![rng.next() as u8; rng.below(8_000) as usize].try_into().unwrap_or_default();
			let output_hash = output_hash(&output);
			let (work, salt) = (Hash::zero(), Hash::zero());
			let reveal = Reveal { target, seat: 0, output_hash, work, salt };
			// There is room for these.
			let _ = (ballot.commits.try_push(commit), ballot.reveals.try_push(reveal));
			ballot.at_block = (u64::from(height) + rng.below(6)).saturating_sub(3) as u32;
			let bytes = match rng.below(8) {
				0 => rng.bytes().to_vec(),
				1 => {
					let someone = rng.below(members.len() as u64) as u32;
					let mut signed = self.sign(number, ballot);
					signed.ballot.authority_index = someone;
					VersionedBallot::V1(signed).encode()
				}
				_ => {
					let signed = self.sign(number, ballot);
					let outputs = vec![output].try_into().unwrap_or_default();
					VersionedBallot::V1(SignedBallot { outputs, ..signed }).encode()
				}
			};
			let to = rng.below(self.nodes.len() as u64) as usize;
			self.send(number, to, Message::Ballot(bytes.into()));
		}
		self.nodes[number].rng = rng;
	}

	/// The ballots that a byzantine author includes.
	pub(crate) fn censor(&mut self, number: usize, content: &Content, ballots: Vec<SignedBallot>) -> Vec<SignedBallot> {
		let censors = self.mischief(number).censors;
		if !self.nodes[number].rng.chance(censors) {
			return ballots;
		}
		self.note(|| format!("{number} censors in slot {}", content.slot));
		let of_coalition = |ballot: &SignedBallot| {
			let Ballot { session, authority_index, .. } = ballot.ballot;
			let account = self.nodes[number].judge.account(session, authority_index);
			account.is_some_and(|account| self.plan.is_of_coalition(account))
		};
		ballots.into_iter().filter(of_coalition).collect()
	}

	/// Makes the block worse.
	pub(crate) fn spoil(&mut self, number: usize, content: &mut Content) {
		let spoils = self.mischief(number).spoils_blocks;
		let mut rng = self.nodes[number].rng.clone();
		if rng.chance(spoils) {
			content.reports.clear();
			let own = content.includes.first().cloned().unwrap_or_default();
			match rng.below(4) {
				// A second call: the block is not valid.
				0 => content.includes = vec![own, Vec::new()],
				1 => content.includes = vec![Vec::new(), Vec::new()],
				2 => content.includes = vec![Vec::new()],
				_ => {
					// What others have said, twice and backwards, without its outputs, and with wrong signatures.
					let mut junk: Vec<_> = own.iter().rev().chain(&own).cloned().collect();
					for VersionedBallot::V1(signed) in &mut junk {
						match rng.below(4) {
							0 => signed.outputs.clear(),
							1 => signed.ballot.at_block = signed.ballot.at_block.saturating_sub(1),
							_ => {}
						}
					}
					content.includes = vec![junk];
				}
			}
		}
		self.nodes[number].rng = rng;
	}
}

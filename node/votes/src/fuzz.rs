//! Ballots of every kind from peers of every kind, and what the judge and the pool make of them.

use crate::{testing::*, Accepted, Bounds, Cost, HashedBallot, Judge, Pool, Refusal, AHEAD};
use codec::{Decode, Encode};
use sibyl_fuzzing::{fuzz, Case, Random, Types};
use sibyl_primitives::{
	api::BallotStanding,
	vote::{Ballot, Commit, SignedBallot, VersionedBallot},
	BlockNumber, SessionIndex,
};
use std::collections::BTreeMap;

/// So little room that much has to give way.
const BOUNDS: Bounds = Bounds { ballots_of_account: 4, bytes_of_account: 6_000, ballots: 12, bytes: 16_000 };
const VALIDATORS: u32 = 4;

struct Node {
	judge: Judge<u32>,
	pool: Pool,
	best: BlockNumber,
	/// What others have sent before.
	seen: Vec<Vec<u8>>,
}

/// The validator with this place in the session.
fn validator(session: SessionIndex, index: u32) -> Option<u32> {
	match session {
		_ if index >= VALIDATORS => None,
		SESSION => Some(index),
		_ if session + 1 == SESSION => Some(index),
		_ if session == SESSION + 1 => Some((index + 3) % VALIDATORS),
		_ => None,
	}
}

impl Node {
	fn new() -> Self {
		let mut node = Self { judge: Judge::new(GENESIS), pool: Pool::new(BOUNDS), best: 0, seen: Vec::new() };
		node.follow(100, 0);
		node.judge.finalise(SESSION - 1);
		node
	}

	fn follow(&mut self, best: BlockNumber, fork: u8) {
		self.best = best;
		let set = |session| key_set(session, (0..VALIDATORS).filter_map(|index| validator(session, index)));
		self.judge.follow(best, vec![set(SESSION), set(SESSION - 1)], Some(set(SESSION + 1)));
		let mut hash = block(best);
		hash.0[0] = fork;
		self.pool.follow(hash, best);
	}

	/// What a validator of the session says, honestly.
	fn honest(&self, random: &mut Random) -> (u32, SignedBallot) {
		let session = SESSION - 1 + random.below(3) as u32;
		let index = random.below(VALIDATORS as usize) as u32;
		let validator = validator(session, index).expect("there are as many");
		let at = self.best + AHEAD - random.below(4) as u32;
		let outputs: Vec<_> = (0..random.below(3)).map(|n| output(n as u8, 1 + random.below(900))).collect();
		let brought = &outputs[..random.below(outputs.len() + 1)];
		let mut ballot = ballot_with_outputs(validator, at, &outputs, brought);
		ballot.ballot.session = session;
		ballot.ballot.authority_index = index;
		for _ in 0..1 + random.below(4) {
			let mut commit = Commit { target: target(random.below(4) as u8), ..commit(random.below(3) as u16) };
			// Some validators commit twice.
			commit.commitment.0[9] = random.below(2) as u8;
			ballot.ballot.commits.try_push(commit).expect("there is room");
		}
		let SignedBallot { ballot, outputs, .. } = ballot;
		(validator, SignedBallot { outputs, ..signed(validator, ballot) })
	}

	/// A message, and whether an honest peer may send it.
	fn message(&mut self, random: &mut Random, types: &Types) -> (Vec<u8>, bool) {
		let (validator, honest) = self.honest(random);
		let honest = VersionedBallot::V1(honest).encode();
		match random.below(10) {
			0..4 => (honest, true),
			4 if !self.seen.is_empty() => (random.pick(&self.seen).clone(), false),
			5 => {
				let length = random.below(300);
				(random.bytes(length), false)
			}
			6..8 => {
				let numbers = [SESSION, SESSION - 1, self.best, self.best + AHEAD].map(u128::from);
				let bytes = types.value(random, &numbers, |random, place| match place.name {
					"VoteTarget" => Some(target(random.below(4) as u8).encode()),
					"SessionIndex" => Some(SESSION.encode()),
					_ => None,
				});
				let Ok(VersionedBallot::V1(ballot)) = VersionedBallot::decode(&mut &bytes[..]) else {
					return (bytes, false);
				};
				let ballot = Ballot { session: SESSION, authority_index: validator, ..ballot.ballot };
				(VersionedBallot::V1(signed(validator, ballot)).encode(), false)
			}
			_ => {
				let mut bytes = honest;
				random.mutate(&mut bytes);
				(bytes, false)
			}
		}
	}

	fn receive(&mut self, peer: u32, message: Vec<u8>, is_honest: bool) -> bool {
		if let Ok(read) = HashedBallot::decode(&message) {
			assert_eq!(read.encode(), message, "a ballot has one encoding");
			assert_eq!(read.bytes(), message.len());
		}
		let verdict = self.judge.judge(&peer, &message, |ballot| self.pool.news(ballot));
		self.seen.push(message);
		match verdict {
			Ok(Accepted { account: of, ballot, relay }) => {
				let Ballot { session, authority_index, at_block, .. } = *ballot.ballot();
				let validator = validator(session, authority_index).expect("the session has such a validator");
				assert_eq!(of, account(validator));
				assert!(ballot.signed().is_signed_by(&GENESIS, &sp_core::Pair::public(&pair(validator))));
				assert!(at_block <= self.best + AHEAD);
				self.pool.insert(of, ballot, relay);
				true
			}
			Err(Refusal { why, cost }) => {
				assert!(!is_honest || cost != Cost::Much, "an honest peer is banned for what is refused since {why}");
				false
			}
		}
	}

	/// The runtime says anything.
	fn answer(&mut self, random: &mut Random) {
		let questions = self.pool.questions();
		assert_eq!(questions.ids.len(), questions.ballots.len());
		let standings = questions.ballots.iter().map(|ballot| match random.below(4) {
			0 => BallotStanding::Useless,
			1 => EARLY,
			_ => {
				let deadline = random.one_in(2).then_some(self.best + 3);
				let outputs = ballot.reveals.iter().map(|reveal| reveal.output_hash).collect();
				BallotStanding::Wanted { deadline, outputs, has_early_reveals: random.one_in(4) }
			}
		});
		let standings = standings.collect();
		self.pool.answer(questions.at, &questions.ids, standings);
	}

	fn check(&mut self, random: &mut Random) {
		let Bounds { ballots_of_account, bytes_of_account, ballots, bytes } = BOUNDS;
		let pooled: Vec<_> = self.pool.ids().iter().filter_map(|id| self.pool.get(id)).cloned().collect();
		assert_eq!(pooled.len(), self.pool.len());
		assert_eq!(pooled.iter().map(HashedBallot::bytes).sum::<usize>(), self.pool.bytes());
		assert!(self.pool.len() <= ballots && (self.pool.bytes() <= bytes || self.pool.len() <= 1));
		let mut shares = BTreeMap::<u32, (usize, usize)>::new();
		for ballot in &pooled {
			let validator = validator(ballot.ballot().session, ballot.ballot().authority_index);
			let share = shares.entry(validator.expect("it was checked")).or_default();
			*share = (share.0 + 1, share.1 + ballot.bytes());
		}
		for (count, size) in shares.into_values() {
			assert!(count <= ballots_of_account && (size <= bytes_of_account || count == 1), "{count} {size}");
		}
		let most = random.below(20_000);
		let offered = self.pool.for_block(most);
		let size = |ballot: &SignedBallot| VersionedBallot::V1(ballot.clone()).encoded_size();
		assert!(offered.iter().map(size).sum::<usize>() <= most);
		assert!(offered.iter().all(|ballot| self.pool.contains(&ballot.id())));
		for due in self.pool.take_due() {
			assert!(matches!(self.pool.standing(&due.id()), Some(BallotStanding::Wanted { .. })));
		}
	}

	/// Who is said to have committed twice has signed both.
	fn check_proofs(&mut self) -> usize {
		let proofs = self.pool.take_equivocations();
		for proof in &proofs {
			let (first, second) = (&proof.first.ballot, &proof.second.ballot);
			assert_eq!((first.session, first.authority_index), (second.session, second.authority_index));
			let key =
				sp_core::Pair::public(&pair(validator(first.session, first.authority_index).expect("it is known")));
			assert!(proof.first.is_signed_by(&GENESIS, &key) && proof.second.is_signed_by(&GENESIS, &key));
			let differ = |one: &Commit, other: &Commit| {
				(one.target, one.seat) == (other.target, other.seat) && one.commitment != other.commitment
			};
			assert!(first.commits.iter().any(|one| second.commits.iter().any(|other| differ(one, other))));
		}
		proofs.len()
	}
}

/// What became of the messages.
#[derive(Debug, Default)]
struct Seen {
	taken: u64,
	refused: u64,
	proofs: usize,
}

fn history(case: &mut Case, types: &Types, seen: &mut Seen) {
	let mut node = Node::new();
	for _ in 0..60 {
		match case.random.below(12) {
			0 => node.follow(node.best + case.random.below(3) as u32, case.random.below(2) as u8),
			1 if case.random.one_in(6) => node.follow(case.random.below(300) as u32, 2),
			1 => node.judge.finalise(SESSION),
			2 => node.answer(&mut case.random),
			3 => {
				let useless = node.pool.useless();
				useless.iter().for_each(|id| node.pool.remove(id));
			}
			_ => {
				let (message, is_honest) = node.message(&mut case.random, types);
				case.tries(&message);
				let peer = case.random.below(3) as u32;
				match node.receive(peer, message, is_honest) {
					true => seen.taken += 1,
					false => seen.refused += 1,
				}
			}
		}
		node.check(&mut case.random);
		seen.proofs += node.check_proofs();
	}
}

#[test]
fn whatever_peers_send_is_judged_and_kept_within_bounds() {
	let types = Types::of::<VersionedBallot>();
	let mut seen = Seen::default();
	let ran = fuzz(60, |case| history(case, &types, &mut seen));
	let Seen { taken, refused, proofs } = seen;
	assert!(ran == 1 || (taken > 300 && refused > 300 && proofs > 10), "{taken} {refused} {proofs}");
}

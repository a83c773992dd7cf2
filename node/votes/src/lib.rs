//! Which ballots a node takes, keeps, passes on and offers to a block.
//!
//! Here is no network, no clock and no runtime: all is synchronous and deterministic, and the caller says which block is
//! the best one and what the runtime answers. The node puts it between gossip and its block author; a simulation can put
//! it between anything.
//!
//! ```text
//!            ┌─────── keys, heights ───────┐
//!            ▼                             │
//! peer ──▶ Judge ──accepted──▶ Pool ◀──standings── runtime
//!            │                   ├──▶ ballots for a block
//!            ▼                   ├──▶ ballots to pass on
//!        reputation              └──▶ proofs that someone committed twice
//! ```
//!
//! # What others can make a node do
//!
//! Whoever sends a ballot chooses all that stands in it: a session, an index, a height, any number of votes for jobs that
//! do not exist. So nothing is budgeted by these.
//!
//! - A *validator*, by its account, has so many ballots and bytes passed on while this node's best block has one height, and
//!   so many in the pool, over all the sessions that it has keys of. It gets a place in a block before anyone gets a second.
//! - A *peer* may send so much that is of no use, which comes back with the heights; after that it is not read. The outputs
//!   that it adds to ballots of others are its own expense. What an honest peer may send whose chain is another one costs
//!   it nothing or little. What no honest peer sends gets it banned.
//! - A ballot whose use the runtime denies is not offered to a block. What nobody wants takes no room there, whatever it
//!   weighs and whatever height it claims.
//!
//! # Example
//!
//! ```
//! use codec::Encode;
//! use sibyl_primitives::{api::{BallotStanding, KeySetView}, inference_key::InferencePair, vote::*, Hash};
//! use sibyl_votes::{Bounds, Insertion, Judge, Pool};
//! use sp_core::Pair;
//!
//! let genesis = Hash::repeat_byte(1);
//! let pair = InferencePair::from_seed(&[7; 32]);
//!
//! // The node follows its best block, #100, in session 5, which has one validator.
//! let (best, height, session) = (Hash::repeat_byte(2), 100, 5);
//! let mut judge = Judge::<u32>::new(genesis);
//! judge.follow(height, vec![KeySetView { session, members: vec![([9; 32].into(), pair.public())] }], None);
//! let mut pool = Pool::new(Bounds::default());
//! pool.follow(best, height);
//!
//! // Peer 3 sends the validator's ballot.
//! let mut ballot = Ballot::new(session, 0, height);
//! let target = VoteTarget { fingerprint: Hash::zero(), draw: Hash::zero(), round: 0 };
//! ballot.commits.try_push(Commit { target, seat: 0, commitment: Hash::zero() }).unwrap();
//! let signature = pair.sign(&ballot.signing_payload(&genesis));
//! let sent = VersionedBallot::V1(SignedBallot { ballot, outputs: Default::default(), signature }).encode();
//! let accepted = judge.judge(&3, &sent, |ballot| pool.news(ballot)).unwrap();
//! assert_eq!(pool.insert(accepted.account, accepted.ballot, accepted.relay), Insertion::Added);
//!
//! // What is not judged yet is asked of the runtime.
//! let questions = pool.questions();
//! let wanted = BallotStanding::Wanted { deadline: Some(112), outputs: vec![], has_early_reveals: false };
//! pool.answer(questions.at, &questions.ids, vec![wanted]);
//!
//! // The node makes a block.
//! assert_eq!(pool.for_block(4 * 1024 * 1024).len(), 1);
//! ```

mod ballot;
mod block;
mod budget;
mod evidence;
#[cfg(test)]
mod fuzz;
mod judge;
mod pool;
#[cfg(test)]
mod testing;

pub use ballot::HashedBallot;
pub use budget::{BALLOTS_PER_HEIGHT, BLAMES, BYTES_PER_HEIGHT, PEER_BYTES, PEER_BYTES_PER_HEIGHT};
pub use evidence::Equivocation;
pub use judge::{Accepted, Cost, Judge, Refusal, Rejection, Relay, AHEAD};
pub use pool::{Bounds, Insertion, News, Pool, Questions};

//! Votes in a block: which are taken, and what they change.

use super::*;
use alloc::{
	collections::{btree_map::Entry, BTreeMap, BTreeSet},
	vec::Vec,
};
use codec::DecodeAll;
use core::cmp::Reverse;
use frame_support::{
	pallet_prelude::ConstU32,
	traits::Get,
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use sibyl_primitives::{
	api::BundleStanding,
	commitment::Committer,
	output::{output_hash, VersionedOutput},
	vote::{Abstention, Ballot, Commit, Reveal, SignedBallot, VoteTarget, BUNDLE_LONGEVITY},
};

/// Bytes of outputs that one block takes.
const MAX_INCLUDED_OUTPUT_BYTES: usize = 1024 * 1024;

/// What a vote is worth to this block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
	/// It is taken; the job's phase is over by this block.
	Taken {
		/// The job.
		job: JobId,
		/// The block.
		deadline: BlockNumber,
		/// The seats of the job's committee.
		seats: u32,
	},
	/// It is there already, and more than two thirds of the seats agree with it, but nobody has brought the output: that is
	/// taken, should the bundle have it.
	OutputTaken {
		/// The job.
		job: JobId,
		/// The block by which the job's phase is over.
		deadline: BlockNumber,
		/// The seats of the job's committee.
		seats: u32,
	},
	/// It comes before its time, or for a job that this fork does not have.
	Early,
	/// It comes too late, is there already, or was never right.
	Useless,
}

/// One vote, of whichever kind.
#[derive(Clone, Copy)]
enum Vote<'a> {
	Commit(&'a Commit),
	Abstention(&'a Abstention),
	Reveal(&'a Reveal),
}

impl Vote<'_> {
	fn target(&self) -> &VoteTarget {
		match self {
			Self::Commit(vote) => &vote.target,
			Self::Abstention(vote) => &vote.target,
			Self::Reveal(vote) => &vote.target,
		}
	}

	fn kind(&self) -> u8 {
		match self {
			Self::Commit(_) => 0,
			Self::Abstention(_) => 1,
			Self::Reveal(_) => 2,
		}
	}

	fn seat(&self) -> SeatIndex {
		match self {
			Self::Commit(vote) => vote.seat,
			Self::Abstention(vote) => vote.seat,
			Self::Reveal(vote) => vote.seat,
		}
	}
}

fn votes(ballot: &Ballot) -> impl Iterator<Item = Vote<'_>> {
	let commits = ballot.commits.iter().map(Vote::Commit);
	let abstentions = ballot.abstentions.iter().map(Vote::Abstention);
	commits.chain(abstentions).chain(ballot.reveals.iter().map(Vote::Reveal))
}

impl<T: Config> Pallet<T> {
	/// The bundles for a block, the most urgent first, of those that nodes have: those with something that
	/// the block takes and no bundle before brings, with each output once. Signatures were checked by the node, and are
	/// checked again when the block is executed.
	pub(crate) fn select_bundles(bundles: Vec<VoteBundle>) -> BoundedVec<VoteBundle, ConstU32<MAX_BUNDLES>> {
		let mut wanted: Vec<_> = bundles
			.into_iter()
			.filter_map(|bundle| match Self::standing(&bundle) {
				BundleStanding::Wanted { deadline } => Some((deadline, bundle)),
				BundleStanding::Early | BundleStanding::Useless => None,
			})
			.collect();
		// A validator's newest ballot has all that its older ones have and blocks lack.
		wanted.sort_by_key(|(deadline, VoteBundle::V1(SignedBallot { ballot, .. }))| {
			(*deadline, Reverse(ballot.at_block), Reverse(ballot.len()))
		});
		let mut said = BTreeSet::new();
		wanted.retain(|(_, VoteBundle::V1(SignedBallot { ballot, .. }))| {
			let whose = (ballot.session, ballot.authority_index);
			let of_votes =
				votes(ballot).map(|vote| (whose, vote.kind(), vote.target().fingerprint, vote.target().draw));
			let of_models = ballot.attestations.iter().map(|attestation| (whose, 3, attestation.model, Hash::zero()));
			let before = said.len();
			said.extend(of_votes.chain(of_models));
			said.len() > before
		});
		wanted.truncate(MAX_BUNDLES as usize);
		let mut brought: Vec<(Fingerprint, Hash)> = Vec::new();
		let mut room = MAX_INCLUDED_OUTPUT_BYTES;
		let selected = wanted.into_iter().map(|(_, VoteBundle::V1(mut signed))| {
			let SignedBallot { ballot, outputs, .. } = &mut signed;
			outputs.retain(|output| {
				let hash = output_hash(output);
				let fits = output.len() <= room;
				let news = ballot.reveals.iter().any(|reveal| {
					let key = (reveal.target.fingerprint, hash);
					let is_news = reveal.output_hash == hash && Self::lacks_output(&reveal.target, &hash);
					let first = is_news && fits && !brought.contains(&key);
					if first {
						brought.push(key);
					}
					first
				});
				if news {
					room -= output.len();
				}
				news
			});
			VoteBundle::V1(signed)
		});
		BoundedVec::truncate_from(selected.collect())
	}

	/// What a block would do with the bundle.
	pub(crate) fn standing(bundle: &VoteBundle) -> BundleStanding {
		let VoteBundle::V1(SignedBallot { ballot, outputs, .. }) = bundle;
		let now = Self::now();
		if now.saturating_sub(ballot.at_block) > BUNDLE_LONGEVITY {
			return BundleStanding::Useless;
		}
		let current = T::CurrentSession::get();
		let Some(member) = Self::member(ballot.session, ballot.authority_index) else {
			return if ballot.session > current { BundleStanding::Early } else { BundleStanding::Useless };
		};
		let mut deadline = None;
		let mut early = ballot.at_block > now;
		for vote in votes(ballot) {
			match Self::worth(ballot, &member, vote) {
				Worth::OutputTaken { .. } if outputs.is_empty() => {}
				Worth::Taken { deadline: due, .. } | Worth::OutputTaken { deadline: due, .. } => {
					deadline = Some(deadline.map_or(due, |first: u32| first.min(due)))
				}
				Worth::Early => early = true,
				Worth::Useless => {}
			}
		}
		if deadline.is_none() && Self::has_news_of_models(ballot, &member) {
			deadline = Some(now.saturating_add(1));
		}
		match deadline {
			Some(deadline) => BundleStanding::Wanted { deadline },
			None if early => BundleStanding::Early,
			None => BundleStanding::Useless,
		}
	}

	fn has_news_of_models(ballot: &Ballot, member: &Member) -> bool {
		ballot.session == T::CurrentSession::get()
			&& ballot
				.attestations
				.iter()
				.any(|attestation| pallet_models::Pallet::<T>::is_news(&member.validator, attestation, ballot.at_block))
	}

	/// What `include` does. Returns the weight of what was done.
	pub(crate) fn do_include(bundles: BoundedVec<VoteBundle, ConstU32<MAX_BUNDLES>>) -> Weight {
		let mut meter = WeightMeter::with_limit(T::MaxIncludeWeight::get());
		meter.consume(<T as Config>::WeightInfo::include());
		if Included::<T>::get() {
			log::debug!(target: LOG_TARGET, "a second call of `include` in a block does nothing");
			return meter.consumed();
		}
		Included::<T>::put(true);
		let now = Self::now();
		let genesis = Self::genesis();
		let mut reserved_ends = BTreeMap::<JobId, Weight>::new();
		for VoteBundle::V1(signed) in &bundles {
			if meter.try_consume(<T as Config>::WeightInfo::glance()).is_err() {
				break;
			}
			if let Err(reason) = Self::glance(&signed.ballot, now) {
				log::debug!(target: LOG_TARGET, "a bundle is dropped: {reason}");
				continue;
			}
			let Some(member) = Self::member(signed.ballot.session, signed.ballot.authority_index) else {
				continue;
			};
			if meter.try_consume(<T as Config>::WeightInfo::signature()).is_err() {
				break;
			}
			if !signed.is_signed_by(&genesis, &member.key) {
				log::debug!(target: LOG_TARGET, "a bundle is dropped: {:?} did not sign it", member.validator);
				continue;
			}
			Self::take_bundle(signed, &member, &mut meter, &mut reserved_ends);
		}
		let mut unused = Weight::zero();
		for (job, weight_of_end) in reserved_ends {
			if !Self::advance(job, now) {
				unused = unused.saturating_add(weight_of_end);
			}
		}
		meter.consumed().saturating_sub(unused)
	}

	/// The weight that a block needs for one vote that ends the largest job: less would let jobs wait for ever.
	pub(crate) fn weight_of_smallest_include() -> Weight {
		<T as Config>::WeightInfo::include()
			.saturating_add(<T as Config>::WeightInfo::glance())
			.saturating_add(<T as Config>::WeightInfo::signature())
			.saturating_add(Self::weight_of_vote())
			.saturating_add(<T as Config>::WeightInfo::output(sibyl_primitives::job::MAX_OUTPUT_BYTES))
			.saturating_add(<T as Config>::WeightInfo::end(MAX_SEATS))
	}

	fn weight_of_vote() -> Weight {
		<T as Config>::WeightInfo::vote()
	}

	/// What can be seen of a ballot without any job.
	pub(crate) fn glance(ballot: &Ballot, now: BlockNumber) -> Result<(), &'static str> {
		let current = T::CurrentSession::get();
		if ballot.session > current {
			Err("its session has not begun")
		} else if ballot.session.saturating_add(T::KeySetHistory::get()) < current {
			Err("its session is too old")
		} else if ballot.at_block > now {
			Err("it was made at a later block")
		} else if now.saturating_sub(ballot.at_block) > BUNDLE_LONGEVITY {
			Err("it was made too many blocks ago")
		} else if ballot.is_empty() {
			Err("it says nothing")
		} else {
			Ok(())
		}
	}

	pub(crate) fn take_bundle(
		signed: &SignedBallot,
		member: &Member,
		meter: &mut WeightMeter,
		reserved_ends: &mut BTreeMap<JobId, Weight>,
	) {
		let ballot = &signed.ballot;
		// Outputs are paid for before any reveal that names one is taken: a reveal must not be taken without the output that
		// came with it, or its job would be left without one.
		let weight_of_outputs = signed.outputs.iter().fold(Weight::zero(), |sum, output| {
			sum.saturating_add(<T as Config>::WeightInfo::output(output.len() as u32))
		});
		if meter.try_consume(weight_of_outputs).is_err() {
			return;
		}
		let outputs: Vec<_> = signed.outputs.iter().map(|output| (output_hash(output), output)).collect();
		for vote in votes(ballot) {
			if meter.try_consume(Self::weight_of_vote()).is_err() {
				return;
			}
			let (job, seats, is_new) = match Self::worth(ballot, member, vote) {
				Worth::Taken { job, seats, .. } => (job, seats, true),
				Worth::OutputTaken { job, seats, .. } => (job, seats, false),
				Worth::Early | Worth::Useless => continue,
			};
			if let Entry::Vacant(reserved) = reserved_ends.entry(job) {
				let weight = <T as Config>::WeightInfo::end(seats);
				if meter.try_consume(weight).is_err() {
					continue;
				}
				reserved.insert(weight);
			}
			if is_new {
				Self::apply(job, member, vote);
			}
			if let Vote::Reveal(reveal) = vote {
				if let Some((hash, output)) = outputs.iter().find(|(hash, _)| *hash == reveal.output_hash) {
					Self::take_output(job, *hash, output);
				}
			}
		}
		if ballot.session != T::CurrentSession::get() {
			return;
		}
		for attestation in &ballot.attestations {
			if meter.try_consume(<T as Config>::WeightInfo::attestation()).is_err() {
				return;
			}
			pallet_models::Pallet::<T>::attest(&member.validator, attestation, ballot.at_block);
		}
	}

	/// What the vote is worth now. The log says why it is worth nothing.
	fn worth(ballot: &Ballot, member: &Member, vote: Vote<'_>) -> Worth {
		let target = vote.target();
		let Some(id) = JobIds::<T>::get(target.fingerprint) else {
			return Worth::Early;
		};
		let Some(job) = Jobs::<T>::get(id) else { return Worth::Useless };
		let Some(committee) = Committees::<T>::get(id) else {
			return if job.is_open() { Worth::Early } else { Worth::Useless };
		};
		let Some(seat) = committee.seats.get(usize::from(vote.seat())) else { return Worth::Useless };
		let is_its_seat = committee.target(job.fingerprint) == *target
			&& committee.session == ballot.session
			&& seat.authority_index == ballot.authority_index
			&& seat.validator == member.validator;
		if !is_its_seat {
			return Worth::Useless;
		}
		let (deadline, seats) = (job.deadline, committee.seats.len() as u32);
		let taken = Worth::Taken { job: id, deadline, seats };
		let now = Self::now();
		match (vote, job.phase, seat.vote) {
			(Vote::Commit(_) | Vote::Abstention(_), Phase::Committing, SeatVote::Missing) => taken,
			(Vote::Commit(_) | Vote::Abstention(_), Phase::Revealing | Phase::Ended { .. }, SeatVote::Missing) => {
				log::debug!(
					target: LOG_TARGET,
					"job {id}: the commit of seat {} is too late: it is block {now}, and commits are over",
					vote.seat(),
				);
				Worth::Useless
			}
			(Vote::Reveal(_), Phase::Committing, SeatVote::Missing | SeatVote::Committed(_)) => {
				log::debug!(
					target: LOG_TARGET,
					"job {id}: the reveal of seat {} is too early: it is block {now}, and seats commit until {}",
					vote.seat(),
					job.deadline,
				);
				Worth::Early
			}
			(Vote::Reveal(reveal), Phase::Revealing, SeatVote::Committed(commitment)) => {
				let committer = Committer {
					genesis: Self::genesis(),
					target: *target,
					seat: reveal.seat,
					validator: &member.validator,
					model: job.model,
				};
				if committer.commitment(&reveal.output_hash, &reveal.work, &reveal.salt) == commitment {
					taken
				} else {
					log::debug!(target: LOG_TARGET, "job {id}: the reveal of seat {} is not of its commit", reveal.seat);
					Worth::Useless
				}
			}
			(Vote::Reveal(reveal), Phase::Revealing, SeatVote::Revealed { output_hash })
				if reveal.output_hash == output_hash
					&& committee.tally().winner() == Some(output_hash)
					&& Self::lacks_output(target, &output_hash) =>
			{
				Worth::OutputTaken { job: id, deadline, seats }
			}
			(Vote::Reveal(_), Phase::Ended { at, .. }, SeatVote::Committed(_)) => {
				log::debug!(
					target: LOG_TARGET,
					"job {id}: the reveal of seat {} is too late: it is block {now}, and the job ended in {at}",
					vote.seat(),
				);
				Worth::Useless
			}
			_ => Worth::Useless,
		}
	}

	fn apply(id: JobId, member: &Member, vote: Vote<'_>) {
		let seat = vote.seat();
		let validator = member.validator.clone();
		let (vote, event) = match vote {
			Vote::Commit(Commit { commitment, .. }) => (
				SeatVote::Committed(*commitment),
				Event::Committed { job: id, seat, validator, commitment: *commitment },
			),
			Vote::Abstention(Abstention { reason, .. }) => {
				(SeatVote::Abstained(*reason), Event::Abstained { job: id, seat, validator, reason: *reason })
			}
			Vote::Reveal(Reveal { output_hash, .. }) => (
				SeatVote::Revealed { output_hash: *output_hash },
				Event::Revealed { job: id, seat, validator, output_hash: *output_hash },
			),
		};
		Committees::<T>::mutate(id, |committee| {
			if let Some(place) = committee.as_mut().and_then(|committee| committee.seats.get_mut(usize::from(seat))) {
				place.vote = vote;
			}
		});
		Self::deposit_event(event);
	}

	/// Stores the output for the job, of which a seat has revealed its hash, unless one is stored that has as many votes.
	pub(crate) fn take_output(id: JobId, hash: Hash, output: &OutputBytes) {
		let Some(committee) = Committees::<T>::get(id) else { return };
		let votes_of = |hash: &Hash| {
			committee.seats.iter().filter(|seat| seat.vote == (SeatVote::Revealed { output_hash: *hash })).count()
		};
		let stored = Outputs::<T>::get(id).map_or(0, |stored| votes_of(&output_hash(&stored)));
		let is_canonical = VersionedOutput::decode_all(&mut &output[..]).is_ok();
		if is_canonical && votes_of(&hash) > stored {
			Outputs::<T>::insert(id, output);
		}
	}

	/// Whether the job of that committee has no output of this hash stored.
	pub(crate) fn lacks_output(target: &VoteTarget, hash: &Hash) -> bool {
		JobIds::<T>::get(target.fingerprint)
			.is_some_and(|id| Outputs::<T>::get(id).is_none_or(|stored| output_hash(&stored) != *hash))
	}
}

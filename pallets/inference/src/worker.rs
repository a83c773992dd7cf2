//! The offchain worker: finds our seats, has the model run, signs commits and reveals.
//!
//! It runs after each new best block, and again as soon as native code has an answer; runs overlap. Each looks at the whole
//! state, since a reorg may have brought another past, and ends in milliseconds: models run elsewhere. What a seat commits
//! to is stored, by compare-and-set, before it is signed, and there is never a second commit for the same draw.

use super::*;
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use cells::Cell;
use codec::{Decode, Encode};
use frame_support::traits::Get;
use sibyl_primitives::{
	commitment::{salt, work, Committer},
	job::AbstainReason,
	mailbox::{
		request_key, response_key, vote_key, Answered, ClearAt, Clearing, InferenceRequest, InferenceResponse,
		ModelStatuses, Sent, SentBallot, StoredVote, CLEARING, MODELS, OUTBOX, SENT,
	},
	output::output_hash,
	vote::{Abstention, Attestation, Ballot, Commit, Reveal, VoteTarget},
};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::offchain::storage::{MutateStorageError, StorageRetrievalError, StorageValueRef};

/// Blocks after a job's last one until its mailbox entries are cleared: no fork is longer.
const ENTRIES_OUTLIVE_JOB: BlockNumber = 64;

/// Blocks after which votes that no block has taken are sent again. A block's votes come with the next one, so this gives
/// them one block more.
const SEND_AGAIN_AFTER: BlockNumber = 2;

/// A place of a session's set whose key is in this node's keystore.
type Place = (SessionIndex, AuthorityIndex);

/// What a run sends for one key of ours.
pub(crate) struct Outgoing {
	member: Member,
	pub(crate) ballot: Ballot,
	outputs: Vec<OutputBytes>,
}

/// One of our seats.
struct OurSeat<'a> {
	id: JobId,
	job: &'a Job,
	target: VoteTarget,
	place: SeatIndex,
	seat: &'a Seat,
	key: &'a InferenceId,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn run_worker() {
		let now = Self::now();
		// The first block's state does not know its own hash, which votes name the chain by.
		if now == 0 {
			return;
		}
		let mut outgoing = Self::our_places(now);
		if outgoing.is_empty() {
			return;
		}
		let started = sp_io::offchain::timestamp();
		Self::attest_models(&mut outgoing);
		let open_seats = Self::our_open_seats(&outgoing);
		let looked_at = open_seats.len();
		let mut cells: Vec<_> = open_seats
			.into_iter()
			.filter_map(|(id, round)| {
				let job = Jobs::<T>::get(id).filter(|job| job.round == round && now < job.deadline)?;
				Cell::load::<T>(id, job)
			})
			.collect();
		// Before any is written, or what a run that is killed has written would stay for ever.
		Self::keep_entries(cells.iter().flat_map(|cell| Self::entries(cell, &outgoing)).collect(), now);
		for cell in &mut cells {
			Self::act_in(cell, &mut outgoing);
		}
		Self::send(outgoing.into_values().collect(), now);
		let took = sp_io::offchain::timestamp().diff(&started).millis();
		log::debug!(target: LOG_TARGET, "the worker looked at {looked_at} open seats in {took} ms");
	}

	/// The places of voting sessions' sets whose key is in our keystore, each with an empty ballot.
	pub(crate) fn our_places(now: BlockNumber) -> BTreeMap<Place, Outgoing> {
		let oldest = Self::oldest_voting_session();
		InferenceId::all()
			.iter()
			.flat_map(Places::<T>::iter_prefix)
			.filter(|(session, _)| *session >= oldest)
			.filter_map(|(session, index)| {
				let member = Members::<T>::get(session, index)?;
				let ballot = Ballot::new(session, index, now);
				Some(((session, index), Outgoing { member, ballot, outputs: Vec::new() }))
			})
			.collect()
	}

	/// The open seats of our validators, the oldest jobs first.
	fn our_open_seats(outgoing: &BTreeMap<Place, Outgoing>) -> BTreeSet<(JobId, Round)> {
		let validators: BTreeSet<_> = outgoing.values().map(|out| &out.member.validator).collect();
		validators.into_iter().flat_map(|validator| ServiceLedgers::<T>::get(validator).open_seats).collect()
	}

	/// What our seats in the job's present committee may come to write into the mailbox.
	fn entries(cell: &Cell, outgoing: &BTreeMap<Place, Outgoing>) -> Vec<ClearAt> {
		let Cell { job, committee, .. } = cell;
		let (target, block) =
			(committee.target(job.fingerprint), job.ends_by.max(job.deadline).saturating_add(ENTRIES_OUTLIVE_JOB));
		let writes = |seat: &Seat| {
			outgoing.contains_key(&(committee.session, seat.authority_index))
				&& matches!(
					(job.phase, seat.vote),
					(Phase::Committing, SeatVote::Missing) | (Phase::Revealing, SeatVote::Committed(_))
				)
		};
		let ours = (0 as SeatIndex..).zip(&committee.seats).filter(|(_, seat)| writes(seat));
		ours.map(|(seat, _)| ClearAt { target, seat, block }).collect()
	}

	/// Does what our seats in the job's present committee have to do.
	pub(crate) fn act_in(cell: &mut Cell, outgoing: &mut BTreeMap<Place, Outgoing>) {
		let winner = cell.committee.tally().winner();
		let stored = cell.stored_output::<T>();
		let Cell { id, job, committee, .. } = &*cell;
		let target = committee.target(job.fingerprint);
		for (place, seat) in (0 as SeatIndex..).zip(&committee.seats) {
			let Some(out) = outgoing.get_mut(&(committee.session, seat.authority_index)) else { continue };
			let key = out.member.key.clone();
			let ours = OurSeat { id: *id, job, target, place, seat, key: &key };
			// The author may have left the output out: the reveal brings it again.
			let lacks_ours = |value: Value| winner == Some(value) && stored != Some(value.output_hash);
			match (job.phase, seat.vote) {
				(Phase::Committing, SeatVote::Missing) => Self::commit(&ours, out),
				(Phase::Revealing, SeatVote::Committed(_)) => Self::reveal(&ours, stored, out),
				(Phase::Revealing, SeatVote::Revealed(value)) if lacks_ours(value) => Self::reveal(&ours, stored, out),
				_ => {}
			}
		}
	}

	/// Says of each model whether we serve it, where that is news.
	fn attest_models(outgoing: &mut BTreeMap<Place, Outgoing>) {
		let current = T::CurrentSession::get();
		let Some(ModelStatuses::V1(statuses)) = read(MODELS) else { return };
		for (model, availability) in statuses {
			let attestation = Attestation { model, availability };
			for (_, out) in outgoing.iter_mut().filter(|((session, _), _)| *session == current) {
				// What has no room is news at the next block, too.
				let has_room = out.ballot.attestations.len() < selection::MAX_PADDING;
				if has_room && Self::is_news(&out.member.validator, &attestation, out.ballot.at_block) {
					let _ = out.ballot.attestations.try_push(attestation);
				}
			}
		}
	}

	/// Commits to the output and the work, abstains, or asks for the output.
	fn commit(seat: &OurSeat<'_>, out: &mut Outgoing) {
		let Some(stored) = Self::stored_vote(seat) else { return };
		let (target, place) = (seat.target, seat.place);
		// What has no room is stored, and said at the next run.
		match stored {
			StoredVote::V1 { commitment, .. } => {
				let _ = out.ballot.commits.try_push(Commit { target, seat: place, commitment });
			}
			StoredVote::Abstained(reason) => {
				let _ = out.ballot.abstentions.try_push(Abstention { target, seat: place, reason });
			}
		}
	}

	/// What the seat has bound itself to, here, whether a block has it or not; binds it where the output is there.
	fn stored_vote(seat: &OurSeat<'_>) -> Option<StoredVote> {
		let slot = vote_key(&seat.target, seat.place);
		let slot = StorageValueRef::persistent(&slot);
		match slot.get::<StoredVote>() {
			Ok(Some(stored)) => return Some(stored),
			Ok(None) => {}
			Err(_) => {
				log::error!(target: LOG_TARGET, "job {}: the stored vote is of an unknown version", seat.id);
				return None;
			}
		}
		let vote = match Self::answer_to(seat)? {
			Ok(Answered { output, trace }) => {
				let salt = salt(&Self::genesis(), &seat.target, seat.key)?;
				let work = work(&seat.target, &trace);
				let commitment = Self::committer(seat).commitment(&output_hash(&output), &work, &salt);
				StoredVote::V1 { commitment, output, work }
			}
			Err(reason) => StoredVote::Abstained(reason),
		};
		// Another run may have been quicker, on another fork with another answer even: what is stored counts.
		let settled = slot.mutate(|stored: Result<Option<StoredVote>, StorageRetrievalError>| match stored {
			Ok(None) => Ok(vote),
			Ok(Some(earlier)) => Err(Some(earlier)),
			Err(_) => Err(None),
		});
		match settled {
			Ok(vote) => Some(vote),
			Err(MutateStorageError::ValueFunctionFailed(earlier)) => earlier,
			Err(MutateStorageError::ConcurrentModification(_)) => slot.get().ok().flatten(),
		}
	}

	/// The engine's answer; asks for it, once, where there is none yet.
	fn answer_to(seat: &OurSeat<'_>) -> Option<Result<Answered, AbstainReason>> {
		let job = seat.job;
		if let Some(InferenceResponse::V1(response)) = read(&response_key(&job.fingerprint)) {
			return Some(response);
		}
		let slot = request_key(&job.fingerprint);
		let slot = StorageValueRef::persistent(&slot);
		if !matches!(slot.get::<InferenceRequest>(), Ok(None)) {
			return None;
		}
		let request = InferenceRequest::V1 {
			job: job.fingerprint,
			model: job.model,
			input: Inputs::<T>::get(seat.id)?,
			max_output_units: job.options.max_output_units,
			sampling: job.options.sampling,
			format: job.options.format.clone(),
			claimed: Outputs::<T>::get(seat.id),
			seed: job.options.sampling_seed(&job.fingerprint),
			deadline: job.deadline,
		};
		// Where another run was quicker, it asked.
		let _asked = slot.mutate(|stored: Result<Option<InferenceRequest>, StorageRetrievalError>| match stored {
			Ok(None) => Ok(request),
			_ => Err(()),
		});
		None
	}

	/// Opens the commit that the chain has of this seat.
	fn reveal(seat: &OurSeat<'_>, stored_on_chain: Option<Hash>, out: &mut Outgoing) {
		let stored = match read(&vote_key(&seat.target, seat.place)) {
			Some(StoredVote::V1 { output, work, .. }) => Some((output, work)),
			// Lost with the database: the salt is found again, and the output computed again.
			_ => Self::answer_to(seat)
				.and_then(Result::ok)
				.map(|Answered { output, trace }| (output, work(&seat.target, &trace))),
		};
		let Some((output, work)) = stored else { return };
		// What has no room is said at the next run; its output is asked for already.
		if out.ballot.reveals.is_full() {
			return;
		}
		let Some(salt) = salt(&Self::genesis(), &seat.target, seat.key) else { return };
		let output_hash = output_hash(&output);
		let is_ours = match seat.seat.vote {
			SeatVote::Committed(commitment) => {
				Self::committer(seat).commitment(&output_hash, &work, &salt) == commitment
			}
			SeatVote::Revealed(value) => value == Value { output_hash, work },
			SeatVote::Missing | SeatVote::Abstained(_) => false,
		};
		if !is_ours {
			log::error!(target: LOG_TARGET, "job {}: the output here is not the one committed to", seat.id);
			return;
		}
		let reveal = Reveal { target: seat.target, seat: seat.place, output_hash, work, salt };
		if out.ballot.reveals.try_push(reveal).is_ok() && stored_on_chain != Some(output_hash) {
			out.outputs.push(output);
		}
	}

	fn committer<'a>(seat: &OurSeat<'a>) -> Committer<'a> {
		Committer {
			genesis: Self::genesis(),
			target: seat.target,
			seat: seat.place,
			validator: &seat.seat.validator,
			model: seat.job.model,
		}
	}

	/// Signs the ballots and puts them into the outbox; not those that were sent just before.
	fn send(outgoing: Vec<Outgoing>, now: BlockNumber) {
		let slot = StorageValueRef::persistent(SENT);
		let before = match slot.get() {
			Ok(Some(Sent::V1(sent))) => sent,
			_ => Vec::new(),
		};
		let mut after = Vec::new();
		for Outgoing { member, ballot, outputs } in outgoing.into_iter().filter(|out| !out.ballot.is_empty()) {
			let Ballot { session, authority_index, .. } = ballot;
			let votes = Hash::from(sp_io::hashing::blake2_256(&Ballot { at_block: 0, ..ballot.clone() }.encode()));
			let is_same = |sent: &&SentBallot| {
				(sent.session, sent.authority_index, sent.votes) == (session, authority_index, votes)
			};
			// A height below the last one's is another fork's: there the votes may be lacking again.
			let is_recent = |sent: &&SentBallot| (sent.at..sent.at.saturating_add(SEND_AGAIN_AFTER)).contains(&now);
			if let Some(sent) = before.iter().find(|sent| is_same(sent) && is_recent(sent)) {
				after.push(sent.clone());
				continue;
			}
			let Some(signature) = ballot.sign(&Self::genesis(), &member.key) else { continue };
			let outputs = frame_support::BoundedVec::truncate_from(outputs);
			let ballot = VersionedBallot::V1(SignedBallot { ballot, outputs, signature });
			sp_io::offchain::local_storage_set(sp_core::offchain::StorageKind::PERSISTENT, OUTBOX, &ballot.encode());
			after.push(SentBallot { session, authority_index, votes, at: now });
		}
		if after != before {
			slot.set(&Sent::V1(after));
		}
	}

	/// Notes which mailbox entries there are, and clears those whose time is over.
	fn keep_entries(touched: Vec<ClearAt>, now: BlockNumber) {
		let slot = StorageValueRef::persistent(CLEARING);
		let known = match slot.get() {
			Ok(Some(Clearing::V1(entries))) => entries,
			Ok(None) => Vec::new(),
			Err(_) => {
				log::error!(target: LOG_TARGET, "the list of mailbox entries is of an unknown version and left alone");
				return;
			}
		};
		let key = |entry: &ClearAt| (entry.target, entry.seat);
		let listed: BTreeSet<_> = known.iter().map(key).collect();
		let new: Vec<_> = touched.into_iter().filter(|entry| !listed.contains(&key(entry))).collect();
		if new.is_empty() && known.iter().all(|entry| entry.block > now) {
			return;
		}
		let mut over = Vec::new();
		let kept = slot.mutate(|stored: Result<Option<Clearing>, StorageRetrievalError>| {
			let Clearing::V1(entries) = stored.map_err(|_| ())?.unwrap_or(Clearing::V1(Vec::new()));
			let listed: BTreeSet<_> = entries.iter().map(key).collect();
			let new: Vec<_> = new.into_iter().filter(|entry| !listed.contains(&key(entry))).collect();
			let (mut kept, cleared): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.block > now);
			kept.extend(new);
			over = cleared;
			Ok::<_, ()>(Clearing::V1(kept))
		});
		// Where another run was quicker, the next one does it: an entry is listed at each run until its job is over.
		if kept.is_err() {
			return;
		}
		for ClearAt { target, seat, .. } in over {
			let of_job = &target.fingerprint;
			for key in [request_key(of_job), response_key(of_job), vote_key(&target, seat)] {
				StorageValueRef::persistent(&key).clear();
			}
		}
	}
}

/// An entry of the mailbox; none where it is of a version that this runtime does not know.
fn read<V: Decode>(key: &[u8]) -> Option<V> {
	StorageValueRef::persistent(key).get().ok().flatten()
}

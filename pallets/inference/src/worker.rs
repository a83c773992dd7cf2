//! The offchain worker: finds our seats, has the model run, signs commits and reveals.
//!
//! It runs after each new best block, and again as soon as native code has an answer; runs overlap. Each looks at the whole
//! state, since a reorg may have brought another past, and ends in milliseconds: models run elsewhere. What a seat commits
//! to is stored, by compare-and-set, before it is signed, and there is never a second commit for the same draw.

use super::*;
use alloc::{collections::BTreeMap, vec::Vec};
use codec::{Decode, Encode};
use frame_support::traits::Get;
use sibyl_primitives::{
	commitment::{salt, Committer},
	job::AbstainReason,
	mailbox::{
		model_status_key, request_key, response_key, vote_key, InferenceRequest, InferenceResponse, ModelStatus,
		StoredVote, OPEN_ENTRIES, OUTBOX,
	},
	output::output_hash,
	vote::{Abstention, Attestation, Ballot, Commit, Reveal, SignedBallot, VoteTarget},
	AuthorityIndex, InferenceId,
};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::offchain::storage::{MutateStorageError, StorageRetrievalError, StorageValueRef};

/// Blocks after a job's last one until its mailbox entries are cleared: no fork is longer.
const ENTRIES_OUTLIVE_JOB: BlockNumber = 64;

/// Blocks after which votes that no block has taken are sent again. A block's votes come with the next one, so this gives
/// them one block more.
const SEND_AGAIN_AFTER: BlockNumber = 2;

/// The key of what was sent last.
const SENT: &[u8] = b"sibyl/sent";

/// Mailbox entries of a job, to be cleared in time.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
struct OpenEntry {
	target: VoteTarget,
	clear_at: BlockNumber,
}

/// What a run sends for one key of ours.
struct Outgoing {
	key: InferenceId,
	ballot: Ballot,
	outputs: Vec<OutputBytes>,
}

/// One of our seats.
struct OurSeat<'a> {
	id: JobId,
	job: &'a Job,
	target: VoteTarget,
	place: SeatIndex,
	validator: &'a AccountId,
	key: &'a InferenceId,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn run_worker() {
		let keys = InferenceId::all();
		if keys.is_empty() {
			return;
		}
		let ours = Self::our_places(&keys);
		if ours.is_empty() {
			return;
		}
		let started = sp_io::offchain::timestamp();
		let now = Self::now();
		let mut outgoing: BTreeMap<(SessionIndex, AuthorityIndex), Outgoing> = ours
			.iter()
			.map(|((session, index), member)| {
				let ballot = Ballot::new(*session, *index, now);
				((*session, *index), Outgoing { key: member.key.clone(), ballot, outputs: Vec::new() })
			})
			.collect();
		Self::attest_models(&mut outgoing);
		let mut touched = Vec::new();
		let jobs = Self::open_jobs();
		let looked_at = jobs.len();
		for id in jobs {
			let (Some(job), Some(committee)) = (Jobs::<T>::get(id), Committees::<T>::get(id)) else { continue };
			let target = committee.target(job.fingerprint);
			for (seat, place) in committee.seats.iter().zip(0..) {
				let whose = (committee.session, seat.authority_index);
				let (Some(member), Some(out)) = (ours.get(&whose), outgoing.get_mut(&whose)) else { continue };
				let ours = OurSeat { id, job: &job, target, place, validator: &seat.validator, key: &member.key };
				match (job.phase, seat.vote) {
					(Phase::Committing, SeatVote::Missing) if now < job.deadline => {
						touched.push((target, job.ends_by));
						Self::commit(&ours, out);
					}
					(Phase::Revealing, SeatVote::Committed(_)) if now < job.deadline => {
						touched.push((target, job.ends_by));
						Self::reveal(&ours, &seat.vote, out);
					}
					// The author may have left the output out: the reveal brings it again.
					(Phase::Revealing, SeatVote::Revealed { output_hash })
						if now < job.deadline
							&& committee.tally().winner() == Some(output_hash)
							&& Self::lacks_output(&target, &output_hash) =>
					{
						Self::reveal(&ours, &seat.vote, out);
					}
					_ => {}
				}
			}
		}
		Self::keep_entries(touched, now);
		for out in outgoing.into_values() {
			Self::send(out, now);
		}
		let took = sp_io::offchain::timestamp().diff(&started).millis();
		log::debug!(target: LOG_TARGET, "the worker looked at {looked_at} open jobs in {took} ms");
	}

	/// The places of sessions' sets whose key is in our keystore.
	fn our_places(keys: &[InferenceId]) -> BTreeMap<(SessionIndex, AuthorityIndex), Member> {
		Self::voting_sessions()
			.filter_map(|session| KeySets::<T>::get(session).map(|set| (session, set)))
			.flat_map(|(session, set)| (0..).zip(set.members).map(move |(index, member)| ((session, index), member)))
			.filter(|(_, member)| keys.contains(&member.key))
			.collect()
	}

	/// Says of each model whether we serve it, where that is news.
	fn attest_models(outgoing: &mut BTreeMap<(SessionIndex, AuthorityIndex), Outgoing>) {
		let current = T::CurrentSession::get();
		for model in pallet_models::Models::<T>::iter_keys() {
			let Some(ModelStatus::V1(standing)) = read(&model_status_key(&model)) else { continue };
			let attestation = Attestation { model, standing };
			for ((session, index), out) in outgoing.iter_mut().filter(|((session, _), _)| *session == current) {
				let Some(member) = Self::member(*session, *index) else { continue };
				if pallet_models::Pallet::<T>::is_news(&member.validator, &attestation, out.ballot.at_block) {
					let _as_many_as_models_fit = out.ballot.attestations.try_push(attestation);
				}
			}
		}
	}

	/// Commits to the output, abstains, or asks for the output.
	fn commit(seat: &OurSeat<'_>, out: &mut Outgoing) {
		if out.ballot.commits.is_full() || out.ballot.abstentions.is_full() {
			return;
		}
		let Some(stored) = Self::stored_vote(seat) else { return };
		let (target, place) = (seat.target, seat.place);
		match stored {
			StoredVote::V1 { commitment, .. } => {
				let _has_room = out.ballot.commits.try_push(Commit { target, seat: place, commitment });
			}
			StoredVote::Abstained(reason) => {
				let _has_room = out.ballot.abstentions.try_push(Abstention { target, seat: place, reason });
			}
		}
	}

	/// What the seat has bound itself to, here, whether a block has it or not; binds it where the output is there.
	fn stored_vote(seat: &OurSeat<'_>) -> Option<StoredVote> {
		let slot = vote_key(&seat.target);
		let slot = StorageValueRef::persistent(&slot);
		match slot.get::<StoredVote>() {
			Ok(Some(stored)) => return Some(stored),
			Ok(None) => {}
			Err(_) => {
				log::error!(target: LOG_TARGET, "job {}: the stored vote is of an unknown version", seat.id);
				return None;
			}
		}
		let vote = match Self::output_of(seat)? {
			Ok(output) => {
				let salt = salt(&Self::genesis(), &seat.target, seat.key)?;
				let commitment = Self::committer(seat).commitment(&output_hash(&output), &Hash::zero(), &salt);
				StoredVote::V1 { commitment, output }
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
	fn output_of(seat: &OurSeat<'_>) -> Option<Result<OutputBytes, AbstainReason>> {
		let job = seat.job;
		if let Some(InferenceResponse::V1(response)) = read(&response_key(&job.fingerprint)) {
			return Some(response);
		}
		let slot = request_key(&job.fingerprint);
		let slot = StorageValueRef::persistent(&slot);
		if !matches!(slot.get::<InferenceRequest>(), Ok(None)) {
			return None;
		}
		let seed = match job.options.seed {
			Some(seed) => sp_io::hashing::blake2_256(&(b"sibyl/seed", seed).encode()),
			None => job.fingerprint.0,
		};
		let request = InferenceRequest::V1 {
			job: job.fingerprint,
			model: job.model,
			input: Inputs::<T>::get(seat.id)?,
			max_output_units: job.options.max_output_units,
			prompt: job.options.prompt,
			sampling: job.options.sampling,
			seed,
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
	fn reveal(seat: &OurSeat<'_>, on_chain: &SeatVote, out: &mut Outgoing) {
		if out.ballot.reveals.is_full() {
			return;
		}
		let Some(salt) = salt(&Self::genesis(), &seat.target, seat.key) else { return };
		let stored = match read(&vote_key(&seat.target)) {
			Some(StoredVote::V1 { output, .. }) => Some(output),
			// Lost with the database: the salt is found again, and the output computed again.
			_ => Self::output_of(seat).and_then(Result::ok),
		};
		let Some(output) = stored else { return };
		let hash = output_hash(&output);
		let is_ours = match on_chain {
			SeatVote::Committed(commitment) => {
				Self::committer(seat).commitment(&hash, &Hash::zero(), &salt) == *commitment
			}
			SeatVote::Revealed { output_hash } => hash == *output_hash,
			SeatVote::Missing | SeatVote::Abstained(_) => false,
		};
		if !is_ours {
			log::error!(target: LOG_TARGET, "job {}: the output here is not the one committed to", seat.id);
			return;
		}
		let reveal = Reveal { target: seat.target, seat: seat.place, output_hash: hash, work: Hash::zero(), salt };
		if out.ballot.reveals.try_push(reveal).is_ok() && Self::lacks_output(&seat.target, &hash) {
			out.outputs.push(output);
		}
	}

	fn committer<'a>(seat: &OurSeat<'a>) -> Committer<'a> {
		Committer {
			genesis: Self::genesis(),
			target: seat.target,
			seat: seat.place,
			validator: seat.validator,
			model: seat.job.model,
		}
	}

	/// Signs the ballot and puts it into the outbox; not when it was sent just before.
	fn send(out: Outgoing, now: BlockNumber) {
		let Outgoing { key, ballot, outputs } = out;
		if ballot.is_empty() {
			return;
		}
		let slot = (SENT, ballot.session, ballot.authority_index).encode();
		let slot = StorageValueRef::persistent(&slot);
		let votes = Hash::from(sp_io::hashing::blake2_256(&Ballot { at_block: 0, ..ballot.clone() }.encode()));
		if let Ok(Some((sent, at))) = slot.get::<(Hash, BlockNumber)>() {
			// A height below the last one's is another fork's: there the votes may be lacking again.
			if sent == votes && (at..at.saturating_add(SEND_AGAIN_AFTER)).contains(&now) {
				return;
			}
		}
		let Some(signature) = ballot.sign(&Self::genesis(), &key) else { return };
		let outputs = frame_support::BoundedVec::truncate_from(outputs);
		let bundle = VoteBundle::V1(SignedBallot { ballot, outputs, signature });
		sp_io::offchain::local_storage_set(sp_core::offchain::StorageKind::PERSISTENT, OUTBOX, &bundle.encode());
		slot.set(&(votes, now));
	}

	/// Notes which jobs have mailbox entries, and clears those whose time is over.
	fn keep_entries(touched: Vec<(VoteTarget, BlockNumber)>, now: BlockNumber) {
		let slot = StorageValueRef::persistent(OPEN_ENTRIES);
		let known: Vec<OpenEntry> = slot.get().ok().flatten().unwrap_or_default();
		let is_known = |target: &VoteTarget| known.iter().any(|entry| entry.target == *target);
		if known.iter().all(|entry| entry.clear_at > now) && touched.iter().all(|(target, _)| is_known(target)) {
			return;
		}
		let mut over = Vec::new();
		let kept = slot.mutate(|stored: Result<Option<Vec<OpenEntry>>, StorageRetrievalError>| {
			let (open, cleared): (Vec<_>, Vec<_>) = stored
				.ok()
				.flatten()
				.unwrap_or_default()
				.into_iter()
				.partition(|entry: &OpenEntry| entry.clear_at > now);
			over = cleared;
			let mut entries = open;
			for (target, ends_by) in &touched {
				if !entries.iter().any(|entry| entry.target == *target) {
					entries.push(OpenEntry { target: *target, clear_at: ends_by.saturating_add(ENTRIES_OUTLIVE_JOB) });
				}
			}
			Ok::<_, ()>(entries)
		});
		// Where another run was quicker, the next one does it.
		if kept.is_err() {
			return;
		}
		for OpenEntry { target, .. } in over {
			for key in [request_key(&target.fingerprint), response_key(&target.fingerprint), vote_key(&target)] {
				StorageValueRef::persistent(&key).clear();
			}
		}
	}
}

/// An entry of the mailbox; none where it is of a version that this runtime does not know.
fn read<V: Decode>(key: &[u8]) -> Option<V> {
	StorageValueRef::persistent(key).get().ok().flatten()
}

//! What the pallet's calls, and the pieces that `include` and the hooks are made of, weigh.

use super::*;
use alloc::{collections::BTreeMap, vec, vec::Vec};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{Mutate, MutateHold},
		Get,
	},
	weights::WeightMeter,
	BoundedVec,
};
use frame_system::RawOrigin;
use sibyl_primitives::{
	job::{Seats, MAX_INPUT_BYTES, MAX_OUTPUT_BYTES},
	model::{Golden, ModelFile, ModelLimits, ModelRevision, Standing, Task},
	output::{output_hash, Answer, Classification, VersionedOutput},
	price::ModelPrice,
	vote::{Attestation, Ballot, Commit, SignedBallot},
	InferenceId,
};
use sp_application_crypto::RuntimeAppPublic;

const FUNDS: Balance = 1_000_000_000_000_000_000;

fn model() -> ModelRevision {
	let file = ModelFile { name: "weights".try_into().expect("short"), size: 1, sha256: Hash::zero() };
	let golden = Golden { input: "text".try_into().expect("short"), output_hash: Hash::zero() };
	ModelRevision {
		name: "benchmark".try_into().expect("short"),
		task: Task::Classify,
		architecture: "benchmark".try_into().expect("short"),
		files: vec![file].try_into().expect("one fits"),
		semantics: 1,
		limits: ModelLimits { input_bytes: MAX_INPUT_BYTES, context_units: MAX_INPUT_BYTES, output_units: 0 },
		commit_window: 12,
		price: ModelPrice { base: 1_000_000_000, unit: 1_000_000 },
		goldens: vec![golden].try_into().expect("one fits"),
	}
}

fn requester() -> AccountId {
	account("requester", 0, 0)
}

/// A session of so many validators that all serve the model; the first one's key is in the keystore.
fn validators<T: Config>(count: u32) -> Vec<Member> {
	let key = InferenceId::generate_pair(None);
	let members: Vec<_> = (0..count)
		.map(|number| Member { validator: account("validator", number, 0), key: key.clone(), stake: 1_000 })
		.collect();
	pallet_models::Models::<T>::insert(model().id(), model());
	for member in &members {
		let record = pallet_models::AttestationRecord { standing: Standing::Serves { capacity: u16::MAX }, made_at: 0 };
		pallet_models::Attestations::<T>::insert(model().id(), &member.validator, record);
		T::Currency::set_balance(&member.validator, FUNDS);
	}
	KeySets::<T>::insert(T::CurrentSession::get(), KeySet { members: BoundedVec::truncate_from(members.clone()) });
	T::Currency::set_balance(&requester(), FUNDS);
	T::Currency::set_balance(&Pallet::<T>::protocol_account(), FUNDS);
	members
}

fn submitted<T: Config>() -> JobId {
	let id = NextJob::<T>::get();
	let options = JobOptions { seats: Seats::Fixed(1), ..Default::default() };
	Pallet::<T>::do_submit(requester(), model().id(), vec![b'x'; 100], options, Balance::MAX)
		.expect("can be submitted");
	id
}

fn answer(bytes: u32) -> OutputBytes {
	let mut classification = Classification { label: "eng".try_into().expect("short"), scores: Default::default() };
	while classification.encoded_size() < bytes as usize {
		let score =
			sibyl_primitives::output::LabelScore { label: "abcdefghijklmnop".try_into().expect("short"), score: 1 };
		if classification.scores.try_push(score).is_err() {
			break;
		}
	}
	VersionedOutput::V1(Output::Answer(Answer::Classification(classification))).encode().try_into().expect("short")
}

/// A job with so many seats, each of which did the same.
fn with_committee<T: Config>(seats: u32, phase: Phase, vote: SeatVote) -> JobId {
	let members = validators::<T>(seats.max(1));
	let id = submitted::<T>();
	let seats: Vec<_> = (0..seats)
		.zip(members)
		.map(|(authority_index, member)| Seat { validator: member.validator, authority_index, vote })
		.collect();
	for seat in &seats {
		OpenSeats::<T>::insert(&seat.validator, 1);
	}
	let committee = Committee {
		draw: Hash::zero(),
		round: 0,
		session: T::CurrentSession::get(),
		drawn_at: 1,
		seats: BoundedVec::truncate_from(seats),
	};
	Committees::<T>::insert(id, committee);
	Jobs::<T>::mutate(id, |job| {
		if let Some(job) = job {
			job.phase = phase;
		}
	});
	id
}

fn get<T: Config>(id: JobId) -> (Job, Committee) {
	(Jobs::<T>::get(id).expect("submitted"), Committees::<T>::get(id).expect("drawn"))
}

fn signed<T: Config>(change: impl FnOnce(&mut Ballot)) -> (SignedBallot, Member) {
	let member = Pallet::<T>::member(T::CurrentSession::get(), 0).expect("the session has validators");
	let mut ballot = Ballot::new(T::CurrentSession::get(), 0, Pallet::<T>::now());
	change(&mut ballot);
	let signature = ballot.sign(&Pallet::<T>::genesis(), &member.key).expect("the keystore has the key");
	(SignedBallot { ballot, outputs: Default::default(), signature }, member)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn submit(b: Linear<1, MAX_INPUT_BYTES>) {
		validators::<T>(T::MaxValidators::get());
		let input = vec![b'x'; b as usize];
		let options = JobOptions { seats: Seats::Fixed(15), ..Default::default() };

		#[extrinsic_call]
		_(RawOrigin::Signed(requester()), model().id(), input, options, Balance::MAX);

		assert_eq!(OpenJobs::<T>::count(), 1);
	}

	#[benchmark]
	fn include() {
		#[extrinsic_call]
		_(RawOrigin::None, Default::default());

		assert!(Included::<T>::get());
	}

	#[benchmark]
	fn glance() {
		validators::<T>(T::MaxValidators::get());
		let (signed, _) = signed::<T>(|ballot| {
			ballot
				.attestations
				.try_push(Attestation { model: model().id(), standing: Standing::Withdrawn })
				.expect("fits");
		});
		let member;

		#[block]
		{
			assert!(Pallet::<T>::glance(&signed.ballot, Pallet::<T>::now()).is_ok());
			member = Pallet::<T>::member(signed.ballot.session, signed.ballot.authority_index);
		}

		assert!(member.is_some());
	}

	#[benchmark]
	fn signature() {
		validators::<T>(1);
		let id = with_committee::<T>(1, Phase::Committing, SeatVote::Missing);
		let (job, committee) = get::<T>(id);
		let (signed, member) = signed::<T>(|ballot| {
			let commit = Commit { target: committee.target(job.fingerprint), seat: 0, commitment: Hash::zero() };
			while ballot.commits.try_push(commit).is_ok() {}
		});
		let valid;

		#[block]
		{
			valid = signed.is_signed_by(&Pallet::<T>::genesis(), &member.key);
		}

		assert!(valid);
	}

	#[benchmark]
	fn vote() {
		let id = with_committee::<T>(MAX_SEATS, Phase::Committing, SeatVote::Missing);
		let (job, committee) = get::<T>(id);
		let (signed, member) = signed::<T>(|ballot| {
			let commit =
				Commit { target: committee.target(job.fingerprint), seat: 0, commitment: Hash::repeat_byte(1) };
			ballot.commits.try_push(commit).expect("fits");
		});
		let mut meter = WeightMeter::new();
		let mut reserved = BTreeMap::new();

		#[block]
		{
			Pallet::<T>::take_ballot(&signed, &member, &mut meter, &mut reserved);
			for job in reserved.keys() {
				Pallet::<T>::advance(*job, Pallet::<T>::now());
			}
		}

		assert_eq!(get::<T>(id).1.tally().committed, 1);
	}

	#[benchmark]
	fn output(b: Linear<16, MAX_OUTPUT_BYTES>) {
		let answer = super::answer(b);
		let revealed = SeatVote::Revealed { output_hash: output_hash(&answer) };
		let id = with_committee::<T>(MAX_SEATS, Phase::Revealing, revealed);

		#[block]
		{
			Pallet::<T>::take_output(id, output_hash(&answer), &answer);
		}

		assert!(Outputs::<T>::contains_key(id));
	}

	#[benchmark]
	fn attestation() {
		let members = validators::<T>(1);
		let said = Attestation { model: model().id(), standing: Standing::Withdrawn };
		let noted;

		#[block]
		{
			noted = pallet_models::Pallet::<T>::attest(&members[0].validator, &said, 1);
			pallet_models::Pallet::<T>::apply_incoming();
		}

		assert!(noted && pallet_models::Pallet::<T>::capacity(&model().id(), &members[0].validator).is_none());
	}

	#[benchmark]
	fn draw(v: Linear<1, 100>) {
		validators::<T>(v);
		let id = submitted::<T>();
		let now = Pallet::<T>::now().saturating_add(1);
		RecentVrfs::<T>::put(BoundedVec::truncate_from(vec![(now, [7; 32])]));
		let mut job = Jobs::<T>::get(id).expect("submitted");
		job.quote.seats = v.min(MAX_SEATS) as u16;

		#[block]
		{
			Pallet::<T>::draw(id, job, now);
		}

		assert_eq!(get::<T>(id).1.seats.len(), v.min(MAX_SEATS) as usize);
	}

	#[benchmark]
	fn end(s: Linear<1, MAX_SEATS>) {
		let answer = super::answer(400);
		let hash = output_hash(&answer);
		let id = with_committee::<T>(s, Phase::Revealing, SeatVote::Revealed { output_hash: hash });
		Outputs::<T>::insert(id, answer);
		let (mut job, _) = get::<T>(id);
		job.agreed = Some(Agreement { output_hash: hash, at: 1 });
		// The price of all its seats is held.
		let more = job.quote.per_seat.saturating_mul(s.saturating_sub(1).into()).saturating_mul(2);
		assert!(T::Currency::hold(&HoldReason::JobFee.into(), &requester(), more).is_ok());
		job.quote.total = job.quote.total.saturating_add(more);
		job.quote.seats = s as u16;

		#[block]
		{
			Pallet::<T>::end(id, job, Verdict::Agreed);
		}

		assert_eq!(OpenJobs::<T>::count(), 0);
	}

	#[benchmark]
	fn prune() {
		let id = with_committee::<T>(MAX_SEATS, Phase::Committing, SeatVote::Missing);
		let (job, _) = get::<T>(id);
		Pallet::<T>::end(id, job, Verdict::Expired);
		Retained::<T>::insert(0, (id, 0));
		let pruned;

		#[block]
		{
			pruned = Pallet::<T>::prune_retained();
		}

		assert_eq!(pruned, 1);
		assert!(!Jobs::<T>::contains_key(id));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::benchmark_externalities(), crate::mock::Test);
}

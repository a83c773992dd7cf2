//! What the pallet's calls, and the pieces that `include` and the hooks are made of, weigh at their worst.
//!
//! A session has as many validators as can be, and all serve the model. What all jobs of a block share, as counters, the
//! model and its roster, is read and written once a block: `shared_keys` lists it, `end_block` counts it, and the pieces
//! leave it out. So it is with the validators' ledgers, which `ledger` counts.

mod setup;

use super::*;
use agenda::Duty;
use alloc::{vec, vec::Vec};
use cells::{Cell, Cells};
use codec::{Decode, Encode};
use frame_benchmarking::{benchmarking::add_to_whitelist, v2::*};
use frame_support::{
	storage::{storage_prefix, unhashed},
	traits::{
		fungible::{Mutate, MutateHold},
		Get,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use include::Spending;
use ledgers::Ledgers;
use setup::*;
use sibyl_primitives::{
	committee::quorum,
	consumer::{Asker, Inference},
	format::{Format, MAX_CHOICES, MAX_CHOICE_BYTES},
	input::{Message, Role, MAX_INPUT_BYTES, MESSAGE_BYTES},
	job::{Seats, FIRST_ROUND, MAX_FIXED_SEATS, MAX_OUTPUT_BYTES, MAX_SECOND_ROUND_SEATS, SECOND_ROUND},
	model::{Availability, Golden, ModelFile, ModelLimits, ModelRevision, ModelState, Registration, Task},
	output::{output_hash, Answer, Finish, Generation, VersionedOutput},
	price::{ModelPrice, MAX_AUTHOR_SHARE},
	vote::{Attestation, Ballot, Commit, Reveal, VersionedBallot, VoteTarget, MAX_VOTES},
	InferenceId,
};
use sp_application_crypto::RuntimeAppPublic;

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn submit(b: Linear<1, { MAX_INPUT_BYTES - MAX_CHOICES * MAX_CHOICE_BYTES }>) {
		network::<T>();
		leave_out_what_is_shared::<T>();
		// A part of the validators can't pay for a seat, and is met by the trial of the draw.
		for number in 0..T::MaxValidators::get() / 3 {
			ServiceLedgers::<T>::mutate(validator(number), |entry| entry.reserved = entry.bond);
		}
		let options = options();

		#[extrinsic_call]
		_(RawOrigin::Signed(requester()), model(0).id(), messages(b), options, Balance::MAX);

		assert_eq!(OpenJobs::<T>::count(), 1);
	}

	#[benchmark]
	fn reuse(b: Linear<1, { MAX_INPUT_BYTES - MAX_CHOICES * MAX_CHOICE_BYTES }>, s: Linear<1, MAX_SEATS>) {
		network_with::<T>(open_seats::<T>());
		let options = JobOptions { seats: Seats::Fixed(1), ..options() };
		let source = known::<T>(messages(b), &options, s);
		leave_out_what_is_shared::<T>();

		#[extrinsic_call]
		submit(RawOrigin::Signed(requester()), model(0).id(), messages(b), options, Balance::MAX);

		assert_eq!(Jobs::<T>::get(source + 1).and_then(|asked| asked.reused), Some(source));
	}

	#[benchmark]
	fn include() {
		#[extrinsic_call]
		_(RawOrigin::None, Default::default());

		assert!(Included::<T>::get());
	}

	#[benchmark]
	fn ballot(v: Linear<1, MAX_VOTES>) {
		network::<T>();
		let signed = signed::<T>(|said| {
			let reveals: Vec<_> = (0..v).map(junk).collect();
			said.reveals = reveals.try_into().expect("as many as fit");
		});
		let genesis = Pallet::<T>::genesis();
		let bytes = VersionedBallot::V1(signed).encode();
		leave_out_what_is_shared::<T>();
		let is_right;

		#[block]
		{
			let VersionedBallot::V1(signed) = VersionedBallot::decode(&mut &bytes[..]).expect("it is a ballot");
			let member = Pallet::<T>::look_at(&signed.ballot, Pallet::<T>::now());
			is_right = member.is_ok_and(|member| signed.is_signed_by(&genesis, &member.key));
		}

		assert!(is_right);
	}

	/// Reveals, whose commitments are looked at. For once all seats are one validator's.
	#[benchmark]
	fn vote(v: Linear<1, MAX_SEATS>) {
		let members = network::<T>();
		let (id, mut asked) = submitted::<T>();
		let (Value { output_hash, work }, salt) = (value(1), Hash::zero());
		let mut drawn = committee::<T>(0, 0..MAX_SEATS, SeatVote::Missing);
		let target = drawn.target(asked.fingerprint);
		for (number, place) in (0..).zip(&mut drawn.seats) {
			let committer = sibyl_primitives::commitment::Committer {
				genesis: Pallet::<T>::genesis(),
				target,
				seat: number,
				validator: &members[0].validator,
				model: asked.model,
			};
			place.vote = SeatVote::Committed(committer.commitment(&output_hash, &work, &salt));
			place.validator = members[0].validator.clone();
			place.authority_index = 0;
		}
		Committees::<T>::insert((id, FIRST_ROUND), drawn);
		asked.phase = Phase::Revealing;
		asked.deadline = FAR;
		Jobs::<T>::insert(id, asked);
		let signed = signed::<T>(|said| {
			let reveals = (0..v as u16).map(|seat| Reveal { target, seat, output_hash, work, salt });
			said.reveals = reveals.collect::<Vec<_>>().try_into().expect("as many as fit");
		});
		let (mut spending, mut cells) = (Spending::new::<T>(), Cells::<T>::default());
		cells.find(&target);
		leave_out_what_is_shared::<T>();

		#[block]
		{
			Pallet::<T>::take_ballot(&signed, &members[0], Pallet::<T>::now(), &mut spending, &mut cells);
		}

		assert_eq!(cells.into_touched().next().map(|cell| cell.committee.tally().revealed), Some(v as usize));
	}

	/// A job that is looked for, agrees, without an end, and is entered into the agenda.
	#[benchmark]
	fn job() {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		let mut drawn = committee::<T>(0, 0..MAX_SEATS, SeatVote::Revealed(value(1)));
		drawn.seats[0].vote = SeatVote::Committed(Hash::zero());
		Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
		seat::<T>(id, &mut asked, &drawn, Phase::Revealing);
		leave_out_what_is_shared::<T>();
		let target = drawn.target(asked.fingerprint);
		let now = Pallet::<T>::now();

		#[block]
		{
			let mut cells = Cells::<T>::default();
			if let cells::Found::Cell(cell) = cells.find(&target) {
				cell.is_changed = true;
			}
			for mut cell in cells.into_touched() {
				Pallet::<T>::advance(&mut cell, now, &mut Ledgers::<T>::default());
				Pallet::<T>::enter(Duty::Deadline, id, now.saturating_add(T::RevealWindow::get()));
			}
		}

		assert!(Jobs::<T>::get(id).is_some_and(|found| found.agreed.is_some() && found.is_open()));
	}

	#[benchmark]
	fn output(b: Linear<16, MAX_OUTPUT_BYTES>) {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		let answer = super::answer(b);
		let revealed = Value { output_hash: output_hash(&answer), work: Hash::zero() };
		let drawn = committee::<T>(0, 0..MAX_SEATS, SeatVote::Revealed(revealed));
		seat::<T>(id, &mut asked, &drawn, Phase::Revealing);
		let mut cell = Cell::load::<T>(id, asked).expect("it has a committee");
		cell.stored_output::<T>();
		leave_out_what_is_shared::<T>();
		let bytes = answer.encode();

		#[block]
		{
			let brought = OutputBytes::decode(&mut &bytes[..]).expect("it fits");
			cell.brought.insert(output_hash(&brought), brought.clone());
			Pallet::<T>::keep_best_output(&mut cell);
		}

		assert!(Outputs::<T>::contains_key(id));
	}

	#[benchmark]
	fn attestation() {
		let members = network::<T>();
		let id = model(0).id();
		let said = Attestation { model: id, availability: Availability::Withdrawn };

		#[block]
		{
			Pallet::<T>::attest(&members[0].validator, &said, 1);
			Pallet::<T>::apply_incoming();
		}

		assert_eq!(Pallet::<T>::serving(&id).len() as u32, T::MaxValidators::get() - 1);
	}

	/// The fixed part, all that jobs share, and as many audits as are to be expected.
	#[benchmark]
	fn end_block() {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		asked.phase = Phase::Ended;
		let (now, vrf) = (Pallet::<T>::now(), [7; 32]);
		let candidates: Vec<_> =
			(0..audits::MAX_CANDIDATES).map(|number| (now.saturating_sub(1), id + 1 + JobId::from(number))).collect();
		for (_, id) in candidates.iter().filter(|(_, id)| Pallet::<T>::is_audited(&vrf, *id)) {
			Jobs::<T>::insert(id, &asked);
		}
		AuditCandidates::<T>::put(BoundedVec::truncate_from(candidates));
		let keys = shared_keys::<T>();

		#[block]
		{
			for key in &keys {
				if let Some(bytes) = unhashed::get_raw(key) {
					unhashed::put_raw(key, &bytes);
				}
			}
			Pallet::<T>::weight_of_the_blocks_end();
			Pallet::<T>::keep_vrf(vrf);
			Pallet::<T>::end_block();
		}

		assert!(AuditCandidates::<T>::get().is_empty());
	}

	#[benchmark]
	fn pass_over() {
		network::<T>();
		let (id, asked) = submitted::<T>();
		Jobs::<T>::insert(id, Job { deadline: FAR, ..asked });
		let now = Pallet::<T>::now();
		Pallet::<T>::enter(Duty::Draw, id, now);
		leave_out_what_is_shared::<T>();
		for block in [now, now.saturating_add(1)] {
			add_to_whitelist(Agenda::<T>::hashed_key_for(Duty::Draw, block).into());
		}
		add_to_whitelist(AgendaFront::<T>::hashed_key_for(Duty::Draw).into());
		let found;

		#[block]
		{
			found = agenda::Due::<T>::new(Duty::Draw, now).next();
		}

		assert!(found.is_none());
	}

	#[benchmark]
	fn draw(s: Linear<1, MAX_SEATS>) {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		asked.quote.seats = s as u16;
		asked.submitted_at = 0;
		fill::<T>(0..T::MaxValidators::get() / 3);
		let mut ledgers = read_ledgers::<T>();
		let mut rosters = super::committee::Rostered::<T>::default();
		let now = ready_to_draw::<T>();

		#[block]
		{
			// As it is found in the agenda.
			let _ = Jobs::<T>::get(id);
			Pallet::<T>::draw(id, asked, now, &mut rosters, &mut ledgers);
		}

		assert_eq!(Committees::<T>::get((id, FIRST_ROUND)).map(|drawn| drawn.seats.len() as u32), Some(s));
	}

	/// One seat committed. A third of the others has no room.
	#[benchmark]
	fn draw_substitutes(s: Linear<1, MAX_SEATS>) {
		network_with::<T>(open_seats::<T>());
		let (id, mut asked) = submitted::<T>();
		asked.quote.seats = s as u16;
		let mut before = committee::<T>(FIRST_ROUND, 0..s, SeatVote::Missing);
		if s > 1 {
			before.seats[0].vote = SeatVote::Committed(Hash::zero());
		}
		seat::<T>(id, &mut asked, &before, Phase::Pending);
		let now = Pallet::<T>::now();
		(asked.has_substitutes, asked.deadline) = (true, now);
		fill::<T>(MAX_SEATS..MAX_SEATS + (T::MaxValidators::get() - MAX_SEATS) / 3);
		let mut ledgers = read_ledgers::<T>();
		let mut rosters = super::committee::Rostered::<T>::default();
		ready_to_draw::<T>();

		#[block]
		{
			let _ = Jobs::<T>::get(id);
			Pallet::<T>::draw(id, asked, now, &mut rosters, &mut ledgers);
		}

		let drawn = Committees::<T>::get((id, FIRST_ROUND)).expect("there are substitutes");
		assert_eq!((drawn.seats.len() as u32, drawn.draw == before.draw), (s, false));
	}

	/// Hardly anyone has room, so that everyone is met.
	#[benchmark]
	fn draw_again() {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		let validators = T::MaxValidators::get();
		let first = committee::<T>(FIRST_ROUND, 0..MAX_SEATS, SeatVote::Revealed(value(1)));
		Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
		seat::<T>(id, &mut asked, &first, Phase::Revealing);
		asked.round = SECOND_ROUND;
		let now = Pallet::<T>::now();
		asked.deadline = now;
		fill::<T>(MAX_SEATS..validators - MAX_SECOND_ROUND_SEATS + 1);
		let mut ledgers = read_ledgers::<T>();
		let mut rosters = super::committee::Rostered::<T>::default();
		ready_to_draw::<T>();

		#[block]
		{
			let _ = Jobs::<T>::get(id);
			Pallet::<T>::draw(id, asked, now, &mut rosters, &mut ledgers);
		}

		let drawn = Committees::<T>::get((id, SECOND_ROUND)).map(|drawn| drawn.seats.len() as u32);
		assert_eq!(drawn, Some(MAX_SECOND_ROUND_SEATS - 1));
	}

	/// The end of a second round, which pays the seats of both.
	#[benchmark]
	fn end(s: Linear<2, { MAX_SEATS + MAX_SECOND_ROUND_SEATS }>) {
		network_with::<T>(open_seats::<T>());
		known::<T>(input(), &options(), 1);
		let (id, mut asked) = submitted::<T>();
		Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
		let (of_first, of_second) = (s / 2, s - s / 2);
		let first = committee::<T>(FIRST_ROUND, 0..of_first, SeatVote::Revealed(value(1)));
		seat::<T>(id, &mut asked, &first, Phase::Revealing);
		let second = committee::<T>(SECOND_ROUND, MAX_SEATS..MAX_SEATS + of_second, SeatVote::Revealed(value(2)));
		seat::<T>(id, &mut asked, &second, Phase::Revealing);
		let support = Support { round: SECOND_ROUND, seats: of_second as u16, agreed: of_second as u16, serving: 300 };
		asked.agreed = Some(Agreement { value: value(2), at: 1, support });
		// A pallet asked, so that the result is put in the queue.
		let asker = Asker { consumer: ConsumerId::MAX, reference: 0 };
		Requests::<T>::insert(id, Request { asker, stage: Stage::Open });
		let mut ledgers = read_ledgers::<T>();
		let mut cell = Cell::load::<T>(id, asked).expect("it is drawn");
		leave_out_what_is_shared::<T>();

		#[block]
		{
			Pallet::<T>::conclude(&mut cell, &mut ledgers);
		}

		assert_eq!(OpenJobs::<T>::count(), 0);
		assert!(quorum(of_second as usize) <= of_second as usize);
	}

	#[benchmark]
	fn charge() {
		network_with::<T>(open_seats::<T>());
		leave_out_what_is_shared::<T>();
		let mut ledgers = read_ledgers::<T>();
		let taken;

		#[block]
		{
			taken = ledgers.charge(&validator(0), 1_000);
			Pallet::<T>::deposit_event(Event::SeatCharged {
				job: 0,
				round: 0,
				seat: 0,
				validator: validator(0),
				fault: Fault::Withheld,
				amount: taken,
			});
		}

		assert_eq!(taken, 1_000);
	}

	#[benchmark]
	fn ledger() {
		network_with::<T>(open_seats::<T>());
		leave_out_what_is_shared::<T>();

		#[block]
		{
			let mut ledgers = Ledgers::<T>::default();
			ledgers.pay(&validator(0), FUNDS);
			ledgers.store();
		}

		assert_eq!(ServiceLedgers::<T>::get(validator(0)).record.earned, FUNDS);
	}

	/// A job with two rounds, whose answer others may have, and for which a pallet still waits.
	#[benchmark]
	fn prune() {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		let second = committee::<T>(SECOND_ROUND, MAX_SEATS..2 * MAX_SEATS - 1, SeatVote::Revealed(value(1)));
		ended_long_ago::<T>(id, &mut asked);
		seat::<T>(id, &mut asked, &second, Phase::Ended);
		KnownAnswers::<T>::insert(asked.options.answer_key(&asked.model, &input()).expect("it may be reused"), id);
		let asker = Asker { consumer: ConsumerId::MAX, reference: 0 };
		Requests::<T>::insert(id, Request { asker, stage: Stage::Queued });
		Awaited::<T>::insert(asker.consumer, 1);
		leave_out_what_is_shared::<T>();

		#[block]
		{
			Pallet::<T>::prune_retained();
		}

		assert!(!Jobs::<T>::contains_key(id) && !Awaited::<T>::contains_key(asker.consumer));
	}

	#[benchmark]
	fn prune_plain() {
		network::<T>();
		let (id, mut asked) = submitted_with::<T>(JobOptions { reuse: false, ..options() });
		ended_long_ago::<T>(id, &mut asked);
		leave_out_what_is_shared::<T>();

		#[block]
		{
			Pallet::<T>::prune_retained();
		}

		assert!(!Jobs::<T>::contains_key(id));
	}

	#[benchmark]
	fn bond_service() {
		nobody_is_bonded::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(validator(0)), FUNDS);

		assert!(OutOfService::<T>::get().get(&validator(0)).is_some_and(|absence| !absence.is_underbonded));
	}

	#[benchmark]
	fn unbond_service() {
		nobody_is_bonded::<T>();
		Pallet::<T>::do_bond(&validator(0), FUNDS).expect("it has that");
		OutOfService::<T>::mutate(|out| out.remove(&validator(0)));

		#[extrinsic_call]
		_(RawOrigin::Signed(validator(0)), FUNDS);

		assert_eq!(OutOfService::<T>::get().len() as u32, T::MaxValidators::get());
	}

	/// The last commits of two full ballots contradict each other.
	#[benchmark]
	fn report_equivocation() {
		network::<T>();
		let of = |commitment: u8| {
			signed::<T>(|said| {
				let commits = (0..MAX_VOTES).map(|number| {
					let Reveal { target, seat, .. } = junk(number);
					let commitment = if number + 1 == MAX_VOTES { commitment } else { 0 };
					Commit { target, seat, commitment: Hash::repeat_byte(commitment) }
				});
				said.commits = commits.collect::<Vec<_>>().try_into().expect("as many as fit");
				said.reveals = (0..MAX_VOTES).map(junk).collect::<Vec<_>>().try_into().expect("as many as fit");
			})
		};
		let (first, second) = (Box::new(of(1)), Box::new(of(2)));

		#[extrinsic_call]
		_(RawOrigin::Signed(requester()), first, second);
	}

	#[benchmark]
	fn cancel() {
		network_with::<T>(open_seats::<T>());
		let (id, mut asked) = submitted::<T>();
		Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
		for (round, seats) in [(FIRST_ROUND, 0..MAX_SEATS), (SECOND_ROUND, MAX_SEATS..2 * MAX_SEATS - 1)] {
			let drawn = committee::<T>(round, seats, SeatVote::Revealed(value(1)));
			seat::<T>(id, &mut asked, &drawn, Phase::Revealing);
		}

		#[extrinsic_call]
		_(RawOrigin::Root, id);

		assert_eq!(OpenJobs::<T>::count(), 0);
	}

	#[benchmark]
	fn request(b: Linear<1, { MAX_INPUT_BYTES - MAX_CHOICES * MAX_CHOICE_BYTES }>) {
		network::<T>();
		leave_out_what_is_shared::<T>();
		for number in 0..T::MaxValidators::get() / 3 {
			ServiceLedgers::<T>::mutate(validator(number), |entry| entry.reserved = entry.bond);
		}
		let asker = Asker { consumer: 0, reference: 0 };
		let input = Input::Text(vec![b'x'; b as usize]);

		#[block]
		{
			<Pallet<T> as Inference>::request(asker, &requester(), model(0).id(), input, options(), Balance::MAX)
				.expect("it is right");
		}

		assert_eq!(Requests::<T>::iter().count(), 1);
	}

	/// To a consumer that there is not, so that what one does is not counted.
	#[benchmark]
	fn deliver() {
		network::<T>();
		let (id, mut asked) = submitted::<T>();
		Outputs::<T>::insert(id, answer(MAX_OUTPUT_BYTES));
		let support = Support { round: FIRST_ROUND, seats: 1, agreed: 1, serving: 300 };
		asked.agreed = Some(Agreement { value: value(1), at: 1, support });
		Jobs::<T>::insert(id, asked);
		let asker = Asker { consumer: ConsumerId::MAX, reference: 0 };
		Requests::<T>::insert(id, Request { asker, stage: Stage::Open });
		Awaited::<T>::insert(asker.consumer, 1);
		Pallet::<T>::do_cancel(id).expect("it is open");

		#[block]
		{
			Pallet::<T>::deliver_results();
		}

		assert_eq!((DeliveryRange::<T>::get(), Awaited::<T>::iter().count()), ((1, 1), 0));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::benchmark_externalities(), crate::mock::Test);
}

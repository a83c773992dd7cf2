//! What validators of tests vote.

use super::*;

/// The votes of a validator, signed with the key of its number.
pub struct Votes {
	validator: u8,
	key: u8,
	ballot: Ballot,
	outputs: Vec<OutputBytes>,
	/// What the validator has of the hidden rows, where it did not run the model.
	trace: Option<Hash>,
}

/// What running the model for the output leaves.
pub fn trace_of(output: &OutputBytes) -> Hash {
	sp_io::hashing::blake2_256(&(b"trace", output).encode()).into()
}

impl Votes {
	pub fn of(validator: u8) -> Self {
		Self::at_place(validator, validator.into())
	}

	pub fn at_place(validator: u8, index: u32) -> Self {
		let ballot = Ballot::new(SESSION.get(), index, System::block_number() as u32);
		Self { validator, key: validator, ballot, outputs: Vec::new(), trace: None }
	}

	pub fn session(mut self, session: SessionIndex) -> Self {
		self.ballot.session = session;
		self
	}

	pub fn made_at(mut self, block: u32) -> Self {
		self.ballot.at_block = block;
		self
	}

	pub fn signed_by(mut self, key: u8) -> Self {
		self.key = key;
		self
	}

	/// The validator has this trace, whatever it says.
	pub fn trace(mut self, trace: Hash) -> Self {
		self.trace = Some(trace);
		self
	}

	pub fn commit(mut self, id: JobId, output: &OutputBytes) -> Self {
		let (seat, commitment, ..) = self.bind(id, output);
		self.ballot.commits.try_push(Commit { target: target(id), seat, commitment }).expect("the ballot has room");
		self
	}

	pub fn abstain(mut self, id: JobId) -> Self {
		let abstention = Abstention { target: target(id), seat: self.seat(id), reason: AbstainReason::TooSlow };
		self.ballot.abstentions.try_push(abstention).expect("the ballot has room");
		self
	}

	pub fn reveal(self, id: JobId, output: &OutputBytes) -> Self {
		let mut votes = self.reveal_without_output(id, output);
		votes.outputs.push(output.clone());
		votes
	}

	pub fn reveal_without_output(mut self, id: JobId, output: &OutputBytes) -> Self {
		let (seat, _, salt, work) = self.bind(id, output);
		let output_hash = output_hash(output);
		let reveal = Reveal { target: target(id), seat, output_hash, work, salt };
		self.ballot.reveals.try_push(reveal).expect("the ballot has room");
		self
	}

	pub fn output(mut self, output: OutputBytes) -> Self {
		self.outputs.push(output);
		self
	}

	pub fn attest(self, availability: Availability) -> Self {
		self.attest_of(model().id(), availability)
	}

	pub fn attest_of(mut self, model: ModelId, availability: Availability) -> Self {
		let attestation = Attestation { model, availability };
		self.ballot.attestations.try_push(attestation).expect("the ballot has room");
		self
	}

	pub fn change(mut self, change: impl FnOnce(&mut Ballot)) -> Self {
		change(&mut self.ballot);
		self
	}

	pub fn sign(self) -> VersionedBallot {
		let signature = key(self.key).sign(&self.ballot.signing_payload(&Inference::genesis()));
		let outputs = self.outputs.try_into().expect("the ballot has room");
		VersionedBallot::V1(SignedBallot { ballot: self.ballot, outputs, signature })
	}

	fn seat(&self, id: JobId) -> SeatIndex {
		seat_of(self.validator, id).expect("the validator has a seat")
	}

	/// The seat, and what it is bound by: the commitment, the salt and the work.
	fn bind(&self, id: JobId, output: &OutputBytes) -> (SeatIndex, Hash, Hash, Hash) {
		let genesis = Inference::genesis();
		let salt = salt_of(&key(self.key).sign(&salt_payload(&genesis, &target(id))));
		let seat = self.seat(id);
		let validator = account(self.validator);
		let committer = Committer { genesis, target: target(id), seat, validator: &validator, model: job(id).model };
		let work = work(&target(id), &self.trace.unwrap_or_else(|| trace_of(output)));
		(seat, committer.commitment(&output_hash(output), &work, &salt), salt, work)
	}
}

/// Puts the ballots into the block, as if it had none yet: tests include votes in several steps.
pub fn include(ballots: impl IntoIterator<Item = VersionedBallot>) -> Weight {
	Included::<Test>::kill();
	let ballots = BoundedVec::try_from(ballots.into_iter().collect::<Vec<_>>()).expect("the ballots fit");
	let result: DispatchResultWithPostInfo = Inference::include(RuntimeOrigin::none(), ballots);
	result.expect("the call never fails").actual_weight.expect("the call says what it weighed")
}

/// Has these validators commit to the output in this block.
pub fn commit_by(validators: impl IntoIterator<Item = u8>, id: JobId, output: &OutputBytes) {
	include(validators.into_iter().map(|number| Votes::of(number).commit(id, output).sign()).collect::<Vec<_>>());
}

/// Has these validators reveal the output in this block.
pub fn reveal_by(validators: impl IntoIterator<Item = u8>, id: JobId, output: &OutputBytes) {
	include(validators.into_iter().map(|number| Votes::of(number).reveal(id, output).sign()).collect::<Vec<_>>());
}

/// Has these validators, which are all seats, commit in this block and reveal in the next one, each to its output.
pub fn say(id: JobId, said: &[(u8, &OutputBytes)]) {
	include(said.iter().map(|(number, output)| Votes::of(*number).commit(id, output).sign()).collect::<Vec<_>>());
	assert_eq!(job(id).phase, Phase::Revealing);
	next_block();
	include(said.iter().map(|(number, output)| Votes::of(*number).reveal(id, output).sign()).collect::<Vec<_>>());
}

/// The numbers of the validators in the job's present committee, in the order of their seats.
pub fn seated(id: JobId) -> Vec<u8> {
	let first_byte = |seat: &Seat| AsRef::<[u8]>::as_ref(&seat.validator)[0];
	committee(id).seats.iter().map(first_byte).collect()
}

/// Ends blocks until the job's second committee is drawn, and returns its members.
pub fn second_round(id: JobId) -> Vec<u8> {
	while (job(id).round, job(id).phase) != (1, Phase::Committing) {
		assert!(job(id).is_open(), "there is no second round");
		next_block();
	}
	seated(id)
}

/// Submits a job for three seats, of which the first says another thing than the others.
pub fn disputed(options: JobOptions, lie: &OutputBytes, truth: &OutputBytes) -> (JobId, [u8; 3]) {
	let id = drawn(JobOptions { seats: Seats::Fixed(3), ..options });
	let seats: [u8; 3] = seated(id).try_into().expect("there are three seats");
	say(id, &[(seats[0], lie), (seats[1], truth), (seats[2], truth)]);
	assert_eq!((job(id).round, job(id).phase), (1, Phase::Pending));
	(id, seats)
}

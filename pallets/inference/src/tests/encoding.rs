//! The layout of all that is stored: whoever changes one of these writes a migration.

use crate::{agenda::Duty, mock::*, *};
use codec::Encode;
use sibyl_primitives::{
	api::ServiceRecord,
	format::Format,
	job::{AbstainReason, Sampling, Seats},
	mailbox::{
		Answered, ClearAt, Clearing, InferenceRequest, InferenceResponse, ModelStatuses, Sent, SentBallot, StoredVote,
	},
	model::Availability,
	price::ModelPrice,
	vote::VoteTarget,
};
use sp_core::Pair;
use sp_io::hashing::blake2_256;
use sp_runtime::Percent;

fn hex(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The length of an encoding, and the beginning of its hash.
fn digest(value: impl Encode) -> String {
	let bytes = value.encode();
	format!("{} {}", bytes.len(), hex(&blake2_256(&bytes)[..8]))
}

fn hash(byte: u8) -> Hash {
	Hash::repeat_byte(byte)
}

fn options() -> JobOptions {
	JobOptions {
		seats: Seats::Fixed(3),
		max_output_units: 20,
		draw_delay: 2,
		sampling: Sampling { temperature: 700, top_k: 40, top_p: 900_000 },
		seed: Some(7),
		format: Format::Number { min: -1, max: 100, decimals: 2 },
		reuse: true,
	}
}

fn support() -> Support {
	Support { round: 1, seats: 31, agreed: 30, serving: 40 }
}

fn quote() -> Quote {
	Quote { seats: 3, per_seat: 1_050, author_share: 315, protocol_share: 158, total: 3_623 }
}

fn value() -> Value {
	Value { output_hash: hash(5), work: hash(6) }
}

fn job() -> Job {
	Job {
		requester: account(1),
		fingerprint: hash(2),
		model: hash(3),
		options: options(),
		input_units: 5,
		commit_window: 12,
		price: ModelPrice { base: 1_000, unit: 10, author_share: Percent::from_percent(10) },
		quote: quote(),
		expected_time: 9,
		submitted_at: 10,
		ends_by: 60,
		deadline: 20,
		round: 1,
		phase: Phase::Ended,
		has_substitutes: true,
		agreed: Some(Agreement { value: value(), at: 30, support: support() }),
		audit: AuditView::Overturned { output_hash: hash(7) },
		outcome: Some(Outcome {
			verdict: Verdict::Failed(sibyl_primitives::job::Refusal::NotFinite),
			at: 31,
			settlement: SettlementView { paid: 1, refunded: 2, author_share: 4, protocol_share: 3 },
		}),
		reused: Some(8),
	}
}

fn seat(vote: SeatVote) -> Seat {
	Seat { validator: account(4), authority_index: 6, stake: 1_000, time: 77, vote }
}

fn committee() -> Committee {
	let votes = [
		SeatVote::Missing,
		SeatVote::Abstained(AbstainReason::TooSlow),
		SeatVote::Committed(hash(1)),
		SeatVote::Revealed(value()),
	];
	Committee {
		draw: hash(8),
		round: 1,
		session: 3,
		drawn_at: 12,
		serving: 9,
		serving_stake: 9_000,
		charge: 3_150,
		checks: true,
		seats: votes.map(seat).to_vec().try_into().expect("four fit"),
	}
}

fn ledger() -> Ledger {
	Ledger {
		bond: 5,
		reserved: 4,
		open_time: 3,
		missed_in_a_row: 2,
		record: ServiceRecord {
			drawn: 1,
			committed: 2,
			revealed: 3,
			missed: 4,
			abstained: 5,
			lost: 6,
			charged: 7,
			earned: 8,
		},
		open_seats: vec![(9, 1)].try_into().expect("one fits"),
	}
}

#[test]
fn jobs_and_committees_are_stored_as_ever() {
	assert_eq!([digest(job()), digest(committee())], ["459 cb79872cfed4d6aa", "418 ed301b77507eab86"]);
	assert_eq!(hex(&Requester { submitted: 1, open: 2, kept: 3 }.encode()), "01000000000000000200000003000000");
	assert_eq!(
		hex(&[Phase::Pending, Phase::Committing, Phase::Revealing, Phase::Ended].map(|phase| phase.encode()[0])),
		"00010203"
	);
	let audits = [AuditView::None, AuditView::Open, AuditView::Confirmed, AuditView::Undecided];
	assert_eq!(hex(&audits.map(|audit| audit.encode()[0])), "00010204");
	assert_eq!(AuditView::Overturned { output_hash: hash(7) }.encode()[0], 3);
}

#[test]
fn ledgers_rosters_and_members_are_stored_as_ever() {
	let elector = Elector { validator: account(1), stake: 3, since: 4 };
	let member = Member { validator: account(1), key: key(2).public() };
	assert_eq!(
		[digest(ledger()), digest(elector), digest(member)],
		["107 bbe7bab4b5a0b69d", "52 12d3139cb3553beb", "64 629d3e05cb17eac5"]
	);
	let attested = |availability| Attested { validator: account(1), availability, made_at: 5, session: 6 };
	let serves = attested(Availability::Serves(PACE));
	assert_eq!(hex(&serves.encode()[32..]), "00e803000000000000000000000500000006000000");
	assert_eq!(hex(&attested(Availability::Withdrawn).encode()[32..]), "010500000006000000");
}

#[test]
fn storage_is_found_where_it_was() {
	let keys = [
		Jobs::<Test>::hashed_key_for(1),
		Inputs::<Test>::hashed_key_for(1),
		Outputs::<Test>::hashed_key_for(1),
		Committees::<Test>::hashed_key_for((1, 1)),
		JobIds::<Test>::hashed_key_for(hash(1)),
		OpenJobs::<Test>::hashed_key_for(1),
		Requesters::<Test>::hashed_key_for(account(1)),
		NextJob::<Test>::hashed_key().to_vec(),
		ExpectedTime::<Test>::hashed_key().to_vec(),
		Agenda::<Test>::hashed_key_for(Duty::Draw, 1),
		Agenda::<Test>::hashed_key_for(Duty::Deadline, 1),
		AgendaFront::<Test>::hashed_key_for(Duty::Draw),
		Retained::<Test>::hashed_key_for(1),
		RetainedRange::<Test>::hashed_key().to_vec(),
		AuditCandidates::<Test>::hashed_key().to_vec(),
		Members::<Test>::hashed_key_for(1, 2),
		Places::<Test>::hashed_key_for(key(1).public(), 2),
		Electorate::<Test>::hashed_key().to_vec(),
		Rosters::<Test>::hashed_key_for(hash(1)),
		OutOfService::<Test>::hashed_key().to_vec(),
		ServiceLedgers::<Test>::hashed_key_for(account(1)),
		RecentVrfs::<Test>::hashed_key().to_vec(),
	];
	assert_eq!(digest(keys), "1099 0a4a3f100c19049c");
}

#[test]
fn the_mailbox_and_the_worker_understand_each_other_as_ever() {
	let target = VoteTarget { fingerprint: hash(1), draw: hash(2), round: 1 };
	let output = answer("eng");
	let request = InferenceRequest::V1 {
		job: hash(1),
		model: hash(2),
		input: Input::Raw(b"hello".to_vec()),
		max_output_units: 3,
		sampling: options().sampling,
		format: options().format,
		claimed: Some(output.clone()),
		seed: [4; 32],
		deadline: 5,
	};
	let samples = [
		digest(request),
		digest(InferenceResponse::V1(Ok(Answered { output: output.clone(), trace: hash(3) }))),
		digest(InferenceResponse::V1(Err(AbstainReason::EngineFailed))),
		digest(ModelStatuses::V1([(hash(1), Availability::Serves(PACE))].into())),
		digest(StoredVote::V1 { commitment: hash(1), output, work: hash(2) }),
		digest(StoredVote::Abstained(AbstainReason::NoModel)),
		digest(Clearing::V1(vec![ClearAt { target, seat: 3, block: 4 }])),
		digest(Sent::V1(vec![SentBallot { session: 1, authority_index: 2, votes: hash(3), at: 4 }])),
	];
	assert_eq!(
		samples,
		[
			"148 8b34feca0ff09dad",
			"43 edaf7acc902efe81",
			"3 08cce3cf72392da5",
			"47 6d23eb9dca8152d6",
			"74 fc6b1dbc66dab0e5",
			"2 8080778c30c20fa2",
			"73 a2b7586b3f87bc61",
			"46 7615e39b82d19c19",
		]
	);
}

#[test]
fn ballots_travel_as_ever() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let VersionedBallot::V1(mut signed) = Votes::of(0)
			.commit(id, &answer("eng"))
			.abstain(id)
			.reveal(id, &answer("eng"))
			.attest(Availability::Serves(PACE))
			.sign();
		// The draw and what follows from it are the other tests'.
		let target = VoteTarget { fingerprint: hash(1), draw: hash(2), round: 1 };
		signed.ballot.commits[0].target = target;
		signed.ballot.commits[0].commitment = hash(3);
		signed.ballot.commits[0].seat = 4;
		signed.ballot.abstentions[0].target = target;
		signed.ballot.abstentions[0].seat = 4;
		let reveal = &mut signed.ballot.reveals[0];
		(reveal.target, reveal.seat, reveal.work, reveal.salt) = (target, 4, hash(5), hash(6));
		signed.ballot.attestations[0].model = hash(7);
		signed.signature = key(1).sign(b"a ballot");
		let payload = digest(signed.ballot.signing_payload(&hash(9)));
		assert_eq!([payload, digest(VersionedBallot::V1(signed))], ["436 ad235bbdf485e695", "466 a6cdf250f84a298d"]);
	});
}

//! Anything in any entry, as a worker of another version may write it.

use super::*;
use crate::inference::mock::{metrics, request, versioned_ballot, SharedStorage};
use sibyl_fuzzing::{fuzz, Random};
use sibyl_primitives::{
	job::AbstainReason,
	mailbox::{CLEARING, SENT},
	Hash,
};

fn value(random: &mut Random) -> Vec<u8> {
	let mut bytes = match random.below(6) {
		0 => request(random.below(3) as u8).1.encode(),
		1 => versioned_ballot(random.below(3) as u32, random.number(32) as u32).encode(),
		2 => InferenceResponse::V1(Err(AbstainReason::TooSlow)).encode(),
		3 => {
			let pace = Pace { job: random.number(32) as u32, input_unit: 1, output_unit: random.number(32) as u32 };
			ModelStatuses::V1([(Hash::zero(), Availability::Serves(pace))].into()).encode()
		}
		4 => Started::V1(vec![Hash::zero(); random.below(3)]).encode(),
		_ => {
			let length = random.length();
			random.bytes(length)
		}
	};
	if random.one_in(3) {
		random.mutate(&mut bytes);
	}
	bytes
}

fn reads<T: Decode>(bytes: &[u8]) -> Option<T> {
	T::decode_all(&mut &bytes[..]).ok()
}

#[test]
fn what_can_be_read_is_heard_and_what_can_not_is_left_alone() {
	let jobs = [0, 1, 2].map(|n| request(n).0);
	let (mut heard, mut unread) = (0, 0);
	let ran = fuzz(2_000, |case| {
		let plain = SharedStorage::default();
		let (mut notifying, notices) = NotifyingStorage::new(plain.clone(), metrics());
		let mut mailbox = Mailbox::new(plain.clone());
		for _ in 0..12 {
			let random = &mut case.random;
			let job = *random.pick(&jobs);
			let keys =
				[request_key(&job), response_key(&job), OUTBOX.into(), MODELS.into(), STARTED.into(), SENT.into()];
			let mut key = if random.one_in(9) { CLEARING.to_vec() } else { random.pick(&keys).clone() };
			if random.one_in(12) {
				random.mutate(&mut key);
			}
			let bytes = value(random);
			let prefix = if random.one_in(9) { b"other" } else { STORAGE_PREFIX };
			case.tries(&[key.clone(), bytes.clone()].concat());
			let random = &mut case.random;
			let before = plain.get(prefix, &key);
			let is_set = match random.one_in(3) {
				true => notifying.compare_and_set(prefix, &key, before.as_deref().filter(|_| random.one_in(2)), &bytes),
				false => {
					notifying.set(prefix, &key, &bytes);
					true
				}
			};
			let is_ours = is_set && prefix == STORAGE_PREFIX;
			let ballot = reads::<VersionedBallot>(&bytes).filter(|_| is_ours && key == OUTBOX);
			let asked = reads::<InferenceRequest>(&bytes).filter(|_| is_ours && key.starts_with(REQUEST_PREFIX));
			heard += u64::from(ballot.is_some() || asked.is_some());
			assert_eq!(notices.ballots.try_recv().ok(), ballot);
			assert_eq!(notices.requests.try_recv().ok(), asked);

			let entry = |key: &[u8]| plain.get(STORAGE_PREFIX, key);
			assert_eq!(mailbox.request(&job), entry(&request_key(&job)).and_then(|bytes| reads(&bytes)));
			assert_eq!(mailbox.is_answered(&job), entry(&response_key(&job)).is_some());
			assert_eq!(
				mailbox.started().is_none(),
				entry(STARTED).is_some_and(|bytes| reads::<Started>(&bytes).is_none())
			);
			unread += u64::from(mailbox.started().is_none());
			let random = &mut case.random;
			match random.below(6) {
				0 => {
					let asked = entry(&request_key(&job)).is_some();
					let answer = InferenceResponse::V1(Err(AbstainReason::NoModel));
					let had = entry(&response_key(&job));
					mailbox.respond(&job, &answer);
					let has = plain.get(STORAGE_PREFIX, &response_key(&job));
					assert_eq!(has, if asked { Some(answer.encode()) } else { had });
				}
				1 => {
					let model = Hash::repeat_byte(random.below(3) as u8);
					mailbox.set_model_status(&model, Availability::Withdrawn);
					assert!(mailbox.has_told_of(&model) && mailbox.told_pace(&model).is_none());
				}
				2 => {
					mailbox.keep_models(|model| *model == Hash::zero());
					assert!(!mailbox.has_told_of(&Hash::repeat_byte(1)));
				}
				3 => drop(mailbox.told_pace(&Hash::zero())),
				_ => {}
			}
		}
	});
	assert!(ran == 1 || (heard > 300 && unread > 300), "{heard} {unread}");
}

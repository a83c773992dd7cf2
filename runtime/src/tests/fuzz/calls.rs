//! Random calls, by the runtime's own types, of things that are there.

use super::{account, votes, wreckers::wrecks, ACCOUNTS, MAX_DEPTH};
use crate::{configs::governance::CouncilInstance, models, AccountId, Hash, Inference, Runtime, RuntimeCall, System};
use codec::{DecodeLimit, Encode};
use sibyl_fuzzing::{Place, Random, Types};
use sibyl_primitives::{
	format::Format,
	input::{Input, Message, Role},
	job::{JobOptions, Seats},
};
use sp_keyring::Sr25519Keyring::One;
use sp_runtime::MultiAddress;

/// Calls that stand deeper in others than this are remarks.
const DEEPEST_CALL: usize = 12;

/// The calls of this runtime.
pub(super) struct Calls(Types);

/// What calls can name.
pub(super) struct Known {
	numbers: Vec<u128>,
	accounts: Vec<AccountId>,
	hashes: Vec<Hash>,
	ballots: Vec<Vec<u8>>,
}

impl Calls {
	pub(super) fn new() -> Self {
		Self(Types::of::<RuntimeCall>())
	}

	/// What there is now.
	pub(super) fn known(&self, random: &mut Random) -> Known {
		let now = u128::from(System::block_number());
		let mut numbers = vec![now, now + 1, 1_000_000_000_000, 1_000_000_000, 100_000_000_000_000_000];
		let mut hashes = vec![Hash::zero(), System::block_hash(0)];
		hashes.extend(pallet_models::Models::<Runtime>::iter_keys());
		hashes.extend(pallet_collective::Proposals::<Runtime, CouncilInstance>::get());
		hashes.extend(pallet_preimage::RequestStatusFor::<Runtime>::iter_keys());
		hashes.extend(pallet_scheduler::Lookup::<Runtime>::iter_keys().map(Hash::from));
		for (id, job) in pallet_inference::Jobs::<Runtime>::iter().take(20) {
			numbers.push(id.into());
			hashes.push(job.fingerprint);
		}
		let mut accounts: Vec<_> = ACCOUNTS.into_iter().chain([One]).map(account).collect();
		accounts.push(Inference::protocol_account());
		accounts.push(AccountId::new([0; 32]));
		let ballots = votes::ballots(random).iter().map(Encode::encode).collect();
		Known { numbers, accounts, hashes, ballots }
	}

	/// The bytes of a call, or nearly of one.
	pub(super) fn bytes(&self, random: &mut Random, known: &Known) -> Vec<u8> {
		let mut bytes = match random.below(8) {
			0..3 => likely(random, known).encode(),
			_ => self.0.value(random, &known.numbers, |random, place| part(random, known, place)),
		};
		if random.one_in(6) {
			random.mutate(&mut bytes);
		}
		bytes
	}

	/// A call, if the bytes are one that can't wreck the chain by right.
	pub(super) fn any(&self, random: &mut Random, known: &Known, is_root: bool) -> Option<RuntimeCall> {
		let bytes = self.bytes(random, known);
		let call = RuntimeCall::decode_all_with_depth_limit(MAX_DEPTH, &mut &bytes[..]).ok()?;
		(!wrecks(&call, is_root)).then_some(call)
	}
}

/// A part of a call that is to be one of those that there are, mostly.
fn part(random: &mut Random, known: &Known, place: &Place) -> Option<Vec<u8>> {
	match place.name {
		"RuntimeCall" if place.depth == 0 => None,
		"RuntimeCall" if place.depth > DEEPEST_CALL => {
			Some(RuntimeCall::from(frame_system::Call::remark { remark: vec![] }).encode())
		}
		"RuntimeCall" if random.one_in(3) => Some(likely(random, known).encode()),
		"AccountId32" => Some(random.pick(&known.accounts).encode()),
		"MultiAddress" if !random.one_in(8) => {
			Some(MultiAddress::<_, ()>::Id(random.pick(&known.accounts).clone()).encode())
		}
		"H256" if !random.one_in(8) => Some(random.pick(&known.hashes).encode()),
		"JobOptions" if !random.one_in(4) => Some(options(random).encode()),
		"Input" if random.one_in(2) => Some(input(random).encode()),
		"VersionedBallot" if !known.ballots.is_empty() && !random.one_in(3) => {
			let mut ballot = random.pick(&known.ballots).clone();
			if random.one_in(4) {
				random.mutate(&mut ballot);
			}
			Some(ballot)
		}
		"ModelManifest" if !random.one_in(4) => {
			let mut manifest = random.pick(&models::all()).clone();
			let name = format!("model-{}", random.below(6));
			manifest.revision.name = name.as_str().try_into().expect("it is short");
			manifest.revision.semantics = random.below(4) as u32;
			Some(manifest.encode())
		}
		_ => None,
	}
}

/// A call that is likely to succeed.
fn likely(random: &mut Random, known: &Known) -> RuntimeCall {
	let model = *random.pick(&known.hashes);
	let amount = random.number(60);
	match random.below(8) {
		0..3 => {
			let model = models::common_lingua().revision.id();
			let options = JobOptions { format: Format::default(), max_output_units: 0, ..options(random) };
			pallet_inference::Call::submit { model, input: "x".into(), options, max_fee: u128::MAX }.into()
		}
		3 => {
			let model = models::common_lingua().revision.id();
			let options = JobOptions { format: Format::default(), max_output_units: 0, ..options(random) };
			let interval = 5 + random.below(9) as u32;
			let (max_fee, funds) = (u128::MAX >> 64, amount);
			pallet_feeds::Call::create_feed { model, input: "x".into(), options, interval, max_fee, funds }.into()
		}
		4 => pallet_inference::Call::bond_service { amount }.into(),
		5 => pallet_inference::Call::unbond_service { amount }.into(),
		6 if random.one_in(2) => pallet_models::Call::suspend { model }.into(),
		6 => pallet_models::Call::resume { model }.into(),
		_ => {
			let dest = MultiAddress::Id(random.pick(&known.accounts).clone());
			pallet_balances::Call::transfer_allow_death { dest, value: amount }.into()
		}
	}
}

fn options(random: &mut Random) -> JobOptions {
	let format = match random.below(6) {
		0 => Format::Number { min: random.number(64) as i64, max: random.number(64) as i64, decimals: 2 },
		1 => Format::Json("{}".try_into().expect("it is short")),
		2 => Format::Regex("[a-z]+".try_into().expect("it is short")),
		_ => Format::default(),
	};
	JobOptions {
		seats: *random.pick(&[Seats::Fixed(1), Seats::Fixed(3), Seats::Fixed(15), Seats::All]),
		max_output_units: *random.pick(&[0, 0, 1, 8, 1_024]),
		draw_delay: 1 + random.below(8) as u8,
		seed: random.one_in(2).then_some(7),
		format,
		reuse: random.one_in(2),
		..Default::default()
	}
}

fn input(random: &mut Random) -> Input {
	let length = match random.below(4) {
		0 => *random.pick(&[8_191, 8_192, 8_193]),
		_ => 1 + random.below(9),
	};
	let text = vec![b'x'; length];
	match random.below(4) {
		0 => Input::Raw(text),
		1 => Input::Messages(vec![Message { role: Role::User, text }; 1 + random.below(3)]),
		_ => Input::Text(text),
	}
}

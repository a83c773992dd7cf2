//! Calls of every kind in real blocks, and what must hold whatever they are.

mod calls;
mod checks;
mod votes;
mod wreckers;

use super::{
	inference::{account, claim, serve, FIRST_SLOT},
	storage,
};
use crate::{
	configs::{governance::CouncilInstance, system::RuntimeBlockWeights},
	genesis, tx_extension, AccountId, Executive, Hash, Header, Runtime, RuntimeCall, RuntimeOrigin, Session, System,
	UncheckedExtrinsic,
};
use calls::Calls;
use checks::Checks;
use codec::{DecodeLimit, DecodeWithMemLimit, Encode};
use frame_support::{
	dispatch::{extract_actual_weight, DispatchClass, GetDispatchInfo},
	storage::with_transaction_unchecked,
	traits::DisabledValidators,
};
use sibyl_fuzzing::{fuzz, Case, Random};
use sp_consensus_babe::Slot;
use sp_core::{sr25519, ByteArray as _, Pair as _};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::{
	generic::Era,
	traits::{Dispatchable, Header as _},
	Digest, MultiAddress, MultiSignature, TransactionOutcome,
};
use std::sync::LazyLock;

/// Histories of the usual run.
const HISTORIES: u64 = 20;
/// Bytes of memory that a byte of a call may take.
const BYTES_EACH: usize = 128;
/// How deep the executive reads calls.
const MAX_DEPTH: u32 = 256;
/// Calls in a block, at most.
const CALLS: usize = 16;
/// Blocks in a history, at most: there are a new session after 20 and a new era after 40.
const BLOCKS: usize = 48;
const ACCOUNTS: [Sr25519Keyring; 6] = [Alice, Bob, Charlie, Dave, Eve, Ferdie];

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
enum Caller {
	/// An account, by a transaction or as if by one.
	Account(Sr25519Keyring),
	/// Nobody signs it.
	Nobody,
	/// Alice has the key of sudo.
	Sudo,
	/// Root, as for a call whose time has come.
	Root,
	/// So many of the council's three members.
	Council(u32),
}

impl Caller {
	fn any(random: &mut Random) -> Self {
		match random.below(16) {
			0..8 => Self::Account(*random.pick(&ACCOUNTS)),
			8..10 => Self::Nobody,
			10..12 => Self::Sudo,
			12..14 => Self::Root,
			_ => Self::Council(1 + random.below(3) as u32),
		}
	}

	fn origin(self) -> RuntimeOrigin {
		match self {
			Self::Account(who) => RuntimeOrigin::signed(account(who)),
			Self::Nobody => RuntimeOrigin::none(),
			Self::Sudo | Self::Root => RuntimeOrigin::root(),
			Self::Council(yes) => pallet_collective::RawOrigin::<AccountId, CouncilInstance>::Members(yes, 3).into(),
		}
	}

	fn is_root(self) -> bool {
		matches!(self, Self::Sudo | Self::Root)
	}
}

/// The key of the account. Making one takes a millisecond.
fn pair(who: Sr25519Keyring) -> sr25519::Pair {
	static PAIRS: LazyLock<Vec<sr25519::Pair>> = LazyLock::new(|| ACCOUNTS.iter().map(|who| who.pair()).collect());
	let place = ACCOUNTS.iter().position(|account| *account == who).expect("all that sign are among them");
	PAIRS[place].clone()
}

/// The transaction as a wallet signs it.
fn signed(who: Sr25519Keyring, call: RuntimeCall, tip: u128) -> UncheckedExtrinsic {
	let nonce = System::account_nonce(account(who));
	let extension = tx_extension(Era::Immortal, nonce, tip);
	let payload = sp_runtime::generic::SignedPayload::new(call.clone(), extension.clone()).expect("it can be signed");
	let signature = payload.using_encoded(|bytes| pair(who).sign(bytes));
	UncheckedExtrinsic::new_signed(call, MultiAddress::Id(account(who)), MultiSignature::Sr25519(signature), extension)
}

/// Applies it as a block's author does: what is invalid leaves nothing behind.
fn apply(extrinsic: UncheckedExtrinsic) -> bool {
	with_transaction_unchecked(|| match Executive::apply_extrinsic(extrinsic) {
		Ok(applied) => TransactionOutcome::Commit(applied.is_ok()),
		Err(_) => TransactionOutcome::Rollback(false),
	})
}

/// Has the caller make the call; whether it succeeded. It must not weigh more than it said.
fn make(random: &mut Random, caller: Caller, call: RuntimeCall) -> bool {
	let info = call.get_dispatch_info();
	// No pool takes what authors alone put into blocks; a block that has it twice is invalid.
	if info.class == DispatchClass::Mandatory {
		return false;
	}
	let most = RuntimeBlockWeights::get().get(info.class).max_extrinsic;
	let fits = most.is_none_or(|most| info.call_weight.all_lte(most));
	if fits {
		with_transaction_unchecked(|| {
			let result = call.clone().dispatch(caller.origin());
			let post = result.unwrap_or_else(|failed| failed.post_info);
			let said = post.actual_weight.unwrap_or(info.call_weight);
			assert!(said.all_lte(info.call_weight), "it weighed {said:?}, and said {:?}", info.call_weight);
			assert_eq!(extract_actual_weight(&Ok(post), &info), said);
			TransactionOutcome::Rollback(())
		});
	}
	match caller {
		Caller::Account(who) => {
			let tip = if random.one_in(8) { random.number(60) } else { 0 };
			apply(signed(who, call, tip))
		}
		Caller::Nobody => apply(UncheckedExtrinsic::new_bare(call)),
		Caller::Sudo => apply(signed(Alice, pallet_sudo::Call::sudo { call: Box::new(call) }.into(), 0)),
		Caller::Root | Caller::Council(_) => fits && call.dispatch(caller.origin()).is_ok(),
	}
}

/// Authors that may make a block.
fn authors() -> Vec<Sr25519Keyring> {
	let authorities = pallet_babe::Authorities::<Runtime>::get();
	let place = |author: &Sr25519Keyring| {
		let key = author.public().to_vec();
		authorities.iter().position(|(authority, _)| authority.to_raw_vec() == key)
	};
	let may = |author: &Sr25519Keyring| place(author).is_some_and(|place| !Session::is_disabled(place as u32));
	ACCOUNTS.into_iter().filter(may).collect()
}

/// Makes a block in the slot, unless its author is disabled in it: then nobody would take it. Whether there is one.
fn block(number: u32, slot: u64, author: Sr25519Keyring, calls: impl FnOnce()) -> bool {
	with_transaction_unchecked(|| {
		let slot = Slot::from(FIRST_SLOT + slot);
		let digest = Digest { logs: vec![claim(author, slot)] };
		let parent = if number == 1 { System::block_hash(0) } else { System::parent_hash() };
		Executive::initialize_block(&Header::new(number, Hash::zero(), Hash::zero(), parent, digest));
		let now = *slot * crate::constants::SLOT_DURATION;
		assert!(apply(UncheckedExtrinsic::new_bare(pallet_timestamp::Call::set { now }.into())));
		calls();
		if !authors().contains(&author) {
			return TransactionOutcome::Rollback(false);
		}
		Executive::finalize_block();
		TransactionOutcome::Commit(true)
	})
}

/// What the histories have seen, so that a test of calls that are all refused fails.
#[derive(Debug, Default)]
struct Seen {
	made: u64,
	refused: u64,
	agreed: u64,
	second_rounds: u64,
	sessions: u32,
}

fn history(case: &mut Case, calls: &Calls, seen: &mut Seen) {
	serve();
	let mut checks = Checks::new();
	let blocks = 2 + case.random.below(BLOCKS);
	let (mut number, mut slot) = (1, 0);
	while number as usize <= blocks {
		slot += 1;
		let authors = authors();
		// All validators have left, or will with the session: nobody is there to go on.
		if authors.is_empty() || pallet_session::QueuedKeys::<Runtime>::get().is_empty() {
			break;
		}
		let author = *case.random.pick(&authors);
		let is_made = block(number, slot, author, || {
			if let Some(include) = votes::include(&mut case.random) {
				case.tries(&include.encode());
				assert!(apply(UncheckedExtrinsic::new_bare(include.into())), "votes are never a block's fault");
			}
			let known = calls.known(&mut case.random);
			for _ in 0..case.random.below(CALLS) {
				let caller = Caller::any(&mut case.random);
				let Some(call) = calls.any(&mut case.random, &known, caller.is_root()) else { continue };
				case.tries(&call.encode());
				let told = call.clone();
				let made = make(&mut case.random, caller, call);
				if made {
					case.tells(|| format!("block {number}, {caller:?}: {told:?}"));
				}
				seen.made += u64::from(made);
				seen.refused += u64::from(!made);
			}
		});
		if is_made {
			checks.after_block(number);
			number += 1;
		}
	}
	seen.sessions += Session::current_index();
	for (_, job) in pallet_inference::Jobs::<Runtime>::iter() {
		seen.agreed += u64::from(job.agreed.is_some());
		seen.second_rounds += u64::from(job.round > 0);
	}
}

#[test]
fn calls_of_all_kinds_leave_a_chain_on_which_all_invariants_hold() {
	let (storage, calls) = (storage(genesis::LOCAL_TESTNET), Calls::new());
	let mut seen = Seen::default();
	let ran = fuzz(HISTORIES, |case| {
		sp_io::TestExternalities::new(storage.clone()).execute_with(|| history(case, &calls, &mut seen));
	});
	println!("{seen:?}");
	let Seen { made, refused, agreed, second_rounds, sessions } = seen;
	let counts = [made / 20, refused / 20, agreed, second_rounds, sessions.into()];
	assert!(ran < HISTORIES || counts.iter().all(|count| *count > 5), "{counts:?}");
}

#[test]
fn what_decodes_as_a_call_takes_memory_by_its_length_and_is_read_the_same_again() {
	let (storage, calls) = (storage(genesis::LOCAL_TESTNET), Calls::new());
	sp_io::TestExternalities::new(storage).execute_with(|| {
		let known = calls.known(&mut Random::new(0));
		let mut read = 0;
		let ran = fuzz(5_000, |case| {
			let mut bytes = calls.bytes(&mut case.random, &known);
			match case.random.below(4) {
				0 => {
					let length = case.random.below(200);
					bytes.truncate(2);
					bytes.extend(case.random.bytes(length));
				}
				1 => bytes.iter_mut().skip(2).for_each(|byte| *byte |= 3),
				_ => {}
			}
			case.tries(&bytes);
			let Ok(call) = RuntimeCall::decode_all_with_depth_limit(MAX_DEPTH, &mut &bytes[..]) else { return };
			read += 1;
			let most = BYTES_EACH * bytes.len() + 4 * size_of::<RuntimeCall>();
			assert!(
				RuntimeCall::decode_with_mem_limit(&mut &bytes[..], most).is_ok(),
				"it takes more than {most} bytes"
			);
			let again = call.encode();
			assert_eq!(RuntimeCall::decode_all_with_depth_limit(MAX_DEPTH, &mut &again[..]), Ok(call));
		});
		assert!(ran == 1 || (ran / 4..ran).contains(&read), "{read} of {ran} were calls");
	});
}

//! What stands for sessions, stakes, offences and the VRF, as the tests set them.

use super::*;
use sp_io::hashing::blake2_256;
use std::cell::{Cell, RefCell};

thread_local! {
	static VRF: RefCell<Vrf> = const { RefCell::new(Vrf::OfEachBlock) };
	pub static SESSION: Cell<SessionIndex> = const { Cell::new(0) };
	static DISABLED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
	pub static STAKES: RefCell<Vec<(u8, Balance)>> = const { RefCell::new(Vec::new()) };
	static AUDIT_ODDS: Cell<u32> = const { Cell::new(u32::MAX) };
	static PHASES: Cell<(BlockNumber, BlockNumber)> = const { Cell::new((GRACE, REVEAL_WINDOW)) };
	static ACTIVE_STAKE: Cell<Perbill> = const { Cell::new(Perbill::zero()) };
	pub static OFFENCES: RefCell<Vec<Offence>> = const { RefCell::new(Vec::new()) };
}

/// What the pallet reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offence {
	Contradicted { validators: Vec<AccountId>, session: SessionIndex, case: (JobId, Round) },
	Equivocated { reporter: Option<AccountId>, validator: AccountId, session: SessionIndex, seat: Hash },
}

/// What was reported so far.
pub fn offences() -> Vec<Offence> {
	OFFENCES.with_borrow(Clone::clone)
}

pub struct TestOffences;
impl Offences for TestOffences {
	fn contradicted(validators: Vec<AccountId>, session: SessionIndex, case: (JobId, Round)) {
		OFFENCES.with_borrow_mut(|offences| offences.push(Offence::Contradicted { validators, session, case }));
	}

	fn equivocated(reporter: Option<AccountId>, validator: AccountId, session: SessionIndex, seat: Hash) -> bool {
		if Self::is_known_equivocation(&validator, &seat) {
			return false;
		}
		let offence = Offence::Equivocated { reporter, validator, session, seat };
		OFFENCES.with_borrow_mut(|offences| offences.push(offence));
		true
	}

	fn is_known_equivocation(validator: &AccountId, seat: &Hash) -> bool {
		offences().iter().any(|offence| {
			matches!(offence, Offence::Equivocated { validator: known, seat: of, .. } if known == validator && of == seat)
		})
	}
}

pub struct TestNextKeys;
impl Get<Vec<(AccountId, InferenceId)>> for TestNextKeys {
	fn get() -> Vec<(AccountId, InferenceId)> {
		vec![(account(0), key(50).public())]
	}
}

pub struct TestVrf;
impl Get<Option<[u8; 32]>> for TestVrf {
	fn get() -> Option<[u8; 32]> {
		VRF.with_borrow(|vrf| match vrf {
			Vrf::OfEachBlock => Some(blake2_256(&frame_system::Pallet::<Test>::block_number().encode())),
			Vrf::Set(vrf) => *vrf,
		})
	}
}

pub struct TestSession;
impl Get<SessionIndex> for TestSession {
	fn get() -> SessionIndex {
		SESSION.get()
	}
}

pub struct TestStake;
impl StakeOf for TestStake {
	fn stake_of(validator: &AccountId) -> Balance {
		let of = |(number, stake): &(u8, Balance)| (account(*number) == *validator).then_some(*stake);
		STAKES.with_borrow(|stakes| stakes.iter().find_map(of)).unwrap_or(1_000)
	}
}

pub struct TestAuditOdds;
impl Get<u32> for TestAuditOdds {
	fn get() -> u32 {
		AUDIT_ODDS.get()
	}
}

/// Audits one of so many agreed jobs; none, unless a test wants that.
pub fn set_audit_odds(odds: u32) {
	AUDIT_ODDS.set(odds);
}

pub struct TestGrace;
impl Get<BlockNumber> for TestGrace {
	fn get() -> BlockNumber {
		PHASES.get().0
	}
}

pub struct TestRevealWindow;
impl Get<BlockNumber> for TestRevealWindow {
	fn get() -> BlockNumber {
		PHASES.get().1
	}
}

/// Sets the blocks of grace and those for reveals.
pub fn set_phases(grace: BlockNumber, reveals: BlockNumber) {
	PHASES.set((grace, reveals));
}

pub struct TestActiveStake;
impl Get<Perbill> for TestActiveStake {
	fn get() -> Perbill {
		ACTIVE_STAKE.get()
	}
}

/// What a model's validators must have of all stake; nothing, unless a test wants that.
pub fn set_active_stake(share: Perbill) {
	ACTIVE_STAKE.set(share);
}

pub struct TestDisabled;
impl DisabledValidators for TestDisabled {
	fn is_disabled(index: u32) -> bool {
		DISABLED.with_borrow(|disabled| disabled.contains(&index))
	}
	fn disabled_validators() -> Vec<u32> {
		DISABLED.with_borrow(Clone::clone)
	}
}

/// Disables these authorities from now on.
pub fn disable(indices: &[u32]) {
	DISABLED.set(indices.to_vec());
}

/// What a block's VRF is.
enum Vrf {
	/// Another in each block, as it is in a chain.
	OfEachBlock,
	/// What a test wants.
	Set(Option<[u8; 32]>),
}

/// Lets each block have a VRF of its own.
pub fn reset_vrf() {
	VRF.set(Vrf::OfEachBlock);
}

/// What the next blocks' VRF is; none lets draws wait.
pub fn set_vrf(vrf: Option<[u8; 32]>) {
	VRF.set(Vrf::Set(vrf));
}

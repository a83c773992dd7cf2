//! What the runtime says of validators, and hears of them.

use super::*;

/// Says how much a validator has at stake, in the session that has just begun.
pub trait StakeOf {
	/// All that is staked on the validator.
	fn stake_of(validator: &AccountId) -> Balance;
}

/// Hears of what validators are punished for, beyond what their service bonds cover.
pub trait Offences {
	/// These validators, drawn in that session, said what a second round contradicts. The case is the job and the round of
	/// their seats: one offence each.
	fn contradicted(validators: Vec<AccountId>, session: SessionIndex, case: (JobId, Round));
	/// That validator signed two commits of one seat. Returns whether it was news.
	fn equivocated(reporter: Option<AccountId>, validator: AccountId, session: SessionIndex, seat: Hash) -> bool;
	/// Whether that is known.
	fn is_known_equivocation(validator: &AccountId, seat: &Hash) -> bool;
}

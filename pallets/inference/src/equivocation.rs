//! Validators that sign two commits of one seat, and the two ballots that prove it.

use super::*;
use codec::Encode;
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get};
use sibyl_primitives::vote::{Commit, VoteTarget};
use sp_io::hashing::blake2_256;
use sp_runtime::transaction_validity::{
	InvalidTransaction, TransactionPriority, TransactionSource, TransactionValidity, TransactionValidityError,
	ValidTransaction,
};

/// What two ballots prove.
struct Equivocation {
	validator: AccountId,
	session: SessionIndex,
	target: VoteTarget,
	seat: SeatIndex,
}

impl Equivocation {
	/// What the offence is known by: one for each seat.
	fn seat_hash(&self) -> Hash {
		blake2_256(&(self.target, self.seat).encode()).into()
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_report_equivocation(
		reporter: Option<AccountId>,
		first: &SignedBallot,
		second: &SignedBallot,
	) -> DispatchResult {
		let equivocation = Self::equivocation(first, second).ok_or(Error::<T>::NotAnEquivocation)?;
		let seat_hash = equivocation.seat_hash();
		let Equivocation { validator, session, target, seat } = equivocation;
		let is_news = T::Offences::equivocated(reporter, validator.clone(), session, seat_hash);
		ensure!(is_news, Error::<T>::EquivocationKnown);
		let VoteTarget { fingerprint, round, .. } = target;
		Self::deposit_event(Event::Equivocated { validator, fingerprint, round, seat });
		Ok(())
	}

	/// What the ballots prove: that one validator signed two different commits of one seat.
	fn equivocation(first: &SignedBallot, second: &SignedBallot) -> Option<Equivocation> {
		let (session, index) = (first.ballot.session, first.ballot.authority_index);
		if (second.ballot.session, second.ballot.authority_index) != (session, index) {
			return None;
		}
		let member = Members::<T>::get(session, index)?;
		let Commit { target, seat, .. } = contradiction(first, second)?;
		let genesis = Self::genesis();
		let are_signed = [first, second].iter().all(|signed| signed.is_signed_by(&genesis, &member.key));
		are_signed.then_some(Equivocation { validator: member.validator, session, target, seat })
	}

	/// Whether the pool takes the report: of this node's own, or in a block.
	pub(crate) fn validate_report(source: TransactionSource, call: &Call<T>) -> TransactionValidity {
		let Call::report_equivocation_unsigned { first, second } = call else {
			return Err(InvalidTransaction::Call.into());
		};
		if !matches!(source, TransactionSource::Local | TransactionSource::InBlock) {
			return Err(InvalidTransaction::Call.into());
		}
		let seat = Self::check_proof(first, second)?;
		ValidTransaction::with_tag_prefix("InferenceEquivocation")
			.priority(TransactionPriority::MAX)
			.and_provides(seat)
			.longevity(u64::from(T::KeySetHistory::get()))
			.propagate(false)
			.build()
	}

	/// Whether what nobody signed can be in a block: a report, or the inherent with the votes.
	pub(crate) fn check_unsigned(call: &Call<T>) -> Result<(), TransactionValidityError> {
		match call {
			Call::include { .. } => Ok(()),
			Call::report_equivocation_unsigned { first, second } => Self::check_proof(first, second).map(|_| ()),
			_ => Err(InvalidTransaction::Call.into()),
		}
	}

	fn check_proof(first: &SignedBallot, second: &SignedBallot) -> Result<Hash, TransactionValidityError> {
		let equivocation = Self::equivocation(first, second).ok_or(InvalidTransaction::BadProof)?;
		let seat = equivocation.seat_hash();
		if T::Offences::is_known_equivocation(&equivocation.validator, &seat) {
			return Err(InvalidTransaction::Stale.into());
		}
		Ok(seat)
	}
}

/// A commit of the first ballot to which one of the second is the other half of an equivocation.
fn contradiction(first: &SignedBallot, second: &SignedBallot) -> Option<Commit> {
	let contradicts = |one: &&Commit, other: &Commit| {
		(one.target, one.seat) == (other.target, other.seat) && one.commitment != other.commitment
	};
	first.ballot.commits.iter().find(|one| second.ballot.commits.iter().any(|other| contradicts(one, other))).copied()
}

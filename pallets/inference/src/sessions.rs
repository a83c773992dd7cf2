//! The inference keys of sessions.

use super::*;
use alloc::vec::Vec;
use frame_support::{
	traits::{Get, OneSessionHandler},
	BoundedVec,
};
use sibyl_primitives::{AuthorityIndex, InferenceId};
use sp_runtime::BoundToRuntimeAppPublic;

impl<T: Config> Pallet<T> {
	/// The validator at that place of that session, where its votes are still taken.
	pub(crate) fn member(session: SessionIndex, index: AuthorityIndex) -> Option<Member> {
		KeySets::<T>::get(session)?.members.into_iter().nth(index as usize)
	}

	/// The sessions whose keys vote: the current one first.
	pub(crate) fn voting_sessions() -> impl Iterator<Item = SessionIndex> {
		let current = T::CurrentSession::get();
		(current.saturating_sub(T::KeySetHistory::get())..=current).rev()
	}

	fn begin_session<'a>(session: SessionIndex, validators: impl Iterator<Item = (&'a AccountId, InferenceId)>) {
		let members: Vec<_> = validators
			.map(|(validator, key)| Member { validator: validator.clone(), key, stake: T::Stake::stake_of(validator) })
			.collect();
		let accounts: Vec<_> = members.iter().map(|member| member.validator.clone()).collect();
		pallet_models::Pallet::<T>::retain_validators(&accounts);
		// There are never more: the runtime bounds both by the same number.
		KeySets::<T>::insert(session, KeySet { members: BoundedVec::truncate_from(members) });
		if let Some(old) = session.checked_sub(T::KeySetHistory::get()).and_then(|oldest| oldest.checked_sub(1)) {
			KeySets::<T>::remove(old);
		}
	}
}

impl<T: Config> BoundToRuntimeAppPublic for Pallet<T> {
	type Public = InferenceId;
}

impl<T: Config> OneSessionHandler<AccountId> for Pallet<T> {
	type Key = InferenceId;

	fn on_genesis_session<'a, I>(validators: I)
	where
		I: Iterator<Item = (&'a AccountId, InferenceId)> + 'a,
	{
		Self::begin_session(T::CurrentSession::get(), validators);
	}

	fn on_new_session<'a, I>(_changed: bool, validators: I, _queued: I)
	where
		I: Iterator<Item = (&'a AccountId, InferenceId)> + 'a,
	{
		Self::begin_session(T::CurrentSession::get(), validators);
	}

	fn on_disabled(_: u32) {
		// Draws ask who is disabled.
	}
}

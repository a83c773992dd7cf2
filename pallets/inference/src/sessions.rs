//! The inference keys of sessions.

use super::*;
use alloc::vec::Vec;
use frame_support::traits::{Get, OneSessionHandler};
use sp_runtime::BoundToRuntimeAppPublic;

impl<T: Config> Pallet<T> {
	/// The validators of that session, in the order of their authority indices; none where its votes are not taken.
	pub(crate) fn members(session: SessionIndex) -> Vec<Member> {
		(0..).map_while(|index: AuthorityIndex| Members::<T>::get(session, index)).collect()
	}

	/// The sessions whose keys vote: the current one first.
	pub(crate) fn voting_sessions() -> impl Iterator<Item = SessionIndex> {
		let current = T::CurrentSession::get();
		(Self::oldest_voting_session()..=current).rev()
	}

	/// The oldest session whose keys vote.
	pub(crate) fn oldest_voting_session() -> SessionIndex {
		T::CurrentSession::get().saturating_sub(T::KeySetHistory::get())
	}

	fn begin_session<'a>(session: SessionIndex, validators: impl Iterator<Item = (&'a AccountId, InferenceId)>) {
		let members: Vec<_> = validators.map(|(validator, key)| Member { validator: validator.clone(), key }).collect();
		// A session of the same number is there at genesis only, where there may be one before the first.
		Self::forget_session(session);
		for (index, member) in (0..).zip(&members) {
			Members::<T>::insert(session, index, member);
			Places::<T>::insert(&member.key, session, index);
		}
		Self::rebuild_rosters(&members);
		if let Some(old) = Self::oldest_voting_session().checked_sub(1) {
			Self::forget_session(old);
		}
	}

	fn forget_session(session: SessionIndex) {
		for (index, member) in (0..).zip(Self::members(session)) {
			Members::<T>::remove(session, index);
			Places::<T>::remove(&member.key, session);
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

//! The inference keys of sessions.

use super::*;
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use frame_support::{
	defensive,
	traits::{Get, OneSessionHandler},
	BoundedVec,
};
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
		for (index, member) in (0 as AuthorityIndex..).zip(&members) {
			Members::<T>::insert(session, index, member);
			Places::<T>::insert(&member.key, session, index);
		}
		Self::convene(session, &members);
		if let Some(old) = Self::oldest_voting_session().checked_sub(1) {
			Self::forget_session(old);
		}
	}

	/// Makes the session's electorate. What was said of models by who was not in the session before counts no more.
	fn convene(session: SessionIndex, members: &[Member]) {
		let before: BTreeMap<_, _> =
			Electorate::<T>::get().into_iter().map(|elector| (elector.validator, elector.since)).collect();
		let electors = members.iter().map(|Member { validator, .. }| Elector {
			validator: validator.clone(),
			stake: T::Stake::stake_of(validator),
			since: before.get(validator).copied().unwrap_or(session),
		});
		let electors: Vec<_> = electors.collect();
		let accounts: BTreeSet<_> = electors.iter().map(|elector| &elector.validator).collect();
		OutOfService::<T>::mutate(|out| out.retain(|validator, _| accounts.contains(validator)));
		Electorate::<T>::put(BoundedVec::try_from(electors).unwrap_or_else(|electors| {
			defensive!("inference: a session has more validators than are drawn from", session);
			BoundedVec::truncate_from(electors)
		}));
	}

	fn forget_session(session: SessionIndex) {
		for (index, member) in (0 as AuthorityIndex..).zip(Self::members(session)) {
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
		// The genesis notes who has no bond once it has placed the bonds.
		Self::begin_session(T::CurrentSession::get(), validators);
	}

	fn on_new_session<'a, I>(_changed: bool, validators: I, _queued: I)
	where
		I: Iterator<Item = (&'a AccountId, InferenceId)> + 'a,
	{
		Self::begin_session(T::CurrentSession::get(), validators);
		Self::note_bonds();
	}

	fn on_disabled(_: u32) {
		// Draws ask who is disabled.
	}
}

//! When sessions and eras begin.

use super::state::State;
use crate::Error;
use pallet_babe::{CurrentSlot, EpochIndex, GenesisSlot};
use pallet_session::CurrentIndex;
use pallet_staking::{ActiveEra, ActiveEraInfo, CurrentEra, ErasStartSessionIndex};
use pallet_timing::{EpochDurationInSlots, SessionsInEra};
use sibyl_primitives::SessionIndex;
use sibyl_runtime::{constants::SLOT_DURATION, Runtime};
use sp_staking::EraIndex;

/// What a chain counts time by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
	/// The current session.
	pub session: SessionIndex,
	/// The era that validators are elected for now.
	pub active_era: EraIndex,
	/// The era whose election was held last: the active one, or the next.
	pub planned_era: EraIndex,
	/// The session that this one begins with.
	pub planned_start: SessionIndex,
	/// Sessions in an era.
	pub sessions_in_era: u32,
	/// Slots in a session.
	pub slots_in_session: u64,
	/// Slots until the next session.
	pub slots_left: u64,
}

impl Clock {
	/// As a state has it.
	pub async fn read(state: &State<'_>) -> Result<Self, Error> {
		let session = state.get("Session.CurrentIndex", CurrentIndex::<Runtime>::hashed_key()).await?.unwrap_or(0);
		let active: Option<ActiveEraInfo> = state.get("Staking.ActiveEra", ActiveEra::<Runtime>::hashed_key()).await?;
		let planned_era = state.get("Staking.CurrentEra", CurrentEra::<Runtime>::hashed_key()).await?.unwrap_or(0);
		let start = ErasStartSessionIndex::<Runtime>::hashed_key_for(planned_era);
		let planned_start = state.get("Staking.ErasStartSessionIndex", start).await?.unwrap_or(0);
		let sessions = SessionsInEra::<Runtime>::hashed_key();
		let slots = EpochDurationInSlots::<Runtime>::hashed_key();
		let slots_in_session: u64 = state.known("Timing.EpochDurationInSlots", slots).await?;
		let genesis: u64 = state.get("Babe.GenesisSlot", GenesisSlot::<Runtime>::hashed_key()).await?.unwrap_or(0);
		let epoch: u64 = state.get("Babe.EpochIndex", EpochIndex::<Runtime>::hashed_key()).await?.unwrap_or(0);
		let slot: u64 = state.get("Babe.CurrentSlot", CurrentSlot::<Runtime>::hashed_key()).await?.unwrap_or(0);
		let end = genesis.saturating_add(epoch.saturating_add(1).saturating_mul(slots_in_session));
		Ok(Self {
			session,
			active_era: active.map_or(0, |active| active.index),
			planned_era,
			planned_start,
			sessions_in_era: state.known("Timing.SessionsInEra", sessions).await?,
			slots_in_session,
			slots_left: end.saturating_sub(slot).min(slots_in_session),
		})
	}

	/// The session with which the next era begins whose election has not been held.
	pub fn next_elected(&self) -> SessionIndex {
		self.planned_start.saturating_add(self.sessions_in_era)
	}

	/// The session with which an era ends that is planned, or the first after it.
	pub fn end_of_planned_era(&self) -> SessionIndex {
		self.next_elected()
	}

	/// The session with which an era begins, if none is cut short.
	pub fn start_of(&self, era: EraIndex) -> SessionIndex {
		let later = era.saturating_sub(self.planned_era);
		self.planned_start.saturating_add(later.saturating_mul(self.sessions_in_era))
	}

	/// How long it is until a session begins, in words.
	pub fn until(&self, session: SessionIndex) -> String {
		let sessions = u64::from(session.saturating_sub(self.session));
		let slots = match sessions {
			0 => 0,
			sessions => self.slots_left.saturating_add((sessions - 1).saturating_mul(self.slots_in_session)),
		};
		in_words(slots.saturating_mul(SLOT_DURATION) / 1_000)
	}
}

/// A duration of so many seconds, as people say it.
pub fn in_words(seconds: u64) -> String {
	match seconds {
		0..=119 => format!("{seconds} s"),
		120..=7_199 => format!("{} min", seconds / 60),
		7_200..=172_799 => format!("{} h", seconds / 3_600),
		_ => format!("{} days", seconds / 86_400),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const CLOCK: Clock = Clock {
		session: 7,
		active_era: 3,
		planned_era: 4,
		planned_start: 8,
		sessions_in_era: 2,
		slots_in_session: 20,
		slots_left: 5,
	};

	#[test]
	fn who_stands_now_may_begin_with_the_era_after_the_one_that_was_elected_last() {
		assert_eq!(CLOCK.next_elected(), 10);
		assert_eq!(CLOCK.until(10), "2 min", "5 slots of this session, and two sessions of 20");
		let before = Clock { planned_era: 3, planned_start: 6, session: 6, ..CLOCK };
		assert_eq!(before.next_elected(), 8);
	}

	#[test]
	fn an_era_in_the_future_begins_so_many_eras_later() {
		assert_eq!(CLOCK.start_of(4), 8);
		assert_eq!(CLOCK.start_of(18), 36);
		assert_eq!(CLOCK.start_of(1), 8, "a past one is over");
		assert_eq!(CLOCK.until(7), "0 s");
	}

	#[test]
	fn durations_are_said_in_the_unit_that_people_use() {
		assert_eq!(
			[59, 119, 120, 7_199, 7_200, 172_800].map(in_words),
			["59 s", "119 s", "2 min", "119 min", "2 h", "2 days"]
		);
	}
}

//! What may be spent, and what was: a limit that a crash does not forget.

mod file;

pub use file::StateError;

use super::keys::{Holder, ANYONE};
use file::StateFile;
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	Balance, BlockNumber, Hash,
};
use std::{collections::BTreeMap, path::Path};

/// The ledger of an account on a chain.
pub struct Ledger {
	limit: Balance,
	file: StateFile,
	state: State,
}

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
	/// Of the file's form.
	version: u32,
	/// The chain's first block.
	genesis: Hash,
	/// The account that pays.
	account: String,
	/// What was spent, by the names of keys.
	spent: BTreeMap<String, Amount>,
	/// What may be spent yet, by jobs' places.
	held: BTreeMap<u64, Held>,
	/// The next job's place.
	next: u64,
}

/// The file's form.
const VERSION: u32 = 1;

/// What a job may cost, and whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
	key: String,
	amount: Amount,
	/// The job, once a block holds it.
	job: Option<HeldJob>,
}

/// A job that a block held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldJob {
	/// Its number then.
	pub number: JobId,
	/// What identifies it.
	pub fingerprint: Fingerprint,
	/// The block.
	pub block: BlockNumber,
	/// The transaction's fee.
	pub fee: Amount,
}

/// In the smallest unit, written as text since readers of JSON lose digits of large numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount(pub Balance);

impl Serialize for Amount {
	fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(&self.0)
	}
}

impl<'de> Deserialize<'de> for Amount {
	fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		text.parse().map(Self).map_err(serde::de::Error::custom)
	}
}

/// The place of what is held for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u64);

/// Why nothing is held.
#[derive(Debug, thiserror::Error)]
pub enum NotHeld {
	/// All keys together would cost more than they may.
	#[error("the gateway's spending limit is reached: tell its operator")]
	Limit,
	/// The key would.
	#[error("the spending limit of this API key is reached: {left} are left, and this may cost {price}")]
	KeyLimit {
		/// What it may cost yet.
		left: String,
		/// What the jobs may.
		price: String,
	},
	/// It can't be written down, so that a crash would forget it.
	#[error(transparent)]
	State(#[from] StateError),
}

/// What a key has spent and may spend, in the smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
	/// What its jobs cost.
	pub spent: Balance,
	/// What its open jobs may cost.
	pub held: Balance,
	/// What it may cost in all.
	pub limit: Balance,
}

impl Ledger {
	/// The ledger in this file, which no other gateway may use meanwhile.
	pub fn open(path: &Path, genesis: Hash, account: String, limit: Balance) -> Result<Self, StateError> {
		let (file, found) = StateFile::open(path)?;
		let state = match found {
			Some(state) if state.version != VERSION => return Err(file.wrong("it is of another release")),
			Some(state) if (&state.genesis, &state.account) != (&genesis, &account) => {
				return Err(file.wrong("it is of another chain or another account"));
			}
			Some(state) => state,
			None => {
				State { version: VERSION, genesis, account, spent: BTreeMap::new(), held: BTreeMap::new(), next: 0 }
			}
		};
		// Told now, where there is no room for it, rather than when the first one asks.
		file.write(&state)?;
		Ok(Self { limit, file, state })
	}

	/// Holds what jobs may cost, each of them or none, so that all together never cost more than the limits.
	pub fn hold(&mut self, holder: &Holder, amounts: &[Balance]) -> Result<Vec<Place>, NotHeld> {
		let amount = amounts.iter().fold(0, |sum: Balance, amount| sum.saturating_add(*amount));
		let all = self.all();
		if amount > self.limit.saturating_sub(all.spent.saturating_add(all.held)) {
			return Err(NotHeld::Limit);
		}
		if let Some(limit) = holder.limit {
			let own = self.of(holder);
			let left = limit.saturating_sub(own.spent.saturating_add(own.held));
			if amount > left {
				let [left, price] = [left, amount].map(crate::sib);
				return Err(NotHeld::KeyLimit { left, price });
			}
		}
		let mut state = self.state.clone();
		let mut places = Vec::with_capacity(amounts.len());
		for amount in amounts {
			let place = state.next;
			state.next = place.saturating_add(1);
			state.held.insert(place, Held { key: holder.name.clone(), amount: Amount(*amount), job: None });
			places.push(Place(place));
		}
		self.file.write(&state)?;
		self.state = state;
		Ok(places)
	}

	/// Notes the job, so that what it cost can be found after a crash.
	pub fn submitted(&mut self, place: Place, job: HeldJob) -> Result<(), StateError> {
		if let Some(held) = self.state.held.get_mut(&place.0) {
			held.job = Some(job);
		}
		self.file.write(&self.state)
	}

	/// Counts what a job cost in the place of what it might have.
	pub fn settle(&mut self, place: Place, cost: Balance) -> Result<(), StateError> {
		let Some(held) = self.state.held.remove(&place.0) else { return Ok(()) };
		let spent = self.state.spent.entry(held.key).or_default();
		spent.0 = spent.0.saturating_add(cost);
		self.file.write(&self.state)
	}

	/// Counts all that a job may have cost, where nobody can tell what it did.
	pub fn settle_in_full(&mut self, place: Place) -> Result<(), StateError> {
		let amount = self.state.held.get(&place.0).map_or(0, |held| held.amount.0);
		self.settle(place, amount)
	}

	/// What is held for jobs of before, each with the job where one is known.
	pub fn left_over(&self) -> Vec<(Place, Option<HeldJob>)> {
		self.state.held.iter().map(|(place, held)| (Place(*place), held.job)).collect()
	}

	/// All keys together.
	pub fn all(&self) -> Spending {
		let spent = self.state.spent.values().fold(0, |sum: Balance, spent| sum.saturating_add(spent.0));
		let held = self.state.held.values().fold(0, |sum: Balance, held| sum.saturating_add(held.amount.0));
		Spending { spent, held, limit: self.limit }
	}

	/// One key, which never has more than all have.
	pub fn of(&self, holder: &Holder) -> Spending {
		let spent = self.state.spent.get(&holder.name).copied().unwrap_or_default().0;
		let of_key = self.state.held.values().filter(|held| held.key == holder.name);
		let held = of_key.fold(0, |sum: Balance, held| sum.saturating_add(held.amount.0));
		Spending { spent, held, limit: holder.limit.unwrap_or(self.limit).min(self.limit) }
	}
}

/// Whoever asks where no keys are needed.
pub fn anyone() -> Holder {
	Holder { name: ANYONE.into(), limit: None }
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

	const LIMIT: Balance = 100;

	struct Test {
		_folder: tempfile::TempDir,
		path: PathBuf,
	}

	impl Test {
		fn new() -> Self {
			let folder = tempfile::tempdir().expect("there is room");
			let path = folder.path().join("state.json");
			Self { _folder: folder, path }
		}

		fn open(&self) -> Result<Ledger, StateError> {
			Ledger::open(&self.path, Hash::zero(), "alice".into(), LIMIT)
		}
	}

	fn holder(limit: Option<Balance>) -> Holder {
		Holder { name: "web".into(), limit }
	}

	#[test]
	fn jobs_that_are_asked_together_should_be_held_all_or_none() {
		let test = Test::new();
		let mut ledger = test.open().expect("a new one");
		let poor = holder(Some(50));
		let refused = ledger.hold(&poor, &[20, 20, 20]).expect_err("the key has less than all need");
		assert!(matches!(refused, NotHeld::KeyLimit { .. }));
		assert!(matches!(ledger.hold(&anyone(), &[Balance::MAX, 1]), Err(NotHeld::Limit)));
		assert_eq!(ledger.all().held, 0);
		let places = ledger.hold(&poor, &[20, 30]).expect("just enough");
		assert_eq!(ledger.of(&poor).held, 50);
		ledger.settle(places[0], 5).expect("there is room");
		assert_eq!((ledger.of(&poor).spent, ledger.of(&poor).held), (5, 30), "each has a place of its own");
	}

	#[test]
	fn what_jobs_may_cost_together_should_never_be_above_the_limit() {
		let test = Test::new();
		let mut ledger = test.open().expect("a new one");
		ledger.hold(&anyone(), &[60]).expect("there is enough");
		assert!(matches!(ledger.hold(&anyone(), &[41]), Err(NotHeld::Limit)));
		ledger.hold(&anyone(), &[40]).expect("just enough");
		assert!(matches!(ledger.hold(&anyone(), &[Balance::MAX]), Err(NotHeld::Limit)));
	}

	#[test]
	fn what_a_job_did_not_cost_may_be_spent_by_the_next() {
		let test = Test::new();
		let mut ledger = test.open().expect("a new one");
		let place = ledger.hold(&anyone(), &[100]).expect("there is enough")[0];
		ledger.settle(place, 30).expect("there is room");
		assert_eq!(ledger.all(), Spending { spent: 30, held: 0, limit: LIMIT });
		ledger.settle(place, 30).expect("there is room");
		assert_eq!(ledger.all().spent, 30, "a job is counted once");
		ledger.hold(&anyone(), &[70]).expect("what is left");
	}

	#[test]
	fn a_key_should_have_its_own_limit_within_that_of_all() {
		let test = Test::new();
		let mut ledger = test.open().expect("a new one");
		let place = ledger.hold(&holder(Some(50)), &[50]).expect("there is enough")[0];
		let refused = ledger.hold(&holder(Some(50)), &[1]).expect_err("the key has no more");
		assert!(matches!(refused, NotHeld::KeyLimit { .. }));
		ledger.hold(&anyone(), &[50]).expect("others have more");
		ledger.settle(place, 50).expect("there is room");
		assert!(ledger.hold(&holder(Some(50)), &[1]).is_err());
		assert_eq!(ledger.of(&holder(Some(1_000))).limit, LIMIT);
	}

	#[test]
	fn a_crash_should_forget_neither_what_was_spent_nor_what_may_be() {
		let test = Test::new();
		let job = HeldJob { number: 7, fingerprint: Hash::repeat_byte(1), block: 3, fee: Amount(2) };
		{
			let mut ledger = test.open().expect("a new one");
			let place = ledger.hold(&holder(None), &[10]).expect("there is enough")[0];
			ledger.settle(place, 4).expect("there is room");
			let place = ledger.hold(&holder(None), &[20]).expect("there is enough")[0];
			ledger.submitted(place, job).expect("there is room");
			ledger.hold(&anyone(), &[30]).expect("there is enough");
		}
		let mut ledger = test.open().expect("the same");
		assert_eq!(ledger.all(), Spending { spent: 4, held: 50, limit: LIMIT });
		let left = ledger.left_over();
		assert_eq!(left.iter().map(|(_, job)| *job).collect::<Vec<_>>(), [Some(job), None]);
		ledger.settle_in_full(left[1].0).expect("there is room");
		assert_eq!(ledger.of(&anyone()).spent, 30);
		let fresh = ledger.hold(&anyone(), &[1]).expect("there is enough")[0];
		assert!(left.iter().all(|(place, _)| *place != fresh), "no place is given twice");
	}

	#[test]
	fn the_file_should_be_its_owners_alone_and_of_one_gateway_at_a_time() {
		let test = Test::new();
		let _ledger = test.open().expect("a new one");
		let mode = fs::metadata(&test.path).expect("it is there").permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
		assert!(matches!(test.open(), Err(StateError::InUse { .. })));
	}

	#[test]
	fn a_file_of_another_chain_or_a_damaged_one_should_be_refused_and_kept() {
		let test = Test::new();
		drop(test.open().expect("a new one"));
		for (genesis, account) in [(Hash::repeat_byte(1), "alice"), (Hash::zero(), "bob")] {
			let other = Ledger::open(&test.path, genesis, account.into(), LIMIT);
			assert!(matches!(other, Err(StateError::Wrong { .. })));
		}
		for damaged in ["", "{", "{\"version\":1}"] {
			fs::write(&test.path, damaged).expect("there is room");
			assert!(matches!(test.open(), Err(StateError::Wrong { .. })), "{damaged}");
			assert_eq!(fs::read_to_string(&test.path).expect("it is there"), damaged);
		}
	}

	#[test]
	fn nothing_should_be_held_that_can_not_be_written_down() {
		let test = Test::new();
		let mut ledger = test.open().expect("a new one");
		fs::remove_dir_all(test.path.parent().expect("it has a folder")).expect("it goes");
		assert!(matches!(ledger.hold(&anyone(), &[1]), Err(NotHeld::State(_))));
		assert_eq!(ledger.all().held, 0);
	}
}

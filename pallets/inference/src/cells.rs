//! Jobs that votes are for: each read once and written once, however many votes a block has for it.

use super::*;
use alloc::collections::BTreeMap;
use sibyl_primitives::{output::output_hash, vote::VoteTarget};

/// A job with its present committee.
pub(crate) struct Cell {
	/// The job's number.
	pub id: JobId,
	/// The job.
	pub job: Job,
	/// Its present committee.
	pub committee: Committee,
	/// The hash of the stored output, once it was looked for.
	stored: Option<Option<Hash>>,
	/// What ballots of this block bring, by its hash.
	pub brought: BTreeMap<Hash, OutputBytes>,
	/// Whether a vote was taken.
	pub is_changed: bool,
	/// Whether the block has reserved what its end may weigh.
	pub is_end_paid: bool,
}

/// What is known of the job that a vote names.
pub(crate) enum Found {
	/// This fork has no such job, or its committee, or substitutes for it, are not drawn.
	NotYet,
	/// It is over, or its present committee is another.
	Over,
	/// This.
	Cell(Box<Cell>),
}

impl Cell {
	/// The job with its present committee; none where that is not drawn.
	pub fn load<T: Config>(id: JobId, job: Job) -> Option<Self> {
		let committee = Committees::<T>::get((id, job.round))?;
		Some(Self { id, job, committee, stored: None, brought: BTreeMap::new(), is_changed: false, is_end_paid: false })
	}

	/// The hash of the stored output.
	pub fn stored_output<T: Config>(&mut self) -> Option<Hash> {
		let id = self.id;
		*self.stored.get_or_insert_with(|| Outputs::<T>::get(id).map(|output| output_hash(&output)))
	}

	/// Seats of all of its committees.
	pub fn seats(&self) -> u32 {
		let before = if self.committee.is_first() { 0 } else { u32::from(self.job.quote.seats) };
		before.saturating_add(self.committee.seats.len() as u32)
	}

	/// Stores the output, whose hash this is.
	pub fn store_output<T: Config>(&mut self, hash: Hash, output: &OutputBytes) {
		Outputs::<T>::insert(self.id, output);
		self.stored = Some(Some(hash));
	}

	/// Writes the job and its committee.
	pub fn store<T: Config>(&self) {
		Committees::<T>::insert((self.id, self.job.round), &self.committee);
		Jobs::<T>::insert(self.id, &self.job);
	}
}

/// The jobs that a block's votes are for.
pub(crate) struct Cells<T> {
	found: BTreeMap<(Fingerprint, Round), Found>,
	_runtime: core::marker::PhantomData<T>,
}

impl<T> Default for Cells<T> {
	fn default() -> Self {
		Self { found: BTreeMap::new(), _runtime: Default::default() }
	}
}

impl<T: Config> Cells<T> {
	/// Whether the job was looked for already.
	pub fn knows(&self, target: &VoteTarget) -> bool {
		self.found.contains_key(&(target.fingerprint, target.round))
	}

	/// What is known of the job that the vote names.
	pub fn find(&mut self, target: &VoteTarget) -> &mut Found {
		let key = (target.fingerprint, target.round);
		self.found.entry(key).or_insert_with(|| Self::look_for(target))
	}

	/// The jobs for which a vote was taken or an output brought.
	pub fn into_touched(self) -> impl Iterator<Item = Cell> {
		self.found.into_values().filter_map(|found| match found {
			Found::Cell(cell) if cell.is_changed || !cell.brought.is_empty() => Some(*cell),
			_ => None,
		})
	}

	fn look_for(target: &VoteTarget) -> Found {
		let Some(id) = JobIds::<T>::get(target.fingerprint) else { return Found::NotYet };
		let Some(job) = Jobs::<T>::get(id) else { return Found::Over };
		if !job.is_open() || target.round < job.round {
			return Found::Over;
		}
		if target.round > job.round || job.phase == Phase::Pending {
			return Found::NotYet;
		}
		Cell::load::<T>(id, job).map_or(Found::Over, |cell| Found::Cell(Box::new(cell)))
	}
}

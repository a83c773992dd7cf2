//! How this node stands to the chain's models, for its operator.

use super::{Models, State, WhyNot};
use sibyl_files::{Fetching, Progress};
use sibyl_primitives::model::{ModelId, ModelRevision, Pace};
use sibyl_rpc_types::{ModelState, OwnModel};

/// The bytes of a model's files.
pub(super) fn bytes(revision: &ModelRevision) -> u64 {
	revision.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
}

impl Models {
	/// Each of the chain's models. Of those that are served the pace is that of the last measurement, which is not quite
	/// what the chain is told.
	pub fn standings(&self, files: &Progress) -> Vec<OwnModel> {
		let standing = |(id, entry): (&ModelId, &super::Entry)| {
			let (state, pace) = match &entry.state {
				State::Served(measured) => (ModelState::Served, Some(measured.attested().into())),
				State::Waiting | State::Loading => (ModelState::Loading, None),
				State::Checking { .. } => (ModelState::Checking, None),
				State::Measuring { .. } => (ModelState::Measuring, None),
				State::Absent => (ModelState::Absent, None),
				State::NotServed(_) => match entry.why {
					Some(WhyNot::Damaged(_)) => (ModelState::Damaged, None),
					_ => (ModelState::NotServed, None),
				},
			};
			// What was said when it was last given up no longer holds once it is looked at again.
			let holds = matches!(state, ModelState::Absent | ModelState::Damaged | ModelState::NotServed);
			let why = entry.why.as_ref().filter(|_| holds).map(ToString::to_string);
			let why = fetching(&entry.revision, files).filter(|_| state == ModelState::Absent).or(why);
			let bytes = bytes(&entry.revision);
			OwnModel { id: *id, name: entry.revision.name.to_string_lossy(), state, why, pace, bytes }
		};
		self.entries.iter().map(standing).collect()
	}

	/// Those that are served, and the pace that was measured.
	pub fn served(&self) -> Vec<(ModelId, Pace)> {
		let served = |(id, entry): (&ModelId, &super::Entry)| match &entry.state {
			State::Served(measured) => Some((*id, measured.attested())),
			_ => None,
		};
		self.entries.iter().filter_map(served).collect()
	}
}

/// How far a model's files are, where they come from other nodes.
fn fetching(revision: &ModelRevision, progress: &Progress) -> Option<String> {
	let of_each = revision.files.iter().filter_map(|file| Some((file.size, progress.of(&file.into())?)));
	let (size, fetching) = of_each.into_iter().next()?;
	Some(match fetching {
		Fetching::Going { bytes, peers } => format!(
			"its files are being fetched: {:.1} of {:.1} MB, from {peers} nodes",
			bytes as f64 / 1e6,
			size as f64 / 1e6,
		),
		Fetching::Waits(why) => format!("its files are to be fetched: {why}"),
	})
}

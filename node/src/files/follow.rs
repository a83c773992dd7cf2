//! Learns from the chain which files may be given, and which are wanted.

use super::{rule::FetchRule, size::Size};
use crate::inference::{chain_models::ChainModels, models::Choice, IsSyncing};
use futures::StreamExt;
use sc_client_api::BlockchainEvents;
use sibyl_engine::{Architecture, COMMON_LINGUA, SEMANTICS_VERSION};
use sibyl_files::{FileId, Listed, Shelf, Wanted};
use sibyl_primitives::{api::ModelView, model::ModelState, BlockNumber};
use sibyl_runtime::opaque::Block;
use sp_runtime::traits::Header as _;
use std::{
	cmp::Reverse,
	collections::{BTreeMap, BTreeSet},
	sync::Arc,
};
use tokio::sync::watch;

const LOG_TARGET: &str = "files";

/// Blocks between two looks at the chain's models.
const LOOK_EVERY: BlockNumber = 10;

/// What the operator lets the node fetch.
#[derive(Clone)]
pub struct Plan {
	/// Which models it may serve.
	pub choice: Choice,
	/// Which of these it fetches.
	pub rule: FetchRule,
	/// What the store may take.
	pub space: Size,
}

/// Follows the chain's list of models.
pub struct Follower<Client> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
	/// None where the node runs no models.
	plan: Option<Plan>,
	shelf: Shelf,
	listed: Listed,
	wanted: watch::Sender<Option<Vec<Wanted>>>,
	/// Models that there was no space for when it was last looked.
	too_large: BTreeSet<String>,
}

impl<Client> Follower<Client>
where
	Client: ChainModels + BlockchainEvents<Block>,
{
	/// Tells the server what is listed, and the fetcher what is wanted.
	pub fn new(
		client: Arc<Client>,
		is_syncing: IsSyncing,
		plan: Option<Plan>,
		shelf: Shelf,
		listed: Listed,
		wanted: watch::Sender<Option<Vec<Wanted>>>,
	) -> Self {
		Self { client, is_syncing, plan, shelf, listed, wanted, too_large: BTreeSet::new() }
	}

	/// Follows until the chain is gone.
	pub async fn run(mut self) {
		let mut imports = self.client.import_notification_stream();
		let mut looked_at: Option<BlockNumber> = None;
		while let Some(import) = imports.next().await {
			let number = *import.header.number();
			let is_due = looked_at.is_none_or(|at| number.abs_diff(at) >= LOOK_EVERY);
			if !import.is_new_best || !is_due || (self.is_syncing)() {
				continue;
			}
			match self.client.chain_models(import.hash) {
				Ok(models) => {
					looked_at = Some(number);
					self.take_over(&models);
				}
				Err(error) => log::warn!(target: LOG_TARGET, "The models can't be read at #{number}: {error}"),
			}
		}
	}

	fn take_over(&mut self, models: &[ModelView]) {
		let files = models.iter().flat_map(|model| &model.revision.files);
		self.listed.replace(files.map(FileId::from).collect());
		let wanted = Some(self.select(models));
		self.wanted.send_if_modified(|before| {
			let is_new = *before != wanted;
			*before = wanted;
			is_new
		});
	}

	/// The files that are to be fetched, as far as there is space for all of a model's: first those that are being fetched,
	/// then those that most validators serve.
	fn select(&mut self, models: &[ModelView]) -> Vec<Wanted> {
		let Some(Plan { choice, rule, space }) = &self.plan else { return Vec::new() };
		let begun: BTreeSet<_> = self.wanted.borrow().iter().flatten().map(|wanted| wanted.file).collect();
		let mut chosen: Vec<_> = models
			.iter()
			.filter(|model| rule.wants(model, choice) && is_of_use(model))
			.map(|model| (self.missing(model), model))
			.collect();
		chosen.sort_by_key(|(missing, model)| {
			let is_begun = missing.iter().any(|file| begun.contains(file));
			(Reverse(is_begun), Reverse(model.served_by.len()), size(missing.iter()))
		});
		let mut left = space.0.saturating_sub(self.shelf.total());
		let (mut wanted, mut too_large) = (BTreeMap::new(), BTreeSet::new());
		let mut order = Vec::new();
		for (missing, model) in chosen {
			let name = model.revision.name.to_string_lossy();
			let missing: Vec<_> = missing.into_iter().filter(|file| !wanted.contains_key(file)).collect();
			let size = size(missing.iter());
			if size > left {
				if !self.too_large.contains(&name) {
					log::warn!(
						target: LOG_TARGET,
						"📦 Model {name}: its files are not fetched, since with their {:.1} MB the folder {} would have more \
						 than --fetch-models-space {space}",
						size as f64 / 1e6,
						self.shelf.folder().display(),
					);
				}
				too_large.insert(name);
				continue;
			}
			left -= size;
			for file in missing {
				wanted.insert(file, name.clone());
				order.push(file);
			}
		}
		self.too_large = too_large;
		order.into_iter().filter_map(|file| Some(Wanted { file, model: wanted.get(&file)?.clone() })).collect()
	}

	/// The files of a model that are not there.
	fn missing(&self, model: &ModelView) -> BTreeSet<FileId> {
		let files = model.revision.files.iter().map(FileId::from);
		files.filter(|file| file.sha256.0 != COMMON_LINGUA && file.size > 0 && !self.shelf.has(file)).collect()
	}
}

/// Whether the model may be asked, and this release can run it once it has the files.
fn is_of_use(model: &ModelView) -> bool {
	let architecture = model.revision.architecture.to_string_lossy();
	model.registration.state != ModelState::Retired
		&& model.revision.semantics == SEMANTICS_VERSION
		&& Architecture::find(&architecture).is_some()
}

fn size<'f>(files: impl Iterator<Item = &'f FileId>) -> u64 {
	files.fold(0, |size, file| size.saturating_add(file.size))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{view_of, MockChain};
	use sibyl_primitives::model::ModelRevision;
	use sibyl_runtime::models;

	struct Test {
		_folder: tempfile::TempDir,
		follower: Follower<MockChain>,
		heard: watch::Receiver<Option<Vec<Wanted>>>,
	}

	impl Test {
		fn new(names: &[&str], rule: &str, space: &str) -> Self {
			let folder = tempfile::tempdir().expect("a folder can be made");
			let names: Vec<_> = names.iter().map(ToString::to_string).collect();
			let plan = Plan {
				choice: Choice::new(&names, &names).expect("these are names"),
				rule: rule.parse().expect("it is a rule"),
				space: space.parse().expect("it is a size"),
			};
			let (wanted, heard) = watch::channel(None);
			let (chain, shelf) = (Arc::new(MockChain::new()), Shelf::new(folder.path().join("models")));
			let follower = Follower::new(chain, Arc::new(|| false), Some(plan), shelf, Listed::default(), wanted);
			Self { _folder: folder, follower, heard }
		}

		/// The names of the models whose files are wanted, each as often as there are such files.
		fn wanted(&mut self, models: &[ModelView]) -> Vec<String> {
			self.follower.take_over(models);
			self.heard.borrow().iter().flatten().map(|wanted| wanted.model.clone()).collect()
		}
	}

	fn view(revision: ModelRevision, validators: usize) -> ModelView {
		ModelView { served_by: vec![[0; 32].into(); validators], ..view_of(revision) }
	}

	fn genesis() -> Vec<ModelView> {
		models::all().into_iter().map(|manifest| view(manifest.revision, 1)).collect()
	}

	#[test]
	fn what_is_named_and_missing_is_wanted_and_what_is_compiled_in_never() {
		let mut test = Test::new(&["common-lingua", "minilm"], "named", "20GB");
		assert_eq!(test.wanted(&genesis()), ["minilm", "minilm"]);
		let mut all = Test::new(&[], "all", "20GB");
		assert_eq!(all.wanted(&genesis()), ["minilm", "minilm", "smollm2"]);
		assert!(Test::new(&[], "named", "20GB").wanted(&genesis()).is_empty());
		all.follower.plan = None;
		assert!(all.wanted(&genesis()).is_empty(), "it runs no models");
	}

	#[test]
	fn what_most_validators_serve_comes_first_and_what_is_begun_before_all() {
		let mut test = Test::new(&[], "all", "100MB");
		let (small, large) = (view(models::minilm().revision, 2), view(models::smollm2().revision, 3));
		assert_eq!(test.wanted(&[small.clone(), large.clone()]), ["smollm2"], "there is space for one");
		assert_eq!(test.follower.too_large, ["minilm".to_string()].into());
		let more = ModelView { served_by: vec![[0; 32].into(); 9], ..small };
		assert_eq!(test.wanted(&[more.clone(), large]), ["smollm2"], "it is being fetched");
		assert_eq!(test.wanted(&[more]), ["minilm", "minilm"], "until the chain gives it up");
	}

	#[test]
	fn what_is_there_takes_space_and_is_not_wanted() {
		let mut test = Test::new(&[], "all", "91MB");
		let file = FileId::from(&models::minilm().revision.files[1]);
		let path = test.follower.shelf.folder().join(format!("{:?}", file.sha256).trim_start_matches("0x"));
		std::fs::create_dir_all(test.follower.shelf.folder()).expect("a folder can be made");
		std::fs::write(&path, vec![b'{'; file.size as usize]).expect("there is room");
		assert!(test.wanted(&genesis()).is_empty(), "90.9 MB and half a megabyte are more than 91");
		test.follower.plan.as_mut().expect("it has one").space = Size(92_000_000);
		assert_eq!(test.wanted(&genesis()), ["minilm"]);
	}

	#[test]
	fn what_this_release_can_not_run_or_nobody_may_ask_is_not_wanted() {
		let mut test = Test::new(&[], "all", "20GB");
		let other = ModelRevision { semantics: SEMANTICS_VERSION + 1, ..models::smollm2().revision };
		let unknown =
			ModelRevision { architecture: "mamba".try_into().expect("it is short"), ..models::minilm().revision };
		assert!(test.wanted(&[view(other, 9), view(unknown, 9)]).is_empty());
		let mut retired = view(models::smollm2().revision, 9);
		assert_eq!(test.wanted(std::slice::from_ref(&retired)), ["smollm2"]);
		retired.registration.state = ModelState::Retired;
		assert!(test.wanted(&[retired]).is_empty(), "nobody may ask it");
	}

	#[test]
	fn files_that_two_models_share_are_wanted_and_counted_once() {
		let mut test = Test::new(&[], "all", "100MB");
		let again = ModelRevision { commit_window: 99, ..models::smollm2().revision };
		assert_eq!(test.wanted(&[view(models::smollm2().revision, 1), view(again, 1)]), ["smollm2"]);
		assert!(test.follower.too_large.is_empty());
	}
}

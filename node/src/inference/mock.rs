//! Fakes for the tests: a chain without blocks' contents, its runtime API, validators and models.

use super::{
	installed_models::{LoadError, ModelSource, Stamp},
	listed_models::ListedModel,
	metrics::Metrics,
	own::StateReader,
	pool::SharedPool,
};
use codec::Encode;
use parking_lot::{Mutex, MutexGuard};
use sc_client_api::{
	BlockImportNotification, BlockchainEvents, FinalityNotification, FinalityNotifications, FinalizeSummary,
	HeaderBackend, ImportNotifications, StorageEventStream,
};
use sc_utils::mpsc::{tracing_unbounded, TracingUnboundedSender};
use sibyl_engine::{testing::FakeEngine, Engine, Limits, ModelDescription, Request, SEMANTICS_VERSION};
use sibyl_primitives::{
	api::{
		BallotStanding, InferenceApi, JobFilter, JobPage, JobView, KeySetView, Lookup, ModelView, OpenJob, PhaseView,
		QuoteError, ResultView, ValidatorView, MAX_JUDGED_BALLOTS,
	},
	feed::{FeedId, FeedPage, FeedView, FeedsApi},
	format::Format,
	inference_key::InferencePair,
	input::Input,
	job::{Fingerprint, JobId, OutputBytes, Sampling, Seats},
	mailbox::InferenceRequest,
	model::{Golden, ModelFile, ModelId, ModelLimits, ModelName, ModelRevision, ModelState, Registration, Task},
	output::output_hash,
	price::{ModelPrice, Quote},
	vote::{Ballot, Commit, Reveal, SignedBallot, VersionedBallot, VoteTarget},
	AccountId, BlockNumber, Hash, SessionIndex,
};
use sibyl_runtime::opaque::{Block, Header};
use sibyl_votes::Bounds;
use sp_api::{ApiError, ApiRef, ProvideRuntimeApi};
use sp_blockchain::{BlockStatus, Info};
use sp_consensus::BlockOrigin;
use sp_core::{
	offchain::{storage::InMemOffchainStorage, OffchainStorage},
	storage::StorageKey,
	Pair,
};
use sp_runtime::{
	traits::{Block as BlockT, Header as HeaderT},
	Perbill, Percent,
};
use std::{
	collections::{BTreeMap, BTreeSet, HashMap},
	sync::{
		atomic::{AtomicBool, AtomicU32, Ordering},
		Arc,
	},
};
use substrate_prometheus_endpoint::Registry;

pub const GENESIS: Hash = Hash::repeat_byte(0x6e);
pub const SESSION: SessionIndex = 5;

pub fn metrics() -> Metrics {
	Metrics::new(None).expect("the metrics' names are well-formed")
}

/// Metrics, and the registry that shows them.
pub fn registry_with_metrics() -> (Registry, Metrics) {
	let registry = Registry::new();
	let metrics = Metrics::new(Some(&registry)).expect("no two metrics have one name");
	(registry, metrics)
}

/// What the registry shows under this name, and under this label where there are some; 0 where that was never counted.
pub fn value(registry: &Registry, name: &str, label: Option<&str>) -> u64 {
	let families = registry.gather();
	let family = families.iter().find(|family| family.get_name() == name).into_iter();
	let shown = family
		.flat_map(|family| family.get_metric())
		.find(|metric| metric.get_label().first().map(|pair| pair.get_value()) == label);
	shown.map_or(0, |metric| (metric.get_counter().get_value() + metric.get_gauge().get_value()) as u64)
}

pub fn shared_pool() -> SharedPool {
	SharedPool::new(Bounds::default(), metrics())
}

/// Offchain storage in memory, whose clones are one database.
#[derive(Clone, Default)]
pub struct SharedStorage(Arc<Mutex<InMemOffchainStorage>>);

impl OffchainStorage for SharedStorage {
	fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
		self.0.lock().set(prefix, key, value);
	}

	fn remove(&mut self, prefix: &[u8], key: &[u8]) {
		self.0.lock().remove(prefix, key);
	}

	fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
		self.0.lock().get(prefix, key)
	}

	fn compare_and_set(&mut self, prefix: &[u8], key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
		self.0.lock().compare_and_set(prefix, key, old, new)
	}
}

// Requests.

pub fn request(n: u8) -> (Fingerprint, InferenceRequest) {
	let job = Fingerprint::repeat_byte(n);
	let input = Input::Text(format!("input {n}").into());
	let model = fake_model().id;
	let request = InferenceRequest::V1 {
		job,
		model,
		input,
		max_output_units: 0,
		sampling: Sampling::default(),
		format: Format::default(),
		claimed: None,
		seed: [n; 32],
		deadline: 99,
	};
	(job, request)
}

pub fn fake_request(n: u8) -> InferenceRequest {
	request(n).1
}

// Models.

/// A revision of the fake engine's model, with two goldens.
pub fn fake_revision() -> ModelRevision {
	let golden = |input: &str| {
		let limits = Limits { max_input_bytes: 256, max_output_units: 1 };
		let asked = Request::new(FakeEngine::MODEL, input, limits);
		let outcome = Ok(FakeEngine::made_up(&asked, 0));
		let bytes = super::output::canonical_bytes(&outcome).expect("the fake's labels are short");
		Golden {
			input: input.try_into().expect("it is short"),
			output_hash: output_hash(&bytes),
			trace: FakeEngine::made_up_trace(&outcome, 0).into(),
		}
	};
	let file = ModelFile {
		name: "fake".try_into().expect("it is short"),
		size: 0,
		sha256: FakeEngine::MODEL.into(),
		chunk_root: Hash::zero(),
	};
	ModelRevision {
		name: "fake".try_into().expect("it is short"),
		task: Task::Classify,
		architecture: "fake".try_into().expect("it is short"),
		files: vec![file].try_into().expect("it is one"),
		semantics: SEMANTICS_VERSION,
		limits: ModelLimits { input_bytes: 256, context_units: 512, output_units: 0 },
		commit_window: 12,
		goldens: vec![golden("one"), golden("two")].try_into().expect("they are two"),
		licence: "Apache-2.0".try_into().expect("it is short"),
	}
}

/// The fake engine's model, whose file comes and goes.
pub struct FakeSource {
	pub is_there: AtomicBool,
	pub unloaded: AtomicU32,
	/// What its file is told from others by.
	pub written: AtomicU32,
}

impl Default for FakeSource {
	fn default() -> Self {
		Self { is_there: true.into(), unloaded: 0.into(), written: 0.into() }
	}
}

impl ModelSource for FakeSource {
	fn has(&self, file: &Hash) -> bool {
		file.0 == FakeEngine::MODEL && self.is_there.load(Ordering::Relaxed)
	}

	fn stamp(&self, file: &Hash) -> Option<Stamp> {
		self.has(file).then(|| (0, self.written.load(Ordering::Relaxed).into(), 0))
	}

	fn load(&self, _revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
		Ok(FakeEngine::new().models().remove(0))
	}

	fn unload(&self, _file: &Hash) {
		self.unloaded.fetch_add(1, Ordering::Relaxed);
	}
}

/// The same, as the engine's service reads it.
pub fn fake_listed() -> ListedModel {
	let ModelView { id, revision, .. } = fake_model();
	ListedModel { id, revision }
}

pub fn fake_model() -> ModelView {
	let revision = fake_revision();
	let registration = Registration {
		author: None,
		deposit: 0,
		price: ModelPrice { base: 100, unit: 3, author_share: Percent::from_percent(5) },
		state: ModelState::Listed,
		jobs: 0,
	};
	ModelView {
		id: revision.id(),
		revision,
		registration,
		served_by: vec![account(0)],
		stake_share: Perbill::from_percent(75),
		is_active: true,
	}
}

// Validators and their votes.

pub fn account(n: u8) -> AccountId {
	[n; 32].into()
}

fn pair(validator: u32) -> InferencePair {
	let mut seed = [1; 32];
	seed[..4].copy_from_slice(&validator.to_le_bytes());
	InferencePair::from_seed(&seed)
}

/// A session's set of so many validators.
pub fn key_set(session: SessionIndex, validators: u32) -> KeySetView {
	KeySetView { session, members: (0..validators).map(|n| (account(n as u8), pair(n).public())).collect() }
}

/// The sets of two sessions, the same so many validators in both.
pub fn key_sets(validators: u32) -> Vec<KeySetView> {
	[SESSION, SESSION - 1].map(|session| key_set(session, validators)).into()
}

/// What the runtime says of a ballot with votes that it takes.
pub fn wanted() -> BallotStanding {
	BallotStanding::Wanted { deadline: Some(99), outputs: Vec::new(), has_early_reveals: false }
}

/// What the runtime says of a ballot whose time may come.
pub const EARLY: BallotStanding = BallotStanding::Early { has_early_reveals: false };

pub fn signed(validator: u32, ballot: Ballot) -> SignedBallot {
	let signature = pair(validator).sign(&ballot.signing_payload(&GENESIS));
	SignedBallot { ballot, outputs: Default::default(), signature }
}

fn target() -> VoteTarget {
	VoteTarget { fingerprint: Hash::repeat_byte(1), draw: Hash::repeat_byte(2), round: 0 }
}

/// A commit of a validator's, in a session.
pub fn ballot_by(validator: u32, session: SessionIndex, at_block: BlockNumber) -> SignedBallot {
	let mut ballot = Ballot::new(session, validator, at_block);
	let commit = Commit { target: target(), seat: 0, commitment: Hash::repeat_byte(3) };
	ballot.commits.try_push(commit).expect("it is the first");
	signed(validator, ballot)
}

pub fn ballot(validator: u32, at_block: BlockNumber) -> SignedBallot {
	ballot_by(validator, SESSION, at_block)
}

pub fn versioned_ballot(validator: u32, at_block: BlockNumber) -> VersionedBallot {
	VersionedBallot::V1(ballot(validator, at_block))
}

pub fn output(n: u8, length: usize) -> OutputBytes {
	vec![n; length].try_into().expect("no test makes longer ones")
}

/// Reveals of `named` outputs, with `outputs`.
pub fn ballot_with_outputs(
	validator: u32,
	at_block: BlockNumber,
	named: &[OutputBytes],
	outputs: &[OutputBytes],
) -> SignedBallot {
	let mut ballot = Ballot::new(SESSION, validator, at_block);
	for output in named {
		let (work, salt) = (Hash::zero(), Hash::zero());
		let reveal = Reveal { target: target(), seat: 0, output_hash: output_hash(output), work, salt };
		ballot.reveals.try_push(reveal).expect("no test makes more");
	}
	let outputs = outputs.to_vec().try_into().expect("no test makes more");
	SignedBallot { outputs, ..signed(validator, ballot) }
}

// The chain.

pub struct MockState {
	/// The best chain, by height.
	chain: Vec<Header>,
	/// Blocks of other forks.
	forks: HashMap<Hash, Header>,
	pub finalised: BlockNumber,
	forgotten: BTreeSet<BlockNumber>,
	/// Whether the runtime can't be asked.
	pub fails: bool,
	pub jobs: BTreeMap<JobId, Lookup<JobView>>,
	pub results: BTreeMap<JobId, Lookup<ResultView>>,
	pub open_jobs: Vec<OpenJob>,
	/// What a list of jobs has, and what was asked for.
	pub page: JobPage,
	pub listed: Vec<(JobFilter, Option<JobId>, u32)>,
	/// In the order of their ids.
	pub models: Vec<ModelView>,
	pub models_changes: u64,
	/// How often they were listed.
	pub models_read: u32,
	pub quote: Result<Quote, QuoteError>,
	pub key_sets: Vec<KeySetView>,
	pub validators: BTreeMap<AccountId, ValidatorView>,
	pub next_key_set: Option<KeySetView>,
	pub feeds: BTreeMap<FeedId, FeedView>,
	/// The state, of every block.
	pub storage: BTreeMap<Vec<u8>, Vec<u8>>,
	/// By the encoded ballot; early where there is none.
	standings: HashMap<Vec<u8>, BallotStanding>,
	/// How many ballots the runtime was asked about, call by call.
	pub judged: Vec<usize>,
	imports: Vec<TracingUnboundedSender<BlockImportNotification<Block>>>,
	finality: Vec<TracingUnboundedSender<FinalityNotification<Block>>>,
}

/// A chain whose runtime says what the test wants.
pub struct MockChain(Arc<Mutex<MockState>>);

impl MockChain {
	pub fn new() -> Self {
		Self(Arc::new(Mutex::new(MockState {
			chain: vec![header(0, Hash::zero(), 0)],
			forks: HashMap::new(),
			finalised: 0,
			forgotten: BTreeSet::new(),
			fails: false,
			jobs: BTreeMap::new(),
			results: BTreeMap::new(),
			open_jobs: Vec::new(),
			page: JobPage { jobs: Vec::new(), next: None },
			listed: Vec::new(),
			models: Vec::new(),
			models_changes: 0,
			models_read: 0,
			quote: Err(QuoteError::UnknownModel),
			key_sets: Vec::new(),
			validators: BTreeMap::new(),
			next_key_set: None,
			feeds: BTreeMap::new(),
			storage: BTreeMap::new(),
			standings: HashMap::new(),
			judged: Vec::new(),
			imports: Vec::new(),
			finality: Vec::new(),
		})))
	}

	pub fn state(&self) -> MutexGuard<'_, MockState> {
		self.0.lock()
	}

	/// Makes the best chain this long, as a sync does.
	pub fn extend_silently(&self, to: BlockNumber) {
		let mut state = self.state();
		while state.chain.len() <= to as usize {
			let parent = state.chain[state.chain.len() - 1].hash();
			let next = header(state.chain.len() as u32, parent, 0);
			state.chain.push(next);
		}
	}

	/// Imports the block of this height on the best chain.
	pub fn import_best(&self, number: BlockNumber) {
		self.extend_silently(number);
		let state = self.state();
		let header = state.chain[number as usize].clone();
		let (unpin, _) = tracing_unbounded("test_unpin", 100);
		let import = BlockImportNotification::new(header.hash(), BlockOrigin::Own, header, true, None, unpin);
		for listener in &state.imports {
			let _ = listener.unbounded_send(import.clone());
		}
	}

	/// Lets the block of this height be unknown, as one below a warp sync's target.
	pub fn forget(&self, number: BlockNumber) {
		self.state().forgotten.insert(number);
	}

	/// Makes the block of this height final.
	pub fn finalise(&self, number: BlockNumber) {
		let mut state = self.state();
		state.finalised = number;
		let header = state.chain[number as usize].clone();
		let (unpin, _) = tracing_unbounded("test_unpin", 100);
		let summary = FinalizeSummary { finalized: vec![header.hash()], header, stale_blocks: Vec::new() };
		let final_block = FinalityNotification::from_summary(summary, unpin);
		for listener in &state.finality {
			let _ = listener.unbounded_send(final_block.clone());
		}
	}

	/// A block beside the best chain, on this parent.
	pub fn fork(&self, parent: Hash, number: BlockNumber) -> Hash {
		let header = header(number, parent, 1);
		let hash = header.hash();
		self.state().forks.insert(hash, header);
		hash
	}

	/// Lets the runtime say this of a ballot.
	pub fn set_standing(&self, signed: &SignedBallot, standing: BallotStanding) {
		self.state().standings.insert(signed.ballot.encode(), standing);
	}

	pub fn open_job(&self, fingerprint: Fingerprint) {
		self.set_job(fingerprint, PhaseView::Committing, 99);
	}

	/// Lets a job be in this phase, until that block.
	pub fn set_job(&self, fingerprint: Fingerprint, phase: PhaseView, deadline: BlockNumber) {
		let mut state = self.state();
		match state.open_jobs.iter_mut().find(|job| job.fingerprint == fingerprint) {
			Some(job) => (job.phase, job.deadline) = (phase, deadline),
			None => {
				let id = state.open_jobs.len() as JobId;
				state.open_jobs.push(OpenJob { id, round: 0, fingerprint, phase, deadline });
			}
		}
	}

	/// Ends all streams.
	pub fn close(&self) {
		let mut state = self.state();
		state.imports.clear();
		state.finality.clear();
	}
}

fn header(number: BlockNumber, parent: Hash, fork: u8) -> Header {
	Header::new(number, Default::default(), Hash::repeat_byte(fork), parent, Default::default())
}

impl StateReader for MockChain {
	fn read(&self, _: Hash, key: &[u8]) -> Option<Vec<u8>> {
		self.state().storage.get(key).cloned()
	}
}

impl HeaderBackend<Block> for MockChain {
	fn header(&self, hash: Hash) -> sp_blockchain::Result<Option<Header>> {
		let state = self.state();
		let on_chain = state.chain.iter().find(|header| header.hash() == hash);
		Ok(on_chain.or_else(|| state.forks.get(&hash)).cloned())
	}

	fn info(&self) -> Info<Block> {
		let state = self.state();
		let hash = |number: usize| state.chain[number].hash();
		Info {
			best_hash: hash(state.chain.len() - 1),
			best_number: state.chain.len() as u32 - 1,
			genesis_hash: hash(0),
			finalized_hash: hash(state.finalised as usize),
			finalized_number: state.finalised,
			finalized_state: None,
			number_leaves: 1,
			block_gap: None,
		}
	}

	fn status(&self, hash: Hash) -> sp_blockchain::Result<BlockStatus> {
		Ok(match self.header(hash)? {
			Some(_) => BlockStatus::InChain,
			None => BlockStatus::Unknown,
		})
	}

	fn number(&self, hash: Hash) -> sp_blockchain::Result<Option<BlockNumber>> {
		Ok(self.header(hash)?.map(|header| *header.number()))
	}

	fn hash(&self, number: BlockNumber) -> sp_blockchain::Result<Option<Hash>> {
		let state = self.state();
		let known = state.chain.get(number as usize).filter(|_| !state.forgotten.contains(&number));
		Ok(known.map(|header| header.hash()))
	}
}

impl BlockchainEvents<Block> for MockChain {
	fn import_notification_stream(&self) -> ImportNotifications<Block> {
		let (sender, receiver) = tracing_unbounded("test_imports", 100);
		self.state().imports.push(sender);
		receiver
	}

	fn every_import_notification_stream(&self) -> ImportNotifications<Block> {
		self.import_notification_stream()
	}

	fn finality_notification_stream(&self) -> FinalityNotifications<Block> {
		let (sender, receiver) = tracing_unbounded("test_finality", 100);
		self.state().finality.push(sender);
		receiver
	}

	fn storage_changes_notification_stream(
		&self,
		_: Option<&[StorageKey]>,
		_: Option<&[(StorageKey, Option<Vec<StorageKey>>)]>,
	) -> sp_blockchain::Result<StorageEventStream<Hash>> {
		Err(sp_blockchain::Error::Backend("the mock has no storage".into()))
	}
}

pub struct MockApi(Arc<Mutex<MockState>>);

impl ProvideRuntimeApi<Block> for MockChain {
	type Api = MockApi;

	fn runtime_api(&self) -> ApiRef<'_, MockApi> {
		MockApi(self.0.clone()).into()
	}
}

impl MockApi {
	fn answer<T>(&self, answer: impl FnOnce(&MockState) -> T) -> Result<T, ApiError> {
		let state = self.0.lock();
		match state.fails {
			true => Err(ApiError::Application("the mock's state is gone".into())),
			false => Ok(answer(&state)),
		}
	}
}

sp_api::mock_impl_runtime_apis! {
	impl FeedsApi<Block> for MockApi {
		#[advanced]
		fn feed(&self, _: <Block as BlockT>::Hash, feed: FeedId) -> Result<Option<FeedView>, ApiError> {
			self.answer(|state| state.feeds.get(&feed).cloned())
		}

		#[advanced]
		fn feeds(&self, _: <Block as BlockT>::Hash, from: FeedId, limit: u32) -> Result<FeedPage, ApiError> {
			self.answer(|state| {
				let mut found = state.feeds.range(from..).map(|(_, feed)| feed.clone());
				let feeds = found.by_ref().take(limit as usize).collect();
				FeedPage { feeds, next: found.next().map(|feed| feed.id) }
			})
		}
	}

	impl InferenceApi<Block> for MockApi {
		#[advanced]
		fn job(&self, _: <Block as BlockT>::Hash, job: JobId) -> Result<Lookup<JobView>, ApiError> {
			self.answer(|state| state.jobs.get(&job).cloned().unwrap_or(Lookup::Unknown))
		}

		#[advanced]
		fn result(&self, _: <Block as BlockT>::Hash, job: JobId) -> Result<Lookup<ResultView>, ApiError> {
			self.answer(|state| state.results.get(&job).cloned().unwrap_or(Lookup::Unknown))
		}

		#[advanced]
		fn open_jobs(&self, _: <Block as BlockT>::Hash, from: JobId, limit: u32) -> Result<Vec<OpenJob>, ApiError> {
			self.answer(|state| {
				state.open_jobs.iter().filter(|job| job.id >= from).take(limit as usize).copied().collect()
			})
		}

		#[advanced]
		fn jobs(
			&self,
			_: <Block as BlockT>::Hash,
			filter: JobFilter,
			before: Option<JobId>,
			limit: u32,
		) -> Result<JobPage, ApiError> {
			self.0.lock().listed.push((filter, before, limit));
			self.answer(|state| state.page.clone())
		}

		#[advanced]
		fn models_changes(&self, _: <Block as BlockT>::Hash) -> Result<u64, ApiError> {
			self.answer(|state| state.models_changes)
		}

		#[advanced]
		fn model(&self, _: <Block as BlockT>::Hash, id: ModelId) -> Result<Option<ModelView>, ApiError> {
			self.answer(|state| state.models.iter().find(|model| model.id == id).cloned())
		}

		#[advanced]
		fn model_named(&self, _: <Block as BlockT>::Hash, name: ModelName) -> Result<Option<ModelId>, ApiError> {
			self.answer(|state| state.models.iter().find(|model| model.revision.name == name).map(|model| model.id))
		}

		#[advanced]
		fn models(
			&self,
			_: <Block as BlockT>::Hash,
			after: Option<ModelId>,
			limit: u32,
		) -> Result<Vec<ModelView>, ApiError> {
			self.0.lock().models_read += 1;
			self.answer(|state| {
				let is_after = |model: &&ModelView| after.is_none_or(|after| model.id > after);
				state.models.iter().filter(is_after).take(limit as usize).cloned().collect()
			})
		}

		#[advanced]
		fn quote(
			&self,
			_: <Block as BlockT>::Hash,
			_model: ModelId,
			_seats: Seats,
			_input_bytes: u32,
			_max_output_units: u32,
			_format: Format,
		) -> Result<Result<Quote, QuoteError>, ApiError> {
			self.answer(|state| state.quote)
		}

		#[advanced]
		fn key_sets(&self, _: <Block as BlockT>::Hash) -> Result<Vec<KeySetView>, ApiError> {
			self.answer(|state| state.key_sets.clone())
		}

		#[advanced]
		fn next_key_set(&self, _: <Block as BlockT>::Hash) -> Result<Option<KeySetView>, ApiError> {
			self.answer(|state| state.next_key_set.clone())
		}

		#[advanced]
		fn ballot_standings(
			&self,
			_: <Block as BlockT>::Hash,
			ballots: Vec<Ballot>,
		) -> Result<Vec<BallotStanding>, ApiError> {
			self.0.lock().judged.push(ballots.len());
			self.answer(|state| {
				let standing = |ballot: &Ballot| state.standings.get(&ballot.encode()).cloned().unwrap_or(EARLY);
				ballots.iter().take(MAX_JUDGED_BALLOTS as usize).map(standing).collect()
			})
		}

		#[advanced]
		fn validator(&self, _: <Block as BlockT>::Hash, validator: AccountId) -> Result<ValidatorView, ApiError> {
			self.answer(|state| state.validators.get(&validator).copied().unwrap_or_default())
		}
	}
}

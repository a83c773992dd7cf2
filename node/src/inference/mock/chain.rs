//! A chain without blocks' contents, and its runtime API.

use super::*;

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
			// As a runtime of an earlier version.
			let limit = limit.min(MAX_LISTED_JOBS) as usize;
			self.answer(|state| state.open_jobs.iter().filter(|job| job.id >= from).take(limit).copied().collect())
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

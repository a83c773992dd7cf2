//! A chain on a ParityDB database, whose blocks are made and imported as a node does it.

use crate::{
	genesis::{model, Genesis, Validator},
	report::{timed, Took},
	votes, Error,
};
use codec::{Decode, Encode};
use frame_support::{dispatch::PerDispatchClass, weights::Weight};
use pallet_inference::{Committee, Job, Phase};
use sc_block_builder::BlockBuilderBuilder;
use sc_chain_spec::GenesisBlockBuilder;
use sc_client_api::{execution_extensions::ExecutionExtensions, Finalizer, StorageProvider};
use sc_client_db::{Backend, BlocksPruning, DatabaseSettings, DatabaseSource, PruningMode};
use sc_consensus::{BlockImport, BlockImportParams, ForkChoiceStrategy, ImportResult, StateAction};
use sc_executor::WasmExecutor;
use sc_service::{ClientConfig, TFullClient};
use sibyl_primitives::{
	job::{JobId, JobOptions, Seats},
	vote::{InherentVotes, INHERENT_IDENTIFIER},
	Hash,
};
use sibyl_runtime::{
	opaque::{Block, UncheckedExtrinsic as Opaque},
	tx_extension, Runtime, RuntimeApi, RuntimeCall, UncheckedExtrinsic, VERSION,
};
use sp_consensus::BlockOrigin;
use sp_consensus_babe::{
	digests::{CompatibleDigestItem, PreDigest, SecondaryVRFPreDigest},
	make_vrf_sign_data, Slot,
};
use sp_core::{
	crypto::{Pair, VrfSecret},
	sr25519,
	storage::StorageKey,
	testing::TaskExecutor,
};
use sp_inherents::InherentData;
use sp_runtime::{
	generic::{Era, SignedPayload},
	traits::Block as _,
	Digest, DigestItem, MultiAddress, MultiSignature,
};
use std::sync::Arc;

const FIRST_SLOT: u64 = 1_000;
/// Blocks behind the newest that are final.
const FINALITY: u32 = 2;
/// Bytes of the trie's cache, a node's default.
const TRIE_CACHE: usize = 64 * 1024 * 1024;

type Executor = WasmExecutor<sp_io::SubstrateHostFunctions>;
type Client = TFullClient<Block, RuntimeApi, Executor>;

/// What a block was made of and what it took.
#[derive(Clone, Debug, Default)]
pub struct Made {
	/// Jobs submitted in it.
	pub submitted: u32,
	/// Jobs that it settled.
	pub settled: u32,
	/// Jobs that it forgot.
	pub forgotten: u32,
	/// Bytes of its votes.
	pub vote_bytes: usize,
	/// Bytes of all of it.
	pub bytes: usize,
	/// The inherents' making.
	pub create_inherent: Took,
	/// All of its making.
	pub making: Took,
	/// Its import: execution, check of the state's root, and the database.
	pub import: Took,
	/// What it declares.
	pub declared: PerDispatchClass<Weight>,
}

/// The chain.
pub struct Chain {
	client: Arc<Client>,
	validators: Vec<Validator>,
	requesters: Vec<sr25519::Pair>,
	nonces: Vec<u32>,
	next_requester: usize,
	seats: u16,
	genesis: Hash,
	number: u32,
	hashes: Vec<Hash>,
	/// Jobs that have not ended, and those not looked at.
	live: Vec<JobId>,
	next_job: JobId,
	settled: u32,
	_folder: tempfile::TempDir,
}

impl Chain {
	/// A chain that starts so; each of its jobs gets so many seats.
	pub fn new(genesis: Genesis, seats: u16) -> Result<Self, Error> {
		let folder = tempfile::tempdir()?;
		let settings = DatabaseSettings {
			trie_cache_maximum_size: Some(TRIE_CACHE),
			state_pruning: Some(PruningMode::blocks_pruning(256)),
			source: DatabaseSource::ParityDb { path: folder.path().join("db") },
			blocks_pruning: BlocksPruning::KeepFinalized,
			pruning_filters: Vec::new(),
			metrics_registry: None,
		};
		let backend: Arc<Backend<Block>> = sc_service::new_db_backend(settings)?;
		let executor = Executor::builder().with_max_runtime_instances(4).build();
		let block = GenesisBlockBuilder::<Block, _, _>::new_with_storage(
			genesis.storage,
			true,
			backend.clone(),
			executor.clone(),
		)?;
		let extensions = ExecutionExtensions::new(None, Arc::new(executor.clone()));
		let client = sc_service::new_client::<_, _, RuntimeApi, _>(
			backend,
			executor,
			block,
			Default::default(),
			Default::default(),
			extensions,
			Box::new(TaskExecutor::new()),
			None,
			None,
			ClientConfig::default(),
		)?;
		let hash = client.chain_info().genesis_hash;
		let mut chain = Self {
			client: Arc::new(client),
			validators: genesis.validators,
			nonces: vec![0; genesis.requesters.len()],
			requesters: genesis.requesters,
			next_requester: 0,
			seats,
			genesis: hash,
			number: 0,
			hashes: vec![hash],
			live: Vec::new(),
			next_job: 0,
			settled: 0,
			_folder: folder,
		};
		chain.next_job = chain.next_job_number()?;
		Ok(chain)
	}

	/// Makes and imports a block with so many new jobs, where there is weight for them, and with the votes that are there.
	pub fn block(&mut self, jobs: u32, with_votes: bool) -> Result<Made, Error> {
		let parent = self.best();
		let waiting = self.waiting()?;
		let forgotten = self.forgotten()?;
		let ballots =
			if with_votes { votes::ballots(&self.validators, self.genesis, self.number, &waiting) } else { Vec::new() };
		let slot = Slot::from(FIRST_SLOT + u64::from(self.number));
		let mut inherents = InherentData::new();
		let now = sp_timestamp::Timestamp::new(*slot * sibyl_runtime::constants::SLOT_DURATION);
		inherents.put_data(sp_timestamp::INHERENT_IDENTIFIER, &now)?;
		inherents.put_data(INHERENT_IDENTIFIER, &InherentVotes::V1(ballots))?;
		let extrinsics: Vec<_> = (0..jobs).map(|_| self.submission()).collect::<Result<_, _>>()?;

		let client = self.client.clone();
		let mut made = Made::default();
		let (block, making) = timed(|| -> Result<Block, Error> {
			let mut builder = BlockBuilderBuilder::new(&*client)
				.on_parent_block(parent)
				.with_parent_block_number(self.number)
				.with_inherent_digests(Digest { logs: vec![self.claim(slot)] })
				.build()?;
			let (created, took) = timed(|| builder.create_inherents(inherents));
			made.create_inherent = took;
			for (place, inherent) in created?.into_iter().enumerate() {
				// The first is the clock's.
				made.vote_bytes += if place > 0 { inherent.encoded_size() } else { 0 };
				builder.push(inherent)?;
			}
			for extrinsic in extrinsics {
				if builder.push(extrinsic).is_ok() {
					made.submitted += 1;
				}
			}
			Ok(builder.build()?.into_inner().0)
		});
		made.making = making;
		let block = block?;
		made.bytes = block.encoded_size();
		let hash = block.hash();
		let (header, body) = block.deconstruct();
		let mut import = BlockImportParams::new(BlockOrigin::NetworkBroadcast, header);
		import.body = Some(body);
		import.state_action = StateAction::Execute;
		import.fork_choice = Some(ForkChoiceStrategy::LongestChain);
		let (imported, took) = timed(|| futures::executor::block_on((*client).import_block(import)));
		made.import = took;
		if !matches!(imported?, ImportResult::Imported(_)) {
			return Err("a block was not imported".into());
		}
		self.number += 1;
		self.hashes.push(hash);
		if let Some(last) = self.number.checked_sub(FINALITY) {
			self.client.finalize_block(self.hashes[last as usize], None, false)?;
		}
		made.declared = self.read(frame_system::BlockWeight::<Runtime>::hashed_key().to_vec())?.unwrap_or_default();
		let before = self.settled;
		self.look_at_jobs()?;
		made.settled = self.settled - before;
		made.forgotten = u32::try_from(self.forgotten()? - forgotten)?;
		Ok(made)
	}

	fn best(&self) -> Hash {
		self.hashes[self.number as usize]
	}

	fn read<V: Decode>(&self, key: Vec<u8>) -> Result<Option<V>, Error> {
		let data = self.client.storage(self.best(), &StorageKey(key))?;
		Ok(data.map(|data| V::decode(&mut &data.0[..])).transpose()?)
	}

	fn next_job_number(&self) -> Result<JobId, Error> {
		Ok(self.read(pallet_inference::NextJob::<Runtime>::hashed_key().to_vec())?.unwrap_or(0))
	}

	/// Jobs that the chain knows no more.
	fn forgotten(&self) -> Result<u64, Error> {
		let range: Option<(u64, u64)> = self.read(pallet_inference::RetainedRange::<Runtime>::hashed_key().to_vec())?;
		Ok(range.unwrap_or_default().0)
	}

	/// Bytes of keys and values that the state keeps of the newest job that has ended, until it is forgotten; the trie's own
	/// nodes come on top.
	pub fn state_of_an_ended_job(&self) -> Result<usize, Error> {
		use pallet_inference::{Committees, Inputs, JobIds, Jobs, Outputs, Retained, RetainedRange};
		let (_, next): (u64, u64) = self.read(RetainedRange::<Runtime>::hashed_key().to_vec())?.unwrap_or_default();
		let place = Retained::<Runtime>::hashed_key_for(next.saturating_sub(1));
		let (id, _): (JobId, u32) = self.read(place.clone())?.ok_or("no job has ended")?;
		let job = self.job(id)?.ok_or("the newest job that has ended is unknown")?;
		let keys = [
			place,
			Jobs::<Runtime>::hashed_key_for(id),
			JobIds::<Runtime>::hashed_key_for(job.fingerprint),
			Inputs::<Runtime>::hashed_key_for(id),
			Committees::<Runtime>::hashed_key_for((id, job.round)),
			Outputs::<Runtime>::hashed_key_for(id),
		];
		let mut bytes = 0;
		for key in keys {
			let length = key.len();
			let value =
				self.client.storage(self.best(), &StorageKey(key))?.ok_or("a part of the ended job is missing")?;
			bytes += length + value.0.len();
		}
		Ok(bytes)
	}

	fn look_at_jobs(&mut self) -> Result<(), Error> {
		let next = self.next_job_number()?;
		self.live.extend(self.next_job..next);
		self.next_job = next;
		let mut live = Vec::new();
		for id in std::mem::take(&mut self.live) {
			match self.job(id)? {
				Some(job) if job.is_open() => live.push(id),
				_ => self.settled += 1,
			}
		}
		self.live = live;
		Ok(())
	}

	fn job(&self, id: JobId) -> Result<Option<Job>, Error> {
		self.read(pallet_inference::Jobs::<Runtime>::hashed_key_for(id))
	}

	/// Jobs that wait for votes.
	fn waiting(&self) -> Result<Vec<(JobId, Job, Committee)>, Error> {
		let mut waiting = Vec::new();
		for id in &self.live {
			let Some(job) = self.job(*id)?.filter(|job| job.phase != Phase::Pending) else { continue };
			let key = pallet_inference::Committees::<Runtime>::hashed_key_for((*id, job.round));
			if let Some(committee) = self.read(key)? {
				waiting.push((*id, job, committee));
			}
		}
		Ok(waiting)
	}

	/// The digest by which the slot's author claims it, with its VRF.
	fn claim(&self, slot: Slot) -> DigestItem {
		let authority_index = (*slot % self.validators.len() as u64) as u32;
		// The first epoch has no randomness yet.
		let data = make_vrf_sign_data(&[0; 32], slot, 0);
		let vrf_signature = self.validators[authority_index as usize].pair.vrf_sign(&data);
		DigestItem::babe_pre_digest(PreDigest::SecondaryVRF(SecondaryVRFPreDigest {
			authority_index,
			slot,
			vrf_signature,
		}))
	}

	/// A job, submitted by the next one in turn.
	fn submission(&mut self) -> Result<Opaque, Error> {
		let place = self.next_requester;
		self.next_requester = (place + 1) % self.requesters.len();
		let nonce = self.nonces[place];
		self.nonces[place] += 1;
		let call = RuntimeCall::Inference(pallet_inference::Call::submit {
			model: model().id(),
			input: format!("In which language is the question number {nonce} of requester {place}?").as_str().into(),
			options: JobOptions { seats: Seats::Fixed(self.seats), ..Default::default() },
			max_fee: u128::MAX,
		});
		let extension = tx_extension(Era::Immortal, nonce, 0);
		let (spec, transactions) = (VERSION.spec_version, VERSION.transaction_version);
		let implicit = ((), spec, transactions, self.genesis, self.genesis, (), (), (), None, ());
		let payload = SignedPayload::from_raw(call.clone(), extension.clone(), implicit);
		let pair = &self.requesters[place];
		let signature = payload.using_encoded(|bytes| pair.sign(bytes));
		let extrinsic = UncheckedExtrinsic::new_signed(
			call,
			MultiAddress::Id(pair.public().into()),
			MultiSignature::Sr25519(signature),
			extension,
		);
		Ok(Opaque::try_from_encoded_extrinsic(&extrinsic.encode())?)
	}
}

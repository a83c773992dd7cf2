//! What a node knows of itself, as JSON.

use crate::Validator;
use serde::{Deserialize, Serialize};
use sibyl_primitives::{model::ModelId, model::Pace as ChainPace, BlockNumber, Hash, SessionIndex};

/// What a node knows of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
	/// The program's version.
	pub version: String,
	/// The chain's name.
	pub chain: String,
	/// The hash of the chain's first block.
	pub genesis: Hash,
	/// Whether it is far from the newest block.
	pub is_syncing: bool,
	/// Nodes that it is connected to.
	pub peers: usize,
	/// Its best block.
	pub best: BlockRef,
	/// When the best block was made, by its author's clock, in seconds since 1970.
	pub best_at: Option<u64>,
	/// What the node's own clock says, likewise.
	pub now: u64,
	/// The last block that it has as final.
	pub finalized: BlockRef,
	/// The current session, at the best block.
	pub session: SessionIndex,
	/// Validators in its set.
	pub set_size: usize,
	/// Whether it was started with `--validator`.
	pub is_validator: bool,
	/// Whether it takes no new seats, since it was told to.
	pub is_draining: bool,
	/// The session keys whose secrets its keystore has, at most 64.
	pub keys: Vec<OwnKey>,
	/// The accounts that these keys are, or were set to be, the session keys of.
	pub validators: Vec<OwnValidator>,
	/// The chain's models, as this node stands to them; none on a node that is no validator.
	pub models: Vec<OwnModel>,
	/// Inferences that wait and run.
	pub queue: Load,
	/// The engine's process.
	pub engine: Engine,
	/// What went wrong last, the newest first, at most 32.
	pub faults: Vec<NodeFault>,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRef {
	/// Its height.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash,
}

/// A session key whose secret the node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnKey {
	/// What it signs: `babe`, `grandpa`, `authorityDiscovery` or `inference`.
	pub kind: String,
	/// The public key, in hex.
	pub public: String,
	/// The account that this session uses it for.
	pub current: Option<String>,
	/// The account that the next session uses it for.
	pub next: Option<String>,
	/// The account that has set it last, for the session after the next one.
	pub set: Option<String>,
}

/// A validator's account, some of whose session keys the node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnValidator {
	/// Whether the current session's set has it.
	pub is_elected: bool,
	/// Whether the next session's has.
	pub is_elected_next: bool,
	/// Whether it stands for election.
	pub is_candidate: bool,
	/// Whether the current session has disabled it, for an offence.
	pub is_disabled: bool,
	/// Whether it serves no model until it attests one again: it has missed too many seats in a row, or had too little service
	/// bond.
	pub is_out_of_service: bool,
	/// Its keys in this session, where it is in the set.
	pub current_keys: Option<KeySet>,
	/// Its keys in the next session, where it is in that set.
	pub next_keys: Option<KeySet>,
	/// The keys that it has set last.
	pub set_keys: Option<KeySet>,
	/// What it has bonded itself and not unbonded, in the smallest unit.
	pub stake: String,
	/// What a candidate must have bonded at least.
	pub min_stake: String,
	/// Its service bond, its open seats and what it has done so far.
	pub service: Validator,
}

/// Four session keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
	/// The public keys, 128 bytes in hex.
	pub keys: String,
	/// The kinds of those whose secrets the node lacks.
	pub missing: Vec<String>,
}

/// How a node stands to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnModel {
	/// What identifies it.
	pub id: ModelId,
	/// The name that users know it by.
	pub name: String,
	/// Where it stands.
	pub state: ModelState,
	/// Why it is not served, where it is not.
	pub why: Option<String>,
	/// The pace that the chain is told.
	pub pace: Option<Pace>,
	/// The bytes of its files, which are about what its weights take of memory while it is loaded.
	pub bytes: u64,
}

/// Where a model stands with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelState {
	/// It is served.
	Served,
	/// It could be served, and the chain is told that it is not: the node drains.
	Withdrawn,
	/// It waits for its turn, or is being loaded.
	Loading,
	/// Its goldens are being checked.
	Checking,
	/// Its pace is being measured.
	Measuring,
	/// Not all of its files are there.
	Absent,
	/// A file is not what its hash says.
	Damaged,
	/// It is not served for another reason.
	NotServed,
}

/// How fast a node promises to be with a model, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
	/// For a job, whatever its length.
	pub job: u32,
	/// For a unit of input.
	pub input_unit: u32,
	/// For a unit of output.
	pub output_unit: u32,
}

/// Inferences that a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
	/// Those that wait.
	pub waiting: usize,
	/// Those that run.
	pub running: usize,
}

/// The process that runs models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Engine {
	/// Where it stands.
	pub state: EngineState,
	/// Its process id, while there is one.
	pub pid: Option<u32>,
	/// How often it has ended by itself or was killed since the node started.
	pub ends: u32,
	/// What it did in its last end.
	pub last_end: Option<String>,
}

/// Where the process that runs models stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EngineState {
	/// Nothing has been asked of it yet.
	#[default]
	Idle,
	/// It is being started, or given its models.
	Starting,
	/// It takes questions.
	Running,
	/// It has ended several times, and is started again after a pause.
	Pausing,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFault {
	/// When, in seconds since 1970.
	pub at: u64,
	/// What.
	pub what: String,
}

/// What a node says of draining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drain {
	/// Whether it takes no new seats.
	pub is_draining: bool,
}

impl From<ChainPace> for Pace {
	fn from(ChainPace { job, input_unit, output_unit }: ChainPace) -> Self {
		Self { job, input_unit, output_unit }
	}
}

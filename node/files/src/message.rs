//! What nodes ask each other, and what they say.

use crate::FileId;
use codec::{Decode, Encode, MaxEncodedLen};
use sc_network::{config::IncomingRequest, service::traits::NetworkBackend, ProtocolName};
use sibyl_primitives::{model::CHUNK_BYTES, Hash};
use sp_runtime::traits::Block;
use std::time::Duration;

/// Hashes that a proof has at most: a file has at most 2³² chunks.
const MAX_PROOF: u64 = 32;

/// Bytes that the rest of a response takes at most: variants and lengths.
const MAX_FRAME: u64 = 16;

/// After so long a request is given up. A chunk takes this at a third of a megabit a second.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests that wait until the node looks at them. What comes beyond is refused by the network itself.
const QUEUE: usize = 32;

/// A request, of this version of the protocol or a later one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen)]
pub enum VersionedRequest {
	/// The only version so far.
	#[codec(index = 1)]
	V1(Request),
}

/// What a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen)]
pub enum Request {
	/// Whether the peer has a file and gives of it.
	Has(FileId),
	/// A chunk.
	Chunk {
		/// The file.
		file: FileId,
		/// Which of its chunks, from 0.
		index: u32,
	},
}

/// A response, of this version of the protocol or a later one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum VersionedResponse {
	/// The only version so far.
	#[codec(index = 1)]
	V1(Response),
}

/// What a node says to a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Response {
	/// It has the file.
	Has,
	/// A chunk.
	Chunk {
		/// Its bytes.
		bytes: Vec<u8>,
		/// What shows that it is this file's.
		proof: Vec<Hash>,
	},
	/// It does not have the file, or gives nothing of it.
	Absent,
	/// It has no time for this now.
	Busy {
		/// Milliseconds after which to ask again.
		after: u32,
	},
}

impl Response {
	/// As it travels.
	pub fn encode(self) -> Vec<u8> {
		VersionedResponse::V1(self).encode()
	}
}

/// The protocol's name. Nodes of other chains, and of other forks of it, speak another.
pub fn protocol_name(genesis: &Hash, fork: Option<&str>) -> ProtocolName {
	let fork = fork.map_or_else(String::new, |fork| format!("/{fork}"));
	let genesis = format!("{genesis:?}");
	format!("/{}{fork}/sibyl/files/1", genesis.trim_start_matches("0x")).into()
}

/// What the network needs to know of the protocol before it is built, and the requests that come by it.
pub fn protocol_config<B: Block, Network: NetworkBackend<B, Hash>>(
	name: ProtocolName,
) -> (Network::RequestResponseProtocolConfig, async_channel::Receiver<IncomingRequest>) {
	let (queue, requests) = async_channel::bounded(QUEUE);
	let max_request = VersionedRequest::max_encoded_len() as u64;
	let max_response = u64::from(CHUNK_BYTES) + 32 * MAX_PROOF + MAX_FRAME;
	let config =
		Network::request_response_config(name, Vec::new(), max_request, max_response, REQUEST_TIMEOUT, Some(queue));
	(config, requests)
}

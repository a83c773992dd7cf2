//! Asks a peer, and judges what it says.

use crate::{
	merkle::verified,
	message::{Request, Response, VersionedRequest, VersionedResponse},
	partial::Partial,
	FileId, Network,
};
use codec::{DecodeAll, Encode};
use sc_network::PeerId;
use std::{io, sync::Arc, time::Duration};
use substrate_prometheus_endpoint::{Counter, U64};
use tokio::{task::spawn_blocking, time::timeout};

/// What came of a request for a chunk.
pub enum Given {
	/// Bytes that were right and are kept.
	Kept,
	/// They were right, and the disk fails.
	NotKept(io::Error),
	/// The peer wants to be asked again later.
	Busy(Duration),
	/// It does not have the file.
	Absent,
	/// It did not answer.
	Nothing,
	/// It answered what no honest node does.
	Wrong,
}

/// What a peer says, if it is of this protocol; none where it says nothing.
async fn ask(
	network: &dyn Network,
	peer: PeerId,
	request: Request,
	patience: Duration,
) -> Option<Result<Response, codec::Error>> {
	let answer = network.ask(peer, VersionedRequest::V1(request).encode());
	let bytes = timeout(patience, answer).await.ok()?.ok()?;
	Some(VersionedResponse::decode_all(&mut &bytes[..]).map(|VersionedResponse::V1(response)| response))
}

/// Whether a peer has a file; none where it does not say.
pub async fn has(network: Arc<dyn Network>, peer: PeerId, file: FileId, patience: Duration) -> Option<bool> {
	match ask(&*network, peer, Request::Has(file), patience).await? {
		Ok(Response::Has) => Some(true),
		Ok(Response::Absent) => Some(false),
		// Whatever else it says, it gives nothing now.
		Ok(Response::Busy { .. } | Response::Chunk { .. }) | Err(_) => None,
	}
}

/// Asks for a chunk, checks it, writes it down and counts its bytes: whoever asked may have gone on meanwhile.
pub async fn chunk(
	network: Arc<dyn Network>,
	peer: PeerId,
	file: FileId,
	index: u32,
	partial: Arc<Partial>,
	fetched_bytes: Counter<U64>,
	patience: Duration,
) -> Given {
	let (bytes, proof) = match ask(&*network, peer, Request::Chunk { file, index }, patience).await {
		Some(Ok(Response::Chunk { bytes, proof })) => (bytes, proof),
		Some(Ok(Response::Busy { after })) => return Given::Busy(Duration::from_millis(after.into())),
		Some(Ok(Response::Absent)) => return Given::Absent,
		Some(Ok(Response::Has) | Err(_)) => return Given::Wrong,
		None => return Given::Nothing,
	};
	let kept = spawn_blocking(move || match verified(&file, index, &bytes, &proof) {
		Some(hash) => match partial.keep(index, &bytes, hash) {
			Ok(()) => {
				fetched_bytes.inc_by(bytes.len() as u64);
				Given::Kept
			}
			Err(error) => Given::NotKept(error),
		},
		None => Given::Wrong,
	});
	kept.await.unwrap_or_else(|error| Given::NotKept(io::Error::other(error)))
}

use super::*;
use crate::{
	testing::{bytes, file, put},
	Limits,
};
use codec::Encode;
use sibyl_primitives::model::CHUNK_BYTES;

const CHUNK: usize = CHUNK_BYTES as usize;

/// Waits before it asks again, as an honest node does.
async fn as_it_says() {
	tokio::time::sleep(Duration::from_millis(30)).await;
}

struct Test {
	_folder: tempfile::TempDir,
	shelf: Shelf,
	listed: Listed,
	queue: async_channel::Sender<IncomingRequest>,
	metrics: Metrics,
	content: Vec<u8>,
	file: FileId,
	peer: PeerId,
}

/// What a peer hears: the response, what it costs, and who waits for it to be sent.
type Heard = (Result<Response, ()>, i32, Option<oneshot::Sender<()>>);

impl Test {
	/// A server that has a listed file.
	fn new(bytes_per_second: u64) -> Self {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let (shelf, listed) = (Shelf::new(folder.path().join("models")), Listed::default());
		let content = bytes(6 * CHUNK + 10);
		let file = file(&content);
		put(&shelf, &content);
		listed.replace([file].into());
		let (queue, requests) = async_channel::bounded(4);
		let metrics = Metrics::new(None).expect("no two metrics have one name");
		let limits = Limits { bytes_per_second };
		tokio::spawn(Server::new(shelf.clone(), listed.clone(), requests, limits, metrics.clone()).run());
		Self { _folder: folder, shelf, listed, queue, metrics, content, file, peer: PeerId::random() }
	}

	async fn ask_as(&self, peer: PeerId, payload: Vec<u8>) -> Heard {
		let (pending_response, response) = oneshot::channel();
		self.queue.send(IncomingRequest { peer, payload, pending_response }).await.expect("it runs");
		let OutgoingResponse { result, reputation_changes, sent_feedback } = response.await.expect("it answers");
		let response = result.map(|bytes| {
			let crate::message::VersionedResponse::V1(response) =
				DecodeAll::decode_all(&mut &bytes[..]).expect("it is a response");
			response
		});
		(response, reputation_changes.iter().map(|change| change.value).sum(), sent_feedback)
	}

	async fn ask(&self, request: Request) -> Response {
		self.ask_as(self.peer, VersionedRequest::V1(request).encode()).await.0.expect("it is not refused")
	}

	async fn chunk(&self, file: FileId, index: u32) -> Response {
		self.ask(Request::Chunk { file, index }).await
	}

	/// Asks until the chunks are hashed.
	async fn first_chunk(&self) -> Response {
		loop {
			match self.chunk(self.file, 0).await {
				Response::Busy { .. } => as_it_says().await,
				response => return response,
			}
		}
	}

	fn counted(&self, outcome: &str) -> u64 {
		self.metrics.requests.with_label_values(&[outcome]).get()
	}
}

#[tokio::test]
async fn a_listed_file_is_given_chunk_by_chunk_with_proofs() {
	let test = Test::new(1 << 30);
	assert_eq!(test.ask(Request::Has(test.file)).await, Response::Has);
	let Response::Chunk { bytes, .. } = test.first_chunk().await else { panic!("it has it") };
	assert_eq!(bytes, test.content[..CHUNK]);
	let Response::Chunk { bytes, proof } = test.chunk(test.file, 6).await else { panic!("it has it") };
	assert_eq!(bytes, test.content[6 * CHUNK..]);
	assert!(crate::merkle::verified(&test.file, 6, &bytes, &proof).is_some());
	assert_eq!(test.metrics.served_bytes.get(), CHUNK as u64 + 10);
}

#[tokio::test]
async fn a_file_that_the_chain_does_not_list_is_not_given_although_it_is_there() {
	let test = Test::new(1 << 30);
	let secret = bytes(100);
	put(&test.shelf, &secret);
	assert_eq!(test.ask(Request::Has(file(&secret))).await, Response::Absent);
	assert_eq!(test.chunk(file(&secret), 0).await, Response::Absent);
	test.listed.replace([file(&secret)].into());
	assert_eq!(test.ask(Request::Has(file(&secret))).await, Response::Has);
	assert_eq!(test.ask(Request::Has(test.file)).await, Response::Absent, "it is listed no longer");
}

#[tokio::test]
async fn a_file_that_the_chain_names_otherwise_than_it_is_is_not_given() {
	let test = Test::new(1 << 30);
	let sized = FileId { size: test.file.size + 1, ..test.file };
	let rooted = FileId { chunk_root: Hash::repeat_byte(1), ..test.file };
	test.listed.replace([sized, rooted].into());
	assert_eq!(test.chunk(sized, 0).await, Response::Absent);
	loop {
		match test.chunk(rooted, 0).await {
			Response::Busy { .. } => as_it_says().await,
			response => break assert_eq!(response, Response::Absent),
		}
	}
	assert_eq!(test.ask(Request::Has(rooted)).await, Response::Absent);
}

#[tokio::test]
async fn what_no_honest_node_sends_costs_reputation() {
	let test = Test::new(1 << 30);
	let beyond = VersionedRequest::V1(Request::Chunk { file: test.file, index: 7 }).encode();
	let longer = [VersionedRequest::V1(Request::Has(test.file)).encode(), vec![0]].concat();
	let other_version = [vec![2], Request::Has(test.file).encode()].concat();
	for payload in [beyond, longer, other_version, vec![], vec![255; 60]] {
		let (response, cost, _) = test.ask_as(test.peer, payload).await;
		assert!(response.is_err() && cost <= -(1 << 24), "{cost}");
	}
	assert_eq!(test.counted("malformed"), 5);
}

#[tokio::test]
async fn a_flood_of_requests_is_refused_and_costs_while_others_are_served() {
	let test = Test::new(1 << 30);
	let has = VersionedRequest::V1(Request::Has(test.file)).encode();
	let mut cost = 0;
	while cost == 0 {
		cost = test.ask_as(test.peer, has.clone()).await.1;
	}
	assert!(cost < 0 && test.counted("has") >= REQUESTS_OF_A_PEER.burst);
	assert_eq!(test.ask_as(PeerId::random(), has).await.0, Ok(Response::Has));
}

#[tokio::test]
async fn no_more_bytes_are_given_than_the_operator_allows() {
	let test = Test::new(1_000);
	assert!(matches!(test.first_chunk().await, Response::Chunk { .. }));
	let Response::Busy { after } = test.chunk(test.file, 1).await else { panic!("a second one is too much") };
	assert!(after > 1_000_000, "{after}");
}

#[tokio::test]
async fn a_node_that_shares_nothing_says_that_it_has_nothing() {
	let test = Test::new(0);
	assert_eq!(test.first_chunk().await, Response::Absent);
}

#[tokio::test]
async fn a_peer_that_takes_its_chunks_slowly_gets_no_more_of_them() {
	let test = Test::new(1 << 30);
	assert!(matches!(test.first_chunk().await, Response::Chunk { .. }));
	let payload = VersionedRequest::V1(Request::Chunk { file: test.file, index: 1 }).encode();
	let mut kept = Vec::new();
	loop {
		let (response, _, written) = test.ask_as(test.peer, payload.clone()).await;
		match response {
			Ok(Response::Chunk { .. }) => kept.push(written.expect("the server waits for it")),
			Ok(Response::Busy { .. }) if kept.len() >= CHUNKS_OF_A_PEER => break,
			Ok(Response::Busy { .. }) => as_it_says().await,
			other => panic!("{other:?}"),
		}
	}
	assert_eq!(kept.len(), CHUNKS_OF_A_PEER);
	let other = test.ask_as(PeerId::random(), payload.clone()).await.0;
	assert!(matches!(other, Ok(Response::Chunk { .. })), "others are given theirs");
	kept.pop().expect("there are some").send(()).expect("the server waits for it");
	loop {
		match test.ask_as(test.peer, payload.clone()).await.0 {
			Ok(Response::Chunk { .. }) => break,
			_ => as_it_says().await,
		}
	}
}

#[tokio::test]
async fn a_file_that_was_damaged_after_it_was_hashed_is_not_given() {
	let test = Test::new(1 << 30);
	assert!(matches!(test.first_chunk().await, Response::Chunk { .. }));
	let mut other = test.content.clone();
	other[3 * CHUNK] ^= 1;
	let path = test.shelf.folder().join(crate::shelf::name(&test.file.sha256).to_string());
	std::fs::write(path, other).expect("there is room");
	loop {
		match test.chunk(test.file, 3).await {
			Response::Busy { .. } => as_it_says().await,
			response => break assert_eq!(response, Response::Absent),
		}
	}
}

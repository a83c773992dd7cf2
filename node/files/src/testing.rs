//! A network in memory, and peers of every kind.

use crate::{
	merkle::{chunk_length, chunk_offset, chunk_root, leaves, proof, sha256},
	message::{Request, Response, VersionedRequest},
	shelf::{name, Disk},
	FileId, Limits, Listed, Metrics, Network, Server, Shelf, Unanswered,
};
use async_channel::Sender;
use async_trait::async_trait;
use codec::DecodeAll;
use futures::channel::oneshot;
use parking_lot::Mutex;
use sc_network::{
	config::{IncomingRequest, OutgoingResponse},
	PeerId, ReputationChange,
};
use std::{
	fs::File,
	io::{self, ErrorKind},
	os::unix::fs::FileExt,
	path::Path,
	sync::{
		atomic::{AtomicU64, Ordering::SeqCst},
		Arc,
	},
	time::{Duration, Instant},
};

/// So many bytes of no pattern, which begin as a model's file may.
pub fn bytes(count: usize) -> Vec<u8> {
	let mut state = count as u64;
	let mut next = || {
		state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		(state >> 56) as u8
	};
	(0..count).map(|at| if at == 0 { b'{' } else { next() }).collect()
}

/// A file of these bytes, as the chain names it.
pub fn file(content: &[u8]) -> FileId {
	let chunk_root = chunk_root(content).expect("memory can be read");
	FileId { sha256: sha256(content), size: content.len() as u64, chunk_root }
}

/// What a peer says that has these bytes and checks nothing; nothing to what is out of range.
pub fn given(content: &[u8], request: Request) -> Option<Response> {
	let Request::Chunk { index, .. } = request else { return Some(Response::Has) };
	let start = chunk_offset(index) as usize;
	let bytes = content[start..start + chunk_length(content.len() as u64, index)?].to_vec();
	Some(Response::Chunk { bytes, proof: proof(&leaves(content).expect("memory can be read"), index)? })
}

/// Waits until something is so.
pub async fn eventually(what: &str, is_so: impl Fn() -> bool) {
	let start = Instant::now();
	while !is_so() {
		assert!(start.elapsed() < Duration::from_secs(60), "it should have come to this: {what}");
		tokio::time::sleep(Duration::from_millis(2)).await;
	}
}

/// A disk with so much room.
pub struct FullDisk {
	said: AtomicU64,
	room: AtomicU64,
}

impl FullDisk {
	/// It does not say how little room it has.
	pub fn with_room(room: u64) -> Arc<Self> {
		Arc::new(Self { said: u64::MAX.into(), room: room.into() })
	}

	/// Says from now on that it has so much room.
	pub fn say(&self, room: u64) {
		self.said.store(room, SeqCst);
	}

	/// Has from now on so much room.
	pub fn make(&self, room: u64) {
		self.room.store(room, SeqCst);
	}
}

impl Disk for FullDisk {
	fn free(&self, _: &Path) -> io::Result<u64> {
		Ok(self.said.load(SeqCst))
	}

	fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
		// What is beside the chunks is small, and finds room.
		let size = if bytes.len() > 32 { bytes.len() as u64 } else { 0 };
		let left = self.room.fetch_update(SeqCst, SeqCst, |room| room.checked_sub(size));
		left.map_err(|_| ErrorKind::StorageFull)?;
		file.write_all_at(bytes, offset)
	}
}

/// What a peer says; none where it never answers.
type Answers = Box<dyn Fn(Request) -> Option<Response> + Send + Sync>;

enum Nature {
	/// A node of this program.
	Node(Sender<IncomingRequest>),
	/// Whatever a test thinks of.
	Other(Answers),
	/// It says bytes of no message.
	Garbage,
}

/// A network of one node and its peers.
#[derive(Default)]
pub struct MemoryNetwork {
	peers: Mutex<Vec<(PeerId, Arc<Nature>)>>,
	asked: Mutex<Vec<(PeerId, Request)>>,
	reports: Mutex<Vec<(PeerId, i32)>>,
}

impl MemoryNetwork {
	fn add(&self, nature: Nature) -> PeerId {
		let peer = PeerId::random();
		self.peers.lock().push((peer, Arc::new(nature)));
		peer
	}

	/// Adds a node with a store of its own that has these files, and which the chain lists so.
	pub fn add_node(&self, folder: &Path, contents: &[&[u8]], listed: &[FileId]) -> PeerId {
		let shelf = Shelf::new(folder.join(PeerId::random().to_base58()));
		for content in contents {
			put(&shelf, content);
		}
		let (queue, requests) = async_channel::bounded(32);
		let list = Listed::default();
		list.replace(listed.iter().copied().collect());
		let metrics = Metrics::new(None).expect("no two metrics have one name");
		let limits = Limits { bytes_per_second: 1 << 30 };
		tokio::spawn(Server::new(shelf, list, requests, limits, metrics).run());
		self.add(Nature::Node(queue))
	}

	/// Adds a peer that says this.
	pub fn add_peer(&self, answers: impl Fn(Request) -> Option<Response> + Send + Sync + 'static) -> PeerId {
		self.add(Nature::Other(Box::new(answers)))
	}

	/// Adds a peer that says bytes of no message once it is asked for a chunk.
	pub fn add_garbage(&self) -> PeerId {
		self.add(Nature::Garbage)
	}

	/// Takes away all peers.
	pub fn leave_alone(&self) {
		self.peers.lock().clear();
	}

	/// The chunks that were asked for, and of whom.
	pub fn asked_chunks(&self) -> Vec<(PeerId, u32)> {
		let asked = self.asked.lock();
		let chunk = |(peer, request): &(PeerId, Request)| match request {
			Request::Chunk { index, .. } => Some((*peer, *index)),
			Request::Has(_) => None,
		};
		asked.iter().filter_map(chunk).collect()
	}

	/// What was said of peers.
	pub fn reports(&self) -> Vec<(PeerId, i32)> {
		self.reports.lock().clone()
	}
}

#[async_trait]
impl Network for MemoryNetwork {
	async fn peers(&self) -> Vec<PeerId> {
		self.peers.lock().iter().map(|(peer, _)| *peer).collect()
	}

	async fn ask(&self, peer: PeerId, request: Vec<u8>) -> Result<Vec<u8>, Unanswered> {
		let Ok(VersionedRequest::V1(asked)) = VersionedRequest::decode_all(&mut &request[..]) else {
			panic!("the node asks by the protocol");
		};
		self.asked.lock().push((peer, asked));
		let found = self.peers.lock().iter().find(|(other, _)| *other == peer).map(|(_, nature)| nature.clone());
		match &*found.ok_or(Unanswered)? {
			Nature::Node(queue) => {
				let (pending_response, response) = oneshot::channel();
				let incoming = IncomingRequest { peer, payload: request, pending_response };
				queue.send(incoming).await.map_err(|_| Unanswered)?;
				let OutgoingResponse { result, sent_feedback, .. } = response.await.map_err(|_| Unanswered)?;
				if let Some(feedback) = sent_feedback {
					// Whoever waits for it may be gone.
					let _ = feedback.send(());
				}
				result.map_err(|()| Unanswered)
			}
			Nature::Other(answers) => match answers(asked) {
				Some(response) => Ok(response.encode()),
				None => std::future::pending().await,
			},
			Nature::Garbage => Ok(match asked {
				Request::Has(_) => Response::Has.encode(),
				Request::Chunk { .. } => vec![9, 9, 9],
			}),
		}
	}

	fn report(&self, peer: PeerId, change: ReputationChange) {
		self.reports.lock().push((peer, change.value));
	}
}

/// Puts a file into a store behind its back.
pub fn put(shelf: &Shelf, content: &[u8]) {
	std::fs::create_dir_all(shelf.folder()).expect("a folder can be made");
	let path = shelf.folder().join(name(&sha256(content)).to_string());
	std::fs::write(path, content).expect("there is room");
}

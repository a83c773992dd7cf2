use super::*;
use crate::{
	message::{Request, Response},
	testing::{bytes, eventually, file, given, FullDisk, MemoryNetwork},
};
use sibyl_primitives::{model::CHUNK_BYTES, Hash};
use std::{
	collections::BTreeSet,
	sync::atomic::{AtomicBool, Ordering::SeqCst},
};
use tokio::task::JoinHandle;

const CHUNK: usize = CHUNK_BYTES as usize;

/// A node that fetches.
struct Test {
	folder: tempfile::TempDir,
	shelf: Shelf,
	network: Arc<MemoryNetwork>,
	wanted: watch::Sender<Option<Vec<Wanted>>>,
	progress: Progress,
	metrics: Metrics,
	task: Option<JoinHandle<()>>,
}

impl Test {
	fn new() -> Self {
		let folder = tempfile::tempdir().expect("a folder can be made");
		Self {
			shelf: Shelf::new(folder.path().join("own")),
			folder,
			network: Arc::default(),
			wanted: watch::channel(None).0,
			progress: Progress::default(),
			metrics: Metrics::new(None).expect("no two metrics have one name"),
			task: None,
		}
	}

	fn want(&self, files: &[FileId]) {
		let wanted = files.iter().map(|file| Wanted { file: *file, model: "fake".into() }).collect();
		self.wanted.send_replace(Some(wanted));
	}

	/// Adds a node that has this.
	fn add_node(&self, content: &[u8]) -> sc_network::PeerId {
		self.network.add_node(self.folder.path(), &[content], &[file(content)])
	}

	fn start(&mut self) {
		self.start_with(|_| ());
	}

	/// Starts with another patience than the short one of these tests.
	fn start_with(&mut self, change: impl FnOnce(&mut Patience)) {
		let milliseconds = Duration::from_millis;
		let mut patience = Patience {
			answer: milliseconds(500),
			peer: milliseconds(10),
			look: milliseconds(20),
			file: milliseconds(10),
			chunk: milliseconds(300),
			turn: Duration::MAX,
		};
		change(&mut patience);
		let (progress, metrics) = (self.progress.clone(), self.metrics.clone());
		let fetcher = Fetcher::new(self.shelf.clone(), self.network.clone(), patience, progress, metrics);
		self.task = Some(tokio::spawn(fetcher.run(self.wanted.subscribe())));
	}

	/// Ends the fetcher in the middle of whatever it does.
	async fn stop(&mut self) {
		let task = self.task.take().expect("it was started");
		task.abort();
		assert!(task.await.expect_err("it ran").is_cancelled());
	}

	async fn fetched(&self, file: &FileId) {
		eventually("the file is fetched", || self.shelf.has(file)).await;
	}

	async fn waits(&self, file: &FileId, why: &str) {
		let waits = || matches!(self.progress.of(file), Some(Fetching::Waits(reason)) if reason.contains(why));
		eventually(why, waits).await;
	}

	fn read(&self, file: &FileId) -> Vec<u8> {
		let path = self.shelf.folder().join(crate::shelf::name(&file.sha256).to_string());
		std::fs::read(path).expect("it is there")
	}
}

#[tokio::test]
async fn a_file_is_fetched_from_several_peers_and_each_chunk_once() {
	let (mut test, content) = (Test::new(), bytes(9 * CHUNK + 123));
	let file = file(&content);
	for _ in 0..3 {
		test.add_node(&content);
	}
	test.want(&[file]);
	test.start();
	test.fetched(&file).await;
	assert_eq!(test.read(&file), content);
	let givers: BTreeSet<_> = test.network.asked_chunks().into_iter().map(|(peer, _)| peer.to_bytes()).collect();
	assert_eq!(givers.len(), 3);
	eventually("it is counted", || test.metrics.fetched.get() == 1).await;
	assert_eq!(test.metrics.fetched_bytes.get(), file.size);
	assert_eq!((test.progress.of(&file), test.network.reports()), (None, vec![]));
}

#[tokio::test]
async fn files_of_one_chunk_and_of_whole_chunks_are_fetched_one_after_the_other() {
	let (mut test, contents) = (Test::new(), [bytes(1), bytes(CHUNK), bytes(2 * CHUNK)]);
	let files = contents.each_ref().map(|content| file(content));
	test.network.add_node(test.folder.path(), &contents.each_ref().map(|content| &content[..]), &files);
	test.want(&files);
	test.start();
	for (file, content) in files.iter().zip(&contents) {
		test.fetched(file).await;
		assert_eq!(test.read(file), *content);
	}
}

#[tokio::test]
async fn who_sends_a_wrong_chunk_loses_reputation_and_is_not_asked_again_and_nobody_else_is_blamed() {
	let (mut test, content) = (Test::new(), bytes(12 * CHUNK));
	let file = file(&content);
	let other = bytes(12 * CHUNK - 1);
	let liar = test.network.add_peer(move |request| given(&other, request));
	let talker = test.network.add_garbage();
	let honest = test.add_node(&content);
	test.want(&[file]);
	test.start();
	test.fetched(&file).await;
	let reports = test.network.reports();
	for bad in [liar, talker] {
		let costs: Vec<_> = reports.iter().filter(|(peer, _)| *peer == bad).map(|(_, cost)| *cost).collect();
		assert!(!costs.is_empty() && costs.len() <= 2, "{costs:?}");
		assert!(costs.iter().all(|cost| *cost <= -(1 << 30)));
		let asked = test.network.asked_chunks().iter().filter(|(peer, _)| *peer == bad).count();
		assert_eq!(asked, costs.len(), "it is asked for no other chunk");
	}
	assert!(reports.iter().all(|(peer, _)| *peer != honest));
	assert_eq!((test.metrics.refused_peers.get(), test.read(&file)), (2, content));
}

#[tokio::test]
async fn a_peer_that_never_answers_keeps_nobody_from_going_on() {
	let (mut test, content) = (Test::new(), bytes(6 * CHUNK));
	let file = file(&content);
	test.network.add_peer(|request| matches!(request, Request::Has(_)).then_some(Response::Has));
	test.network.add_peer(|_| None);
	test.add_node(&content);
	test.want(&[file]);
	test.start();
	test.fetched(&file).await;
	assert!(test.network.reports().is_empty(), "it may be slow, or gone");
}

#[tokio::test]
async fn a_node_that_ended_in_the_middle_goes_on_where_it_was() {
	let (mut test, content) = (Test::new(), bytes(5 * CHUNK + 9));
	let file = file(&content);
	let has = content.clone();
	test.network.add_peer(move |request| match request {
		Request::Chunk { index, .. } if index >= 3 => None,
		request => given(&has, request),
	});
	test.want(&[file]);
	test.start();
	eventually("three chunks are there", || test.metrics.fetched_bytes.get() == 3 * CHUNK as u64).await;
	test.stop().await;
	assert!(!test.shelf.has(&file), "the store sees whole files only");
	test.network = Arc::default();
	test.add_node(&content);
	// A node that starts does not know at once what is wanted.
	test.wanted.send_replace(None);
	test.start();
	tokio::task::yield_now().await;
	test.want(&[file]);
	test.fetched(&file).await;
	let mut asked: Vec<_> = test.network.asked_chunks().into_iter().map(|(_, index)| index).collect();
	asked.sort_unstable();
	asked.dedup();
	assert_eq!((asked, test.read(&file)), (vec![3, 4, 5], content));
}

#[tokio::test]
async fn a_disk_that_fills_up_makes_it_wait_and_what_is_there_is_kept_until_there_is_room() {
	let (mut test, content) = (Test::new(), bytes(4 * CHUNK));
	let file = file(&content);
	let disk = FullDisk::with_room(2 * CHUNK as u64);
	test.shelf = Shelf::on(test.shelf.folder(), disk.clone());
	test.add_node(&content);
	test.want(&[file]);
	test.start();
	test.waits(&file, "has no room").await;
	// Chunks come at once, and the one that finds no room may be the first to say so.
	assert!(test.metrics.fetched_bytes.get() <= 2 * CHUNK as u64);
	disk.make(u64::MAX);
	test.fetched(&file).await;
	eventually("it is counted", || test.metrics.fetched.get() == 1).await;
	assert_eq!(test.metrics.fetched_bytes.get(), file.size, "no chunk was written twice");
}

#[tokio::test]
async fn a_file_that_there_is_no_room_for_is_not_begun() {
	let (mut test, content) = (Test::new(), bytes(2 * CHUNK));
	let file = file(&content);
	let disk = FullDisk::with_room(u64::MAX);
	disk.say(2 * CHUNK as u64 - 1);
	test.shelf = Shelf::on(test.shelf.folder(), disk.clone());
	test.add_node(&content);
	test.want(&[file]);
	test.start();
	test.waits(&file, "no room for the 2.1 MB that are missing").await;
	assert_eq!(test.network.asked_chunks(), []);
	disk.say(u64::MAX);
	test.fetched(&file).await;
}

#[tokio::test]
async fn a_file_that_nobody_has_is_fetched_once_somebody_has_it() {
	let (mut test, content) = (Test::new(), bytes(CHUNK));
	let file = file(&content);
	test.want(&[file]);
	test.start();
	test.waits(&file, "no node is connected").await;
	test.network.add_node(test.folder.path(), &[], &[file]);
	test.waits(&file, "no node that is connected gives it").await;
	test.network.leave_alone();
	test.add_node(&content);
	test.fetched(&file).await;
}

#[tokio::test]
async fn who_registers_a_wrong_size_or_root_can_have_no_honest_node_blamed() {
	let (mut test, content) = (Test::new(), bytes(3 * CHUNK));
	let right = file(&content);
	let wrong = [
		FileId { size: right.size - 1, ..right },
		FileId { size: right.size + 1, ..right },
		FileId { chunk_root: Hash::repeat_byte(1), ..right },
	];
	test.network.add_node(test.folder.path(), &[&content], &wrong);
	test.want(&wrong);
	test.start();
	for file in &wrong {
		test.waits(file, "no node that is connected gives it").await;
	}
	assert!(test.network.reports().is_empty() && test.metrics.fetched_bytes.get() == 0);
}

#[tokio::test]
async fn a_file_whose_hashes_contradict_each_other_is_given_up_and_not_fetched_twice() {
	let (mut test, content) = (Test::new(), bytes(2 * CHUNK));
	let twisted = FileId { sha256: Hash::repeat_byte(1), ..file(&content) };
	let has = content.clone();
	test.network.add_peer(move |request| match request {
		Request::Has(file) if file != twisted => Some(Response::Absent),
		request => given(&has, request),
	});
	test.want(&[twisted]);
	test.start();
	test.waits(&twisted, "given up").await;
	let after = bytes(CHUNK);
	test.add_node(&after);
	test.want(&[twisted, file(&after)]);
	test.fetched(&file(&after)).await;
	let twice = test.network.asked_chunks().iter().filter(|(_, index)| *index == 1).count();
	assert_eq!((twice, test.network.reports()), (1, vec![]));
}

#[tokio::test]
async fn a_file_that_others_only_promise_does_not_keep_others_waiting() {
	let (mut test, content) = (Test::new(), bytes(2 * CHUNK));
	let promised = file(&bytes(5 * CHUNK));
	let asked = Arc::new(AtomicBool::new(false));
	let noted = asked.clone();
	test.network.add_peer(move |request| match request {
		Request::Has(file) if file == promised => Some(Response::Has),
		Request::Has(_) => Some(Response::Absent),
		Request::Chunk { .. } => {
			noted.store(true, SeqCst);
			Some(Response::Busy { after: 100 })
		}
	});
	test.add_node(&content);
	test.want(&[promised, file(&content)]);
	test.start();
	test.fetched(&file(&content)).await;
	assert!(asked.load(SeqCst));
	test.waits(&promised, "give nothing of it").await;
}

#[tokio::test]
async fn a_file_that_comes_slowly_does_not_keep_others_waiting_for_more_than_its_turn() {
	let (mut test, content, slow) = (Test::new(), bytes(2 * CHUNK), bytes(4 * CHUNK));
	let slowly = file(&slow);
	test.network.add_peer(move |request| match request {
		Request::Has(file) if file != slowly => Some(Response::Absent),
		Request::Chunk { index, .. } if index > 0 => Some(Response::Busy { after: 0 }),
		request => given(&slow, request),
	});
	test.add_node(&content);
	test.want(&[slowly]);
	test.start_with(|patience| {
		(patience.turn, patience.chunk) = (Duration::from_millis(100), Duration::from_secs(3_600));
	});
	eventually("it has begun", || test.metrics.fetched_bytes.get() > 0).await;
	test.want(&[slowly, file(&content)]);
	test.fetched(&file(&content)).await;
	assert!(!test.shelf.has(&slowly));
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_given_up_and_deleted() {
	let (mut test, content) = (Test::new(), bytes(3 * CHUNK));
	let file = file(&content);
	let has = content.clone();
	test.network.add_peer(move |request| match request {
		Request::Chunk { index, .. } if index > 0 => None,
		request => given(&has, request),
	});
	test.want(&[file]);
	test.start();
	eventually("a chunk is there", || test.metrics.fetched_bytes.get() > 0).await;
	test.want(&[]);
	let entries = || std::fs::read_dir(test.shelf.folder()).expect("it is there").count();
	eventually("the folder is empty", || entries() == 0).await;
	assert_eq!(test.progress.of(&file), None);
}

#[tokio::test]
async fn it_ends_when_nobody_can_want_anything_any_more() {
	let mut test = Test::new();
	test.start();
	let task = test.task.take().expect("it was started");
	drop(test);
	task.await.expect("it ends");
}

//! Requests and responses of every kind.

use super::*;
use crate::{
	merkle::{chunk_offset, leaves, proof, verified},
	message::VersionedResponse,
	testing::{bytes, file, put},
};
use codec::{Decode, Encode};
use sibyl_fuzzing::{fuzz, Random};

const CHUNK: usize = CHUNK_BYTES as usize;

/// A file's name, and what is nearly it.
fn name(random: &mut Random, known: &[FileId]) -> FileId {
	let mut file = *random.pick(known);
	match random.below(6) {
		0 => file.size = random.number(64) as u64,
		1 => file.sha256 = Hash::from_slice(&random.bytes(32)),
		2 => file.chunk_root = Hash::from_slice(&random.bytes(32)),
		_ => {}
	}
	file
}

fn request(random: &mut Random, known: &[FileId]) -> Vec<u8> {
	let file = name(random, known);
	let index = if random.one_in(2) { random.below(4) as u32 } else { random.number(32) as u32 };
	let request = if random.one_in(4) { Request::Has(file) } else { Request::Chunk { file, index } };
	let mut bytes = VersionedRequest::V1(request).encode();
	random.spoil(&mut bytes, 6);
	bytes
}

#[tokio::test]
async fn a_request_is_answered_refused_or_given_what_it_names() {
	let folder = tempfile::tempdir().expect("a folder can be made");
	let (shelf, listed) = (Shelf::new(folder.path().join("models")), Listed::default());
	let contents = [bytes(2 * CHUNK + 10), bytes(100), bytes(333)];
	let files: Vec<_> = contents.iter().map(|content| file(content)).collect();
	contents.iter().for_each(|content| put(&shelf, content));
	// The last one is there, and not listed.
	listed.replace(files[..2].iter().copied().collect());
	let (_queue, requests) = async_channel::bounded(1);
	let metrics = Metrics::new(None).expect("no two metrics have one name");
	let mut server = Server::new(shelf, listed, requests, Limits { bytes_per_second: 1 << 40 }, metrics);
	let mut now = Instant::now();
	for file in &files[..2] {
		let payload = VersionedRequest::V1(Request::Chunk { file: *file, index: 0 }).encode();
		server.judge(PeerId::random(), &payload, now);
		let grown = server.running.next().await.expect("it is being hashed");
		server.note(grown);
	}
	let mut given = 0;
	let ran = fuzz(3_000, |case| {
		let payload = request(&mut case.random, &files);
		case.tries(&payload);
		now += Duration::from_millis(200);
		let asked = VersionedRequest::decode_all(&mut &payload[..]).map(|VersionedRequest::V1(request)| request);
		match (server.judge(PeerId::random(), &payload, now), asked) {
			(Verdict::Give(_, file, index), Ok(asked)) => {
				assert_eq!(asked, Request::Chunk { file, index });
				assert!(files[..2].contains(&file) && chunk_length(file.size, index).is_some());
				given += 1;
			}
			(Verdict::Say(Response::Has), Ok(Request::Has(file))) => assert!(files[..2].contains(&file)),
			(Verdict::Say(Response::Absent), Ok(Request::Has(file) | Request::Chunk { file, .. })) => {
				assert!(!files[..2].contains(&file));
			}
			(Verdict::Refuse(cost, _), Ok(Request::Chunk { file, index })) => {
				assert_eq!((cost.value, chunk_length(file.size, index)), (MALFORMED.value, None));
			}
			(Verdict::Refuse(cost, _), Err(_)) => assert_eq!(cost.value, MALFORMED.value),
			(Verdict::Say(said), asked) => panic!("{said:?} to {asked:?}"),
			(Verdict::Give(..), Err(_)) | (Verdict::Refuse(..), Ok(Request::Has(_))) => panic!("{payload:?}"),
		}
	});
	assert!(ran == 1 || given > 100, "{given}");
}

#[test]
fn no_chunk_but_the_files_own_is_taken_for_it_whatever_the_proof() {
	let content = bytes(5 * CHUNK + 77);
	let (id, leaves) = (file(&content), leaves(&content[..]).expect("memory can be read"));
	let chunk = |index: u32| {
		let start = chunk_offset(index) as usize;
		&content[start..start + chunk_length(id.size, index).expect("there is one")]
	};
	let mut taken = 0;
	let ran = fuzz(1_000, |case| {
		let random = &mut case.random;
		// The last one is short, and quick to hash.
		let from = if random.one_in(20) { random.below(6) as u32 } else { 5 };
		let (mut given, mut steps) = (chunk(from).to_vec(), proof(&leaves, from).expect("there is one").encode());
		let (mut named, mut index) = (id, from);
		match random.below(6) {
			0 => random.mutate(&mut given),
			1 => random.mutate(&mut steps),
			2 => named = name(random, &[id]),
			3 => index = random.number(32) as u32,
			4 => {
				// Two children are no chunk.
				given = [leaves[4], leaves[5]].encode();
			}
			_ => {}
		}
		case.tries(&steps);
		let Ok(steps) = Vec::<Hash>::decode(&mut &steps[..]) else { return };
		let is_it = verified(&named, index, &given, &steps).is_some();
		taken += u64::from(is_it);
		if is_it {
			assert!(index < 6 && given == chunk(index) && named.chunk_root == id.chunk_root);
			assert_eq!(Some(steps), proof(&leaves, index));
		}
	});
	assert!(ran == 1 || taken > 100, "{taken}");
}

#[test]
fn a_response_takes_memory_by_its_length() {
	fuzz(5_000, |case| {
		let random = &mut case.random;
		let length = random.length();
		let response = match random.below(4) {
			0 => Response::Has,
			1 => Response::Absent,
			2 => Response::Busy { after: random.number(32) as u32 },
			_ => Response::Chunk { bytes: random.bytes(length), proof: vec![Hash::zero(); random.length()] },
		};
		let mut bytes = response.encode();
		random.mutate(&mut bytes);
		case.tries(&bytes);
		let Ok(VersionedResponse::V1(read)) = VersionedResponse::decode_all(&mut &bytes[..]) else { return };
		if let Response::Chunk { bytes: chunk, proof } = &read {
			assert!(chunk.capacity() <= bytes.len() && 32 * proof.capacity() <= bytes.len());
		}
		assert_eq!(read.encode(), bytes);
	});
}

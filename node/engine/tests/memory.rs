//! A small file takes little memory, whatever it says.

#![allow(unsafe_code)]

use sibyl_engine::gguf::GgufFile;
use sibyl_engine::safetensors_file::SafetensorsFile;
use sibyl_engine::tokenizer::{BpeTokenizer, Piece};
use sibyl_engine::{self_test, LanguageModel};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, watched.
struct Watched;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Watched {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
		PEAK.fetch_max(used, Ordering::Relaxed);
		// SAFETY: the caller's promise.
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
		USED.fetch_sub(layout.size(), Ordering::Relaxed);
		// SAFETY: the caller's promise.
		unsafe { System.dealloc(at, layout) }
	}
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Reads a file as its kind and uses what comes of it.
fn read(kind: &str, bytes: &[u8]) {
	match kind {
		"gguf" => drop(GgufFile::parse(bytes)),
		"safetensors" => drop(SafetensorsFile::parse(bytes)),
		"bpe_tokenizer" => {
			let Ok(file) = GgufFile::parse(bytes) else { return };
			let Ok(tokenizer) = BpeTokenizer::from_gguf(&file) else { return };
			let _ = tokenizer.encode(&[Piece::Text("hello")]);
		}
		_ => {
			let Ok(model) = LanguageModel::load(bytes, 1) else { return };
			let _ = model.read(&mut model.context(), &[0, 1, 2]);
		}
	}
}

/// The seeds of the fuzzer of a kind of files.
fn seeds(kind: &str) -> Vec<Vec<u8>> {
	let folder = Path::new("fuzz/seeds").join(kind);
	let entries = fs::read_dir(&folder).expect("the folder is there");
	entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("a file")).collect()
}

/// Counts, lengths and sizes are integers of four or eight bytes: each four bytes of each seed become others.
#[test]
fn a_small_file_should_take_little_memory_whatever_it_says() {
	const NUMBERS: [u32; 3] = [1 << 15, 1 << 20, u32::MAX];
	// The first load of a process does it, and no file has a part in what it takes.
	self_test().expect("this build has the tables of the semantics");
	for kind in ["gguf", "safetensors", "bpe_tokenizer", "language_model"] {
		let mut most = 0;
		let mut watched = |bytes: &[u8]| {
			let before = USED.load(Ordering::Relaxed);
			PEAK.store(before, Ordering::Relaxed);
			read(kind, bytes);
			let taken = PEAK.load(Ordering::Relaxed) - before;
			assert!(taken < 8 << 20, "{kind}: a file of {} bytes took {taken}", bytes.len());
			most = most.max(taken);
		};
		for seed in seeds(kind) {
			watched(&seed);
			for at in 0..seed.len().min(1_200) - 4 {
				for number in NUMBERS {
					let mut changed = seed.clone();
					changed[at..at + 4].copy_from_slice(&number.to_le_bytes());
					watched(&changed);
				}
			}
		}
		println!("{kind}: {most} bytes at most");
	}
}

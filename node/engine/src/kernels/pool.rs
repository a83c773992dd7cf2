//! Threads that stay: a forward pass has hundreds of steps, each too short to start threads for.
//!
//! [`Pool::run`] opens a region of numbered chunks; the caller and the pool's workers take one after the other until
//! none is left. Which thread takes which chunk is left to chance and changes nothing, since chunks write disjoint
//! outputs. A worker that comes too late finds the region closed, so that a busy machine delays nobody. Workers spin for
//! a moment, then sleep. A pool serves one region at a time; a second caller computes its chunks alone.

#![allow(unsafe_code)]

use super::{check_float_environment, lanes::WIDTH};
use crate::EngineError;
use std::any::Any;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// How often a worker looks for a region before it sleeps: some tens of microseconds.
const SPINS: u32 = 4_000;
/// How often a caller looks for the last worker before it lets other threads run.
const SPINS_BEFORE_YIELD: u32 = 10_000;

/// In [`Shared::state`]: how many workers are in the region, whether it is open, and its number above.
const INSIDE: u64 = (1 << 16) - 1;
const OPEN: u64 = 1 << 16;
const NUMBER: u64 = 1 << 17;

type Work<'a> = dyn Fn(usize) + Sync + 'a;

#[derive(Clone, Copy)]
struct Job {
	work: *const Work<'static>,
	chunks: usize,
}

struct Shared {
	state: AtomicU64,
	/// Written by the caller while the region is closed and nobody is inside; read by workers inside.
	job: UnsafeCell<Option<Job>>,
	next: AtomicUsize,
	panic: Mutex<Option<Box<dyn Any + Send>>>,
	stopping: AtomicBool,
	sleepers: AtomicUsize,
	door: Mutex<()>,
	bell: Condvar,
}

// SAFETY: `job` is the only field that is not `Send` and `Sync` by itself. The protocol above orders its accesses: the
// caller's write happens before the store of `state` that opens the region, which a worker's exchange reads; the
// worker's last read happens before it leaves, which the caller awaits before it writes again.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// A number of threads, the caller's among them.
pub(crate) struct Pool {
	shared: Arc<Shared>,
	region: Mutex<()>,
	workers: Vec<JoinHandle<()>>,
}

impl Pool {
	/// A pool of this many threads (at least one), one of which is whoever calls.
	pub fn new(threads: usize) -> Result<Self, EngineError> {
		let shared = Arc::new(Shared {
			state: AtomicU64::new(0),
			job: UnsafeCell::new(None),
			next: AtomicUsize::new(0),
			panic: Mutex::new(None),
			stopping: AtomicBool::new(false),
			sleepers: AtomicUsize::new(0),
			door: Mutex::new(()),
			bell: Condvar::new(),
		});
		let mut pool = Self { shared, region: Mutex::new(()), workers: Vec::new() };
		let (report, reports) = mpsc::channel();
		for _ in 1..threads {
			let (shared, report) = (pool.shared.clone(), report.clone());
			let worker = move || {
				let sound = check_float_environment();
				let _ = report.send(sound);
				drop(report);
				if sound {
					shared.work();
				}
			};
			let started = thread::Builder::new().name("sibyl-engine".into()).spawn(worker);
			pool.workers.push(started.map_err(|error| EngineError::Internal(format!("no thread: {error}")))?);
		}
		drop(report);
		match reports.iter().all(|sound| sound) {
			true => Ok(pool),
			false => Err(EngineError::FloatEnvironment),
		}
	}

	/// The number of threads.
	pub fn threads(&self) -> usize {
		self.workers.len() + 1
	}

	/// Does `work` for every chunk from 0 to `chunks`, each once.
	pub fn run(&self, chunks: usize, work: &(dyn Fn(usize) + Sync)) {
		let region = match self.workers.is_empty() || chunks < 2 {
			true => None,
			false => self.region.try_lock().ok(),
		};
		let Some(_region) = region else {
			(0..chunks).for_each(work);
			return;
		};
		let shared = &*self.shared;
		// SAFETY: the lifetime is only forgotten; `close` below returns when no worker can use the reference any more,
		// and a panic of `work` does not skip it.
		let work: *const Work<'static> = unsafe { std::mem::transmute(std::ptr::from_ref::<Work<'_>>(work)) };
		// SAFETY: the region is closed, nobody is inside, and `region` keeps other callers out.
		unsafe { *shared.job.get() = Some(Job { work, chunks }) };
		shared.next.store(0, Ordering::Relaxed);
		let number = (shared.state.load(Ordering::Relaxed) / NUMBER).wrapping_add(1);
		shared.state.store(number.wrapping_mul(NUMBER) | OPEN, Ordering::SeqCst);
		if shared.sleepers.load(Ordering::SeqCst) > 0 {
			drop(shared.door.lock().unwrap_or_else(PoisonError::into_inner));
			shared.bell.notify_all();
		}
		let own = catch_unwind(AssertUnwindSafe(|| shared.take_chunks(Job { work, chunks })));
		shared.close();
		let other = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
		if let Some(panic) = own.err().or(other) {
			drop(_region);
			resume_unwind(panic);
		}
	}

	/// Lets `work` fill parts of `values` of the given length (the last one may be shorter); it is given the number of
	/// a part's first value.
	pub fn parts<T: Send>(&self, values: &mut [T], length: usize, work: impl Fn(usize, &mut [T]) + Sync) {
		let shared = SharedSlice { start: values.as_mut_ptr(), length: values.len(), values: PhantomData };
		self.run(values.len().div_ceil(length), &|chunk| {
			let first = chunk * length;
			// SAFETY: every chunk is run once, and their ranges are disjoint.
			work(first, unsafe { shared.part(first..shared.length.min(first + length)) });
		});
	}

	/// Lets `work` fill blocks of a matrix whose rows are `width` wide; `width` and `columns` are multiples of 16.
	pub fn blocks(&self, out: &mut [f32], width: usize, block: [usize; 2], work: impl Fn(&mut Block<'_>) + Sync) {
		let [block_rows, block_columns] = block;
		assert!(
			[width, block_columns].iter().all(|width| width.is_multiple_of(WIDTH)) && out.len().is_multiple_of(width)
		);
		let rows = out.len() / width;
		let across = width.div_ceil(block_columns);
		let shared = SharedSlice { start: out.as_mut_ptr(), length: out.len(), values: PhantomData };
		self.run(rows.div_ceil(block_rows) * across, &|chunk| {
			let (row, column) = (chunk / across * block_rows, chunk % across * block_columns);
			work(&mut Block {
				shared: &shared,
				width,
				rows: row..rows.min(row + block_rows),
				columns: column..width.min(column + block_columns),
			});
		});
	}
}

impl Drop for Pool {
	fn drop(&mut self) {
		self.shared.stopping.store(true, Ordering::SeqCst);
		drop(self.shared.door.lock().unwrap_or_else(PoisonError::into_inner));
		self.shared.bell.notify_all();
		for worker in self.workers.drain(..) {
			// A worker catches the panics of its work.
			let _ = worker.join();
		}
	}
}

impl Shared {
	fn take_chunks(&self, job: Job) {
		loop {
			let chunk = self.next.fetch_add(1, Ordering::Relaxed);
			if chunk >= job.chunks {
				return;
			}
			// SAFETY: whoever takes chunks is the caller, or is inside the region, which the caller does not leave
			// before.
			unsafe { (*job.work)(chunk) };
		}
	}

	/// Lets no more worker in and waits for those inside.
	fn close(&self) {
		self.state.fetch_and(!OPEN, Ordering::AcqRel);
		let mut spins = 0;
		while self.state.load(Ordering::Acquire) & INSIDE != 0 {
			spins += 1;
			match spins < SPINS_BEFORE_YIELD {
				true => std::hint::spin_loop(),
				false => thread::yield_now(),
			}
		}
	}

	/// A worker's life.
	fn work(&self) {
		let mut last = 0;
		while let Some(state) = self.await_region(last) {
			if self.state.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
				continue;
			}
			last = state / NUMBER;
			// SAFETY: this thread is inside the region, so that the job is not written.
			if let Some(job) = unsafe { *self.job.get() } {
				if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_chunks(job))) {
					self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
				}
			}
			self.state.fetch_sub(1, Ordering::AcqRel);
		}
	}

	/// The state of an open region that is not the last one; nothing when the pool stops.
	fn await_region(&self, last: u64) -> Option<u64> {
		let look = || {
			let state = self.state.load(Ordering::SeqCst);
			(state & OPEN != 0 && state / NUMBER != last).then_some(state)
		};
		for _ in 0..SPINS {
			if let Some(state) = look() {
				return Some(state);
			}
			std::hint::spin_loop();
		}
		let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
		self.sleepers.fetch_add(1, Ordering::SeqCst);
		let found = loop {
			if self.stopping.load(Ordering::SeqCst) {
				break None;
			}
			if let Some(state) = look() {
				break Some(state);
			}
			door = self.bell.wait(door).unwrap_or_else(PoisonError::into_inner);
		};
		self.sleepers.fetch_sub(1, Ordering::SeqCst);
		found
	}
}

/// A slice that threads write disjoint parts of.
struct SharedSlice<'a, T> {
	start: *mut T,
	length: usize,
	values: PhantomData<&'a mut [T]>,
}

// SAFETY: it stands for a `&mut [T]`, whose parts are given to other threads.
unsafe impl<T: Send> Sync for SharedSlice<'_, T> {}

impl<T> SharedSlice<'_, T> {
	/// # Safety
	///
	/// Parts that are in use at the same time do not overlap.
	#[allow(clippy::mut_from_ref)]
	unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
		assert!(range.start <= range.end && range.end <= self.length);
		// SAFETY: the range lies in the slice, which is borrowed for as long as this value lives.
		unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
	}
}

/// A block of a matrix that one chunk of work may write.
pub(crate) struct Block<'a> {
	shared: &'a SharedSlice<'a, f32>,
	width: usize,
	rows: Range<usize>,
	columns: Range<usize>,
}

impl Block<'_> {
	/// The rows of the matrix that it covers.
	pub fn rows(&self) -> Range<usize> {
		self.rows.clone()
	}

	/// The columns of the matrix that it covers.
	pub fn columns(&self) -> Range<usize> {
		self.columns.clone()
	}

	/// Its part of a row of the matrix.
	pub fn row(&mut self, row: usize) -> &mut [f32] {
		assert!(self.rows.contains(&row));
		// SAFETY: the blocks of a matrix are disjoint, each exists once, and this one is borrowed mutably.
		unsafe { self.shared.part(row * self.width + self.columns.start..row * self.width + self.columns.end) }
	}

	/// Sixteen values of a row, from a column of the matrix that is a multiple of 16.
	pub fn cell(&mut self, row: usize, column: usize) -> &mut [f32; WIDTH] {
		let at = column - self.columns.start;
		&mut self.row(row).as_chunks_mut().0[at / WIDTH]
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_chunk_should_be_done_once() {
		for threads in 1..=4 {
			let pool = Pool::new(threads).unwrap();
			assert_eq!(pool.threads(), threads);
			for round in 0..2_000_usize {
				let chunks = round % 37;
				let done: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
				pool.run(chunks, &|chunk| {
					done[chunk].fetch_add(1, Ordering::Relaxed);
				});
				assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1), "round {round}");
			}
		}
	}

	#[test]
	fn sleeping_workers_should_wake_up() {
		let pool = Pool::new(3).unwrap();
		for _ in 0..5 {
			thread::sleep(std::time::Duration::from_millis(20));
			let helped = AtomicUsize::new(0);
			let caller = thread::current().id();
			// Chunks that wait for another thread make sure that one comes.
			pool.run(2, &|_| {
				if thread::current().id() != caller {
					helped.fetch_add(1, Ordering::SeqCst);
				}
				while helped.load(Ordering::SeqCst) == 0 {
					thread::yield_now();
				}
			});
			assert!(helped.load(Ordering::SeqCst) > 0);
		}
	}

	#[test]
	fn blocks_and_parts_should_cover_everything_once() {
		for threads in [1, 2, 4] {
			let pool = Pool::new(threads).unwrap();
			for (rows, width, block) in [(1, 160, [1, 32]), (7, 48, [2, 16]), (5, 96, [5, 64]), (0, 16, [1, 16])] {
				let mut out = vec![0.0; rows * width];
				pool.blocks(&mut out, width, block, |block| {
					for row in block.rows() {
						for column in block.columns().step_by(WIDTH) {
							for (at, value) in block.cell(row, column).iter_mut().enumerate() {
								*value += (row * width + column + at + 1) as f32;
							}
						}
					}
				});
				assert!(out.iter().enumerate().all(|(at, value)| *value == (at + 1) as f32));
				pool.parts(&mut out, 13, |first, part| {
					part.iter_mut().enumerate().for_each(|(at, value)| *value -= (first + at) as f32);
				});
				assert!(out.iter().all(|value| *value == 1.0));
			}
		}
	}

	#[test]
	fn a_second_caller_should_not_wait_and_a_panic_should_reach_its_caller() {
		let pool = Pool::new(2).unwrap();
		let count = AtomicUsize::new(0);
		pool.run(2, &|_| {
			pool.run(3, &|_| {
				count.fetch_add(1, Ordering::SeqCst);
			});
		});
		assert_eq!(count.load(Ordering::SeqCst), 6);
		for _ in 0..100 {
			let result = catch_unwind(AssertUnwindSafe(|| pool.run(8, &|chunk| assert!(chunk != 5, "five"))));
			assert!(result.is_err());
			pool.run(8, &|_| ());
		}
	}

	#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
	#[test]
	fn workers_that_inherit_another_environment_should_be_noticed() {
		let result = thread::spawn(|| super::super::with_flushed_denormals(|| Pool::new(2).err()));
		assert_eq!(result.join().unwrap(), Some(EngineError::FloatEnvironment));
	}
}

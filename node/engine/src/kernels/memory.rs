//! Memory for weights, on huge pages.
//!
//! For every token that it writes, a model reads all of its weights. With pages of 4 KiB it waits for their addresses'
//! translation as long as for the weights. A matrix may be smaller than a huge page, so all of a model's lie together.
//! They are written where they stay, by as many threads as there are: who writes first to a page pays for it.

#![allow(unsafe_code)]

use super::cells::Bf16Lanes;
use super::half::HalfLanes;
use super::lanes::WIDTH;
use super::quant::{Factors, Halves, Line};
use memmap2::{MmapMut, MmapRaw};
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// How much address space is reserved at once where nobody says how much will be needed, in bytes. Memory is taken as it is
/// written.
const STRETCH: usize = 64 << 20;
/// What is stored lies from a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// What may lie there: any bits are a value, zeros among them.
///
/// # Safety
///
/// The type is made of integers and floats alone, without padding.
pub(crate) unsafe trait Plain: Copy + Send + Sync {}

// SAFETY: an integer.
unsafe impl Plain for u8 {}
// SAFETY: an integer.
unsafe impl Plain for u32 {}
// SAFETY: sixteen floats.
unsafe impl Plain for [f32; WIDTH] {}
// SAFETY: sixteen integers, which are as large as their alignment.
unsafe impl Plain for HalfLanes {}
// SAFETY: as above.
unsafe impl Plain for Bf16Lanes {}
// SAFETY: as above.
unsafe impl Plain for Halves {}
// SAFETY: sixty-four integers, which are as large as their alignment.
unsafe impl Plain for Line {}
// SAFETY: sixteen integers.
unsafe impl Plain for Factors {}

/// The system gives no memory for so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no memory for {0} bytes")]
pub(crate) struct NoMemory(pub u64);

/// Where a model's matrices are put while it is loaded.
pub(crate) struct WeightMemory {
	/// How many bytes the next stretch has at least.
	next: Cell<usize>,
	/// The stretch that is being filled, and how far it is.
	current: RefCell<Option<(Arc<MmapRaw>, usize)>>,
}

/// Values that were put into a [`WeightMemory`].
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
	stretch: Arc<MmapRaw>,
	/// In bytes.
	first: usize,
	count: usize,
	values: PhantomData<T>,
}

/// Values of a [`WeightMemory`] that are still being written.
pub(crate) struct Fresh<T>(Stored<T>);

impl Default for WeightMemory {
	fn default() -> Self {
		Self::of(STRETCH)
	}
}

impl WeightMemory {
	/// For weights of so many bytes together, which then lie in one stretch without a gap. Limits of a process count what
	/// is reserved.
	pub fn of(bytes: usize) -> Self {
		Self { next: Cell::new(bytes.max(1)), current: RefCell::default() }
	}

	/// How many bytes some values take, with what may lie unused before the next ones.
	pub const fn room(bytes: u64) -> u64 {
		bytes.saturating_add(ALIGNMENT as u64)
	}

	/// Takes memory for some values, which are zeros.
	pub fn take<T: Plain>(&self, count: usize) -> Result<Fresh<T>, NoMemory> {
		assert!(align_of::<T>() <= ALIGNMENT);
		let size = count.checked_mul(size_of::<T>()).ok_or(NoMemory(u64::MAX))?;
		let mut current = self.current.borrow_mut();
		let (stretch, first) = match current.take() {
			// A stretch may end unaligned, and no value at all has room there.
			Some((stretch, used)) if stretch.len() - used >= size && used.is_multiple_of(align_of::<T>()) => {
				(stretch, used)
			}
			_ => (Arc::new(reserve(size.max(self.next.replace(STRETCH)))?), 0),
		};
		let used = (first + size).next_multiple_of(ALIGNMENT).min(stretch.len());
		*current = Some((Arc::clone(&stretch), used));
		Ok(Fresh(Stored { stretch, first, count, values: PhantomData }))
	}

	/// How many bytes of the current stretch were given out.
	#[cfg(test)]
	pub fn taken(&self) -> usize {
		self.current.borrow().as_ref().map_or(0, |(_, used)| *used)
	}

	/// Copies values to their place.
	pub fn store<T: Plain>(&self, values: &[T]) -> Result<Stored<T>, NoMemory> {
		let mut fresh = self.take(values.len())?;
		fresh.copy_from_slice(values);
		Ok(fresh.finish())
	}
}

impl<T> Fresh<T> {
	/// They stay as they are from now on.
	pub fn finish(self) -> Stored<T> {
		self.0
	}
}

impl<T> Deref for Fresh<T> {
	type Target = [T];

	fn deref(&self) -> &[T] {
		&self.0
	}
}

impl<T> DerefMut for Fresh<T> {
	fn deref_mut(&mut self) -> &mut [T] {
		let Stored { stretch, first, count, .. } = &self.0;
		// SAFETY: `take` has found room for `count` values there, aligned, and gives no byte out twice; they are zeros until
		// they are written, which are values of a `Plain` type. This is the only way to them, and borrowed mutably; the
		// stretch lives as long as this value.
		unsafe { std::slice::from_raw_parts_mut(stretch.as_mut_ptr().add(*first).cast(), *count) }
	}
}

fn reserve(size: usize) -> Result<MmapRaw, NoMemory> {
	let memory = MmapRaw::from(MmapMut::map_anon(size).map_err(|_| NoMemory(size as u64))?);
	// A wish: without huge pages, results are the same.
	#[cfg(target_os = "linux")]
	let _ = memory.advise(memmap2::Advice::HugePage);
	Ok(memory)
}

impl<T> Deref for Stored<T> {
	type Target = [T];

	fn deref(&self) -> &[T] {
		// SAFETY: `take` has found room for `count` values there, aligned, and gives no byte out twice; those of a `Plain`
		// type are values whether they were written or are zeros. Only `Fresh` writes, which has the one `Stored` of these
		// that there is. The stretch lives as long as this value.
		unsafe { std::slice::from_raw_parts(self.stretch.as_ptr().add(self.first).cast(), self.count) }
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn values_should_stay_as_they_were_stored_and_outlive_the_memory() {
		let memory = WeightMemory::default();
		let sizes = [3, 0, STRETCH / 4 - 10, 20, STRETCH / 2 + 1, 1];
		let stored = sizes.map(|size| memory.store(&vec![size as u32; size]).unwrap());
		let bytes = memory.store(&[7_u8; 5]).unwrap();
		let mut fresh = memory.take::<u32>(1_000).unwrap();
		assert!(fresh.iter().all(|value| *value == 0));
		fresh[999] = 7;
		let fresh = fresh.finish();
		drop(memory);
		assert_eq!([fresh[0], fresh[998], fresh[999]], [0, 0, 7]);
		for (stored, size) in stored.iter().zip(sizes) {
			assert!(stored.len() == size && stored.iter().all(|value| *value == size as u32));
			assert!(stored.as_ptr().addr().is_multiple_of(ALIGNMENT));
		}
		assert_eq!(*bytes, [7; 5]);
	}

	#[test]
	fn values_of_a_known_size_should_lie_in_one_stretch_of_that_size() {
		let sizes = [100, 3 * STRETCH, 65];
		let bytes: u64 = sizes.iter().map(|size| WeightMemory::room(*size as u64)).sum();
		let memory = WeightMemory::of(bytes as usize);
		let stored = sizes.map(|size| memory.take::<u8>(size).unwrap().finish());
		assert!(stored.iter().all(|other| Arc::ptr_eq(&other.stretch, &stored[0].stretch)));
		assert_eq!(stored[0].stretch.len() as u64, bytes);
		let more = memory.take::<u8>(1_000).unwrap().finish();
		assert_eq!(more.stretch.len(), STRETCH, "what was not expected");
	}
	#[test]
	fn no_values_at_all_should_lie_aligned_too() {
		let memory = WeightMemory::of(101);
		assert_eq!(memory.take::<u8>(101).unwrap().len(), 101);
		assert!(memory.take::<u32>(0).unwrap().as_ptr().is_aligned());
	}

	#[test]
	fn what_the_system_does_not_give_should_be_an_error_that_says_how_much_it_is() {
		let memory = WeightMemory::of(1 << 60);
		assert_eq!(memory.take::<u8>(1).err(), Some(NoMemory(1 << 60)));
		assert_eq!(memory.take::<u32>(usize::MAX).err(), Some(NoMemory(u64::MAX)));
	}
}

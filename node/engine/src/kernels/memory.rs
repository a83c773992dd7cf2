//! Memory for weights, on huge pages.
//!
//! For every token that it writes, a model reads all of its weights. With pages of 4 KiB it waits for their addresses'
//! translation as long as for the weights. A matrix may be smaller than a huge page, so all of a model's lie together.

#![allow(unsafe_code)]

use memmap2::{MmapMut, MmapRaw};
use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// How much address space is reserved at once, in bytes. Memory is taken as it is written.
const STRETCH: usize = 64 << 20;
/// What is stored lies from a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// Where a model's matrices are put while it is loaded.
#[derive(Default)]
pub(crate) struct WeightMemory {
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

impl WeightMemory {
	/// Copies values to their place.
	pub fn store<T: Copy + Send + Sync>(&self, values: &[T]) -> io::Result<Stored<T>> {
		assert!(align_of::<T>() <= ALIGNMENT);
		let size = size_of_val(values);
		let mut current = self.current.borrow_mut();
		let (stretch, first) = match current.take() {
			Some((stretch, used)) if stretch.len() - used >= size => (stretch, used),
			_ => (Arc::new(reserve(size.max(STRETCH))?), 0),
		};
		// SAFETY: the bytes from `first` on lie in the stretch, as far as `size` goes, and no `Stored` has them.
		unsafe { std::ptr::copy_nonoverlapping(values.as_ptr().cast(), stretch.as_mut_ptr().add(first), size) };
		let used = (first + size).next_multiple_of(ALIGNMENT).min(stretch.len());
		*current = Some((Arc::clone(&stretch), used));
		Ok(Stored { stretch, first, count: values.len(), values: PhantomData })
	}
}

fn reserve(size: usize) -> io::Result<MmapRaw> {
	let memory = MmapRaw::from(MmapMut::map_anon(size)?);
	// A wish: without huge pages, results are the same.
	#[cfg(target_os = "linux")]
	let _ = memory.advise(memmap2::Advice::HugePage);
	Ok(memory)
}

impl<T> Deref for Stored<T> {
	type Target = [T];

	fn deref(&self) -> &[T] {
		// SAFETY: `store` has written `count` values there, aligned, which nothing writes again; the stretch lives as long
		// as this value.
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
		drop(memory);
		for (stored, size) in stored.iter().zip(sizes) {
			assert!(stored.len() == size && stored.iter().all(|value| *value == size as u32));
			assert!(stored.as_ptr().addr().is_multiple_of(ALIGNMENT));
		}
		assert_eq!(*bytes, [7; 5]);
	}
}

//! From a file's matrix to tiles of sixteen columns, in parallel.
//!
//! A part is some tiles. Whoever takes it reads their columns into a buffer and writes them where they stay: nothing is
//! twice in memory but what the threads have in hand.

use super::lanes::WIDTH;
use super::memory::{NoMemory, WeightMemory};
use super::pool::Pool;
use crate::store::StoreError;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many bytes of a file a part has, about.
pub(crate) const PART_BYTES: usize = 128 << 10;

/// Where a matrix's columns are read from, which lie one behind the other.
pub(crate) trait FileColumns: Sync {
	/// Reads some columns, by way of a buffer or not; fewer bytes if the file has not all of them.
	fn read<'b>(&'b self, columns: Range<usize>, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError>;
}

/// Why there is no matrix.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MatrixError {
	/// The data are not as many as the matrix's shape demands, or a column is not a whole number of blocks.
	#[error("its size does not fit its shape")]
	Size,
	/// A scale or a minimum is infinite or not a number.
	#[error("it has a scale that is not finite")]
	Scale,
	/// A float is infinite or not a number.
	#[error("it has a value that is not finite")]
	Value,
	/// The system gives no memory.
	#[error(transparent)]
	Memory(#[from] NoMemory),
	/// The file cannot be read, or is not any more what it was.
	#[error(transparent)]
	Read(#[from] StoreError),
}

/// What matrices are packed with: where to, and in which threads.
pub(crate) struct Packing<'a> {
	/// Where the weights stay.
	pub memory: WeightMemory,
	pool: &'a Pool,
	/// Those that no thread uses.
	buffers: Mutex<Vec<Vec<u8>>>,
}

impl<'a> Packing<'a> {
	/// Packs in the threads of a pool, into memory of its own.
	pub fn new(pool: &'a Pool) -> Self {
		Self::into(WeightMemory::default(), pool)
	}

	/// Packs in the threads of a pool.
	pub fn into(memory: WeightMemory, pool: &'a Pool) -> Self {
		Self { memory, pool, buffers: Mutex::default() }
	}

	/// Lets `pack` fill each tile from its columns, of which the last tile may have fewer than sixteen. There are
	/// `columns`, each of `bytes`; column j of the result is the file's `order(j)`.
	pub fn fill<T: Send>(
		&self,
		mut tiles: Vec<T>,
		[columns, bytes]: [usize; 2],
		order: impl Fn(usize) -> usize + Sync,
		file: &dyn FileColumns,
		pack: impl Fn(&mut T, &[&[u8]]) -> Result<(), MatrixError> + Sync,
	) -> Result<(), MatrixError> {
		let all = tiles.len();
		let parts = columns.saturating_mul(bytes).div_ceil(PART_BYTES).max(1).next_multiple_of(self.pool.threads());
		let tiles_of_part = all.div_ceil(parts).max(1).next_multiple_of(group(columns, &order).div_ceil(WIDTH));
		let pack_part = |first: usize, tiles: &mut [T], buffer: &mut Vec<u8>| {
			let wanted = first * WIDTH..columns.min((first + tiles.len()) * WIDTH);
			let from = wanted.clone().map(&order).min().unwrap_or(0);
			let to = wanted.clone().map(&order).max().map_or(0, |last| last + 1);
			let data = file.read(from..to, buffer)?;
			if data.len() != (to - from) * bytes {
				return Err(MatrixError::Size);
			}
			for (tile, first) in tiles.iter_mut().zip(wanted.clone().step_by(WIDTH)) {
				let mut of_tile = [&data[..0]; WIDTH];
				let count = WIDTH.min(wanted.end - first);
				for (lane, column) in of_tile[..count].iter_mut().enumerate() {
					*column = &data[(order(first + lane) - from) * bytes..][..bytes];
				}
				pack(tile, &of_tile[..count])?;
			}
			Ok(())
		};
		let (failed, buffers) = (Mutex::new(None), &self.buffers);
		self.pool.parts(&mut tiles, tiles_of_part, |first, tiles| {
			if lock(&failed).is_some() {
				return;
			}
			let mut buffer = lock(buffers).pop().unwrap_or_default();
			let packed = pack_part(first, tiles, &mut buffer);
			lock(buffers).push(buffer);
			if let Err(error) = packed {
				lock(&failed).get_or_insert(error);
			}
		});
		match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
			None => Ok(()),
			Some(error) => Err(error),
		}
	}
}

/// The least number of columns, sixteen or more, of which the first are themselves in another order: a head's. Parts of
/// whole such groups read nothing twice.
fn group(columns: usize, order: impl Fn(usize) -> usize) -> usize {
	let mut end = WIDTH;
	let mut column = 0;
	while column < end.min(columns) {
		end = end.max(order(column) + 1);
		column += 1;
	}
	end.min(columns.max(1))
}

/// Divides values among tiles, each the same number, which may be none.
pub(crate) fn divide<T>(values: &mut [T], tiles: usize) -> impl Iterator<Item = &mut [T]> {
	let each = values.len() / tiles.max(1);
	let mut rest = values;
	(0..tiles).map(move |_| {
		let (tile, others) = std::mem::take(&mut rest).split_at_mut(each);
		rest = others;
		tile
	})
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The columns of a matrix in memory.
#[cfg(test)]
pub(crate) struct InMemory<'a> {
	/// Column after column.
	pub data: &'a [u8],
	/// How many bytes a column has.
	pub bytes: usize,
}

#[cfg(test)]
impl FileColumns for InMemory<'_> {
	fn read<'b>(&'b self, columns: Range<usize>, _buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError> {
		Ok(self.data.get(columns.start * self.bytes..columns.end * self.bytes).unwrap_or_default())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::sync::atomic::{AtomicUsize, Ordering};

	/// Columns of three bytes, which are their number, and how many were read.
	struct Numbered(AtomicUsize, usize);

	impl FileColumns for Numbered {
		fn read<'b>(&'b self, columns: Range<usize>, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError> {
			self.0.fetch_add(columns.len(), Ordering::Relaxed);
			buffer.clear();
			buffer.extend(columns.take_while(|column| *column < self.1).flat_map(|column| [column as u8, 0, 1]));
			Ok(buffer)
		}
	}

	fn packed(threads: usize, columns: usize, order: impl Fn(usize) -> usize + Sync) -> (Vec<usize>, usize) {
		let pool = Pool::new(threads).unwrap();
		let file = Numbered(AtomicUsize::new(0), columns);
		let mut out = vec![usize::MAX; columns];
		let tiles: Vec<_> = out.chunks_mut(WIDTH).collect();
		let pack = |tile: &mut &mut [usize], columns: &[&[u8]]| {
			assert_eq!(tile.len(), columns.len());
			tile.iter_mut().zip(columns).for_each(|(value, column)| *value = usize::from(column[0]));
			Ok(())
		};
		Packing::new(&pool).fill(tiles, [columns, 3], order, &file, pack).unwrap();
		(out, file.0.into_inner())
	}

	#[test]
	fn every_column_should_be_packed_in_its_place_and_read_once_whatever_the_number_of_threads() {
		let reversed_in_heads = |column: usize| column / 32 * 32 + 31 - column % 32;
		for threads in [1, 2, 3, 5, 7] {
			for columns in [1, 16, 33, 96, 250] {
				let expected: Vec<usize> = (0..columns).collect();
				assert_eq!(packed(threads, columns, |column| column), (expected, columns), "{threads} {columns}");
			}
			let expected: Vec<usize> = (0..192).map(reversed_in_heads).collect();
			assert_eq!(packed(threads, 192, reversed_in_heads), (expected, 192), "{threads}");
			let expected: Vec<usize> = (0..192).rev().collect();
			assert_eq!(packed(threads, 192, |column| 191 - column), (expected, 192), "{threads}");
		}
	}

	#[test]
	fn columns_that_the_file_lacks_and_tiles_that_fail_should_be_errors() {
		let pool = Pool::new(2).unwrap();
		let packing = Packing::new(&pool);
		let file = Numbered(AtomicUsize::new(0), 40);
		let fill = |columns: usize, fails: u8| {
			let tiles = vec![(); columns.div_ceil(WIDTH)];
			packing.fill(
				tiles,
				[columns, 3],
				|column| column,
				&file,
				|_, columns| match columns.iter().any(|column| column[0] == fails) {
					true => Err(MatrixError::Scale),
					false => Ok(()),
				},
			)
		};
		fill(40, 99).unwrap();
		assert!(matches!(fill(41, 99), Err(MatrixError::Size)));
		assert!(matches!(fill(40, 39), Err(MatrixError::Scale)));
	}

	#[test]
	fn nothing_should_be_divided_into_nothing_for_each() {
		assert!(divide(&mut [0; 0], 3).map(|tile| tile.len()).eq([0, 0, 0]));
		assert!(divide(&mut [1, 2, 3, 4], 2).map(|tile| tile.to_vec()).eq([[1, 2], [3, 4]]));
		assert_eq!(divide(&mut [0; 0], 0).count(), 0);
	}
}

//! Work on rows, divided among threads.

use super::Stop;
use crate::kernels::check_float_environment;
use crate::EngineError;
use std::{panic::resume_unwind, thread};

/// Fewer rows than this are not worth a thread.
const MIN_ROWS: usize = 8;

/// Lets `work` fill the rows of `out`, `width` floats each, in as many threads as asked for.
///
/// `work` gets the number of its first row and its rows; what it makes of a row must not depend on the others of `out`.
/// If parts stop for different reasons, a failure counts before a refusal.
pub(super) fn over_rows<F>(threads: usize, width: usize, out: &mut [f32], work: F) -> Result<(), Stop>
where
	F: Fn(usize, &mut [f32]) -> Result<(), Stop> + Sync,
{
	let rows = out.len() / width;
	let threads = threads.min(rows / MIN_ROWS).max(1);
	let per_thread = rows.div_ceil(threads).max(1);
	let checked = |first: usize, part: &mut [f32]| {
		if !check_float_environment() {
			return Err(EngineError::FloatEnvironment.into());
		}
		work(first, part)
	};
	let checked = &checked;
	thread::scope(|scope| {
		let mut parts = out.chunks_mut(per_thread * width).enumerate();
		let own = parts.next();
		let mut others = Vec::new();
		for (index, part) in parts {
			let spawned = thread::Builder::new().spawn_scoped(scope, move || checked(index * per_thread, part));
			others.push(spawned.map_err(|error| EngineError::Internal(format!("no thread: {error}")))?);
		}
		let mut result = own.map_or(Ok(()), |(_, part)| checked(0, part));
		for other in others {
			let other = other.join().unwrap_or_else(|panic| resume_unwind(panic));
			result = match (result, other) {
				(Err(Stop::Failed(error)), _) | (_, Err(Stop::Failed(error))) => Err(Stop::Failed(error)),
				(Err(stop), _) => Err(stop),
				(Ok(()), other) => other,
			};
		}
		result
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::Refusal;

	#[test]
	fn every_row_should_be_done_once_whatever_the_number_of_threads() {
		for rows in [0, 1, 7, 16, 100] {
			for threads in [1, 2, 3, 64] {
				let mut out = vec![0.0; rows * 3];
				over_rows(threads, 3, &mut out, |first, part| {
					for (row, values) in part.chunks_mut(3).enumerate() {
						values.iter_mut().for_each(|value| *value += (first + row + 1) as f32);
					}
					Ok(())
				})
				.unwrap();
				let expected: Vec<f32> = (0..rows).flat_map(|row| [(row + 1) as f32; 3]).collect();
				assert_eq!(out, expected);
			}
		}
	}

	#[test]
	fn a_failure_should_count_before_a_refusal() {
		for failing in [0, 10] {
			let result = over_rows(2, 1, &mut [0.0; 20], |first, _| match first == failing {
				true => Err(EngineError::FloatEnvironment.into()),
				false => Err(Refusal::NotFinite.into()),
			});
			assert!(matches!(result, Err(Stop::Failed(EngineError::FloatEnvironment))));
		}
	}
}

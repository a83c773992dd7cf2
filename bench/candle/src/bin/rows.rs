//! Multiplies a row with a matrix, alone and as the first of eight, and counts the outputs that differ in bits.

use anyhow::Result;
use candle_core::{Device, Tensor};

const ROWS: usize = 8;
/// The sizes of MiniLM's feed-forward part.
const DEPTH: usize = 384;
const COLUMNS: usize = 1536;

fn main() -> Result<()> {
	let noise = |count: usize, seed: u32| -> Vec<f32> {
		let mut state = seed;
		let mut next = || {
			state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
			(state >> 8) as f32 / 8_388_608.0 - 1.0
		};
		(0..count).map(|_| next()).collect()
	};
	let rows = Tensor::from_vec(noise(ROWS * DEPTH, 1), (ROWS, DEPTH), &Device::Cpu)?;
	let weights = Tensor::from_vec(noise(DEPTH * COLUMNS, 2), (COLUMNS, DEPTH), &Device::Cpu)?.t()?;
	let alone = rows.narrow(0, 0, 1)?.matmul(&weights)?.flatten_all()?.to_vec1::<f32>()?;
	let together = rows.matmul(&weights)?.get(0)?.to_vec1::<f32>()?;
	let differing = alone.iter().zip(&together).filter(|(alone, together)| alone.to_bits() != together.to_bits());
	println!("RESULT {{\"outputs\":{COLUMNS},\"differing\":{}}}", differing.count());
	Ok(())
}

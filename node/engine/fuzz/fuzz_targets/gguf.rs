//! A GGUF file, all of whose values and tensors are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sibyl_engine::gguf::{Floats, GgufFile, Integers, Strings, Value};

fuzz_target!(|bytes: &[u8]| {
	let Ok(file) = GgufFile::parse(bytes) else { return };
	for (key, value) in file.values() {
		match value {
			Value::Integers(values) => assert_eq!(values.len(), values.clone().count()),
			Value::Floats(values) => assert_eq!(values.len(), values.clone().count()),
			Value::Strings(values) => assert_eq!(values.len(), values.clone().count()),
			_ => (),
		}
		let taken = [
			file.find::<u32>(key).is_ok(),
			file.find::<u64>(key).is_ok(),
			file.find::<f32>(key).is_ok(),
			file.find::<bool>(key).is_ok(),
			file.find::<&str>(key).is_ok(),
			file.find::<Integers<'_>>(key).is_ok(),
			file.find::<Floats<'_>>(key).is_ok(),
			file.find::<Strings<'_>>(key).is_ok(),
		];
		assert!(taken.into_iter().filter(|taken| *taken).count() <= 2, "{key:?} is of several types");
	}
	let mut total = 0;
	let mut ranges = Vec::new();
	for tensor in file.tensors() {
		let weights: usize = tensor.shape.iter().product();
		assert_eq!(tensor.data.len(), weights / tensor.dtype.block_weights() * tensor.dtype.block_bytes());
		assert_eq!(file.tensor(tensor.name), Some(tensor));
		total += tensor.data.len() as u64;
		ranges.push(tensor.data.in_memory().expect("the file is in memory").as_ptr_range());
	}
	assert_eq!(file.tensor_bytes(), total);
	ranges.sort_by_key(|range| range.start);
	assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "tensors overlap");
});

//! A safetensors file, all of whose tensors are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sibyl_engine::safetensors_file::{SafetensorsDtype, SafetensorsFile};

fuzz_target!(|bytes: &[u8]| {
	let Ok(file) = SafetensorsFile::parse(bytes) else { return };
	let mut total = 0;
	for (name, tensor) in file.tensors() {
		let size = match tensor.dtype {
			SafetensorsDtype::I8 => 1,
			SafetensorsDtype::F32 => 4,
			SafetensorsDtype::I64 => 8,
		};
		assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>() * size);
		assert_eq!(file.tensor(name), Ok(tensor));
		total += tensor.data.len();
	}
	assert!(total < bytes.len());
});

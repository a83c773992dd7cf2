//! Tensors of a safetensors file.

use crate::safetensors_file::{SafetensorsDtype, SafetensorsFile, SafetensorsView};
use crate::EngineError;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// The tensors of a model, as f32. Each is taken once, with the shape that the architecture gives it.
pub(crate) struct Weights {
	tensors: BTreeMap<String, Tensor>,
}

impl Weights {
	/// Reads a file of F32 tensors and pairs of `name.w` (I8, a matrix) and `name.scale` (F32, one per row), which become
	/// the tensor `name`: each value the f32 product of the integer and its row's scale.
	pub fn read(file: &[u8]) -> Result<Self, EngineError> {
		let parsed = SafetensorsFile::parse(file).map_err(|error| invalid(error.to_string()))?;
		let mut floats = BTreeMap::new();
		let mut integers = BTreeMap::new();
		for (name, view) in parsed.tensors() {
			match view.dtype {
				SafetensorsDtype::F32 => {
					floats.insert(name.to_string(), (view.shape.clone(), read_floats(name, view)?))
				}
				SafetensorsDtype::I8 => integers.insert(name.to_string(), view).and(None),
				SafetensorsDtype::I64 => return Err(invalid(format!("tensor {name} has integers of 64 bits"))),
			};
		}
		for (name, view) in integers {
			let base = name.strip_suffix(".w").ok_or_else(|| invalid(format!("integer tensor {name} has no scale")))?;
			let (_, scales) = floats
				.remove(&format!("{base}.scale"))
				.ok_or_else(|| invalid(format!("integer tensor {name} has no scale")))?;
			floats.insert(base.into(), (view.shape.clone(), dequantise(base, view, &scales)?));
		}
		let mut tensors = BTreeMap::new();
		for (name, (shape, values)) in floats {
			let tensor = Tensor::from_vec(values, shape, &Device::Cpu).map_err(|error| invalid(error.to_string()))?;
			tensors.insert(name, tensor);
		}
		Ok(Self { tensors })
	}

	/// Takes a tensor out, its values in row-major order.
	pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
		let tensor = self.tensors.remove(name).ok_or_else(|| invalid(format!("tensor {name} is missing")))?;
		if tensor.dims() != shape {
			return Err(invalid(format!("tensor {name} has shape {:?}, expected {shape:?}", tensor.dims())));
		}
		tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(|error| invalid(error.to_string()))
	}

	/// Makes sure that all tensors were taken.
	pub fn finish(self) -> Result<(), EngineError> {
		match self.tensors.keys().next() {
			None => Ok(()),
			Some(name) => Err(invalid(format!("tensor {name} has no place in the architecture"))),
		}
	}
}

fn read_floats(name: &str, view: &SafetensorsView<'_>) -> Result<Vec<f32>, EngineError> {
	finite(name, view.data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn dequantise(name: &str, view: &SafetensorsView<'_>, scales: &[f32]) -> Result<Vec<f32>, EngineError> {
	let [rows, columns] = *view.shape.as_slice() else {
		return Err(invalid(format!("integer tensor {name} is not a matrix")));
	};
	if scales.len() != rows || columns == 0 {
		return Err(invalid(format!("integer tensor {name} has {rows} rows and {} scales", scales.len())));
	}
	let values = view
		.data
		.chunks_exact(columns)
		.zip(scales)
		.flat_map(|(row, scale)| row.iter().map(move |byte| f32::from(byte.cast_signed()) * scale))
		.collect();
	finite(name, values)
}

fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>, EngineError> {
	if crate::kernels::all_finite(&values) {
		Ok(values)
	} else {
		Err(invalid(format!("tensor {name} has a value that is not finite")))
	}
}

fn invalid(reason: String) -> EngineError {
	EngineError::InvalidModel(reason)
}

use super::*;
use crate::store::known::SMOLLM2;
use crate::tests::{bytes_tokenizer_file, installed, Gguf, Item};
use std::fs;

fn small() -> Gguf {
	Gguf::new()
		.value("general.architecture", Item::String("llama"))
		.value("llama.block_count", Item::U32(2))
		.value("llama.rope.freq_base", Item::F32(10_000.0))
		.value("tokenizer.ggml.add_bos_token", Item::Bool(false))
		.value("tokenizer.ggml.tokens", Item::Strings(&["a", "é", ""]))
		.value("tokenizer.ggml.token_type", Item::I32s(&[1, 3, -1]))
		.value("tokenizer.ggml.scores", Item::F32s(&[0.5, -1.0]))
		.tensor("a", &[32, 3], GgufDtype::Q4_1, &[7; 60])
		.tensor("b", &[2, 2, 1, 1], GgufDtype::F32, &[1; 16])
		.tensor("c", &[256], GgufDtype::Q6K, &[9; 210])
}

fn error(bytes: &[u8]) -> GgufError {
	GgufFile::parse(bytes).expect_err("the file is not valid")
}

#[test]
fn a_file_should_be_read_as_it_was_written() {
	for version in [2, 3] {
		let bytes = small().version(version).bytes();
		let file = GgufFile::parse(&bytes).unwrap();
		assert_eq!(file.get::<&str>("general.architecture"), Ok("llama"));
		assert_eq!(file.get::<u32>("llama.block_count"), Ok(2));
		assert_eq!(file.get::<u64>("llama.block_count"), Ok(2));
		assert_eq!(file.get::<f32>("llama.rope.freq_base"), Ok(10_000.0));
		assert_eq!(file.get::<bool>("tokenizer.ggml.add_bos_token"), Ok(false));
		assert!(file.get::<Strings<'_>>("tokenizer.ggml.tokens").unwrap().eq(["a", "é", ""]));
		assert!(file.get::<Integers<'_>>("tokenizer.ggml.token_type").unwrap().eq([1, 3, -1]));
		assert!(file.get::<Floats<'_>>("tokenizer.ggml.scores").unwrap().eq([0.5, -1.0]));
		assert_eq!(file.find::<u32>("no.such.key"), Ok(None));
		assert_eq!(file.get::<u32>("no.such.key"), Err(GgufError::MissingKey("no.such.key".into())));
		assert_eq!(file.values().count(), 7);

		let names: Vec<_> = file.tensors().map(|tensor| tensor.name).collect();
		assert_eq!(names, ["a", "b", "c"]);
		let expected =
			TensorView { name: "a", dtype: GgufDtype::Q4_1, shape: vec![32, 3], data: TensorData::Memory(&[7; 60]) };
		assert_eq!(file.tensor("a"), Some(&expected));
		assert_eq!(file.tensor("b").unwrap().shape, [2, 2, 1, 1]);
		assert_eq!(file.tensor("c").unwrap().data, TensorData::Memory(&[9; 210]));
		assert_eq!(file.tensor("d"), None);
		assert_eq!(file.tensor_bytes(), 60 + 16 + 210);
	}
}

#[test]
fn a_value_of_another_type_should_be_an_error_that_names_both_types() {
	let bytes = small().value("negative", Item::I32(-1)).bytes();
	let file = GgufFile::parse(&bytes).unwrap();
	let message = |error: GgufError| error.to_string();
	assert_eq!(
		message(file.get::<u32>("negative").unwrap_err()),
		"the value of \"negative\" is a signed integer, not an integer that fits 32 bits without a sign"
	);
	assert_eq!(
		message(file.find::<&str>("llama.block_count").unwrap_err()),
		"the value of \"llama.block_count\" is an unsigned integer, not a string"
	);
	file.get::<bool>("llama.block_count").unwrap_err();
	file.get::<f32>("llama.block_count").unwrap_err();
	file.get::<Strings<'_>>("tokenizer.ggml.scores").unwrap_err();
	file.get::<Integers<'_>>("tokenizer.ggml.scores").unwrap_err();
	file.get::<Floats<'_>>("tokenizer.ggml.tokens").unwrap_err();
}

#[test]
fn a_file_cut_off_at_any_byte_should_be_an_error() {
	let bytes = small().bytes();
	for length in 0..bytes.len() {
		let error = error(&bytes[..length]);
		let cut_off = matches!(
			error,
			GgufError::Truncated { .. } | GgufError::CountExceedsFile { .. } | GgufError::OutsideFile(_)
		);
		assert!(cut_off, "{length}: {error}");
	}
	let longer = [&bytes[..], &[0; 100]].concat();
	GgufFile::parse(&longer).unwrap();
}

#[test]
fn a_header_of_real_size_cut_off_at_any_byte_should_be_an_error() {
	let file = bytes_tokenizer_file("smollm").tensor("a", &[1], GgufDtype::F32, &[1; 4]);
	let header = file.bytes().len() - 4;
	assert!(header > 4_096);
	for length in 0..header {
		error(&file.bytes()[..length]);
	}
}

#[test]
fn a_file_with_any_byte_changed_should_be_read_or_refused() {
	let bytes = small().bytes();
	for at in 0..bytes.len() {
		for change in [1, 0x80, 0xff] {
			let mut changed = bytes.clone();
			changed[at] ^= change;
			let _ = GgufFile::parse(&changed);
		}
	}
}

#[test]
fn other_formats_and_versions_should_be_refused() {
	assert_eq!(error(b"ggml\x03\0\0\0 and more"), GgufError::NotGguf);
	for version in [0, 1, 4, 3 << 24] {
		assert_eq!(error(&small().version(version).bytes()), GgufError::Version(version));
	}
}

#[test]
fn an_alignment_that_is_not_a_power_of_two_should_be_refused() {
	for alignment in [0, 1, 4, 12, 33, 1 << 17, u32::MAX] {
		let bytes = small().value("general.alignment", Item::U32(alignment)).bytes();
		assert_eq!(error(&bytes), GgufError::Alignment(alignment.into()));
	}
	let bytes = small().value("general.alignment", Item::String("32")).bytes();
	assert!(matches!(error(&bytes), GgufError::KeyType { .. }));
	for alignment in [8, 64, 4096] {
		let file = Gguf::new().alignment(alignment).tensor("a", &[1], GgufDtype::F32, &[1; 4]);
		let bytes = file.tensor("b", &[256], GgufDtype::Q6K, &[9; 210]).bytes();
		assert_eq!(GgufFile::parse(&bytes).unwrap().tensor("b").unwrap().data, TensorData::Memory(&[9; 210]));
	}
}

#[test]
fn giant_counts_should_be_refused_before_anything_is_allocated() {
	let header = |tensors: u64, keys: u64| {
		[b"GGUF\x03\0\0\0".to_vec(), tensors.to_le_bytes().to_vec(), keys.to_le_bytes().to_vec(), vec![0; 64]].concat()
	};
	for count in [1 << 15, u64::MAX / 2, u64::MAX] {
		assert!(matches!(error(&header(count, 0)), GgufError::TooMany { what: "tensors", .. }));
		assert!(matches!(error(&header(0, count)), GgufError::TooMany { what: "keys", .. }));
	}
	assert_eq!(error(&header(3, 0)), GgufError::CountExceedsFile { what: "tensors", count: 3 });
	assert_eq!(error(&header(0, 9)), GgufError::CountExceedsFile { what: "keys", count: 9 });
	GgufFile::parse(&header(0, 0)).unwrap();
}

#[test]
fn giant_strings_and_arrays_should_be_refused() {
	let patched = |item, from: &[u8], to: &[u8]| {
		let mut bytes = Gguf::new().value("key", item).bytes();
		let at = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
		bytes[at..at + to.len()].copy_from_slice(to);
		error(&bytes)
	};
	let giant = u64::MAX.to_le_bytes();
	let length = 5_u64.to_le_bytes();
	let string = patched(Item::String("hello"), &length, &giant);
	assert!(matches!(string, GgufError::TooMany { what: "bytes in a string", .. }));
	let string = patched(Item::String("hello"), &length, &40_u64.to_le_bytes());
	assert!(matches!(string, GgufError::Truncated { .. }));
	let array = patched(Item::F32s(&[1.0; 5]), &length, &giant);
	assert!(matches!(array, GgufError::TooMany { what: "items in an array", .. }));
	let array = patched(Item::F32s(&[1.0; 5]), &length, &((1_u64 << 22) - 1).to_le_bytes());
	assert!(matches!(array, GgufError::CountExceedsFile { what: "items in an array", .. }));
	let array = patched(Item::Strings(&["a"; 5]), &length, &8_u64.to_le_bytes());
	assert!(matches!(array, GgufError::CountExceedsFile { .. }));

	let long = "x".repeat(257);
	assert!(matches!(error(&Gguf::new().value(&long, Item::U32(0)).bytes()), GgufError::TooMany { .. }));
	assert!(matches!(error(&Gguf::new().value("", Item::U32(0)).bytes()), GgufError::EmptyName { at: 24 }));
}

#[test]
fn values_that_the_format_does_not_have_should_be_refused() {
	let raw = |kind: u32, bytes: &[u8]| error(&Gguf::new().value("key", Item::Raw(kind, bytes)).bytes());
	assert_eq!(raw(13, &[0; 8]), GgufError::ValueType { key: "key".into(), id: 13 });
	assert_eq!(raw(7, &[2]), GgufError::TruthValue("key".into()));
	let array = |kind: u32, bytes: &[u8]| raw(9, &[&kind.to_le_bytes(), &1_u64.to_le_bytes()[..], bytes].concat());
	assert_eq!(array(7, &[2]), GgufError::TruthValue("key".into()));
	assert_eq!(array(9, &[0; 32]), GgufError::NestedArray("key".into()));
	// Nested until the stack would end.
	let nested: Vec<u8> = std::iter::repeat_n([9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat(), 100_000)
		.flatten()
		.collect();
	assert_eq!(raw(9, &nested), GgufError::NestedArray("key".into()));
	assert_eq!(array(99, &[0; 8]), GgufError::ValueType { key: "key".into(), id: 99 });
	assert!(matches!(array(8, &[1, 0, 0, 0, 0, 0, 0, 0, 0xff]), GgufError::NotUtf8 { .. }));
	assert!(matches!(raw(8, &[1, 0, 0, 0, 0, 0, 0, 0, 0xff]), GgufError::NotUtf8 { .. }));
}

#[test]
fn names_that_occur_twice_should_be_refused() {
	let keys = small().value("llama.block_count", Item::U32(3)).bytes();
	assert_eq!(error(&keys), GgufError::DuplicateKey("llama.block_count".into()));
	let tensors = small().tensor("a", &[1], GgufDtype::F32, &[0; 4]).bytes();
	assert_eq!(error(&tensors), GgufError::DuplicateTensor("a".into()));
}

#[test]
fn types_of_tensors_that_the_engine_does_not_compute_with_should_be_refused() {
	let allowed: Vec<u32> = GgufDtype::ALL.map(GgufDtype::id).into();
	for id in (0..256).filter(|id| !allowed.contains(id)).chain([u32::MAX]) {
		let bytes = Gguf::new().described("t", &[256], id, 0).bytes();
		assert_eq!(error(&bytes), GgufError::TensorType { tensor: "t".into(), id });
	}
}

#[test]
fn impossible_shapes_should_be_refused() {
	let reason =
		|shape: &[u64], dtype: GgufDtype| match error(&Gguf::new().described("t", shape, dtype.id(), 0).bytes()) {
			GgufError::Shape { reason, .. } => reason,
			other => panic!("{shape:?}: {other}"),
		};
	assert!(reason(&[], GgufDtype::F32).contains("one to four"));
	assert!(reason(&[1; 5], GgufDtype::F32).contains("one to four"));
	assert!(reason(&[4, 0], GgufDtype::F32).contains("zero"));
	assert!(reason(&[1 << 32, 1 << 32], GgufDtype::F32).contains("product"));
	assert!(reason(&[u64::MAX, 2], GgufDtype::F32).contains("product"));
	assert!(reason(&[1 << 62], GgufDtype::F32).contains("size"));
	assert!(reason(&[33], GgufDtype::Q4_0).contains("blocks"));
	assert!(reason(&[576, 256], GgufDtype::Q4K).contains("blocks"));
	// A product that wraps to 32 in 64 bits.
	assert!(reason(&[32, 1 << 60, 1 << 4], GgufDtype::Q8_0).contains("product"));
}

#[test]
fn tensors_outside_the_file_or_over_the_limit_should_be_refused() {
	let outside = |offset: u64, bytes: &[u8]| {
		error(&Gguf::new().described("t", &[8], GgufDtype::F32.id(), offset).data(bytes).bytes())
	};
	let expected = GgufError::OutsideFile("t".into());
	assert_eq!(outside(0, &[0; 31]), expected);
	assert_eq!(outside(32, &[0; 63]), expected);
	assert_eq!(outside(1 << 62, &[0; 64]), expected);
	assert_eq!(outside(u64::MAX - 31, &[0; 64]), expected);
	assert!(matches!(outside(16, &[0; 64]), GgufError::Misaligned { offset: 16, alignment: 32, .. }));

	let bytes = small().bytes();
	let limits = GgufLimits { tensor_bytes: 285, ..GgufLimits::default() };
	assert_eq!(GgufFile::parse_within(&bytes, &limits).unwrap_err(), GgufError::TooMuchMemory { limit: 285 });
	GgufFile::parse_within(&bytes, &GgufLimits { tensor_bytes: 286, ..limits }).unwrap();
	let giant = Gguf::new().described("t", &[1 << 40], GgufDtype::F32.id(), 0).bytes();
	assert!(matches!(error(&giant), GgufError::TooMuchMemory { .. }));
}

#[test]
fn overlapping_tensors_should_be_refused() {
	let f32 = GgufDtype::F32.id();
	let two = |first: u64, second: u64| {
		Gguf::new().described("first", &[9], f32, first).described("second", &[9], f32, second).data(&[0; 256]).bytes()
	};
	for (first, second) in [(0, 0), (0, 32), (64, 32)] {
		assert!(matches!(error(&two(first, second)), GgufError::Overlap { .. }), "{first} {second}");
	}
	// A tensor within another, and ends that wrap.
	for (length, offset) in [(64, 32), ((1 << 61) - 8, 1 << 62), (1 << 60, u64::MAX - 31)] {
		let file = Gguf::new().described("first", &[length], f32, 0).described("second", &[1], f32, offset);
		assert!(GgufFile::parse(&file.data(&[0; 256]).bytes()).is_err(), "{length} {offset}");
	}
	GgufFile::parse(&two(0, 64)).unwrap();
	GgufFile::parse(&two(128, 0)).unwrap();
}

#[test]
fn the_files_names_should_be_escaped_in_messages() {
	let bytes = Gguf::new().described("\u{1b}[2J\n", &[1], 99, 0).bytes();
	assert_eq!(
		error(&bytes).to_string(),
		"the tensor \"\\u{1b}[2J\\n\" has type number 99, which this engine does not compute with"
	);
}

/// A file as it is read from a disk, and how much of it was read.
fn checked(bytes: &[u8], size: u64) -> (Result<(), GgufError>, usize) {
	let mut source = bytes;
	let checked = check_header(&mut source, size).unwrap();
	(checked, bytes.len() - source.len())
}

#[test]
fn a_header_should_be_checked_without_what_is_behind_it() {
	let bytes = small().bytes();
	assert_eq!(checked(&bytes, bytes.len() as u64).0, Ok(()));
	assert_eq!(checked(&bytes, bytes.len() as u64 - 1).0, Err(GgufError::OutsideFile("c".into())));
	let hole = 12 << 30;
	assert_eq!(checked(&bytes, bytes.len() as u64 + 100).0, Ok(()));
	assert!(matches!(checked(&bytes, bytes.len() as u64 + hole).0, Err(GgufError::Unused { bytes }) if bytes >= hole));
	let zeros = vec![0; 4 << 20];
	let (refused, read) = checked(&zeros, 4 << 30);
	assert_eq!(refused, Err(GgufError::NotGguf));
	assert!(read <= 1 << 20, "{read} bytes were read");
	assert_eq!(checked(&[], 0).0, Err(GgufError::Truncated { reading: "the magic number", at: 0 }));
	let long = "x".repeat(3 << 20);
	let file = small().value("long", Item::String(&long)).data(&vec![0; 8 << 20]).bytes();
	assert!(matches!(checked(&file, file.len() as u64), (Err(GgufError::Unused { .. }), read) if read <= 4 << 20));
	let whole = small().value("long", Item::String(&long)).bytes();
	assert_eq!(checked(&whole, whole.len() as u64).0, Ok(()));
	assert!(checked(&whole[..2 << 20], whole.len() as u64).0.is_err());
}

#[test]
fn smollm2_should_be_read_and_no_shorter_file_accepted() {
	let Some(path) = installed("SmolLM2", SMOLLM2.weights.sha256) else { return };
	let bytes = fs::read(path).unwrap();
	let file = GgufFile::parse(&bytes).unwrap();
	assert_eq!(file.get::<&str>("general.architecture"), Ok("llama"));
	assert_eq!(file.get::<Strings<'_>>("tokenizer.ggml.tokens").unwrap().len(), 49_152);
	let count = |dtype| file.tensors().filter(|tensor| tensor.dtype == dtype).count();
	assert_eq!([GgufDtype::Q4_1, GgufDtype::F32, GgufDtype::Q8_0].map(count), [210, 61, 1]);
	assert_eq!(file.tensor("token_embd.weight").unwrap().shape, [576, 49_152]);
	assert_eq!(file.tensor_bytes() as usize, file.tensors().map(|tensor| tensor.data.len()).sum::<usize>());
	for length in (0..4096).chain([bytes.len() - 1]) {
		error(&bytes[..length]);
	}
}

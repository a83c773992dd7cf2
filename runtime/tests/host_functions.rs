//! The runtime calls no host function but those of every SDK node, and no new one unnoticed: a validator that has not
//! updated its node must still be able to run an upgraded runtime, and so must stock tools.

use std::collections::BTreeSet;

/// What the committed list allows, one name a line.
const ALLOWED: &str = include_str!("host_functions.txt");

/// Far above the runtime's size.
const MAX_WASM_BYTES: usize = 64 * 1024 * 1024;

const IMPORT_SECTION: u8 = 2;
const FUNCTION: u8 = 0;
const MEMORY: u8 = 2;

/// Reads a WebAssembly module as far as its imports.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
	fn bytes(&mut self, count: usize) -> &'a [u8] {
		let (bytes, rest) = self.0.split_at(count);
		self.0 = rest;
		bytes
	}

	fn byte(&mut self) -> u8 {
		self.bytes(1)[0]
	}

	/// An unsigned number in LEB128.
	fn number(&mut self) -> usize {
		let (mut value, mut shift) = (0, 0);
		loop {
			let byte = self.byte();
			value |= usize::from(byte & 0x7f) << shift;
			if byte & 0x80 == 0 {
				return value;
			}
			shift += 7;
		}
	}

	fn name(&mut self) -> String {
		let length = self.number();
		String::from_utf8(self.bytes(length).to_vec()).expect("names are UTF-8")
	}
}

fn imported_functions(wasm: &[u8]) -> BTreeSet<String> {
	let mut module = Reader(wasm);
	assert_eq!(module.bytes(8), b"\0asm\x01\0\0\0", "a WebAssembly module begins so");
	while !module.0.is_empty() {
		let (section, length) = (module.byte(), module.number());
		let mut body = Reader(module.bytes(length));
		if section != IMPORT_SECTION {
			continue;
		}
		let mut functions = BTreeSet::new();
		for _ in 0..body.number() {
			let (_module, name) = (body.name(), body.name());
			match body.byte() {
				FUNCTION => {
					body.number();
					functions.insert(name);
				}
				MEMORY => {
					let has_maximum = body.byte() & 1 == 1;
					body.number();
					if has_maximum {
						body.number();
					}
				}
				other => panic!("the runtime imports '{name}' of kind {other}, neither a function nor memory"),
			}
		}
		return functions;
	}
	BTreeSet::new()
}

#[test]
fn the_runtime_calls_no_host_function_beyond_the_committed_list() {
	let compressed = sibyl_runtime::WASM_BINARY.expect("the tests are built with the wasm");
	let wasm = sp_maybe_compressed_blob::decompress(compressed, MAX_WASM_BYTES).expect("the build's own wasm unpacks");
	let imported = imported_functions(&wasm);
	assert!(imported.contains("ext_offchain_local_storage_compare_and_set_version_1"), "{imported:#?}");
	let allowed: BTreeSet<_> = ALLOWED.lines().map(String::from).collect();
	let new: Vec<_> = imported.difference(&allowed).collect();
	assert!(new.is_empty(), "new host functions, which older nodes may lack: {new:#?}");
}

//! The models that every network starts with.

use crate::constants::{MICRO_SIB, MILLI_SIB};
use alloc::{vec, vec::Vec};
use sibyl_primitives::{
	model::{Golden, ModelFile, ModelLimits, ModelRevision, Task},
	price::ModelPrice,
	Text,
};
use sp_core::{hex2array as hex, ConstU32};
use sp_runtime::BoundedVec;

/// Inputs and the hashes of their outputs, made by the engine; a test of the node compares them with what it says.
const COMMON_LINGUA_GOLDENS: &[(&str, [u8; 32])] = &[
	(
		"The committee answers, and the chain keeps what it agreed on.",
		hex!("a7051e1d768aa472d3d08c296c8034d383208a84b0cf81fbc65184f6589db6cd"),
	),
	(
		"Le comité répond, et la chaîne garde ce dont il a convenu.",
		hex!("fb705802a13992dbaad93c8032aa46f9a15bd4c11cbb425f69c2c6bce0f66e5e"),
	),
	(
		"委员会给出答案，链上只保留达成一致的结果。",
		hex!("a061c9f2fb94c3c78891efa89f3bc32679d6f4507cf7eabff59686a2da27f10f"),
	),
	(
		"Комитет отвечает, и цепочка хранит то, о чём он договорился.",
		hex!("bf8ac5f1b270c7d5e98e98140fe3fa48e873bb8336ef717e2212e93bf8b8a871"),
	),
	("1234567890 !?", hex!("07543db99de4fccc25c209fe1b10078ee6bd7c9cb70eb1c5ecbdc3d085acebdd")),
];

/// All of them.
pub fn all() -> Vec<ModelRevision> {
	vec![common_lingua()]
}

/// Names the language of a text. Its weights are compiled into the node, so that a fresh chain answers without a download.
pub fn common_lingua() -> ModelRevision {
	ModelRevision {
		name: text("common-lingua"),
		task: Task::Classify,
		architecture: text("common-lingua"),
		files: bounded(vec![ModelFile {
			name: text("weight.safetensors"),
			size: 3_868_096,
			sha256: hex!("b590569d549a34708f0cbacd92b270318e87eb881aff28a5ef75a7f30f3b3ae7").into(),
		}]),
		semantics: 1,
		limits: ModelLimits { input_bytes: 512, context_units: 512, output_units: 0 },
		commit_window: 12,
		price: ModelPrice { base: MILLI_SIB, unit: MICRO_SIB },
		goldens: bounded(
			COMMON_LINGUA_GOLDENS
				.iter()
				.map(|(input, output_hash)| Golden { input: text(input), output_hash: (*output_hash).into() })
				.collect(),
		),
	}
}

fn text<const N: u32>(text: &str) -> Text<N> {
	text.try_into().expect("a test builds every preset, so texts that are too long are found")
}

fn bounded<V, const N: u32>(values: Vec<V>) -> BoundedVec<V, ConstU32<N>> {
	values.try_into().ok().expect("a test builds every preset, so lists that are too long are found")
}

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

/// Inputs, the hashes of their outputs and their traces, made by the engine; a test of the node compares them with what it
/// says.
const COMMON_LINGUA_GOLDENS: &[(&str, [u8; 32], [u8; 32])] = &[
	(
		"The committee answers, and the chain keeps what it agreed on.",
		hex!("a7051e1d768aa472d3d08c296c8034d383208a84b0cf81fbc65184f6589db6cd"),
		hex!("9e9ddb745c5378ccc71c136db0f82ed321ec2dac238c3e3c9dece0e19492e916"),
	),
	(
		"Le comité répond, et la chaîne garde ce dont il a convenu.",
		hex!("fb705802a13992dbaad93c8032aa46f9a15bd4c11cbb425f69c2c6bce0f66e5e"),
		hex!("755e19493c7fd57444e8c82dc1e6d3acb2e96bf787c8499f5c260398dfd014d3"),
	),
	(
		"委员会给出答案，链上只保留达成一致的结果。",
		hex!("a061c9f2fb94c3c78891efa89f3bc32679d6f4507cf7eabff59686a2da27f10f"),
		hex!("c7866044801f4d8dafbb95843acba0bb4ed26905ff929d4f491eca0639b3f067"),
	),
	(
		"Комитет отвечает, и цепочка хранит то, о чём он договорился.",
		hex!("bf8ac5f1b270c7d5e98e98140fe3fa48e873bb8336ef717e2212e93bf8b8a871"),
		hex!("5d4f299ba7bb3a258ffe49d626967c71cbbb27da2717eacbe637258eb9fbda30"),
	),
	(
		"1234567890 !?",
		hex!("c1989d4a7933cd92730683b835a44e2651c83ea9cc7fd76010027aa62f601cad"),
		hex!("3206975de6da524af254035bca440efa7af934af7548f55dc123409e1ae81ab4"),
	),
];

/// As above; the outputs have 32 tokens at most.
const SMOLLM2_GOLDENS: &[(&str, [u8; 32], [u8; 32])] = &[
	(
		"What is the capital of France?",
		hex!("c77ab62bb81692cde2e290b86bdfd9d56f0707e044510830a180320f1dfced67"),
		hex!("05cfd2bad64505dbf9c1bc96d5dcd035cd5384c439626644700c3e648181cf72"),
	),
	(
		"Write one sentence about the sea.",
		hex!("b7392526d8d64631ab11262f6c58b574056a9bbe323fcbb313c104a8df6cb760"),
		hex!("6dea4a22c4e79595ea07e89b2f2c7761e7de13000b78cfbaf8275b1bfc1ef2c1"),
	),
	(
		"Écris un mot. 写一个词。 12 + 30 = ?",
		hex!("9ef45f99a505fdb5d3b72a14d063c6a33cc01be7b7213e75dea7ad57d61946ff"),
		hex!("a282b86f738d48e431a08d05c5358f53ca8c55cab8b5281babeb854ce9274969"),
	),
	(
		"Name three colours.",
		hex!("56da6662e914d5c16b11e3f4163a9ea50b1d27258f0b790f45eb3a5488c1d8c9"),
		hex!("aa61f93439a8bb06949a65e3bbdec7b596f7ecccea6299b985221a293b074e90"),
	),
];

/// As above.
const MINILM_GOLDENS: &[(&str, [u8; 32], [u8; 32])] = &[
	(
		"The committee answers, and the chain keeps what it agreed on.",
		hex!("cd6d1e1f730591830664c7246fa8540007648504061c92423624dd6bf8ca0a04"),
		hex!("7e5ba9c37f7c2599d72868a6b9008bcf0db503eb05ec57cb7d2a019a6913928a"),
	),
	(
		"Le comité répond. 委员会给出答案。 12 + 30 = 42",
		hex!("2506a471626138493b747d71a30401fb7c70171a4da47170c8c7cd028d2860fe"),
		hex!("c8af8defc5c1c795835d9fd49e5c94615391164d4fd974fece50ea06eb81f00c"),
	),
	(
		"a",
		hex!("76499f78be9173908c0f75f6dd5839793ca73bb52802a8d3d8503110a496e531"),
		hex!("ebc6f3fd6c1ba5ccf5419f3492dd8550c22c83579275b9dbb3d25d474e8e76a3"),
	),
];

/// All of them.
pub fn all() -> Vec<ModelRevision> {
	vec![common_lingua(), smollm2(), minilm()]
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
			chunk_root: hex!("bf555eace787901ec23f8565a09d0db7330397d820bd2734aebd480f394d8c27").into(),
		}]),
		semantics: 1,
		limits: ModelLimits { input_bytes: 512, context_units: 512, output_units: 0 },
		commit_window: 12,
		price: ModelPrice { base: MILLI_SIB, unit: MICRO_SIB },
		goldens: goldens(COMMON_LINGUA_GOLDENS),
	}
}

/// Answers questions, in English. Validators install it with `sibyl-node models install smollm2`.
pub fn smollm2() -> ModelRevision {
	ModelRevision {
		name: text("smollm2"),
		task: Task::Generate,
		architecture: text("llama"),
		files: bounded(vec![ModelFile {
			name: text("SmolLM2-135M-Instruct.Q4_1.gguf"),
			size: 98_362_432,
			sha256: hex!("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53").into(),
			chunk_root: hex!("2c193f08cb827ba37a0f5e5175878d0d5f3397bc54e75b9ddb5d3d8ad95f2c02").into(),
		}]),
		semantics: 1,
		// A core with AVX2 reads and writes this much in half of the window.
		limits: ModelLimits { input_bytes: 4096, context_units: 8192, output_units: 256 },
		commit_window: 12,
		price: ModelPrice { base: MILLI_SIB, unit: 10 * MICRO_SIB },
		goldens: goldens(SMOLLM2_GOLDENS),
	}
}

/// Gives a text a vector, near those of texts with a like meaning, in English. Validators install it with
/// `sibyl-node models install minilm`.
pub fn minilm() -> ModelRevision {
	let file = |name, size, sha256: [u8; 32], chunk_root: [u8; 32]| ModelFile {
		name: text(name),
		size,
		sha256: sha256.into(),
		chunk_root: chunk_root.into(),
	};
	let weights = hex!("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db");
	let weights_root = hex!("395328981892d3b370e074492ffa606852ddc1ec664f8fb057d39e1840cb619a");
	// It is one chunk.
	let tokenizer = hex!("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037");
	ModelRevision {
		name: text("minilm"),
		task: Task::Embed,
		architecture: text("bert"),
		files: bounded(vec![
			file("model.safetensors", 90_868_376, weights, weights_root),
			file("tokenizer.json", 466_247, tokenizer, tokenizer),
		]),
		semantics: 1,
		limits: ModelLimits { input_bytes: 1024, context_units: 256, output_units: 0 },
		commit_window: 12,
		price: ModelPrice { base: MILLI_SIB, unit: MICRO_SIB },
		goldens: goldens(MINILM_GOLDENS),
	}
}

fn goldens(goldens: &[(&str, [u8; 32], [u8; 32])]) -> BoundedVec<Golden, ConstU32<8>> {
	let goldens = goldens.iter();
	bounded(
		goldens
			.map(|(input, output, trace)| Golden {
				input: text(input),
				output_hash: (*output).into(),
				trace: (*trace).into(),
			})
			.collect(),
	)
}

fn text<const N: u32>(text: &str) -> Text<N> {
	text.try_into().expect("a test builds every preset, so texts that are too long are found")
}

fn bounded<V, const N: u32>(values: Vec<V>) -> BoundedVec<V, ConstU32<N>> {
	values.try_into().ok().expect("a test builds every preset, so lists that are too long are found")
}

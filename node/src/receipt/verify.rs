//! `sibyl-node verify`: reads a receipt, and believes nobody.

use super::{
	evidence::Evidence,
	finality::{FinalBlock, FinalityProof},
	rerun::rerun,
	Error,
};
use crate::{chain_spec, inference::engine_params::EngineParams, models::Location, service};
use sibyl_primitives::{
	api::AuditView,
	output::{Output, VersionedOutput},
	Hash,
};
use sibyl_rpc_types::{address, Answer, Input, Receipt, RECEIPT_VERSION};
use sibyl_runtime::{Grandpa, VERSION};
use sibyl_user::show;
use sp_consensus_grandpa::AuthorityList;
use sp_core::{crypto::ByteArray, ed25519, Pair};
use sp_state_machine::BasicExternalities;
use std::{
	io::{stdin, Read, Write},
	path::{Path, PathBuf},
};

/// The chains that are looked through where none is named.
const KNOWN_CHAINS: [&str; 3] = ["testnet", "local", "dev"];
/// A receipt has 8 MiB of signatures at most, in hexadecimal digits, and a state's nodes.
const MAX_RECEIPT: u64 = 32 << 20;
/// Whose secrets everybody knows.
const TEST_KEYS: [&str; 6] = ["//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie"];
const STANDARD_INPUT: &str = "-";

/// `verify`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node receipt 0 > job-0.json\n  sibyl-node verify job-0.json")]
pub struct VerifyCommand {
	/// The receipt; - is standard input.
	#[arg(value_name = "FILE")]
	file: PathBuf,

	/// The chain that is trusted, by its name or its specification's file; one of those that this program knows otherwise.
	#[arg(long, value_name = "CHAIN")]
	chain: Option<String>,

	/// Check the proof only, and do not run the model again.
	#[arg(long)]
	no_run: bool,

	#[command(flatten)]
	location: Location,

	#[command(flatten)]
	engine: EngineParams,
}

impl VerifyCommand {
	/// Checks the proof, then runs the model again; fails where either does not show what the receipt says.
	pub fn run(&self, out: &mut impl Write) -> Result<(), Error> {
		let receipt = self.read()?;
		let (chain, validators) = self.chain(receipt.genesis)?;
		writeln!(out, "chain     {chain}, genesis {:?}", receipt.genesis)?;
		if has_test_keys(&validators) {
			writeln!(
				out,
				"WARNING   its first validators have public test keys: anybody can make such a receipt of it"
			)?;
		}
		let block = FinalityProof::decode(&receipt.finality)?.verify(validators)?;
		let FinalBlock { header, changes, signers, validators } = &block;
		writeln!(
			out,
			"final     block #{} ({:?}), signed by {signers} of {validators} validators, {changes} changes of these since genesis",
			header.number,
			header.hash(),
		)?;
		let nodes = receipt.state.into_iter().map(|node| node.0).collect();
		let evidence = Evidence::read(header.state_root, nodes, receipt.job)?;
		tell(&evidence, receipt.job, out)?;
		if self.no_run {
			return Ok(());
		}
		rerun(&evidence, &self.engine, &self.location)?;
		writeln!(out, "run here  the same {} bytes", evidence.bytes.len())?;
		Ok(())
	}

	fn read(&self) -> Result<Receipt, Error> {
		let receipt = parse(&read(&self.file).map_err(|source| Error::Unreadable { path: self.file.clone(), source })?)
			.map_err(|error| Error::NotAReceipt { path: self.file.clone(), reason: error.to_string() })?;
		match receipt.version {
			RECEIPT_VERSION => Ok(receipt),
			found => Err(Error::Version { found, known: RECEIPT_VERSION }),
		}
	}

	/// The trusted chain of this genesis, and its first validators.
	fn chain(&self, genesis: Hash) -> Result<(String, AuthorityList), Error> {
		let named = self.chain.as_deref().map(|name| vec![name]);
		let mut tried = Vec::new();
		for name in named.unwrap_or_else(|| KNOWN_CHAINS.to_vec()) {
			let mut storage = chain_spec::first_state(name).map_err(Error::Chain)?;
			// All runtimes so far lay their state out alike, and to compile one to ask it takes seconds.
			let found = service::first_block_hash(&storage, VERSION.state_version());
			if found == genesis {
				let validators = BasicExternalities::execute_with_storage(&mut storage, Grandpa::grandpa_authorities);
				return Ok((name.into(), validators));
			}
			tried.push(format!("that of {name} is {found:?}"));
		}
		Err(Error::OtherChain { found: genesis, tried: tried.join(", ") })
	}
}

/// Whether one of these signs with a key that the SDK's documentation has for tests.
fn has_test_keys(validators: &AuthorityList) -> bool {
	let is_known = |name: &str| {
		let pair = ed25519::Pair::from_string(name, None);
		pair.is_ok_and(|pair| validators.iter().any(|(id, _)| id.as_slice() == pair.public().as_slice()))
	};
	TEST_KEYS.iter().any(|name| is_known(name))
}

fn read(path: &Path) -> std::io::Result<String> {
	let mut text = String::new();
	match path.as_os_str() == STANDARD_INPUT {
		true => stdin().take(MAX_RECEIPT).read_to_string(&mut text)?,
		false => std::fs::File::open(path)?.take(MAX_RECEIPT).read_to_string(&mut text)?,
	};
	Ok(text)
}

fn parse(text: &str) -> serde_json::Result<Receipt> {
	serde_json::from_str(text)
}

fn tell(evidence: &Evidence, id: u64, out: &mut impl Write) -> Result<(), Error> {
	let Evidence { job, agreement, input, output, model, .. } = evidence;
	writeln!(out, "job       {id} of {}, submitted in #{}", address(&job.requester), job.submitted_at)?;
	writeln!(out, "model     {}", show::printable(&model.name.to_string_lossy()))?;
	for (name, text) in show::input(&Input::from(input.clone())) {
		writeln!(out, "{name:<10}{text}")?;
	}
	let support = agreement.support;
	writeln!(
		out,
		"agreed    by {} of {} seats in #{}, of {} validators that served the model",
		support.agreed, support.seats, agreement.at, support.serving
	)?;
	if let Some(source) = job.reused {
		writeln!(out, "reused    from job {source}, to the same question: that committee agreed")?;
	}
	let VersionedOutput::V1(output) = output;
	let said = match output {
		Output::Answer(answer) => show::answer(&Answer::from(answer.clone()), &job.options.format),
		Output::Refusal(refusal) => format!("none: the model refuses the input ({refusal:?})"),
	};
	let audit = match job.audit {
		AuditView::None => "",
		AuditView::Open => "open: a second committee is at it, and may find another output",
		AuditView::Confirmed => "confirmed by a second committee",
		AuditView::Undecided => "undecided: a second committee found no quorum",
		AuditView::Overturned { output_hash } => return Err(Error::Overturned { job: id, other: output_hash }),
	};
	if !audit.is_empty() {
		writeln!(out, "audit     {audit}")?;
	}
	writeln!(out, "answer    {}", said.replace('\n', "\n          "))?;
	Ok(())
}

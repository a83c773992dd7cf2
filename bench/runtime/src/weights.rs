//! Runs a pallet's benchmarks as the SDK's own program does, and writes what came of them: that program has a database in it
//! that this chain has no use for.

use crate::Error;
use codec::{Decode, Encode};
use frame_benchmarking::{
	Analysis, BenchmarkBatch, BenchmarkList, BenchmarkMetadata, BenchmarkParameter, BenchmarkResult, BenchmarkSelector,
};
use frame_support::traits::StorageInfo;
use sc_chain_spec::GenesisConfigBuilderRuntimeCaller;
use sc_client_db::BenchmarkingState;
use sc_executor::WasmExecutor;
use sp_core::{
	offchain::{testing::TestOffchainExt, OffchainDbExt, OffchainWorkerExt},
	traits::{CallContext, ReadRuntimeVersionExt, RuntimeCode, WrappedRuntimeCode},
};
use sp_externalities::Extensions;
use sp_io::hashing::blake2_256;
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::StateMachine;
use std::{fmt::Write, path::PathBuf};

/// The SDK's own and those by which a benchmark looks at the clock and at the database.
type HostFunctions = (sp_io::SubstrateHostFunctions, frame_benchmarking::benchmarking::HostFunctions);

type State = BenchmarkingState<BlakeTwo256>;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
	/// The runtime's wasm, built with the feature `runtime-benchmarks`.
	#[arg(long)]
	wasm: PathBuf,
	/// The pallet, as its crate is named, with underscores.
	#[arg(long)]
	pallet: String,
	/// Only this benchmark.
	#[arg(long)]
	benchmark: Option<String>,
	/// The file to write; the standard output where there is none.
	#[arg(long)]
	output: Option<PathBuf>,
	/// Values that each component is measured at.
	#[arg(long, default_value_t = 50)]
	steps: u32,
	/// Times that each value is measured.
	#[arg(long, default_value_t = 20)]
	repeat: u32,
}

/// Runs the benchmarks and writes the weights.
pub fn run(arguments: &Arguments) -> Result<(), Error> {
	let runner = Runner::new(&std::fs::read(&arguments.wasm)?)?;
	let (lists, _): (Vec<BenchmarkList>, Vec<StorageInfo>) =
		runner.call(&runner.untracked, "Benchmark_benchmark_metadata", &false.encode())?;
	let list = lists
		.into_iter()
		.find(|list| list.pallet == arguments.pallet.as_bytes())
		.ok_or_else(|| format!("the runtime has no benchmarks of {}", arguments.pallet))?;
	let mut functions = String::new();
	for benchmark in &list.benchmarks {
		let name = String::from_utf8(benchmark.name.clone())?;
		if arguments.benchmark.as_ref().is_some_and(|only| *only != name) {
			continue;
		}
		let measured = Measured { name, ranges: benchmark.components.clone(), times: Vec::new(), accesses: Vec::new() };
		let measured = runner.measure(arguments, &list, benchmark, measured)?;
		let function = measured.function()?;
		eprint!("{function}");
		functions.push_str(&function);
	}
	let file = format!("{}{functions}}}\n", header(arguments));
	match &arguments.output {
		Some(path) => std::fs::write(path, file)?,
		None => print!("{file}"),
	}
	Ok(())
}

struct Runner {
	executor: WasmExecutor<HostFunctions>,
	code: WrappedRuntimeCode<'static>,
	hash: Vec<u8>,
	/// Counts the accesses to the database.
	tracked: State,
	/// Is faster.
	untracked: State,
}

impl Runner {
	fn new(wasm: &[u8]) -> Result<Self, Error> {
		let genesis = GenesisConfigBuilderRuntimeCaller::<frame_benchmarking::benchmarking::HostFunctions>::new(wasm)
			.get_storage_for_named_preset(Some(&"development".into()))?;
		Ok(Self {
			executor: WasmExecutor::builder().with_max_runtime_instances(1).build(),
			code: WrappedRuntimeCode(wasm.to_vec().into()),
			hash: blake2_256(wasm).to_vec(),
			tracked: State::new(genesis.clone(), None, false, true)?,
			untracked: State::new(genesis, None, false, false)?,
		})
	}

	fn call<R: Decode>(&self, state: &State, method: &str, parameters: &[u8]) -> Result<R, Error> {
		let mut extensions = Extensions::default();
		let (offchain, _) = TestOffchainExt::new();
		extensions.register(KeystoreExt::new(MemoryKeystore::new()));
		extensions.register(OffchainWorkerExt::new(offchain.clone()));
		extensions.register(OffchainDbExt::new(offchain));
		extensions.register(ReadRuntimeVersionExt::new(self.executor.clone()));
		let code = RuntimeCode { code_fetcher: &self.code, hash: self.hash.clone(), heap_pages: None };
		let bytes = StateMachine::new(
			state,
			&mut Default::default(),
			&self.executor,
			method,
			parameters,
			&mut extensions,
			&code,
			CallContext::Offchain,
		)
		.execute()
		.map_err(|error| format!("{method} failed: {error}"))?;
		Ok(R::decode(&mut &bytes[..])?)
	}

	fn measure(
		&self,
		arguments: &Arguments,
		list: &BenchmarkList,
		benchmark: &BenchmarkMetadata,
		mut measured: Measured,
	) -> Result<Measured, Error> {
		for components in values(&benchmark.components, arguments.steps) {
			let dispatch = |state: &State, verify: bool, repeat: u32| -> Result<Vec<BenchmarkResult>, Error> {
				let parameters = (&list.pallet, &list.instance, &benchmark.name, &components, verify, repeat).encode();
				let batches: Result<Vec<BenchmarkBatch>, String> =
					self.call(state, "Benchmark_dispatch_benchmark", &parameters)?;
				let batches = batches.map_err(|error| format!("{}: {error}", measured.name))?;
				Ok(batches.into_iter().flat_map(|batch| batch.results).collect())
			};
			dispatch(&self.untracked, true, 1)?;
			let accesses = dispatch(&self.tracked, false, 1)?;
			let times = dispatch(&self.untracked, false, arguments.repeat)?;
			measured.accesses.extend(accesses);
			measured.times.extend(times);
		}
		Ok(measured)
	}
}

/// The values of the components at which a benchmark is measured: of one each step, of the others the highest.
fn values(ranges: &[(BenchmarkParameter, u32, u32)], steps: u32) -> Vec<Vec<(BenchmarkParameter, u32)>> {
	if ranges.is_empty() {
		return vec![Vec::new()];
	}
	let last = steps.max(2) - 1;
	let mut values = Vec::new();
	for (name, low, high) in ranges {
		for step in 0..=last {
			let value = u64::from(*low) + u64::from(high - low) * u64::from(step) / u64::from(last);
			let of = |other: &(BenchmarkParameter, u32, u32)| {
				(other.0, if other.0 == *name { value as u32 } else { other.2 })
			};
			values.push(ranges.iter().map(of).collect());
		}
	}
	values
}

/// What came of a benchmark.
struct Measured {
	name: String,
	ranges: Vec<(BenchmarkParameter, u32, u32)>,
	times: Vec<BenchmarkResult>,
	accesses: Vec<BenchmarkResult>,
}

impl Measured {
	/// The benchmark's weight, as Rust's source.
	fn function(&self) -> Result<String, Error> {
		let time = Analysis::min_squares_iqr(&self.times, BenchmarkSelector::ExtrinsicTime)?;
		let reads = Analysis::min_squares_iqr(&self.accesses, BenchmarkSelector::Reads)?;
		let writes = Analysis::min_squares_iqr(&self.accesses, BenchmarkSelector::Writes)?;
		let is_used = |place: usize| {
			[&time, &reads, &writes].iter().any(|analysis| analysis.slopes.get(place).is_some_and(|slope| *slope > 0))
		};
		let parameters: Vec<_> = (0..)
			.zip(&self.ranges)
			.map(|(place, (name, ..))| format!("{}{name}: u32", if is_used(place) { "" } else { "_" }))
			.collect();
		let mut text = String::new();
		for (name, low, high) in &self.ranges {
			writeln!(text, "\t/// The range of component `{name}` is `[{low}, {high}]`.")?;
		}
		writeln!(text, "\tfn {}({}) -> Weight {{", self.name, parameters.join(", "))?;
		writeln!(text, "\t\t// Minimum execution time: {} picoseconds.", underscored(time.minimum * 1_000))?;
		write!(text, "\t\tWeight::from_parts({}, 0)", underscored(time.base))?;
		let slopes = |analysis: &Analysis| -> Vec<(String, u128)> {
			analysis
				.names
				.iter()
				.cloned()
				.zip(analysis.slopes.iter().copied())
				.filter(|(_, slope)| *slope > 0)
				.collect()
		};
		for (name, slope) in slopes(&time) {
			let slope = underscored(slope);
			write!(text, "\n\t\t\t.saturating_add(Weight::from_parts({slope}, 0).saturating_mul({name}.into()))")?;
		}
		for (kind, analysis) in [("reads", &reads), ("writes", &writes)] {
			if analysis.base > 0 {
				write!(text, "\n\t\t\t.saturating_add(T::DbWeight::get().{kind}({}_u64))", analysis.base)?;
			}
			for (name, slope) in slopes(analysis) {
				let times = format!("({slope}_u64).saturating_mul({name}.into())");
				write!(text, "\n\t\t\t.saturating_add(T::DbWeight::get().{kind}({times}))")?;
			}
		}
		writeln!(text, "\n\t}}")?;
		Ok(text)
	}
}

fn header(arguments: &Arguments) -> String {
	let Arguments { pallet, steps, repeat, .. } = arguments;
	let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
	let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown").to_string();
	let date = crate::report::today();
	format!(
		"//! Weights of `{pallet}`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='{pallet}'`.
//! DATE: {date}, CPU: `{cpu}`, STEPS: `{steps}`, REPEAT: `{repeat}`, WASM: compiled, STATE: the preset `development`, in memory.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{{traits::Get, weights::Weight}};

/// Weight functions for `{pallet}`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> {pallet}::WeightInfo for WeightInfo<T> {{
"
	)
}

fn underscored(number: u128) -> String {
	let digits = number.to_string();
	let mut text = String::new();
	for (place, digit) in digits.chars().enumerate() {
		if place > 0 && (digits.len() - place).is_multiple_of(3) {
			text.push('_');
		}
		text.push(digit);
	}
	text
}

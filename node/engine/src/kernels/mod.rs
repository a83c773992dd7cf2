//! Bit-exact float kernels, in one definition and several tiers.
//!
//! [`lanes`] has the allowed operations, [`math`] the functions made of them, [`sums`] the order of sums, [`ops`],
//! [`softmax`] and [`gemm`] the kernels, and [`Kernels`] the safe door to them, which picks the tier. Another CPU family is another implementation of [`lanes::Lanes`]; another
//! weight format is another [`Pass`].

pub(crate) mod attention;
mod cells;
mod float_env;
mod gemm;
mod half;
pub(crate) mod lanes;
mod math;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod ops;
pub(crate) mod packing;
mod panels;
pub(crate) mod pool;
pub(crate) mod quant;
pub(crate) mod rope;
mod softmax;
mod sums;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use cells::{Bf16Lanes, Cell};
pub(crate) use float_env::check as check_float_environment;
pub(crate) use gemm::TILE_PANELS;
pub(crate) use half::HalfLanes;
pub(crate) use memory::{NoMemory, WeightMemory};
pub(crate) use panels::{PackedMatrix, Panels, StoredMatrix};

use lanes::{Lanes, Scalar};
use quant::columns::Columns;

/// A set of instructions to compute with. The results are the same on every one, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
	/// Plain Rust with fused multiply-add in software: the reference, runs everywhere, slow.
	Scalar,
	/// x86-64-v3: AVX2, FMA and F16C.
	Avx2,
	/// AVX2, FMA and AVX-VNNI.
	AvxVnni,
	/// AVX-512F; integers on AVX2.
	Avx512,
	/// AVX-512F, BW, VL and VNNI.
	Avx512Vnni,
	/// AArch64 with NEON, as all of them.
	Neon,
	/// NEON with the dot product of ARMv8.2.
	NeonDot,
}

impl Tier {
	/// All tiers, slowest first.
	pub const ALL: [Self; 7] =
		[Self::Scalar, Self::Avx2, Self::AvxVnni, Self::Avx512, Self::Avx512Vnni, Self::Neon, Self::NeonDot];

	/// The fastest tier that this CPU has.
	pub fn best() -> Self {
		Self::ALL.into_iter().rev().find(|tier| tier.is_available()).unwrap_or(Self::Scalar)
	}

	/// Whether this CPU has the tier's instructions.
	pub fn is_available(self) -> bool {
		match self {
			Self::Scalar => true,
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => {
				is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
			}
			#[cfg(target_arch = "x86_64")]
			Self::AvxVnni => is_x86_feature_detected!("avxvnni") && Self::Avx2.is_available(),
			#[cfg(target_arch = "x86_64")]
			Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.is_available(),
			#[cfg(target_arch = "x86_64")]
			Self::Avx512Vnni => {
				is_x86_feature_detected!("avx512vnni")
					&& is_x86_feature_detected!("avx512bw")
					&& is_x86_feature_detected!("avx512vl")
					&& Self::Avx512.is_available()
			}
			#[cfg(target_arch = "aarch64")]
			Self::Neon => true,
			#[cfg(target_arch = "aarch64")]
			Self::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
			// Those of other CPUs.
			_ => false,
		}
	}

	/// The tier's name.
	pub fn name(self) -> &'static str {
		match self {
			Self::Scalar => "scalar",
			Self::Avx2 => "avx2",
			Self::AvxVnni => "avx-vnni",
			Self::Avx512 => "avx512",
			Self::Avx512Vnni => "avx512-vnni",
			Self::Neon => "neon",
			Self::NeonDot => "neon-dot",
		}
	}

	/// The tier of this name.
	pub fn find(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|tier| tier.name() == name)
	}

	/// What is to be said where this is the fastest tier that a CPU has; nothing where it has kernels of its own.
	pub fn warning(self) -> Option<&'static str> {
		(self == Self::Scalar).then_some(
			"this CPU lacks the instructions that there are kernels for (AVX2, FMA and F16C of x86-64, or AArch64's NEON), so \
			 inferences take some thirty times as long, and it will be too slow for most models",
		)
	}
}

/// Something to compute, compiled once per tier.
///
/// `run` and all that it calls is `#[inline(always)]`: only what ends up inside the tier's entry function may use the
/// tier's instructions.
pub(crate) trait Pass {
	/// What it returns.
	type Output;
	/// Computes with the given lanes.
	fn run<L: Lanes>(self) -> Self::Output;
}

/// As [`Pass`], for products with quantised weights.
pub(crate) trait ColumnsPass {
	/// Computes with the given columns.
	fn run<C: Columns>(self);
}

/// The kernels on a tier that this CPU is known to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernels {
	tier: Tier,
}

impl Kernels {
	/// The kernels on a tier, if the CPU has it.
	pub fn new(tier: Tier) -> Option<Self> {
		tier.is_available().then_some(Self { tier })
	}

	/// The kernels on the fastest tier.
	pub fn best() -> Self {
		Self { tier: Tier::best() }
	}

	/// The tier.
	pub fn tier(&self) -> Tier {
		self.tier
	}

	/// Runs a pass.
	#[allow(unsafe_code)]
	pub fn run<P: Pass>(&self, pass: P) -> P::Output {
		match self.tier {
			Tier::Scalar => pass.run::<Scalar>(),
			// SAFETY: a value of this type exists only for a tier that `is_available` has found on this CPU.
			#[cfg(target_arch = "x86_64")]
			Tier::Avx2 | Tier::AvxVnni => unsafe { x86::run_avx2(pass) },
			// SAFETY: as above.
			#[cfg(target_arch = "x86_64")]
			Tier::Avx512 | Tier::Avx512Vnni => unsafe { x86::run_avx512(pass) },
			#[cfg(target_arch = "aarch64")]
			Tier::Neon | Tier::NeonDot => pass.run::<neon::Neon>(),
			_ => unreachable!("no such tier is available here"),
		}
	}

	/// Runs a pass over columns.
	#[allow(unsafe_code)]
	pub fn run_columns<P: ColumnsPass>(&self, pass: P) {
		match self.tier {
			Tier::Scalar => pass.run::<Scalar>(),
			// SAFETY: as above; a tier's instructions include those of AVX2.
			#[cfg(target_arch = "x86_64")]
			Tier::Avx2 | Tier::Avx512 => unsafe { quant::x86::run_avx2(pass) },
			// SAFETY: as above.
			#[cfg(target_arch = "x86_64")]
			Tier::AvxVnni => unsafe { quant::x86::run_avx_vnni(pass) },
			// SAFETY: as above.
			#[cfg(target_arch = "x86_64")]
			Tier::Avx512Vnni => unsafe { quant::x86::run_avx512_vnni(pass) },
			#[cfg(target_arch = "aarch64")]
			Tier::Neon => pass.run::<quant::neon::Neon<quant::neon::Multiplied>>(),
			// SAFETY: as above.
			#[cfg(target_arch = "aarch64")]
			Tier::NeonDot => unsafe { quant::neon::run_neon_dot(pass) },
			_ => unreachable!("no such tier is available here"),
		}
	}

	/// `c = a · b` for `rows` rows of `a` that lie `a_stride` floats apart; those of `c` are as wide as `b`.
	pub fn gemm<W: Cell>(&self, a: &[f32], a_stride: usize, b: Panels<'_, W>, c: &mut [f32], rows: usize) {
		let width = b.count() * lanes::WIDTH;
		self.gemm_into(a, a_stride, b, c, width, rows);
	}

	/// As [`Kernels::gemm`], into rows that lie `c_stride` floats apart.
	pub fn gemm_into<W: Cell>(
		&self,
		a: &[f32],
		a_stride: usize,
		b: Panels<'_, W>,
		c: &mut [f32],
		c_stride: usize,
		rows: usize,
	) {
		let c = &mut gemm::Strided { values: c, stride: c_stride };
		gemm::Gemm { a, a_stride, b, c, rows }.run(self);
	}

	/// As [`Kernels::gemm`], into a block as wide as `b`; `a` begins with the block's first row.
	pub fn gemm_block(&self, a: &[f32], a_stride: usize, b: Panels<'_>, c: &mut pool::Block<'_>) {
		let rows = c.rows().len();
		gemm::Gemm { a, a_stride, b, c, rows }.run(self);
	}

	/// The layer norm of every row. False if a mean or a variance is not finite, as where a value is not.
	pub fn norm(&self, x: &[f32], out: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) -> bool {
		self.run(ops::Norm { x, out, weight, bias, epsilon })
	}

	/// Divides a row by its length. False if the sum of its squares is not finite or zero.
	pub fn divide_by_length(&self, x: &mut [f32]) -> bool {
		self.run(ops::UnitLength { x })
	}

	/// The root-mean-square norm of a row. If the sum of its squares is not finite, false, and the output is all NaN.
	pub fn root_mean_square(&self, x: &[f32], out: &mut [f32], weight: &[f32], epsilon: f32) -> bool {
		self.run(ops::RmsNorm { x, out, weight, epsilon })
	}

	/// `x += silu(bias + Σ taps · weight)`
	pub fn conv_step<const K: usize>(&self, x: &mut [f32], taps: [&[f32]; K], weight: &[f32], bias: &[f32]) {
		self.run(ops::ConvStep { x, taps, weight, bias });
	}

	/// Rotates a head to its position.
	pub fn rotate(&self, head: &mut [f32], cos: &[f32], sin: &[f32]) {
		self.run(ops::Rotate { head, cos, sin });
	}

	/// `gate = silu(gate) · up`
	pub fn gate_up(&self, gate: &mut [f32], up: &[f32]) {
		self.run(ops::GateUp { gate, up });
	}

	/// `gate = gelu(gate) · up`, by the hyperbolic tangent's formula
	pub fn gelu_up(&self, gate: &mut [f32], up: &[f32]) {
		self.run(ops::GeluUp { gate, up });
	}

	/// `x = tanh(x · (1 / bound)) · bound`. A value that is infinite becomes NaN.
	pub fn bound_by(&self, x: &mut [f32], bound: f32) {
		self.run(ops::BoundBy { x, bound });
	}

	/// `x += y`
	pub fn add_to(&self, x: &mut [f32], y: &[f32]) {
		self.run(ops::AddTo { x, y });
	}

	/// `x = fma(y, factor, x)`
	pub fn add_multiple(&self, x: &mut [f32], y: &[f32], factor: f32) {
		self.run(ops::AddMultiple { x, y, factor });
	}

	/// `x *= factor`
	pub fn multiply_by(&self, x: &mut [f32], factor: f32) {
		self.run(ops::MultiplyBy { x, factor });
	}

	/// `x /= divisor`
	pub fn divide_by(&self, x: &mut [f32], divisor: f32) {
		self.run(ops::DivideBy { x, divisor });
	}

	/// `x = gelu(x)`
	pub fn gelu(&self, x: &mut [f32]) {
		self.run(ops::Gelu { x });
	}
}

/// Whether no value is NaN or infinite.
pub(crate) fn all_finite(values: &[f32]) -> bool {
	const EXPONENT: u32 = 0x7f80_0000;
	values.iter().fold(true, |finite, value| finite & (value.to_bits() & EXPONENT != EXPONENT))
}

/// Runs something in a thread's environment that flushes denormals to zero.
#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) fn with_flushed_denormals<T>(run: impl FnOnce() -> T) -> T {
	let default = x86::mxcsr();
	x86::set_mxcsr(default | 1 << 15);
	let result = run();
	x86::set_mxcsr(default);
	result
}

/// As on x86-64.
#[cfg(all(test, target_arch = "aarch64"))]
pub(crate) fn with_flushed_denormals<T>(run: impl FnOnce() -> T) -> T {
	let default = neon::fpcr();
	neon::set_fpcr(default | 1 << 24);
	let result = run();
	neon::set_fpcr(default);
	result
}

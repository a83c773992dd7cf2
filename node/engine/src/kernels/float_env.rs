//! The floating-point environment that the semantics presume: round to nearest, ties to even, denormals kept.

use std::hint::black_box;

/// Whether this thread's environment is the one presumed.
///
/// A host program, or a library it has loaded, may have changed it; then results would differ from other machines'.
pub(crate) fn check() -> bool {
	#[cfg(target_arch = "x86_64")]
	{
		const FLUSH_TO_ZERO: u32 = 1 << 15;
		const ROUNDING: u32 = 3 << 13;
		const DENORMALS_ARE_ZERO: u32 = 1 << 6;
		if super::x86::mxcsr() & (FLUSH_TO_ZERO | ROUNDING | DENORMALS_ARE_ZERO) != 0 {
			return false;
		}
	}
	#[cfg(target_arch = "aarch64")]
	{
		const FLUSH_TO_ZERO: u64 = 1 << 24;
		const ROUNDING: u64 = 3 << 22;
		const INPUTS_FLUSH_TO_ZERO: u64 = 1;
		const ALTERNATE_HANDLING: u64 = 1 << 1;
		let wrong = FLUSH_TO_ZERO | ROUNDING | INPUTS_FLUSH_TO_ZERO | ALTERNATE_HANDLING;
		if super::neon::fpcr() & wrong != 0 {
			return false;
		}
	}
	behaves()
}

/// The same by observation.
fn behaves() -> bool {
	let least_normal = black_box(f32::MIN_POSITIVE);
	let denormal = black_box(f32::from_bits(1));
	let half_ulp = black_box(f32::EPSILON / 2.0);
	let keeps_results = black_box(least_normal * black_box(0.5)) != 0.0;
	let keeps_operands = black_box(denormal + denormal).to_bits() == 2;
	let ties_to_even = black_box(1.0 + half_ulp) == 1.0
		&& black_box(1.0 + f32::EPSILON + half_ulp) == 1.0 + 2.0 * f32::EPSILON
		&& black_box(-1.0 - half_ulp) == -1.0;
	keeps_results && keeps_operands && ties_to_even
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_default_environment_should_pass() {
		assert!(check());
		assert!(behaves());
	}

	#[cfg(target_arch = "x86_64")]
	#[test]
	fn a_thread_that_flushes_denormals_or_rounds_otherwise_should_be_noticed() {
		for bits in [1 << 15, 1 << 6, 1 << 13, 2 << 13, 3 << 13] {
			let noticed = std::thread::spawn(move || {
				let default = super::super::x86::mxcsr();
				super::super::x86::set_mxcsr(default | bits);
				let noticed = (!check(), !behaves());
				super::super::x86::set_mxcsr(default);
				noticed
			});
			assert_eq!(noticed.join().unwrap(), (true, true), "bits {bits:#x}");
		}
	}

	#[cfg(target_arch = "aarch64")]
	#[test]
	fn a_thread_that_flushes_denormals_or_rounds_otherwise_should_be_noticed() {
		for bits in [1 << 24, 1 << 22, 2 << 22, 3 << 22] {
			let noticed = std::thread::spawn(move || {
				let default = super::super::neon::fpcr();
				super::super::neon::set_fpcr(default | bits);
				let noticed = (!check(), !behaves());
				super::super::neon::set_fpcr(default);
				noticed
			});
			assert_eq!(noticed.join().unwrap(), (true, true), "bits {bits:#x}");
		}
	}
}

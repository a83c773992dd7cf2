use super::half::HalfLanes;
use super::lanes::{soft_fma, WIDTH};
use super::quant::columns::half_to_f32;
use super::*;
use crate::tests::{bits, tiers, Noise};

impl Noise {
	/// Any float but NaN.
	fn any(&mut self) -> f32 {
		let value = f32::from_bits(self.bits());
		if value.is_nan() {
			0.0
		} else {
			value
		}
	}
}

/// Zeros, denormals, extremes, ties and neighbours.
fn adversarial() -> Vec<f32> {
	let mut values = vec![0.0, f32::MIN_POSITIVE, f32::MAX, 1.0, 1.5, 2.0, 0.5, 1e-30, 1e30, 16_777_216.0];
	values.extend(
		[1, 2, 3, 0x007f_ffff, 0x0080_0001, 0x3f80_0001, 0x3f7f_ffff, 0x3380_0000, 0x3400_0001].map(f32::from_bits),
	);
	values.extend([0.9375, 0.625, 87.0, 88.0, 87.5, 4.0, 10.0, std::f32::consts::LN_2, 0.346_573_6]);
	values.extend([0.937_500_06, 0.625_000_06, 88.000_01, 86.999_99, 3.999_999_8]);
	let negative: Vec<f32> = values.iter().map(|value| -value).collect();
	values.extend(negative);
	values
}

pub(super) fn scalar() -> Kernels {
	Kernels::new(Tier::Scalar).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Op {
	Add,
	Sub,
	Mul,
	Div,
	Max,
	Min,
	IfGreater,
	Abs,
	CopySign,
	Fma,
	PowerOfTwo,
	Exp,
	Silu,
	Erf,
	Gelu,
	Tanh,
	TanhGelu,
	Bounded,
}

struct Apply<'a>(Op, [&'a [f32; WIDTH]; 3]);

impl Pass for Apply<'_> {
	type Output = [f32; WIDTH];

	#[inline(always)]
	fn run<L: Lanes>(self) -> [f32; WIDTH] {
		let [x, y, z] = self.1.map(L::load);
		let result = match self.0 {
			Op::Add => x.add(y),
			Op::Sub => x.sub(y),
			Op::Mul => x.mul(y),
			Op::Div => x.div(y),
			Op::Max => x.max(y),
			Op::Min => x.min(y),
			Op::IfGreater => x.if_greater(y, z, x),
			Op::Abs => x.abs(),
			Op::CopySign => x.copy_sign(y),
			Op::Fma => x.fma(y, z),
			Op::PowerOfTwo => x.min(L::splat(127.0)).max(L::splat(-126.0)).add(L::splat(lanes::MAGIC)).power_of_two(),
			Op::Exp => math::exp(x),
			Op::Silu => math::silu(x),
			Op::Erf => math::erf(x),
			Op::Gelu => math::gelu(x),
			Op::Tanh => math::tanh(x),
			Op::TanhGelu => math::tanh_gelu(x),
			Op::Bounded => math::bounded(x, 30.0),
		};
		result.to_array()
	}
}

const OPS: [Op; 18] = [
	Op::Add,
	Op::Sub,
	Op::Mul,
	Op::Div,
	Op::Max,
	Op::Min,
	Op::IfGreater,
	Op::Abs,
	Op::CopySign,
	Op::Fma,
	Op::PowerOfTwo,
	Op::Exp,
	Op::Silu,
	Op::Erf,
	Op::Gelu,
	Op::Tanh,
	Op::TanhGelu,
	Op::Bounded,
];

/// eˣ on the reference tier.
pub(super) fn exp(x: f32) -> f32 {
	apply(scalar(), Op::Exp, x)
}

/// tanh x on the reference tier.
pub(super) fn tanh(x: f32) -> f32 {
	apply(scalar(), Op::Tanh, x)
}

fn apply(kernels: Kernels, op: Op, x: f32) -> f32 {
	let x = [x; WIDTH];
	kernels.run(Apply(op, [&x, &x, &x]))[0]
}

#[test]
fn every_operation_should_have_the_same_bits_on_every_tier() {
	let special = adversarial();
	let mut noise = Noise(1);
	let tiers = tiers();
	for round in 0..20_000_usize {
		let mut draw = |mode: usize| match mode % 3 {
			0 => noise.any(),
			1 => special[noise.bits() as usize % special.len()],
			_ => noise.unit() * 100.0,
		};
		let mut inputs = [[0.0; WIDTH]; 3];
		for (i, input) in inputs.iter_mut().enumerate() {
			input.iter_mut().for_each(|value| *value = draw(round / 3_usize.pow(i as u32)));
		}
		for op in OPS {
			let inputs = [&inputs[0], &inputs[1], &inputs[2]];
			let expected = bits(&scalar().run(Apply(op, inputs)));
			for kernels in &tiers {
				let actual = bits(&kernels.run(Apply(op, inputs)));
				assert_eq!(actual, expected, "{op:?} on {:?} of {inputs:?}", kernels.tier());
			}
		}
	}
}

struct Widen(HalfLanes);

impl Pass for Widen {
	type Output = [f32; WIDTH];

	#[inline(always)]
	fn run<L: Lanes>(self) -> [f32; WIDTH] {
		L::load_halves(&self.0).to_array()
	}
}

#[test]
fn every_half_should_be_widened_to_the_same_bits_on_every_tier() {
	let tiers = tiers();
	for first in (0..=u16::MAX).step_by(WIDTH) {
		let halves = HalfLanes(std::array::from_fn(|lane| first + lane as u16));
		let expected = bits(&halves.0.map(half_to_f32));
		for kernels in &tiers {
			assert_eq!(bits(&kernels.run(Widen(halves))), expected, "{:?} from {first:#x}", kernels.tier());
		}
	}
}

struct WidenBf16(Bf16Lanes);

impl Pass for WidenBf16 {
	type Output = [f32; WIDTH];

	#[inline(always)]
	fn run<L: Lanes>(self) -> [f32; WIDTH] {
		L::load_bf16(&self.0).to_array()
	}
}

#[test]
fn every_bf16_should_be_the_upper_half_of_a_float_on_every_tier() {
	for first in (0..=u16::MAX).step_by(WIDTH) {
		let values = Bf16Lanes(std::array::from_fn(|lane| first + lane as u16));
		let expected = bits(&values.0.map(|value| f32::from_bits(u32::from(value) << 16)));
		assert_eq!(bits(&values.values()), expected);
		for kernels in tiers() {
			assert_eq!(bits(&kernels.run(WidenBf16(values))), expected, "{:?} from {first:#x}", kernels.tier());
		}
		assert_eq!(values.is_finite(), values.values().iter().all(|value| value.is_finite()));
		let halves = HalfLanes(values.0);
		assert_eq!(halves.is_finite(), halves.values().iter().all(|value| value.is_finite()));
	}
}

/// Weights of 16 bits that a float is rounded to somehow, and the same weights as floats.
fn assert_same_products<W: Cell>(weights: &[W], rows: usize, depth: usize, noise: &mut Noise) {
	let a = noisy(noise, rows * depth);
	let floats: Vec<[f32; WIDTH]> = weights.iter().map(Cell::values).collect();
	let width = weights.len() / depth * WIDTH;
	for kernels in tiers() {
		let [mut actual, mut expected] = [(); 2].map(|_| vec![f32::NAN; rows * width]);
		kernels.gemm(&a, depth, Panels { depth, data: weights }, &mut actual, rows);
		kernels.gemm(&a, depth, Panels { depth, data: &floats }, &mut expected, rows);
		assert_eq!(bits(&actual), bits(&expected), "{rows}×{width}×{depth} on {:?}", kernels.tier());
	}
}

#[test]
fn products_with_weights_of_16_bits_should_be_those_with_the_same_weights_as_floats() {
	let mut noise = Noise(8);
	for (rows, panels, depth) in [(1, 1, 1), (1, 5, 300), (4, 3, 257), (13, 4, 64)] {
		let halves: Vec<HalfLanes> = (0..panels * depth)
			.map(|_| HalfLanes([(); WIDTH].map(|_| (noise.bits() as u16 & 0xbfff) % 0x7c00)))
			.collect();
		assert_same_products(&halves, rows, depth, &mut noise);
		let bf16: Vec<Bf16Lanes> = (0..panels * depth)
			.map(|_| Bf16Lanes([(); WIDTH].map(|_| noise.unit().to_bits().wrapping_shr(16) as u16)))
			.collect();
		assert_same_products(&bf16, rows, depth, &mut noise);
	}
}

#[test]
fn software_fma_should_round_once() {
	let special = adversarial();
	let mut noise = Noise(2);
	let check = |x: f32, y: f32, z: f32| {
		let (expected, actual) = (libm::fmaf(x, y, z), soft_fma(x, y, z));
		assert_eq!(bits(&[actual]), bits(&[expected]), "fma({x:e}, {y:e}, {z:e})");
	};
	for x in &special {
		for y in &special {
			special.iter().for_each(|z| check(*x, *y, *z));
		}
	}
	for _ in 0..1_000_000 {
		check(noise.any(), noise.any(), noise.any());
		// Sums close to a tie: an addend of which the product is about half a unit in the last place.
		let (x, z) = (noise.unit(), noise.unit());
		let half_ulp = f32::from_bits(z.abs().to_bits() & 0x7f80_0000) * f32::EPSILON / 2.0;
		check(x, half_ulp / x, z);
		check(1.0, half_ulp, f32::from_bits(noise.bits() & 0x007f_ffff));
	}
	assert_eq!(soft_fma(f32::INFINITY, 1.0, 0.0), f32::INFINITY);
	assert!(soft_fma(f32::INFINITY, 0.0, 1.0).is_nan());
	assert!(soft_fma(f32::NAN, 1.0, 1.0).is_nan());
}

/// The distance in units of the f32's last place.
fn ulps(actual: f32, expected: f64) -> f64 {
	let nearest = expected as f32;
	let ulp = f32::from_bits(nearest.abs().to_bits() + 1) - nearest.abs();
	(f64::from(actual) - expected).abs() / f64::from(ulp)
}

fn worst(range: std::ops::Range<f32>, op: Op, reference: impl Fn(f64) -> f64) -> f64 {
	let kernels = Kernels::best();
	let steps = 200_000;
	let at = |step: i32| range.start + (range.end - range.start) * step as f32 / steps as f32;
	(0..=steps).map(|step| ulps(apply(kernels, op, at(step)), reference(f64::from(at(step))))).fold(0.0, f64::max)
}

#[test]
fn the_functions_should_be_within_a_few_units_in_the_last_place_of_f64() {
	let exp = worst(-87.0..88.0, Op::Exp, libm::exp).max(worst(-1.0..1.0, Op::Exp, libm::exp));
	let silu = worst(-80.0..80.0, Op::Silu, |x| x / (1.0 + libm::exp(-x)));
	let erf = worst(-5.0..5.0, Op::Erf, libm::erf);
	let tanh = worst(-12.0..12.0, Op::Tanh, libm::tanh);
	let gelu = worst(0.0..8.0, Op::Gelu, |x| 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)));
	let inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
	let tanh_gelu = worst(0.0..8.0, Op::TanhGelu, |x| 0.5 * x * (1.0 + libm::tanh(inner(x))));
	let bounded = worst(-300.0..300.0, Op::Bounded, |x| 30.0 * libm::tanh(x / 30.0));
	println!("ulps: exp {exp:.2}, silu {silu:.2}, erf {erf:.2}, tanh {tanh:.2}, gelu {gelu:.2}");
	println!("ulps: tanh_gelu {tanh_gelu:.2}, bounded {bounded:.2}");
	assert!(exp < 1.5 && silu < 3.0 && erf < 2.5 && tanh < 2.5 && gelu < 3.0 && tanh_gelu < 4.0 && bounded < 4.0);
	// Where 1 + erf cancels, only the absolute error is small.
	for step in -8_000..0 {
		let x = step as f32 / 1_000.0;
		let expected = 0.5 * f64::from(x) * (1.0 + libm::erf(f64::from(x) / std::f64::consts::SQRT_2));
		assert!((f64::from(apply(Kernels::best(), Op::Gelu, x)) - expected).abs() < 1e-6);
		let expected = f64::from(x) / (1.0 + libm::exp(-2.0 * inner(f64::from(x))));
		assert!((f64::from(apply(Kernels::best(), Op::TanhGelu, x)) - expected).abs() < 1e-6);
	}
}

#[test]
fn the_functions_should_be_exact_where_the_semantics_rely_on_it() {
	for kernels in [scalar(), Kernels::best()] {
		assert_eq!(apply(kernels, Op::Exp, 0.0), 1.0);
		assert_eq!(apply(kernels, Op::Exp, -0.0), 1.0);
		assert_eq!(apply(kernels, Op::Exp, -1e30), apply(kernels, Op::Exp, -87.0));
		assert_eq!(apply(kernels, Op::Exp, 1e30), apply(kernels, Op::Exp, 88.0));
		assert!(apply(kernels, Op::Exp, 88.0).is_finite() && apply(kernels, Op::Exp, -87.0).is_normal());
		for (op, x, y) in [(Op::Erf, 9.0, 1.0), (Op::Tanh, 20.0, 1.0), (Op::Silu, 0.0, 0.0), (Op::Gelu, 0.0, 0.0)] {
			assert_eq!(apply(kernels, op, x), y, "{op:?}");
		}
		assert_eq!(apply(kernels, Op::Tanh, -0.0).to_bits(), (-0.0_f32).to_bits());
		assert_eq!([f32::MAX, -1e30].map(|x| apply(kernels, Op::Bounded, x)), [30.0, -30.0]);
		for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
			assert!(apply(kernels, Op::Bounded, x).is_nan(), "what is not finite must be found, not bounded");
			assert!(!apply(kernels, Op::TanhGelu, x).is_finite());
		}
		assert_eq!([1e30, 20.0].map(|x| apply(kernels, Op::TanhGelu, x)), [1e30, 20.0]);
	}
}

pub(super) fn noisy(noise: &mut Noise, count: usize) -> Vec<f32> {
	(0..count).map(|_| noise.unit()).collect()
}

#[test]
fn a_matrix_product_should_be_chains_of_256_fused_steps_whatever_the_shape() {
	let mut noise = Noise(3);
	let shapes = [
		(1, 16, 1),
		(5, 48, 64),
		(12, 32, 7),
		(13, 336, 256),
		(31, 80, 100),
		(1, 48, 257),
		(7, 64, 512),
		(14, 96, 700),
	];
	for (rows, columns, depth) in shapes {
		let a = noisy(&mut noise, rows * depth);
		let b = noisy(&mut noise, columns * depth);
		let packed = PackedMatrix::from_rows(&b, depth);
		let mut expected = vec![0.0; rows * columns];
		for (row, a) in a.chunks_exact(depth).enumerate() {
			for (column, b) in b.chunks_exact(depth).enumerate() {
				let chains = a.chunks(256).zip(b.chunks(256));
				let chains = chains.map(|(a, b)| a.iter().zip(b).fold(0.0, |sum, (x, w)| soft_fma(*x, *w, sum)));
				expected[row * columns + column] = chains.reduce(|total, chain| total + chain).unwrap();
			}
		}
		for kernels in tiers() {
			let mut actual = vec![f32::NAN; rows * columns];
			kernels.gemm(&a, depth, packed.panels(), &mut actual, rows);
			assert_eq!(bits(&actual), bits(&expected), "{rows}×{columns}×{depth} on {:?}", kernels.tier());
		}
	}
}

/// Lane i mod 128 takes the i-th term; then lanes 64 apart are added, then 32, and so on.
pub(super) fn lanes_and_tree(count: usize, step: &dyn Fn(usize, f32) -> f32) -> f32 {
	let mut lanes = [0.0_f32; 128];
	for i in 0..count {
		lanes[i % 128] = step(i, lanes[i % 128]);
	}
	for apart in [64, 32, 16, 8, 4, 2, 1] {
		for i in 0..apart {
			lanes[i] += lanes[i + apart];
		}
	}
	lanes[0]
}

#[test]
fn norms_lengths_and_softmax_sums_should_be_128_lanes_and_a_tree() {
	let mut noise = Noise(4);
	for width in [16, 64, 96, 128, 144, 256, 272, 576, 2048] {
		let x = noisy(&mut noise, width);
		let (weight, bias) = (noisy(&mut noise, width), noisy(&mut noise, width));
		let count = width as f32;
		let mean = lanes_and_tree(width, &|i, sum| sum + x[i]) / count;
		let variance = lanes_and_tree(width, &|i, sum| soft_fma(x[i] - mean, x[i] - mean, sum)) / count;
		let scale = 1.0 / (variance + 1e-5).sqrt();
		let layer: Vec<f32> = (0..width).map(|i| soft_fma((x[i] - mean) * scale, weight[i], bias[i])).collect();
		let squares = lanes_and_tree(width, &|i, sum| soft_fma(x[i], x[i], sum));
		let scale = 1.0 / (squares / count + 1e-5).sqrt();
		let root_mean_square: Vec<f32> = (0..width).map(|i| x[i] * scale * weight[i]).collect();
		let unit: Vec<f32> = x.iter().map(|x| x / squares.sqrt()).collect();
		for seen in
			[1, width / 2, width - 15, width - 1, width].into_iter().filter(|seen| seen.div_ceil(16) * 16 == width)
		{
			let maximum = x[..seen].iter().map(|x| x * 8.0).fold(f32::MIN, f32::max);
			let mut terms: Vec<f32> = x[..seen].iter().map(|x| exp(x * 8.0 - maximum)).collect();
			let sum = lanes_and_tree(seen, &|i, sum| sum + terms[i]);
			terms.resize(width, 0.0);
			for kernels in tiers() {
				let mut row = x.clone();
				row[seen..].fill(f32::NAN);
				assert_eq!(kernels.softmax_of(&mut row, seen, 8.0).map(f32::to_bits), Some(sum.to_bits()));
				assert_eq!(bits(&row), bits(&terms), "{seen} of {width} on {:?}", kernels.tier());
			}
		}
		for kernels in tiers() {
			let mut out = vec![0.0; width];
			assert!(kernels.norm(&x, &mut out, &weight, &bias, 1e-5));
			assert_eq!(bits(&out), bits(&layer), "{width} on {:?}", kernels.tier());
			assert!(kernels.root_mean_square(&x, &mut out, &weight, 1e-5));
			assert_eq!(bits(&out), bits(&root_mean_square), "{width} on {:?}", kernels.tier());
			out.copy_from_slice(&x);
			assert!(kernels.divide_by_length(&mut out));
			assert_eq!(bits(&out), bits(&unit), "{width} on {:?}", kernels.tier());
		}
	}
}

#[test]
fn sums_of_squares_that_are_not_finite_should_be_found_and_leave_no_number() {
	for kernels in tiers() {
		for value in [3e19, f32::MAX, f32::INFINITY, f32::NAN] {
			for at in [0, 15, 16, 143] {
				let mut x = vec![1.0; 144];
				x[at] = value;
				let (ones, mut out) = (vec![1.0; 144], vec![0.0; 144]);
				assert!(!kernels.norm(&x, &mut out, &ones, &ones, 1e-5));
				assert!(!kernels.root_mean_square(&x, &mut out, &ones, 1e-5));
				assert!(out.iter().all(|value| value.is_nan()), "{value} on {:?}", kernels.tier());
				assert!(!kernels.divide_by_length(&mut x));
			}
		}
	}
}

#[test]
fn scores_that_are_not_finite_should_be_found() {
	for kernels in tiers() {
		for (value, scale) in [(f32::NAN, 0.1), (f32::INFINITY, 0.1), (f32::NEG_INFINITY, 0.1), (f32::MAX, 2.0)] {
			let mut row = [0.0; 32];
			row[17] = value;
			assert_eq!(kernels.softmax_of(&mut row.clone(), 18, scale), None);
			assert!(kernels.softmax_of(&mut row, 17, scale).is_some(), "what lies behind is no score");
		}
	}
}

#[test]
fn rows_should_not_depend_on_the_rows_beside_them() {
	let mut noise = Noise(5);
	let (rows, width) = (29, 64);
	let a = noisy(&mut noise, rows * width);
	let packed = PackedMatrix::from_rows(&noisy(&mut noise, 96 * width), width);
	for kernels in tiers() {
		let mut together = vec![0.0; rows * 96];
		kernels.gemm(&a, width, packed.panels(), &mut together, rows);
		for row in 0..rows {
			let mut alone = vec![0.0; 96];
			kernels.gemm(&a[row * width..], width, packed.panels(), &mut alone, 1);
			assert_eq!(bits(&alone), bits(&together[row * 96..][..96]));
		}
	}
}

#[test]
fn a_value_that_is_not_finite_should_be_found() {
	for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
		for at in 0..33 {
			let mut values = vec![f32::MAX; 33];
			assert!(all_finite(&values));
			values[at] = value;
			assert!(!all_finite(&values));
		}
	}
}

#[test]
fn tiers_should_be_found_by_their_names_and_the_one_without_kernels_be_warned_of() {
	for tier in Tier::ALL {
		assert_eq!(Tier::find(tier.name()), Some(tier));
		assert_eq!(tier.warning().is_some(), tier == Tier::Scalar, "{}", tier.name());
	}
	assert_eq!(Tier::find("sse2"), None);
}

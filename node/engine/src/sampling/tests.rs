use super::*;

/// Logits that look like a model's: deterministic, and many of them.
fn logits(count: u32) -> Vec<f32> {
	(0..count).map(|id| (id.wrapping_mul(2_654_435_761) >> 8) as f32 / 524_288.0 - 16.0).collect()
}

fn sampling(temperature: u32, top_k: u32, top_p: u32) -> Sampling {
	Sampling { temperature, top_k, top_p }
}

fn draws(sampling: Sampling, seed: u8, logits: &[f32], count: usize) -> Vec<u32> {
	let mut sampler = Sampler::new(sampling, [seed; 32]);
	(0..count).map(|_| sampler.choose(logits).unwrap()).collect()
}

fn kept(sampling: Sampling, logits: &[f32]) -> Vec<u32> {
	let mut sampler = Sampler::new(sampling, [0; 32]);
	let mut candidates = Vec::new();
	sampler.fill(&mut candidates, logits).unwrap();
	sampler.keep_top_k(&mut candidates);
	sampler.keep_top_p(&mut candidates);
	let mut ids: Vec<_> = candidates.iter().map(|candidate| candidate.id).collect();
	ids.sort_unstable();
	ids
}

#[test]
fn the_lowest_id_should_win_ties() {
	assert_eq!(greedy(&[]), None);
	assert_eq!(greedy(&[1.0, 3.0, 3.0, 2.0]), Some(1));
	assert_eq!(greedy(&[-0.0, 0.0]), Some(0));
	assert_eq!(greedy(&[f32::MIN; 3]), Some(0));
	for at in 0..50 {
		let mut logits = vec![-1.0; 50];
		logits[at] = 2.0;
		logits[49] = 2.0;
		assert_eq!(greedy(&logits), Some(at as u32));
	}
	assert_eq!(draws(Sampling::GREEDY, 1, &[1.0, 3.0, 3.0], 3), [1; 3]);
	assert_eq!(draws(sampling(1_000, 1, SHARE_ONE), 1, &[1.0, 3.0, 3.0], 3), [1; 3]);
	assert_eq!(draws(sampling(1_000, 0, 1), 1, &[1.0, 3.0, 3.0], 3), [1; 3]);
	assert_eq!(draws(sampling(1, 0, SHARE_ONE), 1, &[1.0, 3.0, 2.0], 3), [1; 3]);
}

#[test]
fn top_k_should_keep_the_likeliest_and_of_equals_the_lowest_ids() {
	let logits = [1.0, 2.0, 0.0, 2.0, -0.0, 2.0];
	for (k, expected) in [
		(2, vec![1, 3]),
		(3, vec![1, 3, 5]),
		(4, vec![0, 1, 3, 5]),
		(5, vec![0, 1, 2, 3, 5]),
		(6, vec![0, 1, 2, 3, 4, 5]),
		(100, vec![0, 1, 2, 3, 4, 5]),
		(0, vec![0, 1, 2, 3, 4, 5]),
	] {
		assert_eq!(kept(sampling(1_000, k, SHARE_ONE), &logits), expected, "{k}");
	}
}

#[test]
fn top_p_should_keep_as_few_as_have_the_share() {
	// Shares of a half, a quarter, an eighth and an eighth.
	let logits = [0.0_f32, 1.0, 2.0, 0.0].map(|power| power * std::f32::consts::LN_2);
	for (share, expected) in [
		(0, vec![0, 1, 2, 3]),
		(1, vec![2]),
		(499_000, vec![2]),
		(501_000, vec![1, 2]),
		(751_000, vec![0, 1, 2]),
		(876_000, vec![0, 1, 2, 3]),
		(SHARE_ONE, vec![0, 1, 2, 3]),
		(u32::MAX, vec![0, 1, 2, 3]),
	] {
		assert_eq!(kept(sampling(1_000, 0, share), &logits), expected, "{share}");
	}
	// The share is one of what top_k has left: two thirds and one third.
	assert_eq!(kept(sampling(1_000, 2, 660_000), &logits), [2]);
	assert_eq!(kept(sampling(1_000, 2, 670_000), &logits), [1, 2]);
}

#[test]
fn what_is_kept_of_many_should_be_what_sorting_all_of_them_keeps() {
	// With many equals, and some without weight.
	let logits: Vec<f32> = logits(5_000).iter().map(|logit| (logit * 3.0).round()).collect();
	let mut all = Vec::new();
	Sampler::new(sampling(1_000, 0, 0), [0; 32]).fill(&mut all, &logits).unwrap();
	all.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank));
	assert!(all.len() > 1_000 && all.len() < logits.len());
	for k in [0, 1, 2, 63, 64, 65, 127, 128, 129, 900, 4_999, u32::MAX] {
		for share in [0, 1, 10_000, 300_000, 700_000, 950_000, 999_999] {
			let left = &all[..if k == 0 { all.len() } else { all.len().min(k as usize) }];
			let wanted = u128::from(total(left)) * u128::from(share);
			let mut reached = 0;
			let before_enough = left.iter().take_while(|candidate| {
				reached += u128::from(candidate.weight) * u128::from(SHARE_ONE);
				reached < wanted
			});
			let count = if share == 0 { left.len() } else { left.len().min(before_enough.count() + 1) };
			let mut expected: Vec<u32> = left[..count].iter().map(|candidate| candidate.id).collect();
			expected.sort_unstable();
			assert_eq!(kept(sampling(1_000, k, share), &logits), expected, "{k}, {share}");
		}
	}
}

#[test]
fn tokens_without_weight_should_never_be_drawn() {
	let logits = [0.0, -21.0, -22.0, -1e30];
	assert_eq!(kept(sampling(1_000, 0, SHARE_ONE), &logits), [0, 1]);
}

#[test]
fn draws_should_be_distributed_as_the_weights_are() {
	let logits = [0.0_f32, 1.0, 2.0, 0.0].map(|power| power * std::f32::consts::LN_2);
	const DRAWS: usize = 40_000;
	let shares = |sampling| {
		let mut counts = [0_i32; 4];
		draws(sampling, 9, &logits, DRAWS).iter().for_each(|id| counts[*id as usize] += 1);
		counts
	};
	let near = |counts: [i32; 4], expected: [i32; 4]| {
		// Five standard deviations of the largest one.
		let apart = counts.iter().zip(expected).all(|(count, expected)| (count - expected).abs() < 500);
		assert!(apart, "{counts:?}, expected about {expected:?}");
	};
	near(shares(sampling(1_000, 0, SHARE_ONE)), [5_000, 10_000, 20_000, 5_000]);
	near(shares(sampling(500, 0, SHARE_ONE)), [1_818, 7_273, 29_091, 1_818]);
	near(shares(sampling(1_000_000_000, 0, SHARE_ONE)), [10_000; 4]);
	near(shares(sampling(1_000, 3, SHARE_ONE)), [5_714, 11_429, 22_857, 0]);
}

#[test]
fn draws_should_be_these() {
	let logits = logits(49_152);
	assert_eq!(draws(Sampling::GREEDY, 7, &logits, 2), [GREEDY; 2]);
	assert_eq!(draws(sampling(1_000, 0, SHARE_ONE), 7, &logits, 8), ALL);
	assert_eq!(draws(sampling(700, 40, 900_000), 7, &logits, 8), TOP);
	assert_ne!(draws(sampling(1_000, 0, SHARE_ONE), 8, &logits, 8), ALL);
}

const GREEDY: u32 = 39_603;
const ALL: [u32; 8] = [12_687, 21_625, 16_868, 44_148, 6_676, 22_798, 32_935, 20_727];
const TOP: [u32; 8] = [13_530, 21_282, 17_711, 44_771, 6_765, 22_879, 33_825, 21_282];

#[test]
fn every_tier_should_draw_the_same() {
	let logits = logits(1_003);
	let sampling = sampling(800, 100, 950_000);
	let expected = draws(sampling, 3, &logits, 50);
	for tier in Tier::ALL {
		let Ok(mut sampler) = Sampler::new(sampling, [3; 32]).on_tier(tier) else {
			println!("tier {}: SKIPPED, this CPU lacks it", tier.name());
			continue;
		};
		let ids: Vec<_> = (0..50).map(|_| sampler.choose(&logits).unwrap()).collect();
		assert_eq!(ids, expected, "{tier:?}");
	}
}

#[test]
fn the_number_of_logits_should_not_matter_to_weights() {
	// Those that fill up whole lanes are no tokens.
	let all = logits(64);
	for count in 1..64 {
		let ids = kept(sampling(1_000_000, 0, SHARE_ONE), &all[..count]);
		assert!(ids.iter().all(|id| (*id as usize) < count) && ids.len() == count, "{count}: {ids:?}");
	}
}

#[test]
fn logits_that_are_not_finite_should_be_refused() {
	for sampling in [Sampling::GREEDY, sampling(1_000, 0, SHARE_ONE)] {
		for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
			assert_eq!(Sampler::new(sampling, [0; 32]).choose(&[0.0, value]), Err(Refusal::NotFinite));
		}
		assert_eq!(Sampler::new(sampling, [0; 32]).choose(&[]), Err(Refusal::NotFinite));
	}
	assert_eq!(Sampler::new(sampling(1, 0, SHARE_ONE), [0; 32]).choose(&[1e36, 0.0]), Err(Refusal::NotFinite));
	assert_eq!(Sampler::new(sampling(1_000, 0, SHARE_ONE), [0; 32]).choose(&[f32::MAX, f32::MIN]), Ok(0));
}

#[test]
fn weights_should_be_rounded_to_even() {
	let unit = 1.0 / WEIGHT_ONE;
	assert_eq!(weight(0.0), 0);
	assert_eq!(weight(1.0), 1 << 30);
	for (term, expected) in
		[(0.5, 0), (1.5, 2), (2.5, 2), (0.75, 1), (8_388_607.5, 8_388_608), (8_388_608.0, 8_388_608)]
	{
		assert_eq!(weight(term * unit), expected, "{term}");
	}
}

#[test]
fn the_order_should_be_that_of_floats() {
	let ascending =
		[f32::MIN, -2.0, -1.0, -f32::MIN_POSITIVE, -1e-45, 0.0, 1e-45, f32::MIN_POSITIVE, 1.0, 2.0, f32::MAX];
	assert!(ascending.map(order).is_sorted_by(|a, b| a < b));
	assert_eq!(order(-0.0), order(0.0));
}

#[test]
fn tokens_that_may_not_come_should_count_as_if_the_model_lacked_them() {
	let logits = logits(1_000);
	for (step, first) in [(1, 0), (3, 1), (64, 7), (1_000, 999)] {
		let mut allowed = TokenSet::none(logits.len());
		(first..1_000).step_by(step).for_each(|id| allowed.insert(id));
		let ids: Vec<u32> = allowed.iter().collect();
		let left: Vec<f32> = ids.iter().map(|id| logits[*id as usize]).collect();
		for sampling in [
			Sampling::GREEDY,
			sampling(1_000, 0, 0),
			sampling(5_000, 0, 0),
			sampling(700, 5, 0),
			sampling(1_300, 0, 400_000),
			sampling(2_000, 40, 900_000),
		] {
			for seed in 0..20 {
				let expected = draws(sampling, seed, &left, 5).into_iter().map(|index| ids[index as usize]);
				let mut sampler = Sampler::new(sampling, [seed; 32]);
				let found = (0..5).map(|_| sampler.choose_among(&logits, &allowed).unwrap());
				assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "every {step} with {sampling:?}");
			}
		}
	}
}

#[test]
fn a_set_of_extreme_logits_should_be_kept_to() {
	let logits = [f32::MAX, -3e38, 0.0, f32::MIN];
	for id in [1, 3] {
		let mut allowed = TokenSet::none(4);
		allowed.insert(id);
		let mut sampler = Sampler::new(sampling(1_000, 0, 0), [0; 32]);
		assert_eq!(sampler.choose_among(&logits, &allowed), Ok(id));
	}
	let mut sampler = Sampler::new(sampling(1_000, 0, 0), [0; 32]);
	assert!(sampler.choose_among(&logits, &TokenSet::none(4)).is_err(), "nothing may come");
}

//! Logits behind several tokens of a sequence.

use super::*;

#[test]
fn the_rows_behind_several_tokens_should_be_those_that_each_has_alone() {
	let tokens: Vec<u32> = (0..50).map(|at| (at * 31 + 7) % VOCABULARY as u32).collect();
	for (family, dtype) in [("llama", GgufDtype::Q4_1), ("qwen3", GgufDtype::F32), ("smollm3", GgufDtype::Q8_0)] {
		let model = load(&made_up(family, dtype)).unwrap();
		for (kernels, threads) in tiers().into_iter().flat_map(|kernels| [(kernels, 1), (kernels, 3)]) {
			let pool = Pool::new(threads).unwrap();
			let mut on = Workspace::new(kernels, &pool);
			let mut caches = [(); 4].map(|()| model.cache());
			model.forward(&mut on, &tokens[..10], &mut caches[0]).unwrap();
			let [a, b, c, d] = &mut caches;
			let wanting = |wanted, tokens, cache| Sequence { wanted, ..sequence(tokens, cache) };
			let mut sequences = [
				wanting(3, &tokens[10..20], a),
				wanting(0, &tokens[..7], b),
				wanting(12, &tokens[..12], c),
				wanting(1, &tokens[3..4], d),
			];
			let passed = model.pass(&mut on, &mut sequences).unwrap();
			assert_eq!(passed, [Ok(Some(0)), Ok(None), Ok(Some(3)), Ok(Some(15))]);
			let firsts = (18..=20).chain(1..=12).map(|length| &tokens[..length]);
			let made = on.rows();
			for (row, read) in firsts.chain([&tokens[3..4]]).enumerate() {
				let actual = [bits(made.logits(row)), bits(made.hidden(row))].concat();
				let expected = read_in_parts(&model, kernels, &pool, read, 1);
				assert!(actual == expected, "row {row} of {family} on {:?}", kernels.tier());
			}
		}
	}
}

#[test]
fn one_row_that_is_not_finite_should_refuse_its_sequence_and_no_other() {
	for overflow in OVERFLOWS {
		let model = load(&refusing(overflow)).unwrap();
		let pool = Pool::new(2).unwrap();
		let mut on = Workspace::new(Kernels::best(), &pool);
		for (at, bad) in [[REFUSED, 1, 2], [1, REFUSED, 2], [1, 2, REFUSED]].into_iter().enumerate() {
			let mut caches = [(); 3].map(|()| model.cache());
			let [a, b, c] = &mut caches;
			let wanting = |tokens, cache| Sequence { wanted: 3, ..sequence(tokens, cache) };
			let mut sequences = [wanting(&[3, 4, 5], a), wanting(&bad, b), wanting(&[6, 7, 8, 9], c)];
			let passed = model.pass(&mut on, &mut sequences).unwrap();
			assert!(passed[0].is_ok() && passed[2].is_ok(), "{overflow:?} at {at}: {passed:?}");
			assert_eq!(passed[1], Err(Refusal::NotFinite), "{overflow:?} at {at}");
			assert_eq!(caches.each_ref().map(KvCache::length), [3, 0, 4]);
			let row = passed[2].unwrap().unwrap() + 2;
			let actual = [bits(on.rows().logits(row)), bits(on.rows().hidden(row))].concat();
			assert_eq!(actual, read_in_parts(&model, Kernels::best(), &pool, &[6, 7, 8, 9], 4));
		}
	}
}

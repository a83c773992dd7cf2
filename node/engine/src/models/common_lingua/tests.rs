use super::*;
use crate::kernels::rope::RopeTables;
use crate::tests::{bits, hex};
use crate::trace::blake2b_256;
use crate::{Limits, Tier};

fn model() -> CommonLingua {
	CommonLingua::load(common_lingua::WEIGHTS).unwrap()
}

/// What the classifier is multiplied with, and the logits.
fn last_rows(
	model: &CommonLingua,
	text: &[u8],
	plan: &Plan,
	kernels: Kernels,
	threads: usize,
) -> Result<Vec<f32>, Stop> {
	let features = model.features(text, plan, kernels, threads)?;
	let logits = model.logits(&features, kernels)?;
	Ok([features, logits].concat())
}

/// The file with a change to one of its tensors' bytes.
fn changed(tensor: &str, change: impl Fn(&mut [u8])) -> Vec<u8> {
	let mut file = common_lingua::WEIGHTS.to_vec();
	let (header, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
	let (from, to) = metadata.info(tensor).unwrap().data_offsets;
	let start = header + 8;
	change(&mut file[start + from..start + to]);
	file
}

#[test]
fn the_tables_of_angles_should_have_the_bits_of_the_semantics() {
	let tables = RopeTables::new(CONTEXT, HEAD, ROPE_BASE);
	assert_eq!(tables.hash(), ROPE_HASH, "{:02x?}", tables.hash());
	let (cos, sin) = tables.at(1);
	assert_eq!((cos.len(), cos[0], sin[0]), (HEAD / 2, 1_f64.cos() as f32, 1_f64.sin() as f32));
}

#[test]
fn the_languages_should_be_labels_in_the_models_order() {
	let labels = language_labels().unwrap();
	assert!(labels.is_sorted_by(|a, b| a < b));
	assert_eq!(common_lingua::LANGS.len(), LABELS);
	assert_eq!(LANGUAGES.len() % 16, 0, "the softmax has no incomplete lanes");
}

#[test]
fn computing_equal_rows_once_should_change_no_bit() {
	let model = model();
	let kernels = Kernels::best();
	let long = "Ein Satz, der sich wiederholt, bis er lang genug ist. ".repeat(10);
	for length in [1, 2, 13, 14, 15, 40, 100, 333, 464, 465, 466, 467, 468, 509, 510, 511, 512] {
		let text = &long.as_bytes()[..length];
		let full = last_rows(&model, text, &Plan::full(), kernels, 1).unwrap();
		let distinct = last_rows(&model, text, &Plan::distinct(length), kernels, 1).unwrap();
		assert_eq!(bits(&full), bits(&distinct), "length {length}");
	}
}

#[test]
fn computing_equal_rows_once_should_change_no_bit_on_the_reference_tier() {
	let model = model();
	let kernels = Kernels::new(Tier::Scalar).unwrap();
	let text = "Zdravstvuj".as_bytes();
	let full = last_rows(&model, text, &Plan::full(), kernels, 2).unwrap();
	let distinct = last_rows(&model, text, &Plan::distinct(text.len()), kernels, 2).unwrap();
	assert_eq!(bits(&full), bits(&distinct));
}

#[test]
fn the_trace_should_be_of_the_row_that_the_classifier_is_multiplied_with() {
	let model = model();
	let text = "Zdravstvuj";
	let request = Request::new([0; 32], text, Limits { max_input_bytes: 512, max_output_units: 0 });
	let features = model.features(text.as_bytes(), &Plan::full(), Kernels::best(), 1).unwrap();
	assert_eq!(features.len(), WIDTH);
	let bytes: Vec<u8> = features.iter().flat_map(|value| value.to_le_bytes()).collect();
	let expected = blake2b_256(&[&bytes]);
	for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
		for threads in 1..=3 {
			let trace = model.run(&request, kernels, threads).unwrap().trace;
			assert_eq!(trace, expected, "{:?}, {threads} threads", kernels.tier());
		}
	}
	let other = Request { input: "Zdravstvuj!".into(), ..request };
	assert_ne!(model.run(&other, Kernels::best(), 1).unwrap().trace, expected);
	assert_eq!(hex(expected), "8e3adb8ece21bb8f6c14ddd7f5d3708b5bd5fc22132d1404209e46275f27f204");
}

/// A text's label, and the greatest score.
fn classified(model: &CommonLingua, text: &str) -> (String, u32) {
	let request = Request::new([0; 32], text, Limits { max_input_bytes: 512, max_output_units: 0 });
	match model.run(&request, Kernels::best(), 1).unwrap().outcome {
		Ok(Response::Classification { label, scores }) => {
			assert_eq!(scores.len(), 5);
			assert!(scores.iter().all(|score| LANGUAGES.contains(&score.label.as_str())));
			assert!(label == UNDETERMINED || label == scores[0].label);
			(label, scores[0].score)
		}
		other => panic!("{other:?}"),
	}
}

#[test]
fn texts_of_no_language_should_have_the_labels_that_the_docs_say() {
	let model = model();
	let (label, score) = classified(&model, "你好");
	assert_eq!((label.as_str(), (score + 500) / 1_000), ("swe", 798), "docs/faq.md");
	assert_eq!(classified(&model, "1234567890").0, "est", "docs/faq.md");
	for (text, expected) in [
		("MY FRIEND IS A BIRD", "ces"),
		("https://example.org/a/page.html?of=1#part", "ces"),
		("fn main() { let mut x: Vec<u32> = Vec::new(); x.push(1); println!(\"{x:?}\"); }", "fra"),
		("                    ", "srp"),
		// Vietnamese, and the same with its letters and marks apart.
		("Thời tiết hôm nay rất đẹp và chúng tôi đi đến công viên", "vie"),
		(
			"Tho\u{31b}\u{300}i tie\u{302}\u{301}t ho\u{302}m nay ra\u{302}\u{301}t đe\u{323}p va\u{300} chu\u{301}ng to\u{302}i đi đe\u{302}\u{301}n co\u{302}ng vie\u{302}n",
			"zho",
		),
	] {
		assert_eq!(classified(&model, text).0, expected, "{text:?}");
	}
}

#[test]
fn a_text_in_none_of_the_languages_should_be_undetermined() {
	let model = model();
	let label = |text: &str| classified(&model, text).0;
	// Irish, Afrikaans, Basque, Kyrgyz, Welsh and Esperanto, which are labels of the model but no answers.
	for text in [
		"Tá an aimsir go maith inniu agus táimid ag dul go dtí an pháirc",
		"Die weer is vandag baie mooi en ons gaan na die park toe",
		"Gaur eguraldi ona dago eta parkera goaz",
		"Бүгүн аба ырайы жакшы, биз паркка баратабыз",
		"Mae'r tywydd yn braf heddiw ac rydym yn mynd i'r parc",
		"Hodiaŭ la vetero estas bela kaj ni iros al la parko",
		"🙂🙂🙂",
	] {
		assert_eq!(label(text), UNDETERMINED, "{text}");
	}
	for (text, expected) in [
		("Das Wetter ist heute schön, und wir gehen in den Park", "deu"),
		("El tiempo es bueno hoy y vamos al parque", "spa"),
		("今天天气很好，我们去公园", "zho"),
		("Good morning everyone", "eng"),
		// The model takes this for Norman, and French has 0.005.
		("Je voudrais un café et deux croissants, s’il vous plaît.", "fra"),
	] {
		assert_eq!(label(text), expected, "{text}");
	}
}

#[test]
fn where_the_languages_have_just_their_share_of_the_softmax_one_of_them_should_be_the_answer() {
	let model = model();
	// 64 logits that are 0, and 270 others of which one is so much greater that its term has 1,023 of 1,024 parts, or more.
	for (greatest, expected) in [(11.088, LANGUAGES[0]), (11.091, UNDETERMINED)] {
		let mut logits = vec![-80.0; model.classifier_bias.len()];
		model.languages.iter().for_each(|label| logits[*label] = 0.0);
		let other = (0..LABELS).find(|label| !model.languages.contains(label)).unwrap();
		logits[other] = greatest;
		for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
			let Response::Classification { label, .. } = model.answer(logits.clone(), kernels).unwrap() else {
				panic!("no label")
			};
			assert_eq!(label, expected, "{greatest} on {:?}", kernels.tier());
		}
	}
	let mut infinite = vec![0.0; model.classifier_bias.len()];
	infinite[model.languages[0]] = f32::INFINITY;
	assert!(matches!(model.answer(infinite, Kernels::best()), Err(Stop::Refused(Refusal::NotFinite))));
}

#[test]
fn a_plan_should_name_a_row_for_every_position() {
	for length in 1..=CONTEXT {
		let plan = Plan::distinct(length);
		assert_eq!(plan.row_of.len(), CONTEXT);
		assert_eq!(plan.queries, length);
		for (row, position) in plan.positions.iter().enumerate() {
			assert_eq!(plan.row_of[*position], row);
		}
	}
	assert_eq!(Plan::distinct(100).positions.len(), 145);
}

#[test]
fn weights_that_are_not_finite_should_not_load() {
	for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
		for tensor in ["final_norm.bias", "conv_layers.1.ffn_up.scale", "embed.weight"] {
			let file = changed(tensor, |bytes| bytes[8..12].copy_from_slice(&value.to_le_bytes()));
			let error = CommonLingua::load(&file).err().unwrap();
			assert!(matches!(error, EngineError::InvalidModel(reason) if reason.contains("not finite")));
		}
	}
}

#[test]
fn an_overflow_anywhere_should_be_the_same_refusal_on_every_tier() {
	let largest = |bytes: &mut [u8]| {
		for value in bytes.as_chunks_mut().0 {
			*value = 3e38_f32.to_le_bytes();
		}
	};
	let tensors = [
		"embed.weight",
		"conv_layers.0.norm1.bias",
		"conv_layers.2.norm2.weight",
		"attn_layers.0.norm1.bias",
		"attn_layers.0.norm2.bias",
		"final_norm.bias",
		"head.0.weight",
		"head.3.weight",
	];
	for tensor in tensors {
		let model = CommonLingua::load(&changed(tensor, largest)).unwrap();
		for tier in Tier::ALL {
			let Some(kernels) = Kernels::new(tier) else { continue };
			let stop = last_rows(&model, b"overflow", &Plan::distinct(8), kernels, 1).err();
			assert!(matches!(stop, Some(Stop::Refused(Refusal::NotFinite))), "{tensor} on {tier:?}: {stop:?}");
		}
	}
}

#[test]
fn a_variance_that_is_not_finite_should_be_a_refusal_and_no_row_of_zeros() {
	// Finite, and so are all that follow, but not their squares.
	let large = |bytes: &mut [u8]| bytes[usize::from(b'o') * WIDTH * 4..][..4].copy_from_slice(&3e19_f32.to_le_bytes());
	let model = CommonLingua::load(&changed("embed.weight", large)).unwrap();
	for kernels in Tier::ALL.into_iter().filter_map(Kernels::new) {
		let stop = last_rows(&model, b"overflow", &Plan::distinct(8), kernels, 1).err();
		assert!(matches!(stop, Some(Stop::Refused(Refusal::NotFinite))), "{:?}: {stop:?}", kernels.tier());
		assert!(last_rows(&model, b"this is", &Plan::distinct(7), kernels, 1).is_ok());
	}
}

#[test]
fn a_file_that_differs_from_the_architecture_should_not_load() {
	let file = common_lingua::WEIGHTS;
	let reason = |file: &[u8]| match CommonLingua::load(file).err() {
		Some(EngineError::InvalidModel(reason)) => reason,
		other => panic!("{other:?}"),
	};
	reason(b"");
	reason(&file[..100]);
	reason(&file[..file.len() - 1]);
	let renamed = |from: &str, to: &str| {
		assert_eq!(from.len(), to.len());
		let at = file.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
		let mut renamed = file.to_vec();
		renamed[at..at + to.len()].copy_from_slice(to.as_bytes());
		renamed
	};
	assert!(reason(&renamed("final_norm.bias", "final_norm.bios")).contains("missing"));
	assert!(reason(&renamed("qkv.scale", "qkv.scald")).contains("no scale"));
	assert!(reason(&renamed("\"F32\",\"shape\":[257,256]", "\"F32\",\"shape\":[256,257]")).contains("shape"));
	let too_large = vec![0; MAX_FILE_SIZE as usize + 1];
	assert!(matches!(CommonLingua::load(&too_large), Err(EngineError::FileTooLarge { .. })));
}

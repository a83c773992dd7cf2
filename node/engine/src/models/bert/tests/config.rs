//! Settings beside safetensors.

use super::*;

const CONFIG: &str = r#"{"model_type":"bert","hidden_act":"gelu","hidden_size":64,"num_attention_heads":1,"num_hidden_layers":2,
	"layer_norm_eps":1e-12,"max_position_embeddings":80,"position_embedding_type":"absolute","type_vocab_size":2}"#;
const CLS: &str = r#"{"word_embedding_dimension":64,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false,
	"pooling_mode_max_tokens":false,"include_prompt":true}"#;
const MEAN: &str = r#"{"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true,"pooling_mode_lasttoken":false}"#;

fn load_with(config: &str, pooling: &str) -> Result<Bert, EngineError> {
	let settings = [config, pooling].map(str::as_bytes);
	Bert::load(&made_up().bytes(), SMALL_TOKENIZER.as_bytes(), Some(settings))
}

#[test]
fn heads_and_pooling_should_be_those_of_the_settings() {
	let pool = Pool::new(2).unwrap();
	for (heads, pooling, expected) in [(1, CLS, Pooling::First), (2, CLS, Pooling::First), (1, MEAN, Pooling::Mean)] {
		let config = CONFIG.replace(r#""num_attention_heads":1"#, &format!(r#""num_attention_heads":{heads}"#));
		let model = load_with(&config, pooling).unwrap();
		let actual = model.embed_tokens(Kernels::best(), &pool, &[&tokens(70)]).unwrap();
		for (actual, expected) in actual[0].iter().zip(plain(&made_up(), &tokens(70), 64 / heads, expected)) {
			assert!((f64::from(*actual) - expected).abs() < 1e-6, "{heads} heads, {pooling}: {actual}, {expected}");
		}
	}
	let short = load_with(&CONFIG.replace(":80", ":50"), r#"{"embedding_dimension":64,"pooling_mode":"cls"}"#).unwrap();
	assert_eq!((short.context(), short.shape.pooling), (50, Pooling::First));
	assert_eq!(load_with(&CONFIG.replace(":80", ":512"), MEAN).unwrap().context(), TEST_POSITIONS);
}

#[test]
fn settings_that_are_not_computed_should_be_refused_by_name() {
	let reason = |config: &str, pooling: &str| match load_with(config, pooling).err() {
		Some(EngineError::InvalidModel(reason)) => reason,
		other => panic!("{other:?}"),
	};
	for (from, to, expected) in [
		(r#""bert""#, r#""nomic_bert""#, r#"model_type of config.json is "nomic_bert""#),
		(r#""bert""#, "7", "model_type of config.json is 7"),
		(r#""gelu""#, r#""relu""#, "hidden_act"),
		(r#""absolute""#, r#""alibi""#, "position_embedding_type"),
		(r#""hidden_size":64"#, r#""is_decoder":true"#, "is_decoder"),
		(r#""num_attention_heads":1"#, r#""num_attention_heads":3"#, "3 heads"),
		(r#""num_attention_heads":1"#, r#""num_attention_heads":8"#, "multiples"),
		(r#""num_attention_heads":1"#, r#""num_attention_heads":0"#, "num_attention_heads"),
		("1e-12", "0", "layer_norm_eps"),
		(":80", ":-1", "max_position_embeddings"),
		(r#"{"model_type""#, r#"["model_type""#, "config.json"),
	] {
		let config = CONFIG.replace(from, to);
		assert_ne!(config, CONFIG);
		let reason = reason(&config, MEAN);
		assert!(reason.contains(expected), "{reason}");
	}
	for (pooling, expected) in [
		(CLS.replace("cls_token\":true", "cls_token\":false"), "names no pooling"),
		(CLS.replace("max_tokens\":false", "max_tokens\":true"), "cls_token and max_tokens"),
		(r#"{"pooling_mode_lasttoken":true}"#.into(), "lasttoken"),
		(r#"{"pooling_mode":"weightedmean"}"#.into(), "weightedmean"),
		("[]".into(), "1_Pooling/config.json"),
	] {
		let reason = reason(CONFIG, &pooling);
		assert!(reason.contains(expected), "{reason}");
	}
	assert!(reason(&" ".repeat(2 << 20), MEAN).contains("bytes"));
}

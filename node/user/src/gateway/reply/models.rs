//! The models that the network has.

use crate::amount::decimal;
use serde_json::{json, Value};
use sibyl_rpc_types::Model;

/// The list of them.
pub fn models(models: &[Model]) -> Value {
	json!({ "object": "list", "data": models.iter().map(model).collect::<Vec<_>>() })
}

/// One of them. The chain does not keep when a model was registered.
pub fn model(model: &Model) -> Value {
	let price = |amount: &str| amount.parse().map_or_else(|_| amount.to_string(), decimal);
	json!({
		"id": model.name,
		"object": "model",
		"created": 0,
		"owned_by": model.author.as_deref().unwrap_or("sibyl"),
		"sibyl": {
			"id": model.id,
			"task": model.task,
			"input_bytes": model.limits.input_bytes,
			"output_tokens": model.limits.output_units,
			"price": {
				"base": price(&model.price.base),
				"unit": price(&model.price.unit),
				"author_share_percent": model.price.author_share,
				"of": "a seat",
				"in": "SIB",
			},
			"served_by": model.served_by.len(),
			"state": model.state,
			"is_active": model.is_active,
		},
	})
}

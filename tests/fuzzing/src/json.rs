//! JSON, as programs send it and as they should not.

use crate::Random;
use serde_json::{Map, Number, Value};

/// Texts with what readers stumble over.
const TEXTS: &[&str] = &[
	"",
	"a",
	"0x",
	"0x00",
	"null",
	"\0",
	"\u{feff}",
	"é",
	"\u{202e}",
	"\u{1f600}",
	"\\",
	"\"",
	"\n",
	"-1",
	"1e400",
	"18446744073709551616",
	"../../x",
	"9223372036854775808",
	"NaN",
	"true",
];

/// A value of up to so many levels. Names of fields and texts are often among those that are given.
pub fn json_value(random: &mut Random, texts: &[&str], levels: usize) -> Value {
	match random.below(if levels == 0 { 5 } else { 7 }) {
		0 => Value::Null,
		1 => Value::Bool(random.one_in(2)),
		2 => number(random),
		3 | 4 => Value::String(text(random, texts)),
		5 => {
			let length = random.length().min(40);
			Value::Array((0..length).map(|_| json_value(random, texts, levels - 1)).collect())
		}
		_ => {
			let length = random.length().min(12);
			let fields = (0..length).map(|_| (text(random, texts), json_value(random, texts, levels - 1)));
			Value::Object(fields.collect::<Map<_, _>>())
		}
	}
}

/// The value as text, in which one part is another value, is missing or comes twice, or some bytes are others.
pub fn json_text(random: &mut Random, mut value: Value, texts: &[&str]) -> String {
	if random.one_in(2) {
		let times = 1 + random.below(3);
		(0..times).for_each(|_| change(random, &mut value, texts));
	}
	let mut bytes = value.to_string().into_bytes();
	if random.one_in(4) {
		random.mutate(&mut bytes);
	}
	String::from_utf8_lossy(&bytes).into_owned()
}

/// Goes into the value, and changes something where it stops.
fn change(random: &mut Random, value: &mut Value, texts: &[&str]) {
	match value {
		Value::Array(list) if !list.is_empty() && !random.one_in(4) => {
			let at = random.below(list.len());
			match random.below(8) {
				0 => drop(list.remove(at)),
				1 => list.push(list[at].clone()),
				_ => change(random, &mut list[at], texts),
			}
		}
		Value::Object(fields) if !fields.is_empty() && !random.one_in(4) => {
			let at = random.below(fields.len());
			let Some(name) = fields.keys().nth(at).cloned() else { return };
			match random.below(8) {
				0 => drop(fields.remove(&name)),
				1 => drop(fields.insert(text(random, texts), Value::Null)),
				_ => fields.values_mut().nth(at).into_iter().for_each(|field| change(random, field, texts)),
			}
		}
		_ => *value = json_value(random, texts, 2),
	}
}

fn number(random: &mut Random) -> Value {
	match random.below(4) {
		0 => Value::from(random.number(64) as i64),
		1 => Number::from_f64(f64::from_bits(random.word())).map_or(Value::Null, Value::Number),
		_ => Value::from(random.number(64) as u64),
	}
}

fn text(random: &mut Random, texts: &[&str]) -> String {
	match random.below(8) {
		0..4 if !texts.is_empty() => (*random.pick(texts)).to_owned(),
		4 => TEXTS[random.below(TEXTS.len())].repeat(random.length()),
		5 => format!("0x{}", random.bytes(32).iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
		_ => (*random.pick(TEXTS)).to_owned(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn texts_are_nearly_what_they_were_and_some_are_no_json() {
		let mut random = Random::new(1);
		let value = serde_json::json!({ "a": [1, 2, { "b": "c" }], "d": null });
		let texts: Vec<_> = (0..1_000).map(|_| json_text(&mut random, value.clone(), &["b"])).collect();
		let is_json = |text: &&String| serde_json::from_str::<Value>(text).is_ok();
		let unchanged = value.to_string();
		let same = texts.iter().filter(|text| **text == unchanged).count();
		let readable = texts.iter().filter(is_json).count();
		assert!((200..600).contains(&same), "{same}");
		assert!((700..990).contains(&readable), "{readable}");
	}
}

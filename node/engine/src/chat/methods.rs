//! Filters, methods and tests: those of Jinja and Python that chat templates use on texts and messages.

use super::ast::Comparison;
use super::error::TemplateError;
use super::eval::Given;
use super::lexer::is_space;
use super::render::{Renderer, ITEM_FUEL};
use super::text::Text;
use super::value::Value;
use std::ops::Range;
use std::rc::Rc;

impl<'p> Renderer<'p> {
	pub fn filter(&mut self, value: Value, name: &str, given: Given<'p>) -> Result<Value, TemplateError> {
		// What is not defined has no items and no letters.
		let value = match (value, name) {
			(Value::Undefined, "string" | "trim" | "upper" | "lower" | "capitalize" | "replace" | "safe") => {
				Value::own("")
			}
			(
				Value::Undefined,
				"list" | "first" | "last" | "length" | "count" | "join" | "selectattr" | "rejectattr",
			) => Value::List([].into()),
			(value, _) => value,
		};
		let Given { positional, named } = &given;
		match (name, &value, &positional[..], &named[..]) {
			("default" | "d", _, [] | [_] | [_, _], [] | [("boolean", _)]) => {
				let boolean = positional.get(1).or(named.first().map(|(_, value)| value));
				let missing = match boolean.is_some_and(Value::is_true) {
					true => !value.is_true(),
					false => matches!(value, Value::Undefined),
				};
				let default = || positional.first().cloned().unwrap_or(Value::own(""));
				Ok(if missing { default() } else { value })
			}
			("tojson", _, [], [] | [("ensure_ascii", Value::Bool(false))]) => self.json(&value),
			("string", _, [], []) => self.printed(value).map(Value::Text),
			("safe", Value::Text(_), [], []) | ("list", Value::List(_), [], []) => Ok(value),
			("first", Value::List(items), [], []) => Ok(items.first().cloned().unwrap_or(Value::Undefined)),
			("last", Value::List(items), [], []) => Ok(items.last().cloned().unwrap_or(Value::Undefined)),
			("length" | "count", Value::List(items), [], []) => Ok(Value::Int(items.len() as i64)),
			("length" | "count", Value::Map(entries), [], []) => Ok(Value::Int(entries.len() as i64)),
			("length" | "count", Value::Text(text), [], []) => {
				self.spend(text.as_str().len())?;
				Ok(Value::Int(text.as_str().chars().count() as i64))
			}
			("join", Value::List(items), [] | [Value::Text(_)], []) => {
				let mut joined = Text::default();
				for (at, item) in items.iter().enumerate() {
					if let ([Value::Text(separator)], 1..) = (&positional[..], at) {
						self.spend(separator.as_str().len())?;
						joined.push(separator);
					}
					joined.push(&*self.printed(item.clone())?);
				}
				Ok(Value::text(joined))
			}
			("selectattr" | "rejectattr", Value::List(items), [Value::Text(key), test @ ..], []) => {
				self.select(items, key.as_str(), test, name == "selectattr")
			}
			("trim", Value::Text(_), ..) => self.method(value, "strip", given),
			("upper" | "lower" | "capitalize" | "replace", Value::Text(_), ..) => self.method(value, name, given),
			_ => self.unsupported(format!("the filter {name} of {value} with these arguments")),
		}
	}

	/// A value as JSON, as transformers has Python write it. If a message said any of it, it counts as having said all.
	fn json(&mut self, value: &Value) -> Result<Value, TemplateError> {
		let mut json = String::new();
		let mut said = false;
		self.write_json(value, &mut json, &mut said)?;
		Ok(Value::text(if said { Text::said(&json) } else { Text::own(&json) }))
	}

	fn write_json(&mut self, value: &Value, json: &mut String, said: &mut bool) -> Result<(), TemplateError> {
		self.spend(ITEM_FUEL)?;
		match value {
			Value::None => json.push_str("null"),
			Value::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
			Value::Int(value) => json.push_str(&value.to_string()),
			Value::Text(text) => {
				*said |= text.runs().any(|(_, said)| said);
				self.write_json_text(text.as_str(), json)?;
			}
			Value::List(items) => {
				json.push('[');
				for (at, item) in items.iter().enumerate() {
					json.push_str(if at > 0 { ", " } else { "" });
					self.write_json(item, json, said)?;
				}
				json.push(']');
			}
			Value::Map(entries) => {
				json.push('{');
				for (at, (key, value)) in entries.iter().enumerate() {
					json.push_str(if at > 0 { ", " } else { "" });
					self.write_json_text(key, json)?;
					json.push_str(": ");
					self.write_json(value, json, said)?;
				}
				json.push('}');
			}
			other => return self.error(format!("{other} has no JSON")),
		}
		Ok(())
	}

	fn write_json_text(&mut self, text: &str, json: &mut String) -> Result<(), TemplateError> {
		self.spend(text.len().saturating_mul(2))?;
		json.push('"');
		for char in text.chars() {
			match char {
				'"' | '\\' => json.extend(['\\', char]),
				'\n' => json.push_str("\\n"),
				'\r' => json.push_str("\\r"),
				'\t' => json.push_str("\\t"),
				'\u{8}' => json.push_str("\\b"),
				'\u{c}' => json.push_str("\\f"),
				'\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(char))),
				_ => json.push(char),
			}
		}
		json.push('"');
		Ok(())
	}

	/// The items with, or without, an attribute that passes a test, or is true.
	fn select(&mut self, items: &Rc<[Value]>, key: &str, test: &[Value], with: bool) -> Result<Value, TemplateError> {
		let mut selected = Vec::new();
		for item in items.iter() {
			self.spend(ITEM_FUEL)?;
			let value = self.attribute(item, key)?;
			let passes = match test {
				[] => value.is_true(),
				[Value::Text(name), arguments @ ..] => self.test(&value, name.as_str(), arguments)?,
				_ => return self.unsupported("a test that has no name"),
			};
			if passes == with {
				selected.push(item.clone());
			}
		}
		self.list(selected)
	}

	pub fn method(&mut self, value: Value, name: &str, given: Given<'p>) -> Result<Value, TemplateError> {
		let unsupported = format!("the method {name} of {value} with these arguments");
		if !given.named.is_empty() {
			return self.unsupported(unsupported);
		}
		if let ("get", Value::Map(_), [Value::Text(key), default @ ..]) = (name, &value, &given.positional[..]) {
			return Ok(match (value.get(key.as_str()), default) {
				(Value::Undefined, [default]) => default.clone(),
				(Value::Undefined, []) => Value::None,
				(found, _) => found,
			});
		}
		let Value::Text(text) = value else { return self.unsupported(unsupported) };
		self.spend(text.as_str().len())?;
		let whole = text.as_str();
		match (name, &given.positional[..]) {
			("strip" | "lstrip" | "rstrip", given @ ([] | [Value::Text(_)])) => {
				let stripped = |char: char| match given {
					[Value::Text(chars)] => chars.as_str().contains(char),
					_ => is_space(char),
				};
				if let [Value::Text(chars)] = given {
					self.spend(whole.len().saturating_mul(chars.as_str().len()))?;
				}
				let start = if name == "rstrip" { 0 } else { whole.len() - whole.trim_start_matches(stripped).len() };
				let end = if name == "lstrip" { whole.len() } else { whole.trim_end_matches(stripped).len() };
				Ok(Value::text(text.slice(start..end.max(start))))
			}
			("startswith", [Value::Text(start)]) => Ok(Value::Bool(whole.starts_with(start.as_str()))),
			("endswith", [Value::Text(end)]) => Ok(Value::Bool(whole.ends_with(end.as_str()))),
			("upper" | "lower" | "capitalize", []) => {
				if !whole.is_ascii() {
					return self.unsupported("other letters of characters beyond ASCII");
				}
				Ok(Value::text(text.map(|text| match name {
					"upper" => text.to_ascii_uppercase(),
					"lower" => text.to_ascii_lowercase(),
					_ => {
						text[..text.len().min(1)].to_ascii_uppercase() + &text[text.len().min(1)..].to_ascii_lowercase()
					}
				})))
			}
			("split", []) => {
				let words = whole.split(is_space).filter(|word| !word.is_empty());
				let start = |word: &str| word.as_ptr() as usize - whole.as_ptr() as usize;
				let words = words.map(|word| start(word)..start(word) + word.len()).collect();
				self.parts(&text, words)
			}
			("split", [Value::Text(separator), limit @ ..]) if !separator.as_str().is_empty() => {
				let limit = self.limit(limit)?;
				self.parts(&text, between(whole, separator.as_str(), limit))
			}
			("replace", [Value::Text(old), Value::Text(new), limit @ ..]) if !old.as_str().is_empty() => {
				let limit = self.limit(limit)?;
				let parts = between(whole, old.as_str(), limit);
				self.spend(parts.len().saturating_mul(new.as_str().len()))?;
				let mut replaced = Text::default();
				for (at, part) in parts.into_iter().enumerate() {
					if at > 0 {
						replaced.push(new);
					}
					replaced.push(&text.slice(part));
				}
				Ok(Value::text(replaced))
			}
			_ => self.unsupported(unsupported),
		}
	}

	/// How often to split or replace: −1, or no argument, is always.
	fn limit(&self, limit: &[Value]) -> Result<usize, TemplateError> {
		match limit {
			[] => Ok(usize::MAX),
			[Value::Int(limit)] => Ok(usize::try_from(*limit).unwrap_or(usize::MAX)),
			_ => self.error("a limit is no number"),
		}
	}

	fn parts(&mut self, text: &Text, ranges: Vec<Range<usize>>) -> Result<Value, TemplateError> {
		self.list(ranges.into_iter().map(|range| Value::text(text.slice(range))).collect())
	}

	pub fn test(&mut self, value: &Value, name: &str, arguments: &[Value]) -> Result<bool, TemplateError> {
		let compared = |renderer: &mut Self, comparison| match arguments {
			[other] => renderer.compare(value, comparison, other),
			_ => renderer.error(format!("the test {name} needs one argument")),
		};
		match name {
			"eq" | "equalto" | "==" => return compared(self, Comparison::Equal),
			"ne" | "!=" => return compared(self, Comparison::NotEqual),
			"in" => return compared(self, Comparison::In),
			_ => (),
		}
		let passes = match name {
			"defined" => !matches!(value, Value::Undefined),
			"undefined" => matches!(value, Value::Undefined),
			"none" => matches!(value, Value::None),
			"boolean" => matches!(value, Value::Bool(_)),
			"true" => matches!(value, Value::Bool(true)),
			"false" => matches!(value, Value::Bool(false)),
			"integer" => matches!(value, Value::Int(_)),
			"number" => value.as_int().is_some(),
			"string" => matches!(value, Value::Text(_)),
			"mapping" => matches!(value, Value::Map(_)),
			"sequence" | "iterable" => {
				matches!(value, Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Undefined)
			}
			"odd" | "even" => match value.as_int() {
				Some(value) => (value % 2 != 0) == (name == "odd"),
				None => return self.error(format!("{value} is neither odd nor even")),
			},
			_ => return self.unsupported(format!("the test {name}")),
		};
		match arguments {
			[] => Ok(passes),
			_ => self.unsupported(format!("arguments of the test {name}")),
		}
	}
}

/// The parts between the first occurrences of a separator.
fn between(text: &str, separator: &str, limit: usize) -> Vec<Range<usize>> {
	let mut parts = Vec::new();
	let mut start = 0;
	for (at, _) in text.match_indices(separator).take(limit) {
		parts.push(start..at);
		start = at + separator.len();
	}
	parts.push(start..text.len());
	parts
}

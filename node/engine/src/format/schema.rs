//! JSON Schema, a subset: what a program needs to get values of known types.
//!
//! Every text of the format is JSON of the schema. The reverse does not hold: there is one way to write a value, without
//! white space, with the properties in the order of the schema, and with as few escapes as there can be.

use super::expr::Expr;
use super::json::{self, quoted, Json};
use super::utf8::CharSet;
use super::{number, FormatError, MAX_DECIMALS, MAX_SCHEMA_BYTES};

/// How deep objects and arrays may stand in each other.
pub(super) const MAX_NESTING: usize = 4;
/// The greatest number without bounds, and the greatest bound: integers up to here are the same in every program.
const MAX_NUMBER: i128 = (1 << 53) - 1;
/// How many decimals a number has if the schema does not say.
const DECIMALS: u32 = 6;

/// Keywords that tell people something.
const ANNOTATIONS: [&str; 6] = ["title", "description", "default", "examples", "$schema", "$comment"];

type Member<'a> = (&'a str, &'a Json);

pub(super) fn parse(schema: &str) -> Result<Expr, FormatError> {
	if schema.len() > MAX_SCHEMA_BYTES {
		return Err(FormatError::SchemaLength(schema.len()));
	}
	Schema { place: String::new(), depth: 0 }.expr(&json::parse(schema)?)
}

/// Where in the schema we are.
struct Schema {
	/// As a JSON pointer.
	place: String,
	/// How many objects and arrays are around.
	depth: usize,
}

impl Schema {
	fn error(&self, reason: impl Into<String>) -> FormatError {
		FormatError::Schema { at: self.place.clone(), reason: reason.into() }
	}

	/// A schema within this one.
	fn inner(&self, path: &str, depth: usize) -> Self {
		Self { place: format!("{}/{path}", self.place), depth }
	}

	fn expr(&self, schema: &Json) -> Result<Expr, FormatError> {
		let Json::Object(members) = schema else { return Err(self.error("this is no object, and a schema is one")) };
		let members: Vec<Member<'_>> = members
			.iter()
			.map(|(name, value)| (name.as_str(), value))
			.filter(|(name, _)| !ANNOTATIONS.contains(name))
			.collect();
		let find = |name: &str| members.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
		if let Some(options) = find("anyOf") {
			self.only(&members, "anyOf", &["anyOf"])?;
			return self.any_of(options);
		}
		if let Some(values) = find("enum") {
			self.only(&members, "enum", &["enum", "type"])?;
			let Json::Array(values) = values else { return Err(self.error("enum is no array")) };
			if values.is_empty() {
				return Err(self.error("enum is empty"));
			}
			let values = values.iter().map(|value| self.constant(value, find("type")));
			return Ok(Expr::either(values.collect::<Result<Vec<_>, _>>()?));
		}
		if let Some(value) = find("const") {
			self.only(&members, "const", &["const", "type"])?;
			return self.constant(value, find("type"));
		}
		match find("type") {
			Some(Json::String(kind)) => self.of_type(kind, &members),
			Some(_) => Err(self.error("type is no text; a list of types is not supported, write anyOf")),
			None => Err(self.error(match members.first() {
				Some((name, _)) => format!("there is no type, enum, const or anyOf beside {name:?}"),
				None => "there is no type, enum, const or anyOf".into(),
			})),
		}
	}

	fn of_type(&self, kind: &str, members: &[Member<'_>]) -> Result<Expr, FormatError> {
		let values = Values { schema: self, members };
		let only = |keywords: &[&str]| self.only(members, kind, &[&["type"], keywords].concat());
		match kind {
			"object" => {
				only(&["properties", "required", "additionalProperties"])?;
				self.object(&values)
			}
			"array" => {
				only(&["items", "minItems", "maxItems"])?;
				self.array(&values)
			}
			"string" => {
				only(&["minLength", "maxLength"])?;
				let (min, max) = values.lengths("minLength", "maxLength")?;
				Ok(Expr::concat([Expr::text("\""), Expr::repeat(character(), min, max), Expr::text("\"")]))
			}
			"integer" | "number" => {
				only(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"])?;
				values.number(kind == "integer")
			}
			"boolean" => {
				only(&[])?;
				Ok(Expr::either([Expr::text("true"), Expr::text("false")]))
			}
			"null" => {
				only(&[])?;
				Ok(Expr::text("null"))
			}
			_ => Err(self.error(format!("the type {kind:?} is not known"))),
		}
	}

	/// Refuses keywords that would change the meaning.
	fn only(&self, members: &[Member<'_>], of: &str, keywords: &[&str]) -> Result<(), FormatError> {
		match members.iter().find(|(name, _)| !keywords.contains(name)) {
			Some((name, _)) => Err(self.error(format!("the keyword {name:?} is not supported beside {of:?}"))),
			None => Ok(()),
		}
	}

	fn any_of(&self, options: &Json) -> Result<Expr, FormatError> {
		let Json::Array(options) = options else { return Err(self.error("anyOf is no array")) };
		if options.is_empty() {
			return Err(self.error("anyOf is empty"));
		}
		let options =
			options.iter().enumerate().map(|(at, option)| self.inner(&format!("anyOf/{at}"), self.depth).expr(option));
		Ok(Expr::either(options.collect::<Result<Vec<_>, _>>()?))
	}

	fn constant(&self, value: &Json, kind: Option<&Json>) -> Result<Expr, FormatError> {
		let (name, text) = match value {
			Json::Null => ("null", "null".into()),
			Json::Bool(value) => ("boolean", value.to_string()),
			Json::Number(number) => ("number", number.clone()),
			Json::String(text) => ("string", quoted(text)),
			Json::Array(_) | Json::Object(_) => {
				return Err(self.error("only texts, numbers, booleans and null may stand in enum and const"))
			}
		};
		let is_whole = name == "number" && !text.contains(['.', 'e', 'E']);
		match kind {
			Some(Json::String(kind)) if kind == name || kind == "integer" && is_whole => (),
			Some(_) => return Err(self.error(format!("{text} is not of the type beside it"))),
			None => (),
		}
		Ok(Expr::text(&text))
	}

	fn object(&self, values: &Values<'_>) -> Result<Expr, FormatError> {
		let depth = self.deeper()?;
		let properties = match values.find("properties") {
			Some(Json::Object(properties)) => properties.as_slice(),
			Some(_) => return Err(self.error("properties is no object")),
			None => &[],
		};
		match values.find("required") {
			Some(Json::Array(names)) => {
				let is_property =
					|name: &&Json| properties.iter().any(|(other, _)| **name == Json::String(other.clone()));
				if !names.iter().all(|name| is_property(&name)) {
					return Err(self.error("required names something that is no property"));
				}
			}
			Some(_) => return Err(self.error("required is no array")),
			None => (),
		}
		if !matches!(values.find("additionalProperties"), None | Some(Json::Bool(_))) {
			return Err(self.error("additionalProperties may only be true or false"));
		}
		let mut parts = vec![Expr::text("{")];
		for (at, (name, schema)) in properties.iter().enumerate() {
			let comma = if at > 0 { "," } else { "" };
			parts.push(Expr::text(&format!("{comma}{}:", quoted(name))));
			// As a pointer writes a name.
			let name = name.replace('~', "~0").replace('/', "~1");
			parts.push(self.inner(&format!("properties/{name}"), depth).expr(schema)?);
		}
		parts.push(Expr::text("}"));
		Ok(Expr::concat(parts))
	}

	fn array(&self, values: &Values<'_>) -> Result<Expr, FormatError> {
		let depth = self.deeper()?;
		let (min, max) = values.lengths("minItems", "maxItems")?;
		let Some(items) = values.find("items") else { return Err(self.error("an array needs items")) };
		let item = self.inner("items", depth).expr(items)?;
		let more = Expr::concat([Expr::text(","), item.clone()]);
		let more = Expr::repeat(more, min.saturating_sub(1), max.map(|max| max.saturating_sub(1)));
		let items = match (min, max) {
			(_, Some(0)) => Expr::Empty,
			(0, _) => Expr::optional(Expr::concat([item, more])),
			_ => Expr::concat([item, more]),
		};
		Ok(Expr::concat([Expr::text("["), items, Expr::text("]")]))
	}

	fn deeper(&self) -> Result<usize, FormatError> {
		match self.depth < MAX_NESTING {
			true => Ok(self.depth + 1),
			false => Err(self.error(format!("objects and arrays stand more than {MAX_NESTING} deep in each other"))),
		}
	}
}

/// One character of a string.
fn character() -> Expr {
	let escaped = CharSet::new([['\0', '\u{1f}'], ['"', '"'], ['\\', '\\']]);
	let escape = CharSet::new("\"\\bfnrt".chars().map(|character| [character; 2]));
	Expr::either([escaped.complement().expr(), Expr::concat([Expr::text("\\"), escape.expr()])])
}

/// The values of a schema's keywords.
struct Values<'a> {
	schema: &'a Schema,
	members: &'a [Member<'a>],
}

impl<'a> Values<'a> {
	fn find(&self, name: &str) -> Option<&'a Json> {
		self.members.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
	}

	/// A least and a greatest length.
	fn lengths(&self, min: &str, max: &str) -> Result<(u32, Option<u32>), FormatError> {
		let length = |name: &str| match self.find(name) {
			None => Ok(None),
			Some(Json::Number(digits)) if digits.parse::<u32>().is_ok() => Ok(digits.parse().ok()),
			Some(_) => Err(self.schema.error(format!("{name} is no length"))),
		};
		let (least, greatest) = (length(min)?.unwrap_or(0), length(max)?);
		match greatest.is_none_or(|greatest| least <= greatest) {
			true => Ok((least, greatest)),
			false => Err(self.schema.error(format!("{min} is greater than {max}"))),
		}
	}

	fn number(&self, is_integer: bool) -> Result<Expr, FormatError> {
		let decimals = match self.find("multipleOf") {
			None if is_integer => 0,
			None => DECIMALS,
			Some(step) => self.decimals(step, is_integer)?,
		};
		// A bound with more decimals than the numbers is moved into the range.
		let least = |name: &str, is_exclusive: bool| self.bound(name, decimals, is_exclusive, 1);
		let greatest = |name: &str, is_exclusive: bool| self.bound(name, decimals, is_exclusive, -1);
		let widest = MAX_NUMBER * 10_i128.pow(decimals);
		let mins = [least("minimum", false)?, least("exclusiveMinimum", true)?];
		let maxs = [greatest("maximum", false)?, greatest("exclusiveMaximum", true)?];
		let min = mins.into_iter().flatten().max().unwrap_or(-widest);
		let max = maxs.into_iter().flatten().min().unwrap_or(widest);
		match min <= max {
			true => Ok(number::range(min, max, decimals)),
			false => Err(self.schema.error("no number is within these bounds")),
		}
	}

	/// How many decimals the multiples of 1, 0.1, 0.01 and so on have.
	fn decimals(&self, step: &Json, is_integer: bool) -> Result<u32, FormatError> {
		let most = if is_integer { 0 } else { u32::from(MAX_DECIMALS) };
		let is_step =
			|decimals: &u32| matches!(step, Json::Number(step) if scaled(step, *decimals) == Some((1, false)));
		(0..=most).find(is_step).ok_or_else(|| {
			self.schema.error(match is_integer {
				true => "multipleOf of an integer may only be 1".into(),
				false => format!("multipleOf may only be 1, 0.1, 0.01 and so on, with at most {MAX_DECIMALS} decimals"),
			})
		})
	}

	/// A bound in units of the last decimal; `inward` says where the range lies.
	fn bound(&self, name: &str, decimals: u32, is_exclusive: bool, inward: i128) -> Result<Option<i128>, FormatError> {
		let Some(value) = self.find(name) else { return Ok(None) };
		let invalid =
			|| self.schema.error(format!("{name} is no number from -{MAX_NUMBER} to {MAX_NUMBER} without an exponent"));
		let Json::Number(value) = value else { return Err(invalid()) };
		let (floor, has_rest) = scaled(value, decimals).ok_or_else(invalid)?;
		let widest = MAX_NUMBER * 10_i128.pow(decimals);
		if floor < -widest || floor > widest || floor == widest && has_rest {
			return Err(invalid());
		}
		// What has a rest lies between the floor and the number above it.
		Ok(Some(match (inward > 0, has_rest, is_exclusive) {
			(true, false, false) | (false, false, false) | (false, true, _) => floor,
			(true, ..) => floor + 1,
			(false, false, true) => floor - 1,
		}))
	}
}

/// The greatest integer that is not above a number times 10^`decimals`, and whether it is below. None of numbers with an
/// exponent, and of very long ones.
fn scaled(number: &str, decimals: u32) -> Option<(i128, bool)> {
	if number.contains(['e', 'E']) {
		return None;
	}
	let (magnitude, is_negative) = match number.strip_prefix('-') {
		Some(magnitude) => (magnitude, true),
		None => (number, false),
	};
	let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
	let decimals = decimals as usize;
	let (kept, rest) = fraction.split_at_checked(decimals).unwrap_or((fraction, ""));
	let value: i128 = format!("{whole}{kept:0<decimals$}").parse().ok()?;
	let has_rest = rest.bytes().any(|digit| digit != b'0');
	Some(match is_negative {
		true => (-value - i128::from(has_rest), has_rest),
		false => (value, has_rest),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_number_should_be_scaled_without_a_float() {
		for (number, decimals, expected) in [
			("1", 0, Some((1, false))),
			("1.5", 0, Some((1, true))),
			("-1.5", 0, Some((-2, true))),
			("-1.50", 1, Some((-15, false))),
			("0.1", 6, Some((100_000, false))),
			("-0.0000001", 6, Some((-1, true))),
			("0.10", 1, Some((1, false))),
			("1e3", 0, None),
			("1.0e3", 1, None),
			("9007199254740991.5", 9, Some((9_007_199_254_740_991_500_000_000, false))),
		] {
			assert_eq!(scaled(number, decimals), expected, "{number}");
		}
		assert_eq!(scaled(&"9".repeat(60), 0), None);
	}
}

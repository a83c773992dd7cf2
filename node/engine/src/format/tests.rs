use super::*;
use crate::tests::Noise;

fn json(schema: &str) -> Result<Automaton, FormatError> {
	compile(&Format::Json(schema.into())).map(|automaton| automaton.expect("it has an automaton"))
}

fn schema_error(schema: &str) -> (String, String) {
	match json(schema) {
		Err(FormatError::Schema { at, reason }) => (at, reason),
		other => panic!("{schema}: {other:?}"),
	}
}

fn number(min: i64, max: i64, decimals: u8) -> Automaton {
	compile(&Format::Number { min, max, decimals }).unwrap().unwrap()
}

/// Texts of an automaton that noise chooses.
fn samples(automaton: &Automaton, count: usize, seed: u64) -> Vec<String> {
	let mut noise = Noise(seed);
	let mut sample = || {
		let choices: Vec<u8> = (0..600).map(|_| noise.bits() as u8).collect();
		String::from_utf8(automaton.sample(&choices)?).ok()
	};
	(0..count).filter_map(|_| sample()).collect()
}

#[test]
fn what_has_no_byte_should_be_nothing_however_often_it_is_repeated() {
	let check = |pattern: &str| check_format(&Format::Regex(pattern.into()));
	let nothing = check("(|)");
	for pattern in ["((((|){99999}){99999}){99999}){99999}", "((|||)*){99999}", "(((){99999}|){99999}|){99999}"] {
		assert_eq!(check(pattern), nothing, "{pattern}");
	}
	assert_eq!(check("((|){99999}a){3}"), Ok(()));
}

#[test]
fn a_format_should_be_refused_for_what_is_wrong_with_it() {
	let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
	let stops = |stops: &[&str]| check_format(&Format::Text { stops: texts(stops) });
	assert_eq!(check_format(&Format::default()), Ok(()));
	assert_eq!(stops(&["a", "b", "c", "d"]), Ok(()));
	assert_eq!(stops(&["a", "b", "c", "d", "e"]), Err(FormatError::TooManyStops(5)));
	assert_eq!(stops(&["a", ""]), Err(FormatError::StopLength { number: 2, bytes: 0 }));
	assert_eq!(stops(&[&"a".repeat(65)]), Err(FormatError::StopLength { number: 1, bytes: 65 }));
	let choice = |choices: &[&str]| check_format(&Format::Choice(texts(choices)));
	assert_eq!(choice(&["a", "b"]), Ok(()));
	assert_eq!(choice(&["a"]), Err(FormatError::ChoiceCount(1)));
	assert_eq!(choice(&["a"; 33]), Err(FormatError::ChoiceCount(33)));
	assert_eq!(choice(&["", "b"]), Err(FormatError::ChoiceLength { number: 1, bytes: 0 }));
	assert_eq!(choice(&["a", &"b".repeat(129)]), Err(FormatError::ChoiceLength { number: 2, bytes: 129 }));
	assert_eq!(choice(&["a", "b", "c", "b"]), Err(FormatError::SameChoices { first: 2, second: 4 }));
	let number = |min, max, decimals| check_format(&Format::Number { min, max, decimals });
	assert_eq!(number(i64::MIN, i64::MAX, 9), Ok(()));
	assert_eq!(number(0, 1, 10), Err(FormatError::Decimals(10)));
	assert_eq!(number(1, 0, 0), Err(FormatError::EmptyRange { min: 1, max: 0 }));
	assert_eq!(check_format(&Format::Json(" ".repeat(2_049))), Err(FormatError::SchemaLength(2_049)));
	assert_eq!(
		check_format(&Format::Json("{]".into())),
		Err(FormatError::NotJson { at: 1, reason: "there is no name of a member" })
	);
	let error = check_format(&Format::Json(r#"{"type":"array","items":{"type":"text"}}"#.into())).unwrap_err();
	assert_eq!(error.to_string(), "the schema at /items: the type \"text\" is not known");
	let error = check_format(&Format::Regex("a**".into())).unwrap_err();
	assert_eq!(error.to_string(), "the pattern at byte 2: what is repeated is repeated again; set a group around it");
	let error = check_format(&Format::Regex("(.{300}){300}".into())).unwrap_err();
	let expected = "the format is too large: it needs more than 32768 positions; make its bounds or its lists smaller";
	assert_eq!(error.to_string(), expected);
}

#[test]
fn a_number_should_be_spelt_as_documented_and_only_within_its_range() {
	let automaton = number(-150, 1_234, 2);
	for text in ["0", "0.0", "0.00", "12.34", "12.3", "12", "-1.5", "-1.50", "-1", " 7", " -0.01", "9.99"] {
		assert!(automaton.accepts(text.as_bytes()), "{text}");
	}
	for text in [
		"", " ", "-", "12.35", "12.4", "13", "-1.51", "-2", "-0", "-0.00", "0.000", "1.", ".5", "00", "01", "+1",
		"1e0", "  1", "1 ",
	] {
		assert!(!automaton.accepts(text.as_bytes()), "{text}");
	}
}

#[test]
fn exactly_the_numbers_of_a_range_should_match() {
	let mut noise = Noise(9);
	for round in 0..60 {
		let decimals = round % 4;
		let mut ends = [0; 2].map(|_: i64| i64::from(noise.bits() % 4_001) - 2_000);
		ends.sort_unstable();
		let automaton = number(ends[0], ends[1], decimals);
		let scale = 10_i64.pow(decimals.into());
		for value in -2_100..2_100_i64 {
			let (sign, size) = (if value < 0 { "-" } else { "" }, value.abs());
			let full = match decimals {
				0 => format!("{sign}{size}"),
				_ => format!("{sign}{}.{:0width$}", size / scale, size % scale, width = usize::from(decimals)),
			};
			// All of its decimals, and without the zeros at its end.
			let short = if decimals == 0 { &full } else { full.trim_end_matches('0').trim_end_matches('.') };
			for text in [full.as_str(), short] {
				let is_inside = (ends[0]..=ends[1]).contains(&value);
				assert_eq!(automaton.accepts(text.as_bytes()), is_inside, "{text} in {ends:?}");
				assert_eq!(parse_number(text, decimals), Some(value));
			}
		}
	}
}

#[test]
fn the_value_of_a_number_should_be_read_back_whatever_its_size() {
	let mut noise = Noise(21);
	for (min, max) in [
		(i64::MIN, i64::MAX),
		(i64::MIN, -1),
		(i64::MAX - 1, i64::MAX),
		(-1, 1),
		(999, 1_001),
		(0, 0),
		(99_999, 1_234_567_890_123),
	] {
		for decimals in [0, 1, 5, 9] {
			let automaton = number(min, max, decimals);
			let longest = Format::Number { min, max, decimals }.min_output_units() as usize;
			let mut found = 0;
			let ends = [min, max].map(|value| {
				let (sign, scale) = (if value < 0 { "-" } else { "" }, 10_u64.pow(decimals.into()));
				let (whole, part) = (value.unsigned_abs() / scale, value.unsigned_abs() % scale);
				match decimals {
					0 => format!(" {sign}{whole}"),
					_ => format!(" {sign}{whole}.{part:0width$}", width = usize::from(decimals)),
				}
			});
			for text in samples(&automaton, 200, noise.bits().into()).into_iter().chain(ends.clone()) {
				assert!(automaton.accepts(text.as_bytes()), "{text} of {min} to {max}");
				let value = parse_number(&text, decimals).unwrap();
				assert!((min..=max).contains(&value), "{text}");
				assert!(text.len() <= longest, "{text} is longer than {longest}");
				found = found.max(text.len());
			}
			assert_eq!(found, longest, "{min} to {max}: {ends:?}");
		}
	}
	for text in ["", "-", "a", "1a", "9223372036854775808", "1.23", "1.2.3"] {
		assert_eq!(parse_number(text, 1), None, "{text}");
	}
}

#[test]
fn a_schemas_texts_should_be_the_documented_ones() {
	for (schema, yes, no) in [
		(r#"{"type":"boolean"}"#, &["true", "false"][..], &["True", "null", " true", "true ", ""][..]),
		(r#"{"type":"null"}"#, &["null"], &["nil"]),
		(
			r#"{"type":"string"}"#,
			&[r#""""#, r#""aé🦀""#, r#""\"\\\n""#, "\"\u{7f}\""],
			&["a", r#"""""#, "\"\n\"", r#""\u0041""#, r#""\/""#],
		),
		(r#"{"type":"string","minLength":1,"maxLength":2}"#, &[r#""a""#, r#""🦀\n""#], &[r#""""#, r#""abc""#]),
		(
			r#"{"type":"integer"}"#,
			&["0", "-9007199254740991", "9007199254740991"],
			&["9007199254740992", "1.0", "-0", "1e3", "01"],
		),
		(r#"{"type":"integer","minimum":1,"exclusiveMaximum":10}"#, &["1", "9"], &["0", "10"]),
		(r#"{"type":"integer","exclusiveMinimum":1.5,"maximum":3.5}"#, &["2", "3"], &["1", "4"]),
		(
			r#"{"type":"number","minimum":-0.5,"maximum":0.25}"#,
			&["-0.5", "0", "0.25", "0.250000", "0.000001"],
			&["0.250001", "-0.500001", "0.2500000", "-0"],
		),
		(
			r#"{"type":"number","multipleOf":0.01,"minimum":0,"maximum":0.999}"#,
			&["0.99", "0.9"],
			&["0.991", "1", "1.00"],
		),
		(
			r#"{"type":"number","exclusiveMinimum":0,"maximum":1,"multipleOf":0.1}"#,
			&["0.1", "1", "1.0"],
			&["0", "0.0", "1.1"],
		),
		(
			r#"{"enum":["a","b\"",1,1.50,true,null]}"#,
			&[r#""a""#, r#""b\"""#, "1", "1.50", "true", "null"],
			&["a", "1.5", "false"],
		),
		(r#"{"type":"string","enum":["x"]}"#, &[r#""x""#], &["x"]),
		(r#"{"const":"\u0001é"}"#, &[r#""\u0001é""#], &["\"\u{1}é\""]),
		(r#"{"type":"integer","const":7}"#, &["7"], &["8"]),
		(r#"{"anyOf":[{"type":"null"},{"type":"integer","minimum":0,"maximum":5}]}"#, &["null", "5"], &["6", "nul"]),
		(
			r#"{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2}"#,
			&["[true]", "[true,false]"],
			&["[]", "[true,true,true]", "[true,]", "[true, true]"],
		),
		(r#"{"type":"array","items":{"type":"null"}}"#, &["[]", "[null,null,null,null]"], &["[null,]", "[,null]"]),
		(
			r#"{"type":"array","items":{"type":"null"},"minItems":2}"#,
			&["[null,null]", "[null,null,null]"],
			&["[]", "[null]"],
		),
		(r#"{"type":"array","items":{"type":"null"},"maxItems":0}"#, &["[]"], &["[null]"]),
		(r#"{"type":"object"}"#, &["{}"], &["{ }"]),
		(
			r#"{"type":"object","title":"T","description":"D","properties":{"z":{"type":"null"},"a\"":{"type":"boolean"}},"required":["z"],"additionalProperties":false}"#,
			&[r#"{"z":null,"a\"":true}"#],
			&[r#"{"a\"":true,"z":null}"#, r#"{"z":null}"#, r#"{"z":null,"a\"":true,}"#, "{}"],
		),
	] {
		let automaton = json(schema).unwrap();
		yes.iter().for_each(|text| assert!(automaton.accepts(text.as_bytes()), "{schema} {text}"));
		no.iter().for_each(|text| assert!(!automaton.accepts(text.as_bytes()), "{schema} {text}"));
	}
}

#[test]
fn what_a_schema_may_not_say_should_be_refused_by_name_and_place() {
	for (schema, at, reason) in [
		("true", "", "this is no object"),
		("{}", "", "there is no type"),
		(r##"{"$ref":"#/a"}"##, "", "there is no type, enum, const or anyOf beside \"$ref\""),
		(r#"{"type":["string","null"]}"#, "", "type is no text; a list of types"),
		(r#"{"type":"text"}"#, "", "the type \"text\""),
		(r#"{"type":"string","pattern":"a"}"#, "", "the keyword \"pattern\" is not supported beside \"string\""),
		(r#"{"type":"string","format":"date"}"#, "", "the keyword \"format\""),
		(r#"{"type":"string","maxLength":-1}"#, "", "maxLength is no length"),
		(r#"{"type":"string","maxLength":1.0}"#, "", "maxLength is no length"),
		(r#"{"type":"string","minLength":2,"maxLength":1}"#, "", "minLength is greater"),
		(r#"{"type":"integer","minimum":2,"maximum":1}"#, "", "no number"),
		(r#"{"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2}"#, "", "no number"),
		(r#"{"type":"integer","minimum":"1"}"#, "", "minimum is no number"),
		(r#"{"type":"integer","minimum":1e3}"#, "", "minimum is no number"),
		(r#"{"type":"integer","maximum":9007199254740992}"#, "", "maximum is no number"),
		(r#"{"type":"integer","exclusiveMinimum":true}"#, "", "exclusiveMinimum is no number"),
		(r#"{"type":"integer","multipleOf":2}"#, "", "multipleOf of an integer"),
		(r#"{"type":"number","multipleOf":0.5}"#, "", "multipleOf may only"),
		(r#"{"type":"number","multipleOf":0.0000000001}"#, "", "multipleOf may only"),
		(r#"{"enum":[]}"#, "", "enum is empty"),
		(r#"{"enum":[[1]]}"#, "", "only texts, numbers"),
		(r#"{"enum":["a"],"maxLength":1}"#, "", "the keyword \"maxLength\" is not supported beside \"enum\""),
		(r#"{"type":"string","enum":["a",1]}"#, "", "1 is not of the type"),
		(r#"{"type":"integer","const":1.5}"#, "", "1.5 is not of the type"),
		(r#"{"anyOf":[]}"#, "", "anyOf is empty"),
		(r#"{"anyOf":[{"type":"null"},{"type":"x"}]}"#, "/anyOf/1", "the type \"x\""),
		(r#"{"type":"null","anyOf":[{"type":"null"}]}"#, "", "the keyword \"type\" is not supported beside \"anyOf\""),
		(r#"{"type":"array"}"#, "", "an array needs items"),
		(r#"{"type":"array","items":{"type":"null"},"uniqueItems":true}"#, "", "the keyword \"uniqueItems\""),
		(r#"{"type":"array","items":[{"type":"null"}]}"#, "/items", "this is no object"),
		(r#"{"type":"object","properties":{"a/~":{"type":"x"}}}"#, "/properties/a~1~0", "the type \"x\""),
		(r#"{"type":"object","properties":[]}"#, "", "properties is no object"),
		(r#"{"type":"object","properties":{},"required":["a"]}"#, "", "required names"),
		(r#"{"type":"object","required":"a"}"#, "", "required is no array"),
		(r#"{"type":"object","additionalProperties":{"type":"null"}}"#, "", "additionalProperties may only"),
		(r#"{"type":"object","patternProperties":{}}"#, "", "the keyword \"patternProperties\""),
	] {
		let (place, found) = schema_error(schema);
		assert!(place == at && found.starts_with(reason), "{schema} at {place:?}: {found}");
	}
}

#[test]
fn values_may_stand_four_deep_in_each_other() {
	let nested = |depth: usize| {
		let open = r#"{"type":"array","items":"#.repeat(depth);
		format!("{open}{}{}", r#"{"type":"null"}"#, "}".repeat(depth))
	};
	assert!(json(&nested(4)).unwrap().accepts(b"[[[[null,null]]],[]]"));
	let (at, reason) = schema_error(&nested(5));
	assert_eq!(at, "/items/items/items/items");
	assert!(reason.starts_with("objects and arrays stand more than 4 deep"), "{reason}");
}

/// A schema that noise chooses.
fn random_schema(noise: &mut Noise, depth: usize) -> String {
	let kinds = if depth < 3 { 8 } else { 5 };
	let mut small = |most: u32| noise.bits() % (most + 1);
	match small(kinds) {
		0 => r#"{"type":"boolean"}"#.into(),
		1 => {
			let min = small(2);
			format!(r#"{{"type":"string","minLength":{min},"maxLength":{}}}"#, min + small(6))
		}
		2 => {
			let min = i64::from(small(300)) - 150;
			format!(r#"{{"type":"integer","minimum":{min},"maximum":{}}}"#, min + i64::from(small(200)))
		}
		3 => {
			let min = f64::from(small(300)) / 8.0 - 20.0;
			format!(
				r#"{{"type":"number","multipleOf":0.001,"minimum":{min},"maximum":{}}}"#,
				min + f64::from(small(40)) / 4.0
			)
		}
		4 => r#"{"enum":["yes","no","é\n\"",3,null]}"#.into(),
		5 => r#"{"type":"null"}"#.into(),
		6 => {
			let (min, more) = (small(2), small(2));
			let items = random_schema(noise, depth + 1);
			format!(r#"{{"type":"array","minItems":{min},"maxItems":{},"items":{items}}}"#, min + more)
		}
		7 => {
			let options: Vec<String> = (0..2).map(|_| random_schema(noise, depth + 1)).collect();
			format!(r#"{{"anyOf":[{}]}}"#, options.join(","))
		}
		_ => {
			let count = small(3);
			let properties: Vec<String> =
				(0..count).map(|at| format!(r#""p{}":{}"#, 9 - at, random_schema(noise, depth + 1))).collect();
			format!(r#"{{"type":"object","properties":{{{}}}}}"#, properties.join(","))
		}
	}
}

/// Whether a value is one of a schema, as far as the schemas of these tests go.
fn is_valid(schema: &serde_json::Value, value: &serde_json::Value) -> bool {
	if let Some(options) = schema["anyOf"].as_array() {
		return options.iter().any(|option| is_valid(option, value));
	}
	if let Some(values) = schema["enum"].as_array() {
		return values.contains(value);
	}
	let within = |count: usize, min: &str, max: &str| {
		schema[min].as_u64().is_none_or(|min| min <= count as u64)
			&& schema[max].as_u64().is_none_or(|max| count as u64 <= max)
	};
	let in_range = |value: f64| schema["minimum"].as_f64() <= Some(value) && Some(value) <= schema["maximum"].as_f64();
	match schema["type"].as_str() {
		Some("boolean") => value.is_boolean(),
		Some("null") => value.is_null(),
		Some("string") => value.as_str().is_some_and(|text| within(text.chars().count(), "minLength", "maxLength")),
		Some("integer") => value.as_i64().is_some_and(|value| in_range(value as f64)),
		Some("number") => value.as_f64().is_some_and(in_range),
		Some("array") => value.as_array().is_some_and(|items| {
			within(items.len(), "minItems", "maxItems") && items.iter().all(|item| is_valid(&schema["items"], item))
		}),
		Some("object") => value.as_object().is_some_and(|members| {
			let properties = schema["properties"].as_object().expect("it has some");
			members.len() == properties.len()
				&& properties
					.iter()
					.all(|(name, schema)| members.get(name).is_some_and(|value| is_valid(schema, value)))
		}),
		_ => false,
	}
}

#[test]
fn every_text_of_a_schema_should_be_json_of_the_schema() {
	let mut noise = Noise(17);
	let mut found = 0;
	for _ in 0..300 {
		let schema = random_schema(&mut noise, 0);
		let automaton = json(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
		let parsed: serde_json::Value = serde_json::from_str(&schema).unwrap();
		for text in samples(&automaton, 20, noise.bits().into()) {
			let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{schema} {text}: {error}"));
			assert!(is_valid(&parsed, &value), "{schema} {text}");
			found += 1;
		}
	}
	assert!(found > 3_000, "{found}");
}

/// An expression that noise chooses.
fn random_expr(noise: &mut Noise, depth: usize) -> Expr {
	let kinds = if depth < 4 { 5 } else { 2 };
	match noise.bits() % kinds {
		0 => Expr::bytes(b'a', b'a' + (noise.bits() % 2) as u8),
		1 => Expr::text(["b", "ab", ""][noise.bits() as usize % 3]),
		2 => {
			let min = noise.bits() % 3;
			let max = [None, Some(min), Some(min + 1)][noise.bits() as usize % 3];
			Expr::repeat(random_expr(noise, depth + 1), min, max)
		}
		3 => Expr::concat([random_expr(noise, depth + 1), random_expr(noise, depth + 1)]),
		_ => Expr::either([random_expr(noise, depth + 1), random_expr(noise, depth + 1)]),
	}
}

/// Where a text that begins at one of the places may end, by the definition.
fn ends(expr: &Expr, text: &[u8], from: &[bool]) -> Vec<bool> {
	let or = |one: &[bool], other: &[bool]| one.iter().zip(other).map(|(one, other)| one | other).collect::<Vec<_>>();
	match expr {
		Expr::Never => vec![false; from.len()],
		Expr::Empty => from.to_vec(),
		Expr::Byte(set) => (0..from.len()).map(|at| at > 0 && from[at - 1] && set.contains(text[at - 1])).collect(),
		Expr::Concat(parts) => parts.iter().fold(from.to_vec(), |from, part| ends(part, text, &from)),
		Expr::Either(parts) => {
			parts.iter().fold(vec![false; from.len()], |all, part| or(&all, &ends(part, text, from)))
		}
		Expr::Repeat(part, min, max) => {
			let mut now = from.to_vec();
			let mut all = vec![false; from.len()];
			// More times than there are bytes and copies that must come change nothing.
			for count in 0..=max.unwrap_or(*min + text.len() as u32) {
				if count >= *min {
					all = or(&all, &now);
				}
				now = ends(part, text, &now);
			}
			all
		}
	}
}

#[test]
fn an_automaton_should_match_what_its_expression_matches() {
	let mut noise = Noise(13);
	for _ in 0..1_000 {
		let expr = random_expr(&mut noise, 0);
		let automaton = Automaton::new(&expr).unwrap();
		for length in 0..8_u32 {
			for number in 0..1 << length {
				let text: Vec<u8> = (0..length).map(|bit| b'a' + (number >> bit & 1) as u8).collect();
				let mut from = vec![false; text.len() + 1];
				from[0] = true;
				let expected = ends(&expr, &text, &from)[text.len()];
				assert_eq!(automaton.accepts(&text), expected, "{expr:?} {}", String::from_utf8_lossy(&text));
			}
		}
	}
}

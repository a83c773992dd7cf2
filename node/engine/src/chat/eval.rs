//! The values of a template's expressions.

use super::ast::{Arguments, Comparison, Expr, Operator, Step};
use super::date::strftime;
use super::error::TemplateError;
use super::render::{Renderer, ITEM_FUEL};
use super::text::Text;
use super::value::Value;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::Range;
use std::rc::Rc;

/// The values of arguments.
pub(super) struct Given<'p> {
	pub positional: Vec<Value>,
	pub named: Vec<(&'p str, Value)>,
}

impl<'p> Renderer<'p> {
	pub fn value(&mut self, expr: &'p Expr) -> Result<Value, TemplateError> {
		self.spend(1)?;
		Ok(match expr {
			Expr::None => Value::None,
			Expr::Bool(value) => Value::Bool(*value),
			Expr::Int(value) => Value::Int(*value),
			Expr::Text(text) => {
				self.spend(text.len())?;
				Value::own(text)
			}
			Expr::Name(name) => self.variable(name),
			Expr::List(items) => {
				let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
				self.list(items?)?
			}
			Expr::Map(entries) => {
				let entries: Result<Vec<_>, _> =
					entries.iter().map(|(key, value)| Ok((self.value(key)?, self.value(value)?))).collect();
				self.map(entries?)?
			}
			Expr::Unsupported(what) => return self.unsupported(*what),
			Expr::Call(name, arguments) => self.call(name, arguments)?,
			Expr::Postfix(value, steps) => {
				let value = self.value(value)?;
				steps.iter().try_fold(value, |value, step| self.step(value, step))?
			}
			Expr::Not(value) => Value::Bool(!self.value(value)?.is_true()),
			Expr::Negative(value) => match self.value(value)?.as_int().and_then(i64::checked_neg) {
				Some(value) => Value::Int(value),
				None => return self.error("- stands before what has no negative"),
			},
			Expr::Or(values) => self.first(values, true)?,
			Expr::And(values) => self.first(values, false)?,
			Expr::Compare(first, others) => {
				let mut left = self.value(first)?;
				for (comparison, right) in others {
					let right = self.value(right)?;
					if !self.compare(&left, *comparison, &right)? {
						return Ok(Value::Bool(false));
					}
					left = right;
				}
				Value::Bool(true)
			}
			Expr::Chain(first, others) => {
				let mut left = self.value(first)?;
				for (operator, right) in others {
					let right = self.value(right)?;
					left = self.operate(left, *operator, right)?;
				}
				left
			}
			Expr::If(choice) => match (self.value(&choice.condition)?.is_true(), &choice.otherwise) {
				(true, _) => self.value(&choice.then)?,
				(false, Some(otherwise)) => self.value(otherwise)?,
				(false, None) => Value::Undefined,
			},
		})
	}

	/// The first value that is as true as asked for, or the last.
	fn first(&mut self, values: &'p [Expr], truth: bool) -> Result<Value, TemplateError> {
		let mut value = Value::Undefined;
		for expr in values {
			value = self.value(expr)?;
			if value.is_true() == truth {
				break;
			}
		}
		Ok(value)
	}

	pub fn list(&mut self, items: Vec<Value>) -> Result<Value, TemplateError> {
		self.spend(items.len().saturating_mul(ITEM_FUEL))?;
		match items.iter().find(|item| !item.is_item()) {
			Some(item) => self.unsupported(format!("a list with {item} in it")),
			None => Ok(Value::List(items.into())),
		}
	}

	fn map(&mut self, entries: Vec<(Value, Value)>) -> Result<Value, TemplateError> {
		self.spend(entries.len().saturating_mul(ITEM_FUEL))?;
		let mut map: Vec<(Rc<str>, Value)> = Vec::new();
		for (key, value) in entries {
			let Value::Text(key) = key else { return self.unsupported(format!("a dictionary with {key} as a key")) };
			if !value.is_scalar() {
				return self.unsupported(format!("a dictionary with {value} in it"));
			}
			self.spend(map.len())?;
			match map.iter_mut().find(|(name, _)| **name == *key.as_str()) {
				Some((_, old)) => *old = value,
				None => map.push((key.as_str().into(), value)),
			}
		}
		Ok(Value::Map(map.into()))
	}

	pub fn given(&mut self, arguments: &'p Arguments) -> Result<Given<'p>, TemplateError> {
		let positional: Result<_, _> = arguments.positional.iter().map(|value| self.value(value)).collect();
		let named: Result<_, _> =
			arguments.named.iter().map(|(name, value)| Ok((name.as_str(), self.value(value)?))).collect();
		Ok(Given { positional: positional?, named: named? })
	}

	fn call(&mut self, name: &str, arguments: &'p Arguments) -> Result<Value, TemplateError> {
		let given = self.given(arguments)?;
		match (name, &given.positional[..]) {
			("raise_exception", [message]) => {
				let message = self.printed(message.clone())?;
				Err(TemplateError::Raised(message.as_str().into()))
			}
			("namespace", []) => {
				self.spend(given.named.len().saturating_mul(ITEM_FUEL))?;
				let entries: Result<_, _> =
					given.named.into_iter().map(|(name, value)| Ok((name.to_string(), self.entry(value)?))).collect();
				Ok(Value::Namespace(Rc::new(RefCell::new(entries?))))
			}
			("range", numbers @ ([_] | [_, _] | [_, _, _])) => {
				let numbers: Option<Vec<i64>> = numbers.iter().map(Value::as_int).collect();
				let (start, end, step) = match numbers.as_deref() {
					Some([end]) => (0, *end, 1),
					Some([start, end]) => (*start, *end, 1),
					Some([start, end, step]) if *step != 0 => (*start, *end, *step),
					_ => return self.error("range does not take this"),
				};
				self.range(start.into(), end.into(), step.into())
			}
			("strftime_now", [Value::Text(format)]) => match strftime(format.as_str()) {
				Some(date) => {
					self.spend(date.len())?;
					Ok(Value::own(&date))
				}
				None => self.unsupported(format!("{:?} as the format of a date", format.as_str())),
			},
			_ => self.unsupported(format!("the function {name} with these arguments")),
		}
	}

	fn range(&mut self, start: i128, end: i128, step: i128) -> Result<Value, TemplateError> {
		let distance = if step > 0 { end - start } else { start - end };
		let count = distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
		let count = usize::try_from(count).unwrap_or(usize::MAX);
		self.spend(count.saturating_mul(ITEM_FUEL))?;
		Ok(Value::List((0..count as i128).map(|at| Value::Int((start + at * step) as i64)).collect()))
	}

	fn step(&mut self, value: Value, step: &'p Step) -> Result<Value, TemplateError> {
		self.spend(1)?;
		match step {
			Step::Attribute(name) => self.attribute(&value, name),
			Step::Item(key) => match (self.value(key)?, &value) {
				(Value::Text(name), _) => self.attribute(&value, name.as_str()),
				(Value::Int(index), Value::List(items)) => {
					let index = if index < 0 { index.saturating_add_unsigned(items.len() as u64) } else { index };
					Ok(usize::try_from(index).ok().and_then(|at| items.get(at).cloned()).unwrap_or(Value::Undefined))
				}
				(Value::Int(index), Value::Text(text)) => {
					let end = if index == -1 { None } else { Some(Value::Int(index.saturating_add(1))) };
					let range = self.letters(text, Some(Value::Int(index)), end)?;
					Ok(if range.is_empty() { Value::Undefined } else { Value::text(text.slice(range)) })
				}
				(key, Value::Undefined | Value::List(_) | Value::Text(_)) => {
					self.error(format!("{value} has no item at {key}"))
				}
				_ => Ok(Value::Undefined),
			},
			Step::Slice(start, end, step) => {
				let start = start.as_ref().map(|start| self.value(start)).transpose()?;
				let end = end.as_ref().map(|end| self.value(end)).transpose()?;
				let step = step.as_ref().map(|step| self.value(step)).transpose()?;
				if let Some(step) = step.filter(|step| !matches!(step, Value::None)) {
					return self.every(&value, [start, end], &step);
				}
				match value {
					Value::List(items) => {
						let range = self.bounds(items.len(), start, end)?;
						self.list(items[range].to_vec())
					}
					Value::Text(text) => {
						let range = self.letters(&text, start, end)?;
						Ok(Value::text(text.slice(range)))
					}
					other => self.error(format!("{other} has no parts")),
				}
			}
			Step::Method(name, arguments) => {
				let given = self.given(arguments)?;
				self.method(value, name, given)
			}
			Step::Filter(name, arguments) => {
				let given = self.given(arguments)?;
				self.filter(value, name, given)
			}
			Step::Test(name, arguments, negated) => {
				let given = self.given(arguments)?;
				Ok(Value::Bool(self.test(&value, name, &given.positional)? != *negated))
			}
			Step::Unsupported(what) => self.unsupported(*what),
		}
	}

	pub fn attribute(&self, value: &Value, name: &str) -> Result<Value, TemplateError> {
		match value {
			Value::Undefined => self.error(format!("{value} has no {name:?}")),
			value => Ok(value.get(name)),
		}
	}

	/// Python's borders of a slice.
	fn bounds(&self, length: usize, start: Option<Value>, end: Option<Value>) -> Result<Range<usize>, TemplateError> {
		let place = |border: Option<Value>, default: usize| match border {
			None | Some(Value::None) => Ok(default),
			Some(border) => match border.as_int() {
				Some(at @ 0..) => Ok(usize::try_from(at).unwrap_or(length).min(length)),
				Some(at) => Ok(length.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(length))),
				None => self.error(format!("{border} is no border of a slice")),
			},
		};
		let start = place(start, 0)?;
		Ok(start..place(end, length)?.max(start))
	}

	/// A slice with a step: Python's.
	fn every(&mut self, value: &Value, borders: [Option<Value>; 2], step: &Value) -> Result<Value, TemplateError> {
		let Some(step) = step.as_int().filter(|step| *step != 0) else {
			return self.error(format!("{step} is no step of a slice, or zero"));
		};
		let length = match value {
			Value::List(items) => items.len(),
			Value::Text(text) => {
				self.spend(text.as_str().len())?;
				text.as_str().chars().count()
			}
			other => return self.error(format!("{other} has no parts")),
		} as i128;
		// Backwards, the borders are one place before the first and the last item.
		let (least, most) = if step > 0 { (0, length) } else { (-1, length - 1) };
		let mut places = [0; 2];
		let defaults = if step > 0 { [least, most] } else { [most, least] };
		for ((place, border), default) in places.iter_mut().zip(borders).zip(defaults) {
			*place = match border {
				None | Some(Value::None) => default,
				Some(border) => match border.as_int().map(i128::from) {
					Some(at) if at < 0 => (at + length).clamp(least, most),
					Some(at) => at.clamp(least, most),
					None => return self.error(format!("{border} is no border of a slice")),
				},
			};
		}
		let [start, end] = places;
		let step = i128::from(step);
		let count = ((end - start) * step.signum()).max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize;
		self.spend(count.saturating_mul(ITEM_FUEL))?;
		let chosen = (0..count as i128).map(|at| (start + at * step) as usize);
		match value {
			Value::List(items) => Ok(Value::List(chosen.filter_map(|at| items.get(at).cloned()).collect())),
			Value::Text(text) => {
				let ends = text.as_str().char_indices().map(|(at, char)| at..at + char.len_utf8());
				let letters: Vec<Range<usize>> = ends.collect();
				let mut every = Text::default();
				for letter in chosen.filter_map(|at| letters.get(at)) {
					every.push(&text.slice(letter.clone()));
				}
				Ok(Value::text(every))
			}
			other => self.error(format!("{other} has no parts")),
		}
	}

	/// As [`Renderer::bounds`], in characters; returned in bytes.
	fn letters(
		&mut self,
		text: &Text,
		start: Option<Value>,
		end: Option<Value>,
	) -> Result<Range<usize>, TemplateError> {
		let text = text.as_str();
		self.spend(text.len())?;
		let range = self.bounds(text.chars().count(), start, end)?;
		let at = |letter: usize| text.char_indices().nth(letter).map_or(text.len(), |(at, _)| at);
		Ok(at(range.start)..at(range.end))
	}

	fn operate(&mut self, left: Value, operator: Operator, right: Value) -> Result<Value, TemplateError> {
		match (operator, left, right) {
			(Operator::Add, Value::Text(left), Value::Text(right)) => self.joined(left, &right),
			(Operator::Add, Value::List(left), Value::List(right)) => self.list([&*left, &*right].concat()),
			(Operator::Multiply, Value::Text(text), Value::Int(count))
			| (Operator::Multiply, Value::Int(count), Value::Text(text)) => {
				let count = usize::try_from(count).unwrap_or(0);
				self.spend(count.saturating_mul(text.as_str().len().max(1)))?;
				let mut repeated = Text::default();
				(0..count).for_each(|_| repeated.push(&text));
				Ok(Value::text(repeated))
			}
			(Operator::Join, left, right) => {
				let (left, right) = (self.printed(left)?, self.printed(right)?);
				self.joined(left, &right)
			}
			(operator, left, right) => {
				let (Some(a), Some(b)) = (left.as_int(), right.as_int()) else {
					return self.error(format!("{operator} stands between {left} and {right}"));
				};
				let result = match operator {
					Operator::Add => a.checked_add(b),
					Operator::Subtract => a.checked_sub(b),
					Operator::Multiply => a.checked_mul(b),
					// Python rounds down, and a remainder has the divisor's sign.
					Operator::FloorDivide => a.checked_div(b).zip(a.checked_rem(b)).map(|(quotient, remainder)| {
						quotient - i64::from(remainder != 0 && (remainder < 0) != (b < 0))
					}),
					Operator::Remainder => a.checked_rem(b).map(|remainder| {
						if remainder != 0 && (remainder < 0) != (b < 0) {
							remainder + b
						} else {
							remainder
						}
					}),
					Operator::Join | Operator::Divide | Operator::Power => {
						return self.unsupported(format!("the operator {operator}"))
					}
				};
				match result {
					Some(result) => Ok(Value::Int(result)),
					None => self.error(format!("{operator} has no result")),
				}
			}
		}
	}

	fn joined(&mut self, left: Rc<Text>, right: &Text) -> Result<Value, TemplateError> {
		self.spend(left.as_str().len().saturating_add(right.as_str().len()))?;
		let mut text = Rc::unwrap_or_clone(left);
		text.push(right);
		Ok(Value::text(text))
	}

	pub fn compare(&mut self, left: &Value, comparison: Comparison, right: &Value) -> Result<bool, TemplateError> {
		let order = |renderer: &mut Self| match (left, right) {
			(Value::Text(left), Value::Text(right)) => {
				renderer.spend(left.as_str().len().min(right.as_str().len()))?;
				Ok(left.as_str().cmp(right.as_str()))
			}
			_ => match (left.as_int(), right.as_int()) {
				(Some(left), Some(right)) => Ok(left.cmp(&right)),
				_ => renderer.error(format!("{left} and {right} have no order")),
			},
		};
		Ok(match comparison {
			Comparison::Equal => self.equal(left, right)?,
			Comparison::NotEqual => !self.equal(left, right)?,
			Comparison::Less => order(self)? == Ordering::Less,
			Comparison::LessOrEqual => order(self)? != Ordering::Greater,
			Comparison::Greater => order(self)? == Ordering::Greater,
			Comparison::GreaterOrEqual => order(self)? != Ordering::Less,
			Comparison::In => self.contains(right, left)?,
			Comparison::NotIn => !self.contains(right, left)?,
		})
	}

	fn equal(&mut self, left: &Value, right: &Value) -> Result<bool, TemplateError> {
		self.spend(1)?;
		Ok(match (left, right) {
			(Value::Undefined, Value::Undefined) | (Value::None, Value::None) => true,
			(Value::Text(left), Value::Text(right)) => {
				self.spend(left.as_str().len().min(right.as_str().len()))?;
				left.as_str() == right.as_str()
			}
			(Value::List(left), Value::List(right)) if left.len() == right.len() => {
				for (left, right) in left.iter().zip(right.iter()) {
					if !self.equal(left, right)? {
						return Ok(false);
					}
				}
				true
			}
			(Value::Map(left), Value::Map(right)) if left.len() == right.len() => {
				for (key, left) in left.iter() {
					self.spend(right.len())?;
					match right.iter().find(|(name, _)| name == key) {
						Some((_, right)) if self.equal(left, right)? => (),
						_ => return Ok(false),
					}
				}
				true
			}
			_ => left.as_int().is_some() && left.as_int() == right.as_int(),
		})
	}

	pub fn contains(&mut self, container: &Value, value: &Value) -> Result<bool, TemplateError> {
		match (container, value) {
			(Value::Text(text), Value::Text(part)) => {
				self.spend(text.as_str().len())?;
				Ok(text.as_str().contains(part.as_str()))
			}
			(Value::List(items), value) => {
				for item in items.iter() {
					if self.equal(item, value)? {
						return Ok(true);
					}
				}
				Ok(false)
			}
			(Value::Map(entries), Value::Text(key)) => Ok(entries.iter().any(|(name, _)| **name == *key.as_str())),
			(Value::Undefined, _) => Ok(false),
			(container, value) => self.error(format!("{value} cannot be in {container}")),
		}
	}

	/// What a value prints.
	pub fn printed(&mut self, value: Value) -> Result<Rc<Text>, TemplateError> {
		let text = match value {
			Value::Text(text) => text,
			Value::Int(value) => Rc::new(Text::own(&value.to_string())),
			Value::Bool(value) => Rc::new(Text::own(if value { "True" } else { "False" })),
			Value::None => Rc::new(Text::own("None")),
			Value::Undefined => Rc::new(Text::default()),
			other => return self.unsupported(format!("printing {other}")),
		};
		self.spend(text.as_str().len())?;
		Ok(text)
	}
}

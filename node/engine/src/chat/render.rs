//! Runs a template's statements.

use super::ast::{For, Statement, Target};
use super::error::TemplateError;
use super::text::Text;
use super::value::{Loop, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an item of a list costs, beside its text.
pub(super) const ITEM_FUEL: usize = 16;

/// Runs statements with these variables and returns what they print. Every step and every byte of text that it handles
/// takes one unit of the fuel, which limits time and memory.
pub(super) fn render<'p>(
	statements: &'p [Statement],
	globals: impl IntoIterator<Item = (&'p str, Value)>,
	fuel: usize,
) -> Result<Text, TemplateError> {
	let mut renderer = Renderer { scopes: vec![globals.into_iter().collect()], out: Text::default(), fuel, line: 1 };
	renderer.run(statements)?;
	Ok(renderer.out)
}

/// Where it goes on behind statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
	Next,
	/// Behind the innermost loop.
	Break,
	/// At the next turn of the innermost loop.
	Continue,
}

pub(super) struct Renderer<'p> {
	/// The innermost last.
	scopes: Vec<BTreeMap<&'p str, Value>>,
	out: Text,
	fuel: usize,
	line: usize,
}

impl<'p> Renderer<'p> {
	pub fn error<T>(&self, what: impl Into<String>) -> Result<T, TemplateError> {
		Err(TemplateError::Value { line: self.line, what: what.into() })
	}

	pub fn unsupported<T>(&self, what: impl Into<String>) -> Result<T, TemplateError> {
		Err(TemplateError::Unsupported { line: self.line, what: what.into() })
	}

	pub fn spend(&mut self, fuel: usize) -> Result<(), TemplateError> {
		self.fuel = self.fuel.checked_sub(fuel).ok_or(TemplateError::OutOfFuel)?;
		Ok(())
	}

	pub fn variable(&self, name: &str) -> Value {
		self.scopes.iter().rev().find_map(|scope| scope.get(name).cloned()).unwrap_or(Value::Undefined)
	}

	fn run(&mut self, statements: &'p [Statement]) -> Result<Flow, TemplateError> {
		for statement in statements {
			self.spend(1)?;
			match statement {
				Statement::Data(data) => {
					self.spend(data.len())?;
					self.out.push(&Text::own(data));
				}
				Statement::Print(line, value) => {
					self.line = *line;
					let value = self.value(value)?;
					let text = self.printed(value)?;
					self.out.push(&text);
				}
				Statement::If(branches, otherwise) => {
					let mut chosen = otherwise;
					for (line, condition, body) in branches {
						self.line = *line;
						if self.value(condition)?.is_true() {
							chosen = body;
							break;
						}
					}
					let flow = self.run(chosen)?;
					if flow != Flow::Next {
						return Ok(flow);
					}
				}
				Statement::For(line, statement) => {
					self.line = *line;
					let flow = self.run_for(statement)?;
					if flow != Flow::Next {
						return Ok(flow);
					}
				}
				Statement::Break => return Ok(Flow::Break),
				Statement::Continue => return Ok(Flow::Continue),
				Statement::Set(line, target, value) => {
					self.line = *line;
					let value = self.value(value)?;
					self.assign(target, value)?;
				}
				Statement::Capture(line, target, body) => {
					let outer = std::mem::take(&mut self.out);
					let flow = self.run_scoped(BTreeMap::new(), body)?;
					let captured = std::mem::replace(&mut self.out, outer);
					self.line = *line;
					if flow != Flow::Next {
						return self.unsupported("a set that does not come to its end");
					}
					self.assign(target, Value::text(captured))?;
				}
			}
		}
		Ok(Flow::Next)
	}

	fn run_scoped(&mut self, scope: BTreeMap<&'p str, Value>, body: &'p [Statement]) -> Result<Flow, TemplateError> {
		self.scopes.push(scope);
		let flow = self.run(body)?;
		self.scopes.pop();
		Ok(flow)
	}

	/// Goes on behind the loop, unless what stands there if it has no items ends one around it.
	fn run_for(&mut self, statement: &'p For) -> Result<Flow, TemplateError> {
		let [target] = &statement.targets[..] else { return self.unsupported("a loop with several variables") };
		let mut items = match self.value(&statement.items)? {
			Value::List(items) => items,
			Value::Undefined => [].into(),
			Value::Map(entries) => {
				self.spend(entries.len().saturating_mul(ITEM_FUEL))?;
				entries.iter().map(|(key, _)| Value::own(key)).collect()
			}
			other => return self.error(format!("{other} has no items")),
		};
		if let Some(condition) = &statement.condition {
			let mut kept = Vec::new();
			for item in items.iter() {
				self.spend(ITEM_FUEL)?;
				self.scopes.push(BTreeMap::from([(target.as_str(), item.clone())]));
				if self.value(condition)?.is_true() {
					kept.push(item.clone());
				}
				self.scopes.pop();
			}
			items = kept.into();
		}
		// As in Jinja, a loop none of whose turns came to its end counts as one without items.
		let mut is_empty = true;
		for (at, item) in items.iter().enumerate() {
			self.spend(ITEM_FUEL)?;
			let state = Value::Loop(Rc::new(Loop { items: items.clone(), at }));
			let scope = BTreeMap::from([("loop", state), (target.as_str(), item.clone())]);
			match self.run_scoped(scope, &statement.body)? {
				Flow::Next => is_empty = false,
				Flow::Continue => (),
				Flow::Break => break,
			}
		}
		match is_empty {
			true => self.run(&statement.otherwise),
			false => Ok(Flow::Next),
		}
	}

	fn assign(&mut self, target: &'p Target, value: Value) -> Result<(), TemplateError> {
		match target {
			Target::Name(name) => {
				if let Some(scope) = self.scopes.last_mut() {
					scope.insert(name, value);
				}
				Ok(())
			}
			Target::Attribute(name, attribute) => match self.variable(name) {
				Value::Namespace(entries) => {
					let value = self.entry(value)?;
					self.spend(ITEM_FUEL)?;
					entries.borrow_mut().insert(attribute.clone(), value);
					Ok(())
				}
				other => self.error(format!("{other} has no attributes to set")),
			},
		}
	}

	/// The value, if a namespace may hold it.
	pub fn entry(&self, value: Value) -> Result<Value, TemplateError> {
		match value {
			Value::Namespace(_) => self.unsupported("a namespace in a namespace"),
			value => Ok(value),
		}
	}
}

//! What a template computes with.
//!
//! Nothing here can contain itself, and lists contain no lists: whatever a template does, values are a few levels deep.

use super::text::Text;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub(super) enum Value {
	Undefined,
	None,
	Bool(bool),
	Int(i64),
	Text(Rc<Text>),
	/// Of values that [`Value::is_item`] lets in.
	List(Rc<[Value]>),
	/// A message, or what a template wrote: keys and values, neither lists nor dictionaries.
	Map(Rc<[(Rc<str>, Value)]>),
	/// Holds no namespace.
	Namespace(Rc<RefCell<BTreeMap<String, Value>>>),
	/// The variable `loop`.
	Loop(Rc<Loop>),
}

/// Where a loop is.
#[derive(Clone, Debug)]
pub(super) struct Loop {
	pub items: Rc<[Value]>,
	pub at: usize,
}

impl Value {
	pub fn text(text: Text) -> Self {
		Self::Text(Rc::new(text))
	}

	pub fn own(text: &str) -> Self {
		Self::text(Text::own(text))
	}

	/// Whether a dictionary may contain it.
	pub fn is_scalar(&self) -> bool {
		self.is_item() && !matches!(self, Self::Map(_))
	}

	/// Whether a list may contain it.
	pub fn is_item(&self) -> bool {
		!matches!(self, Self::List(_) | Self::Namespace(_) | Self::Loop(_))
	}

	pub fn is_true(&self) -> bool {
		match self {
			Self::Undefined | Self::None => false,
			Self::Bool(value) => *value,
			Self::Int(value) => *value != 0,
			Self::Text(text) => !text.as_str().is_empty(),
			Self::List(items) => !items.is_empty(),
			Self::Map(entries) => !entries.is_empty(),
			Self::Namespace(_) | Self::Loop(_) => true,
		}
	}

	/// As a number, which Python's truth values are too.
	pub fn as_int(&self) -> Option<i64> {
		match self {
			Self::Int(value) => Some(*value),
			Self::Bool(value) => Some(i64::from(*value)),
			_ => None,
		}
	}

	pub fn get(&self, key: &str) -> Self {
		let found = match self {
			Self::Map(entries) => entries.iter().find(|(name, _)| **name == *key).map(|(_, value)| value.clone()),
			Self::Namespace(entries) => entries.borrow().get(key).cloned(),
			Self::Loop(state) => state.get(key),
			_ => None,
		};
		found.unwrap_or(Self::Undefined)
	}
}

impl Loop {
	fn get(&self, key: &str) -> Option<Value> {
		let Self { items, at } = self;
		let number = |value: usize| Some(Value::Int(value as i64));
		match key {
			"index" => number(at + 1),
			"index0" => number(*at),
			"revindex" => number(items.len() - at),
			"revindex0" => number(items.len() - at - 1),
			"first" => Some(Value::Bool(*at == 0)),
			"last" => Some(Value::Bool(at + 1 == items.len())),
			"length" => number(items.len()),
			"previtem" => items.get(at.checked_sub(1)?).cloned(),
			"nextitem" => items.get(at + 1).cloned(),
			_ => None,
		}
	}
}

/// What kind of value it is.
impl fmt::Display for Value {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Undefined => "a value that is not defined",
			Self::None => "none",
			Self::Bool(_) => "a truth value",
			Self::Int(_) => "a number",
			Self::Text(_) => "a text",
			Self::List(_) => "a list",
			Self::Map(_) => "a dictionary",
			Self::Namespace(_) => "a namespace",
			Self::Loop(_) => "a loop",
		})
	}
}

//! What a template is made of.
//!
//! Chains of operators are lists, so that the tree is only as high as its source is nested.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
	/// Text outside of tags.
	Data(String),
	/// `{{ value }}`
	Print(usize, Expr),
	/// Conditions with what follows from each, and what follows from none.
	If(Vec<(usize, Expr, Vec<Statement>)>, Vec<Statement>),
	For(usize, For),
	/// `set target = value`
	Set(usize, Target, Expr),
	/// `set target`, up to `endset`
	Capture(usize, Target, Vec<Statement>),
	/// Ends the innermost loop.
	Break,
	/// Ends the innermost loop's turn.
	Continue,
}

/// `for target in items if condition`, `else` if there are none
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct For {
	/// More than one is a tuple.
	pub targets: Vec<String>,
	pub items: Expr,
	pub condition: Option<Expr>,
	pub body: Vec<Statement>,
	pub otherwise: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
	Name(String),
	/// An attribute of a namespace.
	Attribute(String, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
	None,
	Bool(bool),
	Int(i64),
	Text(String),
	Name(String),
	/// A list, or a tuple, which only differ where they are printed.
	List(Vec<Expr>),
	/// Keys and values.
	Map(Vec<(Expr, Expr)>),
	/// Is an error when it is reached.
	Unsupported(&'static str),
	/// `name(arguments)`
	Call(String, Arguments),
	Postfix(Box<Expr>, Vec<Step>),
	Not(Box<Expr>),
	Negative(Box<Expr>),
	/// The first that is true, or the last.
	Or(Vec<Expr>),
	/// The first that is false, or the last.
	And(Vec<Expr>),
	/// Each pair of neighbours compared.
	Compare(Box<Expr>, Vec<(Comparison, Expr)>),
	/// Operators of one precedence, from left to right.
	Chain(Box<Expr>, Vec<(Operator, Expr)>),
	If(Box<Choice>),
}

/// `then if condition else otherwise`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
	pub condition: Expr,
	pub then: Expr,
	pub otherwise: Option<Expr>,
}

/// What can stand behind a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
	Attribute(String),
	Item(Expr),
	/// From, to, and every how many.
	Slice(Option<Expr>, Option<Expr>, Option<Expr>),
	Method(String, Arguments),
	Filter(String, Arguments),
	/// `is`, or `is not`
	Test(String, Arguments, bool),
	/// Is an error when it is reached.
	Unsupported(&'static str),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
	pub positional: Vec<Expr>,
	pub named: Vec<(String, Expr)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
	Equal,
	NotEqual,
	Less,
	LessOrEqual,
	Greater,
	GreaterOrEqual,
	In,
	NotIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
	Add,
	Subtract,
	Join,
	Multiply,
	Divide,
	FloorDivide,
	Remainder,
	Power,
}

impl fmt::Display for Operator {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Add => "+",
			Self::Subtract => "-",
			Self::Join => "~",
			Self::Multiply => "*",
			Self::Divide => "/",
			Self::FloorDivide => "//",
			Self::Remainder => "%",
			Self::Power => "**",
		})
	}
}

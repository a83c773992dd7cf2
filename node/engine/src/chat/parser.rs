//! A template's source as statements.
//!
//! All of Jinja's expressions are read, and the tags that chat templates use; what has no value here is refused where it
//! is reached, since most of it stands in branches for tools.

use super::ast::{Arguments, Choice, Comparison, Expr, For, Operator, Statement, Step, Target};
use super::error::TemplateError;
use super::lexer::{tokens, Token};
use std::iter::Peekable;
use std::vec::IntoIter;

/// How deep tags and expressions may stand in each other. Each level is a few calls, here and when it is rendered.
const MAX_DEPTH: usize = 48;

/// The statements of a source.
pub(super) fn parse(source: &str) -> Result<Vec<Statement>, TemplateError> {
	let mut parser = Parser { tokens: tokens(source)?.into_iter().peekable(), line: 1, depth: 0, loops: 0 };
	let (statements, end) = parser.statements(&[])?;
	debug_assert_eq!(end, "");
	Ok(statements)
}

struct Parser {
	tokens: Peekable<IntoIter<(Token, usize)>>,
	/// Of the last token.
	line: usize,
	depth: usize,
	/// How many loops are open.
	loops: usize,
}

type Parsed<T> = Result<T, TemplateError>;

impl Parser {
	fn error<T>(&self, what: impl Into<String>) -> Parsed<T> {
		Err(TemplateError::Syntax { line: self.line, what: what.into() })
	}

	fn unsupported<T>(&self, what: impl Into<String>) -> Parsed<T> {
		Err(TemplateError::Unsupported { line: self.line, what: what.into() })
	}

	fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
		if self.depth == MAX_DEPTH {
			return Err(TemplateError::TooLarge("nested too deeply"));
		}
		self.depth += 1;
		let parsed = parse(self);
		self.depth -= 1;
		parsed
	}

	fn next(&mut self) -> Option<Token> {
		let (token, line) = self.tokens.next()?;
		self.line = line;
		Some(token)
	}

	fn peek(&mut self) -> Option<&Token> {
		self.tokens.peek().map(|(token, _)| token)
	}

	fn take(&mut self, token: &Token) -> bool {
		let there = self.peek() == Some(token);
		if there {
			self.next();
		}
		there
	}

	fn symbol(&mut self, symbol: &'static str) -> bool {
		self.take(&Token::Symbol(symbol))
	}

	fn word(&mut self, word: &str) -> bool {
		let there = matches!(self.peek(), Some(Token::Name(name)) if name == word);
		if there {
			self.next();
		}
		there
	}

	fn expect(&mut self, token: Token) -> Parsed<()> {
		match self.next() {
			Some(found) if found == token => Ok(()),
			found => self.error(format!("{found:?} stands where {token:?} should")),
		}
	}

	fn expect_symbol(&mut self, symbol: &'static str) -> Parsed<()> {
		self.expect(Token::Symbol(symbol))
	}

	fn name(&mut self) -> Parsed<String> {
		match self.next() {
			Some(Token::Name(name)) => Ok(name),
			found => self.error(format!("{found:?} stands where a name should")),
		}
	}

	fn end_block(&mut self) -> Parsed<()> {
		self.expect(Token::BlockEnd)
	}

	/// Statements up to a tag with one of these names, which is taken, as is its name. Without names, all there are.
	fn statements(&mut self, ends: &[&str]) -> Parsed<(Vec<Statement>, String)> {
		let mut statements = Vec::new();
		while let Some(token) = self.next() {
			match token {
				Token::Data(data) => statements.push(Statement::Data(data)),
				Token::PrintBegin => {
					let value = self.expression()?;
					statements.push(Statement::Print(self.line, value));
					self.expect(Token::PrintEnd)?;
				}
				_ => {
					let tag = self.name()?;
					if ends.contains(&tag.as_str()) {
						return Ok((statements, tag));
					}
					self.deeper(|parser| parser.tag(&tag, &mut statements))?;
				}
			}
		}
		match ends.is_empty() {
			true => Ok((statements, String::new())),
			false => self.error(format!("{} is missing", ends.join(" or "))),
		}
	}

	fn tag(&mut self, tag: &str, statements: &mut Vec<Statement>) -> Parsed<()> {
		match tag {
			"if" => statements.push(self.if_tag()?),
			"for" => statements.push(self.for_tag()?),
			"set" => statements.push(self.set_tag()?),
			"macro" => {
				// Calls of it are refused where they are reached.
				self.name()?;
				self.expect_symbol("(")?;
				self.arguments()?;
				self.end_block()?;
				let outer = std::mem::take(&mut self.loops);
				self.statements(&["endmacro"])?;
				self.loops = outer;
				self.end_block()?;
			}
			"generation" => {
				self.end_block()?;
				statements.extend(self.statements(&["endgeneration"])?.0);
				self.end_block()?;
			}
			"break" | "continue" => {
				if self.loops == 0 {
					return self.error(format!("{tag} stands outside of loops"));
				}
				self.end_block()?;
				statements.push(if tag == "break" { Statement::Break } else { Statement::Continue });
			}
			"elif" | "else" | "endif" | "endfor" | "endset" | "endmacro" | "endgeneration" => {
				return self.error(format!("{tag} has no beginning"))
			}
			other => return self.unsupported(format!("the tag {other}")),
		}
		Ok(())
	}

	fn if_tag(&mut self) -> Parsed<Statement> {
		let mut branches = Vec::new();
		loop {
			let condition = self.expression()?;
			let line = self.line;
			self.end_block()?;
			let (body, end) = self.statements(&["elif", "else", "endif"])?;
			branches.push((line, condition, body));
			let otherwise = match end.as_str() {
				"elif" => continue,
				"else" => {
					self.end_block()?;
					self.statements(&["endif"])?.0
				}
				_ => Vec::new(),
			};
			self.end_block()?;
			return Ok(Statement::If(branches, otherwise));
		}
	}

	fn for_tag(&mut self) -> Parsed<Statement> {
		let mut targets = vec![self.name()?];
		while self.symbol(",") {
			targets.push(self.name()?);
		}
		if !self.word("in") {
			return self.error("a loop has no in");
		}
		// A condition behind it is the loop's.
		let items = self.or()?;
		let line = self.line;
		let condition = if self.word("if") { Some(self.expression()?) } else { None };
		if self.word("recursive") {
			return self.unsupported("recursive loops");
		}
		self.end_block()?;
		self.loops += 1;
		let (body, end) = self.statements(&["else", "endfor"])?;
		self.loops -= 1;
		let otherwise = match end.as_str() {
			"else" => {
				self.end_block()?;
				self.statements(&["endfor"])?.0
			}
			_ => Vec::new(),
		};
		self.end_block()?;
		Ok(Statement::For(line, For { targets, items, condition, body, otherwise }))
	}

	fn set_tag(&mut self) -> Parsed<Statement> {
		let name = self.name()?;
		let target = match self.symbol(".") {
			true => Target::Attribute(name, self.name()?),
			false => Target::Name(name),
		};
		let line = self.line;
		if self.symbol("=") {
			let value = self.expression()?;
			self.end_block()?;
			return Ok(Statement::Set(line, target, value));
		}
		if !self.take(&Token::BlockEnd) {
			return self.unsupported("set with several names or a filter");
		}
		let (body, _) = self.statements(&["endset"])?;
		self.end_block()?;
		Ok(Statement::Capture(line, target, body))
	}

	fn expression(&mut self) -> Parsed<Expr> {
		self.deeper(|parser| {
			let then = parser.or()?;
			if !parser.word("if") {
				return Ok(then);
			}
			let condition = parser.or()?;
			let otherwise = if parser.word("else") { Some(parser.expression()?) } else { None };
			Ok(Expr::If(Box::new(Choice { condition, then, otherwise })))
		})
	}

	fn or(&mut self) -> Parsed<Expr> {
		let mut values = vec![self.and()?];
		while self.word("or") {
			values.push(self.and()?);
		}
		Ok(only(values, Expr::Or))
	}

	fn and(&mut self) -> Parsed<Expr> {
		let mut values = vec![self.not()?];
		while self.word("and") {
			values.push(self.not()?);
		}
		Ok(only(values, Expr::And))
	}

	fn not(&mut self) -> Parsed<Expr> {
		match self.word("not") {
			true => self.deeper(|parser| Ok(Expr::Not(Box::new(parser.not()?)))),
			false => self.compare(),
		}
	}

	fn compare(&mut self) -> Parsed<Expr> {
		let first = self.chain(0)?;
		let mut others = Vec::new();
		while let Some(comparison) = self.comparison()? {
			others.push((comparison, self.chain(0)?));
		}
		Ok(if others.is_empty() { first } else { Expr::Compare(Box::new(first), others) })
	}

	fn comparison(&mut self) -> Parsed<Option<Comparison>> {
		const SYMBOLS: [(&str, Comparison); 6] = [
			("==", Comparison::Equal),
			("!=", Comparison::NotEqual),
			("<", Comparison::Less),
			("<=", Comparison::LessOrEqual),
			(">", Comparison::Greater),
			(">=", Comparison::GreaterOrEqual),
		];
		if let Some((_, comparison)) = SYMBOLS.into_iter().find(|(symbol, _)| self.symbol(symbol)) {
			return Ok(Some(comparison));
		}
		if self.word("in") {
			return Ok(Some(Comparison::In));
		}
		if self.word("not") {
			return match self.word("in") {
				true => Ok(Some(Comparison::NotIn)),
				false => self.error("not stands between two values"),
			};
		}
		Ok(None)
	}

	/// Operators of a precedence or a higher one.
	fn chain(&mut self, precedence: usize) -> Parsed<Expr> {
		const OPERATORS: [&[(&str, Operator)]; 4] = [
			&[("+", Operator::Add), ("-", Operator::Subtract)],
			&[("~", Operator::Join)],
			&[
				("*", Operator::Multiply),
				("/", Operator::Divide),
				("//", Operator::FloorDivide),
				("%", Operator::Remainder),
			],
			&[("**", Operator::Power)],
		];
		let Some(operators) = OPERATORS.get(precedence) else { return self.unary(true) };
		let first = self.chain(precedence + 1)?;
		let mut others = Vec::new();
		while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.symbol(symbol)) {
			others.push((*operator, self.chain(precedence + 1)?));
		}
		Ok(if others.is_empty() { first } else { Expr::Chain(Box::new(first), others) })
	}

	fn unary(&mut self, with_filters: bool) -> Parsed<Expr> {
		let value = if self.symbol("-") {
			self.deeper(|parser| Ok(Expr::Negative(Box::new(parser.unary(false)?))))?
		} else if self.symbol("+") {
			let value = self.deeper(|parser| parser.unary(false))?;
			Expr::Chain(Box::new(Expr::Int(0)), vec![(Operator::Add, value)])
		} else {
			self.primary()?
		};
		self.steps(value, with_filters)
	}

	fn steps(&mut self, value: Expr, with_filters: bool) -> Parsed<Expr> {
		let mut steps = Vec::new();
		while let Some(step) = self.step(with_filters)? {
			steps.push(step);
		}
		Ok(if steps.is_empty() { value } else { Expr::Postfix(Box::new(value), steps) })
	}

	fn primary(&mut self) -> Parsed<Expr> {
		match self.next() {
			Some(Token::Int(value)) => Ok(Expr::Int(value)),
			Some(Token::Float) => Ok(Expr::Unsupported("numbers that are not whole")),
			Some(Token::Text(mut text)) => {
				while let Some(Token::Text(more)) = self.peek() {
					text.push_str(more);
					self.next();
				}
				Ok(Expr::Text(text))
			}
			Some(Token::Name(name)) => match name.as_str() {
				"true" | "True" => Ok(Expr::Bool(true)),
				"false" | "False" => Ok(Expr::Bool(false)),
				"none" | "None" => Ok(Expr::None),
				_ if self.symbol("(") => Ok(Expr::Call(name, self.arguments()?)),
				_ => Ok(Expr::Name(name)),
			},
			Some(Token::Symbol("(")) => {
				if self.symbol(")") {
					return Ok(Expr::List(Vec::new()));
				}
				let value = self.expression()?;
				if self.symbol(",") {
					let mut values = vec![value];
					values.extend(self.list(")")?);
					return Ok(Expr::List(values));
				}
				self.expect_symbol(")")?;
				Ok(value)
			}
			Some(Token::Symbol("[")) => Ok(Expr::List(self.list("]")?)),
			Some(Token::Symbol("{")) => {
				let mut entries = Vec::new();
				while !self.symbol("}") {
					let key = self.expression()?;
					self.expect_symbol(":")?;
					entries.push((key, self.expression()?));
					if !self.symbol(",") {
						self.expect_symbol("}")?;
						break;
					}
				}
				Ok(Expr::Map(entries))
			}
			found => self.error(format!("{found:?} stands where a value should")),
		}
	}

	/// Values up to the end, which is taken.
	fn list(&mut self, end: &'static str) -> Parsed<Vec<Expr>> {
		let mut values = Vec::new();
		while !self.symbol(end) {
			values.push(self.expression()?);
			if !self.symbol(",") {
				self.expect_symbol(end)?;
				break;
			}
		}
		Ok(values)
	}

	/// What stands behind a value; filters and tests only where they may.
	fn step(&mut self, with_filters: bool) -> Parsed<Option<Step>> {
		if self.symbol(".") {
			if let Some(Token::Int(index)) = self.peek() {
				let index = *index;
				self.next();
				return Ok(Some(Step::Item(Expr::Int(index))));
			}
			let name = self.name()?;
			return Ok(Some(match self.symbol("(") {
				true => Step::Method(name, self.arguments()?),
				false => Step::Attribute(name),
			}));
		}
		if self.symbol("[") {
			return self.subscript().map(Some);
		}
		if self.symbol("(") {
			self.arguments()?;
			return Ok(Some(Step::Unsupported("calls of values")));
		}
		if !with_filters {
			return Ok(None);
		}
		if self.symbol("|") {
			let name = self.name()?;
			let arguments = if self.symbol("(") { self.arguments()? } else { Arguments::default() };
			return Ok(Some(Step::Filter(name, arguments)));
		}
		match self.word("is") {
			true => self.test().map(Some),
			false => Ok(None),
		}
	}

	fn subscript(&mut self) -> Parsed<Step> {
		let border = |parser: &mut Self| match parser.peek() {
			Some(Token::Symbol(":" | "]")) => Ok(None),
			_ => parser.expression().map(Some),
		};
		let start = border(self)?;
		if !self.symbol(":") {
			self.expect_symbol("]")?;
			return match start {
				Some(index) => Ok(Step::Item(index)),
				None => self.error("an index is missing"),
			};
		}
		let end = border(self)?;
		let step = if self.symbol(":") { border(self)? } else { None };
		self.expect_symbol("]")?;
		Ok(Step::Slice(start, end, step))
	}

	fn test(&mut self) -> Parsed<Step> {
		let negated = self.word("not");
		let name = self.name()?;
		let mut arguments = Arguments::default();
		if self.symbol("(") {
			arguments = self.arguments()?;
		} else {
			let follows = match self.peek() {
				Some(Token::Name(name)) => !matches!(name.as_str(), "else" | "or" | "and" | "is" | "if" | "in" | "not"),
				Some(Token::Text(_) | Token::Int(_) | Token::Symbol("[" | "{")) => true,
				_ => false,
			};
			if follows {
				let value = self.primary()?;
				arguments.positional.push(self.steps(value, false)?);
			}
		}
		Ok(Step::Test(name, arguments, negated))
	}

	/// Arguments up to the closing parenthesis, which is taken.
	fn arguments(&mut self) -> Parsed<Arguments> {
		let mut arguments = Arguments::default();
		while !self.symbol(")") {
			match self.expression()? {
				Expr::Name(name) if self.symbol("=") => arguments.named.push((name, self.expression()?)),
				_ if !arguments.named.is_empty() => return self.error("an argument without a name follows one with"),
				value => arguments.positional.push(value),
			}
			if !self.symbol(",") {
				self.expect_symbol(")")?;
				break;
			}
		}
		Ok(arguments)
	}
}

/// The value itself, if there is only one.
fn only(mut values: Vec<Expr>, several: fn(Vec<Expr>) -> Expr) -> Expr {
	match values.len() {
		1 => values.remove(0),
		_ => several(values),
	}
}

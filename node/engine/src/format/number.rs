//! Decimal numbers within a range.
//!
//! A number is written as JSON writes it, without an exponent: `-` before what is less than zero, digits without a
//! needless zero before them, and from none to all of its decimals behind a point. Zeros at the end may be left out.

use super::expr::Expr;

/// The numbers from `min` to `max`, both times 10^`decimals`.
pub(super) fn range(min: i128, max: i128, decimals: u32) -> Expr {
	let negative = (min < 0).then(|| magnitude(max.min(-1).unsigned_abs(), min.unsigned_abs(), decimals));
	let other = (max >= 0).then(|| magnitude(min.max(0).unsigned_abs(), max.unsigned_abs(), decimals));
	let negative = negative.map(|magnitude| Expr::concat([Expr::text("-"), magnitude]));
	Expr::either(negative.into_iter().chain(other))
}

/// How many bytes the longest spelling of a number of the range has.
pub(super) fn longest(min: i128, max: i128, decimals: u32) -> u32 {
	let fraction = if decimals == 0 { 0 } else { decimals + 1 };
	let whole = |value: u128| digits(value / 10_u128.pow(decimals));
	let negative = (min < 0).then(|| 1 + whole(min.unsigned_abs()));
	let other = (max >= 0).then(|| whole(max.unsigned_abs()));
	negative.max(other).map_or(0, |whole| whole + fraction)
}

/// The value of a number's text, times 10^`decimals`; a space before it has no meaning. None if it is no such text.
pub(crate) fn parse(text: &str, decimals: u8) -> Option<i64> {
	let text = text.strip_prefix(' ').unwrap_or(text);
	let (magnitude, is_negative) = match text.strip_prefix('-') {
		Some(magnitude) => (magnitude, true),
		None => (text, false),
	};
	let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
	let zeros = usize::from(decimals).checked_sub(fraction.len())?;
	let mut value = 0_i64;
	for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', zeros)) {
		let digit = i64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
		value = value.checked_mul(10)?.checked_add(if is_negative { -digit } else { digit })?;
	}
	(!whole.is_empty()).then_some(value)
}

fn digits(value: u128) -> u32 {
	value.checked_ilog10().unwrap_or(0) + 1
}

/// The numbers from `low` to `high` without a sign.
fn magnitude(low: u128, high: u128, decimals: u32) -> Expr {
	let unit = 10_u128.pow(decimals);
	let (mut options, mut whole) = (Vec::new(), digits(low / unit));
	let longest = digits(high / unit);
	let of = |whole| Digits { whole, count: whole + decimals };
	while whole <= longest {
		let (least, greatest) =
			(if whole == 1 { 0 } else { 10_u128.pow(whole - 1) * unit }, 10_u128.pow(whole) * unit - 1);
		let part = of(whole);
		if whole > 1 && low <= least && whole + 1 < longest {
			// All numbers of several lengths.
			let more = Expr::repeat(Expr::bytes(b'0', b'9'), whole - 1, Some(longest - 2));
			options.push(Expr::concat([Expr::bytes(b'1', b'9'), more, of(0).any(0)]));
			whole = longest;
			continue;
		}
		let [low, high] = [low.max(least), high.min(greatest)].map(|value| part.of(value));
		options.push(part.tail(0, Some(&low), Some(&high)));
		whole += 1;
	}
	Expr::either(options)
}

/// Numbers with so many digits before the point and so many in all.
struct Digits {
	whole: u32,
	count: u32,
}

impl Digits {
	/// The digits of a number.
	fn of(&self, value: u128) -> Vec<u8> {
		(0..self.count).rev().map(|power| (value / 10_u128.pow(power) % 10) as u8).collect()
	}

	/// What may follow the first digits, `at` of them, if these are those of the bounds that are given.
	fn tail(&self, at: u32, low: Option<&[u8]>, high: Option<&[u8]>) -> Expr {
		let index = at as usize;
		let (Some(first), Some(last)) = (bound(low, index, 0), bound(high, index, 9)) else { return Expr::Empty };
		if low.is_none() && high.is_none() {
			return self.any(at);
		}
		let next = |digits: [u8; 2], tail| Expr::concat([Expr::bytes(b'0' + digits[0], b'0' + digits[1]), tail]);
		let mut options = Vec::new();
		if low.is_some() && high.is_some() && first == last {
			options.push(next([first, first], self.tail(at + 1, low, high)));
		} else {
			let from = first + u8::from(low.is_some());
			let end = last + u8::from(high.is_none());
			options.extend(low.map(|low| next([first, first], self.tail(at + 1, Some(low), None))));
			if from < end {
				options.push(next([from, end - 1], self.any(at + 1)));
			}
			options.extend(high.map(|high| next([last, last], self.tail(at + 1, None, Some(high)))));
		}
		let may_end = at >= self.whole && low.is_none_or(|low| low[index..].iter().all(|digit| *digit == 0));
		let point = if at == self.whole { Expr::text(".") } else { Expr::Empty };
		let more = Expr::concat([point, Expr::either(options)]);
		if may_end {
			Expr::optional(more)
		} else {
			more
		}
	}

	/// What may follow the first digits if any may.
	fn any(&self, at: u32) -> Expr {
		let digit = || Expr::bytes(b'0', b'9');
		if at > self.whole {
			return Expr::repeat(digit(), 0, Some(self.count - at));
		}
		let decimals = self.count - self.whole;
		let whole = Expr::repeat(digit(), self.whole - at, Some(self.whole - at));
		if decimals == 0 {
			return whole;
		}
		let fraction = Expr::concat([Expr::text("."), Expr::repeat(digit(), 1, Some(decimals))]);
		Expr::concat([whole, Expr::optional(fraction)])
	}
}

/// A digit of a bound, or `open` if there is none; nothing behind the last digit.
fn bound(digits: Option<&[u8]>, at: usize, open: u8) -> Option<u8> {
	digits.map_or(Some(open), |digits| digits.get(at).copied())
}

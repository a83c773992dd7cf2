//! The date that a template asks for.

/// What `strftime_now` makes of a format: always midnight of Thursday, 1 January 2026, since answers must not depend on when
/// they are computed. Nothing where the format has a part that is not known here.
pub(super) fn strftime(format: &str) -> Option<String> {
	let mut text = String::new();
	let mut signs = format.chars();
	while let Some(sign) = signs.next() {
		if sign != '%' {
			text.push(sign);
			continue;
		}
		text.push_str(match signs.next()? {
			'Y' => "2026",
			'y' => "26",
			'm' | 'd' => "01",
			'B' => "January",
			'b' => "Jan",
			'A' => "Thursday",
			'a' => "Thu",
			'H' | 'M' | 'S' => "00",
			'%' => "%",
			_ => return None,
		});
	}
	Some(text)
}

//! Amounts of the token, as people write them.

use sibyl_primitives::Balance;
use sibyl_runtime::constants::SIB;

/// An amount, in SIB, without zeros that say nothing.
pub fn sib(amount: Balance) -> String {
	format!("{} SIB", decimal(amount))
}

/// The same, without the token's name.
pub fn decimal(amount: Balance) -> String {
	let digits = SIB.ilog10() as usize;
	let rest = format!("{:0digits$}", amount % SIB);
	match rest.trim_end_matches('0') {
		"" => (amount / SIB).to_string(),
		rest => format!("{}.{rest}", amount / SIB),
	}
}

/// An amount in SIB, with up to twelve digits behind the point, in the smallest unit.
pub fn parse_sib(text: &str) -> Result<Balance, String> {
	let wrong = || "expected an amount in SIB, as 1 or 0.25".to_string();
	let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
	let digits = SIB.ilog10() as usize;
	let is_amount =
		!text.is_empty() && [whole, rest].iter().all(|part| part.bytes().all(|digit| digit.is_ascii_digit()));
	if !is_amount || rest.len() > digits || whole.len() + rest.len() == 0 {
		return Err(wrong());
	}
	format!("{whole}{rest:0<digits$}").parse().map_err(|_| "there can't be so many SIB".into())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_amount_is_written_to_its_last_digit_and_no_further() {
		assert_eq!(sib(0), "0 SIB");
		assert_eq!(sib(SIB), "1 SIB");
		assert_eq!(sib(SIB / 4), "0.25 SIB");
		assert_eq!(sib(3 * SIB + 1), "3.000000000001 SIB");
	}

	#[test]
	fn an_amount_is_read_to_the_last_unit() {
		assert_eq!(parse_sib("1"), Ok(SIB));
		assert_eq!(parse_sib("0.25"), Ok(SIB / 4));
		assert_eq!(parse_sib(".000000000001"), Ok(1));
		for wrong in ["", "-1", "1,5", "one", "0.0000000000001", "1e3", "."] {
			assert!(parse_sib(wrong).is_err(), "{wrong}");
		}
		assert!(parse_sib(&"9".repeat(38)).is_err_and(|error| error.contains("so many")));
	}
}

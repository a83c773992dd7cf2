//! `models price`

use super::{
	manifest::{check_price, parse_share, price_in_words},
	own_model, ModelsError,
};
use crate::{
	amount::parse_sib,
	show::printable,
	validator::{announce, carry_out, SignedOptions, Step},
	Error,
};
use pallet_models::Call;
use sibyl_primitives::{price::ModelPrice, Balance};
use sp_runtime::Percent;

/// `models price`
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("changed").args(["base", "unit", "author_share"]).required(true).multiple(true))]
pub struct PriceCommand {
	/// The model's name.
	#[arg(value_name = "NAME")]
	model: String,

	/// What a seat gets for each job, in SIB.
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	base: Option<Balance>,

	/// What a seat gets beside that for each byte of input and each unit of output, in SIB.
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	unit: Option<Balance>,

	/// What the author gets beside, in a hundred of what seats are paid: 0 to 20.
	#[arg(long, value_name = "PERCENT", value_parser = parse_share)]
	author_share: Option<Percent>,

	#[command(flatten)]
	options: SignedOptions,
}

impl PriceCommand {
	/// Changes it, and waits until that is final.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.options.node.connect().await?;
		let requester = self.options.signer.signer()?;
		let account = requester.account();
		let (model, registration) = own_model(&node, &self.model, &account).await?;
		let (price, name) = (self.after(registration.price), printable(&model.name));
		check_price(&price)?;
		if price == registration.price {
			return Err(ModelsError::SamePrice { name }.into());
		}
		let what = format!("have later jobs of {name} cost {}", price_in_words(&price));
		announce(&node, &self.options.signer, &account, [what.as_str()]).await?;
		carry_out(&node, &requester, vec![Step::new(what, Call::update_price { model: model.id, price })]).await?;
		println!("Jobs of {name} cost that from now on; those that are open cost what they did.");
		Ok(())
	}

	/// The price with what was given in place of what it is.
	fn after(&self, price: ModelPrice) -> ModelPrice {
		ModelPrice {
			base: self.base.unwrap_or(price.base),
			unit: self.unit.unwrap_or(price.unit),
			author_share: self.author_share.unwrap_or(price.author_share),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	#[derive(clap::Parser)]
	struct Line {
		#[command(flatten)]
		price: PriceCommand,
	}

	fn parse(flags: &str) -> Result<PriceCommand, clap::Error> {
		let line = format!("price tiny {flags}");
		Line::try_parse_from(line.split_whitespace()).map(|line| line.price)
	}

	#[test]
	fn what_is_not_given_of_a_price_stays_as_it_is_and_something_must_be_given() {
		let before = ModelPrice { base: 5, unit: 7, author_share: Percent::from_percent(3) };
		let after = |flags: &str| parse(flags).expect("the flags are valid").after(before);
		assert_eq!(after("--base 0.5"), ModelPrice { base: 500_000_000_000, ..before });
		assert_eq!(after("--unit 0"), ModelPrice { unit: 0, ..before });
		let share = Percent::from_percent(20);
		assert_eq!(after("--author-share 20 --unit 0"), ModelPrice { unit: 0, author_share: share, ..before });
		for wrong in ["", "--base -1", "--author-share 21", "--unit x"] {
			assert!(parse(wrong).is_err(), "{wrong}");
		}
	}
}

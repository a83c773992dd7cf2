//! `models retire`

use super::{manifest::would_be_refused, own_model};
use crate::{
	show::printable,
	sib,
	validator::{announce, carry_out, SignedOptions, Step},
	Error,
};
use pallet_models::{Call, Error as Refusal};
use sibyl_primitives::model::ModelState;
use sibyl_runtime::Runtime;

/// `models retire`
#[derive(Debug, clap::Args)]
pub struct RetireCommand {
	/// The model's name.
	#[arg(value_name = "NAME")]
	model: String,

	#[command(flatten)]
	options: SignedOptions,
}

impl RetireCommand {
	/// Takes it back, waits until that is final, and says when the deposit comes back.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.options.node.connect().await?;
		let requester = self.options.signer.signer()?;
		let account = requester.account();
		let (model, registration) = own_model(&node, &self.model, &account).await?;
		if registration.state == ModelState::Retired {
			return Err(would_be_refused(Refusal::<Runtime>::ModelRetired));
		}
		let (name, deposit) = (printable(&model.name), sib(registration.deposit));
		let what = format!("retire {name}, which can't be taken back: it takes no more jobs, and {deposit} come back");
		announce(&node, &self.options.signer, &account, [what.as_str()]).await?;
		carry_out(&node, &requester, vec![Step::new(what, Call::retire { model: model.id })]).await?;
		match registration.jobs {
			0 => println!("{name} is forgotten, and {deposit} are back."),
			jobs => println!(
				"{name} takes no more jobs. When the chain has forgotten the {jobs} that it knows, hours after the last one's \
				 end, {deposit} come back by themselves."
			),
		}
		Ok(())
	}
}

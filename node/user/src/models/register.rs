//! `models register`

use super::{
	manifest::{check_manifest, deposit, price_in_words, read, would_be_refused},
	ModelsError,
};
use crate::{
	show::printable,
	sib,
	submission::Submitter,
	validator::{announce, carry_out, SignedOptions, State, Step},
	Error,
};
use pallet_models::{Call, Error as Refusal, Models, Names};
use sibyl_primitives::model::{ModelId, ModelManifest, ModelRevision};
use sibyl_rpc_types::address;
use sibyl_runtime::{constants::MILLI_SIB, Runtime, RuntimeCall};
use std::path::PathBuf;

/// The least that an account may have.
const KEPT: u128 = MILLI_SIB;

/// `models register`
#[derive(Debug, clap::Args)]
pub struct RegisterCommand {
	/// The manifest, as 'models manifest' writes it.
	#[arg(value_name = "MANIFEST")]
	manifest: PathBuf,

	#[command(flatten)]
	options: SignedOptions,
}

impl RegisterCommand {
	/// Registers it, waits until that is final, and says what comes next.
	pub async fn run(&self) -> Result<(), Error> {
		let manifest = read(&self.manifest)?;
		check_manifest(&manifest)?;
		let node = self.options.node.connect().await?;
		let requester = self.options.signer.signer()?;
		let account = requester.account();
		let (id, name, held) = (manifest.revision.id(), manifest.revision.name.to_string_lossy(), deposit(&manifest));
		let state = State::best(&node).await?;
		ensure_new(&state, &manifest, id).await?;
		let call: RuntimeCall = Call::register { manifest: Box::new(manifest.clone()) }.into();
		let fee = Submitter::new(requester.clone()).fee(&node, call.clone()).await?;
		let (free, needed) = (state.free_balance(&account).await?, held.saturating_add(fee).saturating_add(KEPT));
		if free < needed {
			return Err(ModelsError::TooFewTokens { account: address(&account), free, needed }.into());
		}
		let steps = [
			format!("register {name} as {id:?}, licence {}", printable(&manifest.revision.licence.to_string_lossy())),
			format!("hold a deposit of {}, which comes back when the model is retired and forgotten", sib(held)),
			format!("have its jobs cost {}", price_in_words(&manifest.price)),
		];
		announce(&node, &self.options.signer, &account, steps.iter().map(String::as_str)).await?;
		carry_out(&node, &requester, vec![Step::new("register", call)]).await?;
		println!("{name} is registered as {id:?}.");
		println!(
			"It takes jobs as soon as validators with a third of the stake serve it: those that want to need its files, \
			 which 'sibyl-node models add FILE' puts in place, also while their node runs."
		);
		println!("'sibyl-node models list --url' says how much of the stake there is.");
		Ok(())
	}
}

/// Whether neither the model nor its name is there.
async fn ensure_new(state: &State<'_>, manifest: &ModelManifest, id: ModelId) -> Result<(), Error> {
	let known: Option<ModelRevision> = state.get("Models.Models", Models::<Runtime>::hashed_key_for(id)).await?;
	if known.is_some() {
		return Err(would_be_refused(Refusal::<Runtime>::AlreadyRegistered));
	}
	let name = Names::<Runtime>::hashed_key_for(&manifest.revision.name);
	let taken: Option<ModelId> = state.get("Models.Names", name).await?;
	taken.map_or(Ok(()), |_| Err(would_be_refused(Refusal::<Runtime>::NameTaken)))
}

//! `sibyl-node models`, as far as it is about a network's models: an author registers them, sets their price, takes them
//! back.

mod error;
mod list;
mod manifest;
mod price;
mod register;
mod retire;

pub use error::ModelsError;
pub use list::ListOfNetwork;
#[cfg(test)]
pub(crate) use manifest::price_in_words;
pub use manifest::{check_manifest, deposit, parse_share};

use crate::{connection::Connection, question, validator::State, Error};
use pallet_models::Registrations;
use sibyl_primitives::{model::Registration, AccountId};
use sibyl_rpc_types::{address, Model};
use sibyl_runtime::Runtime;

/// What an author does with a network's models.
#[derive(Debug, clap::Subcommand)]
pub enum AuthorCommand {
	/// Register a model with a network, for a deposit: 'models manifest' makes the manifest.
	#[command(after_help = "Example:\n  sibyl-node models register manifest.json --suri-file my-secret")]
	Register(register::RegisterCommand),

	/// Change what a model's jobs cost from now on; what is not given stays as it is. Only its author may.
	#[command(
		after_help = "Example:\n  sibyl-node models price my-model --base 0.002 --author-share 15 --suri-file my-secret"
	)]
	Price(price::PriceCommand),

	/// Take a model back: it takes no more jobs, and its deposit comes back with its last one. Only its author may.
	#[command(after_help = "Example:\n  sibyl-node models retire my-model --suri-file my-secret")]
	Retire(retire::RetireCommand),
}

impl AuthorCommand {
	/// Does it.
	pub async fn run(&self) -> Result<(), Error> {
		match self {
			Self::Register(command) => command.run().await,
			Self::Price(command) => command.run().await,
			Self::Retire(command) => command.run().await,
		}
	}
}

/// A model that this account may change, and what the chain knows of it.
async fn own_model(node: &Connection, name: &str, author: &AccountId) -> Result<(Model, Registration), Error> {
	let model = question::model(node, name).await?;
	let key = Registrations::<Runtime>::hashed_key_for(model.id);
	let registration: Registration = State::best(node).await?.known("Models.Registrations", key).await?;
	match registration.author.as_ref() == Some(author) {
		true => Ok((model, registration)),
		false => {
			let by = model.author.map_or_else(|| "the chain began with it".into(), |author| format!("{author} is"));
			Err(ModelsError::NotItsAuthor { account: address(author), name: model.name, by }.into())
		}
	}
}

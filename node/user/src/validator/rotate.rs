//! `validator rotate`

use super::{announce, carry_out, clock::Clock, new_keys, ready, SignedOptions, State, ValidatorError, SET_KEYS};
use crate::Error;
use sibyl_primitives::SessionIndex;
use sibyl_rpc_types::{address, KeySet, OwnValidator};

/// Sessions from when keys are set until they are in use.
const UNTIL_IN_USE: SessionIndex = 2;

/// Sessions after which nothing is signed by earlier keys any more, once others are in use.
const UNTIL_UNUSED: SessionIndex = 2;

/// `validator rotate`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node validator rotate --suri-file my-secret")]
pub struct RotateCommand {
	#[command(flatten)]
	options: SignedOptions,
}

impl RotateCommand {
	/// Makes new keys and sets them, unless that is under way.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.options.node.connect().await?;
		let status = ready(&node).await?;
		let requester = self.options.signer.signer()?;
		let account = requester.account();
		let shown = address(&account);
		let own = status.validators.iter().find(|validator| validator.service.account == shown);
		let own = own.ok_or(ValidatorError::KeysElsewhere { account: shown })?;
		if let Some(session) = under_way(own, status.session) {
			println!("New keys are set already. {}", outlook(session, &Clock::read(&State::best(&node).await?).await?));
			return Ok(());
		}
		announce(&node, &self.options.signer, &account, [SET_KEYS]).await?;
		let step = new_keys(&node, &account).await?;
		carry_out(&node, &requester, vec![step]).await?;
		let clock = Clock::read(&State::finalized(&node).await?).await?;
		println!("{}", outlook(clock.session.saturating_add(UNTIL_IN_USE), &clock));
		Ok(())
	}
}

/// The session from which keys are used that are set and here, and are not in use yet.
fn under_way(own: &OwnValidator, session: SessionIndex) -> Option<SessionIndex> {
	let set = own.set_keys.as_ref().filter(|set| set.missing.is_empty())?;
	let is_other = |keys: &Option<KeySet>| keys.as_ref().is_some_and(|keys| keys.keys != set.keys);
	match (is_other(&own.current_keys), is_other(&own.next_keys)) {
		(_, true) => Some(session.saturating_add(UNTIL_IN_USE)),
		(true, false) => Some(session.saturating_add(1)),
		(false, false) => None,
	}
}

fn outlook(session: SessionIndex, clock: &Clock) -> String {
	let unused = session.saturating_add(UNTIL_UNUSED);
	format!(
		"They are in use from session {session} on, in about {}. Keep the old ones in the keystore until session {unused}, in \
		 about {}: open seats vote with the keys that they were drawn with.",
		clock.until(session),
		clock.until(unused),
	)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_primitives::{api::ValidatorView, AccountId};
	use sibyl_rpc_types::Validator;

	fn own(current: u8, next: u8, set: u8) -> OwnValidator {
		let keys = |n: u8| Some(KeySet { keys: format!("{n}"), missing: Vec::new() });
		OwnValidator {
			is_elected: true,
			is_elected_next: true,
			is_candidate: true,
			is_disabled: false,
			is_out_of_service: false,
			current_keys: keys(current),
			next_keys: keys(next),
			set_keys: keys(set),
			stake: "0".into(),
			min_stake: "0".into(),
			service: Validator::new(&AccountId::from([1; 32]), ValidatorView::default()),
		}
	}

	#[test]
	fn keys_that_are_set_and_not_in_use_yet_are_not_made_once_more() {
		assert_eq!(under_way(&own(1, 1, 1), 7), None);
		assert_eq!(under_way(&own(1, 1, 2), 7), Some(9));
		assert_eq!(under_way(&own(1, 2, 2), 7), Some(8));
		let mut elsewhere = own(1, 1, 2);
		elsewhere.set_keys = Some(KeySet { keys: "2".into(), missing: vec!["babe".into()] });
		assert_eq!(under_way(&elsewhere, 7), None, "keys that this node lacks are no use to it");
	}
}

//! Calls that are signed, sent, and waited for until a final block has them.

use crate::{
	connection::Connection,
	requester::Requester,
	submission::{Included, Submitter},
	Error,
};
use sibyl_runtime::RuntimeCall;

/// All of the calls, or none where one of them fails.
pub fn all_of(mut calls: Vec<RuntimeCall>) -> RuntimeCall {
	match calls.len() {
		1 => calls.remove(0),
		_ => pallet_utility::Call::batch_all { calls }.into(),
	}
}

/// Signs a call, sends it, and waits until a final block has it.
pub async fn submit(node: &Connection, requester: &Requester, call: RuntimeCall) -> Result<Included, Error> {
	let pending = Submitter::new(requester.clone()).submit(node, call).await?;
	pending.finalized(node, || eprintln!("it is in a block; waiting until that is final")).await?.succeeded()
}

/// The calls' pallet and name, for who reads what is signed.
pub fn names(calls: &[RuntimeCall]) -> String {
	use frame_support::traits::GetCallMetadata;
	let name = |call: &RuntimeCall| {
		let metadata = call.get_call_metadata();
		format!("{}.{}", metadata.pallet_name.to_lowercase(), metadata.function_name)
	};
	calls.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn one_call_is_itself_and_several_are_all_or_nothing() {
		let chill = || RuntimeCall::from(pallet_staking::Call::chill {});
		assert_eq!(all_of(vec![chill()]), chill());
		assert_eq!(names(&[all_of(vec![chill(), chill()])]), "utility.batch_all");
		assert_eq!(names(&[chill()]), "staking.chill");
	}
}

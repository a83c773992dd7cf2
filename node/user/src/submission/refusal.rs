//! Why the chain refused a call, by name.

use crate::Error;
use codec::DecodeAll;
use scale_info::{TypeDef, TypeInfo};
use sibyl_runtime::RuntimeError;
use sp_runtime::DispatchError;

/// A dispatch error by its pallet and name, with what its documentation says.
pub fn named(error: DispatchError) -> Error {
	let unknown = || Error::Dispatch {
		name: format!("{error:?}"),
		docs: "look at the account's balance and at what it has bonded".into(),
	};
	let DispatchError::Module(module) = error else { return unknown() };
	let bytes = [&[module.index][..], &module.error[..]].concat();
	// A pallet's error is its index, and what it says beside that is rare.
	let is_known = (1..=bytes.len()).any(|end| RuntimeError::decode_all(&mut &bytes[..end]).is_ok());
	let TypeDef::Variant(pallets) = RuntimeError::type_info().type_def else { return unknown() };
	let Some(pallet) = pallets.variants.into_iter().find(|pallet| is_known && pallet.index == module.index) else {
		return unknown();
	};
	let Some(TypeDef::Variant(errors)) = pallet.fields.first().map(|field| field.ty.type_info().type_def) else {
		return unknown();
	};
	match errors.variants.into_iter().find(|named| named.index == module.error[0]) {
		Some(named) => Error::Dispatch {
			name: format!("{}.{}", pallet.name.to_lowercase(), named.name),
			docs: named.docs.join(" ").trim().into(),
		},
		None => unknown(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use frame_support::traits::PalletInfoAccess;
	use sibyl_runtime::Runtime;
	use sp_runtime::ModuleError;

	#[test]
	fn an_error_of_any_pallet_is_named_with_what_its_documentation_says() {
		let staking: DispatchError = pallet_staking::Error::<Runtime>::InsufficientBond.into();
		let said = named(staking).to_string();
		assert!(said.starts_with("the chain refused it: staking.InsufficientBond: "), "{said}");
		assert!(said.len() > "the chain refused it: staking.InsufficientBond: ".len(), "{said}");
		let session: DispatchError = pallet_session::Error::<Runtime>::InvalidProof.into();
		assert!(named(session).to_string().contains("session.InvalidProof"));
		let index = sibyl_runtime::Staking::index() as u8;
		let unknown = DispatchError::Module(ModuleError { index, error: [255, 0, 0, 0], message: None });
		assert!(named(unknown).to_string().contains("Module"), "a newer runtime's error");
		assert!(named(DispatchError::BadOrigin).to_string().contains("BadOrigin"));
	}
}

//! Which manifests can be registered.

use super::*;
use alloc::collections::BTreeSet;
use codec::Encode;
use frame_support::{ensure, traits::Get};
use sibyl_primitives::{input::MAX_INPUT_BYTES, job::MAX_OUTPUT_BYTES, output::MAX_TOKENS, price::MAX_AUTHOR_SHARE};

impl<T: Config> Pallet<T> {
	/// Whether jobs can be run on the model. Reads no state, so that authors can ask before they register it.
	///
	/// # Errors
	///
	/// The first of the chain's rules that the manifest breaks.
	pub fn ensure_usable(manifest: &ModelManifest) -> Result<(), Error<T>> {
		let ModelManifest { revision, price } = manifest;
		ensure!(is_name(revision.name.as_bytes()), Error::<T>::NameInvalid);
		ensure!(texts(revision).all(is_text), Error::<T>::TextInvalid);

		let files: BTreeSet<_> = revision.files.iter().map(|file| file.sha256).collect();
		let are_files = !files.is_empty() && files.len() == revision.files.len();
		ensure!(are_files && revision.files.iter().all(|file| file.size > 0), Error::<T>::FilesInvalid);

		let goldens: BTreeSet<_> = revision.goldens.iter().map(|golden| &golden.input).collect();
		ensure!(!goldens.is_empty() && goldens.len() == revision.goldens.len(), Error::<T>::GoldensInvalid);

		let limits = revision.limits;
		let are_limits = (1..=MAX_INPUT_BYTES).contains(&limits.input_bytes)
			&& limits.context_units > 0
			&& limits.output_units <= MAX_TOKENS.min(MAX_OUTPUT_BYTES);
		ensure!(are_limits, Error::<T>::LimitsInvalid);
		ensure!(revision.commit_window <= MAX_COMMIT_WINDOW, Error::<T>::WindowTooLong);
		Self::ensure_price(price)
	}

	/// What is held of an author for such a manifest, in the smallest unit. Reads no state.
	pub fn deposit(manifest: &ModelManifest) -> Balance {
		let bytes = manifest.encoded_size() as Balance;
		T::DepositPerByte::get().saturating_mul(bytes).saturating_add(T::DepositBase::get())
	}

	/// Whether jobs can cost that. Reads no state.
	///
	/// # Errors
	///
	/// [`Error::PriceInvalid`] where they can't.
	pub fn ensure_price(price: &ModelPrice) -> Result<(), Error<T>> {
		ensure!(price.base > 0 && price.author_share <= MAX_AUTHOR_SHARE, Error::<T>::PriceInvalid);
		Ok(())
	}
}

/// Names are typed and read by people: no two of them look alike.
fn is_name(name: &[u8]) -> bool {
	let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
	name.len() >= 2
		&& name.first().is_some_and(is_plain)
		&& name.iter().all(|byte| is_plain(byte) || b"-._".contains(byte))
}

fn is_text(text: &[u8]) -> bool {
	!text.is_empty() && core::str::from_utf8(text).is_ok()
}

/// The manifest's texts, but for its name.
fn texts(revision: &ModelRevision) -> impl Iterator<Item = &[u8]> {
	let files = revision.files.iter().map(|file| file.name.as_bytes());
	let inputs = revision.goldens.iter().map(|golden| golden.input.as_bytes());
	[revision.architecture.as_bytes(), revision.licence.as_bytes()].into_iter().chain(files).chain(inputs)
}

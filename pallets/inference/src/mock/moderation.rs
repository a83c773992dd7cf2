//! A pallet that asks, as docs/feeds.md shows it: it hides posts that a model says are spam.

use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use sibyl_primitives::{
	consumer::{Asker, ConsumerId, Ended, Inference, Said},
	input::Input,
	job::{JobOptions, Verdict},
	model::ModelId,
	output::{Answer, Output},
	AccountId, Balance,
};

pub use pallet::*;

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<AccountId = AccountId> {
		/// The inference pallet.
		type Inference: Inference;
		/// This pallet's number among those that ask.
		type ConsumerId: Get<ConsumerId>;
		/// The model that knows spam.
		type Model: Get<ModelId>;
	}

	/// Whether a post is shown, once that is decided.
	#[pallet::storage]
	pub type Shown<T> = StorageMap<_, Twox64Concat, u64, bool>;

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Post a text. Who posts it pays for the question.
		#[pallet::call_index(0)]
		#[pallet::weight(T::Inference::weight_of_request(text.len() as u32))]
		pub fn post(origin: OriginFor<T>, post: u64, text: Vec<u8>, max_fee: Balance) -> DispatchResult {
			let author = ensure_signed(origin)?;
			let asker = Asker { consumer: T::ConsumerId::get(), reference: post };
			let (input, options) = (Input::Text(text), JobOptions::default());
			T::Inference::request(asker, &author, T::Model::get(), input, options, max_fee)?;
			Ok(())
		}
	}
}

impl<T: Config> Pallet<T> {
	/// What a delivery weighs at most.
	pub fn weight_of_result() -> Weight {
		T::DbWeight::get().writes(1)
	}

	/// Takes what came of a post's question.
	pub fn on_result(Ended { reference, verdict, said, .. }: Ended) -> DispatchResult {
		let is_shown = match said {
			Some(Said { output: Output::Answer(Answer::Classification(found)), support, .. }) => {
				let is_enough = verdict == Verdict::Agreed && support.agreed >= 3;
				!is_enough || found.label.as_bytes() != b"spam"
			}
			// Nobody is silenced because validators did not agree.
			_ => true,
		};
		Shown::<T>::insert(reference, is_shown);
		Ok(())
	}
}

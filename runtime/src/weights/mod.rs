//! The weights of this repository's pallets, as measured by `make weights`.

pub mod pallet_feeds;
pub mod pallet_inference;
pub mod pallet_models;
pub mod pallet_timelock;

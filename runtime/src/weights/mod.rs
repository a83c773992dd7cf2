//! The weights of this chain's own pallets, written by `make weights`.

pub mod pallet_inference;

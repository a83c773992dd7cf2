//! Receipts: what a node writes so that a stranger sees by himself what the network agreed on, and `sibyl-node verify`, which
//! reads it.
//!
//! ```text
//! genesis ──validators' signatures──▶ … ──▶ a final block ──hashes──▶ job, input, output, model ──▶ the same bytes here
//! ```

mod error;
mod evidence;
mod finality;
mod prover;
mod rerun;
mod verify;

pub use error::Error;
pub use evidence::keys;
pub use prover::{Prover, WarpProofs};
pub use verify::VerifyCommand;

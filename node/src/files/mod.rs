//! Models' files from other nodes and for them: what the operator allows, and what the chain lists. What carries them is in
//! [`sibyl_files`].

mod follow;
pub mod params;
pub mod rule;
mod size;

pub use follow::{Follower, Plan};

//! The native side of the protocol: runs models for the offchain worker, and carries votes between nodes and into blocks.
//!
//! ```text
//! offchain worker ──request──▶ mailbox ──▶ engine_service ──▶ sibyl_engine's queue
//!        ▲  ▲                     ▲                │
//!        │  └── wake ◀────────────┼────response────┘
//!        └────────── ballot ──▶ mailbox ──▶ gossip ◀──▶ other nodes
//!                                             │
//!                            reports ◀────── pool ──▶ inherent ──▶ the block that this node makes
//! ```
//!
//! Which jobs are this validator's, what is signed and when it is revealed is the runtime's to decide, in the worker.
//! Native code computes and carries, and is bounded in all that others can make it do.

pub mod chain_models;
pub mod engine_params;
pub mod engine_service;
pub mod events;
pub mod gossip;
pub mod inherent;
pub mod insight;
pub mod installed_models;
pub mod journal;
pub mod listed_models;
pub mod mailbox;
pub mod metrics;
#[cfg(test)]
pub mod mock;
pub mod models;
pub mod output;
pub mod own;
pub mod pace;
mod panics;
pub mod pool;
pub mod reports;
mod started;
#[cfg(test)]
mod test_engine;
mod timed;
pub mod wake;

/// Whether the node is still far from the newest block, as the network's part of it sees that.
pub type IsSyncing = std::sync::Arc<dyn Fn() -> bool + Send + Sync>;

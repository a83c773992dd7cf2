//! # The engine in a process of its own
//!
//! A model's file and a prompt are a stranger's, and what reads them may crash, hang or take all memory. Validators compute
//! the same, so what crashes one of them crashes all. Here it crashes a child: [`EngineProcess`] is an
//! [`Engine`](sibyl_engine::Engine) that computes nothing itself. It starts the program again as a child, which calls
//! [`child::run`], and asks that over a socket.
//!
//! - The child is [confined](sandbox) before it parses the first byte of a model: no network, no files but the models' that
//!   the parent opened for it, no other programs, so much memory.
//! - What dies, or stops answering, or does not stop when it is told to, is killed. What ran in it is an
//!   [`EngineError::Process`](sibyl_engine::EngineError::Process), and the next child is started and given the same models.
//! - Nothing that a child says is trusted to be well formed.

pub mod child;
mod order;
mod parent;
pub mod protocol;
pub mod sandbox;

pub use order::{LoadError, LoadOrder, ModelFiles, NamedFile};
pub use parent::{EngineProcess, Patience, ProcessState, ProcessStatus, Settings};

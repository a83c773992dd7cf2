//! # Sibyl's engine
//!
//! Runs small open models so that every machine gets the same bytes. A chain can then let its validators answer the
//! same question independently and compare the answers by hash.
//!
//! The [`Engine`] trait is the boundary: a [`Request`] names a model by the hash of its file and carries an input; the
//! [`Outcome`] is a [`Response`] or a [`Refusal`], and either is something all engines agree on. An [`EngineError`] is
//! not: it says that this engine cannot compute, and its node abstains. [`LocalEngine`] computes on this machine's CPU,
//! [`testing::FakeEngine`] makes answers up, and a [`Queue`](queue::Queue) runs requests in threads of its own.
//!
//! ```
//! use sibyl_engine::{Engine, Limits, LocalEngine, Request, Response, COMMON_LINGUA};
//!
//! let engine = LocalEngine::embedded(1)?;
//! let limits = Limits { max_input_bytes: 512, max_output_units: 0 };
//! let request = Request::new(COMMON_LINGUA, "The quick brown fox jumps over the lazy dog.", limits);
//! let Ok(Response::Classification { label, .. }) = engine.infer(&request)?.outcome else { panic!("no answer") };
//! assert_eq!(label, "eng");
//! # Ok::<(), sibyl_engine::EngineError>(())
//! ```
//!
//! [`Engine::infer`] may be called in many threads. Requests for the same language model share passes over its weights, as
//! many at once as [`BatchLimits`] allows, on all of the threads that the engine was given.
//!
//! ## Semantics, version 1
//!
//! Sums of floats depend on their order, and libraries choose the order by the CPU they find. This crate fixes it:
//!
//! 1. The float operations on an answer's path are `+ − × ÷ √`, fused multiply-add, comparisons, changes of sign and
//!    conversions that are exact or round to nearest, ties to even. IEEE 754 leaves them no freedom.
//! 2. An element of a matrix product is a chain of fused multiply-adds from +0, in increasing order of the inner index;
//!    so is a mixed value of the attention, over positions. Both are cut into blocks of 256 terms, whose sums are added in
//!    increasing order. Means, variances and softmax sums are 128 interleaved sums joined by the tree 128 → 64 → … → 1.
//!    With quantised weights, the input is quantised too, to 15 bits in blocks of 32; a block's products are added as
//!    integers, exactly, and its sum enters the one chain with one or two fused steps. A language model's keys and values
//!    are kept as half-precision floats.
//! 3. Threads and tiles divide outputs, never a sum.
//! 4. `exp` and what follows from it are polynomials of this crate, their coefficients given as bits. Tables of angles
//!    come from software f64 functions. [`self_test`] checks hashes of both, and of the tables of characters that
//!    tokenizers use, before a model is loaded.
//! 5. A value that is infinite or not a number anywhere on the path is a refusal: so is a key or value that is too large
//!    for half precision, and a sum of squares that is not finite. Denormals are kept, which each worker
//!    thread makes sure of.
//!
//! `docs/arithmetic.md` of the repository has all of it, exactly.
//!
//! Beside the outcome an [`Inference`] has a trace: the BLAKE2b-256 of the hidden rows that chose the answer, as the bits
//! of their floats. These rows are fixed by the same rules, so all engines have the same trace, and to have it takes the
//! computation itself. The trace is not part of the outcome and has no key: who wants one bound to something hashes it
//! together with that.
//!
//! Each kernel is written once, over sixteen virtual lanes, and compiled for each [`Tier`]. candle holds a model's
//! tensors while it is loaded; its arithmetic is never on an answer's path.

#![deny(unsafe_code)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("sizes of models are counted in 64 bits");

mod boundary;
pub mod candle_ops;
pub mod chat;
mod error;
pub mod format;
pub mod gguf;
mod kernels;
mod language_model;
mod local;
mod models;
pub mod queue;
pub mod safetensors_file;
pub mod sampling;
mod self_test;
mod sentence_embedder;
pub mod store;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod tokenizer;
mod trace;
mod weights;

pub use boundary::{
	outcome_bytes, Architecture, Engine, Finish, Inference, Input, Limits, ModelDescription, ModelFile, Outcome,
	Refusal, Request, Response, Score, ScoredToken, Stop, Task, SCORE_ONE, TOP_SCORES,
};
pub use chat::Role;
pub use error::EngineError;
pub use format::{check_format, Format, FormatError};
pub use kernels::Tier;
pub use language_model::{Context, LanguageModel, ModelStop};
pub use local::{CheckedFile, LocalEngine, COMMON_LINGUA};
pub use models::batch::BatchLimits;
pub use models::bert::fixed_point;
pub use models::common_lingua::{
	CONTEXT as COMMON_LINGUA_CONTEXT, LANGUAGES as COMMON_LINGUA_LANGUAGES, UNDETERMINED as COMMON_LINGUA_UNDETERMINED,
};
pub use self_test::self_test;
pub use sentence_embedder::SentenceEmbedder;
pub use trace::NO_ROWS;

/// The examples of the README, which are compiled with those of the crate.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The version of the semantics that this crate computes. Other bits for any request are another version.
pub const SEMANTICS_VERSION: u32 = 1;

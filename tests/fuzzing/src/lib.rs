//! Generated inputs for the tests of what others send: calls, ballots, files' messages, parameters.
//!
//! A test gives [`fuzz`] a number of cases and what to do in each. A case is a seed: the same inputs each time, on every
//! machine. `docs/testing.md` lists the tests.
//!
//! | variable | what it does |
//! |---|---|
//! | `SIBYL_FUZZ_SECONDS` | when the usual cases are over, each test goes on with new seeds for so long |
//! | `SIBYL_FUZZ_SEED` | each test runs this case alone |

mod case;
mod json;
mod random;
mod types;

pub use case::{fuzz, Case};
pub use json::{json_text, json_value};
pub use random::Random;
pub use types::{Place, Types};

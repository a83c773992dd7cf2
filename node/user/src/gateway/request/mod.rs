//! What OpenAI's API asks, in the words of the chain. Whatever it can ask and a chain's model does not do is refused by
//! name: to leave it out would be to answer another question.

mod chat;
mod embeddings;
mod form;
mod messages;
mod params;

pub use chat::ChatRequest;
pub use embeddings::{EmbeddingsRequest, Encoding};

/// Why a chat template has no text for a conversation. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
	/// The source is not one of this language.
	#[error("line {line} of the chat template: {what}")]
	Syntax {
		/// Where.
		line: usize,
		/// What was found there.
		what: String,
	},
	/// The template needs a part of Jinja that is not there.
	#[error("line {line} of the chat template needs {what}, which is not supported")]
	Unsupported {
		/// Where.
		line: usize,
		/// What it needs.
		what: String,
	},
	/// An operation does not fit its values.
	#[error("line {line} of the chat template: {what}")]
	Value {
		/// Where.
		line: usize,
		/// What was tried.
		what: String,
	},
	/// The template called `raise_exception`.
	#[error("the chat template refuses the conversation: {0}")]
	Raised(String),
	/// The source exceeds a limit.
	#[error("the chat template is {0}")]
	TooLarge(&'static str),
	/// Rendering takes more steps, or makes more text, than a template may.
	#[error("the chat template takes too long")]
	OutOfFuel,
}

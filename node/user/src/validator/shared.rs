//! What these commands share with `ask`.

pub(crate) use crate::{amount::parse_sib, requester::Requester, submission::sign};

//! What these commands share with `ask`.

pub(crate) use crate::{
	ask::parse_sib,
	submission::{sign, Requester},
};

//! Nonces for several transactions of an account within one block.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An account's nonces.
#[derive(Default)]
pub struct Nonces {
	turn: futures::lock::Mutex<()>,
	state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
	/// The nonce after the last one that was given, as long as a transaction waits.
	next: Option<u32>,
	waiting: u32,
}

/// The turn to take a nonce and send the transaction.
pub struct Turn<'a> {
	_turn: futures::lock::MutexGuard<'a, ()>,
	state: &'a Arc<Mutex<State>>,
}

/// A transaction that is under way. To drop it counts as to give it back.
pub struct Place {
	nonce: u32,
	state: Arc<Mutex<State>>,
	is_over: bool,
}

impl Nonces {
	/// Waits for the turn.
	pub async fn turn(&self) -> Turn<'_> {
		Turn { _turn: self.turn.lock().await, state: &self.state }
	}
}

impl Turn<'_> {
	/// The next nonce, where the node says that it is at least this one.
	pub fn take(&mut self, asked: u32) -> Place {
		let mut state = lock(self.state);
		// A node tells a moment late what it has in its pool. Without a transaction under way it knows all.
		let nonce = state.next.map_or(asked, |next| next.max(asked));
		state.next = Some(nonce.saturating_add(1));
		state.waiting = state.waiting.saturating_add(1);
		Place { nonce, state: self.state.clone(), is_over: false }
	}
}

impl Place {
	/// The nonce.
	pub fn nonce(&self) -> u32 {
		self.nonce
	}

	/// The transaction is in a block.
	pub fn leave(mut self) {
		self.end(false);
	}

	/// The transaction did not get into a block: the node is to be asked again, lest a nonce is left out and all later ones
	/// wait for it.
	pub fn give_back(mut self) {
		self.end(true);
	}

	fn end(&mut self, is_unused: bool) {
		if std::mem::replace(&mut self.is_over, true) {
			return;
		}
		let mut state = lock(&self.state);
		state.waiting = state.waiting.saturating_sub(1);
		if is_unused || state.waiting == 0 {
			state.next = None;
		}
	}
}

impl Drop for Place {
	fn drop(&mut self) {
		self.end(true);
	}
}

/// Nothing panics while it is locked, and what it holds is whole at any time.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
	state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
	use super::*;
	use futures::executor::block_on;

	fn take(nonces: &Nonces, asked: u32) -> Place {
		block_on(nonces.turn()).take(asked)
	}

	#[test]
	fn transactions_of_one_block_get_nonces_of_their_own_though_the_node_says_the_same() {
		let nonces = Nonces::default();
		let places = [7, 7, 8].map(|asked| take(&nonces, asked));
		assert_eq!(places.each_ref().map(Place::nonce), [7, 8, 9]);
		assert_eq!(take(&nonces, 12).nonce(), 12, "the account has sent by others, too");
	}

	#[test]
	fn a_nonce_that_was_not_used_is_given_again() {
		let nonces = Nonces::default();
		let (first, second) = (take(&nonces, 7), take(&nonces, 7));
		first.give_back();
		assert_eq!(take(&nonces, 7).nonce(), 7);
		drop(second);
		assert_eq!(take(&nonces, 3).nonce(), 3, "what is dropped was not used either");
	}

	#[test]
	fn with_nothing_under_way_the_node_alone_is_believed() {
		let nonces = Nonces::default();
		take(&nonces, 7).leave();
		assert_eq!(take(&nonces, 2).nonce(), 2, "a fork took the block back");
	}
}

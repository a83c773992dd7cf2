//! Connections that wait for a request, counted by who made them: they cost who opens them nothing, and take a place.

use std::{
	collections::HashMap,
	net::{IpAddr, Ipv6Addr},
	sync::{Arc, Mutex, PoisonError},
};

/// So much of an address of IPv6 is one user's.
const NETWORK: u32 = 64;

/// How many connections wait, of each address. Clones share them.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// A connection that waits, until this is dropped.
#[derive(Debug)]
pub struct Waits {
	all: Waiting,
	of: IpAddr,
}

impl std::fmt::Debug for Waiting {
	fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		formatter.write_str("Waiting")
	}
}

impl Waiting {
	/// Counts one more, where fewer than so many of this address wait.
	pub fn take(&self, of: IpAddr, most: u32) -> Option<Waits> {
		let of = user(of);
		let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
		let count = counts.get(&of).copied().unwrap_or_default();
		(count < most).then(|| {
			counts.insert(of, count + 1);
			Waits { all: self.clone(), of }
		})
	}
}

impl Drop for Waits {
	fn drop(&mut self) {
		let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
		match counts.get(&self.of).copied().unwrap_or_default() {
			0 | 1 => drop(counts.remove(&self.of)),
			count => drop(counts.insert(self.of, count - 1)),
		}
	}
}

/// The part of an address that one user has alone.
fn user(address: IpAddr) -> IpAddr {
	match address.to_canonical() {
		IpAddr::V6(address) => {
			let bits = u128::from(address) >> (Ipv6Addr::BITS - NETWORK) << (Ipv6Addr::BITS - NETWORK);
			Ipv6Addr::from(bits).into()
		}
		address => address,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn address(text: &str) -> IpAddr {
		text.parse().expect("it is one")
	}

	#[test]
	fn one_address_should_keep_no_other_out() {
		let waiting = Waiting::default();
		let taken: Vec<_> = (0..2).map(|_| waiting.take(address("192.0.2.1"), 2).expect("it is free")).collect();
		assert!(waiting.take(address("192.0.2.1"), 2).is_none());
		assert!(waiting.take(address("::ffff:192.0.2.1"), 2).is_none(), "it is the same, written otherwise");
		assert!(waiting.take(address("192.0.2.2"), 2).is_some());
		drop(taken);
		assert!(waiting.take(address("192.0.2.1"), 1).is_some());
		assert!(waiting.0.lock().expect("nobody panicked").is_empty(), "nothing is kept of who has gone");
	}

	#[test]
	fn all_addresses_of_a_network_of_ipv6_should_be_one_user_s() {
		let waiting = Waiting::default();
		let _one = waiting.take(address("2001:db8::1"), 1).expect("it is free");
		assert!(waiting.take(address("2001:db8::2:3"), 1).is_none());
		assert!(waiting.take(address("2001:db8:0:1::1"), 1).is_some());
	}
}

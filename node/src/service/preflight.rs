//! Checks made before anything is started, so that what is wrong is said in one line.

use crate::error::Error;
use sc_network::{
	config::{NodeKeyConfig, Secret},
	multiaddr::{Multiaddr, Protocol},
};
use sc_service::{config::KeystoreConfig, Configuration};
use std::{
	io::ErrorKind,
	net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
	path::Path,
};

/// Whether every address the node will listen on can be had.
pub fn check_ports(config: &Configuration) -> Result<(), Error> {
	let mut wanted: Vec<(&'static str, SocketAddr)> = Vec::new();
	wanted.extend(config.network.listen_addresses.iter().filter_map(tcp_address).map(|address| (PORT, address)));
	match &config.rpc.addr {
		Some(endpoints) => {
			let needed = endpoints.iter().filter(|endpoint| !endpoint.is_optional);
			wanted.extend(needed.map(|endpoint| (RPC_PORT, endpoint.listen_addr)));
		}
		None => wanted.push((RPC_PORT, (Ipv4Addr::LOCALHOST, config.rpc.port).into())),
	}
	wanted.extend(config.prometheus_config.as_ref().map(|prometheus| (PROMETHEUS_PORT, prometheus.port)));
	check_distinct(&wanted)?;
	wanted.into_iter().try_for_each(|(flag, address)| check_port(flag, address))
}

/// Whether no two options want the same port. 0 is any that is free.
fn check_distinct(wanted: &[(&'static str, SocketAddr)]) -> Result<(), Error> {
	for (at, (flag, address)) in wanted.iter().enumerate() {
		let is_same = |(other, taken): &&(&'static str, SocketAddr)| {
			other != flag && taken.port() == address.port() && address.port() != 0
		};
		if let Some((other, _)) = wanted[..at].iter().find(is_same) {
			return Err(Error::PortTwice { flag, other, port: address.port() });
		}
	}
	Ok(())
}

const PORT: &str = "--port";
const RPC_PORT: &str = "--rpc-port";
const PROMETHEUS_PORT: &str = "--prometheus-port";

fn check_port(flag: &'static str, address: SocketAddr) -> Result<(), Error> {
	match TcpListener::bind(address) {
		Err(source) if matches!(source.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
			Err(Error::PortUnavailable { flag, address, source })
		}
		Err(error) if error.kind() == ErrorKind::AddrNotAvailable && address.is_ipv4() => {
			Err(Error::AddressElsewhere { address })
		}
		// Anything else, as a machine without IPv6, is for the service to judge.
		_ => Ok(()),
	}
}

fn tcp_address(address: &Multiaddr) -> Option<SocketAddr> {
	let mut parts = address.iter();
	let ip: IpAddr = match parts.next()? {
		Protocol::Ip4(ip) => ip.into(),
		Protocol::Ip6(ip) => ip.into(),
		_ => return None,
	};
	match parts.next()? {
		Protocol::Tcp(port) => Some((ip, port).into()),
		_ => None,
	}
}

/// Whether the folder exists, or can be made, and files can be written to it.
pub fn check_base_path(path: &Path) -> Result<(), Error> {
	let probe = path.join(".write-probe");
	std::fs::create_dir_all(path)
		.and_then(|()| std::fs::write(&probe, []))
		.and_then(|()| std::fs::remove_file(&probe))
		.map_err(|source| Error::BasePathUnwritable { path: path.into(), source })
}

/// Whether what the node reads and writes beside its database can be had: its session keys and its models.
pub fn check_files(config: &Configuration, models: &Path) -> Result<(), Error> {
	if let KeystoreConfig::Path { path, .. } = &config.keystore {
		check_keystore(path)?;
	}
	match models.exists() && !models.is_dir() {
		true => Err(Error::ModelsPath { path: models.into() }),
		false => Ok(()),
	}
}

/// Whether the folder exists, or can be made, and can be read.
pub fn check_keystore(path: &Path) -> Result<(), Error> {
	let opened = std::fs::create_dir_all(path).and_then(|()| std::fs::read_dir(path));
	opened.map(drop).map_err(|source| Error::Keystore { path: path.into(), reason: source.to_string() })
}

/// Whether the file, if there is one, holds a node key.
pub fn check_node_key(path: &Path) -> Result<(), Error> {
	if !path.exists() {
		return Ok(());
	}
	let key = NodeKeyConfig::Ed25519(Secret::File(path.into()));
	let told = |source: std::io::Error| Error::NodeKeyFile { path: path.into(), reason: source.to_string() };
	key.into_keypair().map(drop).map_err(told)
}

/// Whether a file can be read.
pub fn check_readable(path: &Path) -> Result<(), Error> {
	std::fs::read(path).map(drop).map_err(|source| Error::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_port_that_another_program_listens_on_is_refused_with_its_flag() {
		let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
		let address = other.local_addr().expect("a bound socket has an address");
		let error = check_port("--rpc-port", address).expect_err("the port is taken").to_string();
		assert!(error.contains(&address.to_string()) && error.contains("--rpc-port"), "{error}");
		drop(other);
		assert!(check_port("--rpc-port", address).is_ok());
	}

	#[test]
	fn two_options_may_not_want_one_port_and_one_may_for_two_addresses() {
		let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
		let error = check_distinct(&[(PORT, at(1)), (RPC_PORT, at(2)), (PROMETHEUS_PORT, at(2))]);
		let error = error.expect_err("2 is there twice").to_string();
		assert!(error.contains("--prometheus-port") && error.contains("--rpc-port"), "{error}");
		assert!(check_distinct(&[(PORT, at(1)), (PORT, at(1)), (RPC_PORT, at(0)), (PROMETHEUS_PORT, at(0))]).is_ok());
	}

	#[test]
	fn an_address_of_another_machine_is_refused() {
		// One that is for documentation, and nobody's.
		let error = check_port(PORT, ([203, 0, 113, 7], 0).into()).expect_err("it is elsewhere").to_string();
		assert!(error.contains("203.0.113.7") && error.contains("--listen-addr"), "{error}");
	}

	#[test]
	fn a_node_key_of_the_wrong_length_is_refused_and_left_as_it_is() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		let check = || check_node_key(file.path());
		for wrong in [&b"1234"[..], b"", &[7; 33], &[b'z'; 64]] {
			std::fs::write(file.path(), wrong).expect("the temporary file can be written");
			assert!(matches!(check(), Err(Error::NodeKeyFile { .. })), "{wrong:?}");
			assert_eq!(std::fs::read(file.path()).expect("it is there"), wrong);
		}
		for right in [&[7; 32][..], &[b'a'; 64]] {
			std::fs::write(file.path(), right).expect("the temporary file can be written");
			assert!(check().is_ok(), "{right:?}");
		}
	}

	#[test]
	fn a_keystore_that_is_a_file_is_refused_by_its_name() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		let error = check_keystore(file.path()).expect_err("it is no folder").to_string();
		assert!(error.contains(&file.path().display().to_string()) && error.contains("--keystore-path"), "{error}");
	}

	#[test]
	fn tcp_and_websocket_addresses_are_checked_and_others_left_alone() {
		let parsed = |text: &str| tcp_address(&text.parse().expect("a multiaddress"));
		assert_eq!(parsed("/ip4/127.0.0.1/tcp/30333"), Some(([127, 0, 0, 1], 30333).into()));
		assert_eq!(parsed("/ip4/127.0.0.1/tcp/30333/ws"), Some(([127, 0, 0, 1], 30333).into()));
		assert_eq!(parsed("/dns/localhost/tcp/30333"), None);
	}

	#[test]
	fn a_base_path_below_a_file_is_refused_by_its_name() {
		let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
		let below = file.path().join("base");
		let error = check_base_path(&below).expect_err("a file has no folders in it").to_string();
		assert!(error.contains(&below.display().to_string()) && error.contains("--base-path"), "{error}");
	}
}

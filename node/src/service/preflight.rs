//! Checks made before anything is started, so that what is wrong is said in one line.

use crate::error::Error;
use sc_network::multiaddr::{Multiaddr, Protocol};
use sc_service::Configuration;
use std::{
	io::ErrorKind,
	net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
	path::Path,
};

/// Whether every address the node will listen on can be had.
pub fn check_ports(config: &Configuration) -> Result<(), Error> {
	for address in config.network.listen_addresses.iter().filter_map(tcp_address) {
		check_port("--port", address)?;
	}
	match &config.rpc.addr {
		Some(endpoints) => {
			for endpoint in endpoints.iter().filter(|endpoint| !endpoint.is_optional) {
				check_port("--rpc-port", endpoint.listen_addr)?;
			}
		}
		None => check_port("--rpc-port", (Ipv4Addr::LOCALHOST, config.rpc.port).into())?,
	}
	config.prometheus_config.as_ref().map_or(Ok(()), |prometheus| check_port("--prometheus-port", prometheus.port))
}

fn check_port(flag: &'static str, address: SocketAddr) -> Result<(), Error> {
	match TcpListener::bind(address) {
		Err(source) if matches!(source.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
			Err(Error::PortUnavailable { flag, address, source })
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

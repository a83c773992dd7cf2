//! `sibyl-node gateway`: asks a network for programs that know OpenAI's API, and pays for them.

mod console;
mod cors;
mod desk;
mod entry;
mod error;
mod http;
mod keys;
mod ledger;
mod link;
mod metrics;
mod places;
mod receipt;
mod reply;
mod request;
mod routes;
mod stream;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
pub(crate) use request::{ChatRequest, EmbeddingsRequest};

use crate::{
	amount::{parse_sib, sib},
	question::parse_seats,
	requester::{is_readable_by_others, SecretOptions},
	submission::Submitter,
	Error, NodeOptions,
};
use console::{Console, ConsoleError};
use cors::{parse_origin, Origins};
use desk::Desk;
use http::{serve, Guard, Shutdown};
use hyper::{body::Incoming, Request};
use keys::{Keys, KeysError};
use ledger::{Ledger, StateError};
use link::Link;
use metrics::Metrics;
use routes::Gateway;
use sibyl_primitives::{job::Seats, Balance};
use std::{
	io,
	net::SocketAddr,
	path::{Path, PathBuf},
	sync::{atomic::AtomicU64, Arc},
};
use tokio::net::TcpListener;

/// The name of the gateway's log lines.
const LOG: &str = "gateway";

/// `gateway`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example, on a network that 'sibyl-node --dev' or 'make network' runs:\n  \
	sibyl-node gateway --suri //Alice --limit 1\n  \
	curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\\n    \
	-d '{\"model\": \"smollm2\", \"messages\": [{\"role\": \"user\", \"content\": \"Is the sky blue?\"}]}'\n\n\
	What is asked stands on the chain, where everybody can read it. docs/gateway.md has the rest.")]
pub struct GatewayCommand {
	#[command(flatten)]
	node: NodeOptions,

	#[command(flatten)]
	secret: SecretOptions,

	/// What all that is asked may cost together, in SIB, from the state file's first day on.
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	limit: Balance,

	/// Where to listen. On another address than this machine's own it needs --keys, and something before it that speaks TLS.
	#[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
	listen: SocketAddr,

	/// A file of API keys, one a line: KEY, NAME KEY, or NAME KEY LIMIT with a limit in SIB; for a key also sha256:HASH.
	#[arg(long, value_name = "FILE")]
	keys: Option<PathBuf>,

	/// The file that keeps what was spent; by default gateway-ADDRESS.json in the default base path.
	#[arg(long, value_name = "FILE")]
	state: Option<PathBuf>,

	/// How many validators answer where a request does not say, an odd number up to 15; all that serve the model where it is
	/// not given.
	#[arg(long, value_name = "N", value_parser = parse_seats)]
	seats: Option<u16>,

	/// Jobs that may be open at a time. A node tells of 256.
	#[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=256))]
	max_jobs: u32,

	/// Tell Prometheus at this address, under /metrics. It needs no key, so let nobody else reach it.
	#[arg(long, value_name = "ADDRESS:PORT")]
	metrics: Option<SocketAddr>,

	/// Let pages of this other site ask from a browser, as https://example.org; once for each.
	#[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
	cors_origin: Vec<String>,

	/// Serve the console, too: the folder that 'npm run build --workspace clients/console' makes.
	#[arg(long, value_name = "DIR")]
	console: Option<PathBuf>,
}

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
	/// The address can't be had.
	#[error("can't listen on {address} ({source}): stop the program that uses it, or choose another with --listen")]
	Listen {
		/// The address.
		address: SocketAddr,
		/// What the system says.
		source: io::Error,
	},
	/// The metrics can't be served there.
	#[error("can't listen on {address} for Prometheus ({source}): stop the program that uses it, or choose another with --metrics")]
	ListenForPrometheus {
		/// The address.
		address: SocketAddr,
		/// What the system says.
		source: io::Error,
	},
	/// The metrics can't be made.
	#[error("the metrics can't be made ({0}): report it")]
	Metrics(#[from] substrate_prometheus_endpoint::PrometheusError),
	/// Everybody could spend the account's tokens.
	#[error(
		"on {0} others than this machine could spend your tokens: give API keys with --keys, or listen on 127.0.0.1"
	)]
	NoKeys(SocketAddr),
	/// The system tells of no signals.
	#[error("the system does not say when to end ({0}): raise this program's limits")]
	Signals(#[source] io::Error),
	/// The API keys.
	#[error(transparent)]
	Keys(#[from] KeysError),
	/// The state file.
	#[error(transparent)]
	State(#[from] StateError),
	/// The console.
	#[error(transparent)]
	Console(#[from] ConsoleError),
}

impl GatewayCommand {
	/// Serves until Ctrl-C or a SIGTERM, and then until what is under way has ended. The folder is for the state file, where
	/// none is named.
	pub async fn run(&self, folder: &Path) -> Result<(), Error> {
		let submitter = Submitter::new(self.secret.requester()?);
		if self.keys.is_none() && !self.listen.ip().is_loopback() {
			return Err(GatewayError::NoKeys(self.listen).into());
		}
		let keys = self.keys.as_deref().map(Keys::read).transpose().map_err(GatewayError::from)?;
		let console = self.console.as_deref().map(Console::read).transpose().map_err(GatewayError::from)?;
		let mut shutdown = Shutdown::on_signals().map_err(GatewayError::Signals)?;
		let link = Link::open(self.node.url()).await?;
		let ledger = self.ledger(folder, &link, &submitter)?;
		let unavailable = |source| GatewayError::Listen { address: self.listen, source };
		let listener = TcpListener::bind(self.listen).await.map_err(unavailable)?;
		let address = listener.local_addr().map_err(unavailable)?;
		let chain = link.node().await?.chain().await?;
		self.greet(&submitter, &chain, &ledger, keys.as_ref());

		let metrics = Metrics::new().map_err(GatewayError::from)?;
		self.tell_prometheus(&metrics, &shutdown).await?;
		let desk = Desk::new(link, submitter, ledger, self.max_jobs, metrics.clone());
		desk.resume().await;
		log::info!(target: LOG, "listening on http://{address}");
		let seats = self.seats.map_or(Seats::All, Seats::Fixed);
		let origins = Origins::new(&self.cors_origin);
		let (guard, requests) = (Guard::new(keys, origins.clone()), AtomicU64::new(0));
		let gateway = Gateway { desk: desk.clone(), guard, console, origins, metrics, seats, requests };
		let gateway = Arc::new(gateway);
		let served = serve(listener, shutdown.clone(), move |request| gateway.clone().serve(request));
		let ended = async {
			served.await;
			log::info!(target: LOG, "no more requests are taken; the jobs that are open are waited for");
			desk.all_ended().await;
		};
		tokio::select! {
			() = ended => log::info!(target: LOG, "ended"),
			() = shutdown.said(2) => log::warn!(target: LOG, "ended at once: what open jobs cost is counted at the next start"),
		}
		Ok(())
	}

	async fn tell_prometheus(&self, metrics: &Metrics, shutdown: &Shutdown) -> Result<(), GatewayError> {
		let Some(address) = self.metrics else { return Ok(()) };
		let unavailable = |source| GatewayError::ListenForPrometheus { address, source };
		let listener = TcpListener::bind(address).await.map_err(unavailable)?;
		let address = listener.local_addr().map_err(unavailable)?;
		let metrics = metrics.clone();
		let respond = move |request: Request<Incoming>| {
			let response = metrics.serve(request.method(), request.uri().path());
			async move { response }
		};
		tokio::spawn(serve(listener, shutdown.clone(), respond));
		log::info!(target: LOG, "metrics for Prometheus at http://{address}/metrics");
		Ok(())
	}

	fn ledger(&self, folder: &Path, link: &Link, submitter: &Submitter) -> Result<Ledger, GatewayError> {
		let account = sibyl_rpc_types::address(&submitter.account());
		let path = match &self.state {
			Some(path) => path.clone(),
			None => {
				let path = folder.join(format!("gateway-{account}.json"));
				std::fs::create_dir_all(folder)
					.map_err(|source| StateError::Unusable { path: path.clone(), source })?;
				path
			}
		};
		Ok(Ledger::open(&path, link.genesis(), account, self.limit)?)
	}

	fn greet(&self, submitter: &Submitter, chain: &str, ledger: &Ledger, keys: Option<&Keys>) {
		let spending = ledger.all();
		let account = sibyl_rpc_types::address(&submitter.account());
		let [spent, limit] = [spending.spent.saturating_add(spending.held), spending.limit].map(sib);
		log::info!(target: LOG, "{account} pays on {chain}, {limit} at most, {spent} of which are spent");
		match keys {
			Some(keys) => log::info!(target: LOG, "{} API keys", keys.count()),
			None => log::info!(target: LOG, "no API keys: every program on this machine may ask"),
		}
		if let Some(path) = self.keys.as_deref().filter(|path| is_readable_by_others(path)) {
			log::warn!(target: LOG, "others on this machine can read the API keys: chmod 600 {}", path.display());
		}
		log::info!(target: LOG, "what is asked stands on the chain, where everybody can read it");
	}
}

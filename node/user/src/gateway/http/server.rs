//! Takes connections, a bounded number of them, and ends them in good order.

use super::{
	patient::Patient,
	waiting::{Waiting, Waits},
	Response,
};
use crate::gateway::LOG;
use hyper::{
	body::{Body, Incoming},
	header::{HeaderValue, CONNECTION},
	server::conn::http1,
	service::service_fn,
	Request,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
	convert::Infallible,
	future::Future,
	net::IpAddr,
	pin::pin,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use tokio::{
	net::{TcpListener, TcpStream},
	signal::unix::{signal, SignalKind},
	sync::{watch, OwnedSemaphorePermit, Semaphore},
};

/// Connections at a time; others wait until one ends.
const MAX_CONNECTIONS: u32 = 512;
/// Of these, so many of one address may wait for a request: who sends none keeps nobody else out.
const MAX_WAITING: u32 = 64;
/// Of these, so many may have been answered before, so that there is always room for who has something to ask.
const MAX_IDLE: u32 = MAX_WAITING / 2;
/// In which a request's head has to come, the wait for it on an open connection counted.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;
/// After which a connection that takes nothing is over.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Before the next connection is taken where the system has no room for one.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells that it is time to end.
#[derive(Clone)]
pub struct Shutdown(watch::Receiver<u32>);

impl Shutdown {
	/// On Ctrl-C or a SIGTERM.
	pub fn on_signals() -> std::io::Result<Self> {
		let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
		let (teller, told) = watch::channel(0);
		tokio::spawn(async move {
			loop {
				let [interrupt, terminate] = &mut signals;
				tokio::select! {
					_ = interrupt.recv() => {}
					_ = terminate.recv() => {}
				}
				teller.send_modify(|count| *count += 1);
			}
		});
		Ok(Self(told))
	}

	/// Waits until it was said so often. Where it can't be said any more it is never.
	pub async fn said(&mut self, times: u32) {
		if self.0.wait_for(|count| *count >= times).await.is_err() {
			std::future::pending::<()>().await;
		}
	}
}

/// Serves until it is time to end, and then until the requests under way have ended.
pub async fn serve<S, F>(listener: TcpListener, shutdown: Shutdown, serve: S)
where
	S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
	F: Future<Output = Response> + Send + 'static,
{
	serve_within(listener, shutdown, HEAD_TIMEOUT, serve).await;
}

async fn serve_within<S, F>(listener: TcpListener, shutdown: Shutdown, head_timeout: Duration, serve: S)
where
	S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
	F: Future<Output = Response> + Send + 'static,
{
	let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
	let waiting = Waiting::default();
	let mut end = shutdown.clone();
	loop {
		let (stream, address, place) = tokio::select! {
			taken = take(&listener, &places) => taken,
			() = end.said(1) => break,
		};
		let Some(waits) = waiting.take(address, MAX_WAITING) else {
			log::debug!(target: LOG, "{address} has {MAX_WAITING} connections open without a request: another is refused");
			continue;
		};
		let caller = Caller { address, waiting: waiting.clone(), waits: Mutex::new(Some(waits)) };
		tokio::spawn(connection(stream, (place, caller), head_timeout, shutdown.clone(), serve.clone()));
	}
	drop(listener);
	// It is never closed, so it is had.
	let _all = places.acquire_many(MAX_CONNECTIONS).await;
}

/// Who made a connection, and whether it waits for a request.
struct Caller {
	address: IpAddr,
	waiting: Waiting,
	waits: Mutex<Option<Waits>>,
}

impl Caller {
	/// Has a request answered. Meanwhile the connection waits for none; later it does, where there is room for that.
	async fn answered(&self, response: impl Future<Output = Response>) -> Response {
		self.note(None);
		let mut response = response.await;
		// One that goes on is about to end long after this.
		let is_whole = response.body().size_hint().exact().is_some();
		match is_whole.then(|| self.waiting.take(self.address, MAX_IDLE)).flatten() {
			Some(waits) => self.note(Some(waits)),
			None => drop(response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"))),
		}
		response
	}

	fn note(&self, waits: Option<Waits>) {
		*self.waits.lock().unwrap_or_else(PoisonError::into_inner) = waits;
	}
}

async fn take(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
	loop {
		let Ok(place) = places.clone().acquire_owned().await else { std::future::pending().await };
		match listener.accept().await {
			Ok((stream, address)) => return (stream, address.ip(), place),
			Err(error) => {
				log::warn!(target: LOG, "a connection can't be taken: {error}");
				tokio::time::sleep(PAUSE).await;
			}
		}
	}
}

async fn connection<S, F>(
	stream: TcpStream,
	(_place, caller): (OwnedSemaphorePermit, Caller),
	head_timeout: Duration,
	mut end: Shutdown,
	serve: S,
) where
	S: Fn(Request<Incoming>) -> F,
	F: Future<Output = Response>,
{
	// Progress is told as it comes.
	if stream.set_nodelay(true).is_err() {
		return;
	}
	let stream = TokioIo::new(Patient::new(stream, WRITE_TIMEOUT));
	let service = service_fn(|request| {
		let response = caller.answered(serve(request));
		async move { Ok::<_, Infallible>(response.await) }
	});
	let connection = http1::Builder::new()
		.timer(TokioTimer::new())
		.header_read_timeout(head_timeout)
		.max_buf_size(MAX_HEAD)
		.max_headers(MAX_HEADERS)
		.serve_connection(stream, service);
	let mut connection = pin!(connection);
	tokio::select! {
		// What a client sends is no error of the gateway's, nor that it goes.
		_ = connection.as_mut() => return,
		() = end.said(1) => {}
	}
	connection.as_mut().graceful_shutdown();
	let _ = connection.await;
}

#[cfg(test)]
mod tests {
	use super::*;
	use hyper::{HeaderMap, StatusCode};
	use tokio::{
		io::{AsyncReadExt, AsyncWriteExt},
		sync::Notify,
	};

	const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

	struct Test {
		teller: watch::Sender<u32>,
		address: std::net::SocketAddr,
		served: tokio::task::JoinHandle<()>,
		asked: Arc<Notify>,
		answer: Arc<Notify>,
	}

	/// A server that answers when it is told to.
	async fn start() -> Test {
		start_with(HEAD_TIMEOUT).await
	}

	async fn start_with(head_timeout: Duration) -> Test {
		let (teller, told) = watch::channel(0);
		let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
		let address = listener.local_addr().expect("it has one");
		let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
		let (is_asked, may_answer) = (asked.clone(), answer.clone());
		let respond = move |_| {
			let (is_asked, may_answer) = (is_asked.clone(), may_answer.clone());
			async move {
				is_asked.notify_one();
				may_answer.notified().await;
				super::super::respond(StatusCode::OK, HeaderMap::new(), "done")
			}
		};
		let served = tokio::spawn(serve_within(listener, Shutdown(told), head_timeout, respond));
		Test { teller, address, served, asked, answer }
	}

	#[tokio::test]
	async fn a_request_under_way_should_end_well_and_no_new_one_be_taken() {
		let test = start().await;
		let mut client = TcpStream::connect(test.address).await.expect("it listens");
		client.write_all(ASK).await.expect("it reads");
		test.asked.notified().await;
		test.teller.send_replace(1);
		// Until the listener is gone.
		while TcpStream::connect(test.address).await.is_ok() {
			tokio::task::yield_now().await;
		}
		assert!(!test.served.is_finished());
		test.answer.notify_one();
		let mut answer = String::new();
		client.read_to_string(&mut answer).await.expect("it answers and ends");
		assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
		test.served.await.expect("it has ended");
	}

	#[tokio::test]
	async fn an_idle_connection_should_not_keep_it_from_ending() {
		let test = start().await;
		let mut client = TcpStream::connect(test.address).await.expect("it listens");
		client.write_all(ASK).await.expect("it reads");
		test.answer.notify_one();
		let mut part = [0; 256];
		assert!(client.read(&mut part).await.expect("it answers") > 0);
		test.teller.send_replace(1);
		test.served.await.expect("it has ended");
		assert_eq!(client.read(&mut part).await.expect("it is closed"), 0);
	}

	#[tokio::test]
	async fn a_connection_without_a_request_should_be_ended() {
		let test = start_with(Duration::from_millis(1)).await;
		let mut client = TcpStream::connect(test.address).await.expect("it listens");
		client.write_all(b"GET / HTTP/1.1\r\n").await.expect("it reads");
		let mut rest = Vec::new();
		client.read_to_end(&mut rest).await.expect("it is closed");
		assert!(!test.served.is_finished(), "others are served");
	}

	/// Whether a new connection is kept: one that is refused is closed at once, and one that is kept answers.
	async fn is_served(test: &Test) -> bool {
		let Ok(mut client) = TcpStream::connect(test.address).await else { return false };
		test.answer.notify_one();
		let asked = client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
		let mut answer = String::new();
		let is_answered = asked.is_ok() && client.read_to_string(&mut answer).await.is_ok() && answer.ends_with("done");
		if is_answered {
			test.asked.notified().await;
		}
		is_answered
	}

	#[tokio::test]
	async fn one_address_should_have_so_many_connections_without_a_request() {
		let test = start().await;
		let mut idle = Vec::new();
		for _ in 0..MAX_WAITING {
			idle.push(TcpStream::connect(test.address).await.expect("it listens"));
		}
		assert!(!is_served(&test).await, "as many wait as may");
		// One of them asks, and waits for an answer in the place of waiting for a request.
		let mut asking = idle.pop().expect("there are some");
		// Whose turn it is was given to who was refused.
		let _ = tokio::time::timeout(Duration::ZERO, test.answer.notified()).await;
		asking.write_all(ASK).await.expect("it reads");
		test.asked.notified().await;
		let _another = TcpStream::connect(test.address).await.expect("it listens");
		test.answer.notify_one();
		let mut answer = String::new();
		asking.read_to_string(&mut answer).await.expect("it is answered, and ended since others wait");
		assert!(answer.contains("connection: close"), "{answer}");
		drop(idle);
		while !is_served(&test).await {
			tokio::task::yield_now().await;
		}
	}

	#[tokio::test]
	async fn a_head_that_is_too_large_should_be_refused() {
		let test = start().await;
		let mut client = TcpStream::connect(test.address).await.expect("it listens");
		let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(2 * MAX_HEAD));
		client.write_all(long.as_bytes()).await.expect("it reads");
		let mut answer = [0; 12];
		client.read_exact(&mut answer).await.expect("it answers");
		assert_eq!(&answer, b"HTTP/1.1 431");
	}
}

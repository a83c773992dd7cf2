//! A connection to which nothing can be written for long is over: who does not read would hold its place for ever.

use std::{
	future::Future,
	io,
	pin::Pin,
	task::{ready, Context, Poll},
	time::Duration,
};
use tokio::{
	io::{AsyncRead, AsyncWrite, ReadBuf},
	time::{sleep, Sleep},
};

/// A connection, and how long it may not take what is written.
pub struct Patient<T> {
	inner: T,
	patience: Duration,
	/// When it is over, since a write waits.
	end: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
	/// A connection that may not take what is written for as long as this.
	pub fn new(inner: T, patience: Duration) -> Self {
		Self { inner, patience, end: None }
	}

	fn check<R>(&mut self, written: Poll<io::Result<R>>, context: &mut Context<'_>) -> Poll<io::Result<R>> {
		if written.is_ready() {
			self.end = None;
			return written;
		}
		let patience = self.patience;
		let end = self.end.get_or_insert_with(|| Box::pin(sleep(patience)));
		ready!(end.as_mut().poll(context));
		Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
	}
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
	fn poll_read(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		buffer: &mut ReadBuf<'_>,
	) -> Poll<io::Result<()>> {
		Pin::new(&mut self.inner).poll_read(context, buffer)
	}
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
	fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
		let written = Pin::new(&mut self.inner).poll_write(context, bytes);
		self.check(written, context)
	}

	fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
		let flushed = Pin::new(&mut self.inner).poll_flush(context);
		self.check(flushed, context)
	}

	fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
		let shut = Pin::new(&mut self.inner).poll_shutdown(context);
		self.check(shut, context)
	}

	fn poll_write_vectored(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		slices: &[io::IoSlice<'_>],
	) -> Poll<io::Result<usize>> {
		let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
		self.check(written, context)
	}

	fn is_write_vectored(&self) -> bool {
		self.inner.is_write_vectored()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use tokio::io::{duplex, AsyncReadExt, AsyncWriteExt};

	#[tokio::test]
	async fn who_does_not_read_should_lose_the_connection() {
		let (own, _other) = duplex(4);
		let mut own = Patient::new(own, Duration::from_millis(1));
		let error = own.write_all(b"more than it holds").await.expect_err("nobody reads");
		assert_eq!(error.kind(), io::ErrorKind::TimedOut);
	}

	#[tokio::test]
	async fn who_reads_in_parts_should_get_all_and_be_let_wait_anew_for_each() {
		let (own, mut other) = duplex(4);
		let writing = tokio::spawn(async move {
			let mut own = Patient::new(own, Duration::from_secs(600));
			own.write_all(b"more than it holds").await.map(|()| own.end.is_none())
		});
		let mut read = [0; 18];
		other.read_exact(&mut read).await.expect("it is open");
		assert_eq!(&read, b"more than it holds");
		assert!(writing.await.expect("it ends").expect("all is written"), "no wait goes on");
	}
}

//! An answer as a stream: what the committee does, block by block, and then the text.

use super::{
	desk::{News, TIME_LIMIT},
	entry::Entry,
	error::ApiError,
	http::{self, Response},
	receipt,
	reply::{job_of, ChatReply, Progress},
	routes::{failed, too_late},
};
use crate::submission::Submitted;
use futures::{
	channel::mpsc::{channel, Sender, UnboundedReceiver},
	SinkExt, StreamExt,
};
use hyper::{
	body::Bytes,
	header::{HeaderMap, HeaderName, HeaderValue},
	StatusCode,
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Parts that wait for a client that reads slowly.
const AHEAD: usize = 8;
/// How often something is sent, lest a proxy takes the connection for dead.
const BEAT: Duration = Duration::from_secs(15);

/// A response that tells what becomes of a job which is in a block.
pub fn start(
	frame: ChatReply,
	submitted: Submitted,
	told: UnboundedReceiver<News>,
	include_usage: bool,
	entry: Entry,
) -> Response {
	let (parts, body) = channel(AHEAD);
	tokio::spawn(async move {
		let mut stream = Stream { parts, frame, submitted, include_usage, entry };
		// Who has gone is told nothing more. The job goes on.
		let _ = stream.run(told).await;
	});
	let mut headers = HeaderMap::new();
	let tell = [
		("x-sibyl-job", submitted.job.to_string()),
		("x-sibyl-fingerprint", format!("{:?}", submitted.fingerprint)),
		("x-sibyl-receipt", receipt::path(submitted.job)),
	];
	for (name, value) in tell {
		if let Ok(value) = HeaderValue::from_str(&value) {
			headers.insert(HeaderName::from_static(name), value);
		}
	}
	http::events(headers, body)
}

/// Nobody listens any more.
struct Gone;

struct Stream {
	parts: Sender<Bytes>,
	frame: ChatReply,
	submitted: Submitted,
	include_usage: bool,
	entry: Entry,
}

impl Stream {
	async fn run(&mut self, mut told: UnboundedReceiver<News>) -> Result<(), Gone> {
		let begun = Instant::now();
		self.send(&self.frame.begin(&self.submitted)).await?;
		loop {
			let news = match tokio::time::timeout(BEAT, told.next()).await {
				Ok(news) => news,
				Err(_) if begun.elapsed() > TIME_LIMIT => {
					return self.fail(&too_late().of_job(job_of(&self.submitted))).await;
				}
				Err(_) => {
					// A comment, which no client sees.
					self.part(": the job goes on\n\n".into()).await?;
					continue;
				}
			};
			match news {
				Some(News::Progress { block, job }) => {
					let progress = Progress { block, job: &job };
					self.send(&self.frame.progress(&self.submitted.fingerprint, &progress)).await?;
				}
				Some(News::Submitted(_)) => {}
				Some(News::Ended(ended)) => {
					self.entry.said = format!("job {}, {}", ended.job.id, ended.cost());
					let chunks = match self.frame.end(&ended, self.include_usage) {
						Ok(chunks) => chunks,
						Err(error) => return self.fail(&error).await,
					};
					for chunk in &chunks {
						self.send(chunk).await?;
					}
					self.part("data: [DONE]\n\n".into()).await?;
					self.entry.status = Some(StatusCode::OK);
					return Ok(());
				}
				Some(News::Failed(error)) => return self.fail(&error).await,
				None => return self.fail(&failed().of_job(job_of(&self.submitted))).await,
			}
		}
	}

	/// The status has been sent long since, so an error is a part of the stream.
	async fn fail(&mut self, error: &ApiError) -> Result<(), Gone> {
		self.entry.status = Some(error.status);
		self.entry.said = format!("job {}, {}", self.submitted.job, error.code);
		self.send(&error.body()).await
	}

	async fn send(&mut self, data: &Value) -> Result<(), Gone> {
		self.part(format!("data: {data}\n\n").into()).await
	}

	async fn part(&mut self, part: Bytes) -> Result<(), Gone> {
		self.parts.send(part).await.map_err(|_| Gone)
	}
}

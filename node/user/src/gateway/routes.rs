//! What is served where.

use super::{
	console::Console,
	cors::Origins,
	desk::{Desk, Ended, News, TIME_LIMIT},
	entry::Entry,
	error::{ApiError, Retry},
	http::{self, Guard, Response},
	keys::Holder,
	metrics::Metrics,
	receipt,
	reply::{self, ChatReply},
	request::{ChatRequest, EmbeddingsRequest},
	stream,
};
use crate::{amount::decimal, question, submission::Submitted};
use futures::{channel::mpsc::UnboundedReceiver, future::join_all, StreamExt};
use hyper::{
	body::{Bytes, Incoming},
	header::{HeaderName, HeaderValue, ALLOW},
	HeaderMap, Method, Request, StatusCode,
};
use serde_json::{json, Value};
use sibyl_primitives::job::Seats;
use std::sync::{
	atomic::{AtomicU64, Ordering},
	Arc,
};
use tokio::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MODEL: &str = "/v1/models/";

/// What serves requests.
pub struct Gateway {
	/// Where questions are taken to.
	pub desk: Arc<Desk>,
	/// Who is let in.
	pub guard: Guard,
	/// The page, where there is one.
	pub console: Option<Console>,
	/// The pages of other sites that may ask.
	pub origins: Origins,
	/// What is counted.
	pub metrics: Metrics,
	/// How many validators answer where a request does not say.
	pub seats: Seats,
	/// Requests so far.
	pub requests: AtomicU64,
}

/// What a request goes to.
enum Route<'a> {
	Models,
	Model(&'a str),
	Chat,
	Embeddings,
	Receipt(&'a str),
	Spending,
	Health,
	Page,
}

impl<'a> Route<'a> {
	fn of(path: &'a str) -> Self {
		match path {
			"/v1/models" => Self::Models,
			"/v1/chat/completions" => Self::Chat,
			"/v1/embeddings" => Self::Embeddings,
			"/v1/sibyl/spending" => Self::Spending,
			"/health" => Self::Health,
			_ => match (path.strip_prefix(MODEL), path.strip_prefix(receipt::PREFIX)) {
				(Some(name), _) => Self::Model(name),
				(_, Some(job)) => Self::Receipt(job),
				_ => Self::Page,
			},
		}
	}

	/// For the log, and the one method besides `HEAD` that it has.
	fn name(&self) -> (&'static str, Method) {
		match self {
			Self::Models => ("models", Method::GET),
			Self::Model(_) => ("model", Method::GET),
			Self::Chat => ("chat", Method::POST),
			Self::Embeddings => ("embeddings", Method::POST),
			Self::Receipt(_) => ("receipt", Method::GET),
			Self::Spending => ("spending", Method::GET),
			Self::Health => ("health", Method::GET),
			Self::Page => ("page", Method::GET),
		}
	}
}

impl Gateway {
	/// Answers a request.
	pub async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response {
		let origin = self.origins.of(request.headers());
		if let Some(mut response) = self.origins.preflight(request.method(), request.headers()) {
			self.origins.admit(origin, &mut response);
			return response;
		}
		let mut entry = Entry::new(self.requests.fetch_add(1, Ordering::Relaxed), self.metrics.clone());
		let id = HeaderValue::from_str(&entry.id);
		let served = self.route(request, &mut entry).await;
		let mut response = match served {
			Ok(Served::Whole(response)) => {
				entry.status = Some(response.status());
				response
			}
			Ok(Served::Stream(start)) => start(entry),
			Err(error) => {
				entry.status = Some(error.status);
				entry.said = error.code.into();
				http::error(&error)
			}
		};
		if let Ok(id) = id {
			response.headers_mut().insert(REQUEST_ID, id);
		}
		self.origins.admit(origin, &mut response);
		response
	}

	async fn route(self: &Arc<Self>, request: Request<Incoming>, entry: &mut Entry) -> Result<Served, ApiError> {
		let (head, body) = request.into_parts();
		let path = head.uri.path();
		let route = Route::of(path);
		let (name, method) = route.name();
		entry.what = name;
		let unknown = || {
			let message = "There is nothing here: the API is at /v1/models, /v1/chat/completions and /v1/embeddings";
			ApiError::new(StatusCode::NOT_FOUND, "unknown_url", message)
		};
		if head.method != method && !(method == Method::GET && head.method == Method::HEAD) {
			// Whoever sends something to where no file is has left '/v1' out of the address.
			let is_file = || self.console.as_ref().is_some_and(|console| console.get(path).is_some());
			if matches!(route, Route::Page) && !is_file() {
				return Err(unknown());
			}
			return Ok(Served::Whole(wrong_method(&method)));
		}
		match route {
			Route::Health => return self.health().await.map(Served::Whole),
			Route::Page => {
				let page = self.console.as_ref().and_then(|console| console.get(path));
				return page.map(Served::Whole).ok_or_else(unknown);
			}
			_ => {}
		}
		let holder = self.guard.admit(&head.headers)?;
		entry.key = Some(holder.name.clone());
		let whole = |body: Value| Served::Whole(http::json(StatusCode::OK, HeaderMap::new(), &body));
		match route {
			Route::Models => Ok(whole(reply::models(&question::models(&*self.desk.node().await?, None).await?))),
			Route::Model(name) => Ok(whole(reply::model(&question::model(&*self.desk.node().await?, name).await?))),
			Route::Receipt(job) => Ok(whole(receipt::receipt(&self.desk, job).await?)),
			Route::Spending => self.spending(&holder).await.map(whole),
			Route::Chat => self.chat(http::body(&head.headers, body).await?, holder, entry).await,
			Route::Embeddings => {
				let body = http::body(&head.headers, body).await?;
				self.embeddings(body, holder, entry).await.map(Served::Whole)
			}
			Route::Health | Route::Page => Err(unknown()),
		}
	}

	async fn chat(&self, body: Bytes, holder: Arc<Holder>, entry: &mut Entry) -> Result<Served, ApiError> {
		let request = read(move || ChatRequest::parse(&body)).await?;
		let model = question::model(&*self.desk.node().await?, &request.model).await?;
		entry.model = Some(model.name.clone());
		let (is_stream, include_usage) = (request.stream, request.include_usage);
		let frame = ChatReply::new(model.name.clone(), model.id, request.logprobs);
		let question = request.question(model, self.seats)?;
		let until = Instant::now() + TIME_LIMIT;
		let mut told = self.desk.ask(holder, vec![question]).await?.pop().ok_or_else(failed)?;
		// Until here a stream can fail with a status.
		let submitted = submitted(&mut told, until).await?;
		entry.said = format!("job {}", submitted.job);
		if is_stream {
			let start = move |entry| stream::start(frame, submitted, told, include_usage, entry);
			return Ok(Served::Stream(Box::new(start)));
		}
		let ended = ended(&mut told, &submitted, until).await?;
		entry.said = format!("job {}, {}", ended.job.id, ended.cost());
		let body = frame.whole(&ended)?;
		Ok(Served::Whole(http::json(StatusCode::OK, reply::headers(&[&ended]), &body)))
	}

	async fn embeddings(&self, body: Bytes, holder: Arc<Holder>, entry: &mut Entry) -> Result<Response, ApiError> {
		let request = read(move || EmbeddingsRequest::parse(&body)).await?;
		let model = question::model(&*self.desk.node().await?, &request.model).await?;
		entry.model = Some(model.name.clone());
		let encoding = request.encoding;
		let questions = request.questions(&model, self.seats)?;
		let places = self.desk.places().of(&holder) as usize;
		if questions.len() > places {
			let message = format!("This gateway takes {places} texts at a time from one who asks");
			return Err(ApiError::invalid("input", message));
		}
		let until = Instant::now() + TIME_LIMIT;
		let asked = self.desk.ask(holder, questions).await?.into_iter().map(|mut told| async move {
			let submitted = submitted(&mut told, until).await?;
			ended(&mut told, &submitted, until).await
		});
		// All of them, since each is paid for, whatever becomes of the others.
		let jobs = join_all(asked).await;
		entry.said = format!("{} jobs", jobs.len());
		// What a chat has in its messages is the input here.
		let jobs = reply::all(jobs).map_err(|error| error.renamed("messages", "input"))?;
		let jobs: Vec<_> = jobs.iter().collect();
		let cost = jobs.iter().fold(0_u128, |sum, ended| sum.saturating_add(ended.cost));
		entry.said = format!("{} jobs, {}", jobs.len(), crate::sib(cost));
		let body = reply::embeddings(&model.name, encoding, &jobs)?;
		Ok(http::json(StatusCode::OK, reply::headers(&jobs), &body))
	}

	async fn spending(&self, holder: &Arc<Holder>) -> Result<Value, ApiError> {
		let name = holder.name.clone();
		let holder = holder.clone();
		let spending = self.desk.ledger(move |ledger| ledger.of(&holder)).await.ok_or_else(failed)?;
		let [spent, held, limit] = [spending.spent, spending.held, spending.limit].map(decimal);
		Ok(
			json!({ "object": "sibyl.spending", "key": name, "spent": spent, "held": held, "limit": limit, "unit": "SIB" }),
		)
	}

	/// For those who look after the gateway: whether it could take a question now.
	async fn health(&self) -> Result<Response, ApiError> {
		let node = self.desk.node().await?;
		node.genesis().await?;
		Ok(http::json(StatusCode::OK, HeaderMap::new(), &json!({ "status": "ok" })))
	}
}

/// What a request is answered with.
enum Served {
	Whole(Response),
	/// A response that goes on, and logs the request when it is over.
	Stream(Box<dyn FnOnce(Entry) -> Response + Send>),
}

/// Reads a body where that takes no time from others.
async fn read<T: Send + 'static>(parse: impl FnOnce() -> Result<T, ApiError> + Send + 'static) -> Result<T, ApiError> {
	tokio::task::spawn_blocking(parse).await.map_err(|_| failed())?
}

/// Waits until a job is in a block.
async fn submitted(told: &mut UnboundedReceiver<News>, until: Instant) -> Result<Submitted, ApiError> {
	match tokio::time::timeout_at(until, told.next()).await {
		Ok(Some(News::Submitted(submitted))) => Ok(submitted),
		Ok(Some(News::Failed(error))) => Err(*error),
		Ok(_) => Err(failed()),
		Err(_) => Err(too_late()),
	}
}

/// Waits until a job has ended.
async fn ended(
	told: &mut UnboundedReceiver<News>,
	submitted: &Submitted,
	until: Instant,
) -> Result<Box<Ended>, ApiError> {
	let wait = async {
		loop {
			match told.next().await {
				Some(News::Ended(ended)) => return Ok(ended),
				Some(News::Failed(error)) => return Err(*error),
				Some(News::Submitted(_) | News::Progress { .. }) => {}
				None => return Err(failed()),
			}
		}
	};
	let waited = tokio::time::timeout_at(until, wait).await.unwrap_or_else(|_| Err(too_late()));
	waited.map_err(|error| match error.job {
		Some(_) => error,
		None => error.of_job(reply::job_of(submitted)),
	})
}

/// What does not happen, but as a panic in a task.
pub fn failed() -> ApiError {
	let message = "The gateway failed: see its log";
	ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message).retry(Retry::Never)
}

/// The chain makes no blocks, or none final.
pub fn too_late() -> ApiError {
	let message = "The chain takes longer than any job should: the job may go on, look for it later";
	ApiError::new(StatusCode::GATEWAY_TIMEOUT, "job_pending", message).retry(Retry::Never)
}

fn wrong_method(method: &Method) -> Response {
	let message = format!("This takes {method} alone");
	let mut response = http::error(&ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message));
	if let Ok(method) = HeaderValue::from_str(method.as_str()) {
		response.headers_mut().insert(ALLOW, method);
	}
	response
}

//! The desk: takes questions, pays for them within the limits, and goes on with each to its end, whether or not somebody
//! still waits for the answer.

use super::{
	error::{ApiError, Retry},
	keys::Holder,
	ledger::{Amount, HeldJob, Ledger, NotHeld, Place, StateError},
	link::Link,
	metrics::{Metrics, Outcome},
	places::{Places, Seat},
	LOG,
};
use crate::{
	amount::sib,
	connection::Connection,
	following::{find, follow, Step},
	question::{self, Question},
	submission::{Submitted, Submitter},
	Error,
};
use futures::{
	channel::mpsc::{unbounded, UnboundedReceiver, UnboundedSender},
	future::try_join_all,
};
use hyper::StatusCode;
use sibyl_primitives::{Balance, BlockNumber};
use sibyl_rpc_types::{Job, JobResult};
use std::{
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};

/// How long an answer is waited for: longer than any job takes on a chain that makes blocks.
pub const TIME_LIMIT: Duration = Duration::from_secs(600);
/// How long who waits for an answer is let wait for a node that is away.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a job whose node is away is waited for between looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Takes questions.
pub struct Desk {
	link: Link,
	submitter: Submitter,
	ledger: Arc<Mutex<Ledger>>,
	places: Places,
	metrics: Metrics,
}

/// What is told of a job that is under way.
pub enum News {
	/// It is in a block.
	Submitted(Submitted),
	/// A block changed it.
	Progress {
		/// The block's height.
		block: BlockNumber,
		/// The job there.
		job: Box<Job>,
	},
	/// It has ended for good.
	Ended(Box<Ended>),
	/// It will not be told of any more.
	Failed(Box<ApiError>),
}

/// A job that has ended for good.
pub struct Ended {
	/// What was asked.
	pub question: Arc<Question>,
	/// The job.
	pub job: Job,
	/// What came of it.
	pub result: JobResult,
	/// The block that held its submission.
	pub submitted_at: BlockNumber,
	/// What was held for it, the transaction's fee not counted.
	pub price: Balance,
	/// The transaction's fee.
	pub fee: Balance,
	/// What it cost, the fee counted.
	pub cost: Balance,
}

/// A question that may be paid for.
struct Order {
	question: Arc<Question>,
	price: Balance,
	place: Place,
}

impl Desk {
	/// A desk with places for so many jobs at a time.
	pub fn new(link: Link, submitter: Submitter, ledger: Ledger, places: u32, metrics: Metrics) -> Arc<Self> {
		metrics.spending(ledger.all());
		let (ledger, places) = (Arc::new(Mutex::new(ledger)), Places::new(places));
		Arc::new(Self { link, submitter, ledger, places, metrics })
	}

	/// The node.
	pub async fn node(&self) -> Result<Arc<Connection>, ApiError> {
		Ok(self.link.node().await?)
	}

	/// The places for jobs that are open.
	pub fn places(&self) -> &Places {
		&self.places
	}

	/// Looks at the ledger, or changes it, without a thread of the server's waiting for the disk.
	pub async fn ledger<T: Send + 'static>(&self, work: impl FnOnce(&mut Ledger) -> T + Send + 'static) -> Option<T> {
		let (ledger, metrics) = (self.ledger.clone(), self.metrics.clone());
		let work = move || {
			let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
			let done = work(&mut ledger);
			metrics.spending(ledger.all());
			done
		};
		tokio::task::spawn_blocking(work).await.ok()
	}

	/// Asks questions, once there is a place for each of them and what all may cost is held, and tells of each. Who stops
	/// listening does not stop a job.
	pub async fn ask(
		self: &Arc<Self>,
		holder: Arc<Holder>,
		questions: Vec<Question>,
	) -> Result<Vec<UnboundedReceiver<News>>, ApiError> {
		let seats = self.places.take(&holder, questions.len())?;
		let desk = self.clone();
		let asking = async move {
			let node = desk.link.node().await?;
			let orders = desk.reserve(&node, holder, questions).await?;
			Ok(seats.into_iter().zip(orders).map(|(seat, order)| desk.start(seat, node.clone(), order)).collect())
		};
		// In a task of its own, lest who leaves meanwhile leaves something held that is never asked.
		tokio::spawn(asking).await.unwrap_or_else(|_| Err(failed("The gateway failed: see its log")))
	}

	fn start(self: &Arc<Self>, seat: Seat, node: Arc<Connection>, order: Order) -> UnboundedReceiver<News> {
		let (teller, told) = unbounded();
		let desk = self.clone();
		tokio::spawn(async move {
			let _seat = seat;
			if let Err(error) = desk.run(node, order, &teller).await {
				tell(&teller, News::Failed(Box::new(error)));
			}
		});
		told
	}

	/// Waits until no job is open.
	pub async fn all_ended(&self) {
		self.places.all_free().await;
	}

	/// Goes on with the jobs that a gateway before this one left.
	pub async fn resume(self: &Arc<Self>) {
		for (place, job) in self.ledger(|ledger| ledger.left_over()).await.unwrap_or_default() {
			let Some(HeldJob { number, fingerprint, block, fee }) = job else {
				log::warn!(target: LOG, "nobody knows whether a job that was being submitted is in a block: it counts as paid in full");
				self.settle_in_full(place).await;
				continue;
			};
			log::info!(target: LOG, "job {number} was left open: going on with it");
			let desk = self.clone();
			tokio::spawn(async move {
				let submitted = Submitted { job: number, fingerprint, block };
				match desk.known(&submitted).await {
					true => drop(desk.follow(place, &submitted, fee.0, &unbounded().0).await),
					false => desk.lose(place, &submitted).await,
				}
			});
		}
	}

	/// Holds what the questions may cost, before the first of them is submitted.
	async fn reserve(
		&self,
		node: &Connection,
		holder: Arc<Holder>,
		questions: Vec<Question>,
	) -> Result<Vec<Order>, ApiError> {
		let priced = try_join_all(questions.into_iter().map(|question| async move {
			let price = question.price(node).await?.total;
			let fee = self.submitter.fee(node, question.call(price)).await?;
			// The fee follows how full blocks are, a little with each.
			let most = price.saturating_add(fee).saturating_add(fee / 4);
			Ok::<_, Error>((Arc::new(question), price, most))
		}));
		let priced = priced.await?;
		let most = priced.iter().map(|(.., most)| *most).collect();
		let places = self.hold(holder, most).await?;
		let order = |((question, price, _), place)| Order { question, price, place };
		Ok(priced.into_iter().zip(places).map(order).collect())
	}

	async fn run(&self, node: Arc<Connection>, order: Order, teller: &UnboundedSender<News>) -> Result<(), ApiError> {
		let Order { question, price, place } = order;
		self.metrics.job(Outcome::Asked);
		let call = question.call(price);
		let pending = match self.submitter.submit(&node, call).await {
			Ok(pending) => pending,
			// Where the node has not said no, it may have sent the transaction on.
			Err(error @ (Error::Lost { .. } | Error::Unreadable { .. })) => {
				return Err(self.maybe_submitted(place, error).await);
			}
			Err(error) => {
				self.settle(place, 0, Outcome::Refused).await;
				return Err(error.into());
			}
		};
		let outcome = match pending.outcome(&node).await {
			Ok(outcome) => outcome,
			Err(error) => return Err(self.maybe_submitted(place, error).await),
		};
		let fee = outcome.fee;
		let submitted = match outcome.result {
			Ok(submitted) => submitted,
			Err(error) => {
				self.settle(place, fee, Outcome::Refused).await;
				return Err(error.into());
			}
		};
		let Submitted { job, fingerprint, block } = submitted;
		let held = HeldJob { number: job, fingerprint, block, fee: Amount(fee) };
		self.note(move |ledger| ledger.submitted(place, held)).await;
		tell(teller, News::Submitted(submitted));
		let of_job = |error: ApiError| error.of_job(super::reply::job_of(&submitted));
		let (job, cost) = self.follow(place, &submitted, fee, teller).await.map_err(|error| of_job(error.into()))?;
		let result = self.result(&job).await.map_err(|error| of_job(error.into()))?;
		let submitted_at = job.submitted_at;
		tell(teller, News::Ended(Box::new(Ended { question, job: *job, result, submitted_at, price, fee, cost })));
		Ok(())
	}

	/// What came of a job that has ended. It is paid, so a node that is away is waited for.
	async fn result(&self, job: &Job) -> Result<JobResult, Error> {
		let begun = Instant::now();
		loop {
			let asked = match self.link.node_within(TIME_LIMIT.saturating_sub(begun.elapsed())).await {
				Ok(node) => question::result(&node, job.id).await,
				Err(error) => Err(error),
			};
			match asked {
				Err(error) if is_passing(&error) && begun.elapsed() < TIME_LIMIT => {
					log::warn!(target: LOG, "job {}: {error}", job.id);
					tokio::time::sleep(PAUSE).await;
				}
				asked => return asked,
			}
		}
	}

	/// Follows a job to its end and counts what it cost, over a node that goes away and comes back, too.
	async fn follow(
		&self,
		place: Place,
		submitted: &Submitted,
		fee: Balance,
		teller: &UnboundedSender<News>,
	) -> Result<(Box<Job>, Balance), Error> {
		let mut patience = PATIENCE;
		let job = loop {
			let node = match self.link.node_within(patience).await {
				Ok(node) => node,
				Err(error) => {
					let failed = ApiError::from(error).retry(Retry::Never).of_job(super::reply::job_of(submitted));
					tell(teller, News::Failed(Box::new(failed)));
					patience = Duration::MAX;
					continue;
				}
			};
			let step = |step: Step<'_>| {
				match step {
					Step::Known { block, job, is_final: false } => {
						tell(teller, News::Progress { block, job: Box::new(job.clone()) });
					}
					Step::Silent { .. } => {
						log::warn!(target: LOG, "job {}: the chain stands still, or its finality does", submitted.job);
					}
					// The end for good is told with the answer.
					Step::Known { .. } | Step::TakenBack { .. } => {}
				}
			};
			match follow(&node, submitted, step).await {
				Ok(job) => break job,
				Err(error) if is_passing(&error) => {
					log::warn!(target: LOG, "job {}: {error}", submitted.job);
					tokio::time::sleep(PAUSE).await;
				}
				Err(error) => {
					self.lose(place, submitted).await;
					return Err(error);
				}
			}
		};
		let amounts =
			job.settlement.as_ref().map(|settled| [&settled.paid, &settled.author_share, &settled.protocol_share]);
		let amounts = amounts.and_then(|amounts| amounts.iter().map(|amount| amount.parse().ok()).collect());
		let Some(amounts): Option<Vec<Balance>> = amounts else {
			self.settle_in_full(place).await;
			return Err(Error::Unreadable {
				method: "inference_subscribeJob",
				reason: "it tells no settlement".into(),
			});
		};
		let cost = amounts.into_iter().fold(fee, Balance::saturating_add);
		self.settle(place, cost, Outcome::Settled).await;
		Ok((job, cost))
	}

	/// Whether the chain knows the job, as soon as a node can be asked that has caught up.
	async fn known(&self, submitted: &Submitted) -> bool {
		loop {
			let located = match self.link.node_within(Duration::MAX).await {
				Ok(node) => find(&node, submitted.fingerprint).await,
				Err(error) => Err(error),
			};
			match located {
				Ok(located) => return located.is_some(),
				Err(_) => tokio::time::sleep(PAUSE).await,
			}
		}
	}

	async fn hold(&self, holder: Arc<Holder>, most: Vec<Balance>) -> Result<Vec<Place>, ApiError> {
		let held = self.ledger(move |ledger| ledger.hold(&holder, &most)).await;
		match held {
			Some(Ok(places)) => Ok(places),
			Some(Err(NotHeld::State(error))) => {
				log::error!(target: LOG, "{error}");
				Err(failed("The gateway can't write down what it spends: tell its operator"))
			}
			Some(Err(error)) => {
				let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", error.to_string());
				Err(error.retry(Retry::Never))
			}
			None => Err(failed("The gateway failed: see its log")),
		}
	}

	async fn note(&self, work: impl FnOnce(&mut Ledger) -> Result<(), StateError> + Send + 'static) {
		if let Some(Err(error)) = self.ledger(work).await {
			log::error!(target: LOG, "{error}");
		}
	}

	async fn settle(&self, place: Place, cost: Balance, outcome: Outcome) {
		self.metrics.job(outcome);
		self.note(move |ledger| ledger.settle(place, cost)).await;
	}

	async fn settle_in_full(&self, place: Place) {
		self.metrics.job(Outcome::Lost);
		self.note(move |ledger| ledger.settle_in_full(place)).await;
	}

	/// A transaction that may come into a block, or not: it counts as if all of it were paid.
	async fn maybe_submitted(&self, place: Place, error: Error) -> ApiError {
		log::warn!(target: LOG, "a job may have been submitted, and counts as paid in full: {error}");
		self.settle_in_full(place).await;
		ApiError::from(error).retry(Retry::Never)
	}

	async fn lose(&self, place: Place, submitted: &Submitted) {
		log::warn!(target: LOG, "what job {} cost can't be told any more: it counts as paid in full", submitted.job);
		self.settle_in_full(place).await;
	}
}

impl Ended {
	/// What it cost, for the log.
	pub fn cost(&self) -> String {
		sib(self.cost)
	}
}

/// Whether a job can be followed again later.
fn is_passing(error: &Error) -> bool {
	match error {
		Error::Lost { .. } | Error::NoNode { .. } => true,
		Error::Refused { name, .. } => matches!(name.as_deref(), Some("Syncing" | "TooManySubscriptions")),
		_ => false,
	}
}

fn failed(message: &str) -> ApiError {
	ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message).retry(Retry::Never)
}

/// Whoever asked may have gone.
fn tell(teller: &UnboundedSender<News>, news: News) {
	let _ = teller.unbounded_send(news);
}

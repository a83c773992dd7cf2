//! What happens to jobs, as the chain tells it.

use frame_support::pallet_macros::pallet_section;

/// The pallet's events; their docs are what wallets show.
#[pallet_section]
mod events {
	/// What happens to jobs. A job's number finds it by `inference_getJob` until it is pruned.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A job was submitted and its price is held.
		JobSubmitted {
			/// Its number.
			job: JobId,
			/// Who asks.
			requester: AccountId,
			/// The model asked.
			model: ModelId,
			/// What identifies it on every fork.
			fingerprint: Fingerprint,
			/// The price; what is not used comes back.
			quote: Quote,
			/// The block by which it ends in any case.
			ends_by: BlockNumber,
		},
		/// A job's committee was drawn; its seats may commit from the next block on. A first one is told of again when substitutes
		/// are drawn for some of its seats: all commit anew then.
		CommitteeDrawn {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// The seed of the draw.
			draw: Hash,
			/// The session whose keys vote.
			session: SessionIndex,
			/// The validators, in the order of their seats.
			seats: Vec<AccountId>,
			/// The last block for commits.
			commit_deadline: BlockNumber,
		},
		/// A seat bound itself to an output.
		Committed {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// What it is bound by.
			commitment: Hash,
		},
		/// A seat will not commit. It is not paid.
		Abstained {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// Why.
			reason: sibyl_primitives::job::AbstainReason,
		},
		/// Commits are over; seats may reveal from the next block on.
		RevealingBegan {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// Seats that committed.
			committed: u32,
			/// The last block for reveals.
			deadline: BlockNumber,
		},
		/// A seat opened its commit.
		Revealed {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// The hash of its output.
			output_hash: Hash,
		},
		/// A job has the answer that another one had: no committee is drawn for it. The seats of that one are paid.
		AnswerReused {
			/// The job.
			job: JobId,
			/// The job whose answer it has.
			source: JobId,
		},
		/// More than two thirds of the seats gave this output. It is final with this block.
		Agreed {
			/// The job.
			job: JobId,
			/// The hash of the canonical output bytes.
			output_hash: Hash,
			/// The answer, or the model's refusal.
			output: Output,
			/// Of how many seats how many agreed, and in which round.
			support: Support,
		},
		/// Too few seats of the first committee committed. Those that did keep theirs; for the others substitutes are drawn from
		/// the next block's VRF, and all commit anew.
		SubstitutesCalled {
			/// The job.
			job: JobId,
			/// Seats that committed.
			committed: u32,
		},
		/// The first committee did not agree: a second one is drawn from the next block's VRF.
		SecondRoundBegan {
			/// The job.
			job: JobId,
			/// Whether the first committee agreed and this is an audit of it, at the protocol's cost.
			is_audit: bool,
		},
		/// An audit of an agreed job is over. The answer stays as it was said.
		Audited {
			/// The job.
			job: JobId,
			/// What came of it.
			audit: AuditView,
		},
		/// A seat was paid.
		SeatPaid {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// What it got.
			amount: Balance,
		},
		/// A seat was charged for its fault, out of its validator's service bond.
		SeatCharged {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: Round,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// What it did.
			fault: Fault,
			/// What was taken.
			amount: Balance,
		},
		/// A job ended and its money is settled. Paid, refunded and the shares add up to what was held.
		Settled {
			/// The job.
			job: JobId,
			/// How it ended.
			verdict: Verdict,
			/// What of the price seats got.
			paid: Balance,
			/// What went back to the requester.
			refunded: Balance,
			/// What the model's author got of the price.
			author_share: Balance,
			/// What the protocol's account got of the price.
			protocol_share: Balance,
		},
		/// A job's retention is over: only events know it any more.
		Pruned {
			/// The job.
			job: JobId,
		},
		/// A validator serves a model from the next block on.
		Attested {
			/// The validator.
			validator: AccountId,
			/// The model.
			model: ModelId,
			/// How fast it is.
			pace: Pace,
		},
		/// A validator does not serve a model any more.
		Withdrawn {
			/// The validator.
			validator: AccountId,
			/// The model.
			model: ModelId,
		},
		/// A validator missed too many seats in a row and gets none until it attests again.
		Unresponsive {
			/// The validator.
			validator: AccountId,
		},
		/// A validator placed a service bond, or more of it.
		ServiceBonded {
			/// The validator.
			validator: AccountId,
			/// What was added.
			amount: Balance,
			/// All of its bond.
			bond: Balance,
		},
		/// A validator took service bond back.
		ServiceUnbonded {
			/// The validator.
			validator: AccountId,
			/// What was taken back.
			amount: Balance,
			/// What is left of its bond.
			bond: Balance,
		},
		/// A validator signed two commits of one seat. Its stake is slashed.
		Equivocated {
			/// The validator.
			validator: AccountId,
			/// The job.
			fingerprint: Fingerprint,
			/// The committee's number for the job.
			round: Round,
			/// The seat.
			seat: SeatIndex,
		},
		/// Root gave an account back what was held for a job that can't be read any more.
		Reclaimed {
			/// The job.
			job: JobId,
			/// The account.
			requester: AccountId,
			/// What it got back.
			amount: Balance,
		},
		/// A pallet of the runtime that asked for a job has its result.
		ResultDelivered {
			/// The job.
			job: JobId,
			/// The pallet, by its number among those that ask.
			consumer: ConsumerId,
		},
		/// A pallet that asked for a job failed to take its result, and nothing of what it tried is left. The result stays:
		/// anyone can have it delivered again by `redeliver`, until the job is pruned.
		DeliveryFailed {
			/// The job.
			job: JobId,
			/// The pallet, by its number among those that ask.
			consumer: ConsumerId,
			/// Why.
			error: DispatchError,
		},
		/// A validator of the session has less than the least service bond. It gets no seats until it has bonded enough
		/// (`inference.bondService`) and attests a model again.
		Underbonded {
			/// The validator.
			validator: AccountId,
		},
	}
}

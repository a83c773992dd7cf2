/** What went wrong, for programs. */
export type SibylErrorCode =
  /** An argument, an option or an amount is none. */
  | 'InvalidArgument'
  /** An option, or a part of one, has a name that there is not. */
  | 'UnknownOption'
  /** The chain has no such model. */
  | 'UnknownModel'
  /** No job has this number or fingerprint, as far as the node knows. */
  | 'UnknownJob'
  /** No feed has this number, or it has ended. */
  | 'UnknownFeed'
  /** The job's retention is over: only its events remain. */
  | 'PrunedJob'
  /** The chain would refuse the job; nothing was sent. See {@link QuoteError}. */
  | 'QuoteRefused'
  /** The chain refused the job in a block. See {@link DispatchError}. */
  | 'DispatchFailed'
  /** The transaction can't come into a block. */
  | 'TransactionInvalid'
  /** The signer gave no signature. */
  | 'SigningFailed'
  /** The job fell off with its fork, and can't come back. */
  | 'JobLost'
  /** Nothing came in time. */
  | 'Timeout'
  /** The wait was ended by its signal. */
  | 'Aborted'
  /** There is no node at this address, or no peer for the light client. */
  | 'Unreachable'
  /** The client was closed. */
  | 'Closed'
  /** The node is still syncing, so it does not know yet. */
  | 'NodeSyncing'
  /** The node answered with an error. */
  | 'NodeFailed'
  /** The chain is not Sibyl, or another version than this library speaks. */
  | 'WrongChain'
  /** The job has no result that could be verified yet, or no receipt. */
  | 'NoResult'
  /** A header, or a proof of storage, does not prove what it should. */
  | 'ProofInvalid'
  /** The chain's state says otherwise than the node did. */
  | 'ResultAltered'
  /** The job is not the one that was asked. */
  | 'QuestionAltered'
  /** The metadata that a node gave says of jobs' bytes what this library does not know. */
  | 'LayoutUnknown'
  /** A receipt shows nothing. See {@link ReceiptError}. */
  | 'ReceiptInvalid'
  /** What is connected to makes no receipts: a light client, or a node that can't. */
  | 'ReceiptUnsupported';

/** Every error of this library: a code for programs, and one line for people. */
export class SibylError extends Error {
  override name = 'SibylError';

  constructor(
    readonly code: SibylErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message.replace(/\s+/g, ' ').trim(), options);
  }
}

/** Why the chain gives no price, so that it would refuse the job, too. */
export class QuoteError extends SibylError {
  override name = 'QuoteError';

  /**
   * @param reason the chain's name for it, such as `InputTooLong`
   * @param limit what it would take at most, or at least, where it says so
   */
  constructor(
    readonly reason: string,
    message: string,
    readonly limit?: number,
  ) {
    super('QuoteRefused', message);
  }
}

/** Why the chain refused a call in a block: the transaction fee is paid, nothing is held. */
export class DispatchError extends SibylError {
  override name = 'DispatchError';

  /**
   * @param pallet whose error it is, such as `Inference`
   * @param reason its name, such as `BalanceTooLow`
   * @param docs what the chain's metadata says of it
   */
  constructor(
    readonly pallet: string,
    readonly reason: string,
    readonly docs: string,
  ) {
    super('DispatchFailed', `${pallet}.${reason}${docs ? `: ${docs}` : ''}`);
  }
}

/** Why a receipt shows nothing. */
export type ReceiptReason =
  /** It has not the form of a receipt. */
  | 'NotAReceipt'
  /** It is of another release. */
  | 'Version'
  /** It is of another chain than the one that is trusted. */
  | 'OtherChain'
  /** A part of it is broken, or was changed. */
  | 'Malformed'
  /** The proof of finality ends before the final block. */
  | 'Unfinished'
  /** A block on the way to the final one changes no validators. */
  | 'NoChange'
  /** Signatures are missing, wrong, or others' than the validators'. */
  | 'NotFinal'
  /** The state has no such job, or not all of it. */
  | 'Absent'
  /** The job goes on. */
  | 'NotEnded'
  /** It ended without an answer. */
  | 'NoAnswer'
  /** A second committee found another output. */
  | 'Overturned';

/** A receipt shows nothing, and why. */
export class ReceiptError extends SibylError {
  override name = 'ReceiptError';

  /** @param why completes "The receipt shows nothing: …" */
  constructor(
    readonly reason: ReceiptReason,
    why: string,
  ) {
    super('ReceiptInvalid', `The receipt shows nothing: ${why}.`);
  }
}

/** What an unknown thing that was thrown says of itself, in a line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String((error as { message?: unknown })?.message ?? error);
  return message.replace(/\s+/g, ' ').trim();
}

/** The error itself where it is one of this library's, else one of this code that has it as its cause. */
export function asSibylError(code: SibylErrorCode, what: string, error: unknown): SibylError {
  if (error instanceof SibylError) return error;
  return new SibylError(code, `${what}: ${messageOf(error)}`, { cause: error });
}

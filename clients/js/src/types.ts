import type { Format } from './format.js';
import type { Message } from './input.js';
import type { Hex } from './raw.js';

export type { Hex } from './raw.js';

/** A block. */
export interface BlockRef {
  hash: Hex;
  number: number;
}

/** A model that the chain knows. */
export interface Model {
  /** The hash of its revision: another file or limit is another model. */
  id: Hex;
  name: string;
  task: 'classify' | 'generate' | 'embed';
  architecture: string;
  files: { name: string; size: bigint; sha256: Hex; chunkRoot: Hex }[];
  /** What it takes and gives at most. */
  limits: { inputBytes: number; contextUnits: number; outputUnits: number };
  /** What a seat's work costs, in 10⁻¹² SIB, and what its author gets beside: so much in a hundred of what seats are paid. */
  price: { base: bigint; unit: bigint; authorShare: number };
  /** The address of who registered it; null for those that the chain began with. */
  author: string | null;
  /** What may be done with its files, as an SPDX expression. */
  licence: string;
  /** Whether it may be asked: not where its validators disagreed, the council stopped it, or its author took it back. */
  state: 'listed' | 'suspended' | 'retired';
  /** Whether it takes jobs: it is listed, and validators with enough of the stake serve it. */
  isActive: boolean;
  /** What those have, as a part of all stake: 0 to 1. */
  stakeShare: number;
  /** Addresses of the validators that serve it. */
  servedBy: string[];
}

/** The newest block of the best chain, and the newest final one. */
export interface Heads {
  best: BlockRef;
  final: BlockRef;
}

/** Which chain it is, and how the connection to it stands. */
export interface Network {
  name: string;
  /** The hash of the chain's first block. */
  genesis: Hex;
  /** Whether it is one of those for developers, whose accounts have public keys: `//Alice` and others. */
  isDevelopment: boolean;
  /** Peers of the node, or of the light client. */
  peers: number;
  isSyncing: boolean;
}

/** What a validator has bonded for service, has open, and has done. */
export interface Validator {
  address: string;
  /** Its service bond, in 10⁻¹² SIB. */
  bond: bigint;
  /** What of the bond covers open seats. */
  reserved: bigint;
  openSeats: number;
  /** Microseconds that its open seats may take at most. */
  openTime: bigint;
  /** Seats in a row that it neither committed nor abstained in. */
  missedInARow: number;
  record: {
    drawn: number;
    committed: number;
    revealed: number;
    /** Seats that neither committed nor abstained. */
    missed: number;
    abstained: number;
    /** Seats that revealed what lost. */
    lost: number;
    /** What it was charged, in 10⁻¹² SIB. */
    charged: bigint;
    /** What its seats earned, in 10⁻¹² SIB. */
    earned: bigint;
  };
}

/** What a job costs, in 10⁻¹² SIB. */
export interface Quote {
  seats: number;
  /** What a seat gets at most. */
  perSeat: bigint;
  /** What the model's author gets at most. */
  authorShare: bigint;
  /** What the protocol's account gets at most. */
  protocolShare: bigint;
  /** All of it: what is held when the job is submitted. */
  total: bigint;
}

/** How many agreed, which a consumer decides on. */
export interface Support {
  /** The round whose committee agreed. */
  round: number;
  /** Its seats. */
  seats: number;
  /** Those that gave the output. */
  agreed: number;
  /** Validators that served the model when the committee was drawn. */
  serving: number;
}

/** What a second round says of an agreed job; `outputHash` is that of the other output. */
export type Audit = { status: 'none' | 'open' | 'confirmed' | 'undecided' } | { status: 'overturned'; outputHash: Hex };

/** What a model says. Scores and probabilities are in millionths. */
export type Answer =
  | { type: 'classification'; label: string; scores: { label: string; score: number }[] }
  /** `finish` is `length` where the job paid for no more tokens. */
  | { type: 'generation'; text: string; tokens: number[]; finish: 'stop' | 'length' }
  /** The same with how likely the model found each token. Where a token ends within a character, there is U+FFFD. */
  | {
      type: 'scoredText';
      text: string;
      tokens: { id: number; text: string; score: number }[];
      finish: 'stop' | 'length';
    }
  /** Components of which 32,767 stands for 1. */
  | { type: 'embedding'; values: number[] }
  /** `text` is the choice itself, `probabilities` are in the order of the job's choices. */
  | { type: 'choice'; text: string; index: number; probabilities: number[] }
  /** As text, and in units of the last decimal. */
  | { type: 'number'; text: string; units: bigint; decimals: number };

/** Why a model, having seen the input, gives no answer. */
export type Refusal = 'contextExceeded' | 'notFinite' | 'outputTooLong' | 'template' | 'format' | (string & {});

/** How a job ended. */
export type Verdict = 'agreed' | 'failed' | 'noQuorum' | 'expired' | 'cancelled';

/** A job's result. Only `agreed` has an answer, only `failed` a refusal, on which the committee agreed as well. */
export interface JobResult {
  /** The job's number in the block's chain: it may be another one on another fork. */
  number: bigint;
  /** What identifies the job on every fork. */
  fingerprint: Hex;
  status: Verdict;
  answer: Answer | null;
  refusal: Refusal | null;
  /** The hash of the output's canonical bytes. */
  outputHash: Hex | null;
  support: Support | null;
  audit: Audit;
  /** Whether the money is settled, too. */
  settled: boolean;
  /** The job whose answer this is; null where the job had a committee of its own. */
  reused: bigint | null;
  /** The block of the agreement, or of the end where there was none. */
  at: number;
  /** The finalised block after which the chain was asked. */
  block: BlockRef;
}

/** A result, and what it was proven by. */
export interface VerifiedResult extends JobResult {
  proof: {
    /** The finalised block whose state proves it. */
    block: BlockRef;
    stateRoot: Hex;
    /** `light client`: the block's finality is proven, too. `node`: that is the node's word. */
    source: 'light client' | 'node';
  };
}

/** A question that is asked again and again for a prepaid time. */
export interface Feed {
  id: number;
  /** Address of who pays. */
  owner: string;
  /** The id of the model asked. */
  model: Hex;
  input: JobView['input'];
  options: JobView['options'];
  /** Blocks from a round to the next. */
  interval: number;
  /** What a round's job may cost at most, in 10⁻¹² SIB. */
  maxFee: bigint;
  /** What a round costs beside its job, asked or skipped, in 10⁻¹² SIB. */
  roundFee: bigint;
  /** What is held for further rounds, in 10⁻¹² SIB. */
  funds: bigint;
  /** What is held for its place in the state, in 10⁻¹² SIB. */
  deposit: bigint;
  createdAt: number;
  /** The block of its next round. */
  nextAt: number;
  /** Rounds that were asked. */
  asked: number;
  /** The job of the last round, while its result is to come. */
  openJob: bigint | null;
  /** Its latest answer; null before the first. */
  latest: {
    answer: Answer;
    /** The block of the agreement. */
    at: number;
    /** Blocks from there to `block`. */
    age: number;
    support: Support;
    /** The job that answered, on `block`'s fork. */
    job: bigint;
    /** What identifies that job on every fork. */
    fingerprint: Hex;
  } | null;
  /** The block after which this is so. */
  block: BlockRef;
}

/** A part of the list of feeds. */
export interface FeedPage {
  /** By their numbers. */
  feeds: Feed[];
  /** What to give as `from` to go on; null where there are no more. */
  next: number | null;
}

/** What a seat has done. */
export type SeatVote = 'missing' | 'abstained' | 'committed' | 'revealed';

/** A job's committee. */
export interface Committee {
  round: number;
  drawnAt: number;
  /** Validators that served the model then. */
  serving: number;
  seats: { validator: string; vote: SeatVote; outputHash?: Hex; reason?: string }[];
}

/** Where a job stands. */
export type Phase = 'pending' | 'committing' | 'revealing' | 'ended';

/** What the chain knows of a job. */
export interface JobView {
  number: bigint;
  fingerprint: Hex;
  requester: string;
  model: Hex;
  input: { text: string } | { raw: string } | { messages: Message<string>[] };
  options: {
    seats: number | 'all';
    maxOutputUnits: number;
    drawDelay: number;
    sampling: { temperature: number; topK: number; topP: number };
    seed: bigint | null;
    format: Format;
    reuse: boolean;
  };
  quote: Quote;
  submittedAt: number;
  phase: Phase;
  /** The block at whose end the phase is over at the latest; null when the job has ended. */
  deadline: number | null;
  /** The block by which it ends in any case. */
  endsBy: number;
  committees: Committee[];
  /** Whether too few seats of the first committee committed, and others are drawn, or to be drawn, for the rest. */
  hasSubstitutes: boolean;
  agreed: { outputHash: Hex; at: number; support: Support } | null;
  verdict: Verdict | null;
  endedAt: number | null;
  audit: Audit;
  /** Where the price went, in 10⁻¹² SIB. */
  settlement: { paid: bigint; refunded: bigint; authorShare: bigint; protocolShare: bigint } | null;
  /** The job whose answer was taken for this one, without a committee of its own. */
  reused: bigint | null;
}

/** A step of a job on its way. */
export interface Step {
  /**
   * `agreed`: there is an answer, and seats may still reveal. `lost`: the job fell off with its fork, and may come
   * back.
   */
  phase: Phase | 'agreed' | 'lost';
  /** The block after which this is so. */
  block: BlockRef;
  /** Whether that block is finalised: what is not may still change, the job's number, too. */
  isFinal: boolean;
  /** What the chain knows of the job; null where it is lost. */
  job: JobView | null;
  /** The present committee's seats, and how many of them have committed, or committed and revealed. */
  seats: { total: number; committed: number; revealed: number };
}

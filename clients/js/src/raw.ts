// What the chain's metadata decodes to, as far as this library reads it.
import type { ChainFormat } from './format.js';
import type { ChainInput } from './input.js';
import type { ChainOptions } from './options.js';

/** A variant of an enum. */
export type Variant<Type extends string, Value = undefined> = { type: Type; value: Value };

/** `0x` and hexadecimal digits. */
export type Hex = `0x${string}`;

export type RawLookup<T> = Variant<'Found', T> | Variant<'Pruned'> | Variant<'Unknown'>;

export type RawVerdict =
  | Variant<'Agreed'>
  | Variant<'Failed', Variant<string>>
  | Variant<'NoQuorum'>
  | Variant<'Expired'>
  | Variant<'Cancelled'>;

export type RawPhase =
  | Variant<'Pending'>
  | Variant<'Committing'>
  | Variant<'Revealing'>
  | Variant<'Ended', { verdict: RawVerdict; at: number }>;

export interface RawSupport {
  round: number;
  seats: number;
  agreed: number;
  serving: number;
}

export type RawAudit =
  | Variant<'None'>
  | Variant<'Open'>
  | Variant<'Confirmed'>
  | Variant<'Overturned', { output_hash: Hex }>
  | Variant<'Undecided'>;

export interface RawQuote {
  seats: number;
  per_seat: bigint;
  author_share: bigint;
  protocol_share: bigint;
  total: bigint;
}

export interface RawSettlement {
  paid: bigint;
  refunded: bigint;
  author_share: bigint;
  protocol_share: bigint;
}

export interface RawJobView {
  id: bigint;
  fingerprint: Hex;
  requester: string;
  model: Hex;
  input: ChainInput;
  options: ChainOptions;
  quote: RawQuote;
  submitted_at: number;
  phase: RawPhase;
  deadline: number | undefined;
  ends_by: number;
  committees: RawCommittee[];
  has_substitutes: boolean | undefined;
  agreed: { output_hash: Hex; at: number; support: RawSupport } | undefined;
  audit: RawAudit;
  settlement: RawSettlement | undefined;
  reused: bigint | undefined;
}

export interface RawCommittee {
  draw: Hex;
  round: number;
  session: number;
  drawn_at: number;
  serving: number;
  seats: { validator: string; vote: RawVote }[];
}

export type RawVote =
  Variant<'Missing'> | Variant<'Abstained', Variant<string>> | Variant<'Committed'> | Variant<'Revealed', Hex>;

export interface RawValidator {
  bond: bigint;
  reserved: bigint;
  open_seats: number;
  open_time: bigint;
  missed_in_a_row: number;
  record: {
    drawn: number;
    committed: number;
    revealed: number;
    missed: number;
    abstained: number;
    lost: number;
    charged: bigint;
    earned: bigint;
  };
}

export interface RawFeedView {
  id: number;
  owner: string;
  model: Hex;
  input: ChainInput;
  options: ChainOptions;
  interval: number;
  max_fee: bigint;
  round_fee: bigint;
  funds: bigint;
  deposit: bigint;
  created_at: number;
  next_at: number;
  asked: number;
  open_job: bigint | undefined;
  latest: { answer: RawAnswer; at: number; support: RawSupport; job: bigint; fingerprint: Hex } | undefined;
}

export interface RawFeedPage {
  feeds: RawFeedView[];
  next: number | undefined;
}

/** A job as it is stored. */
export interface RawJob {
  requester: string;
  fingerprint: Hex;
  model: Hex;
  options: ChainOptions;
  submitted_at: number;
  agreed: { value: { output_hash: Hex }; at: number; support: RawSupport } | undefined;
  audit: RawAudit;
  outcome: { verdict: RawVerdict; at: number; settlement: RawSettlement } | undefined;
  reused: bigint | undefined;
}

export type RawOutput = Variant<'Answer', RawAnswer> | Variant<'Refusal', Variant<string>>;

export type RawAnswer =
  | Variant<'Classification', { label: Uint8Array; scores: { label: Uint8Array; score: number }[] }>
  | Variant<'Generation', { text: Uint8Array; tokens: number[]; finish: Variant<'Stop'> | Variant<'Length'> }>
  /** polkadot-api leaves out a struct that has one part alone. */
  | Variant<'Embedding', number[]>
  | Variant<'Choice', { index: number; probabilities: number[] }>
  | Variant<'Number', { value: bigint; decimals: number }>
  | Variant<
      'ScoredText',
      {
        text: Uint8Array;
        tokens: { id: number; bytes: number; score: number }[];
        finish: Variant<'Stop'> | Variant<'Length'>;
      }
    >;

export type RawResult =
  | Variant<'Open', { phase: RawPhase; deadline: number }>
  | Variant<
      'Agreed',
      {
        output: RawOutput;
        output_hash: Hex;
        at: number;
        support: RawSupport;
        audit: RawAudit;
        settled: boolean;
        reused: bigint | undefined;
      }
    >
  | Variant<'WithoutOutput', { verdict: RawVerdict; at: number }>;

export interface RawModel {
  id: Hex;
  revision: {
    name: Uint8Array;
    task: Variant<'Classify'> | Variant<'Generate'> | Variant<'Embed'>;
    architecture: Uint8Array;
    files: { name: Uint8Array; size: bigint; sha256: Hex; chunk_root: Hex }[];
    semantics: number;
    limits: { input_bytes: number; context_units: number; output_units: number };
    commit_window: number;
    licence: Uint8Array;
  };
  registration: {
    author?: string;
    price: { base: bigint; unit: bigint; author_share: number };
    state: Variant<'Listed'> | Variant<'Suspended'> | Variant<'Retired'>;
  };
  served_by: string[];
  stake_share: number;
  is_active: boolean;
}

export type RawQuoteResult =
  { success: true; value: RawQuote } | { success: false; value: Variant<string, Record<string, number> | undefined> };

export type RawFormat = ChainFormat;

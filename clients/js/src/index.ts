export { connect, type LightClientOptions, type NodeOptions } from './connect.js';
export { Sibyl, type AskOptions, type FeedOptions } from './client.js';
export { Job, type WaitOptions } from './job.js';
export { formatSib, sib, SIB, SIB_DECIMALS } from './amounts.js';
export { DispatchError, QuoteError, ReceiptError, SibylError, type ReceiptReason, type SibylErrorCode } from './errors.js';
export { chainFacts, type ChainFacts } from './genesis.js';
export { verifyReceipt, type Receipt, type TrustedChain, type VerifiedReceipt } from './receipt.js';
export { signerFromSecret, type Pair, type Signer } from './signer.js';
export type { Format } from './format.js';
export type { Input, Message, Role } from './input.js';
export type { JobOptions, Sampling, Seats } from './options.js';
export type { Text } from './text.js';
export type { VerifyOptions } from './verify.js';
export type {
  Answer, Audit, BlockRef, Committee, Feed, FeedPage, Heads, Hex, JobResult, JobView, Model, Network, Phase, Quote, Refusal, SeatVote, Step, Support,
  Validator, Verdict, VerifiedResult,
} from './types.js';

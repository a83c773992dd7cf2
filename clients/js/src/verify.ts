import {
  AccountId,
  Blake2256,
  Bytes,
  compactNumber,
  Identity,
  Twox128,
  Twox64Concat,
  u64,
} from '@polkadot-api/substrate-bindings';

import type { Chain, JsonHeader } from './chain.js';
import { resultOf, storedResult } from './decode.js';
import { SibylError } from './errors.js';
import { concat, fromHex, toHex } from './hex.js';
import type { ChainInput } from './input.js';
import { knownLayout, layoutHash, resultTypes } from './layout.js';
import type { ChainOptions } from './options.js';
import { provenValue } from './proof.js';
import type { Hex, RawJob, RawOutput } from './raw.js';
import type { BlockRef, JobResult, VerifiedResult } from './types.js';

/** What was asked, so that a proof of another job is none. */
export interface Question {
  requester: Uint8Array;
  model: Hex;
  input: ChainInput;
  options: ChainOptions;
  /** A block before the job's submission. */
  after: number;
}

/** How a result is verified. */
export interface VerifyOptions {
  /**
   * A block that you know to be final, by its hash, from elsewhere than from this node: its state is proven then, and
   * nothing is the node's word. Not over a light client, which knows itself what is final.
   */
  block?: Hex;
  /** Takes the layout of jobs' bytes that the node's metadata says, whatever it is. */
  trustMetadata?: boolean;
}

const PALLET = 'Inference';
/** The storage that a result is read from. */
const ENTRIES = ['Jobs', 'Inputs', 'Outputs'];
/** The first byte of an output's encoding that this library knows. */
const OUTPUT_V1 = 0;

/** What the chain's state has under some keys, and the root of that state. */
interface ProvenState {
  block: BlockRef;
  stateRoot: Hex;
  values: (Uint8Array | null)[];
}

/**
 * A job's result from the state of a finalised block, each byte of it proven.
 *
 * @param told what was told of it before, which must be the same
 */
export async function verify(
  chain: Chain,
  fingerprint: Hex,
  { question, told, options }: { question: Question | undefined; told: JobResult | undefined; options: VerifyOptions },
): Promise<VerifiedResult> {
  if (options.block !== undefined && chain.source === 'light client') {
    throw new SibylError('InvalidArgument', 'A light client knows itself what is final: leave block out.');
  }
  const hash = options.block ?? (await chain.finalized()).hash;
  const release = options.block === undefined ? chain.hold(hash) : () => {};
  try {
    const number = await numberOf(chain, fingerprint, hash);
    const keys = [numberKey(fingerprint), ...ENTRIES.map((entry) => jobKey(entry, number))];
    const state = await (chain.source === 'light client'
      ? readVerified(chain, hash, keys)
      : readProven(chain, hash, keys));
    const [provenNumber, ...values] = state.values;
    if (provenNumber == null || u64.dec(provenNumber) !== number) {
      throw new SibylError(
        'ProofInvalid',
        `The state of block #${state.block.number} has job ${fingerprint} under another number than ${chain.name} says.`,
      );
    }
    const result = await decode(chain, state, {
      fingerprint,
      number,
      values,
      question,
      trust: options.trustMetadata ?? false,
    });
    if (told !== undefined && !isSame(told, result)) {
      throw new SibylError(
        'ResultAltered',
        `${chain.name} told another result of job ${number} than the state of block #${state.block.number} has.`,
      );
    }
    return { ...result, proof: { block: state.block, stateRoot: state.stateRoot, source: chain.source } };
  } finally {
    release();
  }
}

async function numberOf(chain: Chain, fingerprint: Hex, hash: Hex): Promise<bigint> {
  const stored =
    chain.source === 'light client'
      ? await chain.stored(toHex(numberKey(fingerprint)), hash)
      : await chain.request<Hex | null>('state_getStorage', toHex(numberKey(fingerprint)), hash);
  if (stored === null) {
    throw new SibylError(
      'UnknownJob',
      `Block ${hash} knows no job ${fingerprint}: it is not final yet, it was lost with its fork, or its retention is over.`,
    );
  }
  return u64.dec(stored);
}

/** By a light client, which has checked the block's finality and each value. */
async function readVerified(chain: Chain, hash: Hex, keys: Uint8Array[]): Promise<ProvenState> {
  const [{ number, stateRoot }, ...values] = await Promise.all([
    chain.header(hash),
    ...keys.map((key) => chain.stored(toHex(key), hash)),
  ]);
  return {
    block: { hash, number },
    stateRoot,
    values: values.map((value) => (value === null ? null : fromHex(value))),
  };
}

/** By a node's proof, which is checked here from the block's hash on. */
async function readProven(chain: Chain, hash: Hex, keys: Uint8Array[]): Promise<ProvenState> {
  const header = await chain.request<JsonHeader | null>('chain_getHeader', hash);
  if (header === null) throw new SibylError('ProofInvalid', `${chain.name} has no block ${hash}.`);
  if (headerHash(header) !== hash)
    throw new SibylError('ProofInvalid', `The header that ${chain.name} gives of block ${hash} is of another block.`);
  const { proof } = await chain.request<{ proof: Hex[] }>('state_getReadProof', keys.map(toHex), hash);
  const parts = proof.map(fromHex);
  const values = keys.map((key) => provenValue(header.stateRoot, parts, key));
  return { block: { hash, number: Number(header.number) }, stateRoot: header.stateRoot, values };
}

/** The hash of a block, of its header's encoding. */
export function headerHash({ parentHash, number, stateRoot, extrinsicsRoot, digest }: JsonHeader): Hex {
  const encoded = concat(
    fromHex(parentHash),
    compactNumber.enc(Number(number)),
    fromHex(stateRoot),
    fromHex(extrinsicsRoot),
    compactNumber.enc(digest.logs.length),
    ...digest.logs.map(fromHex),
  );
  return toHex(Blake2256(encoded));
}

async function decode(
  chain: Chain,
  { block }: ProvenState,
  {
    fingerprint,
    number,
    values: [job, input, output],
    question,
    trust,
  }: {
    fingerprint: Hex;
    number: bigint;
    values: (Uint8Array | null)[];
    question: Question | undefined;
    trust: boolean;
  },
): Promise<JobResult> {
  const { lookup, builder } = await chain.context((await chain.finalized()).hash);
  const types = resultTypes(lookup);
  const layout = layoutHash(types);
  if (chain.source === 'node' && !trust && layout !== knownLayout()) {
    throw new SibylError(
      'LayoutUnknown',
      `The metadata of ${chain.name} lays jobs out in a way that this version of @sibyl/client does not know (${layout}): update it, verify over a light client, or give trustMetadata where you trust the node that far.`,
    );
  }
  if (job == null) throw new SibylError('PrunedJob', `The retention of job ${number} is over: only its events remain.`);
  const stored = builder.buildDefinition(types.job.id).dec(job) as RawJob;
  if (stored.fingerprint !== fingerprint)
    throw new SibylError('ProofInvalid', `Job ${number} has another fingerprint than ${fingerprint}.`);
  if (question !== undefined) {
    checkQuestion(
      question,
      stored,
      input == null ? undefined : (builder.buildDefinition(types.input.id).dec(input) as ChainInput),
    );
  }

  // Before there is an agreement, these are the bytes that some seat brought.
  let said: RawOutput | undefined;
  if (stored.agreed !== undefined && output != null) {
    const canonicalBytes = Bytes().dec(output).slice();
    if (toHex(Blake2256(canonicalBytes)) !== stored.agreed.value.output_hash) {
      throw new SibylError(
        'ProofInvalid',
        `The output of job ${number} has another hash than its committee agreed on.`,
      );
    }
    if (canonicalBytes[0] !== OUTPUT_V1)
      throw new SibylError(
        'LayoutUnknown',
        'The output is of a version that this version of @sibyl/client does not know: update it.',
      );
    said = builder.buildDefinition(types.output.id).dec(canonicalBytes.slice(1)) as RawOutput;
  }
  const result = resultOf({ number, fingerprint, block, format: stored.options.format }, storedResult(stored, said));
  if (result === undefined)
    throw new SibylError('NoResult', `Job ${number} has no result at block #${block.number} yet: follow it first.`);
  return result;
}

function checkQuestion(question: Question, stored: RawJob, input: ChainInput | undefined): void {
  const differs = (what: string) =>
    new SibylError('QuestionAltered', `The job is not the one that was asked: ${what} differs.`);
  if (toHex(AccountId().enc(stored.requester)) !== toHex(question.requester)) throw differs('its requester');
  if (stored.model !== question.model) throw differs('its model');
  if (input === undefined || !isSame(input, question.input)) throw differs('its input');
  if (!isSame(stored.options, question.options)) throw differs('one of its options');
  if (stored.submitted_at <= question.after) throw differs('the time of its submission');
}

const RESULT = ['number', 'status', 'answer', 'refusal', 'outputHash', 'support', 'at'] as const;

/** Whether two values have the same parts. Of results, those that do not change with time. */
function isSame(one: object, other: object): boolean {
  const isResult = 'outputHash' in one;
  const parts = (value: object) => (isResult ? RESULT.map((name) => (value as Record<string, unknown>)[name]) : value);
  return canonical(parts(one)) === canonical(parts(other));
}

/** A value as text, its bytes and bigints included, whatever the order of its names. */
function canonical(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return String(JSON.stringify(value));
  const entries = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, part]) => `${name}:${canonical(part)}`).join()}}`;
}

// Built here and not by the metadata, so that a node can't name another place.
const prefix = (entry: string) => concat(Twox128(encode(PALLET)), Twox128(encode(entry)));
const encode = (text: string) => new TextEncoder().encode(text);
const numberKey = (fingerprint: Hex) => concat(prefix('JobIds'), Identity(fromHex(fingerprint)));
const jobKey = (entry: string, number: bigint) => concat(prefix(entry), Twox64Concat(u64.enc(number)));

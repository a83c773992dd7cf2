// Receipts: a job's answer, proven from the chain's first validators on, without a node.
import { getDynamicBuilder, getLookupFn } from '@polkadot-api/metadata-builders';
import { AccountId, Blake2256, Bytes, compactNumber, Identity, Twox128, Twox64Concat, u64 } from '@polkadot-api/substrate-bindings';

import { inputOf, resultOf, storedResult } from './decode.js';
import { messageOf, ReceiptError, SibylError } from './errors.js';
import { finalBlock } from './finality.js';
import { chainFacts, checkFacts, hasTestKeys, type ChainFacts } from './genesis.js';
import { concat, fromHex, isHexOf, toHex } from './hex.js';
import type { ChainInput } from './input.js';
import { KNOWN_TYPES } from './known-types.js';
import { known } from './layout.js';
import { checkNames, checkObject } from './names.js';
import { provenValue } from './proof.js';
import type { Hex, RawJob, RawModel, RawOutput } from './raw.js';
import { textOf } from './text.js';
import type { BlockRef, JobResult, JobView } from './types.js';

/** A receipt, as `inference_getReceipt` gives it and `sibyl-node receipt` writes it. */
export interface Receipt {
  version: number;
  genesis: Hex;
  job: number;
  finality: Hex;
  state: Hex[];
}

/** The chain that a receipt is to be of: its raw specification, or what {@link chainFacts} made of that. */
export type TrustedChain = { chainSpec: string | object } | ChainFacts;

/** What a receipt shows. The answer is the network's; that it is true is not shown, since the model is not run again. */
export interface VerifiedReceipt extends JobResult {
  requester: string;
  model: { id: Hex; name: string };
  input: JobView['input'];
  submittedAt: number;
  /** The output's canonical bytes, whose hash is `outputHash`. */
  output: Uint8Array;
  proof: {
    /** The hash of the chain's first block. */
    genesis: Hex;
    /** Whether a first validator's key is one that everybody knows, so that anybody can make such a receipt. */
    hasTestKeys: boolean;
    /** The final block whose state has the job. */
    block: BlockRef;
    stateRoot: Hex;
    /** Changes of the validators since the first block. */
    changes: number;
    /** How many validators signed the final block, and how many could. */
    signers: number;
    validators: number;
  };
}

const VERSION = 1;
/** As the node's own `verify` reads. */
const MAX_BYTES = 32 << 20;
const NAMES = ['version', 'genesis', 'job', 'finality', 'state'];
const SS58_PREFIX = 5177;
/** The first byte of an output's encoding that this library knows. */
const OUTPUT_V1 = 0;

/**
 * Checks a receipt, and gives what it shows. Needs no node: only the chain's specification is trusted, whose first
 * validators' signatures lead to all else.
 *
 * @param receipt as an object, or as JSON
 * @throws `ReceiptError`, code `ReceiptInvalid`, where it shows nothing, with the `reason`
 */
export function verifyReceipt(receipt: Receipt | string, chain: TrustedChain): VerifiedReceipt {
  const facts = factsOf(chain);
  const { genesis, job: number, finality, state } = read(receipt);
  if (genesis !== facts.genesis.toLowerCase()) {
    throw new ReceiptError('OtherChain', `it is of a chain with genesis ${genesis}, and that of the trusted one is ${facts.genesis}`);
  }
  const { changes, signers, validators, hash, number: height, stateRoot } = finalBlock(finality, facts.validators);
  const block = { hash, number: height };
  const evidence = evidenceOf(stateRoot, state, BigInt(number));
  const { job, input, said, bytes, model } = evidence;
  const result = resultOf(
    { number: BigInt(number), fingerprint: job.fingerprint, block, format: job.options.format },
    storedResult(job, said),
  )!;
  if (result.audit.status === 'overturned') {
    throw new ReceiptError('Overturned', `a second committee found another output (${result.audit.outputHash}), so the network takes the answer of job ${number} back`);
  }
  return {
    ...result,
    requester: AccountId(SS58_PREFIX).dec(AccountId().enc(job.requester)),
    model: { id: job.model, name: textOf(model.name) },
    input: inputOf(input),
    submittedAt: job.submitted_at,
    output: bytes,
    proof: { genesis, hasTestKeys: hasTestKeys(facts), block, stateRoot, changes, signers, validators },
  };
}

function factsOf(chain: TrustedChain): ChainFacts {
  checkObject(chain, 'the chain', 'an object with a chainSpec, or with genesis and validators');
  if (!('chainSpec' in chain)) return checkFacts(chain);
  checkNames(chain, ['chainSpec'], 'a chain');
  return chainFacts(chain.chainSpec);
}

function read(receipt: unknown) {
  let given = receipt;
  if (typeof receipt === 'string') {
    if (receipt.length > MAX_BYTES) throw none('it is too long');
    try {
      given = JSON.parse(receipt);
    } catch (error) {
      throw none(`it is no JSON: ${messageOf(error)}`);
    }
  }
  if (typeof given !== 'object' || given === null) throw none('it is no object');
  const { version, genesis, job, finality, state } = given as Partial<Receipt>;
  if (NAMES.some((name) => !(name in given))) throw none(`it has not all of ${NAMES.join(', ')}`);
  if (version !== VERSION) throw new ReceiptError('Version', `it is of version ${version}, and this release of @sibyl/client reads version ${VERSION}`);
  if (typeof genesis !== 'string' || !isHexOf(genesis, 32)) throw none('its genesis is no hash');
  if (typeof job !== 'number' || !Number.isSafeInteger(job) || job < 0) throw none('its job is no number');
  if (typeof finality !== 'string' || !Array.isArray(state) || !state.every((node) => typeof node === 'string')) throw none('its proofs are no texts');
  try {
    return { genesis: genesis.toLowerCase() as Hex, job, finality: fromHex(finality), state: state.map(fromHex) };
  } catch (error) {
    throw none(messageOf(error));
  }
}

/** Where the chain keeps what a receipt shows: the job, its input, its output, and the model. */
export function receiptKeys(job: bigint, model: Hex): [Uint8Array, Uint8Array, Uint8Array, Uint8Array] {
  const [stored, input, output] = jobKeys(job);
  return [stored, input, output, modelKey(model)];
}

/** What a state says of a job that was answered; each byte hashes up to the root. */
function evidenceOf(root: Hex, nodes: Uint8Array[], id: bigint) {
  const at = (key: Uint8Array, what: string) => stored(root, nodes, key, what);
  const [jobKey, inputKey, outputKey] = jobKeys(id);
  const job = decoded<RawJob>(KNOWN_TYPES.job, at(jobKey, 'the job'), 'the job');
  if (job.outcome === undefined) throw new ReceiptError('NotEnded', `job ${id} has not ended in its final block`);
  if (job.agreed === undefined) throw new ReceiptError('NoAnswer', `job ${id} ended without an answer`);
  const input = decoded<ChainInput>(KNOWN_TYPES.input, at(inputKey, "the job's input"), "the job's input");
  const bytes = bytesIn(at(outputKey, "the job's output"));
  if (toHex(Blake2256(bytes)) !== job.agreed.value.output_hash) throw malformed('the output is another than was agreed on');
  if (bytes[0] !== OUTPUT_V1) throw malformed("the output can't be read; use the release that wrote it");
  const said = decoded<RawOutput>(KNOWN_TYPES.output, bytes.slice(1), 'the output');
  const revision = at(modelKey(job.model), "the job's model");
  const model = decoded<RawModel['revision']>(KNOWN_TYPES.model, revision, "the job's model");
  return { job, input, bytes, said, model };
}

function stored(root: Hex, nodes: Uint8Array[], key: Uint8Array, what: string): Uint8Array {
  let value;
  try {
    value = provenValue(root, nodes, key);
  } catch (error) {
    if (error instanceof SibylError && error.code === 'ProofInvalid') throw malformed(error.message);
    throw error;
  }
  if (value === null) throw new ReceiptError('Absent', `the final block's state does not have ${what}`);
  return value;
}

const builder = once(() => getDynamicBuilder(getLookupFn(known)));

/** Bytes of a type that this release knows; all of them, as the chain writes them. */
function decoded<T>(type: number, bytes: Uint8Array, what: string): T {
  const codec = builder().buildDefinition(type);
  try {
    const value = codec.dec(bytes);
    if (toHex(codec.enc(value)) === toHex(bytes)) return value as T;
  } catch {
    // Said below.
  }
  throw malformed(`${what} can't be read; use the release that wrote it`);
}

function bytesIn(stored: Uint8Array): Uint8Array {
  const bytes = Bytes().dec(stored).slice();
  if (compactNumber.enc(bytes.length).length + bytes.length === stored.length) return bytes;
  throw malformed("the job's output can't be read; use the release that wrote it");
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

const encode = (text: string) => new TextEncoder().encode(text);
const prefix = (pallet: string, entry: string) => concat(Twox128(encode(pallet)), Twox128(encode(entry)));
const jobKeys = (job: bigint): [Uint8Array, Uint8Array, Uint8Array] => {
  const key = Twox64Concat(u64.enc(job));
  return [concat(prefix('Inference', 'Jobs'), key), concat(prefix('Inference', 'Inputs'), key), concat(prefix('Inference', 'Outputs'), key)];
};
const modelKey = (model: Hex) => concat(prefix('Models', 'Models'), Identity(fromHex(model)));
const none = (why: string) => new ReceiptError('NotAReceipt', `it is no receipt (${why}): give what 'sibyl-node receipt' wrote`);
const malformed = (why: string) => new ReceiptError('Malformed', `its state is broken or was changed (${why.replace(/\.$/, '')})`);

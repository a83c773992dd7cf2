// From a chain's first validators to a final block, by GRANDPA's warp proof.
import { ed25519 } from '@polkadot-labs/hdkd-helpers';

import { ReceiptError } from './errors.js';
import { hashOf, validatorsOf, type ChainFacts } from './genesis.js';
import { concat, fromHex, toHex } from './hex.js';
import type { Hex } from './raw.js';
import { Reader } from './reader.js';
import type { BlockRef } from './types.js';

type Validators = ChainFacts['validators'];

/** A block that is seen to be final. */
export interface FinalBlock extends BlockRef {
  stateRoot: Hex;
  /** Changes of the validators since genesis. */
  changes: number;
  /** Validators whose signatures make it final. */
  signers: number;
  /** Validators that could sign it. */
  validators: number;
}

interface Header extends BlockRef {
  parent: Hex;
  stateRoot: Hex;
  /** Who validates after it, where it changes that. */
  next: Validators | undefined;
}

interface Precommit {
  target: BlockRef;
  signature: Uint8Array;
  signer: Hex;
}

interface Justification {
  round: bigint;
  target: BlockRef;
  precommits: Precommit[];
  /** Headers between the blocks that were voted for, and of these. */
  ancestries: Header[];
}

const HASH_BYTES = 32;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const ENGINE_BYTES = 4;
const GRANDPA = toHex(new TextEncoder().encode('FRNK'));
/** What a header's digest has, by its first byte. */
const DIGEST = { other: 0, consensus: 4, seal: 5, preRuntime: 6, environmentUpdated: 8 };
const SCHEDULED_CHANGE = 1;
const PRECOMMIT = 1;

/** The final block that a warp proof leads to; throws where a signature on the way is missing. */
export function finalBlock(proof: Uint8Array, genesis: Validators): FinalBlock {
  const { fragments, isFinished } = read(proof);
  if (!isFinished) throw unfinished();
  let validators = genesis;
  let changes = 0;
  let last: FinalBlock | undefined;
  for (const { header, justification } of fragments) {
    if (last?.changes === changes) {
      throw new ReceiptError('NoChange', 'a block on the way to the final one does not change the validators');
    }
    const wrong = whyNotFinal(justification, BigInt(changes), validators);
    if (wrong !== undefined) throw notFinal(header, wrong);
    const { hash, number, stateRoot } = header;
    if (justification.target.hash !== hash || justification.target.number !== number)
      throw notFinal(header, 'the signatures are of another block');
    // Strangers' signatures, and a second one of the same validator, count for nothing.
    const signed = new Set(justification.precommits.map(({ signer }) => signer));
    const signers = validators.filter(({ key }) => signed.has(key)).length;
    last = { hash, number, stateRoot, changes, signers, validators: validators.length };
    if (header.next !== undefined) {
      validators = header.next;
      changes += 1;
    }
  }
  if (last === undefined) throw unfinished();
  return last;
}

/** Why a justification shows nothing to who trusts these validators; undefined where it does. */
function whyNotFinal(justification: Justification, set: bigint, validators: Validators): string | undefined {
  const { target, precommits, ancestries } = justification;
  const weights = new Map<Hex, bigint>();
  for (const { key, weight } of validators) if (weight > 0n) weights.set(key, (weights.get(key) ?? 0n) + weight);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0n);
  if (total === 0n) return 'there are no validators';
  const routes = new Routes(ancestries);

  const own = precommits.filter(({ signer }) => weights.has(signer));
  const base = lowest(own);
  if (base === undefined) return 'no validator signed';
  // Each block that was voted for, or has such a block above it, and who voted so.
  const votes = new Map<Hex, { number: number; by: Set<Hex> }>();
  const first = new Map<Hex, Precommit>();
  const equivocators = new Set<Hex>();
  for (const precommit of own) {
    const { signer } = precommit;
    const route = routes.between(base.hash, precommit.target.hash);
    if (route === undefined) return 'a vote is for a block that does not descend from the others';
    const before = first.get(signer);
    if (before !== undefined) {
      if (!isSame(before, precommit)) equivocators.add(signer);
      continue;
    }
    first.set(signer, precommit);
    [...route, base.hash].reverse().forEach((hash, height) => {
      const block = votes.get(hash) ?? { number: base.number + height, by: new Set() };
      block.by.add(signer);
      votes.set(hash, block);
    });
  }
  // Who voted for two blocks counts for each, as it does for those who finalise.
  const weightOf = (by: Set<Hex>) => [...new Set([...by, ...equivocators])].reduce((sum, key) => sum + weights.get(key)!, 0n);
  const threshold = total - (total - 1n) / 3n;
  const agreed = [...votes].filter(([, { by }]) => weightOf(by) >= threshold);
  const best = agreed.reduce<{ hash: Hex; number: number } | undefined>(
    (highest, [hash, { number }]) => (highest === undefined || number > highest.number ? { hash, number } : highest),
    undefined,
  );
  if (best?.hash !== target.hash || best.number !== target.number) return 'too few of these validators signed';
  return whyNotProven(justification, set, routes);
}

/** Whether each signature is one, and the headers are those that the votes need and no more. */
function whyNotProven({ round, precommits, ancestries }: Justification, set: bigint, routes: Routes): string | undefined {
  const base = lowest(precommits)!;
  const visited = new Set<Hex>();
  for (const { target, signature, signer } of precommits) {
    if (!isSigned(signature, payload(target, round, set), fromHex(signer))) return 'a signature is none';
    const route = routes.between(base.hash, target.hash);
    if (route === undefined) return 'a vote is for a block that does not descend from the others';
    for (const hash of route) visited.add(hash);
  }
  const given = new Set(ancestries.map(({ hash }) => hash));
  if (given.size !== visited.size || [...given].some((hash) => !visited.has(hash))) return 'it has headers that no vote needs';
  return undefined;
}

/** Ways down from blocks that were voted for. */
class Routes {
  readonly #parents: Map<Hex, Hex>;
  readonly #known = new Map<string, Hex[] | undefined>();

  constructor(headers: Header[]) {
    this.#parents = new Map(headers.map(({ hash, parent }) => [hash, parent]));
  }

  /** The blocks from one down to another, the first included and the last not; undefined where there is no way. */
  between(base: Hex, block: Hex): Hex[] | undefined {
    const name = base + block;
    if (!this.#known.has(name)) this.#known.set(name, this.#walk(base, block));
    return this.#known.get(name);
  }

  #walk(base: Hex, block: Hex): Hex[] | undefined {
    const route: Hex[] = [];
    // No block is its own ancestor, since a header has its parent's hash.
    for (let at = block; at !== base; ) {
      const parent = this.#parents.get(at);
      if (parent === undefined) return undefined;
      route.push(at);
      at = parent;
    }
    return route;
  }
}

const isSame = (one: Precommit, other: Precommit) =>
  one.target.hash === other.target.hash &&
  one.target.number === other.target.number &&
  toHex(one.signature) === toHex(other.signature);

/** The lowest block that was voted for. */
const lowest = (precommits: Precommit[]): BlockRef | undefined =>
  precommits.reduce<BlockRef | undefined>(
    (base, { target }) => (base === undefined || target.number < base.number ? target : base),
    undefined,
  );

function isSigned(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, key);
  } catch {
    return false;
  }
}

/** What a validator signs. */
export const payload = ({ hash, number }: BlockRef, round: bigint, set: bigint): Uint8Array =>
  concat(Uint8Array.of(PRECOMMIT), fromHex(hash), littleEndian(BigInt(number), 4), littleEndian(round, 8), littleEndian(set, 8));

const littleEndian = (value: bigint, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, at) => Number((value >> BigInt(8 * at)) & 255n));

function read(proof: Uint8Array) {
  const reader = new Reader(proof, malformed);
  const fragments = reader.list(() => ({ header: headerOf(reader), justification: justificationOf(reader) }));
  const isFinished = reader.byte();
  if (isFinished > 1 || !reader.isAtEnd) throw malformed('it does not end where it should');
  return { fragments, isFinished: isFinished === 1 };
}

function justificationOf(reader: Reader): Justification {
  const block = (): BlockRef => ({ hash: toHex(reader.take(HASH_BYTES)), number: reader.u32() });
  const round = reader.u64();
  const target = block();
  const precommits = reader.list(() => ({
    target: block(),
    signature: reader.take(SIGNATURE_BYTES),
    signer: toHex(reader.take(KEY_BYTES)),
  }));
  return { round, target, precommits, ancestries: reader.list(() => headerOf(reader)) };
}

function headerOf(reader: Reader): Header {
  const start = reader.at;
  const parent = toHex(reader.take(HASH_BYTES));
  const number = reader.compact();
  const stateRoot = toHex(reader.take(HASH_BYTES));
  reader.take(HASH_BYTES);
  const [next] = reader.list(() => changeOf(reader)).filter((change) => change !== undefined);
  return { hash: hashOf(reader.since(start)), number, parent, stateRoot, next };
}

/** The change of the validators that a part of a digest is; undefined where it is none. */
function changeOf(reader: Reader): Validators | undefined {
  const kind = reader.byte();
  switch (kind) {
    case DIGEST.environmentUpdated:
      return undefined;
    case DIGEST.other:
      reader.sized();
      return undefined;
    case DIGEST.consensus:
    case DIGEST.seal:
    case DIGEST.preRuntime: {
      const engine = toHex(reader.take(ENGINE_BYTES));
      const log = reader.sized();
      return kind === DIGEST.consensus && engine === GRANDPA && log[0] === SCHEDULED_CHANGE
        ? validatorsOf(new Reader(log.slice(1), malformed))
        : undefined;
    }
    default:
      throw malformed('a header has a digest of an unknown kind');
  }
}

const malformed = (why: string) => new ReceiptError('Malformed', `its finality is broken or was changed (${why})`);
const unfinished = () => new ReceiptError('Unfinished', 'it ends before the final block. Ask another node for it');
const notFinal = ({ number }: Header, why: string) =>
  new ReceiptError('NotFinal', `block #${number} is not final by the signatures of this chain's validators (${why})`);

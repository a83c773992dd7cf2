// Proofs of chains that there are not: their validators, blocks, signatures and states.
import { Blake2256, compactNumber } from '@polkadot-api/substrate-bindings';
import { createDerive, DEV_MINI_SECRET, ed25519, ed25519Derive } from '@polkadot-labs/hdkd-helpers';

import { payload } from '../dist/finality.js';
import { concat, fromHex, toHex } from '../dist/hex.js';

const ROUND = 9n;
const ZERO = new Uint8Array(32);
const CONSENSUS = 4;
const SCHEDULED_CHANGE = 1;
const bytes = (...values) => Uint8Array.from(values);

const derive = createDerive({ seed: DEV_MINI_SECRET, curve: ed25519, derive: ed25519Derive });
export const validators = (...names) => names.map((name) => derive(`//${name}`));
export const authorities = (of) => of.map(({ publicKey }) => ({ key: toHex(publicKey), weight: 1n }));

const list = (parts) => concat(compactNumber.enc(parts.length), ...parts);
const little = (value, length) => Uint8Array.from({ length }, (_, at) => Number((BigInt(value) >> BigInt(8 * at)) & 255n));

/** A header, which changes the validators where `next` says to whom. */
export function block(number, { next, parent = ZERO, stateRoot = ZERO } = {}) {
  const logs = next === undefined ? [] : [changeTo(next)];
  const encoded = concat(parent, compactNumber.enc(number), stateRoot, ZERO, list(logs));
  return { number, encoded, hash: Blake2256(encoded) };
}

function changeTo(next) {
  const log = concat(bytes(SCHEDULED_CHANGE), list(next.map(({ publicKey }) => concat(publicKey, little(1, 8)))), little(0, 4));
  return concat(bytes(CONSENSUS), new TextEncoder().encode('FRNK'), compactNumber.enc(log.length), log);
}

/** A block, and the signatures of validators number `set` of a block, which is this one unless `target` is another. */
export function signed({ block: named, set = 0n, by, target = named, votes = by.map((pair) => ({ pair, on: target })), ancestries = [] }) {
  const precommits = votes.map(({ pair, on, altered = false }) => {
    const signature = pair.sign(payload({ hash: toHex(on.hash), number: on.number }, ROUND, set));
    if (altered) signature[0] ^= 1;
    return concat(on.hash, little(on.number, 4), signature, pair.publicKey);
  });
  const headers = list(ancestries.map(({ encoded }) => encoded));
  return concat(named.encoded, little(ROUND, 8), target.hash, little(target.number, 4), list(precommits), headers);
}

export const proof = (fragments, isFinished = true) => concat(list(fragments), bytes(Number(isFinished)));

/** A state: its root, and every node of it. Written apart from the library, whose roots are compared with these. */
export function state(entries) {
  const parts = [];
  const part = (node) => {
    parts.push(node);
    return Blake2256(node);
  };
  const nodeOf = (rows) => {
    const keys = rows.map(([key]) => key);
    let shared = 0;
    while (keys.every((key) => shared < key.length && key[shared] === keys[0][shared])) shared += 1;
    const partial = keys[0].slice(0, shared);
    const own = rows.find(([key]) => key.length === shared)?.[1];
    const children = [...'0123456789abcdef'].map((digit) => rows.filter(([key]) => key[shared] === digit).map(([key, value]) => [key.slice(shared + 1), value]));
    const bits = children.map((child) => child.length > 0);
    const isBranch = bits.includes(true);
    const isBeside = own !== undefined && own.length > 32;
    const [kind, most] = isBeside ? (isBranch ? [0x10, 15] : [0x20, 31]) : [isBranch ? (own ? 0xc0 : 0x80) : 0x40, 63];
    const head = [kind | Math.min(shared, most)];
    if (shared >= most) head.push(shared - most);
    const named = (node) => (node.length < 32 ? node : part(node));
    return concat(
      bytes(...head),
      fromHex(`0x${shared % 2 ? '0' : ''}${partial}`),
      isBranch ? little(bits.reduce((sum, bit, at) => sum + (bit ? 1 << at : 0), 0), 2) : bytes(),
      own === undefined ? bytes() : isBeside ? part(own) : concat(compactNumber.enc(own.length), own),
      ...children.filter((child) => child.length > 0).map((child) => named(nodeOf(child))).map((child) => concat(compactNumber.enc(child.length), child)),
    );
  };
  const root = part(nodeOf(entries.map(([key, value]) => [toHex(key).slice(2), value])));
  return { root, parts };
}

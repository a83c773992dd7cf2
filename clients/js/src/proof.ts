// Proofs of storage: Substrate's tries of base 16, in both layouts, whose hash is BLAKE2b-256.
import { Blake2256 } from '@polkadot-api/substrate-bindings';

import { SibylError } from './errors.js';
import { fromHex, toHex } from './hex.js';
import type { Hex } from './raw.js';
import { Reader } from './reader.js';

const HASH_LENGTH = 32;
const MORE_NIBBLES = 255;

interface Node {
  partial: number[];
  children: (Uint8Array | undefined)[];
  value: { inline: Uint8Array } | { hash: Uint8Array } | undefined;
}

/**
 * The value that a state with this root has under a key; null where the proof shows that it has none.
 *
 * @throws `ProofInvalid` where the proof lacks a part, or has one that is not of this state
 */
export function provenValue(stateRoot: Hex, proof: readonly Uint8Array[], key: Uint8Array): Uint8Array | null {
  const parts = new Map(proof.map((part) => [toHex(Blake2256(part)), part]));
  const partOf = (hash: Uint8Array): Uint8Array => {
    const part = parts.get(toHex(hash));
    if (part === undefined) throw invalid('it lacks a part of the state, or has it altered');
    return part;
  };
  let path = [...key].flatMap((byte) => [byte >> 4, byte & 15]);
  let node = decodeNode(partOf(fromHex(stateRoot)));
  for (;;) {
    const { partial, children, value } = node;
    if (partial.some((nibble, at) => path[at] !== nibble)) return null;
    const [next, ...rest] = path.slice(partial.length);
    if (next === undefined) {
      if (value === undefined) return null;
      return 'inline' in value ? value.inline : partOf(value.hash);
    }
    const child = children[next];
    if (child === undefined) return null;
    node = decodeNode(child.length === HASH_LENGTH ? partOf(child) : child);
    path = rest;
  }
}

function decodeNode(bytes: Uint8Array): Node {
  const reader = new Reader(bytes, (why) => invalid(`a node of it is none, ${why}`));
  const header = reader.byte();
  if (header === 0) return { partial: [], children: [], value: undefined };
  const { isBranch, hasValue, isHashed, bits } = kindOf(header);
  const mask = 2 ** bits - 1;
  let nibbles = header & mask;
  if (nibbles === mask) {
    let more;
    do {
      more = reader.byte();
      nibbles += more;
    } while (more === MORE_NIBBLES);
  }
  const packed = [...reader.take(Math.ceil(nibbles / 2))].flatMap((byte) => [byte >> 4, byte & 15]);
  const partial = packed.slice(nibbles % 2);
  const bitmap = isBranch ? reader.byte() | (reader.byte() << 8) : 0;
  const value = !hasValue ? undefined : isHashed ? { hash: reader.take(HASH_LENGTH) } : { inline: reader.sized() };
  const children = Array.from({ length: isBranch ? 16 : 0 }, (_, at) =>
    (bitmap >> at) & 1 ? reader.sized() : undefined,
  );
  return { partial, children, value };
}

/** What a node's first byte says; `bits` are those of it that count the nibbles of the partial key. */
function kindOf(header: number) {
  const kind = { isBranch: false, hasValue: true, isHashed: false, bits: 6 };
  if (header >> 6 === 1) return kind;
  if (header >> 6 === 2) return { ...kind, isBranch: true, hasValue: false };
  if (header >> 6 === 3) return { ...kind, isBranch: true };
  if (header >> 5 === 1) return { ...kind, isHashed: true, bits: 5 };
  if (header >> 4 === 1) return { ...kind, isBranch: true, isHashed: true, bits: 4 };
  throw invalid('it has a node of an unknown kind');
}

const invalid = (why: string) => new SibylError('ProofInvalid', `The proof of storage does not hold: ${why}.`);

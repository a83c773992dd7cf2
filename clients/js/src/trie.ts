// The root of a state: Substrate's trie of base 16, version 1, whose hash is BLAKE2b-256.
import { Blake2256 } from '@polkadot-api/substrate-bindings';

import { concat } from './hex.js';

type Entry = [nibbles: number[], value: Uint8Array];

/** Longer values stand beside their node, which has their hash. */
const LONGEST_INLINE = 32;
/** A longer node is named by its hash. */
const HASH_LENGTH = 32;
const EMPTY = Uint8Array.of(0);

/** The root of a state that has these values under these keys, each of which is there once. */
export function stateRootOf(entries: readonly [key: Uint8Array, value: Uint8Array][]): Uint8Array {
  const all = entries.map(([key, value]): Entry => [[...key].flatMap((byte) => [byte >> 4, byte & 15]), value]);
  return Blake2256(all.length === 0 ? EMPTY : nodeOf(all, 0));
}

/** The node of entries, one at least, whose keys are the same up to a depth. */
function nodeOf(entries: Entry[], depth: number): Uint8Array {
  const [first] = entries[0]!;
  const isShared = (at: number) => entries.every(([nibbles]) => nibbles[at] === first[at]);
  let end = depth;
  while (end < first.length && isShared(end)) end += 1;
  const partial = first.slice(depth, end);
  const own = entries.find(([nibbles]) => nibbles.length === end)?.[1];
  const below = Array.from({ length: 16 }, (_, nibble) => entries.filter(([nibbles]) => nibbles[end] === nibble));
  const children = below.map((child) => (child.length === 0 ? undefined : nodeOf(child, end + 1)));
  const isBranch = children.some((child) => child !== undefined);
  const bitmap = children.reduce((bits, child, at) => (child === undefined ? bits : bits | (1 << at)), 0);
  return concat(
    headOf({ isBranch, length: partial.length, value: own }),
    packed(partial),
    isBranch ? Uint8Array.of(bitmap & 255, bitmap >> 8) : new Uint8Array(),
    own === undefined ? new Uint8Array() : own.length > LONGEST_INLINE ? Blake2256(own) : sized(own),
    ...children.flatMap((child) =>
      child === undefined ? [] : [sized(child.length < HASH_LENGTH ? child : Blake2256(child))],
    ),
  );
}

/** A node's first bytes: its kind, and the nibbles of its partial key. */
function headOf({ isBranch, length, value }: { isBranch: boolean; length: number; value: Uint8Array | undefined }): Uint8Array {
  const isHashed = value !== undefined && value.length > LONGEST_INLINE;
  const [kind, bits] = isHashed ? (isBranch ? [0x10, 4] : [0x20, 5]) : isBranch ? [value === undefined ? 0x80 : 0xc0, 6] : [0x40, 6];
  const most = 2 ** bits - 1;
  if (length < most) return Uint8Array.of(kind | length);
  const more = length - most;
  return Uint8Array.from([kind | most, ...new Array<number>(Math.floor(more / 255)).fill(255), more % 255]);
}

const packed = (nibbles: number[]): Uint8Array => {
  const even = nibbles.length % 2 === 0 ? nibbles : [0, ...nibbles];
  return Uint8Array.from({ length: even.length / 2 }, (_, at) => (even[2 * at]! << 4) | even[2 * at + 1]!);
};

/** Bytes, of 63 at most, behind their compact length. */
const sized = (bytes: Uint8Array): Uint8Array => concat(Uint8Array.of(bytes.length << 2), bytes);

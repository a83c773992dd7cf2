// The offchain storage of a node, in which its worker and its native code leave each other messages, as the node's operator
// reaches it by unsafe RPC. The layout is that of `pallets/primitives/src/mailbox.rs`.
import { bnToU8a, compactAddLength, hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

/** @typedef {import('./node.mjs').Node} Node */
/** @typedef {{ fingerprint: string, draw: string, round: number }} Target a committee */

const KIND = 'PERSISTENT';
const HASH_BYTES = 32;
// The first version of an entry, and the first variant of a result.
const V1 = 0;
const OK = 0;

/**
 * What a seat has bound itself to; null where it has not yet.
 * @param {Node} node
 * @param {Target} target
 * @param {number} seat
 * @returns {Promise<string | null>}
 */
export const storedVote = (node, target, seat) => node.rpc('offchain_localStorageGet', KIND, voteKey(target, seat));

/**
 * Lets a seat keep its commitment and forget what it committed to: it has another output in its place.
 * @param {Node} node
 * @param {Target} target
 * @param {number} seat
 * @param {string} vote as it was stored
 * @param {Uint8Array} output
 */
export function replaceOutput(node, target, seat, vote, output) {
  const bytes = hexToU8a(vote);
  const commitment = bytes.subarray(1, 1 + HASH_BYTES);
  const work = bytes.subarray(-HASH_BYTES);
  const replaced = u8aConcat([V1], commitment, compactAddLength(output), work);
  return node.rpc('offchain_localStorageSet', KIND, voteKey(target, seat), u8aToHex(replaced));
}

/**
 * Answers a job in the place of the node's engine.
 * @param {Node} node
 * @param {string} fingerprint
 * @param {Uint8Array} output
 */
export function answer(node, fingerprint, output) {
  const trace = new Uint8Array(HASH_BYTES).fill(7);
  const response = u8aConcat([V1, OK], compactAddLength(output), trace);
  return node.rpc('offchain_localStorageSet', KIND, responseKey(fingerprint), u8aToHex(response));
}

/**
 * Takes such an answer back.
 * @param {Node} node
 * @param {string} fingerprint
 */
export const takeBack = (node, fingerprint) => node.rpc('offchain_localStorageClear', KIND, responseKey(fingerprint));

/**
 * The canonical bytes of a classification with one score, in millionths.
 * @param {string} label
 * @param {number} score
 */
export function classification(label, score) {
  const text = compactAddLength(new TextEncoder().encode(label));
  const [version, isAnswer, isClassification] = [V1, 0, 0];
  // The length of a list of one.
  const scores = u8aConcat([1 << 2], text, bnToU8a(score, { bitLength: 32 }));
  return u8aConcat([version, isAnswer, isClassification], text, scores);
}

function voteKey({ fingerprint, draw, round }, seat) {
  const place = u8aConcat(fingerprint, draw, [round], bnToU8a(seat, { bitLength: 16 }));
  return u8aToHex(u8aConcat('sibyl/vote/', blake2AsU8a(place, 256)));
}

const responseKey = (fingerprint) => u8aToHex(u8aConcat('sibyl/response/', fingerprint));

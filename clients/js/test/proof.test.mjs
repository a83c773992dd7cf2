import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Blake2256 } from '@polkadot-api/substrate-bindings';

import { concat, fromHex, toHex } from '../dist/hex.js';
import { provenValue } from '../dist/proof.js';
import { headerHash } from '../dist/verify.js';
import { refusedAs } from './refused.mjs';

// Of a node of Sibyl: a header, and a proof of keys that have values within their nodes, beside them, and none.
const { hash, header, proof, values } = JSON.parse(readFileSync(new URL('proof.json', import.meta.url)));
const PARTS = proof.map(fromHex);

const read = (parts, key) => {
  const value = provenValue(header.stateRoot, parts, fromHex(key));
  return value === null ? null : toHex(value);
};

/** A part with its byte at a place altered. */
const altered = (part, at) => part.map((byte, index) => (index === at ? byte ^ 1 : byte));

describe('a header', () => {
  it('has the hash that names its block', () => {
    assert.equal(headerHash(header), hash);
  });

  it('has another hash whatever is altered in it', () => {
    const flip = (hex) => toHex(altered(fromHex(hex), 3));
    for (const name of ['parentHash', 'stateRoot', 'extrinsicsRoot']) {
      assert.notEqual(headerHash({ ...header, [name]: flip(header[name]) }), hash, name);
    }
    assert.notEqual(headerHash({ ...header, number: '0x1' }), hash);
    assert.notEqual(headerHash({ ...header, digest: { logs: header.digest.logs.slice(1) } }), hash);
  });
});

describe('a proof of storage', () => {
  it('gives what the state has under each key, and that there is nothing under others', () => {
    for (const [key, value] of Object.entries(values)) assert.equal(read(PARTS, key), value, key);
    assert(Object.values(values).some((value) => value === null) && Object.values(values).some((value) => value?.length > 66));
  });

  it('gives nothing else where a byte of it is altered', () => {
    for (const [place, part] of PARTS.entries()) {
      for (let at = 0; at < part.length; at += Math.ceil(part.length / 16)) {
        const parts = PARTS.map((each, index) => (index === place ? altered(each, at) : each));
        for (const [key, value] of Object.entries(values)) isRefusedOr(value, () => read(parts, key));
      }
    }
  });

  it('gives nothing else, whichever part of it is left out or swapped', () => {
    for (const place of PARTS.keys()) {
      const without = PARTS.filter((_, index) => index !== place);
      for (const [key, value] of Object.entries(values)) {
        isRefusedOr(value, () => read(without, key));
        isRefusedOr(value, () => read([...without, PARTS[(place + 1) % PARTS.length]], key));
      }
      const needed = Object.keys(values).some((key) => isRefused(() => read(without, key)));
      assert(needed, `part ${place} is of use`);
    }
    assert.throws(() => read([], Object.keys(values)[0]), refusedAs('ProofInvalid', 'lacks'));
  });

  it('reads keys of any length, values of any length, and small nodes within larger ones', () => {
    for (const length of [0, 1, 30, 31, 32, 150, 158, 159, 160, 300]) {
      const [key, value] = [new Uint8Array(length).fill(0xab), new Uint8Array(3 * length).fill(7)];
      const root = leaf([...key].flatMap((byte) => [byte >> 4, byte & 15]), value);
      assert.deepEqual(provenValue(toHex(Blake2256(root)), [root], key), value);
      assert.equal(provenValue(toHex(Blake2256(root)), [root], concat(key, Uint8Array.of(0))), null);
    }
    // 0xa1 and 0xa2 in a branch that has a value itself, under 0xa... no byte ends there, so under nothing.
    const [one, two] = [leaf([], Uint8Array.of(1)), leaf([], Uint8Array.of(2))];
    const root = concat(Uint8Array.of(0x80 | 1, 0x0a, 0b110, 0), sized(one), sized(two));
    const at = (key) => provenValue(toHex(Blake2256(root)), [root], Uint8Array.of(key));
    assert.deepEqual([at(0xa1), at(0xa2), at(0xa3), at(0xb1)], [Uint8Array.of(1), Uint8Array.of(2), null, null]);
  });

  it('is refused where it has what is no node', () => {
    for (const bytes of [[], [0x01], [0x41], [0x40, 0x08, 1], [0xff, 0xff], [0x40, 3]]) {
      const root = Uint8Array.from(bytes);
      assert.throws(() => provenValue(toHex(Blake2256(root)), [root], Uint8Array.of(0xab)), refusedAs('ProofInvalid'), `${bytes}`);
    }
  });
});

function isRefused(attempt) {
  try {
    attempt();
    return false;
  } catch (error) {
    return refusedAs('ProofInvalid')(error);
  }
}

function isRefusedOr(value, attempt) {
  let given;
  if (isRefused(() => { given = attempt(); })) return;
  assert.equal(given, value);
}

/** A leaf of a trie, with its value in it. */
function leaf(nibbles, value) {
  const most = 63;
  const header = [0x40 | Math.min(nibbles.length, most)];
  if (nibbles.length >= most) {
    let more = nibbles.length - most;
    for (; more >= 255; more -= 255) header.push(255);
    header.push(more);
  }
  const even = nibbles.length % 2 ? [0, ...nibbles] : nibbles;
  const packed = Array.from({ length: even.length / 2 }, (_, at) => (even[2 * at] << 4) | even[2 * at + 1]);
  return concat(Uint8Array.from([...header, ...packed]), sized(value));
}

/** Bytes behind their compact length. */
function sized(bytes) {
  const length = bytes.length < 64 ? [bytes.length << 2] : [((bytes.length << 2) | 1) & 255, bytes.length >> 6];
  return concat(Uint8Array.from(length), bytes);
}

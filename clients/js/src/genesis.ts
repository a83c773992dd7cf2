// A chain's beginning: what a receipt is checked from.
import { Blake2256, Twox128 } from '@polkadot-api/substrate-bindings';
import { createDerive, DEV_MINI_SECRET, ed25519, ed25519Derive } from '@polkadot-labs/hdkd-helpers';

import { messageOf, SibylError } from './errors.js';
import { concat, fromHex, isHexOf, toHex } from './hex.js';
import { checkNames, checkObject, show } from './names.js';
import type { Hex } from './raw.js';
import { Reader } from './reader.js';
import { stateRootOf } from './trie.js';
import { headerHash } from './verify.js';

/** A chain that is trusted, as far as its finality is proven from it. `chainFacts` takes them from a specification. */
export interface ChainFacts {
  /** The hash of its first block. */
  genesis: Hex;
  /** Its first validators: their GRANDPA keys, of ed25519, and what each one's vote weighs. */
  validators: readonly { key: Hex; weight: bigint }[];
}

const EXPECTED = "what 'sibyl-node export-chain-spec --raw' writes, as JSON or as what that is parsed to";
const TEST_PATHS = ['//Alice', '//Bob', '//Charlie', '//Dave', '//Eve', '//Ferdie'];
const KEY_BYTES = 32;
const HASH_BYTES = 32;
const NO_HASH: Hex = `0x${'00'.repeat(HASH_BYTES)}`;

/**
 * What receipts of a chain are checked from, by its raw specification: the hash of its first block, and that one's
 * validators. Takes a moment, since the whole first state is hashed: keep what it gives.
 */
export function chainFacts(chainSpec: string | object): ChainFacts {
  const top = firstState(chainSpec);
  const stateRoot = toHex(stateRootOf(top));
  const first = { parentHash: NO_HASH, number: '0x0', stateRoot, extrinsicsRoot: toHex(stateRootOf([])), digest: { logs: [] } };
  const key = toHex(concat(...['Grandpa', 'Authorities'].map((name) => Twox128(new TextEncoder().encode(name)))));
  const stored = top.find(([each]) => toHex(each) === key)?.[1];
  if (stored === undefined) throw wrong('it has no validators');
  const reader = new Reader(stored, (why) => wrong(`its validators can't be read: ${why}`));
  return { genesis: headerHash({ ...first, number: '0x0' }), validators: validatorsOf(reader) };
}

/** A list of validators, as the chain encodes it. */
export const validatorsOf = (reader: Reader): { key: Hex; weight: bigint }[] =>
  reader.list(() => ({ key: toHex(reader.take(KEY_BYTES)), weight: reader.u64() }));

/** Whether one of the validators signs with a key that everybody knows. */
export function hasTestKeys({ validators }: ChainFacts): boolean {
  const derive = createDerive({ seed: DEV_MINI_SECRET, curve: ed25519, derive: ed25519Derive });
  const known = TEST_PATHS.map((path) => toHex(derive(path).publicKey));
  return validators.some(({ key }) => known.includes(key));
}

/** The facts, checked for their form. */
export function checkFacts(facts: unknown): ChainFacts {
  checkObject(facts, 'the chain', 'an object with genesis and validators, as chainFacts gives it');
  checkNames(facts, ['genesis', 'validators'], 'a chain');
  const { genesis, validators } = facts as Partial<ChainFacts>;
  if (typeof genesis !== 'string' || !isHexOf(genesis, HASH_BYTES))
    throw new SibylError('InvalidArgument', `genesis is a hash, 0x and 64 digits, not ${show(genesis)}.`);
  if (!Array.isArray(validators)) throw new SibylError('InvalidArgument', `validators are a list, not ${show(validators)}.`);
  for (const { key, weight } of validators as Partial<ChainFacts['validators'][number]>[]) {
    if (typeof key !== 'string' || !isHexOf(key, KEY_BYTES) || typeof weight !== 'bigint' || weight < 0n)
      throw new SibylError('InvalidArgument', 'a validator is { key, weight }, a key of 0x and 64 digits and a bigint.');
  }
  const keys = (validators as ChainFacts['validators']).map(({ key, weight }) => ({ key: key.toLowerCase() as Hex, weight }));
  return { genesis: genesis.toLowerCase() as Hex, validators: keys };
}

function firstState(chainSpec: string | object): [Uint8Array, Uint8Array][] {
  let spec: unknown = chainSpec;
  try {
    if (typeof chainSpec === 'string') spec = JSON.parse(chainSpec);
  } catch (error) {
    throw wrong(`it is no JSON (${messageOf(error)})`);
  }
  checkObject(spec, 'chainSpec', EXPECTED);
  const { raw } = (spec.genesis ?? {}) as { raw?: { top?: Record<string, string>; childrenDefault?: object } };
  if (typeof raw?.top !== 'object' || raw.top === null) throw wrong('it has no raw genesis');
  if (Object.keys(raw.childrenDefault ?? {}).length > 0) throw wrong('its first state has child tries, which no chain of Sibyl has');
  try {
    return Object.entries(raw.top).map(([key, value]) => [fromHex(key), fromHex(value)]);
  } catch (error) {
    throw wrong(messageOf(error));
  }
}

const wrong = (why: string) => new SibylError('InvalidArgument', `chainSpec is ${EXPECTED}: ${why}.`);

/** The hash that names a block, from its header's bytes. */
export const hashOf = (header: Uint8Array): Hex => toHex(Blake2256(header));

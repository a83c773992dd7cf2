import assert from 'node:assert/strict';
import { it } from 'node:test';

import { hexToU8a, u8aToHex } from '@polkadot/util';
import { sr25519Verify } from '@polkadot/util-crypto';

import { account } from '../../lib/accounts.mjs';
import { finalizedNumber, submitAndFinalize, waitForBlockBy } from '../../lib/chain.mjs';
import { sessionAt, stateInSession, waitForSession } from '../../lib/sessions.mjs';
import { until } from '../../lib/wait.mjs';

// babe, grandpa, authority_discovery and inference, of 32 bytes each.
const SESSION_KEYS_LENGTH = 4 * 32;

/** @param {import('../../lib/network.mjs').Network} network */
export function keyRotation(network) {
  const bob = account('//Bob');
  const charlie = account('//Charlie');
  let oldKeys, newKeys, setIn;

  const areSet = () => it('takes new session keys that a validator proves to own', async () => {
    const api = await network.api();
    oldKeys = (await api.query.session.nextKeys(bob.address)).unwrap();

    const { keys, proof } = await network.node('bob').rpc('author_rotateKeysWithOwner', u8aToHex(bob.publicKey));
    assert.equal(hexToU8a(keys).length, SESSION_KEYS_LENGTH);
    const { blockHash } = await submitAndFinalize(api, api.tx.session.setKeys(keys, proof), bob);

    newKeys = (await api.query.session.nextKeys(bob.address)).unwrap();
    assert.equal(newKeys.toHex(), keys);
    setIn = await sessionAt(api, blockHash);
  });

  const needProof = () => it('refuses session keys without a proof of owning them', async () => {
    const api = await network.api();
    const { keys } = await network.node('charlie').rpc('author_rotateKeysWithOwner', u8aToHex(charlie.publicKey));
    const unproven = api.tx.session.setKeys(keys, '0x');
    await assert.rejects(submitAndFinalize(api, unproven, charlie), /session\.InvalidProof: .*proof/);
  });

  const takeEffect = () => it('queues new keys for a session, then makes and finalises blocks with them', async () => {
    assert.notEqual(setIn, undefined, 'the new keys were not set');
    const api = await network.api();
    await waitForSession(api, setIn + 2);

    const queued = await stateInSession(api, setIn + 1);
    assert.deepEqual(await authorityKeys(queued, bob), authorityPair(oldKeys));
    assert.equal(await queuedKeys(queued, bob), newKeys.toHex());
    const active = await stateInSession(api, setIn + 2);
    assert.deepEqual(await authorityKeys(active, bob), authorityPair(newKeys));

    const { hash } = await waitForBlockBy(api, bob, await finalizedNumber(api));
    assert.ok(isSealedBy(await api.rpc.chain.getHeader(hash), newKeys.babe));
    await waitForFinalityVote(api, newKeys.grandpa);
  });

  return { areSet, needProof, takeEffect };
}

const authorityPair = ({ babe, grandpa, inference }) =>
  ({ babe: babe.toHex(), grandpa: grandpa.toHex(), inference: inference.toHex() });

/** The keys at the validator's place among the authorities of both engines and among those that vote on jobs. */
async function authorityKeys({ query, call }, { publicKey }) {
  const index = (await query.session.validators()).findIndex((validator) => validator.eq(publicKey));
  const [babe, grandpa, [{ members }]] = await Promise.all([
    query.babe.authorities(), query.grandpa.authorities(), call.inferenceApi.keySets(),
  ]);
  const [validator, inference] = members[index];
  assert.ok(validator.eq(publicKey), 'votes on jobs have the session\'s order');
  return { babe: babe[index][0].toHex(), grandpa: grandpa[index][0].toHex(), inference: inference.toHex() };
}

async function queuedKeys({ query }, { publicKey }) {
  const [, keys] = (await query.session.queuedKeys()).find(([validator]) => validator.eq(publicKey));
  return keys.toHex();
}

function isSealedBy(header, babeKey) {
  const logs = [...header.digest.logs];
  const [, seal] = logs.pop().asSeal;
  const { parentHash, number, stateRoot, extrinsicsRoot } = header;
  const fields = { parentHash, number, stateRoot, extrinsicsRoot, digest: { logs } };
  const unsealed = header.registry.createType('Header', fields);
  return sr25519Verify(unsealed.hash.toU8a(), seal.toU8a(true), babeKey.toU8a());
}

/** Waits for a proof of finality to which this key has contributed; a proof needs not hold everybody's vote. */
function waitForFinalityVote(api, grandpaKey) {
  const voters = (notification) => {
    const { commit } = api.createType('GrandpaJustification', notification.toU8a(true));
    return commit.precommits.map(({ id }) => id.toHex());
  };
  return until(
    `a vote for finality by ${grandpaKey}`,
    (next) => api.rpc.grandpa.subscribeJustifications(next),
    (notification) => voters(notification).includes(grandpaKey.toHex()),
    { show: (notification) => `votes by ${voters(notification).join(', ')}` },
  );
}

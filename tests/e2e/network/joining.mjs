import assert from 'node:assert/strict';
import { it } from 'node:test';

import { u8aToHex } from '@polkadot/util';

import { account, accountNamed, SIB } from '../../lib/accounts.mjs';
import { submitAndFinalize, waitForBlockBy, waitForFinalizedBlock } from '../../lib/chain.mjs';
import {
  ask, modelId, utf8, validatorAt, voteOf, waitForEnd, waitUntilServedBy,
} from '../../lib/inference.mjs';
import { VALIDATORS } from '../../lib/network.mjs';
import { MINUTES } from '../../lib/wait.mjs';

const NAME = 'newcomer';
const BOND = 100_000n * SIB;
const FEES = 10n * SIB;
const SERVICE_BOND = 100n * SIB;
const TEXT = 'Quanto custa um bilhete de comboio para o Porto?';
// An election may have just been held when the newcomer applies: then it takes two eras of two minutes.
const TWO_ERAS_AND_MORE = 6 * MINUTES;

/** @param {import('../../lib/network.mjs').Network} network */
export function joining(network) {
  const newcomer = accountNamed(NAME);
  let appliedIn;

  const applies = () => it('lets a newcomer bond, stand for election and set its session keys', async () => {
    const api = await network.api();
    const funding = api.tx.balances.transferKeepAlive(newcomer.address, BOND + SERVICE_BOND + FEES);
    const [node] = await Promise.all([
      network.add(NAME, '--validator'),
      submitAndFinalize(api, funding, account('//Alice')),
    ]);

    const { keys, proof } = await node.rpc('author_rotateKeysWithOwner', u8aToHex(newcomer.publicKey));
    const steps = [
      api.tx.staking.bond(BOND, 'Staked'),
      api.tx.staking.validate({ commission: 0, blocked: false }),
      api.tx.session.setKeys(keys, proof),
    ];
    await Promise.all(steps.map((tx, nonce) => submitAndFinalize(api, tx, newcomer, { nonce })));

    appliedIn = await activeEra(api);
    const candidates = await api.query.staking.validators.keys();
    assert.ok(candidates.some(({ args: [candidate] }) => candidate.eq(newcomer.publicKey)));
  });

  const validates = () => it('elects the newcomer into a later era, in which it makes blocks', async () => {
    assert.notEqual(appliedIn, undefined, 'the newcomer has not applied');
    const api = await network.api();
    const { hash, number } = await waitForFinalizedBlock(
      api,
      'a session of which the newcomer is a validator',
      async (head) => (await validatorsAt(api, head.hash)).some((validator) => validator.eq(newcomer.publicKey)),
      TWO_ERAS_AND_MORE,
    );
    assert.ok(await activeEra(await api.at(hash)) > appliedIn);
    await waitForBlockBy(api, newcomer, number.toNumber());
  });

  const serves = () => it('serves models when it has bonded for service, and at no other time', async () => {
    const api = await network.api();
    const sibyl = await network.client();
    const everybody = [...VALIDATORS, NAME];
    const askAll = async () => waitForEnd(api, await ask(network, TEXT, account('//Ferdie')));
    await waitUntilServedBy(sibyl, VALIDATORS);
    assert.ok((await outOfService(api)).some((validator) => validator.eq(newcomer.publicKey)));
    const without = await askAll();
    assert.ok(without.phase.asEnded.verdict.isAgreed, 'who has no bond keeps nobody from an answer of all');
    assert.equal(without.committees[0].seats.length, VALIDATORS.length);

    await submitAndFinalize(api, api.tx.inference.bondService(SERVICE_BOND), newcomer);
    await waitUntilServedBy(sibyl, everybody);
    assert.deepEqual(await outOfService(api), []);
    const view = await askAll();
    assert.ok(view.phase.asEnded.verdict.isAgreed);
    assert.ok(voteOf(view, NAME).isRevealed, `the newcomer's vote is ${voteOf(view, NAME)}`);
    const settledIn = await api.rpc.chain.getBlockHash(view.phase.asEnded.at);
    const { bond, record } = await validatorAt(api, settledIn, NAME);
    assert.equal(bond.toBigInt(), SERVICE_BOND);
    assert.equal(record.earned.toBigInt(), view.quote.perSeat.toBigInt());

    await submitAndFinalize(api, api.tx.inference.unbondService(SERVICE_BOND), newcomer);
    await waitUntilServedBy(sibyl, VALIDATORS);
  });

  return { applies, validates, serves };
}

const validatorsAt = async (api, hash) => (await api.at(hash)).query.session.validators();

const outOfService = async (api) => [...(await api.query.inference.outOfService()).keys()];

const activeEra = async ({ query }) => (await query.staking.activeEra()).unwrap().index.toNumber();

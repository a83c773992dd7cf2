import assert from 'node:assert/strict';
import { it } from 'node:test';

import { u8aToHex } from '@polkadot/util';

import { account, SIB } from '../../lib/accounts.mjs';
import { submitAndFinalize, waitForBlockBy, waitForFinalizedBlock } from '../../lib/chain.mjs';
import { MINUTES } from '../../lib/wait.mjs';

const BOND = 100_000n * SIB;
const FEES = 10n * SIB;
// An election may have just been held when the newcomer applies: then it takes two eras of two minutes.
const TWO_ERAS_AND_MORE = 6 * MINUTES;

/** @param {import('../../lib/network.mjs').Network} network */
export function joining(network) {
  const newcomer = account('//Newcomer');
  let appliedIn;

  const applies = () => it('lets a newcomer bond, stand for election and set its session keys', async () => {
    const api = await network.api();
    const funding = api.tx.balances.transferKeepAlive(newcomer.address, BOND + FEES);
    const [node] = await Promise.all([
      network.add('newcomer', '--validator'),
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

  return { applies, validates };
}

const validatorsAt = async (api, hash) => (await api.at(hash)).query.session.validators();

const activeEra = async ({ query }) => (await query.staking.activeEra()).unwrap().index.toNumber();

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { u8aToHex } from '@polkadot/util';

import { account } from '../../lib/accounts.mjs';
import { finalizedNumber, waitForFinalized, waitForFinalizedBlock } from '../../lib/chain.mjs';
import { VALIDATORS } from '../../lib/network.mjs';

const GENESIS_ERA = 0;
const GENESIS_SET = ['//Alice', '//Bob', '//Charlie', '//Dave'].map((uri) => u8aToHex(account(uri).publicKey)).sort();

/** @param {import('../../lib/network.mjs').Network} network */
export function finality(network) {
  it('finalises the same blocks on every validator', async () => {
    const apis = await Promise.all(VALIDATORS.map((name) => network.node(name).api()));
    const next = await finalizedNumber(apis[0]) + 1;
    for (const number of [1, next]) {
      await Promise.all(apis.map((api) => waitForFinalized(api, number)));
      const hashes = await Promise.all(apis.map((api) => api.rpc.chain.getBlockHash(number)));
      assert.equal(new Set(hashes.map(String)).size, 1, `block #${number} differs: ${hashes}`);
    }
  });

  it('has blocks from each validator', async () => {
    const api = await network.api();
    // A validator gets points for each block it makes.
    const authors = async (hash) => {
      const { individual } = await (await api.at(hash)).query.staking.erasRewardPoints(GENESIS_ERA);
      return [...individual.keys()].map((author) => author.toHex());
    };
    await waitForFinalizedBlock(api, 'blocks of all four validators', async ({ hash }) =>
      (await authors(hash)).length === VALIDATORS.length);
    assert.deepEqual((await authors(await api.rpc.chain.getFinalizedHead())).sort(), GENESIS_SET);
  });
}

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { waitForBlockBy, waitForFinalized } from '../../lib/chain.mjs';
import { VALIDATORS } from '../../lib/network.mjs';

/** @param {import('../../lib/network.mjs').Network} network */
export function finality(network) {
  it('finalises the same blocks on every validator', async () => {
    const apis = await Promise.all(VALIDATORS.map((name) => network.node(name).api()));
    for (const number of [1, 5]) {
      await Promise.all(apis.map((api) => waitForFinalized(api, number)));
      const hashes = await Promise.all(apis.map((api) => api.rpc.chain.getBlockHash(number)));
      assert.equal(new Set(hashes.map(String)).size, 1, `block #${number} differs: ${hashes}`);
    }
  });

  it('has blocks from each validator', async () => {
    const api = await network.api();
    const genesisSet = VALIDATORS.map((name) => account(`//${capitalised(name)}`));
    await Promise.all(genesisSet.map((validator) => waitForBlockBy(api, validator, 0)));
  });
}

const capitalised = (name) => name[0].toUpperCase() + name.slice(1);

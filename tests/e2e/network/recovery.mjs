import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { finalizedNumber, waitForBlockBy, waitForFinalized } from '../../lib/chain.mjs';

const BLOCKS_WITHOUT_CHARLIE = 3;

/** @param {import('../../lib/network.mjs').Network} network */
export function recovery(network) {
  it('goes on without a killed validator, which catches up and validates again', async () => {
    const api = await network.api();
    const charlie = network.node('charlie');

    await charlie.kill('SIGKILL');
    const killedAt = await finalizedNumber(api);
    await waitForFinalized(api, killedAt + BLOCKS_WITHOUT_CHARLIE);

    await charlie.start();
    const { startingBlock } = await charlie.rpc('system_syncState');
    assert.ok(startingBlock > 0, 'its database was lost');

    const caughtUpAt = await finalizedNumber(api) + 1;
    const charlieApi = await charlie.api();
    await waitForFinalized(charlieApi, caughtUpAt);
    const apis = [api, charlieApi];
    const [hash, charlieHash] = await Promise.all(apis.map((each) => each.rpc.chain.getBlockHash(caughtUpAt)));
    assert.equal(charlieHash.toHex(), hash.toHex());
    await waitForBlockBy(api, account('//Charlie'), caughtUpAt);
  });
}

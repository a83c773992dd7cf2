import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account, SIB } from '../../lib/accounts.mjs';
import { waitForBestBlock } from '../../lib/chain.mjs';
import { askByPolkadotJs, assertInTime, blocksToSettle, waitForEnd } from '../../lib/inference.mjs';
import { fullness, Load } from '../../lib/load.mjs';
import { MINUTES } from '../../lib/wait.mjs';

const TEXTS = [
  'The train leaves at half past eight in the morning.',
  'Der Zug fährt morgens um halb neun ab.',
  'Le train part à huit heures et demie du matin.',
  'El tren sale a las ocho y media de la mañana.',
  'Il treno parte alle otto e mezza del mattino.',
];
const FULL = 0.7;
// Places a job before the load in the pool.
const TIP = SIB;

/** @param {import('../../lib/network.mjs').Network} network */
export function fullBlocks(network) {
  it('settles each job in its time though the pools and the blocks are full', async (test) => {
    const api = await network.api();
    const load = new Load(network);
    await load.start(account('//Ferdie'));
    await waitForBestBlock(api, 'full pools and blocks', async ({ hash }) =>
      load.refused > 0 && await fullness(api, network.node('alice'), hash) >= FULL, 15 * MINUTES);

    const ends = [];
    for (const text of TEXTS) {
      ends.push(waitForEnd(api, await askByPolkadotJs(api, text, account('//Eve'), { tip: TIP })));
    }
    const views = await Promise.all(ends);
    await load.stop();

    for (const view of views) {
      assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${view.id}: ${view.phase}`);
      assertInTime(api, view);
    }
    const [first, last] = [views[0].submittedAt.toNumber(), views.at(-1).phase.asEnded.at.toNumber()];
    const shares = [];
    for (let number = first; number <= last; number += 1) {
      shares.push(await fullness(api, network.node('alice'), await api.rpc.chain.getBlockHash(number)));
    }
    test.diagnostic(`settled after ${views.map(blocksToSettle).join(', ')} blocks`);
    test.diagnostic(`blocks were full to ${shares.map((share) => Math.round(share * 100)).join(', ')} %`);
    // A busy machine may not get to fill every block; those that it fills must have room for votes.
    assert.ok(shares.some((share) => share >= FULL), 'no block was full while jobs were open');
  });
}

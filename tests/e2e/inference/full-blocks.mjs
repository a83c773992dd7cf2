import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account, SIB } from '../../lib/accounts.mjs';
import { waitForBestBlock } from '../../lib/chain.mjs';
import { ask, blocksToSettle, waitForEnd } from '../../lib/inference.mjs';
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
  it('settles each job in three blocks though the pools and the blocks are full', async () => {
    const api = await network.api();
    const load = new Load(network);
    await load.start(account('//Ferdie'));
    await waitForBestBlock(api, 'full pools and blocks', async ({ hash }) =>
      load.refused > 0 && await fullness(api, network.node('alice'), hash) >= FULL, 1 * MINUTES);

    const ends = [];
    for (const text of TEXTS) {
      ends.push(waitForEnd(api, await ask(api, text, account('//Eve'), { tip: TIP })));
    }
    const views = await Promise.all(ends);
    await load.stop();

    for (const view of views) assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${view.id}: ${view.phase}`);
    assert.deepEqual(views.map(blocksToSettle), TEXTS.map(() => 3));
    const [first, last] = [views[0].submittedAt.toNumber(), views.at(-1).phase.asEnded.at.toNumber()];
    for (let number = first; number <= last; number += 1) {
      const share = await fullness(api, network.node('alice'), await api.rpc.chain.getBlockHash(number));
      assert.ok(share >= FULL, `block #${number} is only ${Math.round(share * 100)} % full`);
    }
  });
}

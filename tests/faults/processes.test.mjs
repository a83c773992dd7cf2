// Nodes and engines that are killed, or stand still.
import { after, before, describe } from 'node:test';

import { engineOf } from '../lib/engine.mjs';
import { blocksPass, fault } from '../lib/faults.mjs';
import { waitForJob, waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';

/** When a node is killed: as soon as another one sees a job like this. */
const PHASES = {
  Pending: () => true,
  Committing: ({ phase }) => !phase.isPending,
  Revealing: ({ phase }) => phase.isRevealing || phase.isEnded,
  'just after the end': ({ phase }) => phase.isEnded,
};
// A session of `local` has 20 slots.
const BLOCKS_OF = { 'a third of a session': 7, 'a session and a half': 30 };
const ROUNDS_OF_KILLS = 6;
const BLOCKS_BETWEEN_KILLS = 3;

describe('a network of four validators whose processes are killed or stand still', () => {
  const network = new Network();

  before(async () => {
    await network.start();
    await waitUntilServedBy(await network.client(), VALIDATORS);
  });
  after(() => network.stop());

  /** One that is not the node. */
  const observerOf = (node) => network.validators.find((other) => other !== node);

  for (const [phase, isReached] of Object.entries(PHASES)) {
    fault(network, `kill -9, ${phase}, each of the four nodes in turn`, async ({ traffic, catchUp, note }) => {
      const seen = [];
      for (const node of network.validators) {
        const observer = observerOf(node);
        const job = await traffic.askBy(observer);
        const view = await waitForJob(await observer.api(), job, `to be ${phase}`, isReached);
        await node.kill('SIGKILL');
        seen.push(view.phase.type);
        await catchUp(() => node.start());
      }
      note(`the job was ${seen.join(', ')} when its node was killed`);
    });
  }

  fault(network, 'all four killed at once, and started cold', async ({ traffic, catchUp }) => {
    const job = await traffic.askBy(network.node('alice'));
    await waitForJob(await network.api(), job, 'to be Committing', PHASES.Committing);
    await Promise.all(network.validators.map((node) => node.kill('SIGKILL')));
    await catchUp(async () => {
      await Promise.all(network.validators.map((node) => node.start()));
    });
  });

  for (const [long, blocks] of Object.entries(BLOCKS_OF)) {
    fault(network, `SIGSTOP of a node and its engine for ${long} (${blocks} blocks), then SIGCONT`, async ({ catchUp, note }) => {
      const api = await network.api();
      const dave = network.node('dave');
      const processes = [dave.pid, engineOf(dave)].filter((pid) => pid !== undefined);
      const signal = (name) => processes.forEach((pid) => process.kill(pid, name));
      signal('SIGSTOP');
      try {
        await blocksPass(api, blocks);
      } finally {
        signal('SIGCONT');
      }
      await catchUp();
      await waitUntilServedBy(await network.client(), VALIDATORS);
      note('it serves again');
    });
  }

  fault(network, `one node's engine killed ${ROUNDS_OF_KILLS} times, ${BLOCKS_BETWEEN_KILLS} blocks apart`, async ({ catchUp, note }) => {
    const api = await network.api();
    const dave = network.node('dave');
    let killed = 0;
    for (let round = 0; round < ROUNDS_OF_KILLS; round += 1) {
      const engine = engineOf(dave);
      if (engine !== undefined) {
        process.kill(engine, 'SIGKILL');
        killed += 1;
      }
      await blocksPass(api, BLOCKS_BETWEEN_KILLS);
    }
    note(`it was there to be killed ${killed} times`);
    await catchUp();
  });
});

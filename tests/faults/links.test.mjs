// Networks that fall apart, and bad ones.
import { after, before, describe } from 'node:test';

import { waitForBestBlock } from '../lib/chain.mjs';
import { blocksPass, fault } from '../lib/faults.mjs';
import { isDrawn, waitForJob, waitUntilServedBy } from '../lib/inference.mjs';
import { lacksNamespaces, Links } from '../lib/links.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { MINUTES } from '../lib/wait.mjs';

const skip = lacksNamespaces();
const PARTITIONS = { '2-2': [[0, 1], [2, 3]], '3-1': [[0, 1, 2], [3]] };
const BLOCKS_APART = 8;
const BLOCKS_IN_BAD_WEATHER = 10;
const LOSS = 0.1;
const DELAY = { delay: 0.2, jitter: 0.05 };

describe('a network of four validators in namespaces of their own', () => {
  const links = new Links(VALIDATORS.length);
  const network = new Network({}, { optionsOf: (name) => ({ place: links.place(VALIDATORS.indexOf(name)) }) });

  before(async () => {
    if (skip) return;
    await links.make();
    await network.start();
    await waitUntilServedBy(await network.client(), VALIDATORS);
  });
  after(async () => {
    if (skip) return;
    await network.stop();
    links.remove();
  });

  for (const [name, groups] of Object.entries(PARTITIONS)) {
    fault(network, `a partition ${name} for ${BLOCKS_APART} blocks, healed with jobs open`, async ({ traffic, catchUp }) => {
      const api = await network.api();
      const job = await traffic.askBy(network.node('alice'));
      await waitForJob(api, job, 'to have a committee', isDrawn);
      await links.part(groups);
      try {
        const { number } = await api.rpc.chain.getHeader();
        const isOver = (head) => head.number.toNumber() >= number.toNumber() + BLOCKS_APART;
        await waitForBestBlock(api, `${BLOCKS_APART} blocks on this side`, isOver, 5 * MINUTES);
      } finally {
        await catchUp(() => links.heal());
      }
    }, { skip });
  }

  /** @param {Parameters<Links['weather']>[0]} weather */
  function badWeather(name, weather) {
    fault(network, `${name} on every link, ${BLOCKS_IN_BAD_WEATHER} blocks final meanwhile`, async ({ traffic, catchUp, note }) => {
      const api = await network.api();
      await links.weather(weather);
      const began = Date.now();
      try {
        await blocksPass(api, BLOCKS_IN_BAD_WEATHER);
        note(`${BLOCKS_IN_BAD_WEATHER} blocks were final after ${Math.round((Date.now() - began) / 1000)} s`);
        await traffic.stop();
      } finally {
        await catchUp(() => links.weather({}));
      }
    }, { skip });
  }

  badWeather('10 % of frames lost', { loss: LOSS });
  badWeather('200 ms of delay, give or take 50,', DELAY);
  badWeather('10 % of frames lost and 200 ms of delay, give or take 50,', { loss: LOSS, ...DELAY });
});

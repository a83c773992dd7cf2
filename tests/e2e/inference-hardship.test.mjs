import { after, before, describe } from 'node:test';

import { waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { connectAll, RESERVED_ONLY } from '../lib/partition.mjs';
import { forks } from './inference/forks.mjs';
import { fullBlocks } from './inference/full-blocks.mjs';

describe('a network of four validators with a model, under hardship', () => {
  const network = new Network();

  before(async () => {
    await network.start(Object.fromEntries(VALIDATORS.map((name) => [name, RESERVED_ONLY])));
    await connectAll(network.validators);
    await waitUntilServedBy(await network.client(), VALIDATORS);
  });
  after(() => network.stop());

  forks(network);
  fullBlocks(network);
});

import { after, before, describe } from 'node:test';

import { waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { absence } from './inference/absence.mjs';
import { abstention } from './inference/abstention.mjs';
import { agreement } from './inference/agreement.mjs';
import { badInput } from './inference/bad-input.mjs';
import { recovery } from './inference/recovery.mjs';

describe('a network of four validators with a model', () => {
  const network = new Network();

  before(async () => {
    await network.start();
    await waitUntilServedBy(await network.api(), VALIDATORS);
  });
  after(() => network.stop());

  agreement(network);
  badInput(network);
  recovery(network);
  abstention(network);
  // Last, since it leaves two validators stopped.
  absence(network);
});

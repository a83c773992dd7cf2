import { after, before, describe } from 'node:test';

import { Network } from '../lib/network.mjs';
import { equivocation } from './network/equivocation.mjs';
import { finality } from './network/finality.mjs';
import { joining } from './network/joining.mjs';
import { keyRotation } from './network/key-rotation.mjs';
import { recovery } from './network/recovery.mjs';
import { syncing } from './network/syncing.mjs';
import { transfers } from './network/transfers.mjs';

describe('a network of four validators', () => {
  const network = new Network();
  const newcomer = joining(network);
  const newKeys = keyRotation(network);

  before(() => network.start());
  after(() => network.stop());

  // What takes effect an era later goes first, and is looked at again when that era has come.
  newcomer.applies();
  newKeys.areSet();
  transfers(network);
  newKeys.needProof();
  finality(network);
  syncing(network);
  recovery(network);
  newKeys.takeEffect();
  newcomer.validates();
  newcomer.serves();
  // Last, since it disables a validator.
  equivocation(network);
});

// `make test-foreign`: a client in Rust, over subxt. Not among the other tests, since it takes minutes to build.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { waitUntilServedBy } from '../lib/inference.mjs';
import { devNode } from '../lib/node.mjs';

const PROGRAM = process.env.SIBYL_SUBXT;

describe('a client in Rust, over subxt', () => {
  const node = devNode();
  const ask = (...args) => promisify(execFile)(PROGRAM, args);

  before(async () => {
    assert.ok(PROGRAM, 'SIBYL_SUBXT names the program: run make test-foreign');
    await node.start();
    await waitUntilServedBy(await node.client(), ['alice']);
  });
  after(() => node.stop());

  it('asks, and reads what was agreed', async () => {
    const { stdout } = await ask(`ws://${node.rpcAddress}`, 'Wo ist hier bitte der nächste Bahnhof?');
    assert.match(stdout, /^job \d+\ndeu, by 1 of 1 seats\n$/);
  });

  it('is told by the chain’s own name for it what is refused', async () => {
    await assert.rejects(ask(`ws://${node.rpcAddress}`, ''), ({ stderr }) => /InputEmpty/.test(stderr));
  });
});

// A model's files go from node to node, and a validator that is killed in the middle goes on where it was.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { MODEL, waitUntilServedBy } from '../lib/inference.mjs';
import { MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { scratch } from '../lib/scratch.mjs';
import { MINUTES, SECONDS } from '../lib/wait.mjs';

const LANGUAGE_MODEL = 'smollm2';
const FILE = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const SIZE = 98_362_432;

/** So slow that a node can be killed in the middle: one peer gets half of these megabytes a second. */
const SLOWLY = ['--share-models', '6'];

describe('a model of which one node has the files', { skip: whyUnserved(LANGUAGE_MODEL) }, () => {
  const network = new Network();
  const [giver, taker, ...others] = VALIDATORS;
  const folder = scratch('fetched-models');
  const takes = ['--models-path', folder, '--models', `${MODEL},${LANGUAGE_MODEL}`];

  before(async () => {
    await network.start({
      [giver]: ['--models-path', MODELS_PATH, ...SLOWLY],
      [taker]: takes,
      ...Object.fromEntries(others.map((name) => [name, ['--models', MODEL, '--models-path', scratch('no-models')]])),
    });
  });
  after(() => network.stop());

  const node = () => network.node(taker);

  const metric = async (which, name) => {
    const line = (await which.metrics()).split('\n').find((shown) => shown.startsWith(`${name}{`));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };

  const eventually = async (what, get, isSo) => {
    const deadline = Date.now() + 3 * MINUTES;
    for (;;) {
      const seen = await get();
      if (isSo(seen)) return seen;
      assert.ok(Date.now() < deadline, `Waited in vain for ${what}, seen last: ${JSON.stringify(seen)}`);
      await sleep(SECONDS / 5);
    }
  };

  const fetched = () => metric(node(), 'sibyl_files_fetched_bytes_total');
  const standing = async () => {
    const { models } = await node().rpc('inference_nodeStatus');
    return models.find(({ name }) => name === LANGUAGE_MODEL) ?? {};
  };

  let firstBytes;

  it('is fetched by a validator that names it, and the node says how far it is', async () => {
    const { state } = await eventually('the fetching to be told', standing, ({ why }) => /being fetched: [1-9]/.test(why ?? ''));
    assert.equal(state, 'absent');
    assert.match(node().log(), /📦 Model smollm2: fetching file b179c952 \(98\.4 MB\) from 1 nodes/);
    firstBytes = await eventually('a quarter of it', fetched, (bytes) => bytes > SIZE / 4);
    assert.ok(firstBytes < SIZE, 'it is not all there yet');
    assert.ok(!readdirSync(folder).includes(FILE), 'the store sees whole files only');
  });

  it('goes on where it was after the validator is killed', async () => {
    await node().kill('SIGKILL');
    assert.ok(readdirSync(folder).some((name) => name.startsWith('.partial-')));
    await node().start(...takes);
    await eventually('the file to be there', () => readdirSync(folder), (names) => names.includes(FILE));
    const again = await fetched();
    assert.ok(again <= SIZE - firstBytes, `${again} bytes were fetched after ${firstBytes} of ${SIZE}`);
    assert.deepEqual(readdirSync(folder), [FILE], 'nothing else is left');
    assert.deepEqual(readFileSync(join(folder, FILE)), readFileSync(join(MODELS_PATH, FILE)));
    assert.equal(statSync(join(folder, FILE)).mode & 0o222, 0);
    assert.equal(await metric(node(), 'sibyl_files_fetched_total'), 1);
    assert.equal(await metric(node(), 'sibyl_files_refused_peers_total'), 0);
    assert.ok(await metric(network.node(giver), 'sibyl_files_served_bytes_total') >= SIZE);
  });

  it('is then served by both, without a restart', async () => {
    await waitUntilServedBy(await network.client(), [giver, taker], LANGUAGE_MODEL, 5 * MINUTES);
    assert.equal((await standing()).state, 'served');
    const lines = node().log().split('\n').filter((line) => line.includes('📦 Model'));
    assert.ok(lines.length <= 6, lines.join('\n'));
  });

  it('is not fetched by who does not name it', () => {
    for (const name of others) assert.doesNotMatch(network.node(name).log(), /📦 Model/);
  });
});

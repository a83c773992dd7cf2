// A case of `make test-faults`: jobs go on being asked, something goes wrong, and what came of it is written down.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

import { finalizedNumber, waitForFinalizedBlock } from './chain.mjs';
import { waitUntilServedBy } from './inference.mjs';
import { VALIDATORS } from './network.mjs';
import { outcomeOf, secondsToCatchUp } from './outcome.mjs';
import { Traffic } from './traffic.mjs';
import { MINUTES } from './wait.mjs';

/** The folder in which each case leaves its row and its nodes' logs. */
const RESULTS = process.env.SIBYL_FAULTS;

let cases = 0;

/**
 * What a case works with.
 * @typedef {object} Case
 * @property {Traffic} traffic that goes on meanwhile
 * @property {(mend?: () => Promise<void>) => Promise<void>} catchUp waits until every node has caught up; `mend` ends the
 *   fault
 * @property {(text: string) => void} note adds to what is told of the case
 */

/**
 * Defines a test: does this to the network while jobs are asked, and holds what came of it against what must.
 * @param {import('./network.mjs').Network} network that answers when the test begins, and when the body ends
 * @param {string} name
 * @param {(it: Case) => Promise<void>} body
 * @param {{ skip?: string | false, every?: number }} [options] `skip` says what this machine lacks; `every` so many
 *   milliseconds a job is asked
 */
export function fault(network, name, body, { skip = false, every } = {}) {
  if (skip) record({ fault: name, skipped: skip });
  it(name, { skip }, async (test) => {
    const row = { fault: name, at: new Date().toISOString(), notes: [], catchUp: [] };
    const note = (text) => {
      row.notes.push(text);
      test.diagnostic(text);
    };
    const logs = new Map(network.validators.map((node) => [node, node.log().length]));
    try {
      await waitUntilServedBy(await network.client(), VALIDATORS, undefined, 5 * MINUTES);
      cases += 1;
      const from = await finalizedNumber(await network.api());
      const traffic = await Traffic.of(network, `${process.pid}/${cases}`);
      traffic.start(every);
      const catchUp = async (mend) => {
        row.catchUp.push(await secondsToCatchUp(() => network.validators, mend));
      };
      try {
        await body({ traffic, catchUp, note });
      } finally {
        await traffic.stop();
      }
      Object.assign(row, await outcomeOf(network, traffic, from));
      for (const [node, length] of logs) {
        const lines = node.troubles(length);
        if (lines.length > 0) note(`${node.name} logged ${lines.length} errors, as: ${lines[0].trim()}`);
      }
    } catch (error) {
      row.failure = `${error.message}`.split('\n')[0];
      throw error;
    } finally {
      record(row);
      keepLogs(name, logs);
    }
    test.diagnostic(JSON.stringify(row, show));
    assertNothingLost(row);
  });
}

/**
 * Waits until so many more blocks are final.
 * @param {import('@polkadot/api').ApiPromise} api
 * @param {number} count
 */
export async function blocksPass(api, count) {
  const target = await finalizedNumber(api) + count;
  await waitForFinalizedBlock(api, `#${target} to be final`, ({ number }) => number.toNumber() >= target, 10 * MINUTES);
}

function assertNothingLost({ lost, late, wrong, fundsLost, conflicts }) {
  assert.deepEqual({ lost, late, wrong, fundsLost, conflicts }, { lost: 0, late: 0, wrong: 0, fundsLost: 0n, conflicts: 0 });
}

const show = (_, value) => (typeof value === 'bigint' ? `${value}` : value);

function record(row) {
  if (RESULTS === undefined) return;
  mkdirSync(RESULTS, { recursive: true });
  appendFileSync(join(RESULTS, 'rows.jsonl'), `${JSON.stringify(row, show)}\n`);
}

function keepLogs(name, logs) {
  if (RESULTS === undefined) return;
  const folder = join(RESULTS, name.replace(/\W+/g, '-'));
  mkdirSync(folder, { recursive: true });
  for (const [node, length] of logs) writeFileSync(join(folder, `${node.name}.log`), node.log().slice(length));
}

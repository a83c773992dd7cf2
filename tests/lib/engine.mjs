// The process that a node runs its engine in: a child of the node's, found as the operator finds it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { childrenOf } from './processes.mjs';
import { SECONDS } from './wait.mjs';

const SUB_COMMAND = 'engine-process';
const POLL = 20;
const TIMEOUT = 60 * SECONDS;

/**
 * The process id of a node's engine; undefined where it has none just now.
 * @param {import('./node.mjs').Node} node
 * @returns {number | undefined}
 */
export function engineOf(node) {
  const isEngine = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(SUB_COMMAND);
    } catch {
      // It ended meanwhile.
      return false;
    }
  };
  return childrenOf(node.pid).find(isEngine);
}

/**
 * Waits until a node's engine has something to do, as the node tells it.
 * @param {import('./node.mjs').Node} node
 */
export function waitUntilItRuns(node) {
  return waitUntil(`an inference of ${node.name}`, async () => {
    const running = /^inference_queue_length(?:\{[^}]*\})? (\d+)/m.exec(await node.metrics());
    return running !== null && Number(running[1]) > 0;
  });
}

/**
 * Waits until a node's log has a line like this.
 * @param {import('./node.mjs').Node} node
 * @param {RegExp} pattern
 * @param {number} [timeout]
 */
export const waitUntilItSays = (node, pattern, timeout) =>
  waitUntil(`${pattern} in the log of ${node.name}`, () => pattern.test(node.log()), timeout);

async function waitUntil(what, isSo, timeout = TIMEOUT) {
  const deadline = Date.now() + timeout;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}: ${timeout / SECONDS} s are over`);
    await sleep(POLL);
  }
}

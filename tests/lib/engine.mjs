// The process that a node runs its engine in: a child of the node's, found as the operator finds it.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

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
      // The name in brackets may have anything in it; the state and the parent follow it.
      const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      return Number(parent) === node.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(SUB_COMMAND);
    } catch {
      // It ended meanwhile.
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).find(isEngine);
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
 */
export const waitUntilItSays = (node, pattern) =>
  waitUntil(`${pattern} in the log of ${node.name}`, () => pattern.test(node.log()));

async function waitUntil(what, isSo) {
  const deadline = Date.now() + TIMEOUT;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}: ${TIMEOUT / SECONDS} s are over`);
    await sleep(POLL);
  }
}

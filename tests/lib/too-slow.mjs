import { setTimeout as sleep } from 'node:timers/promises';

import { isInstalled, MODELS_PATH } from './models.mjs';
import { devNode } from './node.mjs';
import { MINUTES, SECONDS } from './wait.mjs';

const SLOT = 3 * SECONDS;
const UNDER_WAY = ['loading', 'checking', 'measuring'];

/**
 * Which of these models this machine is too slow to test with, as a node finds that has the machine for itself: tests run
 * beside each other, and four nodes on one machine.
 * @param {string[]} models by name; those that are not installed are passed over
 * @returns {Promise<Record<string, string>>} why, by the name
 */
export async function tooSlow(models) {
  const names = models.filter(isInstalled);
  const first = names.length === 0 ? {} : await measure(names);
  // What slowed the machine down may be over.
  return Object.keys(first).length === 0 ? first : measure(names);
}

async function measure(names) {
  const node = await devNode('--models-path', MODELS_PATH).start();
  try {
    const verdicts = await Promise.all((await measured(node, names)).map(async (own) => [own.name, await whyTooSlow(node, own)]));
    return Object.fromEntries(verdicts.filter(([, why]) => why !== undefined));
  } finally {
    await node.stop();
  }
}

/** How the node stands to these models, when it has measured them: whether it serves them, or why not. */
export async function measured(node, names, timeout = 5 * MINUTES) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const { models } = await node.rpc('inference_nodeStatus');
    const own = models.filter(({ name, state }) => names.includes(name) && !UNDER_WAY.includes(state));
    if (own.length === names.length) return own;
    if (Date.now() > deadline) throw new Error(`Waited in vain for models to be measured: ${JSON.stringify(models)}`);
    await sleep(1 * SECONDS);
  }
}

/** Nothing where a model is fast enough, or is not served for another reason, which tests then tell. */
async function whyTooSlow(node, { name, why, pace }) {
  if (/too slow/.test(why)) return why;
  if (!pace) return undefined;
  const { limits, commitWindow } = await node.rpc('inference_getModel', name);
  const promised = (pace.job + limits.inputBytes * pace.inputUnit + limits.outputUnits * pace.outputUnit) / 1_000;
  // The chain takes three quarters of the blocks for commits, less two for the votes.
  const wanted = (commitWindow - 2) * SLOT * 3 / 4 / 2;
  if (promised <= wanted) return undefined;
  return `this machine promises its largest job in ${promised / SECONDS} s, and tests want ${wanted / SECONDS} s, half of what the chain takes`;
}

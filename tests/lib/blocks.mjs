import { EventEmitter, on } from 'node:events';

import { MINUTES } from './wait.mjs';

/**
 * The blocks of the best chain as they come, from the one after `start` on, none left out. Where another fork becomes
 * the best one, its blocks follow from where it begins.
 * @param {import('@polkadot/api').ApiPromise} api
 * @param {import('@polkadot/types/interfaces').Header} start
 * @param {number} [timeout] after which it throws
 */
export async function* bestBlocks(api, start, timeout = 5 * MINUTES) {
  const arrivals = new EventEmitter();
  const heads = on(arrivals, 'head', { signal: AbortSignal.timeout(timeout) });
  const unsubscribe = await api.rpc.chain.subscribeNewHeads((head) => arrivals.emit('head', head));
  const seen = new Set([start.hash.toHex()]);
  try {
    for await (const [head] of heads) {
      const branch = [];
      for (let block = head; isAbove(block, start) && !seen.has(block.hash.toHex());) {
        branch.unshift(block);
        block = await api.rpc.chain.getHeader(block.parentHash);
      }
      for (const block of branch) seen.add(block.hash.toHex());
      yield* branch;
    }
  } finally {
    unsubscribe();
  }
}

const isAbove = (block, start) => block.number.toNumber() > start.number.toNumber();

import { Worker } from 'node:worker_threads';

import { startFromWorker } from 'polkadot-api/smoldot/from-node-worker';

import { LOG_LEVEL, type Engine } from './smoldot.js';

/** Starts it in a thread of its own: its timers would keep the program up for minutes after the light client was closed. */
export async function startEngine(): Promise<Engine> {
  const worker = new Worker(new URL(import.meta.resolve('polkadot-api/smoldot/node-worker')));
  const failure = new Promise<never>((_, reject) => {
    worker.once('error', reject);
  });
  failure.catch(() => {});
  const free = async () => {
    await worker.terminate();
  };
  return { smoldot: startFromWorker(worker, { maxLogLevel: LOG_LEVEL }), failure, free };
}

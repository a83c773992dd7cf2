import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SibylError } from '../dist/index.js';
import { Job } from '../dist/job.js';
import { refusedAs } from './refused.mjs';

const FINGERPRINT = `0x${'ab'.repeat(32)}`;
const RECEIPT = { version: 1, genesis: '0x', job: 7, finality: '0x', state: [] };

/** A node whose final block and best block know the job by these numbers, and which answers so. */
function node({ final, best = final, stored = 'Found', source = 'node', answer = async () => RECEIPT }) {
  const asked = [];
  const chain = {
    name: 'The node',
    source,
    numberOf: async (_, at) => (at === 'finalized' ? final : best),
    job: async () => ({ type: stored }),
    isSyncing: async () => false,
    request: async (...call) => {
      asked.push(call);
      return answer();
    },
  };
  return { job: new Job(chain, FINGERPRINT, 3n), asked };
}

/** An error of the node, as polkadot-api has it. */
const refuses = (code, message) => async () => {
  throw new SibylError('NodeFailed', message, { cause: Object.assign(new Error(message), { code }) });
};

describe('the receipt of a job', () => {
  it('is asked for by the number that the job has in a final block', async () => {
    const { job, asked } = node({ final: 2n ** 60n });
    assert.deepEqual(await job.receipt(), RECEIPT);
    assert.deepEqual(asked, [['inference_getReceipt', '1152921504606846976']]);
  });

  it('is not asked for where the job is in no final block, or in none any more', async () => {
    for (const [known, code] of [
      [{ final: undefined, best: 3n }, 'NoResult'],
      [{ final: undefined, stored: 'Pruned' }, 'PrunedJob'],
      [{ final: undefined, stored: 'Unknown' }, 'UnknownJob'],
      // Another fork's job has the number.
      [{ final: undefined, stored: 'Found' }, 'UnknownJob'],
    ]) {
      const { job, asked } = node(known);
      await assert.rejects(job.receipt(), refusedAs(code), code);
      assert.deepEqual(asked, []);
    }
  });

  it('is not there where a light client reads the chain, or the node can’t make it', async () => {
    const light = node({ final: 7n, source: 'light client' });
    await assert.rejects(light.job.receipt(), refusedAs('ReceiptUnsupported'));
    assert.deepEqual(light.asked, []);
    await assert.rejects(node({ final: 7n, answer: refuses(-32601, 'Method not found') }).job.receipt(), refusedAs('ReceiptUnsupported', 'does not have the method'));
    await assert.rejects(node({ final: 7n, answer: refuses(10021, 'after a warp sync') }).job.receipt(), refusedAs('ReceiptUnsupported', 'warp'));
  });

  it('is refused as the node says', async () => {
    for (const [number, code] of [[10001, 'PrunedJob'], [10018, 'NodeSyncing'], [10020, 'NoResult'], [10023, 'NodeFailed']]) {
      await assert.rejects(node({ final: 7n, answer: refuses(number, 'ask again') }).job.receipt(), refusedAs(code, 'ask again'));
    }
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { account } from '../lib/accounts.mjs';
import { balanceAt, submitAndInclude } from '../lib/chain.mjs';
import {
  ask, jobAt, modelId, question, voteOf, waitForEnd, waitUntilNoneOpen, waitUntilServedBy,
} from '../lib/inference.mjs';
import { MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { MINUTES } from '../lib/wait.mjs';

const LANGUAGE_MODEL = 'smollm2';
const skip = whyUnserved(LANGUAGE_MODEL);

// The largest jobs that the model takes, as somebody would ask to keep all validators busy.
const DIGITS = '0123456789'.repeat(410).slice(0, 4096);
const LARGEST = { model: LANGUAGE_MODEL, maxOutputUnits: 256, seats: 'All' };
const BATCH = 32;
const QUESTIONS = [
  'The weather is lovely today.', 'Das Wetter ist heute sehr schön.', 'Il fait très beau aujourd’hui.',
  'Hoy hace muy buen tiempo.', 'Oggi il tempo è molto bello.', 'O tempo hoje está muito bom.',
];

describe('a network of four validators that somebody tries to keep busy', { skip }, () => {
  const network = new Network();
  const greedy = account('//Eve');
  const modest = account('//Ferdie');
  let api, idle;

  before(async () => {
    const args = VALIDATORS.map((name) => [name, ['--models-path', MODELS_PATH]]);
    await network.start(Object.fromEntries(args));
    api = await network.api();
    await waitUntilServedBy(await network.client(), VALIDATORS);
    // Four validators measure their pace on one machine, perhaps a busy one.
    await waitUntilServedBy(await network.client(), VALIDATORS, LANGUAGE_MODEL, 5 * MINUTES);
    idle = await quoteOfLargest();
  });
  after(() => network.stop());

  const quoteOfLargest = async (at = api) =>
    at.call.inferenceApi.quote(await modelId(api, LANGUAGE_MODEL), 'All', DIGITS.length, LARGEST.maxOutputUnits, 'Text');

  it('refuses a batch of more than they have time for, and holds nothing for it', async () => {
    const before = await balanceAt(api, await api.rpc.chain.getBlockHash(), greedy.address);
    const jobs = Array(BATCH).fill(await question(api, DIGITS, LARGEST));
    await assert.rejects(submitAndInclude(api, api.tx.utility.batchAll(jobs), greedy), /inference\.Busy: \S/);
    const { data } = await api.query.system.account(greedy.address);
    assert.equal(data.reserved.toBigInt(), 0n);
    assert.ok(data.free.toBigInt() < before, 'the attempt costs its fee');
  });

  it('takes as many as they have time for, and answers everybody else\'s small questions beside them', async (test) => {
    const jobs = Array(BATCH).fill(await question(api, DIGITS, LARGEST));
    const { events, blockHash } = await submitAndInclude(api, api.tx.utility.forceBatch(jobs), greedy);
    const taken = events.filter(api.events.inference.JobSubmitted.is).map(({ data }) => data.job.toNumber());
    test.diagnostic(`${taken.length} of ${BATCH} are taken`);
    assert.ok(taken.length < BATCH);

    const refused = await quoteOfLargest(await api.at(blockHash));
    assert.equal(refused.asErr.asBusy.serving.toNumber(), VALIDATORS.length);

    const asked = await Promise.all(QUESTIONS.map((text) => ask(network, text, modest)));
    const views = await Promise.all(asked.map((job) => waitForEnd(api, job)));
    const blocks = views.map(({ phase, submittedAt }) => phase.asEnded.at.toNumber() - submittedAt.toNumber());
    test.diagnostic(`the small questions were settled after ${blocks.join(', ')} blocks`);
    const { hash } = await waitUntilNoneOpen(api);
    const ends = await Promise.all(taken.map((job) => jobAt(api, hash, job)));
    test.diagnostic(`the large ones: ${ends.map(({ phase }) => phase.asEnded.verdict.type).join(', ') || 'none'}`);
    assert.deepEqual(views.map(({ phase }) => phase.asEnded.verdict.type), QUESTIONS.map(() => 'Agreed'));
    for (const view of views) {
      const votes = VALIDATORS.map((name) => voteOf(view, name).type);
      assert.ok(!votes.includes('Committed'), `job ${view.id}: ${votes}`);
    }
  });

  it('offers such a job again as it did before, when they have time', async (test) => {
    assert.equal((await quoteOfLargest()).toHex(), idle.toHex());
    test.diagnostic(idle.isOk ? `it costs ${idle.asOk.total}` : 'this machine has no time for even one');
  });
});

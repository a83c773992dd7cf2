import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { account } from '../lib/accounts.mjs';
import { engineOf, waitUntilItRuns, waitUntilItSays } from '../lib/engine.mjs';
import { ask, voteOf, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { MINUTES } from '../lib/wait.mjs';

const LANGUAGE_MODEL = 'smollm2';
const skip = whyUnserved(LANGUAGE_MODEL);
// Long enough to be interrupted, short enough for four validators on one machine.
const LONG = { model: LANGUAGE_MODEL, maxOutputUnits: 128 };
const STORY = 'Tell me a long story about a lighthouse keeper.';
const SHORT = { model: LANGUAGE_MODEL, maxOutputUnits: 32 };
const FRANCE = 'What is the capital of France?';

describe('a network of four validators whose engines are ended', { skip }, () => {
  const network = new Network();
  const requester = account('//Eve');
  let api;

  before(async () => {
    await network.start(Object.fromEntries(VALIDATORS.map((name) => [name, ['--models-path', MODELS_PATH]])));
    api = await network.api();
    await waitUntilServedBy(await network.client(), VALIDATORS, LANGUAGE_MODEL, 5 * MINUTES);
  });
  after(() => network.stop());

  const votesIn = (view) => VALIDATORS.map((name) => voteOf(view, name).type);

  async function assertNextIsSettledByAll() {
    const view = await waitForEnd(api, await ask(network, FRANCE, requester, SHORT));
    assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${view.id}: ${view.phase}`);
    assert.deepEqual(votesIn(view), VALIDATORS.map(() => 'Revealed'));
  }

  it('has an engine beside each node', () => {
    const engines = network.validators.map(engineOf);
    assert.ok(engines.every((pid) => pid !== undefined), `${engines}`);
    assert.equal(new Set(engines).size, VALIDATORS.length);
  });

  it('settles a job without the one whose engine is killed in the middle of it, and the next job with it', async () => {
    const dave = network.node('dave');
    const job = await ask(network, STORY, requester, LONG);
    await waitUntilItRuns(dave);
    const engine = engineOf(dave);
    process.kill(engine, 'SIGKILL');

    const view = await waitForEnd(api, job);
    assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${job}: ${view.phase}`);
    assert.equal(voteOf(view, 'dave').asAbstained.type, 'EngineFailed');
    assert.match(dave.log(), /engine's process was killed by signal 9/);
    await assertNextIsSettledByAll();
    assert.notEqual(engineOf(dave), engine);
  });

  it('settles a job without the one whose engine stands still, which the node kills', async () => {
    const dave = network.node('dave');
    const job = await ask(network, STORY, requester, LONG);
    await waitUntilItRuns(dave);
    process.kill(engineOf(dave), 'SIGSTOP');

    const view = await waitForEnd(api, job);
    assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${job}: ${view.phase}`);
    // The others may not have waited until its node was sure.
    const vote = voteOf(view, 'dave');
    assert.ok(vote.isAbstained || vote.isMissing, `${vote}`);
    await waitUntilItSays(dave, /engine's process did not (answer|stop)/);
    await assertNextIsSettledByAll();
  });

  it('ends a job that all four engines die of, once each, gives its price back, and settles the next', async () => {
    const job = await ask(network, STORY, requester, LONG);
    await Promise.all(network.validators.map(waitUntilItRuns));
    network.validators.forEach((node) => process.kill(engineOf(node), 'SIGKILL'));

    const view = await waitForEnd(api, job);
    assert.ok(view.phase.asEnded.verdict.isExpired, `job ${job}: ${view.phase}`);
    assert.deepEqual(VALIDATORS.map((name) => voteOf(view, name).asAbstained.type), VALIDATORS.map(() => 'EngineFailed'));
    assert.equal(view.settlement.unwrap().refunded.toBigInt(), view.quote.total.toBigInt());
    await assertNextIsSettledByAll();
  });
});

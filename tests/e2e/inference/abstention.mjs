import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import {
  ask, assertInTime, committeeOf, eventsNamed, eventsOfJob, voteOf, waitForEnd, waitUntilServedBy,
} from '../../lib/inference.mjs';
import { VALIDATORS } from '../../lib/network.mjs';

const TEXT = 'El perro corre por la playa todas las mañanas.';

/** @param {import('../../lib/network.mjs').Network} network */
export function abstention(network) {
  it('draws no validator that is started without the model', async () => {
    const api = await network.api();
    const dave = network.node('dave');
    await dave.stop();
    await dave.start('--models', 'none');
    await waitUntilServedBy(await network.client(), VALIDATORS.filter((name) => name !== 'dave'));

    const view = await waitForEnd(api, await ask(network, TEXT, account('//Eve')));
    assert.ok(view.phase.asEnded.verdict.isAgreed);
    assert.equal(committeeOf(view).seats.length, 3);
    assert.equal(voteOf(view, 'dave'), undefined);
  });

  it('settles a job without a validator whose engine is too slow, which abstains', async () => {
    const api = await network.api();
    const dave = network.node('dave');
    await dave.stop();
    await dave.start('--inference-job-timeout', '0');
    await waitUntilServedBy(await network.client(), VALIDATORS);

    const view = await waitForEnd(api, await ask(network, TEXT, account('//Eve')));
    assert.ok(view.phase.asEnded.verdict.isAgreed);
    assertInTime(api, view);
    assert.equal(voteOf(view, 'dave').asAbstained.type, 'TooSlow');
    const events = await eventsOfJob(api, view);
    assert.deepEqual(eventsNamed(events, 'Abstained').map(({ data }) => data.reason.type), ['TooSlow']);
    const [{ data: { paid } }] = eventsNamed(events, 'Settled');
    assert.equal(paid.toBigInt(), 3n * view.quote.perSeat.toBigInt());
  });
}

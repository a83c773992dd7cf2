import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import {
  ask, eventsNamed, eventsOfJob, voteOf, waitForEnd, waitForJob, waitUntilCommitsAreSent,
} from '../../lib/inference.mjs';

const TEXT = 'Le petit chat noir dort sur le canapé du salon.';

/** @param {import('../../lib/network.mjs').Network} network */
export function recovery(network) {
  it('agrees without a validator killed after its commit, which reveals and is paid when it is back', async () => {
    const api = await network.api();
    const dave = network.node('dave');

    const job = await ask(api, TEXT, account('//Eve'));
    const drawn = await waitForJob(api, job, 'to have a committee', ({ committee }) => committee.isSome);
    await waitUntilCommitsAreSent([dave], drawn);
    await dave.kill('SIGKILL');

    const agreed = await waitForJob(api, job, 'to be agreed', (view) => view.agreed.isSome);
    assert.ok(voteOf(agreed, 'dave').isCommitted, `Dave's vote is ${voteOf(agreed, 'dave')}`);
    assert.ok(agreed.phase.isRevealing, 'the money waits for the last reveal');

    await dave.start();
    const view = await waitForEnd(api, job);
    assert.ok(voteOf(view, 'dave').isRevealed, `Dave's vote is ${voteOf(view, 'dave')}`);
    const events = await eventsOfJob(api, view);
    const [{ data: { deadline } }] = eventsNamed(events, 'RevealingBegan');
    assert.ok(view.phase.asEnded.at.toNumber() < deadline.toNumber());
    const amounts = eventsNamed(events, 'SeatPaid').map(({ data }) => data.amount.toBigInt());
    assert.deepEqual(amounts, Array(4).fill(view.quote.perSeat.toBigInt()));
  });
}

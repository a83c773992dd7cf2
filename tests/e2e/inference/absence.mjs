import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { balanceAt } from '../../lib/chain.mjs';
import {
  ask, eventsNamed, eventsOfJob, isDrawn, jobAt, validatorAt, voteOf, waitForEnd, waitForJob,
} from '../../lib/inference.mjs';
import { MINUTES } from '../../lib/wait.mjs';

const TEXT = 'Il treno per Milano parte alle otto e mezza.';

/** @param {import('../../lib/network.mjs').Network} network */
export function absence(network) {
  it('settles a job without a stopped validator, some blocks after a quorum has committed', async () => {
    const api = await network.api();
    await network.node('dave').stop();

    const view = await waitForEnd(api, await ask(network, TEXT, account('//Eve')));
    assert.ok(view.phase.asEnded.verdict.isAgreed);
    assert.ok(voteOf(view, 'dave').isMissing);
    const events = await eventsOfJob(api, view);
    // Three of four are a quorum: from the last of them on the fourth is waited for a certain number of blocks.
    const quorum = Math.max(...eventsNamed(events, 'Committed').map(({ block }) => block));
    const [revealing] = eventsNamed(events, 'RevealingBegan');
    assert.equal(revealing.block, quorum + api.consts.inference.commitGrace.toNumber());
    const { paid, refunded } = view.settlement.unwrap();
    assert.equal(paid.toBigInt(), 3n * view.quote.perSeat.toBigInt());
    assert.ok(refunded.toBigInt() >= view.quote.perSeat.toBigInt());
  });

  it('gives the seat of a stopped validator in a small committee to another, and answers', async () => {
    const api = await network.api();
    let substituted;
    // Of four such jobs one has no seat for dave: of so many, all in none of a thousand networks.
    for (let round = 0; round < 3 && substituted === undefined; round += 1) {
      const jobs = await Promise.all([1, 2].map(() => ask(network, TEXT, account('//Eve'), { seats: 3 })));
      const views = await Promise.all(jobs.map((job) => waitForEnd(api, job)));
      for (const view of views) assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${view.id}: ${view.phase}`);
      substituted = views.find(({ hasSubstitutes }) => hasSubstitutes.isTrue);
    }
    assert.ok(substituted, 'in none of the jobs the stopped validator was drawn');
    assert.equal(voteOf(substituted, 'dave'), undefined, 'it has no seat any more');
    const { seats, agreed } = substituted.agreed.unwrap().support;
    assert.deepEqual([seats.toNumber(), agreed.toNumber()], [3, 3]);
    assert.equal(substituted.settlement.unwrap().paid.toBigInt(), 3n * substituted.quote.perSeat.toBigInt());
    const [called] = eventsNamed(await eventsOfJob(api, substituted), 'SubstitutesCalled');
    assert.equal(called.data.committed.toNumber(), 2);
  });

  // Finality stops with the second validator, so this looks at best blocks.
  it('lets a job expire with a full refund, in the block that it stated, when two validators are stopped', async () => {
    const api = await network.api();
    const requester = account('//Eve');
    await network.node('charlie').stop();

    const job = await ask(network, TEXT, requester);
    const drawn = await waitForJob(api, job, 'to have a committee', isDrawn);
    assert.ok(drawn.phase.isCommitting);
    const deadline = drawn.deadline.unwrap().toNumber();

    const view = await waitForJob(api, job, 'to end', ({ phase }) => phase.isEnded, 4 * MINUTES);
    assert.ok(view.phase.asEnded.verdict.isExpired);
    assert.equal(view.phase.asEnded.at.toNumber(), deadline);
    const { paid, refunded, protocolShare } = view.settlement.unwrap();
    assert.deepEqual([paid, refunded, protocolShare].map((amount) => amount.toBigInt()), [
      0n, view.quote.total.toBigInt(), 0n,
    ]);

    const expiredIn = await api.rpc.chain.getBlockHash(deadline);
    const { parentHash } = await api.rpc.chain.getHeader(expiredIn);
    assert.ok((await jobAt(api, parentHash, job)).phase.isCommitting);
    const balances = await Promise.all([parentHash, expiredIn].map((hash) => balanceAt(api, hash, requester.address)));
    assert.equal(balances[1] - balances[0], view.quote.total.toBigInt());
    const holds = await (await api.at(expiredIn)).query.balances.holds(requester.address);
    assert.equal(holds.length, 0);
    const [before, after] = await Promise.all([parentHash, expiredIn].map((hash) => validatorAt(api, hash, 'dave')));
    assert.equal(after.record.missed.toNumber(), before.record.missed.toNumber() + 1);
    assert.equal(after.reserved.toBigInt(), 0n);
    assert.equal(after.bond.toBigInt(), before.bond.toBigInt(), 'who is only absent is not charged');
  });
}

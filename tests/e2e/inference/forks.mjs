import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { eventsAt, nextNonce, waitForBestBlock } from '../../lib/chain.mjs';
import {
  askByPolkadotJs, ballotsIn, eventsNamed, eventsOfJob, question, waitForEnd, waitUntilCommitsAreSent,
} from '../../lib/inference.mjs';
import { connectAll, part } from '../../lib/partition.mjs';
import { MINUTES } from '../../lib/wait.mjs';

const BEFORE = ['een', 'twee', 'drie', 'vier', 'vijf'].map((word) => `Dit is zin nummer ${word} van de lange lijst.`);
const DURING = ['ett', 'två', 'tre', 'fyra', 'fem'].map((word) => `Det här är mening nummer ${word} på listan.`);
// Shorter than the time for reveals, of which each fork has one half's only.
const FORK_LENGTH = 3;

/** @param {import('../../lib/network.mjs').Network} network its nodes reserved to each other */
export function forks(network) {
  it('agrees on all jobs after a fork, each seat with one commit to a draw and none counted absent', async (test) => {
    const [alice, bob, charlie, dave] = network.validators;
    const halves = [[alice, bob], [charlie, dave]];
    const apis = await Promise.all([alice.api(), charlie.api()]);
    const [api] = apis;

    const nonce = await nextNonce(api, account('//Ferdie'));
    // Just after a block, so that all are in the next one.
    await nextBlock(api);
    const before = await Promise.all(BEFORE.map((text, index) =>
      askByPolkadotJs(api, text, account('//Ferdie'), { nonce: nonce + index })));
    // Each half has the commits of all, but in no block yet.
    await Promise.all(before.map((job) => waitUntilCommitsAreSent(api, network.validators, job)));
    const drawnAt = (await api.rpc.chain.getHeader()).number.toNumber();
    await part(halves);
    const heads = await Promise.all(apis.map((each) => each.rpc.chain.getHeader()));
    const forkedBy = Math.max(...heads.map(({ number }) => number.toNumber()));

    // The same transactions on both sides: ten jobs are open, five with a committee for each fork.
    await submitOnBoth(apis, DURING, account('//Eve'));
    await forksGrow(apis, forkedBy);
    const branches = await Promise.all(apis.map((each) => each.rpc.chain.getBlockHash(forkedBy + 1)));
    const during = before.at(-1) + 1;
    const jobs = [...before, ...DURING.map((_, index) => during + index)];
    const onForks = await Promise.all(apis.map(async (each) => {
      const open = (await each.call.inferenceApi.openJobs(0, 256)).map(({ id }) => id.toNumber());
      test.diagnostic(`${open.length} of ${jobs.length} jobs are open while the network is parted`);
      assert.deepEqual(open.filter((job) => job >= during), jobs.slice(before.length));
      // On a busy machine some of the first may have ended before the network parted; none may be missing.
      const others = jobs.filter((job) => !open.includes(job));
      const ended = await Promise.all(others.map((job) => each.call.inferenceApi.job(job)));
      assert.ok(ended.every((job) => job.isFound && job.asFound.phase.isEnded), `open: ${open}, of ${jobs}`);
      return commitsFrom(each, drawnAt, await each.rpc.chain.getHeader());
    }));
    await connectAll(network.validators);

    const views = await Promise.all(jobs.map((job) => waitForEnd(api, job)));
    const canonical = await api.rpc.chain.getBlockHash(forkedBy + 1);
    assert.equal(branches.filter((hash) => hash.eq(canonical)).length, 1, 'just one of the forks is given up');

    let late = 0;
    for (const view of views) {
      assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${view.id}: ${view.phase}`);
      assert.ok(view.phase.asEnded.at.lte(view.endsBy), `job ${view.id}`);
      const events = await eventsOfJob(api, view);
      const votes = view.committees.flatMap(({ seats }) => seats.map(({ vote }) => vote.type));
      const revealed = votes.filter((vote) => vote === 'Revealed').length;
      // On a busy machine the forks may meet only after a phase's last block.
      if (revealed < votes.length) late += 1;
      assert.equal(eventsNamed(events, 'Committed').length, votes.filter((vote) => vote !== 'Missing').length, `job ${view.id}`);
      const faults = eventsNamed(events, 'SeatCharged').map(({ data }) => data.fault.type);
      assert.ok(faults.every((fault) => fault === 'Withheld'), `job ${view.id}: ${faults}`);
      const paid = eventsNamed(events, 'SeatPaid').length;
      assert.equal(paid, revealed, `job ${view.id}: ${paid} of ${revealed} that revealed are paid`);
    }
    test.diagnostic(`${views.length - late} of ${views.length} jobs have the reveals of all seats`);
    const all = (await Promise.all(views.map((view) => eventsBetween(api, view)))).flat();
    assert.deepEqual(all.filter(api.events.inference.Equivocated.is), []);
    const end = await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead());
    assertOneCommitEach([...onForks.flat(), ...await commitsFrom(api, drawnAt, end)]);
  });
}

/** Everything that happened from a job's submission to its end. */
async function eventsBetween(api, { submittedAt, phase }) {
  const events = [];
  for (let number = submittedAt.toNumber(); number <= phase.asEnded.at.toNumber(); number += 1) {
    events.push(...await eventsAt(api, await api.rpc.chain.getBlockHash(number)));
  }
  return events;
}

async function nextBlock(api) {
  const { number } = await api.rpc.chain.getHeader();
  await waitForBestBlock(api, `a block above #${number}`, (head) => head.number.toNumber() > number.toNumber());
}

async function submitOnBoth(apis, texts, signer) {
  const [api] = apis;
  const first = await nextNonce(api, signer);
  await Promise.all(texts.map(async (text, index) => {
    const tx = await (await question(api, text)).signAsync(signer, { nonce: first + index, era: 0 });
    await Promise.all(apis.map((each) => each.rpc.author.submitExtrinsic(tx.toHex())));
  }));
}

/** Waits until one fork has the length and the other two blocks; how fast each grows is chance. */
async function forksGrow(apis, from) {
  const grownBy = (length) => (each) => waitForBestBlock(each, `${length} blocks above #${from}`, ({ number }) =>
    number.toNumber() >= from + length, 3 * MINUTES);
  await Promise.all([Promise.any(apis.map(grownBy(FORK_LENGTH))), ...apis.map(grownBy(2))]);
}

/** The commits in the blocks above a height, up to that tip. */
async function commitsFrom(api, height, tip) {
  const commits = [];
  for (let header = tip; header.number.toNumber() > height;) {
    for (const ballot of await ballotsIn(api, header.hash)) commits.push(...ballot.commits);
    header = await api.rpc.chain.getHeader(header.parentHash);
  }
  return commits;
}

function assertOneCommitEach(commits) {
  const commitments = new Map();
  for (const { target, seat, commitment } of commits) {
    const place = `seat ${seat} of draw ${target.draw} of ${target.fingerprint}`;
    commitments.set(place, (commitments.get(place) ?? new Set()).add(commitment.toHex()));
  }
  for (const [place, { size }] of commitments) assert.equal(size, 1, place);
}

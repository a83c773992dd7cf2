// `make test-upgrade`: a network of real nodes is upgraded to the next runtime while jobs are in every phase. Not among the
// other tests, since the next runtime takes minutes to build.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { u8aToHex } from '@polkadot/util';
import { blake2AsHex, decodeAddress } from '@polkadot/util-crypto';

import { account, accountNamed } from '../lib/accounts.mjs';
import { runBinary, sibyl as command } from '../lib/binary.mjs';
import { DEEDS, forget } from '../lib/byzantine.mjs';
import { submitAndFinalize, waitForBestBlock, waitForFinalized } from '../lib/chain.mjs';
import { decide } from '../lib/council.mjs';
import {
  ballotsIn, eventsNamed, eventsOfJob, inputOf, isDrawn, MODEL, modelId, OPTIONS, seatOf, voteOf, waitForEnd, waitForJob,
  waitUntilCommitsAreSent, waitUntilNoneOpen, waitUntilServedBy,
} from '../lib/inference.mjs';
import { classification } from '../lib/mailbox.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { fundsLost } from '../lib/outcome.mjs';
import { scratch } from '../lib/scratch.mjs';
import { writeTinyModel } from '../lib/tiny-model.mjs';
import { MINUTES } from '../lib/wait.mjs';

const NEXT_RUNTIME = process.env.SIBYL_NEXT_RUNTIME;
// Two validators of an older release, where one is named.
const OLD_NODE = process.env.SIBYL_OLD_NODE || undefined;

const TEXT = 'Wo ist hier bitte der nächste Bahnhof?';
const LABEL = 'deu';
// Not validators: an author would get fees back.
const [asker, patient, disputer, author] = ['//Eve', '//Ferdie', '//Eve//disputes', '//Eve//writes'].map(account);
const PURSE = 1_000n * 10n ** 12n;
// A committee of three leaves a validator out one time in four, and a block that comes early may be quicker than this program.
const ATTEMPTS = 15;
// The job that waits for its draw, for as many blocks as can be.
const LONGEST_DELAY = 8;
// Blocks before the second round begins, in which another job gets as far as its reveals.
const HEAD_START = 3;
const AFTERWARDS = 4;
// A model that somebody registers, and that a feed asks.
const OWN_MODEL = 'tiny';
const CHOICES = ['yes', 'no'];
const QUESTION = 'Is the sky blue?';
const INTERVAL = 10;
const ROUNDS = 100n;
const TO_SERVE = 10 * MINUTES;

describe('a network of four validators that is upgraded', () => {
  const modelsOf = (name) => scratch(`models-${name}`);
  const optionsOf = (name) => ({ place: { args: ['--models-path', modelsOf(name), '--fetch-models', 'max-size=1GB'] } });
  const network = new Network({ charlie: OLD_NODE, dave: OLD_NODE }, { optionsOf });
  /** Jobs by what they are about, each the client's own. */
  const jobs = {};
  let api, sibyl, code, oldVersion, upgradedIn, atUpgrade, daveIsBack, disputed, feed;

  before(async () => {
    assert.ok(NEXT_RUNTIME, 'SIBYL_NEXT_RUNTIME names the wasm of a runtime of a higher version: run make test-upgrade');
    code = await readFile(NEXT_RUNTIME);
    await network.start();
    [api, sibyl] = await Promise.all([network.api(), network.client()]);
    await waitUntilServedBy(sibyl, VALIDATORS);
    await submitAndFinalize(api, api.tx.balances.transferKeepAlive(disputer.address, PURSE), patient);
    await submitAndFinalize(api, api.tx.balances.transferKeepAlive(author.address, PURSE), patient);
    await registerModel();
    feed = await createFeed();
    ({ specVersion: oldVersion } = await version(network.node('alice')));
    let job;
    for (let attempt = 0; upgradedIn === undefined && attempt < ATTEMPTS; attempt += 1) {
      job = await sibyl.ask(MODEL, TEXT, { signer: disputer, seats: 3, drawDelay: 2 });
      const view = await waitForJob(api, job.number, 'to have a committee', isDrawn);
      if (seatOf(view, 'charlie') < 0) continue;
      await forget(api, network.node('charlie'), job.number, classification('nld', 999_000));
      await upgradeDuring(view);
    }
    assert.ok(upgradedIn, `in ${ATTEMPTS} jobs charlie never withheld its reveal`);
    api = await network.node('alice').reconnectApi();
    // Of blocks before, the new connection knows no runtime APIs.
    await waitForFinalized(api, upgradedIn.number + 1);
    disputed = await waitForEnd(api, job.number);
    await waitUntilNoneOpen(api);
  });
  after(() => network.stop());

  /** Registers a made-up model, whose file is put into the first validator's folder: the others fetch it. */
  async function registerModel() {
    const [file, manifest] = ['tiny.gguf', 'manifest.json'].map((name) => join(scratch('author'), name));
    writeTinyModel(file);
    await runBinary('models', 'manifest', file, '--name', OWN_MODEL, '--output', manifest);
    const url = `ws://${network.node('alice').rpcAddress}`;
    await runBinary('models', 'register', manifest, '--suri', '//Eve//writes', '--yes', '--url', url);
    await runBinary('models', 'add', file, '--models-path', modelsOf('alice'));
    await waitUntilServedBy(sibyl, VALIDATORS, OWN_MODEL, TO_SERVE);
  }

  async function createFeed() {
    const { total } = await sibyl.quote(OWN_MODEL, QUESTION, { format: { choice: CHOICES } });
    const options = { ...OPTIONS, format: { Choice: CHOICES } };
    const model = await modelId(api, OWN_MODEL);
    const create = api.tx.feeds.createFeed(model, inputOf(QUESTION), options, INTERVAL, total, ROUNDS * total);
    const { events } = await submitAndFinalize(api, create, author);
    return events.find(api.events.feeds.FeedCreated.is).data.feed.toNumber();
  }

  /** The feed once its answer is of a block above this one. */
  async function feedAfter(height) {
    for await (const _ of sibyl.blocks({ signal: AbortSignal.timeout(TO_SERVE) })) {
      const now = await sibyl.feed(feed);
      if (now.latest !== null && now.latest.at > height) return now;
    }
    return assert.fail('the blocks have ended');
  }

  /** Upgrades when the second round of this job begins, with jobs in all other phases around. */
  async function upgradeDuring({ id }) {
    const revealing = await waitForJob(api, id, 'to wait for reveals', ({ phase }) => phase.isRevealing || phase.isEnded);
    // The deed was not quick enough: the next job is tried.
    if (!revealing.phase.isRevealing) return;
    const secondRound = revealing.deadline.unwrap().toNumber();
    const signed = await api.tx.sudo.sudo(api.tx.system.setCode(u8aToHex(code))).signAsync(accountNamed('alice'));

    await waitForBestBlock(api, 'the second round to come near', ({ number }) => number.toNumber() >= secondRound - HEAD_START);
    const ask = (signer, options) => sibyl.ask(MODEL, TEXT, { signer, ...options });
    [jobs.pending, jobs.revealing] = await Promise.all([ask(patient, { drawDelay: LONGEST_DELAY }), ask(asker)]);
    const dave = network.node('dave');
    await waitUntilCommitsAreSent(api, [dave], jobs.revealing.number);
    await dave.kill('SIGKILL');
    // A seat of it is waited for.
    jobs.committing = await ask(asker);
    const now = await waitForJob(api, id, 'to need a second round', (view) => view.phase.isPending || view.phase.isEnded);
    if (!now.phase.isPending) {
      await dave.start();
      return;
    }

    await signed.send();
    // Not by an event: polkadot.js may read those of this block while it takes the new metadata.
    await waitForBestBlock(api, 'the upgrade', async ({ hash, number }) => {
      const { specVersion } = await network.node('alice').rpc('state_getRuntimeVersion', hash.toHex());
      if (specVersion === oldVersion) return false;
      upgradedIn = { hash, number: number.toNumber() };
      return true;
    });
    // Not by polkadot.js, which takes the new metadata at this time.
    const jobThen = (number) => network.node('alice').rpc('inference_getJob', Number(number), upgradedIn.hash.toHex());
    atUpgrade = Object.fromEntries(await Promise.all(Object.entries({ ...jobs, disputed: { number: id } }).map(
      async ([name, { number }]) => [name, await jobThen(number)])));
    await dave.start();
    daveIsBack = (await api.rpc.chain.getHeader()).number.toNumber();
    await waitForBestBlock(api, 'blocks of the new runtime', ({ number }) => number.toNumber() > upgradedIn.number);
    jobs.asked = await ask(asker);
  }

  it('is upgraded while jobs are pending, committing, revealing and in a second round', () => {
    const { pending, committing, revealing, disputed: second } = atUpgrade;
    // The answer of the one that is revealing may be there: one of its seats has not revealed.
    assert.deepEqual([pending, committing, revealing].map(({ phase }) => phase), ['pending', 'committing', 'revealing']);
    assert.ok(second.phase !== 'ended' && second.committees.length > 0 && second.settlement === null, second.phase);
  });

  it('runs the new runtime on every node', async () => {
    const stored = await api.query.substrate.code();
    assert.equal(blake2AsHex(stored.toU8a(true)), blake2AsHex(code));
    const versions = await Promise.all(network.validators.map(version));
    for (const now of versions) {
      assert.ok(now.specVersion > oldVersion);
      assert.deepEqual(now, versions[0]);
    }
  });

  it('answers all of the jobs, to a client that was connected all the time', async (test) => {
    for (const [name, job] of Object.entries(jobs)) {
      const { answer } = await job.result();
      assert.equal(answer.label, LABEL, name);
      const { settledIn, submittedAt } = await settled(job);
      test.diagnostic(`${name}: asked in #${submittedAt}, settled in #${settledIn}; the upgrade was #${upgradedIn.number}`);
      assert.ok(settledIn > upgradedIn.number, name);
    }
    assert.ok(disputed.phase.asEnded.verdict.isAgreed && disputed.committees.length === 2);
  });

  it('proves an answer from before the upgrade after it', async () => {
    const { answer } = await jobs.revealing.verify();
    assert.equal(answer.label, LABEL);
  });

  it('lets a validator that was away reveal what it committed to under the old runtime', async (test) => {
    const view = await waitForEnd(api, jobs.revealing.number);
    const events = await eventsOfJob(api, view);
    const [{ data: { deadline } }] = eventsNamed(events, 'RevealingBegan');
    const { publicKey } = accountNamed('dave');
    const reveal = eventsNamed(events, 'Revealed').find(({ data }) => data.validator.eq(publicKey));
    // It needs two blocks: one to see, and one for its reveal to be in.
    const { vote } = atUpgrade.revealing.committees[0].seats[seatOf(view, 'dave')];
    const wasInTime = vote === 'committed' && daveIsBack + 2 < deadline.toNumber();
    const seen = `dave was back in #${daveIsBack}, the deadline was #${deadline}`;
    if (reveal === undefined) {
      assert.ok(!wasInTime, seen);
      test.skip(`this machine was too slow: ${seen}`);
    } else {
      assert.ok(reveal.block > upgradedIn.number, `it revealed in #${reveal.block}`);
    }
  });

  it('charges who withheld under the old runtime, under the new one, and nobody else', async () => {
    const charged = eventsNamed(await eventsOfJob(api, disputed), 'SeatCharged').map(({ data }) => data);
    assert.ok(charged.length > 0);
    for (const { validator, fault } of charged) {
      assert.ok(validator.eq(accountNamed('charlie').publicKey));
      assert.equal(fault.type, DEEDS.withhold);
    }
  });

  it('has lost no money: what was issued is what accounts have, and nothing is held for jobs', async () => {
    const { hash } = await waitUntilNoneOpen(api);
    const at = await api.at(hash);
    for (const requester of [asker, patient, disputer]) assert.equal(await fundsLost(api, hash, [], requester), 0n);
  });

  it('takes votes and finalises blocks afterwards', async (test) => {
    const next = upgradedIn.number + AFTERWARDS;
    const first = await api.rpc.chain.getBlockHash(upgradedIn.number + 1);
    const heights = (await ballotsIn(api, first)).map(({ atBlock }) => atBlock.toNumber());
    test.diagnostic(`the upgrade was #${upgradedIn.number}; the next block has ballots signed at ${heights.join(', ') || 'no height'}`);
    await Promise.all(network.validators.map(async (node) => waitForFinalized(await node.api(), next)));
  });

  it('goes on to ask a registered model by a feed, and the council still stops it', async () => {
    const { latest, owner, asked } = await feedAfter(upgradedIn.number + INTERVAL);
    assert.deepEqual(decodeAddress(owner), author.publicKey);
    assert.equal(latest.answer.type, 'choice');
    const id = await modelId(api, OWN_MODEL);
    await decide(api, api.tx.models.suspend(id));
    assert.equal((await sibyl.model(OWN_MODEL)).isActive, false);
    await decide(api, api.tx.models.resume(id));
    const resumed = (await api.rpc.chain.getHeader()).number.toNumber();
    const later = await feedAfter(resumed);
    assert.ok(later.asked > asked);
  });

  it('is asked by older programs in vain, with one line that says why', async () => {
    const url = `ws://${network.node('alice').rpcAddress}`;
    const { code: exit, stderr } = await command('ask', '--prompt', TEXT, '--model', MODEL, '--url', url, '--suri', '//Eve', '--yes');
    assert.notEqual(exit, 0);
    assert.match(stderr, /version \d+ of the runtime, and this program knows \d+: use the network's release/);
  });

  it('leaves no error in the log of any node', () => {
    for (const node of network.validators) {
      assert.deepEqual(node.troubles(), [], node.name);
    }
  });

  async function settled(job) {
    const view = await waitForEnd(api, job.number);
    return { settledIn: view.phase.asEnded.at.toNumber(), submittedAt: view.submittedAt.toNumber() };
  }
});

async function version(node) {
  const { specVersion, transactionVersion } = await node.rpc('state_getRuntimeVersion');
  return { specVersion, transactionVersion };
}

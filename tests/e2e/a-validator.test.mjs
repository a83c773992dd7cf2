import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { account, accountNamed, SIB } from '../lib/accounts.mjs';
import { sibyl } from '../lib/binary.mjs';
import { finalizedNumber, submitAndFinalize, waitForFinalized } from '../lib/chain.mjs';
import { ask, seatOf, voteOf, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { scratch } from '../lib/scratch.mjs';
import { MINUTES, SECONDS } from '../lib/wait.mjs';

const NAME = 'newcomer';
const EVERYBODY = [...VALIDATORS, NAME];
// Below the base path.
const KEY = 'chains/sibyl_local/network/secret_ed25519';
const BOND = 100_000n;
const SERVICE_BOND = 100n;
const FEES = 10n;
const TEXT = 'Quanto custa um bilhete de comboio para o Porto?';
// An election may just have been held: then it takes two eras of two minutes, and a busy machine longer.
const TO_BE_ELECTED = 8 * MINUTES;
const LOOK = 3 * SECONDS;
// What `drain` says first.
const OPEN_SEATS = /takes no new seats .*\n(a seat is|\d+ seats are) open/;
const DRAINS = 5;

describe('a fifth validator, run by the commands alone', () => {
  const network = new Network();
  const newcomer = accountNamed(NAME);
  const basePath = scratch(NAME);
  const secret = join(scratch('secrets'), 'newcomer');
  let api, node;

  before(async () => {
    writeFileSync(secret, '//Newcomer\n', { mode: 0o600 });
    await network.start();
    api = await network.api();
    const funds = (BOND + SERVICE_BOND + FEES) * SIB;
    await submitAndFinalize(api, api.tx.balances.transferKeepAlive(newcomer.address, funds), account('//Alice'));
  });
  after(() => network.stop());

  const url = () => `ws://${node.rpcAddress}`;
  const status = (...args) => sibyl('status', '--url', url(), ...args);
  const own = async () => JSON.parse((await status('--json')).stdout);
  const validator = (command, ...args) => sibyl('validator', command, '--url', url(), ...args);
  const signed = (command, ...args) => validator(command, '--suri-file', secret, '--yes', ...args);
  const logged = (line) => async () => line.test(node.log());
  const staked = async () => (await api.query.staking.ledger(newcomer.address)).unwrap().active.toBigInt();

  /** Runs something again and again until it is as it should be. */
  async function until(what, look, accept, timeout = 5 * MINUTES) {
    const deadline = Date.now() + timeout;
    let last;
    do {
      last = await look();
      if (accept(last)) return last;
      await sleep(LOOK);
    } while (Date.now() < deadline);
    throw new Error(`Waited in vain for ${what}, seen last: ${JSON.stringify(last)}`);
  }

  /** Leaves of the node's disk what a backup of one file brings back. */
  function loseAllBut(kept) {
    const [path, backup] = [join(basePath, kept), join(scratch('backup'), NAME)];
    copyFileSync(path, backup);
    rmSync(basePath, { recursive: true, maxRetries: 5 });
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(backup, path);
  }

  /** Asks question after question while something goes on; the jobs' ends. */
  async function askDuring(goesOn) {
    let isOver = false;
    const over = goesOn().finally(() => { isOver = true; });
    const jobs = [];
    while (!isOver) jobs.push(await ask(network, TEXT, account('//Ferdie')));
    const result = await over;
    return { result, views: await Promise.all(jobs.map((job) => waitForEnd(api, job))) };
  }

  /** Drains once a seat is open; what was open then may have ended before the command began, so it is tried again. */
  async function drainWithOpenSeats() {
    for (let tries = 1; ; tries += 1) {
      await until('the newcomer to have a seat', own, ({ validators: [{ service }] }) => service.openSeats > 0);
      const drained = await validator('drain');
      if (drained.code !== 0 || OPEN_SEATS.test(drained.stderr) || tries === DRAINS) return drained;
      const undone = await validator('drain', '--undo');
      assert.equal(undone.code, 0, undone.stderr);
    }
  }

  it('starts with a node key that others can\'t read, and is told what it lacks', async () => {
    const made = await sibyl('key', 'generate-node-key', '--base-path', basePath, '--chain', 'local');
    assert.equal(made.code, 0, made.stderr);
    assert.equal(statSync(join(basePath, KEY)).mode & 0o777, 0o600);
    node = await network.join(NAME, basePath, '--validator');

    const { code, stdout, stderr } = await status();
    assert.equal(code, 1);
    assert.match(stderr, /^Error: this node does not do a validator's work: .*sibyl-node validator setup/m);
    assert.match(stdout, /^node {8}version /m);
  });

  it('does nothing that was not agreed to', async () => {
    await until('the node to have caught up', own, ({ isSyncing, peers }) => !isSyncing && peers > 0);
    const { code, stderr } = await validator('setup', '--suri-file', secret, '--bond', `${BOND}`);
    assert.equal(code, 1);
    assert.match(stderr, /bond 100000 SIB/);
    assert.match(stderr, /stand for election/);
    assert.match(stderr, /^Error: nothing was done: /m);
    const short = await signed('setup', '--bond', '200000');
    assert.match(short.stderr, /^Error: .* has 100110 SIB free, and this takes 200100\.101 SIB, of which 0\.101 SIB stay free, for fees: /m);
    const lowServiceBond = await signed('setup', '--service-bond', '49.9');
    assert.match(lowServiceBond.stderr, /^Error: who has less service bond than 50 SIB serves no model: give --service-bond 50 or/m);
    assert.ok((await api.query.staking.bonded(newcomer.address)).isNone);
  });

  it('is set up by one command, which says when it is elected, and does nothing twice', async () => {
    const { code, stdout, stderr } = await signed('setup', '--bond', `${BOND}`, '--service-bond', `${SERVICE_BOND}`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /session \d+, which begins in about \d+/);
    assert.equal(await staked(), BOND * SIB);
    const candidates = await api.query.staking.validators.keys();
    assert.ok(candidates.some(({ args: [candidate] }) => candidate.eq(newcomer.publicKey)));
    const { validators: [{ setKeys, service }] } = await own();
    assert.deepEqual(setKeys.missing, []);
    assert.equal(BigInt(service.bond), SERVICE_BOND * SIB);

    const again = await signed('setup');
    assert.equal(again.code, 0, again.stderr);
    assert.equal(again.stderr.match(/^already done: /gm).length, 4);
    assert.doesNotMatch(again.stderr, /sending/);
  });

  it('is elected, serves and is well, and says so', async () => {
    const { stdout } = await until('the newcomer to be well', status, ({ code }) => code === 0, TO_BE_ELECTED);
    assert.match(stdout, /^elected {5}in session \d+, one of 5/m);
    assert.match(stdout, /^keys {8}all here and in use$/m);
    assert.match(stdout, /^model {7}common-lingua: served/m);
    await waitUntilServedBy(await network.client(), EVERYBODY);
    await until('the log to tell it', logged(/🔑 Session \d+: elected, as /), Boolean);
  });

  it('is drawn and paid, and says so', async () => {
    const view = await waitForEnd(api, await ask(network, TEXT, account('//Ferdie')));
    assert.ok(view.phase.asEnded.verdict.isAgreed, `${view.phase}`);
    assert.ok(voteOf(view, NAME).isRevealed, `${voteOf(view, NAME)}`);
    const { stdout } = await status();
    assert.match(stdout, /^seats {7}[1-9]\d* drawn, [1-9]\d* committed, [1-9]\d* revealed, 0 missed/m);
    assert.match(stdout, /^earned {6}0\.\d+ SIB; charged 0 SIB$/m);
  });

  it('loses no seat while its keys are changed', async () => {
    const before = (await own()).validators[0].currentKeys.keys;
    const { result, views } = await askDuring(async () => {
      const rotated = await signed('rotate');
      const again = await signed('rotate');
      await until('the new keys to be in use', own, ({ validators: [{ currentKeys }] }) => currentKeys?.keys !== before);
      // Some of its seats are drawn with them.
      await sleep(10 * SECONDS);
      return { rotated, again };
    });
    assert.equal(result.rotated.code, 0, result.rotated.stderr);
    assert.match(result.rotated.stdout, /in use from session \d+ on/);
    assert.match(result.again.stdout, /^New keys are set already/);
    assert.doesNotMatch(result.again.stderr, /has made new keys/);
    for (const view of views) assert.ok(voteOf(view, NAME).isRevealed, `job ${view.id}: ${voteOf(view, NAME)}`);
    await until('the log to tell it', logged(/Session \d+: new session keys are in use/), Boolean);
  });

  it('has its staking rewards paid', async () => {
    const before = await staked();
    const { stdout } = await until('an era to be over', () => signed('payout'), ({ stdout }) => /was paid/.test(stdout));
    assert.match(stdout, /was paid (\d+\.)?\d+ SIB\.$/m);
    assert.ok(await staked() > before, 'rewards are added to what is staked');
  });

  it('loses no seat when it drains and is stopped, and serves again when it is started', async () => {
    const { result, views } = await askDuring(async () => {
      const drained = await drainWithOpenSeats();
      await node.stop();
      return drained;
    });
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, OPEN_SEATS, 'a seat was open when it began');
    assert.match(result.stdout, /^No seat is open: stop the node now\./);
    assert.match(node.log(), /Stopping, since SIGTERM/);
    assert.doesNotMatch(node.log(), /Essential task/);
    // Of all five that served when it was asked, four are too few to be all: such a job ends without a committee.
    const drawn = views.filter(({ committees }) => committees.length > 0);
    const seated = drawn.filter((view) => seatOf(view, NAME) >= 0);
    assert.ok(seated.length > 0, 'it had a seat');
    for (const view of seated) {
      assert.ok(voteOf(view, NAME).isRevealed, `job ${view.id}: ${voteOf(view, NAME)}`);
    }
    const without = await waitForEnd(api, await ask(network, TEXT, account('//Ferdie')));
    assert.equal(seatOf(without, NAME), -1, 'it gets no seat while it is stopped');
    await node.start();
    await waitUntilServedBy(await network.client(), EVERYBODY);
  });

  it('takes seats again when it is told to drain and then not to', async () => {
    const draining = validator('drain');
    await until('the node to drain', own, ({ isDraining }) => isDraining);
    await draining;
    assert.match((await status()).stderr, /it drains, and takes no new seats/);
    assert.equal((await validator('drain', '--undo')).code, 0);
    await waitUntilServedBy(await network.client(), EVERYBODY);
  });

  it('is restored after a lost disk by its node key and one command, and is drawn and paid again', async () => {
    const peer = await node.rpc('system_localPeerId');
    const { service: { record: { earned } } } = (await own()).validators[0];
    await node.kill('SIGKILL');
    loseAllBut(KEY);
    await node.start();
    assert.equal(await node.rpc('system_localPeerId'), peer);
    await until('the node to have caught up', own, ({ isSyncing, peers }) => !isSyncing && peers > 0);
    // What comes before the first block after that, the pool takes for older than the chain.
    await waitForFinalized(await node.api(), await finalizedNumber(api) + 1);
    assert.match((await status()).stderr, /no account has set this node's session keys \('sibyl-node validator setup'\)/);
    const { code, stderr } = await signed('setup');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^already done: [^]*has made new keys/m);
    await until('the keys to be told', status, ({ stderr: said }) => /its keystore lacks keys of this session/.test(said));
    await until('the newcomer to be well', status, ({ code: ends }) => ends === 0);
    await waitUntilServedBy(await network.client(), EVERYBODY);
    const view = await waitForEnd(api, await ask(network, TEXT, account('//Ferdie')));
    assert.ok(voteOf(view, NAME).isRevealed, `${voteOf(view, NAME)}`);
    await until('it to be paid', own, ({ validators: [{ service }] }) => BigInt(service.record.earned) > BigInt(earned));
  });

  it('leaves, and is told how long to stay and when its tokens are free', async () => {
    const { code, stdout, stderr } = await signed('leave');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /keep the node running until session \d+/);
    assert.match(stdout, /SIB are free in era \d+, in about \d+/);
    assert.equal(await staked(), 0n);
    const again = await signed('leave');
    assert.equal(again.code, 0, again.stderr);
    assert.doesNotMatch(again.stderr, /sending/);
    const { validators: [{ isCandidate, service }] } = await own();
    assert.equal(isCandidate, false);
    assert.match(stdout, /SIB cover its seats until then/);
    assert.notEqual(BigInt(service.bond), 0n, 'who is drawn keeps what covers its seats');
  });
});

// Machines that are not as they should be: a clock, a disk, files; and a validator that moves to another.
import assert from 'node:assert/strict';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';

import { account } from '../lib/accounts.mjs';
import { sibyl } from '../lib/binary.mjs';
import { blocksPass, fault } from '../lib/faults.mjs';
import { ask, voteOf, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { Clock, damage, damageAll, Disk, lacksMounts } from '../lib/machine.mjs';
import { isInstalled, MODELS_PATH, OwnModels } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { secondsToCatchUp } from '../lib/outcome.mjs';
import { scratch } from '../lib/scratch.mjs';
import { sessionAt, waitForSession } from '../lib/sessions.mjs';
import { MINUTES } from '../lib/wait.mjs';

const MODEL = 'minilm';
const QUESTION = 'Which way to the station?';
// Mebibytes: the disk, what is left of it when it is full, and what the node wants to be left.
const [DISK, NEARLY_NOTHING, THRESHOLD] = [400, 1, 64];
const LEAST = ['--db-storage-threshold', `${THRESHOLD}`];
const SKEWS = [2, -2, 60, -60];
const BLOCKS = 8;
const CHAIN = 'chains/sibyl_local';
const ROUTINE = /^.*(?:clock|Timestamp|future|banned).*$/gim;

const skipClock = Clock.isLacking();
const skipDisk = lacksMounts();
const skipModel = isInstalled(MODEL) ? false : `${MODEL} is not installed: make models`;

describe('a network of four validators on machines that fail', () => {
  const clock = new Clock('dave');
  const disk = new Disk('bob', DISK);
  const own = new OwnModels(MODEL, 'charlie');
  const optionsOf = (name) => ({
    ...(name === 'bob' && !skipDisk && { storage: ['--base-path', disk.folder] }),
    place: {
      env: name === 'dave' && !skipClock ? clock.env : {},
      args: [
        '--models', `common-lingua,${MODEL}`,
        '--models-path', name === 'charlie' ? own.folder : MODELS_PATH,
      ],
    },
  });
  const network = new Network({}, { optionsOf });

  before(async () => {
    if (!skipDisk) disk.mount();
    // A copy, which the test may damage.
    if (!skipModel) own.copy();
    await network.start({ bob: skipDisk ? [] : LEAST });
    await waitUntilServedBy(await network.client(), VALIDATORS);
  });
  after(async () => {
    await network.stop();
    disk.unmount();
  });

  const lastLines = (text, count) => text.trimEnd().split('\n').slice(-count).join(' / ');

  for (const skew of SKEWS) {
    fault(network, `the clock of a node ${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead'} for ${BLOCKS} blocks`, async ({ catchUp, note }) => {
      const dave = network.node('dave');
      const logged = dave.log().length;
      clock.set(skew);
      try {
        await blocksPass(await network.api(), BLOCKS);
      } finally {
        await catchUp(async () => clock.set(0));
      }
      const said = dave.log().slice(logged);
      assert.doesNotMatch(said, /Verification failed/, 'a block from the future of a wrong clock waits: who sent one that is refused is banned');
      const [line] = said.match(ROUTINE) ?? [];
      if (line) note(`its log: ${line.trim()}`);
      await waitUntilServedBy(await network.client(), VALIDATORS, undefined, 10 * MINUTES);
    }, { skip: skipClock });
  }

  /** Fills bob's disk, so that its node ends; and gives it room again. */
  function fullDisk(name, left, args) {
    fault(network, name, async ({ catchUp, note }) => {
      const bob = network.node('bob');
      await bob.kill('SIGTERM');
      await bob.start(...args);
      const logged = bob.log().length;
      disk.fill(left);
      const { code, signal } = await bob.ended(5 * MINUTES);
      note(`it ended with ${signal ?? `exit code ${code}`}; its log's end: ${lastLines(bob.log().slice(logged), 3)}`);
      disk.clear();
      await catchUp(() => bob.start(...LEAST));
      assert.notEqual(code, 0);
    }, { skip: skipDisk });
  }

  fullDisk(`a disk with less left than --db-storage-threshold (${THRESHOLD} MiB)`, THRESHOLD / 2, LEAST);
  fullDisk('a disk that is full to the last MiB, and nobody looks (--db-storage-threshold 0)', NEARLY_NOTHING, ['--db-storage-threshold', '0']);

  fault(network, 'a database whose tables are overwritten at their beginnings, then deleted and synced again', async ({ catchUp, note }) => {
    const charlie = network.node('charlie');
    await charlie.kill('SIGTERM');
    const folder = join(scratch('charlie'), CHAIN, 'paritydb');
    const count = damageAll(join(folder, 'full'), 'table_');
    const logged = charlie.log().length;
    let outcome = 'started and ran on';
    try {
      await charlie.start();
      const ending = charlie.ended(10 * MINUTES).then(({ code, signal }) => {
        outcome = `started and ended with ${signal ?? `exit code ${code}`}`;
      });
      await Promise.race([blocksPass(await network.api(), BLOCKS), ending]);
    } catch {
      const { code, signal } = await charlie.ended();
      outcome = `ended while starting, with ${signal ?? `exit code ${code}`}`;
    }
    note(`${count} files were damaged; it ${outcome}; its log's end: ${lastLines(charlie.log().slice(logged), 3)}`);
    if (charlie.pid !== undefined) await charlie.kill('SIGKILL');
    rmSync(folder, { recursive: true });
    await catchUp(() => charlie.start());
  });

  fault(network, 'a damaged file of a model on one node that is killed, then mended', async ({ catchUp, note }) => {
    const sibylClient = await network.client();
    const api = await network.api();
    const asked = async () => {
      const job = await ask(network, QUESTION, account('//Eve'), { model: MODEL });
      const view = await waitForEnd(api, job);
      assert.ok(view.phase.asEnded.verdict.isAgreed, `job ${job}: ${view.phase}`);
      const { answer } = await network.node('alice').rpc('inference_getResult', job);
      return { answer, vote: voteOf(view, 'charlie')?.type ?? 'no seat' };
    };
    await waitUntilServedBy(sibylClient, VALIDATORS, MODEL, 10 * MINUTES);
    const before = await asked();
    const charlie = network.node('charlie');
    const logged = charlie.log().length;
    own.files.forEach(damage);
    // The engine has read it: what is on the disk matters when it is read again.
    const during = await asked();
    await charlie.kill('SIGKILL');
    await catchUp(() => charlie.start());
    const others = VALIDATORS.filter((name) => name !== 'charlie');
    await waitUntilServedBy(sibylClient, others, MODEL, 10 * MINUTES);
    const without = await asked();
    const [line] = charlie.log().slice(logged).match(/^.*minilm.*not served.*$/gm) ?? [];
    own.copy();
    await waitUntilServedBy(sibylClient, VALIDATORS, MODEL, 10 * MINUTES);
    const mended = await asked();
    for (const { answer } of [during, without, mended]) assert.deepEqual(answer, before.answer);
    note(`its votes before, after the damage, after its restart, mended: ${[before, during, without, mended].map(({ vote }) => vote).join(', ')}`);
    note(`its log: ${line?.trim()}`);
  }, { skip: skipModel });

  fault(network, 'a validator moved to another machine by the guide: new keys there, two sessions beside each other', async ({ catchUp, note }) => {
    const secret = join(scratch('secrets'), 'dave');
    writeFileSync(secret, '//Dave\n', { mode: 0o600 });
    const api = await network.api();
    const moved = await network.add('moved', '--validator');
    await secondsToCatchUp(() => [network.node('alice'), moved]);
    const { code, stdout, stderr } = await sibyl('validator', 'setup', '--url', `ws://${moved.rpcAddress}`, '--suri-file', secret, '--yes');
    note(`setup: ${lastLines(stdout + stderr, 1)}`);
    assert.equal(code, 0, stderr);
    const session = await sessionAt(api, await api.rpc.chain.getFinalizedHead());
    await waitForSession(api, session + 2);
    await blocksPass(api, 2);
    await network.node('dave').stop();
    network.replace('dave', moved);
    await catchUp();
    await waitUntilServedBy(await network.client(), VALIDATORS, undefined, 5 * MINUTES);
  });

  fault(network, 'a validator moved with its keystore, the old node stopped first', async ({ catchUp }) => {
    const [from, to] = ['moved', 'moved-again'].map((name) => scratch(name));
    const old = network.node('dave');
    assert.equal(old.name, 'moved', 'the case before has to have succeeded');
    await old.kill('SIGTERM');
    cpSync(join(from, CHAIN, 'keystore'), join(to, CHAIN, 'keystore'), { recursive: true });
    await catchUp(async () => {
      const moved = await network.add('moved-again', '--validator');
      network.replace('dave', moved);
    });
    await waitUntilServedBy(await network.client(), VALIDATORS, undefined, 5 * MINUTES);
  });
});

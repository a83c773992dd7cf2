// `make demo` and `make network`, as the Makefile runs them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { binary } from '../lib/binary.mjs';
import { assertShows } from '../lib/forms.mjs';
import { VALIDATORS } from '../lib/network.mjs';
import { descendantsOf, runs } from '../lib/processes.mjs';
import { scratch } from '../lib/scratch.mjs';
import { outputOf, REPOSITORY, shapeOf } from '../lib/snippets.mjs';
import { MINUTES, SECONDS } from '../lib/wait.mjs';

const FOLDER = join(REPOSITORY, 'tests');
const SHOWN = outputOf('README.md', 'demo: starting four validators');
const RESULT = /^RESULT (.*)$/m;
const LOOK = SECONDS / 2;

/** A program of `tests`, as a process with what it has printed. */
class Program {
  printed = '';
  #child;
  #ended;

  /** @param {string} file */
  constructor(file) {
    // The one model that is compiled in is enough, and others would be measured meanwhile. That they lack is no test's loss.
    const own = { SIBYL_NODE: binary(), SIBYL_MODELS: scratch('no-models'), SIBYL_REQUIRE_MODELS: '', MODEL: '', ASK: '', TEXT: '' };
    const env = { ...process.env, ...own };
    this.#child = spawn(process.execPath, [file], { cwd: FOLDER, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on('data', (data) => { this.printed += data; });
    this.#ended = once(this.#child, 'close');
    process.once('exit', () => this.#child.kill('SIGTERM'));
  }

  get pid() {
    return this.#child.pid;
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#child.kill(signal);
  }

  /** Its exit code, when it has ended. */
  async ended() {
    const [code] = await this.#ended;
    return code;
  }

  /** @param {RegExp} pattern */
  untilItSays(pattern) {
    const hasEnded = () => this.#child.exitCode !== null || this.#child.signalCode !== null;
    return until(`${pattern}`, () => {
      assert.ok(pattern.test(this.printed) || !hasEnded(), `it ended without ${pattern}:\n${this.printed}`);
      return pattern.test(this.printed);
    });
  }
}

describe('what a newcomer runs', () => {
  const programs = [];
  const start = (file) => {
    const program = new Program(file);
    programs.push(program);
    return program;
  };
  after(() => programs.forEach((program) => program.kill('SIGTERM')));

  it('is a demo that ends well, and prints what README.md shows', async () => {
    const demo = start('demo.mjs');
    const code = await demo.ended();
    assert.equal(code, 0, demo.printed);
    assertShows(SHOWN.replace(RESULT, ''), demo.printed);
    const [shown, told] = [SHOWN, demo.printed].map((text) => JSON.parse(RESULT.exec(text)[1]));
    assert.deepEqual(shapeOf(told), shapeOf(shown));
    assert.deepEqual(told.answers, shown.answers);
    assert.equal(told.agreed, shown.agreed);
  });

  it('is a network that makes blocks and answers, until Ctrl-C ends all of it', async () => {
    const network = start('network.mjs');
    await network.untilItSays(/Ctrl-C ends it/);
    const urls = VALIDATORS.map((name) => new RegExp(`^network:   ${name}: (http://\\S+) and ws://`, 'm').exec(network.printed)?.[1]);
    assert.ok(urls.every((url) => url !== undefined), network.printed);
    await Promise.all(urls.map((url) => until(`a block at ${url}`, async () => await heightAt(url) > 0)));
    await network.untilItSays(/all four serve the model common-lingua, 0x[0-9a-f]{64}/);

    const own = descendantsOf(network.pid);
    assert.ok(own.length >= VALIDATORS.length, `${own}`);
    network.kill('SIGINT');
    assert.equal(await network.ended(), 0, network.printed);
    await until('all that it started to be gone', () => !own.some(runs));
  });
});

async function heightAt(url) {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'chain_getHeader', params: [] });
  const { result } = await (await fetch(url, { method: 'POST', headers, body })).json();
  return Number(result.number);
}

async function until(what, isSo) {
  const deadline = Date.now() + 5 * MINUTES;
  while (!await isSo()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}`);
    await sleep(LOOK);
  }
}

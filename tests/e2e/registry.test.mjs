import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { decodeAddress } from '@polkadot/util-crypto';

import { account } from '../lib/accounts.mjs';
import { sibyl } from '../lib/binary.mjs';
import { balanceAt, submitAndFinalize } from '../lib/chain.mjs';
import { decide } from '../lib/council.mjs';
import { inputOf, modelId, OPTIONS, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { scratch } from '../lib/scratch.mjs';
import { writeTinyModel } from '../lib/tiny-model.mjs';
import { MINUTES } from '../lib/wait.mjs';

const NAME = 'tiny';
const SHARE = 20n;
const QUESTION = 'Is the sky blue?';
const TO_SERVE = 10 * MINUTES;
/** What an operator says once, so that models come by themselves. */
const FETCHING = ['--fetch-models', 'max-size=1GB,min-base=0.001'];
const INTERVAL = 10;

describe('a model that somebody registers', () => {
  const network = new Network();
  const folder = scratch('author');
  const file = join(folder, 'tiny.gguf');
  const manifest = join(folder, 'manifest.json');
  const modelsOf = (name) => scratch(`models-${name}`);
  const eve = account('//Eve').address;
  let url;

  before(async () => {
    writeTinyModel(file);
    await network.start(Object.fromEntries(VALIDATORS.map((name) => [name, ['--models-path', modelsOf(name), ...FETCHING]])));
    url = `ws://${network.node('alice').rpcAddress}`;
  });
  after(() => network.stop());

  /** As an author at no terminal, who agrees beforehand. */
  const author = (...args) => sibyl('models', ...args, '--suri', '//Eve', '--yes', '--url', url);
  const ask = () => sibyl('ask', QUESTION, '--choices', 'yes,no', '--model', NAME, '--suri', '//Ferdie', '--yes', '--url', url);
  const listed = async () => JSON.parse((await sibyl('models', 'list', '--url', url, '--json')).stdout).find(({ name }) => name === NAME);

  /** A command that fails, and says why in one line. */
  async function assertRefused(running, why) {
    const { code, stderr } = await running;
    assert.notEqual(code, 0);
    assert.match(stderr.trimEnd().split('\n').at(-1), why);
  }

  /** The manifest with something else in it. */
  function changed(name, change) {
    const value = JSON.parse(readFileSync(manifest, 'utf8'));
    change(value);
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  }

  it('gets a manifest from its file, whose id is the same whoever makes it', async () => {
    const make = (output) => sibyl('models', 'manifest', file, '--name', NAME, '--author-share', `${SHARE}`, '--output', output);
    const { code, stderr } = await make(manifest);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /architecture llama, which generates text; licence CC0-1\.0$/m);
    assert.match(stderr, /^ {2}goldens +4, /m);
    assert.match(stderr, /^ {2}chain +takes it, for a deposit of \d+(\.\d+)? SIB/m);
    const { revision, price } = JSON.parse(readFileSync(manifest, 'utf8'));
    assert.deepEqual(revision.limits, { inputBytes: 2048, contextUnits: 512, outputUnits: 256 });
    assert.equal(price.authorShare, Number(SHARE));
    const [{ name, sha256, chunkRoot }] = revision.files;
    // It is smaller than a chunk.
    assert.deepEqual([name, chunkRoot], ['tiny.gguf', sha256]);
    const again = join(folder, 'again.json');
    await make(again);
    assert.equal(readFileSync(again, 'utf8'), readFileSync(manifest, 'utf8'));
  });

  it('gets none under a name that the chain does not take, nor from what is no model', async () => {
    const make = (path, ...args) => sibyl('models', 'manifest', path, ...args);
    await assertRefused(make(file, '--name', 'Tiny Model'), /the chain would refuse it: models\.NameInvalid: /);
    await assertRefused(make(file, '--name', NAME, '--commit-window', '21'), /models\.WindowTooLong: /);
    await assertRefused(make(file, '--name', NAME, '--golden', 'x'.repeat(257)), /--golden can't be used: .*256 bytes/);
    const other = join(folder, 'other.gguf');
    writeFileSync(other, 'no model');
    await assertRefused(make(other, '--name', NAME, '--licence', 'MIT'), /other\.gguf can't be registered \(.*GGUF/);
  });

  it('is refused where it can\'t be registered, before anything is signed', async () => {
    const other = join(folder, 'other.json');
    writeFileSync(other, 'no JSON');
    await assertRefused(author('register', other), /other\.json holds no manifest \(.*'sibyl-node models manifest' makes one/);
    const taken = changed('taken.json', ({ revision }) => { revision.name = 'common-lingua'; });
    await assertRefused(author('register', taken), /models\.NameTaken: /);
    const greedy = changed('greedy.json', ({ price }) => { price.authorShare = 21; });
    await assertRefused(author('register', greedy), /models\.PriceInvalid: /);
    const poor = ['models', 'register', manifest, '--suri', '//Poor', '--yes', '--url', url];
    await assertRefused(sibyl(...poor), /has 0 SIB free, and this takes 10\d\.\d+ SIB, .*: send it /);
    await assertRefused(sibyl('models', 'register', manifest, '--suri', '//Eve', '--url', url), /give --yes beforehand/);
  });

  it('is registered for a deposit, and waits for validators', async () => {
    const { code, stdout, stderr } = await author('register', manifest);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^tiny is registered as 0x[0-9a-f]{64}\.$/m);
    assert.match(stderr, /hold a deposit of 10\d\.\d+ SIB/);
    const held = (await (await network.api()).query.system.account(eve)).data.reserved.toBigInt();
    assert(held > 100n * 10n ** 12n, `${held}`);
    const { stdout: table } = await sibyl('models', 'list', '--url', url);
    const [, shown] = /^tiny +generate .* 20 % +0 % +waits for validators +(\w+)$/m.exec(table) ?? assert.fail(table);
    assert.deepEqual(decodeAddress(shown), decodeAddress(eve));
    await assertRefused(ask(), /validators with .* of the stake serve the model/);
    await assertRefused(author('register', manifest), /models\.AlreadyRegistered: /);
  });

  it('takes jobs when one validator has been given its file, and the others have fetched it from there', async () => {
    const [first, ...others] = VALIDATORS;
    const { code, stderr } = await sibyl('models', 'add', file, '--models-path', modelsOf(first));
    assert.equal(code, 0, stderr);
    await waitUntilServedBy(await network.client(), VALIDATORS, NAME, TO_SERVE);
    const { isActive, stakeShare } = await listed();
    assert.deepEqual({ isActive, stakeShare }, { isActive: true, stakeShare: 100 });
    for (const name of others) assert.match(network.node(name).log(), /📦 Model tiny: /);
  });

  it('answers, and its author gets the share', async () => {
    const api = await network.api();
    const before = await balanceAt(api, await api.rpc.chain.getFinalizedHead(), eve);
    const { code, stdout, stderr } = await ask();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^(yes|no) \(yes \d+\.\d %, no \d+\.\d %\)\n$/);
    const view = await waitForEnd(api, Number(/^job (\d+) /m.exec(stderr)[1]));
    const { paid, authorShare } = view.settlement.unwrap();
    assert(paid.toBigInt() > 0n);
    assert.equal(authorShare.toBigInt(), paid.toBigInt() * SHARE / 100n);
    assert.equal(await balanceAt(api, await api.rpc.chain.getFinalizedHead(), eve) - before, authorShare.toBigInt());
  });

  it('says how likely it finds each token of a text, all alike, and what is proven says the same', async () => {
    const { code, stdout, stderr } = await sibyl('ask', QUESTION, '--scores', '--max-tokens', '12', '--model', NAME, '--suri', '//Ferdie', '--yes', '--url', url);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\(".*" \d+\.\d %(, ".*" \d+\.\d %)*\)\n$/s);
    const number = Number(/^job (\d+) /m.exec(stderr)[1]);
    const results = await Promise.all(VALIDATORS.map((name) => network.node(name).rpc('inference_getResult', number)));
    const [{ answer: { scoredText } }] = results;
    assert.equal(scoredText.tokens.length, 12);
    assert(scoredText.tokens.every(({ score }) => score > 0 && score <= 1e6), JSON.stringify(scoredText));
    for (const { answer } of results) assert.deepEqual(answer, { scoredText });
    const job = await (await network.client()).job(number);
    const { answer } = await job.verify();
    assert.deepEqual(answer, { type: 'scoredText', ...scoredText });
  });

  it('costs what its author says from the next job on, and nobody else may say so', async () => {
    const price = ['models', 'price', NAME, '--base', '0.002', '--url', url, '--yes'];
    await assertRefused(sibyl(...price, '--suri', '//Ferdie'), /is not the author of tiny/);
    const { id } = await listed();
    const perSeat = async () => BigInt((await network.node('alice').rpc('inference_quote', id, 'all', 10, 5)).perSeat);
    const before = await perSeat();
    const { code, stdout, stderr } = await sibyl(...price, '--suri', '//Eve');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Jobs of tiny cost that from now on/);
    assert.equal(await perSeat() - before, 10n ** 9n);
    await assertRefused(sibyl(...price, '--suri', '//Eve'), /tiny costs that already/);
  });

  it('is asked by a feed every ten blocks', async () => {
    const [api, client] = await Promise.all([network.api(), network.client()]);
    const options = { ...OPTIONS, format: { Choice: ['yes', 'no'] } };
    const { total } = await client.quote(NAME, QUESTION, { format: { choice: ['yes', 'no'] } });
    const create = api.tx.feeds.createFeed(await modelId(api, NAME), inputOf(QUESTION), options, INTERVAL, total, 10n * total);
    const { events } = await submitAndFinalize(api, create, account('//Ferdie'));
    const id = events.find(api.events.feeds.FeedCreated.is).data.feed.toNumber();
    const heights = new Set();
    for await (const _ of client.blocks({ signal: AbortSignal.timeout(TO_SERVE) })) {
      const { latest } = await client.feed(id);
      if (latest !== null) heights.add(latest.at);
      if (heights.size === 3) break;
    }
    const [one, two, three] = heights;
    assert.deepEqual([two - one, three - two].map((blocks) => Math.round(blocks / INTERVAL)), [1, 1]);
  });

  it('takes no jobs while the council has suspended it', async () => {
    const api = await network.api();
    const id = await modelId(api, NAME);
    await decide(api, api.tx.models.suspend(id));
    await assertRefused(ask(), /takes no jobs for now/);
    await decide(api, api.tx.models.resume(id));
    assert.equal((await listed()).isActive, true);
  });

  it('takes no jobs when its author has taken it back, and keeps the deposit while the chain knows its jobs', async () => {
    const { code, stdout, stderr } = await author('retire', NAME);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^tiny takes no more jobs\. When the chain has forgotten the \d+ that it knows, .* come back by themselves\.$/m);
    await assertRefused(ask(), /its author has retired it/);
    await assertRefused(author('retire', NAME), /models\.ModelRetired: /);
    assert.equal((await listed()).state, 'retired');
  });
});

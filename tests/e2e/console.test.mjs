import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { chainFacts, connect, verifyReceipt } from '@sibyl/client';

import { serve } from '../../clients/console/serve.mjs';
import { account } from '../lib/accounts.mjs';
import { runBinary } from '../lib/binary.mjs';
import { chromium, Page, startBrowser } from '../lib/browser.mjs';
import { MODEL, waitUntilServedBy } from '../lib/inference.mjs';
import { liar } from '../lib/liar.mjs';
import { MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { devNode } from '../lib/node.mjs';
import { freePorts } from '../lib/ports.mjs';
import { scratch } from '../lib/scratch.mjs';
import { MINUTES } from '../lib/wait.mjs';

const LANGUAGE_MODEL = 'smollm2';
const GERMAN = 'Wo ist hier bitte der nächste Bahnhof?';
const TAGS = '<img src=x onerror="document.title=1"> ist das ein Bild?';
const NARROW = 360;
/** What WCAG asks of texts, AA. */
const CONTRAST = 4.5;
// SIBYL_CONSOLE_SHOTS names a folder in which pictures for docs/console.md are put.
const SHOTS = process.env.SIBYL_CONSOLE_SHOTS;

const browserIsThere = chromium() !== undefined;
const NEEDS_BROWSER = { skip: browserIsThere ? false : 'there is no chromium on PATH: apt-get install chromium' };
const GENERATES = {
  skip: NEEDS_BROWSER.skip || whyUnserved(LANGUAGE_MODEL),
};

const hexOf = (text) => Buffer.from(text).toString('hex');

async function shoot({ page }, name) {
  if (SHOTS === undefined) return;
  await page.evaluate(() => scrollTo(0, 0));
  const { width, height } = await page.$eval('#feeds', (feeds) => ({ width: innerWidth, height: feeds.getBoundingClientRect().bottom + 8 }));
  await page.screenshot({ path: join(SHOTS, `${name}.png`), clip: { x: 0, y: 0, width, height } });
}

async function connectTo(page, url) {
  await page.put('#url', url);
  await page.press('#connect');
  await page.until('#state', /^Connected to/);
  await page.until('#best', /^#\d+/);
}

/** Asks what stands in the form, and waits until the job is in a block. */
async function ask(page) {
  await page.press('#quote');
  await page.press('#send');
  await page.until('#price', /^Job \d+ is in a block/);
}

const settled = (page) => page.until('#job-phase', /That is final/, 5 * MINUTES);

describe('the console', NEEDS_BROWSER, () => {
  const network = new Network();
  let server;
  let browser;
  /** @type {Page} */
  let page;
  let url;
  let spec;
  let bootNodes;

  before(async () => {
    const ports = await freePorts(VALIDATORS.length);
    const forBrowsers = VALIDATORS.map((name, at) => [name, ['--listen-addr', `/ip4/127.0.0.1/tcp/${ports[at]}/ws`]]);
    await network.start(Object.fromEntries(forBrowsers));
    await waitUntilServedBy(await network.client(), VALIDATORS);
    url = `ws://${network.node('alice').rpcAddress}`;
    const ids = await Promise.all(network.validators.map((node) => node.rpc('system_localPeerId')));
    bootNodes = ids.map((id, at) => `/ip4/127.0.0.1/tcp/${ports[at]}/ws/p2p/${id}`);
    spec = join(scratch('console'), 'local.raw.json');
    writeFileSync(spec, await runBinary('export-chain-spec', '--chain', 'local', '--raw'));
    server = await serve();
    browser = await startBrowser();
    page = await Page.open(browser, server.url);
  });
  after(async () => {
    await browser?.close();
    server?.stop();
    await network.stop();
  });

  it('says in words why it can’t connect, and what to do', async () => {
    await page.put('#url', 'ws://127.0.0.1:1');
    await page.press('#connect');
    const trouble = await page.until('#connect-trouble', /\w/);
    assert.match(trouble, /^No node answers at ws:\/\/127\.0\.0\.1:1.*Check the address/);
    await page.put('#url', 'http://x');
    await page.press('#connect');
    await page.until('#connect-trouble', /begins with ws:\/\//);
  });

  it('shows the chain, its blocks, models and validators', async () => {
    await connectTo(page, url);
    assert.match(await page.text('#final'), /^#\d+ \(\d+ behind\)$/);
    assert.match(await page.until('#model-list', new RegExp(MODEL)), /4 validators serve it/);
    await page.until('#validator-table', /Drawn/);
    assert.equal((await page.page.$$('#validator-table tbody tr')).length, VALIDATORS.length);
  });

  it('asks, fills the committee and answers, by the keyboard alone', async () => {
    const phases = await page.record('#job-phase');
    await page.page.focus('.skip');
    await page.tabTo('text');
    await page.page.keyboard.type(GERMAN);
    await page.tabTo('quote');
    await page.page.keyboard.press('Enter');
    await page.until('#price', /^It costs at most [\d.]+ SIB: 4 seats/);
    await page.tabTo('send');
    await page.page.keyboard.press('Enter');
    await page.until('#price', /^Job \d+ is in a block/);
    assert.equal(await page.page.evaluate(() => document.activeElement.id), 'job');
    await settled(page);
    const seen = (await phases()).join(' ');
    for (const phase of [/draws its committee/, /have committed/, /agree/, /That is final/]) assert.match(seen, phase);
    const answer = await page.until('#job-answer', /deu/);
    assert.match(answer, /4 of 4 seats of the first committee said so/);
    const votes = await page.page.$$eval('#job-committees [data-vote]', (cells) => cells.map(({ textContent }) => textContent));
    assert.deepEqual(votes, VALIDATORS.map(() => '● revealed'));
    const blocks = await page.page.$$eval('#job-committees td', (cells) => cells.map(({ textContent }) => textContent).filter((text) => /^#\d+$/.test(text)));
    assert.equal(blocks.length, 2 * VALIDATORS.length);
  });

  it('says in words which specification a light client can’t start from', async () => {
    await page.press('#verify');
    await page.press('#spec-start');
    await page.until('#spec-trouble', /There is no specification/);
    await page.put('#spec-text', '{"genesis":{"runtimeGenesis":{}}}');
    await page.press('#spec-start');
    await page.until('#spec-trouble', /not the raw form.*--raw/);
    await page.put('#spec-text', '{"genesis":{"raw":{}},"bootNodes":["/ip4/127.0.0.1/tcp/1/p2p/12D3KooW"]}');
    await page.press('#spec-start');
    await page.until('#spec-trouble', /reaches none of the boot nodes.*--listen-addr/);
    await page.put('#spec-text', '');
    await page.put('#spec-url', 'http://127.0.0.1:1/spec.json');
    await page.press('#spec-start');
    await page.until('#spec-trouble', /Nothing could be read/);
    await page.page.keyboard.press('Escape');
    assert.equal(await page.page.$eval('dialog', ({ open }) => open), false);
    await page.put('#spec-url', '');
  });

  it('verifies the answer by a light client in the page', async () => {
    await page.press('#verify');
    const file = await page.page.$('#spec-file');
    await file.uploadFile(spec);
    await page.put('#spec-nodes', bootNodes.join('\n'));
    await page.press('#spec-start');
    const proof = await page.until('#job-proof', /Verified here/, 5 * MINUTES);
    assert.match(proof, /has checked that block #\d+ is final.*to your question/);
    assert.match(await page.text('#job-answer'), /deu/);
    assert.match(await page.text('#jobs'), /proven here from #\d+/);
  });

  it('saves a receipt, which shows the answer without any node', async () => {
    const [number] = (await page.text('#job-title')).match(/\d+/);
    await page.press('#save-receipt');
    await page.until('#receipt', new RegExp(`job-${number}\\.json is saved.*sibyl-node verify`));
    const file = await page.saved(`job-${number}.json`);
    const { answer, input, support } = verifyReceipt(readFileSync(file, 'utf8'), chainFacts(readFileSync(spec, 'utf8')));
    assert.deepEqual([answer.label, input.text, support.agreed], ['deu', GERMAN, VALIDATORS.length]);
    assert.match(await runBinary('verify', file), /run here +the same/);
  });

  it('is readable in light and in dark, and fits a narrow screen', async () => {
    const openAll = (open) => page.page.$$eval('main details', (all, isOpen) => all.forEach((details) => { details.open = isOpen; }), open);
    for (const scheme of ['light', 'dark']) {
      await page.look(scheme, 1000);
      await shoot(page, scheme);
      await openAll(true);
      const { ratio, text } = await page.contrast();
      assert(ratio >= CONTRAST, `“${text}” has a contrast of ${ratio} in ${scheme}`);
      assert.equal(await page.overflow(), 0);
      await openAll(false);
    }
    await page.look('light', NARROW, 740);
    await shoot(page, 'narrow');
    await openAll(true);
    for (const width of [1200, 965, 600, NARROW]) {
      await page.look('light', width);
      assert.equal(await page.overflow(), 0, `${width} pixels`);
    }
    const heights = await page.page.$$eval('caption, th, td, p, dd, li > button', (all) => all.map((each) => each.getBoundingClientRect().height));
    assert(Math.max(...heights) < 250, 'a text is folded into a column of letters');
    await openAll(false);
    await page.look('light', 1200);
  });

  it('has a name for each field and button', async () => {
    assert.deepEqual(await page.unnamed(), []);
  });

  it('shows tags of a text as the text that they are', async () => {
    await page.put('#text', TAGS);
    await ask(page);
    await page.until('#job-question', /ist das ein Bild/);
    await settled(page);
    assert.equal(await page.text('#job-question'), TAGS);
    assert.equal(await page.page.title(), 'Sibyl console');
    assert.equal((await page.page.$$('main img')).length, 0);
  });

  it('keeps one’s jobs over a reload, and finds them by their fingerprints', async () => {
    await page.page.reload();
    await connectTo(page, url);
    const jobs = await page.page.$$('#jobs li');
    assert.equal(jobs.length, 2);
    await page.page.$eval('#jobs li:last-child button', (button) => button.click());
    await page.until('#job-question', /Bahnhof/);
    await page.until('#job-answer', /deu/);
    assert.match(await page.text('#job-committees'), /earlier/);
  });

  it('says which field is to be corrected, and goes there', async () => {
    await page.put('#text', '');
    await page.press('#quote');
    await page.until('#ask-trouble', /Write something to ask/);
    assert.equal(await page.page.evaluate(() => document.activeElement.id), 'text');
    await page.put('#text', GERMAN);
    await page.put('#seats', '15');
    await page.press('#quote');
    await page.until('#ask-trouble', /only 4 validators serve.*Choose fewer seats/);
    await page.put('#seats', 'all');
  });

  it('says that there is no wallet', async () => {
    await page.press('#wallet');
    await page.until('#ask-trouble', /no wallet that this page can see.*Install one/);
  });

  it('has a wallet sign, and says that nothing was sent where it refuses', async () => {
    const wallet = () => {
      const accounts = [{ address: '5CiPPseXPECbkjWCa6MnjNokrgYjMqmKndv2rSnekmSK2DjL', name: 'Ferdie', type: 'sr25519' }];
      const signPayload = async (payload) => {
        if (window.refuses) throw new Error('Cancelled by the user');
        return { id: 1, signature: await window.signAsFerdie(payload) };
      };
      const enable = async () => ({
        accounts: { get: async () => accounts, subscribe: (told) => { told(accounts); return () => {}; } },
        signer: { signPayload, signRaw: signPayload },
      });
      window.injectedWeb3 = { test: { enable } };
      window.refuses = true;
    };
    const { registry } = await network.api();
    const signAsFerdie = (payload) =>
      registry.createType('ExtrinsicPayload', payload, { version: payload.version }).sign(account('//Ferdie')).signature;
    const other = await Page.open(browser, server.url, wallet, { signAsFerdie });
    await connectTo(other, url);
    await other.until('#model', new RegExp(MODEL));
    await other.press('#wallet');
    await other.until('#signer', /Ferdie \(test\)/);
    await other.put('#text', GERMAN);
    await other.press('#quote');
    await other.press('#send');
    await other.until('#ask-trouble', /Cancelled by the user.*Nothing was sent/);
    await other.page.evaluate(() => { window.refuses = false; });
    await ask(other);
    await other.until('#job-facts', new RegExp(`Asked by${(await network.api()).registry.createType('AccountId', account('//Ferdie').publicKey)}`));
    await other.page.close();
  });

  it('finds that a node told another answer than the chain has', async () => {
    // Not in proofs, and the light client has its own peers.
    const lies = await liar(url, (method, message) =>
      (method === 'chainHead_v1_followEvent' ? message.replaceAll(hexOf('deu'), hexOf('nld')) : message));
    const deceived = await Page.open(browser, server.url);
    try {
      await connectTo(deceived, lies.url);
      await deceived.until('#model', new RegExp(MODEL));
      await deceived.put('#text', `${GERMAN} Und der übernächste?`);
      await ask(deceived);
      await deceived.until('#job-answer', /nld/, 5 * MINUTES);
      await deceived.press('#verify');
      await (await deceived.page.$('#spec-file')).uploadFile(spec);
      await deceived.put('#spec-nodes', bootNodes.join('\n'));
      await deceived.press('#spec-start');
      await deceived.until('#job-trouble', /told another result than the chain’s state has\. Do not rely/, 5 * MINUTES);
    } finally {
      await deceived.page.close();
      lies.stop();
    }
  });

  it('says in words why there is no receipt, and saves it once there is one', async () => {
    let error = { code: -32601, message: 'Method not found' };
    const refusing = await liar(url, (method, message) => {
      if (method !== 'inference_getReceipt' || error === undefined) return message;
      return JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(message).id, error });
    });
    const refused = await Page.open(browser, server.url);
    try {
      await connectTo(refused, refusing.url);
      await refused.page.$eval('#jobs li:last-child button', (button) => button.click());
      await refused.press('#save-receipt');
      await refused.until('#receipt', /does not have the method\. Connect to another node/);
      error = { code: 10020, message: 'job 0 has not ended in a final block yet: ask again in some blocks' };
      await refused.press('#save-receipt');
      await refused.until('#receipt', /has not ended in a final block yet.*Wait a few blocks/);
      error = undefined;
      await refused.press('#save-receipt');
      await refused.until('#receipt', /is saved/);
    } finally {
      await refused.page.close();
      refusing.stop();
    }
  });

  it('works without any node, by a light client alone', async () => {
    const light = await Page.open(browser, server.url);
    await light.press('#connect-light');
    await (await light.page.$('#spec-file')).uploadFile(spec);
    await light.put('#spec-nodes', bootNodes.join('\n'));
    await light.press('#spec-start');
    await light.until('#state', /^Connected to/, 5 * MINUTES);
    assert.equal(await light.text('#source'), 'a light client here');
    await light.until('#model', new RegExp(MODEL));
    await light.put('#signer', 'dev:Bob');
    await light.put('#text', GERMAN);
    await ask(light);
    await light.until('#job-answer', /deu/, 5 * MINUTES);
    await light.until('#job-proof', /Verified here/);
    await light.press('#save-receipt');
    await light.until('#receipt', /nodes make them\. Connect to another node/);
    await light.page.close();
  });

  it('has asked nothing of anybody but its own server, and broken none of its rules', () => {
    assert.deepEqual(page.complaints, []);
    const others = page.requests.filter((address) => !address.startsWith(server.url) && !address.startsWith('ws') && address !== 'http://127.0.0.1:1/spec.json');
    assert.deepEqual(others, []);
  });
});

// One seat is enough to see what the form asks for.
describe('the console with a model that generates', GENERATES, () => {
  const node = devNode('--models-path', MODELS_PATH);
  let server;
  let browser;
  /** @type {Page} */
  let page;

  before(async () => {
    await node.start();
    await waitUntilServedBy(await node.client(), ['alice'], LANGUAGE_MODEL, 10 * MINUTES);
    server = await serve();
    browser = await startBrowser();
    page = await Page.open(browser, server.url);
    await connectTo(page, `ws://${node.rpcAddress}`);
    await page.until('#model', new RegExp(LANGUAGE_MODEL));
    await page.page.$eval('#model', (select, name) => {
      select.value = [...select.options].find(({ text }) => text === name).value;
      select.dispatchEvent(new Event('input', { bubbles: true }));
    }, LANGUAGE_MODEL);
  });
  after(async () => {
    await browser?.close();
    server?.stop();
    await node.stop();
  });

  const answer = async () => {
    await ask(page);
    await settled(page);
    await page.until('#job-answer', /1 of 1 seats/);
    return page.text('#job-answer .answer');
  };

  it('chooses one of some texts', async () => {
    await page.put('#text', 'Is the sky blue? Answer yes or no.');
    await page.put('#format', 'choice');
    await page.put('#choices', 'Yes\nNo');
    assert.match(await answer(), /^(Yes|No)$/);
    assert.equal((await page.page.$$('#job-answer meter')).length, 2);
  });

  it('counts, fills a schema, and follows a pattern', async () => {
    await page.put('#text', 'How many legs does a spider have? Answer by a number alone.');
    await page.put('#format', 'number');
    assert.match(await answer(), /^\d+$/);
    await page.put('#text', 'Name the capital of France as JSON.');
    await page.put('#format', 'json');
    assert.equal(typeof JSON.parse(await answer()).answer, 'string');
    await page.put('#text', 'In which year did the French revolution begin?');
    await page.put('#format', 'regex');
    await page.put('#pattern', '[12][0-9]{3}');
    assert.match(await answer(), /^[12]\d{3}$/);
  });

  it('goes on with a conversation', async () => {
    await page.put('#format', 'text');
    await page.page.$eval('[name=input-kind][value=messages]', (radio) => radio.click());
    const texts = ['My name is Ada. What is the capital of France?', 'The capital of France is Paris.', 'What is my name?'];
    for (const [at, text] of texts.entries()) {
      if (at > 0) await page.press('#add-message');
      await page.put(`#message-${at}`, text);
    }
    assert((await answer()).length > 0);
    const sibyl = await connect({ url: `ws://${node.rpcAddress}` });
    try {
      const [number] = (await page.text('#job-title')).match(/\d+/);
      const { input } = await (await sibyl.job(BigInt(number))).view();
      assert.deepEqual(input, { messages: texts.map((text, at) => ({ role: at === 1 ? 'assistant' : 'user', text })) });
    } finally {
      await sibyl.close();
    }
  });

  it('says in words what is wrong with a form of the answer', async () => {
    await page.put('#format', 'choice');
    await page.put('#choices', 'one');
    await page.press('#quote');
    await page.until('#ask-trouble', /at least two texts/);
  });
});

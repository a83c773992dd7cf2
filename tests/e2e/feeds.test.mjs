import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { decodeAddress } from '@polkadot/util-crypto';
import { SibylError } from '@sibyl/client';

import { serve } from '../../clients/console/serve.mjs';
import { account, SIB } from '../lib/accounts.mjs';
import { chromium, Page, startBrowser } from '../lib/browser.mjs';
import { balanceAt, eventsAt, submitAndFinalize, waitForFinalized } from '../lib/chain.mjs';
import { inputOf, MODEL, modelId, OPTIONS, waitUntilServedBy } from '../lib/inference.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { MINUTES } from '../lib/wait.mjs';

const GERMAN = 'Wo ist hier bitte der nächste Bahnhof?';
const INTERVAL = 5;
const LONG_INTERVAL = 1_000;
const FUNDS = SIB / 25n;
const UPDATES = 3;
const TIMEOUT = 10 * MINUTES;
const NEEDS_BROWSER = { skip: chromium() === undefined ? 'there is no chromium on PATH: apt-get install chromium' : false };

const sum = (amounts) => amounts.reduce((all, each) => all + each, 0n);

describe('feeds', () => {
  const network = new Network();
  const owner = account('//Ferdie');
  /** @type {import('@sibyl/client').Sibyl} */
  let sibyl;
  let api;
  let maxFee;
  let created;
  let id;
  let roundFee;

  const create = async (interval, funds, payer = owner) => {
    const call = api.tx.feeds.createFeed(await modelId(api), inputOf(GERMAN), OPTIONS, interval, maxFee, funds);
    const { blockHash, events } = await submitAndFinalize(api, call, payer);
    const { number } = await api.rpc.chain.getHeader(blockHash);
    return { id: events.find(api.events.feeds.FeedCreated.is).data.feed.toNumber(), number: number.toNumber() };
  };

  before(async () => {
    await network.start();
    sibyl = await network.client();
    api = await network.api();
    await waitUntilServedBy(sibyl, VALIDATORS);
    maxFee = (await sibyl.quote(MODEL, GERMAN)).total;
  });
  after(() => network.stop());

  it('are refused where their owner asks for what the chain does not take', async () => {
    await assert.rejects(create(INTERVAL - 1, FUNDS), /IntervalInvalid/);
    await assert.rejects(create(INTERVAL, maxFee - 1n), /FundsTooLow/);
  });

  it('answer again and again, each time with its block and its age', async () => {
    ({ id, number: created } = await create(INTERVAL, FUNDS));
    const seen = new Map();
    for await (const _ of sibyl.blocks({ signal: AbortSignal.timeout(TIMEOUT) })) {
      const feed = await sibyl.feed(id);
      const { latest, block } = feed;
      assert.deepEqual([decodeAddress(feed.owner), feed.interval, feed.maxFee], [owner.publicKey, INTERVAL, maxFee]);
      ({ roundFee } = feed);
      if (latest === null) continue;
      assert.equal(latest.answer.label, 'deu');
      assert.equal(latest.age, block.number - latest.at);
      assert.equal(latest.support.agreed, VALIDATORS.length);
      seen.set(latest.fingerprint, latest);
      if (seen.size > UPDATES) break;
    }
    const heights = [...seen.values()].map(({ at }) => at);
    assert.deepEqual(heights, [...heights].sort((a, b) => a - b), 'no older answer comes after a newer one');
  });

  it('are shown by JSON-RPC as by the client library', async () => {
    const node = network.node('bob');
    await waitForFinalized(await node.api(), created);
    const shown = await node.rpc('inference_feed', id);
    const { feeds, next } = await node.rpc('inference_listFeeds');
    assert.deepEqual([feeds.map((feed) => feed.id), next], [[id], null]);
    const { maxFee: limit, deposit, createdAt } = await sibyl.feed(id);
    assert.deepEqual([shown.maxFee, shown.roundFee, shown.deposit, shown.createdAt], [`${limit}`, `${roundFee}`, `${deposit}`, createdAt]);
    assert.deepEqual(shown.input, { text: GERMAN });
    assert.equal(shown.latest.answer.classification.label, 'deu');
    assert.deepEqual((await sibyl.feeds({ limit: 1 })).feeds.map((feed) => feed.id), [id]);
    assert.deepEqual(await sibyl.feeds({ from: id + 1 }), { feeds: [], next: null });
    await assert.rejects(node.rpc('inference_feed', id + 1), /there is no feed/);
  });

  it('are listed by the console with the last answer and its age', NEEDS_BROWSER, async () => {
    // One that does not end meanwhile, however slow the browser is.
    const { id: lasting } = await create(LONG_INTERVAL, maxFee, account('//Eve'));
    for await (const _ of sibyl.blocks({ signal: AbortSignal.timeout(TIMEOUT) })) {
      if ((await sibyl.feed(lasting)).latest !== null) break;
    }
    const server = await serve();
    const browser = await startBrowser();
    try {
      const page = await Page.open(browser, server.url);
      await page.put('#url', `ws://${network.node('alice').rpcAddress}`);
      await page.press('#connect');
      const list = await page.until('#feed-list', /deu/);
      assert(list.includes(GERMAN), list);
      assert.match(list, /(\d+ blocks? ago, about \d+ s|Of this block)\./);
      assert.match(list, new RegExp(`asks ${MODEL} every ${LONG_INTERVAL} blocks`));
      assert.deepEqual(page.complaints, []);
    } finally {
      await browser.close();
      server.stop();
    }
  });

  it('end when their funds are out, and give back what was not spent, to the last unit', async () => {
    let last;
    for await (const { best } of sibyl.blocks({ signal: AbortSignal.timeout(TIMEOUT) })) {
      last = best.number;
      const isOver = await sibyl.feed(id).then(() => false, (error) => {
        assert(error instanceof SibylError && error.code === 'UnknownFeed', error);
        return true;
      });
      if (isOver) break;
    }
    await waitForFinalized(api, last);
    const hashes = await Promise.all(Array.from({ length: last - created + 1 }, (_, at) => api.rpc.chain.getBlockHash(created + at)));
    const events = (await Promise.all(hashes.map((hash) => eventsAt(api, hash)))).flat();
    const of = (kind) => events.filter(kind.is).map(({ data }) => data).filter(({ feed }) => feed === undefined || feed.toNumber() === id);
    const { FeedEnded, RoundAsked, RoundSkipped, Answered } = api.events.feeds;
    const [ended] = of(FeedEnded);
    assert.equal(ended.reason.type, 'OutOfFunds');
    assert(of(Answered).length >= UPDATES);

    const { parentHash } = await api.rpc.chain.getHeader(hashes[0]);
    const spent = await balanceAt(api, parentHash, owner.address) - await balanceAt(api, hashes.at(-1), owner.address);
    const fee = sum(of(api.events.transactionPayment.TransactionFeePaid).filter(({ who }) => who.eq(owner.publicKey)).map(({ actualFee }) => actualFee.toBigInt()));
    const jobs = of(RoundAsked).map(({ job }) => job.toNumber());
    const ofJobs = sum(of(api.events.inference.Settled).filter(({ job }) => jobs.includes(job.toNumber())).map((settled) => settled.paid.toBigInt() + settled.protocolShare.toBigInt()));
    // The first round's work was paid by the transaction's fee.
    const rounds = BigInt(of(RoundAsked).length + of(RoundSkipped).length - 1);
    const deposit = of(api.events.feeds.FeedCreated)[0].deposit.toBigInt();
    assert.equal(spent, fee + ofJobs + rounds * roundFee);
    assert.equal(ended.returned.toBigInt(), FUNDS + deposit - ofJobs - rounds * roundFee);
    assert.equal((await api.query.balances.holds(owner.address)).filter((hold) => hold.id.isFeeds).length, 0);
  });
});

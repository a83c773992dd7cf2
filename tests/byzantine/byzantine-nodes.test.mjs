// `make test-byzantine`: seven real nodes, of which two are validators that misbehave by themselves (`sibyl-byzantine`). Not
// among the other tests, since it takes a program of its own and some eighteen minutes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { account, accountNamed, SIB } from '../lib/accounts.mjs';
import { authorOf, eventsAt, finalizedNumber, submitAndFinalize, waitForFinalized } from '../lib/chain.mjs';
import { ask, validatorAt, voteOf, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { Network } from '../lib/network.mjs';
import { memoryOf, processorSecondsOf } from '../lib/usage.mjs';
import { MINUTES, SECONDS, until } from '../lib/wait.mjs';

const PROGRAM = process.env.SIBYL_BYZANTINE_NODE;
const CULPRITS = ['ferdie', 'one'];
const HONEST = ['alice', 'bob', 'charlie', 'dave', 'eve'];
// Not a validator: an author would get fees back.
const requester = account('//Asker');
const PURSE = 10_000n * SIB;
// Of a billion: 10 %.
const EQUIVOCATION = 100_000_000;

const QUESTIONS = [
  ['Wo ist hier bitte der nächste Bahnhof?', 'deu'],
  ['Je voudrais un café et deux croissants, s’il vous plaît.', 'fra'],
  ['The weather is lovely today, let us go for a walk.', 'eng'],
];
const SEATS = ['all', 5, 3];
const MIB = 1024 * 1024;
// What an honest node may take more than before: pools and budgets of peers are 64 MiB each, blocks with 4 MiB of votes wait in
// caches, and allocators keep what they had.
const MORE_MEMORY = 512 * MIB;
// Of one processor, of which a flood may take this much more than peace does, in seconds of it for each second.
const MORE_PROCESSOR = 0.5;
// Of its six others a node has at least so many before it counts.
const PEERS = 4;

describe('a network of seven validators, two of which are byzantine', () => {
  const programs = Object.fromEntries(CULPRITS.map((name) => [name, PROGRAM]));
  const network = new Network(programs, {
    further: ['eve', ...CULPRITS],
    optionsOf: (name) => (CULPRITS.includes(name) ? { env: { SIBYL_BYZANTINE: 'none' } } : {}),
  });
  /** What the right answer to a job is. */
  const labels = new Map();
  let api, peace;

  before(async () => {
    assert.ok(PROGRAM, 'SIBYL_BYZANTINE_NODE names the program sibyl-byzantine: run make test-byzantine');
    await network.start();
    api = await network.api();
    await waitUntilServedBy(await network.client(), network.names, undefined, 5 * MINUTES);
    await submitAndFinalize(api, api.tx.balances.transferKeepAlive(requester.address, PURSE), accountNamed('alice'));
  });
  after(() => network.stop());

  /** Lets the culprits do this from now on, by their names. */
  async function become(modes) {
    const changed = Object.entries(modes).filter(([name, mode]) => network.node(name).env.SIBYL_BYZANTINE !== mode);
    await Promise.all(changed.map(async ([name, mode]) => {
      const node = network.node(name);
      await node.stop();
      node.env = { SIBYL_BYZANTINE: mode };
      await node.start();
      await waitForPeers(node);
    }));
  }

  const waitForPeers = (node) => until(
    `${node.name} to have ${PEERS} peers`,
    async (next) => {
      const timer = setInterval(next, SECONDS);
      return () => clearInterval(timer);
    },
    async () => {
      const { peers, isSyncing } = await node.rpc('system_health');
      return peers >= PEERS && !isSyncing;
    },
    { timeout: 3 * MINUTES },
  );

  /**
   * Asks while the culprits misbehave, until `isDone`; returns how all jobs ended, and who was charged or slashed in the blocks
   * meanwhile. What holds of every mode is asserted: jobs settle in their windows with the right answer, and nobody but a
   * culprit pays.
   */
  async function during(test, modes, { rounds = 2, isDone = async () => true } = {}) {
    await become(modes);
    const first = await finalizedNumber(api);
    const used = await measure();
    const views = [];
    let asked = 0;
    do {
      const jobs = await Promise.all(SEATS.map((seats, at) => ask(network, QUESTIONS[at][0], requester, { seats })));
      jobs.forEach((job, at) => labels.set(job, QUESTIONS[at][1]));
      views.push(...await Promise.all(jobs.map((job) => waitForEnd(api, job))));
      asked += 1;
    } while (asked < rounds || (asked < 10 && !(await isDone(views))));
    const last = await finalizedNumber(api);
    const took = await used();
    const blocks = await blocksOf(first + 1, last);
    const told = { views, took, blocks, ...paidIn(blocks) };
    const settled = views.map(({ phase, submittedAt, committees }) =>
      `${phase.asEnded.at.toNumber() - submittedAt.toNumber()}${committees.length > 1 ? '*' : ''}` +
      `${phase.asEnded.verdict.isAgreed ? '' : ` ${phase.asEnded.verdict.type}`}`);
    test.diagnostic(`settled after ${settled.join(', ')} blocks (* in a second round)`);
    test.diagnostic(`charged: ${told.charged.join(', ') || 'nobody'}; slashed: ${told.slashed.join(', ') || 'nobody'}`);
    test.diagnostic(`most of an honest node: ${took.processor.toFixed(2)} processors, ${Math.round(took.more / MIB)} MiB more, ` +
      `${Math.round(took.memory / MIB)} MiB in all`);
    for (const view of views) await assertSettled(view);
    for (const { who } of [...told.charges, ...told.slashes]) assert.ok(CULPRITS.includes(who), `${who} is honest`);
    assert.ok(took.more < MORE_MEMORY, `${took.more} bytes more`);
    return told;
  }

  /** The right answer in time; or all money back, where those who are silent leave too few seats for a quorum of commits. */
  async function assertSettled(view) {
    const { commitWindow, revealWindow } = api.consts.inference;
    const { verdict, at } = view.phase.asEnded;
    const end = at.toNumber();
    const [{ drawnAt, seats }] = view.committees;
    assert.ok(end <= view.endsBy.toNumber(), `job ${view.id} ended in #${end}, after #${view.endsBy}`);
    if (view.committees.length === 1) assert.ok(end <= drawnAt.toNumber() + commitWindow.toNumber() + revealWindow.toNumber());
    if (verdict.isExpired) {
      const missing = seats.filter(({ vote }) => !vote.isCommitted && !vote.isRevealed);
      const names = missing.map(({ validator }) => nameOf(validator));
      assert.ok(3 * missing.length >= seats.length, `job ${view.id}: ${names} do not deny a quorum of ${seats.length}`);
      assert.ok(names.every((name) => CULPRITS.includes(name)), `job ${view.id}: ${names} did not commit`);
      assert.ok(view.settlement.unwrap().refunded.eq(view.quote.total), `job ${view.id}: not all is refunded`);
      return;
    }
    const { status, answer } = await network.node('alice').rpc('inference_getResult', view.id.toNumber());
    assert.equal(status, 'agreed', `job ${view.id}: ${view.phase}`);
    assert.equal(answer.classification.label, labels.get(view.id.toNumber()));
  }

  /** Measures what honest nodes take from now on. */
  async function measure() {
    const nodes = HONEST.map((name) => network.node(name));
    const taken = () => nodes.map(({ pid }) => ({ seconds: processorSecondsOf(pid), memory: memoryOf(pid) }));
    const before = taken();
    const since = Date.now();
    return async () => {
      const after = taken();
      const seconds = (Date.now() - since) / SECONDS;
      return {
        processor: Math.max(...after.map((now, at) => (now.seconds - before[at].seconds) / seconds)),
        more: Math.max(...after.map((now, at) => now.memory - before[at].memory)),
        memory: Math.max(...after.map(({ memory }) => memory)),
      };
    };
  }

  async function blocksOf(first, last) {
    await waitForFinalized(api, last);
    const numbers = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    return Promise.all(numbers.map(async (number) => {
      const hash = await api.rpc.chain.getBlockHash(number);
      const [author, events] = await Promise.all([authorOf(api, { hash }), eventsAt(api, hash)]);
      return { number, author: nameOf(author), events };
    }));
  }

  /** Received of ballots by an honest node, by what became of them. */
  async function received(name) {
    const text = await network.node(name).metrics();
    const lines = [...text.matchAll(/^\w*inference_ballots_received_total\{([^}]*)\} (\d+)$/gm)];
    return Object.fromEntries(lines.map(([, labels, count]) => [/verdict="(\w+)"/.exec(labels)[1], Number(count)]));
  }

  const nameOf = (who) => (who === undefined ? undefined : network.names.find((name) => who.eq(accountNamed(name).publicKey)));

  function paidIn(blocks) {
    const events = blocks.flatMap((block) => block.events);
    const charges = events.filter(api.events.inference.SeatCharged.is)
      .map(({ data }) => ({ who: nameOf(data.validator), why: data.fault.type }));
    const slashes = events.filter(api.events.staking.SlashReported.is)
      .map(({ data }) => ({ who: nameOf(data.validator), why: data.fraction.toNumber() }));
    const named = (list) => list.map(({ who, why }) => `${who} (${why})`);
    return { charges, slashes, charged: named(charges), slashed: named(slashes), events };
  }

  it('settles every job in peace', async (test) => {
    const told = await during(test, {});
    peace = told.took;
    assert.deepEqual([told.charged, told.slashed], [[], []]);
  });

  it('settles them where one author censors and another stuffs its blocks', async (test) => {
    const told = await during(test, { ferdie: 'censor', one: 'stuff' }, { rounds: 6 });
    const made = (name) => told.blocks.filter(({ author }) => author === name).length;
    test.diagnostic(`of ${told.blocks.length} blocks ${made('ferdie')} are the censor's, ${made('one')} the stuffer's`);
    assert.ok(made('ferdie') > 0 && made('one') > 0);
    assert.deepEqual([told.charged, told.slashed], [[], []]);
  });

  it('charges who withholds and who copies', async (test) => {
    const told = await during(test, { ferdie: 'withhold', one: 'copy' }, {
      isDone: async (views) => CULPRITS.every((name) => views.some((view) => voteOf(view, name)?.isCommitted)),
    });
    for (const name of CULPRITS) assert.ok(told.charged.includes(`${name} (Withheld)`), `${name}: ${told.charged}`);
    assert.deepEqual(told.slashed, []);
  });

  it('lets no bytes pass for others', async (test) => {
    const told = await during(test, { ferdie: 'garble', one: 'none' });
    assert.deepEqual(told.slashed, []);
    const refused = await Promise.all(HONEST.map(async (name) => (await received(name)).stray_output ?? 0));
    test.diagnostic(`stray outputs refused: ${refused}`);
    assert.ok(Math.max(...refused) > 0);
  });

  it('settles them where one says that it is faster than anything, and does nothing', async (test) => {
    const told = await during(test, { ferdie: 'boast', one: 'none' }, { rounds: 6 });
    for (const { id, phase } of told.views) assert.ok(phase.asEnded.verdict.isAgreed, `job ${id}: one validator denies it its answer`);
    assert.deepEqual([told.charged, told.slashed], [[], []]);
  });

  it('settles them in a flood, and no honest node is drowned', async (test) => {
    const countOf = async (name) => Object.values(await received(name)).reduce((sum, each) => sum + each, 0);
    const count = async () => Promise.all(HONEST.map(countOf));
    const before = await count();
    const since = Date.now();
    const told = await during(test, { ferdie: 'flood', one: 'none' }, { rounds: 4 });
    const rates = (await count()).map((now, at) => Math.round((now - before[at]) / (Date.now() - since) * SECONDS));
    test.diagnostic(`ballots that honest nodes got in a second: ${rates}; ${JSON.stringify(await received('alice'))}`);
    assert.ok(told.took.processor < peace.processor + MORE_PROCESSOR, `${told.took.processor} processors`);
    assert.deepEqual([told.charged, told.slashed], [[], []]);
  });

  it('slashes who commits twice, and nobody else', async (test) => {
    const told = await during(test, { ferdie: 'double-commits', one: 'none' });
    const equivocated = told.events.filter(api.events.inference.Equivocated.is).map(({ data }) => nameOf(data.validator));
    assert.ok(equivocated.length > 0, 'it is reported');
    assert.deepEqual([...new Set(equivocated)], ['ferdie']);
    assert.deepEqual([...new Set(told.slashed)], [`ferdie (${EQUIVOCATION})`]);
    const { record } = await validatorAt(api, (await api.rpc.chain.getHeader()).hash, 'ferdie');
    test.diagnostic(`its record: ${record}`);
  });

  // The last, since all others have nothing more to do with who sends it.
  it('refuses all kinds of junk, and who sends it', async (test) => {
    // Among the junk are votes for the seats of real jobs, its own too: it pays for these.
    const told = await during(test, { ferdie: 'none', one: 'junk' }, { rounds: 3 });
    const verdicts = await received('alice');
    test.diagnostic(JSON.stringify(verdicts));
    const peersLeft = [...network.node('one').log().matchAll(/junk sent, (\d+) peers left/g)].map(([, left]) => Number(left));
    assert.ok(peersLeft.includes(0), `${Math.min(...peersLeft)} still listen`);
    for (const why of ['undecodable', 'too_new', 'too_old', 'empty']) assert.ok(verdicts[why] > 0, why);
    for (const { who } of [...told.charges, ...told.slashes]) assert.equal(who, 'one');
  });
});

// Jobs that go on being asked whatever becomes of the nodes, and the right answers to them.
import { setTimeout as sleep } from 'node:timers/promises';

import { account, SIB } from './accounts.mjs';
import { runBinary } from './binary.mjs';
import { submitAndFinalize, waitForBestBlock } from './chain.mjs';
import { MODEL, question } from './inference.mjs';
import { SECONDS } from './wait.mjs';

/** @typedef {import('./network.mjs').Network} Network */
/** @typedef {{ label: string, scores: number[] }} Truth */

const PURSE = 1_000n * SIB;
const EVERY = 4 * SECONDS;
// What a node answers when it has a transaction like this in its pool, or in a block.
const KNOWN = [1012, 1013];

const TEXTS = [
  'The train leaves at half past eight in the morning.',
  'Wo ist hier bitte der nächste Bahnhof?',
  'Le train part à huit heures et demie du matin.',
  'El tren sale a las ocho y media de la mañana.',
  'Il treno parte alle otto e mezza del mattino.',
  'Quanto custa um bilhete de comboio para o Porto?',
  'De trein vertrekt om half negen van spoor vier.',
];

/** What the program says of these texts when nothing but itself is around. */
let truths;

/** @returns {Promise<Map<string, Truth>>} by the text */
function learnTruths() {
  truths ??= Promise.all(TEXTS.map(async (text) => [text, await truthOf(text)])).then((entries) => new Map(entries));
  return truths;
}

async function truthOf(text) {
  const [label, ...lines] = (await runBinary('models', 'run', MODEL, '--prompt', text)).trim().split('\n');
  return { label, scores: lines.map((line) => Math.round(Number(line.split(' ')[0]) * 1e6)) };
}

/** One requester who asks again and again, of every node that takes a question. */
export class Traffic {
  #network;
  #requester;
  #questions = new Map();
  #truths;
  #asked = [];
  #turn = Promise.resolve();
  #over = new AbortController();
  #loop;

  /**
   * Makes a requester of this name, with funds.
   * @param {Network} network
   * @param {string} name
   */
  static async of(network, name) {
    const traffic = new Traffic();
    traffic.#network = network;
    traffic.#requester = account(`//Faults//${name}`);
    traffic.#truths = await learnTruths();
    const api = await network.api();
    for (const text of TEXTS) traffic.#questions.set(text, await question(api, text));
    const funding = api.tx.balances.transferKeepAlive(traffic.#requester.address, PURSE);
    await submitAndFinalize(api, funding, account('//Ferdie'));
    return traffic;
  }

  get requester() {
    return this.#requester;
  }

  /** What was asked, the oldest first: each with the text's right answer. */
  get asked() {
    return this.#asked;
  }

  /** Asks every so many milliseconds, until `stop`. */
  start(every = EVERY) {
    const { signal } = this.#over;
    this.#loop = (async () => {
      while (!signal.aborted) {
        await this.ask();
        await sleep(every, undefined, { signal }).catch(() => {});
      }
    })();
    // It is looked at by `stop`.
    this.#loop.catch(() => {});
  }

  async stop() {
    this.#over.abort();
    await this.#loop;
  }

  /**
   * Asks once; resolves with the extrinsic's hash, or with nothing where no node took it.
   * @returns {Promise<string | undefined>}
   */
  ask() {
    const asking = this.#turn.then(() => this.#askNow());
    this.#turn = asking.catch(() => {});
    return asking;
  }

  async #askNow() {
    const nonce = this.#asked.length;
    const text = TEXTS[nonce % TEXTS.length];
    // Signed without a node's help: all of them may be away.
    const signed = await this.#questions.get(text).signAsync(this.#requester, { nonce, era: 0 });
    const extrinsic = signed.toHex();
    if (!await this.#send(extrinsic)) return undefined;
    this.#asked.push({ text, truth: this.#truths.get(text), extrinsic });
    return signed.hash.toHex();
  }

  /** Whether a node has it; the others are told too, and not waited for. */
  #send(extrinsic) {
    const sent = this.#network.validators.map((node) => node.rpc('author_submitExtrinsic', extrinsic).catch((error) => {
      if (!KNOWN.includes(error.code)) throw error;
    }));
    return Promise.any(sent).then(() => true, () => false);
  }

  /** Tells the nodes once more of what was asked from the `first` on; what they know they refuse. */
  async sendAgain(first) {
    for (const { extrinsic } of this.#asked.slice(first)) await this.#send(extrinsic);
  }

  /**
   * Asks, and waits until a best block of this node has the job; returns its number there.
   * @param {import('./node.mjs').Node} observer
   */
  async askBy(observer) {
    const api = await observer.api();
    const hash = await this.ask();
    if (hash === undefined) throw new Error('no node took the question');
    let job;
    await waitForBestBlock(api, `the question ${hash} to be in a block`, async (head) => {
      job = await jobOf(api, head.hash, hash);
      return job !== undefined;
    });
    return job;
  }
}

/** The number of the job that an extrinsic asked for in this block; undefined where it is not in it. */
async function jobOf(api, block, extrinsic) {
  const { block: { extrinsics } } = await api.rpc.chain.getBlock(block);
  const index = extrinsics.findIndex(({ hash }) => hash.eq(extrinsic));
  if (index < 0) return undefined;
  const events = await (await api.at(block)).query.system.events();
  const submitted = events.find(({ phase, event }) =>
    phase.isApplyExtrinsic && phase.asApplyExtrinsic.eq(index) && api.events.inference.JobSubmitted.is(event));
  return submitted?.event.data.job.toNumber();
}

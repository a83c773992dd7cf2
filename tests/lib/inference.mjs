import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { stringToU8a, u8aToHex } from '@polkadot/util';
import { decodeAddress } from '@polkadot/util-crypto';

import { accountNamed, SIB } from './accounts.mjs';
import { eventsAt, submitAndInclude, waitForBestBlock, waitForFinalizedBlock } from './chain.mjs';
import { storedVote } from './mailbox.mjs';
import { MINUTES, SECONDS, until } from './wait.mjs';

/** @typedef {import('@polkadot/api').ApiPromise} Api */

/** The model that every node brings along. */
export const MODEL = 'common-lingua';

/** A fee limit that no job of these tests reaches. */
export const PLENTY = 1_000n * SIB;

const POLL = 50;
// A slot has three seconds; the worker signs and sends within milliseconds.
const TO_SIGN_AND_SEND = 300;
// A job of two rounds, each of which waits for somebody until its last block, takes two minutes.
const JOB_TIMEOUT = 5 * MINUTES;

/** A job's usual options. */
export const OPTIONS = {
  seats: 'All',
  maxOutputUnits: 0,
  drawDelay: 1,
  sampling: { temperature: 0, topK: 0, topP: 0 },
  seed: null,
};

/**
 * A text as the bytes that a model reads. Passed as a string, polkadot.js would take it for ASCII, hex or an address.
 * @param {string} text
 */
export const utf8 = (text) => u8aToHex(stringToU8a(text));

/**
 * What a model reads: a text, or whatever else a job's input may be.
 * @param {string | { Raw: string } | { Messages: { role: 'System' | 'User' | 'Assistant', text: string }[] }} said
 */
export function inputOf(said) {
  if (typeof said === 'string') return { Text: utf8(said) };
  if ('Raw' in said) return { Raw: utf8(said.Raw) };
  return { Messages: said.Messages.map(({ role, text }) => ({ role, text: utf8(text) })) };
}

/** @param {Api} api */
export async function model(api, name = MODEL) {
  const id = await api.call.inferenceApi.modelNamed(name);
  if (id.isNone) throw new Error(`The chain has no model ${name}`);
  return (await api.call.inferenceApi.model(id.unwrap())).unwrap();
}

/** @param {Api} api */
export const modelId = async (api, name = MODEL) => (await model(api, name)).id;

/**
 * Waits until just these validators serve a model; returns the block after which they do.
 * @param {import('@sibyl/client').Sibyl} sibyl
 * @param {string[]} names
 * @param {string} [modelName]
 * @param {number} [timeout]
 */
export async function waitUntilServedBy(sibyl, names, modelName = MODEL, timeout = 3 * MINUTES) {
  const wanted = names.map((name) => u8aToHex(accountNamed(name).publicKey)).sort();
  const signal = AbortSignal.timeout(timeout);
  let serving = [];
  try {
    for await (const { best } of sibyl.blocks({ signal })) {
      serving = (await sibyl.model(modelName)).servedBy.map((address) => u8aToHex(decodeAddress(address))).sort();
      if (serving.join() === wanted.join()) return best;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Error(`Waited in vain for ${modelName} to be served by ${names.join(', ')}, not by ${serving.join(', ') || 'nobody'}`);
  }
}

/**
 * An extrinsic that asks the model.
 * @param {Api} api
 * @param {Parameters<typeof inputOf>[0]} said
 * @param {Partial<typeof OPTIONS> & { model?: string }} [options] besides the usual ones; `model` by name
 * @param {bigint} [maxFee]
 */
export async function question(api, said, { model: name, ...options } = {}, maxFee = PLENTY) {
  return api.tx.inference.submit(await modelId(api, name), inputOf(said), { ...OPTIONS, ...options }, maxFee);
}

/**
 * Asks a model by the client library; resolves when the question is in a best block, with the number of the job there.
 * @param {import('./network.mjs').Network | import('./node.mjs').Node} network
 * @param {import('@sibyl/client').Input} input
 * @param {import('@sibyl/client').Signer} signer
 * @param {Partial<import('@sibyl/client').AskOptions> & { model?: string }} [options] `model` by name
 * @returns {Promise<number>}
 */
export async function ask(network, input, signer, { model: name = MODEL, ...options } = {}) {
  const sibyl = await network.client();
  return Number((await sibyl.ask(name, input, { signer, ...options })).number);
}

/**
 * As `ask`, by a transaction of polkadot.js, where that is what the test is about, or the block that it comes into.
 * @param {Api} api
 * @param {string} text
 * @param {import('@polkadot/keyring/types').KeyringPair} requester
 * @param {Partial<import('@polkadot/api/types').SignerOptions>} [options]
 * @returns {Promise<number>}
 */
export async function askByPolkadotJs(api, text, requester, options) {
  const { events } = await submitAndInclude(api, await question(api, text), requester, options);
  return events.find(api.events.inference.JobSubmitted.is).data.job.toNumber();
}

/**
 * What the chain knows of a job after that block; undefined when it knows no such job.
 * @param {Api} api
 * @param {number} job
 */
export async function jobAt(api, hash, job) {
  const { call } = await api.at(hash);
  const found = await call.inferenceApi.job(job);
  return found.isFound ? found.asFound : undefined;
}

/**
 * Waits for a best block after which `accept` takes the job, and returns what is known of the job there.
 * @param {Api} api
 * @param {number} job
 * @param {string} what
 * @param {(view: any) => boolean} accept
 * @param {number} [timeout]
 */
export async function waitForJob(api, job, what, accept, timeout) {
  let view;
  await waitForBestBlock(api, `job ${job} ${what}`, async ({ hash }) => {
    view = await jobAt(api, hash, job);
    return view !== undefined && accept(view);
  }, timeout);
  return view;
}

/**
 * Waits until the job's end is final, and returns what is known of the job then.
 * @param {Api} api
 * @param {number} job
 */
export async function waitForEnd(api, job) {
  let view;
  await waitForFinalizedBlock(api, `the end of job ${job}`, async ({ hash }) => {
    view = await jobAt(api, hash, job);
    return view?.phase.isEnded;
  }, JOB_TIMEOUT);
  return view;
}

/**
 * Waits until the ends of all jobs that the best block knows are final.
 * @param {Api} api
 */
export async function waitUntilNoneOpen(api) {
  const best = await api.rpc.chain.getHeader();
  return waitForFinalizedBlock(api, 'all jobs to end', async ({ hash, number }) => {
    if (number.toNumber() < best.number.toNumber()) return false;
    const { call } = await api.at(hash);
    return (await call.inferenceApi.openJobs(0, 1)).length === 0;
  }, JOB_TIMEOUT);
}

/** Blocks from a job's submission to its settlement: to be told, not to be asserted, since load changes it. */
export const blocksToSettle = ({ phase, submittedAt }) => phase.asEnded.at.toNumber() - submittedAt.toNumber();

/**
 * What holds of the time of every job that agreed in its first round, however busy the machine is: each phase has its last
 * block, and the job the one that it stated.
 * @param {Api} api
 */
export function assertInTime(api, view) {
  const { commitWindow, revealWindow } = api.consts.inference;
  const [{ drawnAt }] = view.committees;
  const end = view.phase.asEnded.at.toNumber();
  assert.equal(view.committees.length, 1, `job ${view.id} took a second round`);
  assert.ok(end <= drawnAt.toNumber() + commitWindow.toNumber() + revealWindow.toNumber(), `job ${view.id}: #${end}`);
  assert.ok(end <= view.endsBy.toNumber(), `job ${view.id} ended in #${end}, after #${view.endsBy}`);
}

/**
 * A job's events up to its end, the oldest first, each with its block.
 * @param {Api} api
 */
export async function eventsOfJob(api, { id, submittedAt, phase }) {
  const events = [];
  for (let block = submittedAt.toNumber(); block <= phase.asEnded.at.toNumber(); block += 1) {
    const all = await eventsAt(api, await api.rpc.chain.getBlockHash(block));
    const ofJob = all.filter(({ section, data }) => section === 'inference' && data.job?.eq(id));
    events.push(...ofJob.map(({ method, data }) => ({ block, method, data })));
  }
  return events;
}

/** Of a job's events, those of one kind. */
export const eventsNamed = (events, name) => events.filter(({ method }) => method === name);

/** A job's first committee, or that of a later round; undefined before its draw. */
export const committeeOf = ({ committees }, round = 0) => committees.find((committee) => committee.round.eq(round));

/** Whether a job has its first committee. */
export const isDrawn = (view) => committeeOf(view) !== undefined;

/** How a validator's seat in a job's committee stands; undefined where it has none. */
export function voteOf(view, name, round = 0) {
  return committeeOf(view, round).seats[seatOf(view, name, round)]?.vote;
}

/** The place of a validator's seat in a job's committee; -1 where it has none. */
export function seatOf(view, name, round = 0) {
  const { publicKey } = accountNamed(name);
  return committeeOf(view, round).seats.findIndex(({ validator }) => validator.eq(publicKey));
}

/**
 * A validator's service bond and what it has done.
 * @param {Api} api
 * @param {string} name
 */
export async function validatorAt(api, hash, name) {
  const { call } = await api.at(hash);
  return call.inferenceApi.validator(accountNamed(name).publicKey);
}

/**
 * The inherents of a block that bring votes.
 * @param {Api} api
 */
export async function includesIn(api, hash) {
  const { block } = await api.rpc.chain.getBlock(hash);
  return block.extrinsics.filter(({ method: { section, method } }) => section === 'inference' && method === 'include');
}

/**
 * The ballots in a block.
 * @param {Api} api
 */
export async function ballotsIn(api, hash) {
  const includes = await includesIn(api, hash);
  return includes.flatMap(({ method: { args: [ballots] } }) => ballots.map((ballot) => ballot.asV1.ballot));
}

/**
 * Waits until the validators have sent their commits to a job, which needs no block. At once where the job has ended.
 * @param {Api} api
 * @param {import('./node.mjs').Node[]} nodes
 * @param {number} job
 */
export async function waitUntilCommitsAreSent(api, nodes, job) {
  await Promise.all(nodes.map((node) => waitForVote(api, node, job)));
  await sleep(TO_SIGN_AND_SEND);
}

/**
 * Waits until a validator's worker has stored what it commits to in a job's first round, which it does just before it signs.
 * The committee is looked up each time: a block that is given up for another takes its draw along.
 * @param {Api} api
 * @param {import('./node.mjs').Node} node a genesis validator's
 * @param {number} job
 * @returns {Promise<{ view: any, vote: string | null }>} the job then, and the stored vote; null where the validator has
 * no seat, or its node has dropped the vote again
 */
export async function waitForVote(api, node, job) {
  let view;
  let vote = null;
  await until(
    `the vote of ${node.name} in job ${job}`,
    async (next) => {
      const timer = setInterval(next, POLL);
      return () => clearInterval(timer);
    },
    async () => {
      view = await jobAt(api, await api.rpc.chain.getBlockHash(), job);
      if (view === undefined || !isDrawn(view)) return false;
      const target = { fingerprint: view.fingerprint.toHex(), draw: committeeOf(view).draw.toHex(), round: 0 };
      const seat = seatOf(view, node.name);
      if (seat < 0) return true;
      vote = await storedVote(node, target, seat);
      return vote !== null || view.phase.isEnded || !voteOf(view, node.name).isMissing;
    },
    { show: () => (view === undefined ? 'no such job' : view.phase.type) },
  );
  return { view, vote };
}

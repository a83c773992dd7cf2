import { setTimeout as sleep } from 'node:timers/promises';

import { stringToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

import { accountNamed, SIB } from './accounts.mjs';
import { eventsAt, submitAndInclude, waitForBestBlock, waitForFinalizedBlock } from './chain.mjs';
import { MINUTES, SECONDS, until } from './wait.mjs';

/** @typedef {import('@polkadot/api').ApiPromise} Api */

/** The model that every node brings along. */
export const MODEL = 'common-lingua';

/** A fee limit that no job of these tests reaches. */
export const PLENTY = 1_000n * SIB;

const POLL = 50;
// A slot has three seconds; the worker signs and sends within milliseconds.
const TO_SIGN_AND_SEND = 300;

/** A job's usual options. */
export const OPTIONS = {
  seats: 'All',
  maxOutputUnits: 0,
  drawDelay: 1,
  prompt: 'Chat',
  sampling: { temperature: 0, topK: 0, topP: 0 },
  seed: null,
};

/**
 * A text as the bytes that a model reads. Passed as a string, polkadot.js would take it for ASCII, hex or an address.
 * @param {string} text
 */
export const utf8 = (text) => u8aToHex(stringToU8a(text));

/** @param {Api} api */
export async function model(api, name = MODEL) {
  const models = await api.call.inferenceApi.models();
  const found = models.find(({ revision }) => revision.name.toUtf8() === name);
  if (found === undefined) throw new Error(`The chain has no model ${name}, but ${models.map(String)}`);
  return found;
}

/** @param {Api} api */
export const modelId = async (api, name = MODEL) => (await model(api, name)).id;

/**
 * Waits until just these validators serve a model.
 * @param {Api} api
 * @param {string[]} names
 */
export function waitUntilServedBy(api, names, modelName = MODEL) {
  const wanted = names.map((name) => u8aToHex(accountNamed(name).publicKey)).sort();
  return waitForBestBlock(api, `${modelName} to be served by ${names.join(', ')}`, async ({ hash }) => {
    const { servedBy } = await model(await api.at(hash), modelName);
    return servedBy.map((validator) => validator.toHex()).sort().join() === wanted.join();
  });
}

/**
 * An extrinsic that asks the model.
 * @param {Api} api
 * @param {string} text
 * @param {Partial<typeof OPTIONS> & { model?: string }} [options] besides the usual ones; `model` by name
 * @param {bigint} [maxFee]
 */
export async function question(api, text, { model: name, ...options } = {}, maxFee = PLENTY) {
  return api.tx.inference.submit(await modelId(api, name), utf8(text), { ...OPTIONS, ...options }, maxFee);
}

/**
 * Asks the model; resolves when the question is in a best block, with the number of the job.
 * @param {Api} api
 * @param {string} text
 * @param {import('@polkadot/keyring/types').KeyringPair} requester
 * @param {Parameters<typeof question>[2] & Partial<import('@polkadot/api/types').SignerOptions>} [options]
 * @returns {Promise<number>}
 */
export async function ask(api, text, requester, { nonce, tip, ...options } = {}) {
  const tx = await question(api, text, options);
  const { events } = await submitAndInclude(api, tx, requester, { nonce, tip });
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
  }, 3 * MINUTES);
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
  }, 3 * MINUTES);
}

/** Blocks from a job's submission to its settlement. */
export const blocksToSettle = ({ phase, submittedAt }) => phase.asEnded.at.toNumber() - submittedAt.toNumber();

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

/** How a seat of a job stands. */
export function voteOf({ committee }, name) {
  const { publicKey } = accountNamed(name);
  return committee.unwrap().seats.find(({ validator }) => validator.eq(publicKey))?.vote;
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
 * Waits until the validators have sent their commits to a job, which needs no block.
 * @param {import('./node.mjs').Node[]} nodes
 */
export async function waitUntilCommitsAreSent(nodes, view) {
  await until(
    `commits to job ${view.id}`,
    async (next) => {
      const timer = setInterval(next, POLL);
      return () => clearInterval(timer);
    },
    async () => (await Promise.all(nodes.map((node) => hasStoredVote(node, view)))).every(Boolean),
    { timeout: 10 * SECONDS },
  );
  await sleep(TO_SIGN_AND_SEND);
}

/** Whether a validator's worker has stored what it commits to in a job, which it does just before it signs. */
async function hasStoredVote(node, { fingerprint, committee }) {
  const { draw, round } = committee.unwrap();
  const target = u8aConcat(fingerprint.toU8a(), draw.toU8a(), round.toU8a());
  const key = u8aConcat('sibyl/vote/', blake2AsU8a(target, 256));
  return (await node.rpc('offchain_localStorageGet', 'PERSISTENT', u8aToHex(key))) !== null;
}

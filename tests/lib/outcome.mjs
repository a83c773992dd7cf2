// What came of all that a requester asked, as the final chain and each node tell it.
import { setTimeout as sleep } from 'node:timers/promises';

import { eventsAt, waitForFinalizedBlock } from './chain.mjs';
import { jobAt, validatorAt, waitUntilNoneOpen } from './inference.mjs';
import { VALIDATORS } from './network.mjs';
import { nameOf } from './show.mjs';
import { MINUTES, SECONDS } from './wait.mjs';

/** @typedef {import('./network.mjs').Network} Network */
/** @typedef {import('./node.mjs').Node} Node */

const POLL = 250;
// A transaction whose block lost to another fork may be in no pool any more: its requester sends it again.
const TO_COME_BACK = 45 * SECONDS;
const TO_CATCH_UP = 6 * MINUTES;

/**
 * Waits until every node has finalised the block that was the best one of all when this was called; the seconds that took.
 * @param {() => Node[]} nodes as they are when it is called
 * @param {() => Promise<void>} [mend] what ends the fault; the time runs from its beginning
 */
export async function secondsToCatchUp(nodes, mend = async () => {}) {
  const began = Date.now();
  const heights = await Promise.all(nodes().map((node) => bestOf(node).catch(() => 0)));
  const target = Math.max(...heights);
  await mend();
  await Promise.all(nodes().map(async (node) => {
    let height;
    do {
      height = await finalizedOf(node).catch(() => undefined);
      if (height >= target) return;
      await sleep(POLL);
    } while (Date.now() < began + TO_CATCH_UP);
    throw new Error(`${node.name} has not finalised #${target} after ${TO_CATCH_UP / SECONDS} s; it is at #${height}`);
  }));
  return (Date.now() - began) / SECONDS;
}

export const numberOf = async (node, ...at) => Number((await node.rpc('chain_getHeader', ...at)).number);
const bestOf = (node) => numberOf(node);
export const finalizedOf = async (node) => numberOf(node, await node.rpc('chain_getFinalizedHead'));

/**
 * Waits until all that was asked has ended on every node, and adds up what came of it.
 * @param {Network} network whose nodes all run
 * @param {import('./traffic.mjs').Traffic} traffic
 * @param {number} from the block after which it was asked
 */
export async function outcomeOf(network, traffic, from) {
  const api = await network.api();
  const again = await waitUntilAllAreIn(api, traffic);
  const { number, hash } = await waitUntilNoneOpen(api);
  const height = number.toNumber();
  const events = await eventsBetween(api, from + 1, height);
  const { inference } = api.events;
  const jobs = events.filter(({ event }) => inference.JobSubmitted.is(event) && event.data.requester.eq(traffic.requester.publicKey))
    .map(({ event }) => event.data.job.toNumber());
  const views = await Promise.all(jobs.map((job) => jobAt(api, hash, job)));
  const ended = views.filter((view) => view?.phase.isEnded);
  const agreed = ended.filter((view) => view.phase.asEnded.verdict.isAgreed);
  const conflicts = await conflictingFinality(network.validators);
  return {
    asked: traffic.asked.length,
    again,
    agreed: agreed.length,
    unanswered: ended.filter((view) => !agreed.includes(view)).map(describe),
    lost: traffic.asked.length - ended.length,
    late: ended.filter((view) => view.phase.asEnded.at.toNumber() > view.endsBy.toNumber()).length,
    secondRounds: ended.filter(({ committees }) => committees.length > 1).length,
    wrong: await wrongAnswers(network.validators, jobs, traffic.asked),
    fundsLost: await fundsLost(api, hash, ended, traffic.requester),
    charges: events.filter(({ event }) => inference.SeatCharged.is(event)).map(({ block, event: { data } }) =>
      `#${block}: ${nameOf(data.validator.toString())}, ${data.fault.type} in job ${data.job}`),
    conflicts,
  };
}

/** A job that has no answer, and what its seats did. */
function describe({ id, submittedAt, committees, phase: { asEnded: { at, verdict } } }) {
  const votes = committees.map(({ seats }) => seats.map(({ validator, vote }) => `${nameOf(validator.toString())} ${vote.type}`).join(', '));
  return `job ${id}, ${verdict.type}, #${submittedAt} to #${at} (${votes.join('; then ') || 'no committee'})`;
}

/** Waits until every question is in a final block; how many had to be sent again for that. */
async function waitUntilAllAreIn(api, traffic) {
  const all = traffic.asked.length;
  const { address } = traffic.requester;
  const nonceAt = async (hash) => (await (await api.at(hash)).query.system.account(address)).nonce.toNumber();
  const areIn = ({ hash }) => nonceAt(hash).then((nonce) => nonce >= all);
  try {
    await waitForFinalizedBlock(api, 'all questions to be in final blocks', areIn, TO_COME_BACK);
    return 0;
  } catch {
    const next = (await api.query.system.account(address)).nonce.toNumber();
    await traffic.sendAgain(next);
    await waitForFinalizedBlock(api, 'all questions to be in final blocks, sent again', areIn);
    return all - next;
  }
}

async function eventsBetween(api, first, last) {
  const events = [];
  for (let block = first; block <= last; block += 1) {
    const all = await eventsAt(api, await api.rpc.chain.getBlockHash(block));
    events.push(...all.map((event) => ({ block, event })));
  }
  return events;
}

/** How many of the jobs have, on any of the nodes, an answer that is not the right one. */
async function wrongAnswers(nodes, jobs, asked) {
  const isWrong = async (job, { truth }) => {
    const results = await Promise.all(nodes.map((node) => node.rpc('inference_getResult', job)));
    return results.some(({ status, answer }) => status === 'agreed' && !isRight(answer?.classification, truth));
  };
  const wrong = await Promise.all(jobs.map((job, index) => isWrong(job, asked[index])));
  return wrong.filter(Boolean).length;
}

const isRight = (answer, { label, scores }) =>
  answer?.label === label && scores.every((score, index) => answer.scores[index].score === score);

/**
 * What is missing of all tokens, in the smallest unit: between what was issued and what accounts have, between the jobs'
 * prices and what these were split into, and what is still held though no job is open.
 */
export async function fundsLost(api, hash, ended, requester) {
  const { query } = await api.at(hash);
  const accounts = await query.system.account.entries();
  const owned = sum(accounts.map(([, { data }]) => data.free.toBigInt() + data.reserved.toBigInt()));
  const unsplit = ended.map(({ quote, settlement }) => {
    const { paid, refunded, authorShare, protocolShare } = settlement.unwrap();
    return quote.total.toBigInt() - sum([paid, refunded, authorShare, protocolShare].map((amount) => amount.toBigInt()));
  });
  const held = (await query.balances.holds(requester.address)).map(({ amount }) => amount.toBigInt());
  const reserved = await Promise.all(VALIDATORS.map(async (name) => (await validatorAt(api, hash, name)).reserved.toBigInt()));
  const differences = [(await query.balances.totalIssuance()).toBigInt() - owned, ...unsplit, ...held, ...reserved];
  return sum(differences.map((amount) => (amount < 0n ? -amount : amount)));
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0n);

/**
 * How many heights, up to the highest one that all nodes have finalised, have different hashes on different nodes. A final
 * block stands for all before it, so the last height is enough unless it differs.
 * @param {Node[]} nodes
 */
export async function conflictingFinality(nodes) {
  let height = Math.min(...await Promise.all(nodes.map(finalizedOf)));
  let conflicts = 0;
  while (height > 0) {
    const hashes = await Promise.all(nodes.map((node) => node.rpc('chain_getBlockHash', height)));
    if (new Set(hashes).size === 1) break;
    conflicts += 1;
    height -= 1;
  }
  return conflicts;
}


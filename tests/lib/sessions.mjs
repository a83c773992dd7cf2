import { waitForFinalizedBlock } from './chain.mjs';
import { MINUTES } from './wait.mjs';

/** @typedef {import('@polkadot/api').ApiPromise} Api */

// Of the preset `local`: 20 slots of 3 s.
const SESSION = 1 * MINUTES;

/** @param {Api} api */
export async function sessionAt(api, hash) {
  const { query } = await api.at(hash);
  return (await query.session.currentIndex()).toNumber();
}

/**
 * Waits for a finalised block in that session, at most three sessions off.
 * @param {Api} api
 * @param {number} session
 */
export function waitForSession(api, session) {
  const reached = async ({ hash }) => (await sessionAt(api, hash)) >= session;
  return waitForFinalizedBlock(api, `session ${session}`, reached, 5 * SESSION);
}

/**
 * The state after some finalised block of a session that is running or past.
 * @param {Api} api
 * @param {number} session
 */
export async function stateInSession(api, session) {
  let hash = await api.rpc.chain.getFinalizedHead();
  while (await sessionAt(api, hash) > session) {
    const [, firstBlock] = await (await api.at(hash)).query.babe.epochStart();
    hash = await api.rpc.chain.getBlockHash(firstBlock.toNumber() - 1);
  }
  return api.at(hash);
}

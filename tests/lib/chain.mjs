import { ApiPromise, WsProvider } from '@polkadot/api';

import { MINUTES, until } from './wait.mjs';

/** @typedef {import('@polkadot/api').ApiPromise} Api */

/** @param {string} url */
export const connect = (url) => new ApiPromise({ provider: new WsProvider(url), noInitWarn: true });

const showHead = (head) => `#${head.number} ${head.hash}`;

/** @param {Api} api */
export async function finalizedNumber(api) {
  const header = await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead());
  return header.number.toNumber();
}

/**
 * Waits until that block is finalised; returns the newest finalised header.
 * @param {Api} api
 * @param {number} number
 */
export function waitForFinalized(api, number) {
  return until(
    `block #${number} to be finalised`,
    (next) => api.rpc.chain.subscribeFinalizedHeads(next),
    (head) => head.number.toNumber() >= number,
    { show: showHead },
  );
}

/**
 * Waits for a block that `accept` takes, among the newest finalised one and each that follows.
 * @param {Api} api
 * @param {string} what
 * @param {(head: import('@polkadot/types/interfaces').Header) => boolean | Promise<boolean>} accept
 * @param {number} [timeout]
 */
export function waitForFinalizedBlock(api, what, accept, timeout) {
  return until(what, (next) => api.derive.chain.subscribeFinalizedHeads(next), accept, { timeout, show: showHead });
}

/**
 * Waits for a best block that `accept` takes, among the newest and each that follows.
 * @param {Api} api
 * @param {string} what
 * @param {(head: import('@polkadot/types/interfaces').Header) => boolean | Promise<boolean>} accept
 * @param {number} [timeout]
 */
export function waitForBestBlock(api, what, accept, timeout) {
  return until(what, (next) => api.rpc.chain.subscribeNewHeads(next), accept, { timeout, show: showHead });
}

/**
 * Waits for a finalised block that this account made.
 * @param {Api} api
 * @param {import('@polkadot/keyring/types').KeyringPair} author
 * @param {number} above
 */
export function waitForBlockBy(api, author, above) {
  return waitForFinalizedBlock(api, `a block above #${above} by ${author.address}`, async (head) =>
    head.number.toNumber() > above && (await authorOf(api, head))?.eq(author.publicKey), 3 * MINUTES);
}

/**
 * The author of a block; undefined where polkadot.js finds none, since it looks in the set before the block, and the
 * first of a session may be made by one that has just been elected.
 * @param {Api} api
 */
export async function authorOf(api, head) {
  const { author } = await api.derive.chain.getHeader(head.hash);
  return author;
}

/** @param {Api} api */
export async function eventsAt(api, hash) {
  const { query } = await api.at(hash);
  return (await query.system.events()).map(({ event }) => event);
}

/** @param {Api} api */
export async function balanceAt(api, hash, address) {
  const { query } = await api.at(hash);
  return (await query.system.account(address)).data.free.toBigInt();
}

/**
 * The nonce of the account's next transaction, those in the pool not counted.
 * @param {Api} api
 * @param {import('@polkadot/keyring/types').KeyringPair} account
 */
export async function nextNonce(api, { address }) {
  return (await api.query.system.account(address)).nonce.toNumber();
}

/**
 * Waits until the transaction is in a finalised block; rejects with the runtime's own words when it fails.
 * @param {Api} api
 * @param {import('@polkadot/api/types').SubmittableExtrinsic<'promise'>} tx
 * @param {import('@polkadot/keyring/types').KeyringPair} signer
 * @param {Partial<import('@polkadot/api/types').SignerOptions>} [options]
 */
export function submitAndFinalize(api, tx, signer, options = {}) {
  return submit(api, tx, signer, options, 'Finalized');
}

/**
 * As `submitAndFinalize`, but a block that is the best one at the time is enough.
 * @param {Api} api
 * @param {import('@polkadot/api/types').SubmittableExtrinsic<'promise'>} tx
 * @param {import('@polkadot/keyring/types').KeyringPair} signer
 * @param {Partial<import('@polkadot/api/types').SignerOptions>} [options]
 */
export function submitAndInclude(api, tx, signer, options = {}) {
  return submit(api, tx, signer, options, 'InBlock');
}

/** @param {'InBlock' | 'Finalized'} state that is waited for */
async function submit(api, tx, signer, options, state) {
  const name = `${tx.method.section}.${tx.method.method}`;
  const { status, events, dispatchError, txHash } = await until(
    `${name} by ${signer.address} to be ${state}`,
    (next) => tx.signAndSend(signer, options, next),
    (result) => {
      if (result.isError) throw new Error(`${name} left the transaction pool: ${result.status.type}`);
      return result.status[`is${state}`];
    },
    { show: (result) => result.status.type },
  );
  if (dispatchError) throw new Error(`${name} failed: ${explain(api, dispatchError)}`);
  return { blockHash: status[`as${state}`], txHash, events: events.map(({ event }) => event) };
}

function explain(api, dispatchError) {
  if (!dispatchError.isModule) return dispatchError.toString();
  const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
  return `${section}.${name}: ${docs.join(' ')}`;
}

// The council of the development and local networks, of which two of three members decide.
import assert from 'node:assert/strict';

import { account } from './accounts.mjs';
import { submitAndFinalize } from './chain.mjs';

const [PROPOSER, ...OTHERS] = ['//Alice', '//Bob'];

/**
 * Has the council do something; it is done when this resolves.
 * @param {import('@polkadot/api').ApiPromise} api
 * @param {import('@polkadot/api/types').SubmittableExtrinsic<'promise'>} call
 */
export async function decide(api, call) {
  const threshold = 1 + OTHERS.length;
  const proposed = await submitAndFinalize(api, api.tx.council.propose(threshold, call, call.method.encodedLength), account(PROPOSER));
  const { proposalHash, proposalIndex } = proposed.events.find(api.events.council.Proposed.is).data;
  const vote = (who) => submitAndFinalize(api, api.tx.council.vote(proposalHash, proposalIndex, true), account(who));
  await Promise.all([PROPOSER, ...OTHERS].map(vote));
  const { weight } = await call.paymentInfo(account(PROPOSER));
  const close = api.tx.council.close(proposalHash, proposalIndex, weight, call.method.encodedLength);
  const { events } = await submitAndFinalize(api, close, account('//Eve'));
  assert(events.find(api.events.council.Executed.is).data.result.isOk);
}

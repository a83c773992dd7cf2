import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { account, SIB } from '../lib/accounts.mjs';
import { balanceAt, submitAndFinalize, waitForFinalized } from '../lib/chain.mjs';
import { ask, committeeOf, waitForEnd, waitUntilServedBy } from '../lib/inference.mjs';
import { devNode } from '../lib/node.mjs';

describe('sibyl-node --dev', () => {
  const node = devNode();

  before(() => node.start());
  after(() => node.stop());

  it('makes and finalises blocks alone', async () => {
    await waitForFinalized(await node.api(), 2);
  });

  it('finalises a transfer', async () => {
    const api = await node.api();
    const recipient = account('//Recipient');
    const transfer = api.tx.balances.transferKeepAlive(recipient.address, 5n * SIB);
    const { blockHash } = await submitAndFinalize(api, transfer, account('//Alice'));
    assert.equal(await balanceAt(api, blockHash, recipient.address), 5n * SIB);
  });

  it('answers a job alone, on its one seat', async () => {
    const api = await node.api();
    await waitUntilServedBy(api, ['alice']);
    const job = await ask(api, 'A single validator answers this question.', account('//Ferdie'));
    const view = await waitForEnd(api, job);
    assert.ok(view.phase.asEnded.verdict.isAgreed);
    assert.equal(committeeOf(view).seats.length, 1);
    const { answer, support } = await node.rpc('inference_getResult', job);
    assert.equal(answer.classification.label, 'eng');
    assert.deepEqual(support, { round: 0, seats: 1, agreed: 1, serving: 1 });
  });
});

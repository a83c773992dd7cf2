import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { submitAndInclude } from '../../lib/chain.mjs';
import { jobAt, modelId, question, waitUntilNoneOpen } from '../../lib/inference.mjs';

const TEXT = 'A text as any other.';
// Jobs of one batch that validators have time for.
const MANY = 128;

/**
 * What needs a network, or one with much to do: all other bad input is in tests/e2e/bad-input.
 * @param {import('../../lib/network.mjs').Network} network
 */
export function badInput(network) {
  describe('refuses by a named dispatch error', () => {
    const requester = account('//Ferdie');
    const poor = account('//Poor');
    let api, price;

    before(async () => {
      api = await network.api();
      const quote = await api.call.inferenceApi.quote(await modelId(api), 'All', TEXT.length, 0, 'Text');
      price = quote.asOk.total.toBigInt();
    });

    it('a balance under the price: BalanceTooLow', async () => {
      const tx = await question(api, TEXT);
      const { partialFee } = await tx.paymentInfo(requester);
      const deposit = api.consts.balances.existentialDeposit.toBigInt();
      // Enough for the transaction, too little for the job.
      const funds = partialFee.toBigInt() + deposit + price / 2n;
      await submitAndInclude(api, api.tx.balances.transferKeepAlive(poor.address, funds), requester);
      assertNamed(await refusal(submitAndInclude(api, tx, poor)), 'BalanceTooLow');
    });

    it('one job more than an account may have open: TooManyJobsOfAccount, and none of them is taken', async () => {
      const limit = api.consts.inference.maxOpenJobsPerAccount.toNumber();
      const batch = await jobs(limit + 1);
      assert.match(await refusal(submitAndInclude(api, batch, requester)), /failed: inference\.TooManyJobsOfAccount: \S/);
    });

    it('but answers many jobs of a batch', async () => {
      const { blockHash, events } = await submitAndInclude(api, await jobs(MANY), requester);
      const asked = events.filter(api.events.inference.JobSubmitted.is).map(({ data }) => data.job.toNumber());
      assert.equal(asked.length, MANY, `in ${blockHash}`);
      const { hash } = await waitUntilNoneOpen(api);
      const views = await Promise.all(asked.map((job) => jobAt(api, hash, job)));
      const verdicts = views.map(({ phase }) => phase.asEnded.verdict.type);
      assert.deepEqual(verdicts, Array(MANY).fill('Agreed'));
    });

    /** A transaction that asks so many questions, or none where one is refused. */
    async function jobs(count) {
      const one = await question(api, TEXT);
      return api.tx.utility.batchAll(Array(count).fill(one));
    }

    it('more service bond than it has: BondTooHigh', async () => {
      const { free } = (await api.query.system.account(requester.address)).data;
      const tx = api.tx.inference.bondService(2n * free.toBigInt());
      assertNamed(await refusal(submitAndInclude(api, tx, requester)), 'BondTooHigh');
    });

    it('and holds nothing of a refused job\'s price', async () => {
      for (const { address } of [requester, poor]) {
        assert.equal((await api.query.system.account(address)).data.reserved.toBigInt(), 0n);
      }
    });
  });
}

const refusal = (submission) => submission.then(() => 'nothing', ({ message }) => message);

/** @param {string} message of a dispatch error: its name, and its docs, which a wallet shows */
const assertNamed = (message, error) => assert.match(message, new RegExp(`failed: inference\\.${error}: \\S`));

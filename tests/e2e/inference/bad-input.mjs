import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { nextNonce, submitAndInclude } from '../../lib/chain.mjs';
import { jobAt, modelId, inputOf, OPTIONS, PLENTY, question, waitUntilNoneOpen } from '../../lib/inference.mjs';
import { LANGUAGE_MODEL } from './language-model.mjs';

const TEXT = 'A text as any other.';
const ALICE = account('//Alice').address;
const NO_HASH = `0x${'00'.repeat(32)}`;
// Bytes that the model reads.
const LIMIT = 512;
// Blocks after the question's.
const LATEST_DRAW = 8;
// Jobs of one batch that validators have time for.
const MANY = 128;

/** Each is [the dispatch error, what is wrong, what is changed in a good submission]. */
const SUBMISSIONS = [
  ['UnknownModel', 'a model that the chain does not know', { model: NO_HASH }],
  ['InputEmpty', 'no input', { input: { Text: '0x' } }],
  ['InputTooLong', 'one byte more than the model reads', { input: inputOf('a'.repeat(LIMIT + 1)) }],
  ['InputTooLong', 'more bytes than any job may have', { input: inputOf('a'.repeat(9 * 1024)) }],
  ['InputNotUtf8', 'bytes that are no UTF-8', { input: { Text: '0xc328' } }],
  ['InputEmpty', 'a conversation with an empty message', { input: inputOf({ Messages: [{ role: 'User', text: '' }] }) }],
  ['InputNotOfTask', 'a conversation with a model that generates no text',
    { input: inputOf({ Messages: [{ role: 'User', text: TEXT }] }) }],
  ['InputNotOfTask', 'a beginning for a model that generates no text', { input: inputOf({ Raw: TEXT }) }],
  ['OutputTooLong', 'more output than the model gives', { maxOutputUnits: 1 }],
  ['NoOutputUnits', 'no output of a model that generates text', { modelName: LANGUAGE_MODEL }],
  ['FormatInvalid', 'a choice of one text', { modelName: LANGUAGE_MODEL, format: { Choice: ['yes'] } }],
  ['FormatNotOfTask', 'a choice by a model that generates no text', { format: { Choice: ['yes', 'no'] } }],
  ['SeatsInvalid', 'no seat', { seats: { Fixed: 0 } }],
  ['SeatsInvalid', 'an even number of seats', { seats: { Fixed: 2 } }],
  ['SeatsInvalid', 'more seats than a job may name', { seats: { Fixed: 17 } }],
  ['TooFewValidators', 'more seats than validators that serve the model', { seats: { Fixed: 5 } }],
  ['DrawDelayInvalid', 'a draw without delay', { drawDelay: 0 }],
  ['DrawDelayInvalid', 'a draw later than any may be', { drawDelay: LATEST_DRAW + 1 }],
  ['FeeAboveLimit', 'a fee limit under the price', { maxFee: 1n }],
];

/** Each is [the code, the error, what is asked for, the method, the parameters given the models]. */
const CALLS = [
  [10000, 'UnknownJob', 'a job that there is not', 'getJob', () => [2 ** 40]],
  [10000, 'UnknownJob', 'the result of a job that there is not', 'getResult', () => [2 ** 40]],
  [10002, 'UnknownModel', 'the price of an unknown model', 'quote', () => [NO_HASH, 'all', 10, 0]],
  [10003, 'InputEmpty', 'the price of no input', 'quote', (model) => [model, 'all', 0, 0]],
  [10004, 'InputTooLong', 'the price of too long an input', 'quote', (model) => [model, 'all', LIMIT + 1, 0]],
  [10005, 'OutputTooLong', 'the price of too long an output', 'quote', (model) => [model, 'all', 10, 1]],
  [10006, 'SeatsInvalid', 'the price of two seats', 'quote', (model) => [model, { fixed: 2 }, 10, 0]],
  [10006, 'SeatsInvalid', 'the price of seventeen seats', 'quote', (model) => [model, { fixed: 17 }, 10, 0]],
  [10007, 'TooFewValidators', 'the price of five seats', 'quote', (model) => [model, { fixed: 5 }, 10, 0]],
  [10015, 'InvalidParameter', 'the record of no account', 'validator', () => ['nobody']],
  [10012, 'NoOutputUnits', 'the price of no text', 'quote', (_, languageModel) => [languageModel, 'all', 10, 0]],
  [10016, 'FormatInvalid', 'the price of a choice of one text', 'quote',
    (_, languageModel) => [languageModel, 'all', 10, 0, { choice: ['yes'] }]],
  [10017, 'FormatNotOfTask', 'the price of a choice by a model that generates no text', 'quote',
    (model) => [model, 'all', 10, 0, { choice: ['yes', 'no'] }]],
  [10010, 'UnknownBlock', 'a job at no block', 'getJob', () => [0, NO_HASH]],
  [10010, 'UnknownBlock', 'a result at no block', 'getResult', () => [0, NO_HASH]],
  [10010, 'UnknownBlock', 'the models at no block', 'listModels', () => [null, null, NO_HASH]],
  [10010, 'UnknownBlock', 'a validator\'s record at no block', 'validator', () => [ALICE, NO_HASH]],
];

/** @param {import('../../lib/network.mjs').Network} network */
export function badInput(network) {
  badSubmissions(network);
  badCalls(network);
}

function badSubmissions(network) {
  describe('refuses by a named dispatch error', () => {
    const requester = account('//Ferdie');
    const poor = account('//Poor');
    let api, price, refusals;

    // All at once, since each takes a block.
    before(async () => {
      api = await network.api();
      const usual = { model: await modelId(api), input: inputOf(TEXT), maxFee: PLENTY };
      const quote = await api.call.inferenceApi.quote(usual.model, 'All', TEXT.length, 0, 'Text');
      price = quote.asOk.total.toBigInt();
      const nonce = await nextNonce(api, requester);
      const languageModel = await modelId(api, LANGUAGE_MODEL);
      refusals = await Promise.all(SUBMISSIONS.map(([, , { modelName, ...changes }], index) => {
        const named = modelName === undefined ? {} : { model: languageModel };
        const { model, input, maxFee, ...options } = { ...usual, ...OPTIONS, ...named, ...changes };
        const tx = api.tx.inference.submit(model, input, options, maxFee);
        return refusal(submitAndInclude(api, tx, requester, { nonce: nonce + index }));
      }));
    });

    SUBMISSIONS.forEach(([error, what], index) => {
      it(`${what}: ${error}`, () => assertNamed(refusals[index], error));
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

    it('more service bond back than it placed: BondReserved', async () => {
      assertNamed(await refusal(submitAndInclude(api, api.tx.inference.unbondService(1), requester)), 'BondReserved');
    });

    it('and holds nothing of a refused job\'s price', async () => {
      for (const { address } of [requester, poor]) {
        assert.equal((await api.query.system.account(address)).data.reserved.toBigInt(), 0n);
      }
    });
  });
}

function badCalls(network) {
  describe('refuses by a JSON-RPC error\'s number and name', () => {
    for (const [code, error, what, method, params] of CALLS) {
      it(`${what}: ${code}, ${error}`, async () => {
        const api = await network.api();
        const [model, languageModel] = await Promise.all([modelId(api), modelId(api, LANGUAGE_MODEL)]);
        const asked = params(model.toHex(), languageModel.toHex());
        await assert.rejects(network.node('bob').rpc(`inference_${method}`, ...asked), (refused) => {
          assert.equal(refused.code, code, refused.message);
          assert.match(JSON.stringify(refused.data), new RegExp(error));
          return true;
        });
      });
    }
  });
}

const refusal = (submission) => submission.then(() => 'nothing', ({ message }) => message);

/** @param {string} message of a dispatch error: its name, and its docs, which a wallet shows */
const assertNamed = (message, error) => assert.match(message, new RegExp(`failed: inference\\.${error}: \\S`));

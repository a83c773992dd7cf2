// Transactions: what the chain or its pool does not take, it refuses by an error's name, and its documentation says what to do.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { nextNonce, submitAndInclude } from '../../lib/chain.mjs';
import { inputOf, modelId, OPTIONS, PLENTY, utf8 } from '../../lib/inference.mjs';
import { assertClear } from './run.mjs';

const TEXT = 'A text as any other.';
const NO_HASH = `0x${'00'.repeat(32)}`;
const HASH = `0x${'11'.repeat(32)}`;
const LANGUAGE_MODEL = 'smollm2';
// Bytes that common-lingua reads.
const LIMIT = 512;
// Blocks after the question's.
const LATEST_DRAW = 8;
const INVALID_TRANSACTION = 1010;

/** Each is [the error, what is wrong, what is changed in a good submission]. */
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
  ['FormatInvalid', 'a choice of two texts that are the same', { modelName: LANGUAGE_MODEL, format: { Choice: ['yes', 'yes'] } }],
  ['FormatInvalid', 'numbers in the wrong order',
    { modelName: LANGUAGE_MODEL, maxOutputUnits: 9, format: { Number: { min: 5, max: 1, decimals: 0 } } }],
  ['FormatNotOfTask', 'a choice by a model that generates no text', { format: { Choice: ['yes', 'no'] } }],
  ['SeatsInvalid', 'no seat', { seats: { Fixed: 0 } }],
  ['SeatsInvalid', 'an even number of seats', { seats: { Fixed: 2 } }],
  ['SeatsInvalid', 'more seats than a job may name', { seats: { Fixed: 17 } }],
  ['TooFewValidators', 'more seats than validators that serve the model', { seats: { Fixed: 3 } }],
  ['DrawDelayInvalid', 'a draw without delay', { drawDelay: 0 }],
  ['DrawDelayInvalid', 'a draw later than any may be', { drawDelay: LATEST_DRAW + 1 }],
  ['FeeAboveLimit', 'a fee limit under the price', { maxFee: 1n }],
  ['FeeAboveLimit', 'a fee limit of nothing', { maxFee: 0n }],
];

/** Each is [the error, what is wrong, what is changed in a revision, in its price]. */
const REGISTRATIONS = [
  ['NameInvalid', 'a name of one letter', { name: utf8('x') }],
  ['NameInvalid', 'a name with a space', { name: utf8('my model') }],
  ['NameTaken', 'a name that another model has', { name: utf8('common-lingua') }],
  ['TextInvalid', 'a licence that is no UTF-8', { licence: '0xc328' }],
  ['FilesInvalid', 'no files', { files: [] }],
  ['GoldensInvalid', 'no goldens', { goldens: [] }],
  ['LimitsInvalid', 'no input', { limits: { inputBytes: 0, contextUnits: 100, outputUnits: 10 } }],
  ['WindowTooLong', 'a commit window that is too long', { commitWindow: 21 }],
  ['PriceInvalid', 'a share that is too large', {}, { authorShare: 21 }],
  ['PriceInvalid', 'jobs for nothing', {}, { base: 0 }],
];

const REVISION = {
  name: utf8('bad-input'), task: 'Generate', architecture: utf8('llama'), semantics: 1, licence: utf8('MIT'), commitWindow: 12,
  files: [{ name: utf8('tiny.gguf'), size: 5, sha256: HASH, chunkRoot: HASH }],
  limits: { inputBytes: 100, contextUnits: 100, outputUnits: 10 },
  goldens: [{ input: utf8('Hi'), outputHash: HASH, trace: HASH }],
};
const PRICE = { base: 10n ** 9n, unit: 10n ** 7n, authorShare: 10 };

/** Each is [the pallet and the error, what is wrong, the call, given the API and the model]. */
const CALLS = [
  ['models.UnknownModel', 'to retire a model that there is not', ({ tx }) => tx.models.retire(NO_HASH)],
  ['models.NotItsAuthor', 'to retire another’s model', ({ tx }, model) => tx.models.retire(model)],
  ['feeds.UnknownFeed', 'to close a feed that there is not', ({ tx }) => tx.feeds.close(7)],
  ['feeds.IntervalInvalid', 'a feed at every moment', ({ tx }, model) => tx.feeds.createFeed(model, inputOf(TEXT), OPTIONS, 0, 10n ** 12n, 10n ** 12n)],
  ['inference.BondReserved', 'more service bond back than was placed', ({ tx }) => tx.inference.unbondService(1)],
];

/** @param {import('../../lib/node.mjs').Node} node */
export function refusedCalls(node) {
  describe('in a transaction', () => {
    const requester = account('//Ferdie');
    let api;
    let refusals;

    // All at once, since each takes a block.
    before(async () => {
      api = await node.api();
      const [model, languageModel] = [await modelId(api), await modelId(api, LANGUAGE_MODEL)];
      const calls = [
        ...SUBMISSIONS.map(([, , { modelName, ...changes }]) => {
          const usual = { model: modelName === undefined ? model : languageModel, input: inputOf(TEXT), maxFee: PLENTY };
          const { model: asked, input, maxFee, ...options } = { ...usual, ...OPTIONS, ...changes };
          return api.tx.inference.submit(asked, input, options, maxFee);
        }),
        ...REGISTRATIONS.map(([, , revision, price]) =>
          api.tx.models.register({ revision: { ...REVISION, ...revision }, price: { ...PRICE, ...price } })),
        ...CALLS.map(([, , call]) => call(api, model)),
      ];
      const nonce = await nextNonce(api, requester);
      refusals = await Promise.all(calls.map((call, index) =>
        submitAndInclude(api, call, requester, { nonce: nonce + index }).then(() => 'taken', ({ message }) => message)));
    });

    const named = [
      ...SUBMISSIONS.map(([error, what]) => [`inference.${error}`, what]),
      ...REGISTRATIONS.map(([error, what]) => [`models.${error}`, `a registration with ${what}`]),
      ...CALLS,
    ];
    named.forEach(([error, what], index) => {
      it(`${what}: ${error}`, () => assertClear(refusals[index], new RegExp(`failed: ${error.replace('.', '\\.')}: \\S+ \\S+`)));
    });

    it('and holds nothing of what was refused', async () => {
      assert.equal((await api.query.system.account(requester.address)).data.reserved.toBigInt(), 0n);
    });

    const refusedByThePool = (signed, says) => assert.rejects(node.rpc('author_submitExtrinsic', signed), (refused) => {
      assert.equal(refused.code, INVALID_TRANSACTION, refused.message);
      assertClear(refused.message, says);
      return true;
    });
    const remark = (options, signer = requester) => api.tx.system.remark('0x').signAsync(signer, options);

    it('a signature of something else: 1010', async () => {
      const good = (await remark({ nonce: -1 })).toHex();
      const signature = (await remark({ nonce: -1, tip: 1 })).signature.toHex().slice(2);
      const bad = good.replace((await api.createType('Extrinsic', good)).signature.toHex().slice(2), signature);
      assert.notEqual(bad, good);
      await refusedByThePool(bad, /Invalid Transaction.*Transaction has a bad signature/);
    });

    it('a transaction that was there before: 1010', async () => {
      await refusedByThePool((await remark({ nonce: 0 })).toHex(), /Invalid Transaction.*Transaction is outdated/);
    });

    it('an account without tokens: 1010', async () => {
      await refusedByThePool((await remark({ nonce: 0 }, account('//Nobody'))).toHex(), /Invalid Transaction.*Inability to pay some fees/);
    });
  });
}

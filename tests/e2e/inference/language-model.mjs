import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { signerFromSecret } from '@sibyl/client';

import { account } from '../../lib/accounts.mjs';
import { ASKS } from '../../lib/asks.mjs';
import { sibyl, sibylInTerminal } from '../../lib/binary.mjs';
import { waitForFinalizedBlock } from '../../lib/chain.mjs';
import { assertShows } from '../../lib/forms.mjs';
import { ask, assertInTime, blocksToSettle, waitForEnd, waitUntilServedBy } from '../../lib/inference.mjs';
import { MODELS_PATH, whyUnserved } from '../../lib/models.mjs';
import { VALIDATORS } from '../../lib/network.mjs';
import { scratch } from '../../lib/scratch.mjs';
import { outputOf } from '../../lib/snippets.mjs';
import { endOf, showSteps } from '../../lib/steps.mjs';
import { MINUTES } from '../../lib/wait.mjs';

export const LANGUAGE_MODEL = 'smollm2';
const FRANCE = 'What is the capital of France?';
const VECTOR_MODEL = 'minilm';
// What a vector's values are counted in.
const ONE = 32_767;
const skipVectors = whyUnserved(VECTOR_MODEL);
const skip = whyUnserved(LANGUAGE_MODEL);

/**
 * @param {import('../../lib/network.mjs').Network} network
 * @param {import('../../lib/models.mjs').OwnModels} own the folder of the last validator, which has no model yet
 */
export function languageModel(network, own) {
  describe('with a language model', { skip }, () => {
    const requester = account('//Eve');
    const question = { model: LANGUAGE_MODEL, maxOutputUnits: 32 };

    /** Asks and returns the job and its result, as each validator tells it. */
    async function answers(text, options) {
      const api = await network.api();
      const job = await ask(network, text, requester, { ...question, ...options });
      const view = await waitForEnd(api, job);
      const results = await Promise.all(network.validators.map((node) => node.rpc('inference_getResult', job)));
      return { view, answers: results.map(({ answer }) => answer) };
    }

    it('is served by those that have it, and by the fourth when it is installed there while the node runs', async () => {
      const api = await network.api();
      await waitUntilServedBy(await network.client(), VALIDATORS.slice(0, -1), LANGUAGE_MODEL, 10 * MINUTES);
      own.install();
      await waitUntilServedBy(await network.client(), VALIDATORS, LANGUAGE_MODEL, 10 * MINUTES);
    });

    it('answers a question, all four alike', async (test) => {
      const { view, answers: [first, ...others] } = await answers(FRANCE);
      assert(view.phase.asEnded.verdict.isAgreed);
      assertInTime(await network.api(), view);
      test.diagnostic(`settled after ${blocksToSettle(view)} blocks`);
      const { text, tokens, finish } = first.generation;
      assert.deepEqual({ text, finish, tokens: tokens.length }, {
        text: 'The capital of France is Paris.', finish: 'stop', tokens: 7,
      });
      others.forEach((other) => assert.deepEqual(other, first));
    });

    it('gives a receipt, and the same bytes once more to who verifies it', async () => {
      const { view } = await answers(FRANCE);
      const [node] = network.validators;
      // Other nodes may see the end before this one has it final.
      await waitForFinalizedBlock(await network.api(), 'a final end', () => node.rpc('inference_getReceipt', view.id.toNumber()).then(() => true, () => false));
      const file = join(scratch('receipts'), 'language-model.json');
      await writeFile(file, (await sibyl('receipt', String(view.id), '--url', `ws://${node.rpcAddress}`)).stdout);
      const { stdout, stderr } = await sibyl('verify', file, '--models-path', MODELS_PATH);
      assert.match(stdout, /^chain +local, .*\nWARNING .*\nfinal .* signed by \d of 4 validators[^]*answer +The capital of France is Paris\.\nrun here +the same \d+ bytes\n$/, stderr);
      const missing = await sibyl('verify', file, '--models-path', scratch('no-models'));
      assert.match(missing.stderr, /the proof holds, but smollm2 can't be run on this machine .*: run '.* models install smollm2/);
    });

    it('talks in a terminal, and knows what was said before', async () => {
      const lines = [FRANCE, 'And of Germany?', '/nothing', '/bye'];
      const run = ['models', 'run', LANGUAGE_MODEL, '--models-path', MODELS_PATH];
      const { code, shown } = await sibylInTerminal(run, { prompt: '\n> ', lines });
      assert.match(shown, /The capital of France is Paris\.\s+> And of Germany\?\s+The capital of Germany is Berlin\.\s+> \/nothing\s+there is no \/nothing:/);
      assert.equal(code, 0);
    });

    it('is paid for the tokens that it wrote, and the rest comes back', async () => {
      const { view } = await answers(FRANCE);
      const { quote, settlement } = view;
      const { paid, refunded, authorShare, protocolShare } = settlement.unwrap();
      assert(refunded.toBigInt() > 0n);
      assert.equal(paid.toBigInt() + refunded.toBigInt() + authorShare.toBigInt() + protocolShare.toBigInt(), quote.total.toBigInt());
    });

    it('samples from the seed, all four alike, and goes on from a raw prompt', async () => {
      const sampling = { temperature: 0.9, topP: 0.95 };
      const options = { sampling, maxOutputUnits: 12 };
      const [seven, again, eight] = await Promise.all([7, 7, 8].map(sampled));
      assert.deepEqual(again, seven);
      assert.notDeepEqual(eight, seven);

      async function sampled(seed) {
        const job = await ask(network, { raw: 'Once upon a time' }, requester, { ...question, ...options, seed });
        assert((await waitForEnd(await network.api(), job)).phase.asEnded.verdict.isAgreed);
        return (await network.validators[0].rpc('inference_getResult', job)).answer.generation.tokens;
      }
    });

    it('goes on with a conversation, all four alike, and shows it over JSON-RPC', async () => {
      const messages = [
        ['user', 'What is the capital of France?'],
        ['assistant', 'The capital of France is Paris.'],
        ['user', 'And of Italy?'],
      ].map(([role, text]) => ({ role, text }));
      const { view, answers: [first, ...others] } = await answers({ messages });
      assert(view.phase.asEnded.verdict.isAgreed, `${view.phase}`);
      assert.match(first.generation.text, /Rome/);
      others.forEach((other) => assert.deepEqual(other, first));
      const { input } = await network.validators[0].rpc('inference_getJob', view.id.toNumber());
      assert.deepEqual(input.messages, messages);
    });

    it('says which of some texts is the likeliest, how likely each is, and nothing but what a format allows', async () => {
      const ask = (text, format) => answers(text, { format, maxOutputUnits: 24 });
      const choice = await ask('Is the sky blue? Answer yes or no.', { choice: ['no', 'yes', 'perhaps'] });
      const number = await ask('How many days has a week?', { number: { min: 0, max: 99, decimals: 1 } });
      const pattern = await ask(FRANCE, { regex: '(Lyon|Paris|Nice)!' });
      const scored = await ask(FRANCE, { scoredText: { stops: [] } });
      for (const { view, answers: [first, ...others] } of [choice, number, pattern, scored]) {
        assert(view.phase.asEnded.verdict.isAgreed, `${view.phase}`);
        others.forEach((other) => assert.deepEqual(other, first));
      }
      const { index, probabilities } = choice.answers[0].choice;
      assert.equal(probabilities.length, 3);
      assert.equal(index, probabilities.indexOf(Math.max(...probabilities)));
      const total = probabilities.reduce((sum, probability) => sum + probability, 0);
      assert(total <= 1e6 && total > 1e6 - 3, `${probabilities}`);
      const { value, units, decimals } = number.answers[0].number;
      assert.equal(Number(value) * 10 ** decimals, Number(units));
      assert(decimals === 1 && Number(value) >= 0 && Number(value) <= 9.9, value);
      assert.match(pattern.answers[0].generation.text, /^(Lyon|Paris|Nice)!$/);
      const { text, tokens } = scored.answers[0].scoredText;
      assert.match(text, /Paris/);
      assert.equal(tokens.map((token) => token.text).join(''), text);
      assert(tokens.every(({ score }) => score > 0 && score <= 1e6) && tokens.some(({ score }) => score > 9e5), JSON.stringify(tokens));
    });

    it('makes the choice of `make demo ASK=choice`, which is told as README.md shows it', async () => {
      const { text, format } = ASKS.choice;
      const said = [];
      const say = (line) => said.push(`demo: ${line}`);
      const signer = signerFromSecret('//Ferdie');
      const job = await (await network.client()).ask(LANGUAGE_MODEL, text, { signer, format, maxOutputUnits: 64 });
      await showSteps(job, text, say);
      say(endOf(await job.verify(), format.choice));
      assertShows(outputOf('README.md', 'demo: #4 job 0: “Is this review'), said.join('\n'));
    });

    it('refuses a pattern that is none, all four alike', async () => {
      const { view, answers: [first] } = await answers(FRANCE, { format: { regex: '(' }, maxOutputUnits: 8 });
      assert(view.phase.asEnded.verdict.asFailed.isFormat, `${view.phase}`);
      assert.equal(first, null);
    });

    it('has beside it a model whose vectors all agree on', { skip: skipVectors }, async () => {
      const api = await network.api();
      // The last validator has the language model only.
      await waitUntilServedBy(await network.client(), VALIDATORS.slice(0, -1), VECTOR_MODEL, 10 * MINUTES);
      const job = await ask(network, FRANCE, requester, { model: VECTOR_MODEL });
      assert((await waitForEnd(api, job)).phase.asEnded.verdict.isAgreed);
      const { answer: { embedding: { values } } } = await network.validators[0].rpc('inference_getResult', job);
      const length = Math.hypot(...values) / ONE;
      assert(values.length === 384 && Math.abs(length - 1) < 0.001, `${values.length} values of length ${length}`);
    });

    it('is withdrawn by a validator whose file is gone', async () => {
      own.remove();
      await waitUntilServedBy(await network.client(), VALIDATORS.slice(0, -1), LANGUAGE_MODEL, 10 * MINUTES);
    });
  });
}

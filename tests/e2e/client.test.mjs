import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  chainFacts, connect, DispatchError, formatSib, QuoteError, ReceiptError, sib, SibylError, signerFromSecret, verifyReceipt,
} from '@sibyl/client';

import { account, accountNamed } from '../lib/accounts.mjs';
import { runBinary } from '../lib/binary.mjs';
import { submitAndFinalize } from '../lib/chain.mjs';
import { MODEL, waitUntilServedBy } from '../lib/inference.mjs';
import { liar } from '../lib/liar.mjs';
import { MODELS_PATH, whyUnserved } from '../lib/models.mjs';
import { Network, VALIDATORS } from '../lib/network.mjs';
import { devNode } from '../lib/node.mjs';
import { MINUTES } from '../lib/wait.mjs';

const LANGUAGE_MODEL = 'smollm2';
const GERMAN = 'Wo ist hier bitte der nächste Bahnhof?';
const GENERATES = { skip: whyUnserved(LANGUAGE_MODEL) };

const VECTOR_MODEL = 'minilm';
const VECTORS = { skip: whyUnserved(VECTOR_MODEL) };
/** What a component of a vector has that is 1. */
const ONE = 32_767;

const hexOf = (text) => Buffer.from(text).toString('hex');
const isOf = (code) => (error) => error instanceof SibylError && error.code === code && !error.message.includes('\n');

describe('the client library', () => {
  const network = new Network();
  const signer = signerFromSecret('//Ferdie');
  /** @type {import('@sibyl/client').Sibyl} */
  let sibyl;
  let url;

  before(async () => {
    await network.start();
    await waitUntilServedBy(await network.client(), VALIDATORS);
    url = `ws://${network.node('alice').rpcAddress}`;
    sibyl = await connect({ url });
  });
  after(async () => {
    await sibyl?.close();
    await network.stop();
  });

  describe('over a node', () => {
    let job;

    it('lists the models', async () => {
      const model = await sibyl.model(MODEL);
      assert.equal(model.task, 'classify');
      assert.equal(model.servedBy.length, VALIDATORS.length);
      assert.deepEqual(await sibyl.model(model.id), model);
    });

    it('tells which chain it is, its blocks, and what its validators have done', async () => {
      const { genesis, isDevelopment, peers, isSyncing } = await sibyl.network();
      const api = await network.api();
      assert.equal(genesis, api.genesisHash.toHex());
      assert.deepEqual([isDevelopment, peers, isSyncing], [true, VALIDATORS.length - 1, false]);
      for await (const { best, final } of sibyl.blocks()) {
        assert(best.number >= final.number);
        break;
      }
      const validators = await sibyl.validators();
      assert.deepEqual([...validators].sort(), (await api.query.session.validators()).map(String).sort());
      const { bond, record } = await sibyl.validator(validators[0]);
      assert(bond > 0n);
      assert(record.drawn >= record.committed && record.committed >= record.revealed);
    });

    it('quotes what the chain then holds, in bigints', async () => {
      const quote = await sibyl.quote(MODEL, GERMAN, { seats: 3 });
      assert.equal(quote.seats, 3);
      assert.equal(quote.total, 3n * quote.perSeat + quote.authorShare + quote.protocolShare);
      job = await sibyl.ask(MODEL, GERMAN, { signer, seats: 3 });
      assert.deepEqual((await job.view()).quote, quote);
    });

    it('follows a job to its final end, and tells its submission, answer and end as final once', async () => {
      const steps = [];
      for await (const step of job.follow()) steps.push(step);
      const last = steps.at(-1);
      assert.equal(last.phase, 'ended');
      assert(last.isFinal);
      assert.equal(last.job.verdict, 'agreed');
      assert.deepEqual(last.seats, { total: 3, committed: 3, revealed: 3 });
      assert.equal(steps.filter(({ isFinal, phase }) => isFinal && phase === 'ended').length, 1);
      const { paid, refunded, authorShare, protocolShare } = last.job.settlement;
      assert.equal(paid + refunded + authorShare + protocolShare, last.job.quote.total);
    });

    it('proves the answer from a header, byte for byte what the node told', async () => {
      const told = await job.result();
      const { proof, ...verified } = await job.verify();
      assert.equal(verified.answer.type, 'classification');
      assert.equal(verified.answer.label, 'deu');
      assert.deepEqual(verified.answer, told.answer);
      assert.equal(verified.outputHash, told.outputHash);
      assert.equal(proof.source, 'node');
    });

    it('proves it from a block that is known from elsewhere', async () => {
      const api = await network.node('bob').api();
      const block = (await api.rpc.chain.getFinalizedHead()).toHex();
      const { proof } = await job.verify({ block });
      assert.equal(proof.block.hash, block);
      const unknown = `0x${'5b'.repeat(32)}`;
      await assert.rejects(job.verify({ block: unknown }), SibylError);
    });

    it('finds a job by its number and by its fingerprint, and tells those that there are not', async () => {
      assert.equal((await sibyl.job(job.number)).fingerprint, job.fingerprint);
      assert.equal((await sibyl.job(job.fingerprint)).number, job.number);
      await assert.rejects(sibyl.job(2n ** 60n), isOf('UnknownJob'));
      await assert.rejects(sibyl.job(`0x${'5b'.repeat(32)}`), isOf('UnknownJob'));
    });

    it('takes text that looks like hex or like an address as it is, and bytes as text', async () => {
      const texts = ['0x48656c6c6f', account('//Ferdie').address, new TextEncoder().encode(GERMAN)];
      const jobs = await Promise.all(texts.map((text) => sibyl.ask(MODEL, text, { signer })));
      const views = await Promise.all(jobs.map((each) => each.view()));
      assert.deepEqual(views.map(({ input }) => input.text), [texts[0], texts[1], GERMAN]);
    });

    it('gives several jobs within a block their nonces, whoever else the account has sent by', async () => {
      const eve = signerFromSecret('//Eve');
      const api = await network.api();
      const elsewhere = api.tx.system.remark('0x00').signAndSend(account('//Eve'), { nonce: -1 });
      await elsewhere;
      const jobs = await Promise.all([1, 2, 3, 4].map((at) => sibyl.ask(MODEL, `${GERMAN} ${at}`, { signer: eve })));
      assert.equal(new Set(jobs.map(({ fingerprint }) => fingerprint)).size, jobs.length);
    });

    it('takes an answer that was agreed on before where both who ask allow that, and proves it', async () => {
      const text = 'Deze trein rijdt vandaag niet verder dan Utrecht.';
      const ask = async (name, options) => {
        const asked = await sibyl.ask(MODEL, text, { signer: signerFromSecret(`//${name}`), seats: 3, ...options });
        return { asked, result: await asked.result() };
      };
      const first = await ask('Ferdie', { reuse: true });
      assert.equal(first.result.reused, null);
      const again = await ask('Eve', { reuse: true });
      assert.equal(again.result.reused, first.asked.number);
      assert.deepEqual(again.result.answer, first.result.answer);
      assert.deepEqual(again.result.support, first.result.support);
      const view = await again.asked.view();
      assert.deepEqual([view.submittedAt, view.committees], [view.endedAt, []]);
      const { paid } = (await first.asked.view()).settlement;
      assert.equal(view.settlement.paid, paid / 10n);
      const { proof, ...verified } = await again.asked.verify();
      assert.deepEqual([verified.reused, verified.answer], [first.asked.number, first.result.answer]);
      const without = await ask('Eve', {});
      assert.equal(without.result.reused, null);
    });

    it('takes a pair of polkadot.js as a signer', async () => {
      const other = await sibyl.ask(MODEL, GERMAN, { signer: accountNamed('ferdie') });
      assert.equal((await other.view()).requester, (await (await sibyl.job(other.number)).view()).requester);
    });
  });

  describe('refusals', () => {
    it('refuses a misspelt option before anything is sent', async () => {
      await assert.rejects(sibyl.ask(MODEL, GERMAN, { signer, drawdelay: 1 }), (error) =>
        isOf('UnknownOption')(error) && error.message.includes("'drawDelay'"));
    });

    it('tells what the chain would refuse before anything is sent', async () => {
      const price = (await sibyl.quote(MODEL, GERMAN)).total;
      const dear = sibyl.ask(MODEL, GERMAN, { signer, maxFee: price - 1n });
      await assert.rejects(dear, (error) => error instanceof QuoteError && error.reason === 'FeeAboveLimit' &&
        error.message.includes(formatSib(price)));
      const long = sibyl.quote(MODEL, 'a'.repeat(100_000));
      await assert.rejects(long, (error) => error.reason === 'InputTooLong' && error.limit > 0);
      const spoken = sibyl.quote(MODEL, { messages: [{ role: 'user', text: GERMAN }] });
      await assert.rejects(spoken, (error) => error.reason === 'InputNotOfTask');
      await assert.rejects(sibyl.quote('common-linga', GERMAN), (error) =>
        isOf('UnknownModel')(error) && error.message.includes("'common-lingua'"));
    });

    it('tells by its name, with the chain’s own words, what the chain refuses in a block', async () => {
      const refused = (options) => assert.rejects(sibyl.ask(MODEL, GERMAN, { signer, ...options }), (error) => {
        assert(error instanceof DispatchError && isOf('DispatchFailed')(error));
        assert.equal(error.pallet, 'Inference');
        assert(error.docs.length > 0 && error.message.includes(error.docs));
        assert.equal(error.reason, options.drawDelay ? 'DrawDelayInvalid' : 'FeeAboveLimit');
        return true;
      });
      await Promise.all([refused({ drawDelay: 9 }), refused({ maxFee: 1n, check: false })]);
    });

    it('tells who can’t pay', async () => {
      await assert.rejects(sibyl.ask(MODEL, GERMAN, { signer: signerFromSecret('//Nobody') }), (error) =>
        isOf('TransactionInvalid')(error) && error.message.includes("can't pay"));
      const poor = account('//Poor');
      const api = await network.api();
      await submitAndFinalize(api, api.tx.balances.transferKeepAlive(poor.address, sib('0.01')), account('//Ferdie'), { nonce: -1 });
      await assert.rejects(sibyl.ask(MODEL, GERMAN.repeat(12), { signer: poor }), (error) =>
        error instanceof DispatchError && error.reason === 'BalanceTooLow');
    });

    it('tells where no node is, and that it was closed', async () => {
      await assert.rejects(connect({ url: 'ws://127.0.0.1:1' }), isOf('Unreachable'));
      const other = await connect({ url });
      await other.close();
      await assert.rejects(other.models(), isOf('Closed'));
    });
  });

  describe('over a connection that breaks', () => {
    it('goes on with a job where it was', async () => {
      const { url: broken, drop, stop } = await liar(url, (_, message) => message);
      const other = await connect({ url: broken });
      try {
        const job = await other.ask(MODEL, 'Wird die Verbindung halten?', { signer });
        let last;
        for await (const step of job.follow()) {
          if (last === undefined || step.phase === 'revealing') drop();
          last = step;
        }
        assert.equal(last.job.verdict, 'agreed');
        assert(last.isFinal);
        assert.equal((await job.verify()).answer.label, 'deu');
      } finally {
        await other.close();
        stop();
      }
    });
  });

  describe('without a node', () => {
    let chain;

    before(async () => {
      chain = chainFacts(await runBinary('export-chain-spec', '--chain', 'local', '--raw'));
    });

    it('makes of a specification the first block that the nodes have', async () => {
      assert.equal(chain.genesis, (await sibyl.network()).genesis);
      assert.equal(chain.validators.length, VALIDATORS.length);
    });

    it('checks a receipt, which shows what the chain told, and no other job', async () => {
      const job = await sibyl.ask(MODEL, GERMAN, { signer, seats: 3 });
      for await (const { phase, isFinal } of job.follow()) if (phase === 'ended' && isFinal) break;
      const told = await job.result();
      const receipt = await job.receipt();
      const { proof, ...shown } = verifyReceipt(receipt, chain);
      for (const name of ['number', 'fingerprint', 'status', 'answer', 'outputHash', 'support', 'at']) {
        assert.deepEqual(shown[name], told[name], name);
      }
      assert.deepEqual([shown.input, shown.requester], [{ text: GERMAN }, (await job.view()).requester]);
      assert(proof.signers > 2 && proof.validators === VALIDATORS.length && proof.hasTestKeys);
      assert.throws(() => verifyReceipt({ ...receipt, job: receipt.job - 1 }, chain), ReceiptError);
      const dev = chainFacts(await runBinary('export-chain-spec', '--chain', 'dev', '--raw'));
      assert.throws(() => verifyReceipt(receipt, dev), (error) => error instanceof ReceiptError && error.reason === 'OtherChain');
      // Three of four signatures make a block final, and two do not.
      const others = { ...chain, validators: chain.validators.map((validator, at) => (at < 2 ? { ...validator, key: `0x${'5b'.repeat(32)}` } : validator)) };
      assert.throws(() => verifyReceipt(receipt, others), (error) => error instanceof ReceiptError && error.reason === 'NotFinal');
    });
  });

  describe('over a light client', () => {
    let light;

    before(async () => {
      const chainSpec = await runBinary('export-chain-spec', '--chain', 'local', '--raw');
      light = await connect({ chainSpec, bootNodes: await Promise.all(network.validators.map((node) => node.address())) });
    });
    after(() => light?.close());

    it('asks, follows and verifies without a word of any node', async () => {
      const { genesis } = await sibyl.network();
      const { peers, ...chain } = await light.network();
      assert(peers > 0);
      assert.deepEqual([chain.genesis, chain.isDevelopment], [genesis, true]);
      assert.deepEqual(await light.validators(), await sibyl.validators());
      const job = await light.ask(MODEL, GERMAN, { signer: signerFromSecret('//Dave') });
      const phases = [];
      for await (const { phase } of job.follow()) phases.push(phase);
      assert.equal(phases.at(-1), 'ended');
      const { proof, answer } = await job.verify();
      assert.equal(answer.label, 'deu');
      assert.equal(proof.source, 'light client');
      const told = await (await sibyl.job(job.fingerprint)).verify();
      assert.deepEqual(told.answer, answer);
    });
  });

  describe('over a node that lies', () => {
    // The same bytes stand in the storage, in runtime calls and in proofs.
    const lie = (message) => message.replaceAll(hexOf('deu'), hexOf('nld'));

    let asked;

    before(async () => {
      asked = await sibyl.ask(MODEL, 'Wann fährt der nächste Zug nach Berlin?', { signer });
      await asked.result();
    });

    /** What becomes of a job over a node that alters its answers so: one that was asked before, or is asked by it. */
    async function lied(alter, take = (deceived) => deceived.job(asked.fingerprint)) {
      const { url: false_, stop } = await liar(url, alter);
      const deceived = await connect({ url: false_ });
      try {
        const job = await take(deceived);
        const { answer } = await job.result();
        const verified = await job.verify().then(() => 'verified', (error) => error.code);
        return { label: answer.label, verified };
      } finally {
        await deceived.close();
        stop();
      }
    }

    it('verifies where it tells the truth', async () => {
      assert.deepEqual(await lied((_, message) => message), { label: 'deu', verified: 'verified' });
    });

    it('finds another answer in the state than it told', async () => {
      const told = await lied((method, message) => (method === 'chainHead_v1_followEvent' ? lie(message) : message));
      assert.deepEqual(told, { label: 'nld', verified: 'ResultAltered' });
    });

    it('finds that the proof does not hold where it lies in that, too', async () => {
      assert.deepEqual(await lied((_, message) => lie(message)), { label: 'nld', verified: 'ProofInvalid' });
    });

    it('finds that a proof with a part left out, or of another state, does not hold', async () => {
      const without = await lied((method, message) => {
        if (method !== 'state_getReadProof') return message;
        const answer = JSON.parse(message);
        answer.result.proof.pop();
        return JSON.stringify(answer);
      });
      assert.equal(without.verified, 'ProofInvalid');
      const other = await lied((method, message) => {
        if (method !== 'chain_getHeader') return message;
        const answer = JSON.parse(message);
        answer.result.stateRoot = `0x${'5b'.repeat(32)}`;
        return JSON.stringify(answer);
      });
      assert.equal(other.verified, 'ProofInvalid');
    });

    it('finds that a right proof of another job is none of this one', async () => {
      const { id } = await sibyl.model(MODEL);
      const submitted = new RegExp(`(${hexOf(signer.publicKey)}${id.slice(2)})[0-9a-f]{64}`, 'g');
      // In the events of the block that has the submission.
      const lie = (_, message) => (message.includes('operationStorageItems')
        ? message.replace(submitted, `$1${asked.fingerprint.slice(2)}`)
        : message);
      const { verified } = await lied(lie, (deceived) => deceived.ask(MODEL, 'Das ist eine andere Frage.', { signer }));
      assert.equal(verified, 'QuestionAltered');
    });

    it('does not let the node say how the bytes are to be read', async () => {
      const { verified } = await lied((_, message) => message.replaceAll(hexOf('NoQuorum'), hexOf('MyQuorum')));
      assert.equal(verified, 'LayoutUnknown');
    });
  });
});

// One seat is enough to read what a model says.
describe('the client library with a model that generates', GENERATES, () => {
  const node = devNode('--models-path', MODELS_PATH);
  const signer = signerFromSecret('//Ferdie');
  /** @type {import('@sibyl/client').Sibyl} */
  let sibyl;

  before(async () => {
    await node.start();
    // A machine with much to do measures the model more than once.
    await waitUntilServedBy(await node.client(), ['alice'], LANGUAGE_MODEL, 10 * MINUTES);
    sibyl = await connect({ url: `ws://${node.rpcAddress}` });
  });
  after(async () => {
    await sibyl?.close();
    await node.stop();
  });

  it('goes on with a conversation and with a beginning, and reads the input back', async () => {
    const messages = [
      { role: 'user', text: 'My name is Ada. What is the capital of France?' },
      { role: 'assistant', text: 'The capital of France is Paris.' },
      { role: 'user', text: 'What is my name?' },
    ];
    const options = { signer, maxOutputUnits: 24 };
    const jobs = [
      await sibyl.ask(LANGUAGE_MODEL, { messages }, options),
      await sibyl.ask(LANGUAGE_MODEL, { raw: 'The capital of France is' }, options),
    ];
    const [answered, continued] = await Promise.all(jobs.map((job) => job.verify()));
    for (const { status, answer } of [answered, continued]) {
      assert.equal(status, 'agreed');
      assert(answer.tokens.length > 0 && answer.tokens.length <= options.maxOutputUnits);
    }
    assert.match(continued.answer.text, /^ Paris/);
    const [{ input }, { input: raw }] = await Promise.all(jobs.map((job) => job.view()));
    assert.deepEqual(input, { messages });
    assert.deepEqual(raw, { raw: 'The capital of France is' });
  });

  it('quotes a message as 32 bytes more than its text', async () => {
    const options = { maxOutputUnits: 1 };
    const [text, message] = await Promise.all([
      sibyl.quote(LANGUAGE_MODEL, 'Hello', options),
      sibyl.quote(LANGUAGE_MODEL, { messages: [{ role: 'user', text: 'Hello' }] }, options),
    ]);
    const { price } = await sibyl.model(LANGUAGE_MODEL);
    assert.equal(message.perSeat - text.perSeat, 32n * price.unit);
  });

  it('gives a text’s vector, of length 1, as its proof has it', VECTORS, async () => {
    await waitUntilServedBy(await node.client(), ['alice'], VECTOR_MODEL, 10 * MINUTES);
    const { answer: { values } } = await (await sibyl.ask(VECTOR_MODEL, 'The cat sleeps.', { signer })).verify();
    const length = Math.hypot(...values) / ONE;
    assert(values.length === 384 && Math.abs(length - 1) < 0.001, `${values.length} values of length ${length}`);
  });

  it('chooses, counts and fills a schema', async () => {
    const ask = async (text, format) =>
      (await (await sibyl.ask(LANGUAGE_MODEL, text, { signer, maxOutputUnits: 32, format })).verify()).answer;
    const [choice, number, json] = await Promise.all([
      ask('Is the sky blue? Answer yes or no.', { choice: ['no', 'yes'] }),
      ask('How many legs does a spider have? Answer by a number alone.', { number: { min: 0, max: 100 } }),
      ask('Name the capital of France as JSON.', { json: { type: 'object', properties: { city: { type: 'string', maxLength: 20 } } } }),
    ]);
    assert.equal(choice.text, ['no', 'yes'][choice.index]);
    assert.equal(choice.probabilities.length, 2);
    assert.match(number.text, /^\d+$/);
    assert.equal(number.units, BigInt(number.text));
    assert.equal(typeof JSON.parse(json.text).city, 'string');
  });
});

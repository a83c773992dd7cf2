import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { getDynamicBuilder, getLookupFn } from '@polkadot-api/metadata-builders';
import { AccountId, Blake2256, Bytes } from '@polkadot-api/substrate-bindings';

import { concat, fromHex, toHex } from '../dist/hex.js';
import { chainFacts, ReceiptError, verifyReceipt } from '../dist/index.js';
import { KNOWN_TYPES } from '../dist/known-types.js';
import { known } from '../dist/layout.js';
import { provenValue } from '../dist/proof.js';
import { receiptKeys } from '../dist/receipt.js';
import { stateRootOf } from '../dist/trie.js';
import { authorities, block, proof, signed, state, validators } from './synthetic.mjs';
import { refusedAs as codeOf } from './refused.mjs';

// Of a node of Sibyl, by `make client-layout`.
const { chain, question, label, receipt } = JSON.parse(readFileSync(new URL('receipt.json', import.meta.url)));
const FACTS = { genesis: chain.genesis, validators: chain.validators.map(({ key, weight }) => ({ key, weight: BigInt(weight) })) };
const refusedAs = (reason, words = '') => (error) =>
  error instanceof ReceiptError && error.code === 'ReceiptInvalid' && error.reason === reason && error.message.includes(words);

const flipped = (hex, at) => toHex(fromHex(hex).map((byte, place) => (place === at ? byte ^ 1 : byte)));

describe('a receipt of a node', () => {
  it('shows what was asked and what was agreed on, as an object and as JSON', () => {
    for (const given of [receipt, JSON.stringify(receipt)]) {
      const { answer, input, model, status, support, proof: shown } = verifyReceipt(given, FACTS);
      assert.deepEqual([status, answer.label, input.text, model.name], ['agreed', label, question, 'common-lingua']);
      assert.deepEqual(support, { round: 0, seats: 1, agreed: 1, serving: 1 });
      assert.deepEqual([shown.signers, shown.validators, shown.hasTestKeys], [1, 1, true]);
    }
  });

  it('is refused where a byte of its proof of finality is another', () => {
    const { length } = fromHex(receipt.finality);
    for (let at = 0; at < length; at += 1) {
      const altered = { ...receipt, finality: flipped(receipt.finality, at) };
      assert.throws(() => verifyReceipt(altered, FACTS), ReceiptError, `byte ${at}`);
    }
  });

  it('is refused where a node of its state is altered or left out', () => {
    for (const [place, node] of receipt.state.entries()) {
      const altered = receipt.state.map((each, at) => (at === place ? flipped(each, (node.length - 2) / 2 - 1) : each));
      for (const state of [altered, receipt.state.filter((_, at) => at !== place)]) {
        assert.throws(() => verifyReceipt({ ...receipt, state }, FACTS), refusedAs('Malformed', 'state'), `node ${place}`);
      }
    }
  });

  it('is refused where it is said to be of another job', () => {
    assert.throws(() => verifyReceipt({ ...receipt, job: receipt.job + 1 }, FACTS), ReceiptError);
  });

  it('is refused where it is of another chain, or of validators that did not sign', () => {
    const genesis = `0x${'5b'.repeat(32)}`;
    assert.throws(() => verifyReceipt(receipt, { ...FACTS, genesis }), refusedAs('OtherChain', genesis));
    assert.throws(() => verifyReceipt({ ...receipt, genesis }, FACTS), refusedAs('OtherChain', genesis));
    const others = { ...FACTS, validators: authorities(validators('A')) };
    assert.throws(() => verifyReceipt(receipt, others), refusedAs('NotFinal'));
    assert.throws(() => verifyReceipt(receipt, { ...FACTS, validators: [] }), refusedAs('NotFinal'));
  });

  it('is refused where it is of another version, or no receipt', () => {
    assert.throws(() => verifyReceipt({ ...receipt, version: 2 }, FACTS), refusedAs('Version', '2'));
    const { state, ...without } = receipt;
    for (const none of ['', '{', '[]', 'null', without, { ...receipt, state: 'x' }, { ...receipt, job: -1 }, { ...receipt, finality: '0x0' }, { ...receipt, genesis: '0x' }]) {
      assert.throws(() => verifyReceipt(none, FACTS), refusedAs('NotAReceipt'), JSON.stringify(none));
    }
    assert(state.length > 0);
  });

  it('tells what a trusted chain is where none is given', () => {
    for (const none of [undefined, {}, { genesis: '0x' }, { ...FACTS, validators: 'all' }, { ...FACTS, validators: [{ key: '0x', weight: 1n }] }, { chainSpec: '{' }, { chainSpec: { genesis: {} } }, []]) {
      assert.throws(() => verifyReceipt(receipt, none), codeOf('InvalidArgument'));
    }
    assert.throws(() => verifyReceipt(receipt, { chainSpec: {}, url: 'ws://127.0.0.1' }), codeOf('UnknownOption', 'url'));
  });
});

describe('a receipt of a chain made up', () => {
  const builder = getDynamicBuilder(getLookupFn(known));
  const codec = (name) => builder.buildDefinition(KNOWN_TYPES[name]);
  const VALIDATORS = validators('A', 'B', 'C', 'D');
  const trusted = { genesis: `0x${'11'.repeat(32)}`, validators: authorities(VALIDATORS) };
  const ID = 7;
  const OUTPUT = concat(Uint8Array.of(0), codec('output').enc({ type: 'Refusal', value: { type: 'ContextExceeded', value: undefined } }));
  const model = Uint8Array.from({ length: 32 }, () => 4);
  // Whatever a job has besides is as in the node's receipt.
  const real = verifyReceipt(receipt, FACTS);

  /** A receipt of a state with a job that differs so from an agreed one. */
  function made({ change = {}, output = OUTPUT, leaveOut, by = VALIDATORS, more = [] } = {}) {
    const [jobKey, inputKey, outputKey, modelKey] = receiptKeys(BigInt(ID), toHex(model));
    const entries = [
      [jobKey, codec('job').enc({ ...job(), ...change })],
      [inputKey, codec('input').enc({ type: 'Text', value: new TextEncoder().encode('abc') })],
      [outputKey, Bytes().enc(output)],
      [modelKey, storedModel()],
    ].filter((_, at) => at !== leaveOut);
    const { root, parts } = state([...entries, ...more]);
    assert.equal(toHex(stateRootOf([...entries, ...more])), toHex(root), 'both builders agree');
    const finality = proof([signed({ block: block(9, { stateRoot: root }), by })]);
    return { version: 1, genesis: trusted.genesis, job: ID, finality: toHex(finality), state: parts.map(toHex) };
  }

  function entry(place) {
    const keys = receiptKeys(BigInt(receipt.job), real.model.id);
    return provenValue(real.proof.stateRoot, receipt.state.map(fromHex), keys[place]);
  }
  const job = () => ({
    ...codec('job').dec(entry(0)),
    requester: AccountId().dec(Uint8Array.from({ length: 32 }, () => 1)),
    model: toHex(model),
    agreed: { ...codec('job').dec(entry(0)).agreed, value: { output_hash: toHex(Blake2256(OUTPUT)), work: `0x${'00'.repeat(32)}` } },
  });
  const storedModel = () => entry(3);

  it('shows a refusal, too', () => {
    const shown = verifyReceipt(made(), trusted);
    assert.deepEqual([shown.status, shown.answer, shown.refusal], ['failed', null, 'contextExceeded']);
    assert.deepEqual([shown.proof.block.number, shown.proof.signers, shown.proof.hasTestKeys], [9, 4, false]);
    assert.deepEqual(shown.output, OUTPUT);
  });

  it('is refused where too few signed the state', () => {
    assert.throws(() => verifyReceipt(made({ by: VALIDATORS.slice(2) }), trusted), refusedAs('NotFinal', '#9'));
  });

  it('is refused where the job goes on, ended without an answer, or is not there', () => {
    assert.throws(() => verifyReceipt(made({ change: { outcome: undefined } }), trusted), refusedAs('NotEnded'));
    assert.throws(() => verifyReceipt(made({ change: { agreed: undefined } }), trusted), refusedAs('NoAnswer'));
    for (const [place, what] of ['the job', 'input', 'output', 'model'].entries()) {
      assert.throws(() => verifyReceipt(made({ leaveOut: place }), trusted), refusedAs('Absent', what));
    }
  });

  it('is refused where nobody agreed on the output, or a second committee found another', () => {
    assert.throws(() => verifyReceipt(made({ output: Uint8Array.of(0, 1, 2) }), trusted), refusedAs('Malformed', 'agreed'));
    const audit = { type: 'Overturned', value: { output_hash: `0x${'22'.repeat(32)}` } };
    assert.throws(() => verifyReceipt(made({ change: { audit } }), trusted), refusedAs('Overturned', '0x2222'));
    const confirmed = verifyReceipt(made({ change: { audit: { type: 'Confirmed', value: undefined } } }), trusted);
    assert.equal(confirmed.audit.status, 'confirmed');
  });

  it('is refused where an entry is laid out otherwise than this release reads', () => {
    const [jobKey] = receiptKeys(BigInt(ID), toHex(model));
    const longer = concat(codec('job').enc(job()), Uint8Array.of(0));
    assert.throws(() => verifyReceipt(made({ leaveOut: 0, more: [[jobKey, longer]] }), trusted), refusedAs('Malformed', 'release'));
  });
});

describe('a state’s root', () => {
  it('is that of the same state, whatever the keys and the lengths of values', () => {
    const entries = [];
    for (const length of [...Array(40).keys(), 200]) {
      entries.push([Uint8Array.of(0xa0, length), new Uint8Array(length).fill(7)]);
      entries.push([new Uint8Array(40).fill(length), new Uint8Array(length).fill(9)]);
      entries.push([Uint8Array.of(0xa0, length, 1, 2), new Uint8Array(length).fill(8)]);
    }
    assert.equal(toHex(stateRootOf(entries)), toHex(state(entries).root));
    assert.equal(toHex(stateRootOf([])), '0x03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314');
  });
});

describe('a chain’s specification', () => {
  it('gives the first validators, and another first block where anything of the first state is another', () => {
    const PLACE = '0x5f9cc45b7a00c5899361e1c6099678dc5e0621c4869aa60c02be9adcc98a0d1d';
    const list = (weight) => `0x04${'ab'.repeat(32)}${weight}00000000000000`;
    const spec = (weight, code) => ({ genesis: { raw: { top: { [PLACE]: list(weight), '0x3a636f6465': code }, childrenDefault: {} } } });
    const facts = chainFacts(spec('01', '0x00'));
    assert.deepEqual(facts.validators, [{ key: `0x${'ab'.repeat(32)}`, weight: 1n }]);
    assert.deepEqual(chainFacts(JSON.stringify(spec('01', '0x00'))), facts);
    const others = [chainFacts(spec('02', '0x00')), chainFacts(spec('01', '0x01'))];
    assert.equal(new Set([facts, ...others].map(({ genesis }) => genesis)).size, 3);
    for (const none of [{ genesis: { raw: { top: {} } } }, { genesis: { runtimeGenesis: {} } }, { genesis: { raw: { top: { '0x': 'none' } } } }, { genesis: { raw: { top: {}, childrenDefault: { '0x01': {} } } } }]) {
      assert.throws(() => chainFacts(none), codeOf('InvalidArgument', 'export-chain-spec --raw'));
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { toChainFormat } from '../dist/format.js';
import { inputBytes, toChainInput } from '../dist/input.js';
import { toChainOptions } from '../dist/options.js';
import { refusedAs } from './refused.mjs';

const bytes = (text) => new TextEncoder().encode(text);

describe('inputs', () => {
  it('take a string as text, even where it looks like hex or like an address', () => {
    for (const text of ['0x48656c6c6f', '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY', 'grüß dich 🦀', '']) {
      assert.deepEqual(toChainInput(text), { type: 'Text', value: bytes(text) });
      assert.deepEqual(toChainInput({ text }), { type: 'Text', value: bytes(text) });
    }
  });

  it('take bytes as the bytes of a text, whatever length SCALE would read in front of them', () => {
    const text = 'Hello, how are you today my friend?';
    assert.deepEqual(toChainInput(bytes(text)), { type: 'Text', value: bytes(text) });
    assert.deepEqual(toChainInput(Buffer.from(text)), { type: 'Text', value: bytes(text) });
  });

  it('take beginnings, and messages by their roles', () => {
    assert.deepEqual(toChainInput({ raw: 'Once' }), { type: 'Raw', value: bytes('Once') });
    const messages = [{ role: 'system', text: 'Be brief.' }, { role: 'user', text: bytes('Hi') }];
    assert.deepEqual(toChainInput({ messages }), {
      type: 'Messages',
      value: [
        { role: { type: 'System', value: undefined }, text: bytes('Be brief.') },
        { role: { type: 'User', value: undefined }, text: bytes('Hi') },
      ],
    });
  });

  it('refuse what is no text', () => {
    for (const wrong of [undefined, null, 5, ['a'], { text: 5 }, { text: 'a', raw: 'b' }, {}, Uint8Array.of(0xc3, 0x28), '\ud800', new Uint16Array(2)]) {
      assert.throws(() => toChainInput(wrong), refusedAs('InvalidArgument'));
    }
  });

  it('refuse names that there are not, and say the nearest', () => {
    assert.throws(() => toChainInput({ mesages: [] }), refusedAs('UnknownOption', "'messages'"));
    assert.throws(() => toChainInput({ messages: [{ role: 'user', content: 'Hi' }] }), refusedAs('UnknownOption', 'role, text'));
    assert.throws(() => toChainInput({ messages: [{ role: 'User', text: 'Hi' }] }), refusedAs('InvalidArgument', 'system, user, assistant'));
    assert.throws(() => toChainInput({ messages: [{ role: 'constructor', text: 'Hi' }] }), refusedAs('InvalidArgument'));
  });

  it('count bytes as the chain does: 32 more for a message, and none where a text is empty', () => {
    const count = (input) => inputBytes(toChainInput(input));
    assert.equal(count('héllo'), 6);
    assert.equal(count({ messages: [{ role: 'user', text: 'ab' }, { role: 'user', text: 'c' }] }), 67);
    assert.equal(count({ messages: [{ role: 'user', text: 'ab' }, { role: 'user', text: '' }] }), 0);
    assert.equal(count({ messages: [] }), 0);
  });
});

describe('options', () => {
  it('have the chain’s defaults', () => {
    assert.deepEqual(toChainOptions({}), {
      seats: { type: 'All', value: undefined },
      max_output_units: 0,
      draw_delay: 1,
      sampling: { temperature: 0, top_k: 0, top_p: 0 },
      seed: undefined,
      format: { type: 'Text', value: { stops: [] } },
      reuse: false,
    });
    assert.equal(toChainOptions({ reuse: true }).reuse, true);
    assert.throws(() => toChainOptions({ reuse: 'yes' }), /reuse is true or false, not 'yes'/);
  });

  it('take a number of seats as that many, and never as a place in an enum', () => {
    const seats = (given) => toChainOptions({ seats: given }).seats;
    assert.deepEqual(seats(1), { type: 'Fixed', value: 1 });
    assert.deepEqual(seats(3), { type: 'Fixed', value: 3 });
    assert.deepEqual(seats({ fixed: 3 }), { type: 'Fixed', value: 3 });
    assert.deepEqual(seats('all'), { type: 'All', value: undefined });
    for (const wrong of [0, -1, 1.5, '3', 'All', null, { fixed: '3' }, 70_000]) {
      assert.throws(() => seats(wrong), refusedAs('InvalidArgument'));
    }
    assert.throws(() => seats({ Fixed: 3 }), refusedAs('UnknownOption', "'fixed'"));
  });

  it('take a temperature and a share as decimals', () => {
    const sampling = (given) => toChainOptions({ sampling: given }).sampling;
    assert.deepEqual(sampling({ temperature: 0.7, topP: 0.95, topK: 40 }), { temperature: 700, top_k: 40, top_p: 950_000 });
    for (const wrong of [{ temperature: 700 }, { temperature: -1 }, { temperature: NaN }, { temperature: '0.7' }, { temperature: 1, topP: 95 }]) {
      assert.throws(() => sampling(wrong), refusedAs('InvalidArgument'));
    }
    assert.throws(() => sampling({ topK: 40 }), refusedAs('InvalidArgument', 'temperature'));
    assert.throws(() => sampling({ temprature: 0.7 }), refusedAs('UnknownOption', "'temperature'"));
  });

  it('take a seed above 2^53 as a bigint alone', () => {
    assert.equal(toChainOptions({ seed: 7 }).seed, 7n);
    assert.equal(toChainOptions({ seed: 2n ** 64n - 1n }).seed, 2n ** 64n - 1n);
    assert.throws(() => toChainOptions({ seed: 2 ** 60 }), refusedAs('InvalidArgument', 'bigint'));
    assert.throws(() => toChainOptions({ seed: 2n ** 64n }), refusedAs('InvalidArgument'));
    assert.throws(() => toChainOptions({ seed: '7' }), refusedAs('InvalidArgument'));
  });
});

describe('formats', () => {
  it('are the chain’s', () => {
    assert.deepEqual(toChainFormat({ choice: ['yes', 'no'] }), { type: 'Choice', value: [bytes('yes'), bytes('no')] });
    assert.deepEqual(toChainFormat({ number: { min: -1, max: 2n ** 62n } }), { type: 'Number', value: { min: -1n, max: 2n ** 62n, decimals: 0 } });
    assert.deepEqual(toChainFormat({ json: { type: 'null' } }), { type: 'Json', value: bytes('{"type":"null"}') });
    assert.deepEqual(toChainFormat({ json: '{}' }), { type: 'Json', value: bytes('{}') });
    assert.deepEqual(toChainFormat({ regex: 'a*' }), { type: 'Regex', value: bytes('a*') });
    assert.deepEqual(toChainFormat({ text: { stops: ['\n'] } }), { type: 'Text', value: { stops: [bytes('\n')] } });
    assert.deepEqual(toChainFormat({ scoredText: { stops: ['a'] } }), { type: 'ScoredText', value: { stops: [bytes('a')] } });
  });

  it('refuse what is none', () => {
    for (const wrong of ['json', { choice: 'yes,no' }, { regex: /a/ }, { number: { min: 0.5, max: 1 } }, { json: [] }, {}, { json: '{}', regex: 'a' }]) {
      assert.throws(() => toChainFormat(wrong), refusedAs('InvalidArgument'));
    }
    assert.throws(() => toChainFormat({ Choice: ['yes', 'no'] }), refusedAs('UnknownOption', "'choice'"));
    assert.throws(() => toChainFormat({ number: { min: 0, max: 1, decimal: 1 } }), refusedAs('UnknownOption', "'decimals'"));
    assert.throws(() => toChainFormat({ scoredText: { stop: ['a'] } }), refusedAs('UnknownOption', "'stops'"));
  });
});

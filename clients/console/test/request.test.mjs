import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { FieldError, questionOf, questionOfView, requestOf, scaled, titleOf } from '../build/request.js';

const FIELDS = {
  task: 'generate', inputKind: 'text', text: 'Hello', messages: [{ role: 'user', text: 'Hi' }], seats: 'all', reuse: false, units: '64', formatKind: 'text',
  stops: '', choices: '', min: '0', max: '100', decimals: '0', schema: '{}', pattern: '',
};
const request = (fields) => requestOf({ ...FIELDS, ...fields });
const refused = (fields, field) => assert.throws(() => request(fields), (error) => error instanceof FieldError && error.field === field);

describe('the form', () => {
  it('asks a model that does not generate for nothing but a text and seats', () => {
    assert.deepEqual(request({ task: 'classify', formatKind: 'regex', units: 'x', seats: '3' }), { input: 'Hello', options: { seats: 3 } });
    assert.deepEqual(request({ task: 'classify', reuse: true }).options, { seats: 'all', reuse: true });
  });

  it('asks for a text, for messages, or with a beginning', () => {
    assert.equal(request({}).input, 'Hello');
    assert.deepEqual(request({ inputKind: 'messages' }).input, { messages: FIELDS.messages });
    assert.deepEqual(request({ inputKind: 'raw' }).input, { raw: 'Hello' });
  });

  it('keeps the spaces of choices and stops, which a model sees', () => {
    assert.deepEqual(request({ formatKind: 'choice', choices: ' yes\n no\r\n\n' }).options, { seats: 'all', format: { choice: [' yes', ' no'] } });
    assert.deepEqual(request({ stops: '\n.\n' }).options.format, { text: { stops: ['.'] } });
  });

  it('takes a number’s range as people write it', () => {
    const { format } = request({ formatKind: 'number', min: '-0.5', max: '100', decimals: '1' }).options;
    assert.deepEqual(format, { number: { min: -5n, max: 1000n, decimals: 1 } });
    assert.equal(scaled('−3', 2, 'min'), -300n);
  });

  it('says which field can’t be taken', () => {
    refused({ text: '' }, 'text');
    refused({ inputKind: 'messages', messages: [{ role: 'user', text: 'Hi' }, { role: 'user', text: '' }] }, 'message-1');
    refused({ units: 'many' }, 'units');
    refused({ formatKind: 'choice', choices: 'one' }, 'choices');
    refused({ formatKind: 'choice', choices: 'one\none' }, 'choices');
    refused({ formatKind: 'number', min: 'low' }, 'min');
    refused({ formatKind: 'number', max: '0.5' }, 'max');
    refused({ formatKind: 'number', max: '-1' }, 'max');
    refused({ formatKind: 'number', max: '9'.repeat(30) }, 'max');
    refused({ formatKind: 'number', decimals: '12' }, 'decimals');
    refused({ formatKind: 'json', schema: '{' }, 'schema');
    refused({ formatKind: 'regex' }, 'pattern');
  });
});

describe('a question', () => {
  const view = (input, options) => ({
    model: '0x01',
    input,
    options: { seats: 'all', maxOutputUnits: 0, drawDelay: 1, sampling: { temperature: 0, topK: 0, topP: 0 }, seed: null, format: { text: { stops: [] } }, reuse: false, ...options },
  });
  const asked = ({ input, options }) => questionOf('0x01', '0x02', input, options);

  it('is the same as the chain has it, whatever its form', () => {
    const cases = [
      [request({}), view({ text: 'Hello' }, { maxOutputUnits: 64 })],
      [request({ inputKind: 'raw' }), view({ raw: 'Hello' }, { maxOutputUnits: 64 })],
      [request({ inputKind: 'messages', formatKind: 'choice', choices: 'a\nb' }), view({ messages: FIELDS.messages }, { format: { choice: ['a', 'b'] } })],
      [request({ formatKind: 'number', seats: '3' }), view({ text: 'Hello' }, { seats: 3, maxOutputUnits: 64, format: { number: { decimals: 0, min: 0n, max: 100n } } })],
      [request({ reuse: true }), view({ text: 'Hello' }, { maxOutputUnits: 64, reuse: true })],
      [request({ formatKind: 'json' }), view({ text: 'Hello' }, { maxOutputUnits: 64, format: { json: '{}' } })],
    ];
    for (const [mine, chains] of cases) assert.equal(asked(mine), questionOfView(chains, '0x02'));
  });

  it('is another one where any part differs', () => {
    const mine = asked(request({}));
    const same = [{ text: 'Hello' }, { maxOutputUnits: 64 }];
    assert.equal(mine, questionOfView(view(...same), '0x02'));
    assert.notEqual(mine, questionOfView(view(...same), '0x03'));
    assert.notEqual(mine, questionOfView({ ...view(...same), model: '0x04' }, '0x02'));
    for (const [input, options] of [
      [{ text: 'Hello!' }, {}], [{ raw: 'Hello' }, {}], [{ text: 'Hello' }, { seats: 3 }], [{ text: 'Hello' }, { drawDelay: 2 }],
      [{ text: 'Hello' }, { seed: 1n }], [{ text: 'Hello' }, { sampling: { temperature: 1, topK: 0, topP: 0 } }],
      [{ text: 'Hello' }, { format: { text: { stops: ['.'] } } }], [{ text: 'Hello' }, { maxOutputUnits: 65 }], [{ text: 'Hello' }, { reuse: true }],
    ]) assert.notEqual(mine, questionOfView(view(input, { maxOutputUnits: 64, ...options }), '0x02'));
  });

  it('has its last message, or its text, for a title', () => {
    assert.deepEqual([titleOf('a'), titleOf({ raw: 'b' }), titleOf({ messages: FIELDS.messages })], ['a', 'b', 'Hi']);
  });
});

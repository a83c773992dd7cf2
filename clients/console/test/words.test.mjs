import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { DispatchError, QuoteError, SibylError } from '@sibyl/client';

import { percent, settlementSentence, shown } from '../build/answer.js';
import { ageSentence, answerOf } from '../build/feed.js';
import { isSame } from '../build/proof.js';
import { PlainError, troubleOf } from '../build/trouble.js';

const SUPPORT = { round: 0, seats: 4, agreed: 3, serving: 4 };
const result = (answer, more = {}) => ({
  status: 'agreed', answer, refusal: null, support: SUPPORT, audit: { status: 'none' }, outputHash: '0x01', ...more,
});

describe('an answer', () => {
  it('says of how many seats how many agreed', () => {
    const { answer, notes } = shown(result({ type: 'generation', text: 'Paris', tokens: [1], finish: 'stop' }));
    assert.equal(answer, 'Paris');
    assert.deepEqual(notes, ['3 of 4 seats of the first committee said so; 4 validators served the model then.']);
  });

  it('says that it was cut off', () => {
    assert.match(shown(result({ type: 'generation', text: 'Par', tokens: [1], finish: 'length' })).notes[0], /cut off/);
  });

  it('shows how likely each label and each choice is', () => {
    const { bars } = shown(result({ type: 'choice', text: 'no', index: 1, probabilities: [250_000, 750_000] }), ['yes', 'no']);
    assert.deepEqual(bars, [{ label: 'yes', share: 0.25 }, { label: 'no', share: 0.75 }]);
    assert.equal(percent(bars[1].share), '75.0 %');
    assert.equal(shown(result({ type: 'classification', label: 'deu', scores: [{ label: 'deu', score: 999_000 }] })).bars[0].share, 0.999);
  });

  it('says why there is none, and who paid', () => {
    const failed = shown(result(null, { status: 'failed', refusal: 'contextExceeded' }));
    assert.equal(failed.answer, null);
    assert.match(failed.notes[0], /more than the model reads.*base price/);
    assert.match(shown(result(null, { status: 'noQuorum', support: null })).notes[0], /price came back/);
  });

  it('warns where an audit contradicts it', () => {
    const { notes } = shown(result({ type: 'number', text: '1', units: 1n, decimals: 0 }, { audit: { status: 'overturned', outputHash: '0x02' } }));
    assert(notes.some((note) => note.includes('contradicts')));
  });

  it('shows the beginning of a vector', () => {
    assert.match(shown(result({ type: 'embedding', values: Array.from({ length: 384 }, (_, at) => at) })).answer, /^\[0, 1, .*7, …\]$/);
  });

  it('says where the money went', () => {
    assert.equal(settlementSentence({ settlement: null }), null);
    assert.equal(
      settlementSentence({ settlement: { paid: 10n ** 12n, refunded: 0n, authorShare: 0n, protocolShare: 5n * 10n ** 10n } }),
      '1 SIB went to seats, 0.05 SIB to the protocol, 0 SIB came back.',
    );
    assert.equal(
      settlementSentence({ settlement: { paid: 10n ** 12n, refunded: 0n, authorShare: 10n ** 11n, protocolShare: 5n * 10n ** 10n } }),
      '1 SIB went to seats, 0.1 SIB to the model’s author, 0.05 SIB to the protocol, 0 SIB came back.',
    );
  });

  it('is the same as another one only where all that is read is', () => {
    const one = result({ type: 'generation', text: 'Paris', tokens: [1], finish: 'stop' });
    assert(isSame(one, { ...one, block: {}, settled: true }, []));
    assert(!isSame(one, { ...one, answer: { ...one.answer, text: 'Rome' } }, []));
    assert(!isSame(one, { ...one, outputHash: '0x02' }, []));
    assert(!isSame(one, { ...one, support: { ...SUPPORT, agreed: 4 } }, []));
  });
});

describe('a trouble', () => {
  it('is a sentence, and says what to do', () => {
    const { what, todo } = troubleOf(new SibylError('Unreachable', 'no node answers at ws://127.0.0.1:1: it refuses the connection'));
    assert.equal(what, 'No node answers at ws://127.0.0.1:1: it refuses the connection.');
    assert.match(todo, /sibyl-node --dev/);
  });

  it('says what is to be done about the chain’s own reason', () => {
    assert.match(troubleOf(new QuoteError('TooFewValidators', 'only 2 serve it')).todo, /fewer seats.*Nothing was sent/);
    assert.match(troubleOf(new DispatchError('Inference', 'BalanceTooLow', 'The balance is too low.')).todo, /more SIB/);
  });

  it('tells not to rely on a node whose proof does not hold', () => {
    for (const code of ['ProofInvalid', 'ResultAltered', 'QuestionAltered']) assert.match(troubleOf(new SibylError(code, 'x')).todo, /Do not rely/);
  });

  it('says where a receipt is to be had, or when', () => {
    assert.match(troubleOf(new SibylError('ReceiptUnsupported', 'x')).todo, /another node/);
    assert.match(troubleOf(new SibylError('NoResult', 'x')).todo, /few blocks/);
  });

  it('takes whatever is thrown', () => {
    assert.deepEqual(troubleOf(new PlainError('No wallet', 'Install one.')), { what: 'No wallet.', todo: 'Install one.' });
    for (const thrown of [new TypeError('x is not a function'), 'text', undefined]) assert(troubleOf(thrown).todo.length > 0);
  });
});

describe('a feed', () => {
  it('says how old its answer is, in blocks and in time', () => {
    assert.deepEqual([0, 1, 39, 40, 1_200, 28_800].map(ageSentence), [
      'Of this block.', '1 block ago, about 3 s.', '39 blocks ago, about 117 s.', '40 blocks ago, about 2 min.',
      '1200 blocks ago, about 60 min.', '28800 blocks ago, about 24 h.',
    ]);
  });

  it('shows its answer as a job does, and nothing before the first', () => {
    const options = { format: { text: { stops: [] } } };
    assert.equal(answerOf({ latest: null, options }), '');
    const answer = { type: 'classification', label: 'deu', scores: [] };
    assert.equal(answerOf({ latest: { answer, support: SUPPORT }, options }), 'deu');
    const choice = { type: 'choice', text: 'no', index: 1, probabilities: [1, 2] };
    assert.equal(answerOf({ latest: { answer: choice, support: SUPPORT }, options: { format: { choice: ['yes', 'no'] } } }), 'no');
  });
});

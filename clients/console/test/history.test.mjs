import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { History } from '../build/history.js';

const GENESIS = `0x${'01'.repeat(32)}`;
const entry = (at, more = {}) => ({
  fingerprint: `0x${at.toString(16).padStart(64, '0')}`, genesis: GENESIS, model: 'smollm2', title: `question ${at}`, question: '[]',
  askedAt: at, outcome: null, proven: null, ...more,
});

/** What a browser's storage is, with room for so many characters. */
function store(room = Infinity) {
  const kept = new Map();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem(key, value) {
      if (value.length > room) throw new Error('full');
      kept.set(key, value);
    },
  };
}

describe('the list of jobs', () => {
  it('is there again with another page, the newest first', () => {
    const stored = store();
    const history = new History(stored);
    history.add(entry(1));
    history.add(entry(2));
    history.note(entry(1).fingerprint, { outcome: 'Paris', proven: { number: 9, hash: GENESIS } });
    const again = new History(stored).list(GENESIS);
    assert.deepEqual(again.map(({ title, outcome }) => [title, outcome]), [['question 2', null], ['question 1', 'Paris']]);
  });

  it('has the jobs of each chain for themselves', () => {
    const history = new History(store());
    const other = `0x${'03'.repeat(32)}`;
    history.add(entry(1));
    history.add(entry(2, { genesis: other }));
    assert.equal(history.list(GENESIS).length, 1);
    history.forgetAll(GENESIS);
    assert.deepEqual([history.list(GENESIS).length, history.list(other).length], [0, 1]);
  });

  it('keeps what another tab has added', () => {
    const stored = store();
    const [one, two] = [new History(stored), new History(stored)];
    one.add(entry(1));
    two.add(entry(2));
    assert.equal(new History(stored).list(GENESIS).length, 2);
  });

  it('has a job once, and forgets it', () => {
    const history = new History(store());
    history.add(entry(1));
    history.add(entry(1));
    assert.equal(history.list(GENESIS).length, 1);
    history.forget(entry(1).fingerprint);
    assert.equal(history.find(entry(1).fingerprint), undefined);
  });

  it('lasts as long as the page where the browser stores nothing', () => {
    const history = new History(undefined);
    history.add(entry(1));
    history.add(entry(2));
    assert.equal(history.list(GENESIS).length, 2);
  });

  it('tells where there is no room', () => {
    let told = 0;
    new History(store(1), () => { told += 1; }).add(entry(1));
    assert.equal(told, 1);
  });

  it('leaves out what is no entry of its own', () => {
    const stored = store();
    const [key] = (new History(stored).add(entry(1)), stored.kept.keys());
    for (const bad of ['{', '{}', 'null', JSON.stringify([null, 1, { ...entry(2), proven: 'yes' }, { ...entry(3), fingerprint: 'x' }])]) {
      stored.kept.set(key, bad);
      assert.deepEqual(new History(stored).list(GENESIS), []);
    }
  });
});

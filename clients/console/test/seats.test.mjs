import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { lineOf, SeatHistory, sentenceOf } from '../build/seats.js';

const HASH = '0xaa';
const OTHER = '0xbb';

/** A step at a block; votes are those of the seats of alice, bob and so on. */
function step(number, votes, { phase = 'committing', isFinal = false, agreed = null, verdict = null, reused = null, round = 0 } = {}) {
  const seats = votes.map((vote, at) => ({
    validator: ['alice', 'bob', 'charlie'][at],
    vote: vote.split(' ')[0],
    ...(vote.startsWith('revealed') && { outputHash: vote.split(' ')[1] ?? HASH }),
    ...(vote.startsWith('abstained') && { reason: 'busy' }),
  }));
  const having = (...names) => seats.filter(({ vote }) => names.includes(vote)).length;
  return {
    phase,
    isFinal,
    block: { number, hash: '0x' },
    seats: { total: seats.length, committed: having('committed', 'revealed'), revealed: having('revealed') },
    job: { committees: [{ round, drawnAt: 4, serving: 3, seats }], agreed: agreed && { outputHash: agreed }, verdict, reused },
  };
}

const blocks = (history) => history.committees[0].seats.map(({ committedAt, revealedAt }) => [committedAt, revealedAt]);

describe('a committee', () => {
  it('fills seat by seat, each with the block after which it had done what', () => {
    const history = new SeatHistory();
    history.feed(step(4, ['missing', 'missing']));
    history.feed(step(5, ['committed', 'missing']));
    history.feed(step(6, ['committed', 'committed']));
    history.feed(step(7, ['revealed', 'committed']));
    history.feed(step(8, ['revealed', 'revealed']));
    assert.deepEqual(blocks(history), [[5, 7], [6, 8]]);
  });

  it('knows a seat that committed and revealed within a block', () => {
    const history = new SeatHistory();
    history.feed(step(4, ['missing']));
    history.feed(step(5, ['revealed']));
    assert.deepEqual(blocks(history), [[5, 5]]);
  });

  it('does not make up when seats did what was done before it looked', () => {
    const history = new SeatHistory();
    history.feed(step(9, ['revealed', 'committed']), true);
    history.feed(step(10, ['revealed', 'revealed']));
    assert.deepEqual(blocks(history), [[null, null], [null, 10]]);
  });

  it('takes back what another fork does not have', () => {
    const history = new SeatHistory();
    history.feed(step(5, ['committed']));
    history.feed(step(5, ['missing']));
    history.feed(step(6, ['committed']));
    assert.deepEqual(blocks(history), [[6, null]]);
    history.feed({ phase: 'lost', job: null, block: { number: 7 } });
    assert.deepEqual(history.committees, []);
  });

  it('says who revealed another answer than was agreed on, and why a seat abstained', () => {
    const history = new SeatHistory();
    history.feed(step(8, ['revealed', `revealed ${OTHER}`, 'abstained'], { agreed: HASH }));
    assert.deepEqual(history.committees[0].seats.map(({ agrees }) => agrees), [true, false, null]);
    assert.equal(history.committees[0].seats[2].reason, 'busy');
  });

  it('begins anew with a second committee', () => {
    const history = new SeatHistory();
    history.feed(step(5, ['committed']));
    const second = step(9, ['committed'], { round: 1 });
    history.feed(second);
    assert.deepEqual(blocks(history), [[9, null]]);
  });
});

describe('where a job stands', () => {
  it('is a sentence with the seats that have acted', () => {
    assert.match(sentenceOf(step(5, ['committed', 'missing'])), /1 of 2 seats have committed/);
    assert.match(sentenceOf(step(6, ['revealed', 'committed'], { phase: 'revealing' })), /1 of 2 seats have revealed/);
  });

  it('tells a final end from one that is not', () => {
    const end = { phase: 'ended', verdict: 'agreed' };
    assert.match(sentenceOf(step(8, [], end)), /not final yet/);
    assert.match(lineOf(step(8, [], { ...end, isFinal: true })), /^#8, final: .*That is final/);
  });

  it('says whose answer was taken', () => {
    assert.match(sentenceOf(step(8, [], { phase: 'ended', verdict: 'agreed', reused: 7n })), /that of job 7/);
  });

  it('says that the money came back where there is no answer', () => {
    for (const verdict of ['noQuorum', 'expired', 'cancelled']) {
      assert.match(sentenceOf(step(8, [], { phase: 'ended', verdict })), /whole price came back/);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { follow } from '../dist/follow.js';
import { refusedAs } from './refused.mjs';

const JOB = `0x${'ab'.repeat(32)}`;

/** A job as a block's chain has it. */
const view = (phase, { number = 1n, votes = [], agreed = null } = {}) => ({
  number,
  phase,
  agreed,
  committees: votes.length > 0 ? [{ seats: votes.map((vote) => ({ vote })) }] : [],
  hasSubstitutes: false,
  audit: { status: 'none' },
});

/**
 * A chain that is told in so many turns: each is the best chain's blocks, the newest first, the last of them final. A block
 * is its height and its fork, such as `3a`.
 */
function chain(turns, views, forgotten = []) {
  const asked = [];
  return {
    asked,
    async* blocks() {
      for (const turn of turns) yield turn.split(' ').map((hash) => ({ hash, number: Number.parseInt(hash, 10) }));
    },
    async jobAt(fingerprint, hash) {
      assert.equal(fingerprint, JOB);
      asked.push(hash);
      return forgotten.includes(hash) ? 'forgotten' : views[hash];
    },
  };
}

async function told(followed, expiresAt) {
  const steps = [];
  try {
    for await (const step of follow(followed, JOB, expiresAt)) steps.push(step);
  } catch (error) {
    return { steps: steps.map(show), error };
  }
  return { steps: steps.map(show) };
}

const show = ({ phase, block, isFinal, job, seats }) =>
  [block.hash, phase, ...(job ? [`job ${job.number}`] : []), ...(seats.total ? [`${seats.committed}+${seats.revealed}/${seats.total}`] : []), ...(isFinal ? ['final'] : [])].join(' ');

describe('following a job', () => {
  it('tells each change of the best chain, and what is final of it once', async () => {
    const followed = chain(['1a 0a', '2a 1a 0a', '3a 2a 1a', '4a 3a 2a', '5a 4a 3a', '5a 4a', '5a'], {
      '1a': view('pending'),
      '2a': view('committing', { votes: ['missing', 'missing'] }),
      '3a': view('committing', { votes: ['committed', 'missing'] }),
      '4a': view('revealing', { votes: ['revealed', 'committed'], agreed: {} }),
      '5a': view('ended', { votes: ['revealed', 'revealed'], agreed: {} }),
    });
    assert.deepEqual(await told(followed), {
      steps: [
        '1a pending job 1', '2a committing job 1 0+0/2', '3a committing job 1 1+0/2', '1a pending job 1 final',
        '4a agreed job 1 2+1/2', '5a ended job 1 2+2/2', '4a agreed job 1 2+1/2 final', '5a ended job 1 2+2/2 final',
      ],
    });
    assert.deepEqual(followed.asked, ['0a', '1a', '2a', '3a', '4a', '5a'], 'each block is asked once');
  });

  it('leaves no block out where several come at once', async () => {
    const followed = chain(['4a 3a 2a 1a 0a', '4a'], {
      '1a': view('pending'), '2a': view('committing'), '3a': view('revealing'), '4a': view('ended'),
    });
    const { steps } = await told(followed);
    assert.deepEqual(steps, ['1a pending job 1', '2a committing job 1', '3a revealing job 1', '4a ended job 1', '4a ended job 1 final']);
  });

  it('tells that a job fell off with its fork, and under which number it came back', async () => {
    const followed = chain(['1a 0a', '2b 1b 0a', '3b 2b 1b 0a', '4b 3b 2b', '4b'], {
      '1a': view('pending', { number: 7n }),
      '3b': view('pending', { number: 9n }),
      '4b': view('ended', { number: 9n }),
    });
    const { steps, error } = await told(followed);
    assert.equal(error, undefined);
    assert.deepEqual(steps, ['1a pending job 7', '1b lost', '3b pending job 9', '4b ended job 9', '4b ended job 9 final']);
  });

  it('follows the job onto a fork that has it under another number', async () => {
    const followed = chain(['1a 0a', '2b 1b 0a', '2b'], {
      '1a': view('pending', { number: 7n }),
      '1b': view('pending', { number: 8n }),
      '2b': view('ended', { number: 8n }),
    });
    const { steps } = await told(followed);
    assert.deepEqual(steps, ['1a pending job 7', '1b pending job 8', '2b ended job 8', '2b ended job 8 final']);
  });

  it('says that a job is lost when it can’t come into a block any more', async () => {
    const followed = chain(['1a 0a', '2b 1b 0a', '2b 1b', '3b 2b', '4b 3b', '4b'], { '1a': view('pending') });
    const { steps, error } = await told(followed, 3);
    assert.deepEqual(steps, ['1a pending job 1', '1b lost']);
    assert(refusedAs('JobLost', '#3')(error));
  });

  it('passes over blocks that are not kept any more', async () => {
    const followed = chain(['2a 1a', '3a 2a', '3a'], { '2a': view('pending'), '3a': view('ended') }, ['1a']);
    assert.deepEqual((await told(followed)).steps, ['2a pending job 1', '3a ended job 1', '2a pending job 1 final', '3a ended job 1 final']);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Sibyl } from '../dist/client.js';
import { refusedAs } from './refused.mjs';

const BEST = { hash: `0x${'07'.repeat(32)}`, number: 20 };
const bytes = (text) => new TextEncoder().encode(text);

const raw = (id, latest) => ({
  id,
  owner: 'owner',
  model: '0x01',
  input: { type: 'Text', value: bytes('Which?') },
  options: {
    seats: { type: 'Fixed', value: 3 }, max_output_units: 0, draw_delay: 1, sampling: { temperature: 700, top_k: 0, top_p: 0 }, seed: undefined,
    format: { type: 'Choice', value: [bytes('yes'), bytes('no')] },
  },
  interval: 5, max_fee: 9n, round_fee: 2n, funds: 100n, deposit: 50n, created_at: 1, next_at: 21, asked: 4, open_job: undefined, latest,
});
const LATEST = {
  answer: { type: 'Choice', value: { index: 1, probabilities: [1, 2] } }, at: 13, support: { round: 0, seats: 3, agreed: 3, serving: 4 }, job: 7n, fingerprint: '0x02',
};

/** A client of a chain that has these feeds. */
const client = (feeds) => new Sibyl({
  best: async () => BEST,
  feed: async (id, at) => (assert.equal(at, BEST.hash), feeds.find((feed) => feed.id === id)),
  feeds: async (from, limit) => {
    const found = feeds.filter(({ id }) => id >= from);
    return { feeds: found.slice(0, limit), next: found[limit]?.id };
  },
});

describe('feeds', () => {
  it('are shown with the latest answer, its age, and the block after which that is so', async () => {
    const { latest, block, options, input, openJob } = await client([raw(3, LATEST)]).feed(3);
    assert.deepEqual(latest.answer, { type: 'choice', text: 'no', index: 1, probabilities: [1, 2] });
    assert.deepEqual([latest.at, latest.age, latest.job, block, openJob], [13, 7, 7n, BEST, null]);
    assert.deepEqual([input, options.seats, options.sampling.temperature, options.format], [{ text: 'Which?' }, 3, 0.7, { choice: ['yes', 'no'] }]);
  });

  it('have no answer before the first', async () => {
    assert.equal((await client([raw(3)]).feed(3)).latest, null);
  });

  it('are listed in pages', async () => {
    const sibyl = client([1, 2, 5].map((id) => raw(id)));
    const list = async (options) => {
      const { feeds, next } = await sibyl.feeds(options);
      return [feeds.map(({ id }) => id), next];
    };
    assert.deepEqual(await list(), [[1, 2, 5], null]);
    assert.deepEqual(await list({ limit: 2 }), [[1, 2], 5]);
    assert.deepEqual(await list({ from: 5, limit: 2 }), [[5], null]);
  });

  it('that there are not are told as such, and what is none is refused', async () => {
    const sibyl = client([]);
    await assert.rejects(sibyl.feed(4), refusedAs('UnknownFeed', 'no feed 4'));
    for (const id of [-1, 1.5, '1', 2 ** 32]) await assert.rejects(sibyl.feed(id), refusedAs('InvalidArgument', "a feed's number"));
    for (const limit of [0, 65]) await assert.rejects(sibyl.feeds({ limit }), refusedAs('InvalidArgument', 'limit'));
    await assert.rejects(sibyl.feeds({ cursor: 1 }), refusedAs('UnknownOption', "no 'cursor'"));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SibylError, signerFromSecret } from '@sibyl/client';
import { AccountId } from 'polkadot-api';

import { prove } from '../build/proof.js';
import { questionOf } from '../build/request.js';
import { hexOf } from '../build/signers.js';
import { PlainError } from '../build/trouble.js';

const GENESIS = `0x${'01'.repeat(32)}`;
const FINGERPRINT = `0x${'02'.repeat(32)}`;
const { publicKey } = signerFromSecret('//Alice');
const RESULT = {
  status: 'agreed', answer: { type: 'classification', label: 'deu', scores: [] }, refusal: null, outputHash: '0x03', audit: { status: 'none' },
  support: { round: 0, seats: 3, agreed: 3, serving: 4 },
};
const VIEW = {
  model: '0x04',
  requester: AccountId(5177).dec(publicKey),
  input: { text: 'Hallo' },
  options: { seats: 3, maxOutputUnits: 0, drawDelay: 1, sampling: { temperature: 0, topK: 0, topP: 0 }, seed: null, format: { text: { stops: [] } }, reuse: false },
};

/** A light client of a chain that has the job, from its so many-th block on. */
function light({ genesis = GENESIS, after = 0, view = VIEW, blocks = 100 } = {}) {
  let asked = 0;
  return {
    network: async () => ({ genesis, name: 'Local' }),
    async* blocks() {
      for (let number = 1; number <= blocks; number += 1) yield { best: { number }, final: { number } };
    },
    async job(fingerprint) {
      assert.equal(fingerprint, FINGERPRINT);
      asked += 1;
      if (asked <= after) throw new SibylError('UnknownJob', 'no such job');
      return { verify: async () => RESULT, view: async () => view };
    },
  };
}

const entry = { question: questionOf('0x04', hexOf(publicKey), 'Hallo', { seats: 3 }) };
const claim = (more = {}) => ({ fingerprint: FINGERPRINT, genesis: GENESIS, entry, told: RESULT, ...more });
const refused = (proof, what) => assert.rejects(proof, (error) => error instanceof PlainError && what.test(error.message));

describe('verifying in the page', () => {
  it('takes what the light client proves, where it is the question that was asked and what the node told', async () => {
    assert.equal((await prove(light(), claim())).result, RESULT);
    assert.equal((await prove(light(), claim({ entry: undefined, told: undefined }))).result, RESULT);
  });

  it('refuses the proof of another chain', () =>
    refused(prove(light({ genesis: `0x${'05'.repeat(32)}` }), claim()), /another chain, “Local”/));

  it('refuses the proof of another question', async () => {
    await refused(prove(light({ view: { ...VIEW, input: { text: 'Hello' } } }), claim()), /another question/);
    const { publicKey: other } = signerFromSecret('//Bob');
    await refused(prove(light({ view: { ...VIEW, requester: AccountId(5177).dec(other) } }), claim()), /another question/);
  });

  it('says that the node told something else', () =>
    refused(prove(light(), claim({ told: { ...RESULT, answer: { ...RESULT.answer, label: 'nld' } } })), /told another result/));

  it('waits for a job that its peers know only in some blocks, but not for ever', async () => {
    assert.equal((await prove(light({ after: 5 }), claim())).result, RESULT);
    await assert.rejects(prove(light({ after: 50 }), claim()), (error) => error.code === 'UnknownJob');
    await assert.rejects(prove(light({ after: 5, blocks: 2 }), claim()), (error) => error.code === 'Closed');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ReceiptError } from '../dist/errors.js';
import { finalBlock } from '../dist/finality.js';
import { toHex } from '../dist/hex.js';
import { authorities, block, proof, signed, validators } from './synthetic.mjs';

const FIRST = validators('A', 'B', 'C', 'D');
const OTHERS = validators('E', 'F', 'G', 'H');
const check = (fragments, { isFinished = true, genesis = FIRST } = {}) => finalBlock(proof(fragments, isFinished), authorities(genesis));
const refusedAs = (reason, words = '') => (error) => error instanceof ReceiptError && error.reason === reason && error.message.includes(words);

describe('a proof of finality', () => {
  it('leads from the first validators over each change to a final block', () => {
    const next = validators('C', 'D', 'E');
    const last = block(17);
    const { hash, ...found } = check([
      signed({ block: block(10, { next }), by: FIRST.slice(0, 3) }),
      signed({ block: last, set: 1n, by: next }),
    ]);
    assert.equal(hash, toHex(last.hash));
    assert.deepEqual(found, { number: 17, stateRoot: `0x${'00'.repeat(32)}`, changes: 1, signers: 3, validators: 3 });
  });

  it('is none where too few, or others, or those of another time signed, or signed another block', () => {
    assert.equal(check([signed({ block: block(5), by: FIRST.slice(0, 3) })]).signers, 3);
    for (const refused of [
      { by: FIRST.slice(0, 2) },
      { by: OTHERS },
      { set: 1n, by: FIRST },
      { by: FIRST, target: block(6) },
      { by: [] },
    ]) {
      assert.throws(() => check([signed({ block: block(5), ...refused })]), refusedAs('NotFinal', '#5'));
    }
    assert.throws(() => check([signed({ block: block(5), by: FIRST })], { genesis: [] }), refusedAs('NotFinal', 'no validators'));
  });

  it('counts a signature that is there twice once, and strangers’ not at all', () => {
    assert.throws(() => check([signed({ block: block(5), by: validators('A', 'A', 'A', 'B') })]), refusedAs('NotFinal'));
    assert.equal(check([signed({ block: block(5), by: validators('A', 'A', 'A', 'B', 'C', 'X', 'Y') })]).signers, 3);
  });

  it('is none where one signature is altered, a stranger’s too', () => {
    const on = block(5);
    for (const pair of [FIRST[3], OTHERS[0]]) {
      const votes = [...FIRST.slice(0, 3).map((each) => ({ pair: each, on })), { pair, on, altered: true }];
      assert.throws(() => check([signed({ block: on, votes })]), refusedAs('NotFinal', 'signature'));
    }
  });

  it('takes votes for blocks above the final one, with the headers that show it', () => {
    const final = block(5);
    const above = block(6, { parent: final.hash });
    const top = block(7, { parent: above.hash });
    const aside = block(6, { parent: final.hash, stateRoot: top.hash });
    const votes = [{ pair: FIRST[0], on: final }, { pair: FIRST[1], on: top }, { pair: FIRST[2], on: aside }];
    const ancestries = [above, top, aside];
    assert.equal(check([signed({ block: final, votes, ancestries })]).number, 5);
    for (const headers of [[above, top], [top, aside], [...ancestries, block(9)], []]) {
      assert.throws(() => check([signed({ block: final, votes, ancestries: headers })]), refusedAs('NotFinal'));
    }
    // Three of four agree on a higher block than is named.
    const higher = FIRST.slice(0, 3).map((pair) => ({ pair, on: above }));
    const all = [...higher, { pair: FIRST[3], on: final }];
    assert.throws(() => check([signed({ block: final, votes: all, ancestries: [above] })]), refusedAs('NotFinal'));
    assert.equal(check([signed({ block: above, target: above, votes: all, ancestries: [above] })]).number, 6);
  });

  it('counts who voted for two blocks for each of them, as the chain does', () => {
    const final = block(5);
    const [one, other] = [1, 2].map((at) => block(6, { parent: final.hash, stateRoot: block(at).hash }));
    const twice = [{ pair: FIRST[0], on: one }, { pair: FIRST[0], on: other }];
    const votes = [...twice, { pair: FIRST[1], on: one }, { pair: FIRST[2], on: other }, { pair: FIRST[3], on: final }];
    assert.equal(check([signed({ block: final, votes, ancestries: [one, other] })]).number, 5);
    const both = [...twice, { pair: FIRST[1], on: other }, { pair: FIRST[2], on: other }, { pair: FIRST[3], on: final }];
    assert.equal(check([signed({ block: other, votes: both, ancestries: [one, other] })]).number, 6);
    const few = [...twice, { pair: FIRST[1], on: final }];
    assert.throws(() => check([signed({ block: final, votes: few, ancestries: [one, other] })]), refusedAs('NotFinal'));
  });

  it('lets a change hold for the blocks after it alone', () => {
    const change = signed({ block: block(10, { next: OTHERS }), by: FIRST });
    assert.throws(() => check([change, signed({ block: block(17), by: FIRST })]), refusedAs('NotFinal', '#17'));
    assert.throws(() => check([signed({ block: block(10, { next: OTHERS }), by: OTHERS })]), refusedAs('NotFinal', '#10'));
  });

  it('is refused where it leads nowhere', () => {
    const at = (number) => signed({ block: block(number), by: FIRST });
    assert.throws(() => check([]), refusedAs('Unfinished'));
    assert.throws(() => check([at(5)], { isFinished: false }), refusedAs('Unfinished'));
    assert.throws(() => check([at(5), at(6)]), refusedAs('NoChange'));
  });

  it('is refused where its bytes are none, at whatever place they end', () => {
    for (const bytes of [[], [1, 2, 3], [0, 1, 0], [0, 2], [255, 255, 255, 255, 0]]) {
      assert.throws(() => finalBlock(Uint8Array.from(bytes), authorities(FIRST)), refusedAs('Malformed'));
    }
    const whole = proof([signed({ block: block(5), by: FIRST })]);
    for (let end = 1; end < whole.length; end += 1) {
      assert.throws(() => finalBlock(whole.slice(0, end), authorities(FIRST)), refusedAs('Malformed'), `${end}`);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatSib, sib } from '../dist/index.js';
import { refusedAs } from './refused.mjs';

describe('amounts', () => {
  it('are exact, from text, numbers and bigints', () => {
    assert.equal(sib('1.5'), 1_500_000_000_000n);
    assert.equal(sib('0.000000000001'), 1n);
    assert.equal(sib(0.1), 100_000_000_000n);
    assert.equal(sib(2), 2_000_000_000_000n);
    assert.equal(sib(10n ** 20n), 10n ** 32n);
    assert.equal(sib('123456789012345678.000000000001'), 123456789012345678_000000000001n);
  });

  it('refuse what is none', () => {
    for (const wrong of ['', '-1', '1,5', '1e3', '0.0000000000001', '1.', '.5', 'SIB', NaN, -1, 1e21, 1e-13, -1n, undefined, null]) {
      assert.throws(() => sib(wrong), refusedAs('InvalidArgument'), String(wrong));
    }
  });

  it('are shown without needless zeros, and read back', () => {
    assert.equal(formatSib(1_500_000_000_000n), '1.5 SIB');
    assert.equal(formatSib(0n), '0 SIB');
    assert.equal(formatSib(-1n), '-0.000000000001 SIB');
    assert.equal(formatSib(10n ** 30n), '1000000000000000000 SIB');
    for (const amount of [1n, 999_999_999_999n, 10n ** 12n, 12_345_678_901_234_567n]) {
      assert.equal(sib(formatSib(amount).replace(' SIB', '')), amount);
    }
  });
});

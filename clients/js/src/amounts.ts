import { SibylError } from './errors.js';
import { show } from './names.js';

/** Digits behind SIB's point. */
export const SIB_DECIMALS = 12;

/** One SIB in its smallest unit. */
export const SIB = 10n ** BigInt(SIB_DECIMALS);

/**
 * An amount of SIB in its smallest unit, 10⁻¹² SIB: `sib('1.5')` is `1_500_000_000_000n`.
 *
 * Give decimals as text: a number such as `0.1` is taken by the digits that it is shown with.
 */
export function sib(amount: string | number | bigint): bigint {
  if (typeof amount === 'bigint' && amount >= 0n) return amount * SIB;
  const digits = /^(\d+)(?:\.(\d{1,12}))?$/.exec(typeof amount === 'string' ? amount.trim() : String(amount));
  if (typeof amount === 'bigint' || digits === null) {
    throw new SibylError(
      'InvalidArgument',
      `an amount of SIB has digits and at most 12 decimals, such as '1.5', unlike ${show(amount)}.`,
    );
  }
  const [, whole = '0', decimals = ''] = digits;
  return BigInt(whole) * SIB + BigInt(decimals.padEnd(SIB_DECIMALS, '0'));
}

/** An amount as it is read: `formatSib(1_500_000_000_000n)` is `1.5 SIB`. */
export function formatSib(amount: bigint): string {
  const sign = amount < 0n ? '-' : '';
  const absolute = amount < 0n ? -amount : amount;
  const decimals = (absolute % SIB).toString().padStart(SIB_DECIMALS, '0').replace(/0+$/, '');
  return `${sign}${absolute / SIB}${decimals ? `.${decimals}` : ''} SIB`;
}

import { SibylError } from './errors.js';
import { show } from './names.js';

const U64_MAX = 2n ** 64n - 1n;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const U128_MAX = 2n ** 128n - 1n;

/** An integer in its range, as a bigint. A `number` above 2⁵³ is refused, since it may already be another one. */
function integer(value: unknown, least: bigint, most: bigint, what: string): bigint {
  const isSafe = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (typeof value === 'number' && Number.isInteger(value) && !isSafe) {
    throw new SibylError(
      'InvalidArgument',
      `${what} is above 2^53, where numbers are not exact: write it as a bigint, with an n behind it.`,
    );
  }
  const number = isSafe ? BigInt(value) : undefined;
  if (number === undefined || number < least || number > most) {
    throw new SibylError('InvalidArgument', `${what} is an integer from ${least} to ${most}, not ${show(value)}.`);
  }
  return number;
}

/** An unsigned integer of 64 bits. */
export const u64 = (value: unknown, what: string): bigint => integer(value, 0n, U64_MAX, what);

/** A signed integer of 64 bits. */
export const i64 = (value: unknown, what: string): bigint => integer(value, I64_MIN, I64_MAX, what);

/** An unsigned integer up to `most`. */
export const small = (value: unknown, most: number, what: string, least = 0): number =>
  Number(integer(value, BigInt(least), BigInt(most), what));

/** An amount in 10⁻¹² SIB. */
export function amount(value: unknown, what: string): bigint {
  if (typeof value === 'bigint' && value >= 0n && value <= U128_MAX) return value;
  throw new SibylError(
    'InvalidArgument',
    `${what} is an amount in 10^-12 SIB, a bigint such as sib('0.5'), not ${show(value)}.`,
  );
}

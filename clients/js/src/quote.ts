import { formatSib } from './amounts.js';
import { QuoteError } from './errors.js';
import type { RawQuoteResult } from './raw.js';
import type { Model, Quote } from './types.js';
import { quoteOf } from './decode.js';

// What is to be done about each; %n is the number that the chain gives with it.
const REASONS: Record<string, string> = {
  UnknownModel: 'the chain knows no such model',
  InputEmpty: 'an input, and each of its messages, has at least one byte',
  InputTooLong:
    "the input is too long: with the format's texts, and 32 bytes for each message, the model takes %n bytes",
  OutputTooLong: "maxOutputUnits, or the bytes of a choice's texts, are more than the model gives, which is %n",
  NoOutputUnits: 'the model generates text: say by maxOutputUnits how many tokens you want at most, here at least %n',
  FormatInvalid:
    'the format breaks a rule: a choice has 2 to 32 different texts, a number a min that is not above its max, and no text of a format is empty',
  FormatNotOfTask: 'the model generates no text, so it has no formats: leave format out',
  InputNotOfTask: 'the model generates no text, so it reads a text, and no messages or beginnings',
  SeatsInvalid: 'seats is an odd number from 1 to 15',
  TooFewValidators: 'only %n validators serve the model: ask for fewer seats, or later',
  TooManyValidators:
    "more validators serve the model than a committee has seats, which is %n: ask for a number of seats and not for 'all'",
  Busy: 'the validators that serve the model have no time or no free bond for this job: try again in some blocks, or ask for less output or fewer seats',
  Suspended: 'the model takes no jobs for now',
  Retired: 'its author has taken the model back',
  Inactive: 'validators with too little of the stake serve the model: choose another, or wait until more do',
  Overflow: 'the price is more than a balance holds',
};

/** The price, or an error that says why there is none. */
export function priceOf(model: Model, quoted: RawQuoteResult): Quote {
  if (quoted.success) return quoteOf(quoted.value);
  const { type, value } = quoted.value;
  throw refusal(model, type, Object.values(value ?? {})[0]);
}

/** Why the chain would refuse a job. */
export function refusal(model: Model, reason: string, limit?: number): QuoteError {
  const why = (REASONS[reason] ?? reason).replace('%n', String(limit ?? 'less'));
  return new QuoteError(reason, `${model.name} takes no such job: ${why}.`, limit);
}

/** That the price is above the limit. */
export const tooDear = (price: bigint, maxFee: bigint): QuoteError =>
  new QuoteError('FeeAboveLimit', `The job costs ${formatSib(price)}, and maxFee is ${formatSib(maxFee)}.`);

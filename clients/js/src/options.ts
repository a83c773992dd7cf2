import { SibylError } from './errors.js';
import { toChainFormat, type ChainFormat, type Format } from './format.js';
import { checkNames, checkObject, show } from './names.js';
import { small, u64 } from './numbers.js';

/** How many validators answer: so many, drawn by stake, an odd number from 1 to 15; or all that serve the model. */
export type Seats = number | 'all' | { fixed: number };

/** How a model that generates chooses each token. */
export interface Sampling {
  /**
   * What the model's numbers are divided by, such as 0.7, exact to a thousandth; 0 always takes the likeliest token.
   */
  temperature?: number;
  /** Of how many of the likeliest tokens one is drawn; 0 is all. */
  topK?: number;
  /** From which share of the probability one is drawn, such as 0.95, exact to a millionth; 0 is all of it. */
  topP?: number;
}

/** What may be chosen about a job. */
export interface JobOptions {
  /** How many validators answer; all where it is left out. */
  seats?: Seats;
  /** Output that is paid for, in tokens; needed of a model that generates, other than for a choice. */
  maxOutputUnits?: number;
  /** Blocks whose VRFs the draw of the committee mixes, 1 to 8; 1 where it is left out. */
  drawDelay?: number;
  /** How tokens are chosen; the likeliest where it is left out. */
  sampling?: Sampling;
  /** What sampling starts from, an unsigned integer of 64 bits; the job's fingerprint where it is left out. */
  seed?: number | bigint;
  /** What form the answer has; only of a model that generates. */
  format?: Format;
  /**
   * Whether an answer to the same question may be taken that as many seats agreed on in the last hours: at once, for a part
   * of the price. This one may be taken by others then, too. Sampled answers need a `seed` for it.
   */
  reuse?: boolean;
}

/** Options as the chain takes them. */
export interface ChainOptions {
  seats: ChainSeats;
  max_output_units: number;
  draw_delay: number;
  sampling: { temperature: number; top_k: number; top_p: number };
  seed: bigint | undefined;
  format: ChainFormat;
  reuse: boolean;
}

export type ChainSeats = { type: 'All'; value: undefined } | { type: 'Fixed'; value: number };

/** The names of a job's options. */
export const JOB_OPTIONS = ['seats', 'maxOutputUnits', 'drawDelay', 'sampling', 'seed', 'format', 'reuse'] as const;

const U16_MAX = 2 ** 16 - 1;
const U32_MAX = 2 ** 32 - 1;
const U8_MAX = 2 ** 8 - 1;
const THOUSAND = 1_000;
const MILLION = 1_000_000;

/** The options as the chain takes them; throws where one is none. Rules that may change are the chain's to tell. */
export function toChainOptions(options: JobOptions): ChainOptions {
  const { seats = 'all', maxOutputUnits = 0, drawDelay = 1, seed, format, reuse = false } = options;
  if (typeof reuse !== 'boolean') throw new SibylError('InvalidArgument', `reuse is true or false, not ${show(reuse)}.`);
  return {
    seats: toChainSeats(seats),
    max_output_units: small(maxOutputUnits, U32_MAX, 'maxOutputUnits'),
    draw_delay: small(drawDelay, U8_MAX, 'drawDelay'),
    sampling: toChainSampling(options.sampling ?? {}),
    seed: seed === undefined ? undefined : u64(seed, 'seed'),
    format: toChainFormat(format),
    reuse,
  };
}

/** Seats as the chain takes them. */
export function toChainSeats(seats: Seats): ChainSeats {
  if (seats === 'all') return { type: 'All', value: undefined };
  if (typeof seats === 'object' && seats !== null) {
    checkNames(seats, ['fixed'], 'seats');
    return { type: 'Fixed', value: small(seats.fixed, U16_MAX, 'the number of seats', 1) };
  }
  if (typeof seats !== 'number')
    throw new SibylError('InvalidArgument', `seats is a number, such as 3, or 'all', not ${show(seats)}.`);
  return { type: 'Fixed', value: small(seats, U16_MAX, 'the number of seats', 1) };
}

function toChainSampling(sampling: Sampling): ChainOptions['sampling'] {
  checkObject(sampling, 'sampling', 'an object with temperature, topK and topP');
  checkNames(sampling, ['temperature', 'topK', 'topP'], 'sampling');
  const { temperature = 0, topK = 0, topP = 0 } = sampling;
  const chosen = {
    temperature: parts(temperature, THOUSAND, U16_MAX, 'temperature', '0.7'),
    top_k: small(topK, U16_MAX, 'topK'),
    top_p: parts(topP, MILLION, MILLION, 'topP', '0.95'),
  };
  if (chosen.temperature === 0 && (chosen.top_k > 0 || chosen.top_p > 0)) {
    throw new SibylError(
      'InvalidArgument',
      'topK and topP have no effect without a temperature: say one, such as 0.7.',
    );
  }
  return chosen;
}

/** A decimal number in parts of one. */
function parts(value: unknown, of: number, most: number, what: string, example: string): number {
  const count = typeof value === 'number' ? Math.round(value * of) : NaN;
  if (!(count >= 0 && count <= most)) {
    throw new SibylError(
      'InvalidArgument',
      `${what} is a number from 0 to ${most / of}, such as ${example}, not ${show(value)}.`,
    );
  }
  return count;
}

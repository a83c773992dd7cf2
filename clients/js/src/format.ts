import { SibylError } from './errors.js';
import { checkNames, checkObject, show } from './names.js';
import { i64, small } from './numbers.js';
import { bytesOf } from './text.js';

/** What form a generated answer has: the repository's `docs/formats.md` says what each means. */
export type Format =
  /** Whatever the model says; it ends before the first of these texts. */
  | { text: { stops: readonly string[] } }
  /** The same, and how likely the model found each token. */
  | { scoredText: { stops: readonly string[] } }
  /** The likeliest of these texts, and how likely each is. */
  | { choice: readonly string[] }
  /** A number from `min` to `max`, both in units of the last of its `decimals`, 0 where these are left out. */
  | { number: { min: number | bigint; max: number | bigint; decimals?: number } }
  /** JSON of this JSON Schema: as an object, or as its text. */
  | { json: object | string }
  /** A text that this pattern matches whole. */
  | { regex: string };

/** A format as the chain takes it. */
export type ChainFormat =
  | { type: 'Text'; value: { stops: Uint8Array[] } }
  | { type: 'Choice'; value: Uint8Array[] }
  | { type: 'Number'; value: { min: bigint; max: bigint; decimals: number } }
  | { type: 'Json'; value: Uint8Array }
  | { type: 'Regex'; value: Uint8Array }
  | { type: 'ScoredText'; value: { stops: Uint8Array[] } };

const KINDS = ['text', 'choice', 'number', 'json', 'regex', 'scoredText'] as const;
const MAX_DECIMALS = 9;

/** The format as the chain takes it; throws where it is none. Rules on lengths are the chain's to tell. */
export function toChainFormat(format: Format | undefined): ChainFormat {
  if (format === undefined) return { type: 'Text', value: { stops: [] } };
  checkObject(format, 'format', `an object with one of ${KINDS.join(', ')}`);
  checkNames(format, KINDS, 'a format');
  const kinds = KINDS.filter((kind) => (format as Record<string, unknown>)[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw new SibylError(
      'InvalidArgument',
      `a format is one of ${KINDS.join(', ')}, not ${kinds.join(' and ') || 'none of them'}.`,
    );
  }
  const value = (format as Record<string, unknown>)[kind];
  switch (kind) {
    case 'text':
      return { type: 'Text', value: stopsOf(value, kind) };
    case 'scoredText':
      return { type: 'ScoredText', value: stopsOf(value, kind) };
    case 'choice':
      return { type: 'Choice', value: texts(value, 'choice') };
    case 'number':
      checkObject(value, 'the format number', 'an object with min, max and decimals');
      checkNames(value, ['min', 'max', 'decimals'], 'the format number');
      return {
        type: 'Number',
        value: {
          min: i64(value.min, 'min'),
          max: i64(value.max, 'max'),
          decimals: small(value.decimals ?? 0, MAX_DECIMALS, 'decimals'),
        },
      };
    case 'json':
      return { type: 'Json', value: bytesOf(schema(value), 'the schema') };
    case 'regex':
      return { type: 'Regex', value: bytesOf(value, 'the pattern') };
  }
}

function stopsOf(value: unknown, kind: string): { stops: Uint8Array[] } {
  checkObject(value, `the format ${kind}`, 'an object with stops');
  checkNames(value, ['stops'], `the format ${kind}`);
  return { stops: texts(value.stops ?? [], 'stops') };
}

function texts(list: unknown, what: string): Uint8Array[] {
  if (!Array.isArray(list)) throw new SibylError('InvalidArgument', `${what} is a list of texts, not ${show(list)}.`);
  return list.map((text, at) => bytesOf(text, `text ${at + 1} of ${what}`));
}

function schema(value: unknown): string {
  if (typeof value === 'string') return value;
  checkObject(value, 'a schema', 'an object, or its JSON as a text');
  return JSON.stringify(value);
}

// From what the form has to what is asked of the chain, and back from the chain to what was asked.
import type { Format, Input, JobOptions, JobView, Model, Role } from '@sibyl/client';

export type InputKind = 'text' | 'messages' | 'raw';
export type FormatKind = 'text' | 'choice' | 'number' | 'json' | 'regex';

/** What the form has. */
export interface Fields {
  task: Model['task'];
  inputKind: InputKind;
  text: string;
  messages: { role: Role; text: string }[];
  seats: string;
  reuse: boolean;
  units: string;
  formatKind: FormatKind;
  stops: string;
  choices: string;
  min: string;
  max: string;
  decimals: string;
  schema: string;
  pattern: string;
}

/** What is asked. */
export interface Request {
  input: Input;
  options: JobOptions;
}

/** A field that can't be taken as it is. */
export class FieldError extends Error {
  /** @param field the id of the field */
  constructor(readonly field: string, message: string) {
    super(message);
  }
}

const MAX_DECIMALS = 9;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/** The request that the fields say; throws a `FieldError` where one says none. */
export function requestOf(fields: Fields): Request {
  const seats = fields.seats === 'all' ? 'all' : whole(fields.seats, 'seats', 'Seats');
  const reuse = fields.reuse ? { reuse: true } : {};
  if (fields.task !== 'generate') return { input: nonEmpty(fields.text, 'text'), options: { seats, ...reuse } };
  const format = formatOf(fields);
  // A choice writes nothing, so that nothing is paid for.
  const units = fields.formatKind === 'choice' ? {} : { maxOutputUnits: whole(fields.units, 'units', 'The longest answer') };
  return { input: inputOf(fields), options: { seats, ...reuse, ...units, ...(format !== undefined && { format }) } };
}

function inputOf({ inputKind, text, messages }: Fields): Input {
  if (inputKind === 'text') return nonEmpty(text, 'text');
  if (inputKind === 'raw') return { raw: nonEmpty(text, 'text') };
  messages.forEach((message, at) => nonEmpty(message.text, `message-${at}`));
  return { messages };
}

function nonEmpty(text: string, field: string): string {
  if (text === '') throw new FieldError(field, 'Write something to ask.');
  return text;
}

function formatOf(fields: Fields): Format | undefined {
  switch (fields.formatKind) {
    case 'text': {
      const stops = linesOf(fields.stops);
      return stops.length === 0 ? undefined : { text: { stops } };
    }
    case 'choice': {
      const choice = linesOf(fields.choices);
      if (choice.length < 2) throw new FieldError('choices', 'Write at least two texts to choose from, one a line.');
      if (new Set(choice).size < choice.length) throw new FieldError('choices', 'Two of the texts are the same.');
      return { choice };
    }
    case 'number': {
      const decimals = whole(fields.decimals, 'decimals', 'Decimals');
      if (decimals > MAX_DECIMALS) throw new FieldError('decimals', `There are at most ${MAX_DECIMALS} decimals.`);
      const min = scaled(fields.min, decimals, 'min');
      const max = scaled(fields.max, decimals, 'max');
      if (min > max) throw new FieldError('max', 'The range ends before it begins.');
      return { number: { min, max, decimals } };
    }
    case 'json':
      try {
        JSON.parse(fields.schema);
      } catch {
        throw new FieldError('schema', 'The schema is not JSON.');
      }
      return { json: fields.schema };
    case 'regex':
      if (fields.pattern === '') throw new FieldError('pattern', 'Write a regular expression.');
      return { regex: fields.pattern };
  }
}

/** The lines of a text that have anything in them, with their spaces, which a model sees. */
export const linesOf = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== '');

function whole(text: string, field: string, what: string): number {
  const number = /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined;
  if (number === undefined) throw new FieldError(field, `${what} is a whole number.`);
  return number;
}

/** A decimal number in units of its last decimal: `38.5` with one decimal is 385. */
export function scaled(text: string, decimals: number, field: string): bigint {
  const parts = /^([-−]?)(\d+)(?:\.(\d+))?$/.exec(text.trim());
  const [, sign = '', digits = '', behind = ''] = parts ?? [];
  if (parts === null) throw new FieldError(field, 'Write a number, such as 12 or 0.5.');
  if (behind.length > decimals) throw new FieldError(field, `This number has more than the ${decimals} decimals that answers have.`);
  const units = BigInt(digits + behind.padEnd(decimals, '0')) * (sign === '' ? 1n : -1n);
  if (units < I64_MIN || units > I64_MAX) throw new FieldError(field, 'This number is too large for the chain.');
  return units;
}

/** What was asked, as a text that is the same for the same question alone. */
export function questionOf(model: string, requester: string, input: Input, options: JobOptions): string {
  return canonical(model, requester, inputParts(input), { seats: 'all', maxOutputUnits: 0, ...options });
}

/** The same of a job as the chain has it. */
export function questionOfView({ model, input, options }: JobView, requester: string): string {
  const { seats, maxOutputUnits, drawDelay, sampling, seed, format, reuse } = options;
  return canonical(model, requester, input, { seats, maxOutputUnits, drawDelay, sampling, format, reuse, ...(seed !== null && { seed }) });
}

function inputParts(input: Input): unknown {
  return typeof input === 'string' ? { text: input } : input;
}

function canonical(model: string, requester: string, input: unknown, options: JobOptions): string {
  const { seats, maxOutputUnits, drawDelay = 1, sampling = {}, seed, format, reuse = false } = options;
  const { temperature = 0, topK = 0, topP = 0 } = sampling;
  const parts = [
    model, requester, ordered(input), seats, maxOutputUnits, drawDelay, [temperature, topK, topP], seed === undefined ? null : `${seed}`,
    formatParts(format), reuse,
  ];
  return JSON.stringify(parts);
}

/** An input with its names in one order. */
function ordered(input: unknown): unknown {
  const { text, raw, messages } = input as { text?: string; raw?: string; messages?: { role: Role; text: string }[] };
  if (messages !== undefined) return ['messages', messages.map((message) => [message.role, message.text])];
  return text === undefined ? ['raw', raw] : ['text', text];
}

function formatParts(format: Format = { text: { stops: [] } }): unknown {
  if ('text' in format) return ['text', format.text.stops];
  if ('scoredText' in format) return ['scoredText', format.scoredText.stops];
  if ('choice' in format) return ['choice', format.choice];
  if ('number' in format) return ['number', `${format.number.min}`, `${format.number.max}`, format.number.decimals ?? 0];
  if ('json' in format) return ['json', format.json];
  return ['regex', format.regex];
}

/** What stands for a question in a list. */
export function titleOf(input: Input | JobView['input']): string {
  if (typeof input === 'string') return input;
  if (input instanceof Uint8Array) return '';
  if ('messages' in input) return String(input.messages.at(-1)?.text ?? '');
  return String('raw' in input ? input.raw : input.text);
}

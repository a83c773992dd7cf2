import { checkNames, checkObject, show } from './names.js';
import { SibylError } from './errors.js';
import { bytesOf, type Text } from './text.js';

/** Who speaks. */
export type Role = 'system' | 'user' | 'assistant';

/** What somebody says in a conversation. */
export interface Message<T = Text> {
  role: Role;
  text: T;
}

/**
 * What a model reads: a text; a conversation up to where the model is to go on; or the beginning of a text that it
 * continues as it is, without its template. The last two are only for models that generate.
 */
export type Input = Text | { text: Text } | { messages: readonly Message[] } | { raw: Text };

/** An input as the chain takes it. */
export type ChainInput =
  | { type: 'Text'; value: Uint8Array }
  | { type: 'Raw'; value: Uint8Array }
  | {
      type: 'Messages';
      value: { role: { type: 'System' | 'User' | 'Assistant'; value: undefined }; text: Uint8Array }[];
    };

/** Bytes that a message counts for beside its text. */
export const MESSAGE_BYTES = 32;

const KINDS = ['text', 'messages', 'raw'] as const;
const ROLES = { system: 'System', user: 'User', assistant: 'Assistant' } as const;

/** The input as the chain takes it; throws where it is none. */
export function toChainInput(input: Input): ChainInput {
  if (typeof input === 'string' || input instanceof Uint8Array)
    return { type: 'Text', value: bytesOf(input, 'the input') };
  checkObject(input, 'the input', 'a text, or an object with text, messages or raw');
  checkNames(input, KINDS, 'an input');
  const given: Record<string, unknown> = input;
  const kinds = KINDS.filter((kind) => given[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw new SibylError(
      'InvalidArgument',
      `an input is one of text, messages and raw, not ${kinds.join(' and ') || 'none of them'}.`,
    );
  }
  if (kind === 'text') return { type: 'Text', value: bytesOf(given.text, 'the input') };
  if (kind === 'raw') return { type: 'Raw', value: bytesOf(given.raw, 'the beginning') };
  if (!Array.isArray(given.messages)) {
    throw new SibylError('InvalidArgument', `messages is a list of { role, text }, not ${show(given.messages)}.`);
  }
  return { type: 'Messages', value: given.messages.map(toChainMessage) };
}

function toChainMessage(message: unknown, at: number) {
  const what = `message ${at + 1}`;
  checkObject(message, what, 'an object with role and text');
  checkNames(message, ['role', 'text'], what);
  const { role, text } = message;
  if (typeof role !== 'string' || !Object.hasOwn(ROLES, role)) {
    throw new SibylError(
      'InvalidArgument',
      `the role of ${what} is one of ${Object.keys(ROLES).join(', ')}, not ${show(role)}.`,
    );
  }
  return { role: { type: ROLES[role as Role], value: undefined }, text: bytesOf(text, `the text of ${what}`) };
}

/**
 * The bytes that an input is paid for: those of its texts, and 32 for each message; 0 where a text is empty, as on
 * chain.
 */
export function inputBytes(input: ChainInput): number {
  const texts = input.type === 'Messages' ? input.value.map(({ text }) => text) : [input.value];
  if (texts.some(({ length }) => length === 0)) return 0;
  const ofMessages = input.type === 'Messages' ? input.value.length * MESSAGE_BYTES : 0;
  return texts.reduce((sum, { length }) => sum + length, ofMessages);
}

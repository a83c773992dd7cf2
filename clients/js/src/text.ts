import { SibylError } from './errors.js';
import { show } from './names.js';

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Half of a pair, which no UTF-8 has: encoders write another character in its place.
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/**
 * A text: as a string, or its bytes of UTF-8. A string is taken as it is, even where it looks like hex or an address.
 */
export type Text = string | Uint8Array;

/** A text's bytes of UTF-8. */
export function bytesOf(text: unknown, what: string): Uint8Array {
  if (typeof text === 'string') {
    if (LONE_SURROGATE.test(text))
      throw new SibylError('InvalidArgument', `${what} has half a surrogate pair, so it is no text.`);
    return encoder.encode(text);
  }
  if (text instanceof Uint8Array) {
    try {
      strict.decode(text);
    } catch {
      throw new SibylError('InvalidArgument', `${what} has bytes that are not UTF-8.`);
    }
    // A copy, and no subclass such as Buffer.
    return Uint8Array.from(text);
  }
  throw new SibylError('InvalidArgument', `${what} is a string, or a Uint8Array of UTF-8, not ${show(text)}.`);
}

/** The text that bytes of the chain are; what is not UTF-8 in them becomes U+FFFD. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

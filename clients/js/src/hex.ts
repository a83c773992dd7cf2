import type { Hex } from './raw.js';

/** Bytes as `0x` and hexadecimal digits. */
export const toHex = (bytes: Uint8Array): Hex =>
  `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;

/** The bytes of `0x` and hexadecimal digits. */
export function fromHex(hex: string): Uint8Array {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(hex)) throw new TypeError(`'${hex.slice(0, 20)}' is not hexadecimal`);
  return Uint8Array.from({ length: hex.length / 2 - 1 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at + 2, 2 * at + 4), 16),
  );
}

/** Whether a text is `0x` and so many bytes in hexadecimal digits. */
export const isHexOf = (text: string, bytes: number): text is Hex =>
  new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`).test(text);

/** Several pieces of bytes in one. */
export function concat(...pieces: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  pieces.reduce((at, piece) => {
    all.set(piece, at);
    return at + piece.length;
  }, 0);
  return all;
}

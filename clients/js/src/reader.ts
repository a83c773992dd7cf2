import { SibylError } from './errors.js';

const MODE_BITS = 2;

/** Reads SCALE from its beginning on, and takes nothing that ends too early. */
export class Reader {
  #at = 0;

  /** @param broken makes the error of bytes that are not what they should be */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly broken: (why: string) => SibylError,
  ) {}

  /** How many bytes were read. */
  get at(): number {
    return this.#at;
  }

  /** Whether all bytes were read. */
  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.bytes.length) throw this.broken('it ends too early');
    // A copy, since decoders read the whole buffer that bytes are a view of.
    const taken = this.bytes.slice(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** What was read since a place. */
  since(at: number): Uint8Array {
    return this.bytes.slice(at, this.#at);
  }

  u32(): number {
    return Number(this.#integer(4));
  }

  u64(): bigint {
    return this.#integer(8);
  }

  /** A compact number of 30 bits at most. */
  short(): number {
    const first = this.byte();
    const mode = first & 3;
    if (mode === 3) throw this.broken('it has a length that is too long');
    const rest = mode === 0 ? 0n : this.#integer(mode === 1 ? 1 : 3);
    return Number(((rest << 8n) | BigInt(first)) >> BigInt(MODE_BITS));
  }

  /** A compact number of 32 bits at most. */
  compact(): number {
    if ((this.bytes[this.#at] ?? 0) !== 3) return this.short();
    this.byte();
    return this.u32();
  }

  /** Bytes behind their length. */
  sized(): Uint8Array {
    return this.take(this.short());
  }

  /** A list. Each of its parts has one byte at least, so that a length alone takes no memory. */
  list<T>(part: () => T): T[] {
    const length = this.short();
    if (length > this.bytes.length - this.#at) throw this.broken('it ends too early');
    return Array.from({ length }, part);
  }

  #integer(bytes: number): bigint {
    return this.take(bytes).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
}

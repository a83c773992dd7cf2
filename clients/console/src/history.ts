// One's own jobs, in the browser's local storage. Another fork may give a job another number, so it is known by its fingerprint.
import type { Hex } from '@sibyl/client';

/** A job that was asked here. */
export interface Entry {
  fingerprint: Hex;
  /** The chain's first block: another chain has other jobs. */
  genesis: Hex;
  model: string;
  title: string;
  /** What was asked, as `questionOf` writes it. */
  question: string;
  /** Milliseconds since 1970. */
  askedAt: number;
  /** The answer as it was told; null before. */
  outcome: string | null;
  /** The final block whose state proved it to a light client here; null where none did. */
  proven: { number: number; hash: Hex } | null;
}

const KEY = 'sibyl-console/jobs/1';
const MOST = 200;

/** What of a browser's storage is needed. */
export type Store = Pick<Storage, 'getItem' | 'setItem'>;

/** The list of jobs. Where the browser stores nothing it lasts as long as the page. */
export class History {
  #entries: Entry[];

  constructor(private readonly store: Store | undefined, private readonly failed: () => void = () => {}) {
    this.#entries = this.#read();
  }

  /** Those of a chain, the newest first. */
  list(genesis: Hex): Entry[] {
    return this.#entries.filter((entry) => entry.genesis === genesis);
  }

  find(fingerprint: Hex): Entry | undefined {
    return this.#entries.find((entry) => entry.fingerprint === fingerprint);
  }

  /** Adds a job in front; the oldest go where there are too many. */
  add(entry: Entry): void {
    this.#change((entries) => [entry, ...entries.filter(({ fingerprint }) => fingerprint !== entry.fingerprint)].slice(0, MOST));
  }

  /** Notes what became of a job. */
  note(fingerprint: Hex, news: Partial<Pick<Entry, 'outcome' | 'proven'>>): void {
    this.#change((entries) => entries.map((entry) => (entry.fingerprint === fingerprint ? { ...entry, ...news } : entry)));
  }

  forget(fingerprint: Hex): void {
    this.#change((entries) => entries.filter((entry) => entry.fingerprint !== fingerprint));
  }

  forgetAll(genesis: Hex): void {
    this.#change((entries) => entries.filter((entry) => entry.genesis !== genesis));
  }

  // Another tab may have written in between.
  #change(change: (entries: Entry[]) => Entry[]): void {
    this.#entries = change(this.store === undefined ? this.#entries : this.#read());
    try {
      this.store?.setItem(KEY, JSON.stringify(this.#entries));
    } catch {
      this.failed();
    }
  }

  #read(): Entry[] {
    try {
      const stored: unknown = JSON.parse(this.store?.getItem(KEY) ?? '[]');
      return Array.isArray(stored) ? stored.filter(isEntry) : [];
    } catch {
      return [];
    }
  }
}

const isHash = (value: unknown) => typeof value === 'string' && /^0x[0-9a-f]{64}$/.test(value);

// Whoever else has this origin may have written there.
function isEntry(value: unknown): value is Entry {
  const { fingerprint, genesis, model, title, question, askedAt, outcome, proven } = (value ?? {}) as Partial<Entry>;
  return [fingerprint, genesis].every(isHash) && [model, title, question].every((text) => typeof text === 'string') &&
    Number.isFinite(askedAt) && (outcome === null || typeof outcome === 'string') &&
    (proven === null || (Number.isInteger(proven?.number) && isHash(proven?.hash)));
}

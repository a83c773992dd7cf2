import type { Client } from 'polkadot-api/smoldot';

/** A light client's engine, and what ends it. */
export interface Engine {
  smoldot: Client;
  /** Rejects where the engine fails as a whole. */
  failure: Promise<never>;
  free(): Promise<void>;
}

/** Errors alone: all else is the user's to ask for, by an engine of its own. */
export const LOG_LEVEL = 1;

/** Starts it in this thread. Its three megabytes are fetched by those alone who come here. */
export async function startEngine(): Promise<Engine> {
  const { start } = await import('polkadot-api/smoldot');
  const smoldot = start({ maxLogLevel: LOG_LEVEL });
  return { smoldot, failure: new Promise<never>(() => {}), free: () => smoldot.terminate() };
}

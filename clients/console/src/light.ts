// The light client in this page.
import { connect, type Sibyl } from '@sibyl/client';

import type { Spec } from './spec.js';

/** A light client that runs. */
export interface Light {
  sibyl: Sibyl;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Starts one, in a worker so that the page stays at hand; resolves when it has synced. */
export async function startLight({ json, bootNodes }: Spec): Promise<Light> {
  const { startFromWorker } = await import('polkadot-api/smoldot/from-worker');
  const worker = new Worker(workerUrl());
  const smoldot = startFromWorker(worker, { maxLogLevel: 1, logCallback: () => {} });
  const end = async () => {
    await smoldot.terminate().catch(() => {});
    worker.terminate();
  };
  try {
    const sibyl = await connect({ chainSpec: json, bootNodes, smoldot });
    return {
      sibyl,
      async stop() {
        await sibyl.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: { createScriptURL(url: string): string } | undefined;

// The one script that the page's Content-Security-Policy lets the page itself start.
function workerUrl(): string {
  const url = new URL('light-client.js', import.meta.url).href;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) return url;
  policy ??= trustedTypes.createPolicy('sibyl-light-client', { createScriptURL: () => url });
  return policy.createScriptURL(url);
}

// Which chain it is, its blocks, and how far they are final.
import type { Heads, Network, Sibyl } from '@sibyl/client';

import { byId, tell } from './dom.js';

const HEALTH_EVERY = 15_000;
/** Blocks come every three seconds. */
const STALE_AFTER = 30_000;

/** The page's head. */
export class NetworkView {
  readonly #facts = byId('network', HTMLElement);
  readonly #stale = byId('stale', HTMLElement);
  #newestAt = 0;

  /** Shows a connection until the signal ends it, or it fails. */
  async show(sibyl: Sibyl, network: Network, signal: AbortSignal): Promise<void> {
    this.#facts.hidden = false;
    tell(byId('chain-name', HTMLElement), network.name);
    tell(byId('source', HTMLElement), sibyl.source === 'node' ? 'a node, by its word' : 'a light client here');
    this.#health(network);
    this.#newestAt = Date.now();
    const timer = setInterval(() => {
      this.#warn();
      sibyl.network().then((now) => this.#health(now), () => {});
    }, HEALTH_EVERY);
    try {
      for await (const heads of sibyl.blocks({ signal })) this.#heads(heads);
    } finally {
      clearInterval(timer);
      this.#facts.hidden = true;
      tell(this.#stale, '');
    }
  }

  #warn(): void {
    const isStale = Date.now() - this.#newestAt >= STALE_AFTER;
    tell(this.#stale, isStale ? 'No new block for half a minute. Check that the node runs and has peers; this page goes on by itself when it answers again.' : '');
  }

  #heads({ best, final }: Heads): void {
    this.#newestAt = Date.now();
    this.#warn();
    tell(byId('best', HTMLElement), `#${best.number}`);
    const behind = best.number - final.number;
    tell(byId('final', HTMLElement), `#${final.number} (${behind} behind)`);
  }

  #health({ peers, isSyncing }: Network): void {
    tell(byId('peers', HTMLElement), `${peers}${isSyncing ? ', syncing' : ''}`);
  }
}

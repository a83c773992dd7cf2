import { account, SIB } from './accounts.mjs';
import { nextNonce, submitAndInclude } from './chain.mjs';

// A pool has 20 MiB, in which transactions stay until their block is final: with those of the last three blocks, of 19
// each, it is full.
const SENDERS = 70;
const REMARK = `0x${'5b'.repeat(200 * 1024)}`;
const FUNDS = 100n * SIB;
// After which a transaction that is in no block was dropped from the pools.
const BLOCKS_IN_POOL = 3;
// What a node answers when its pool is full.
const POOL_FULL = 1016;
// What it answers when a transaction like this is in a block or in the pool by now, or was in the pool a moment ago.
const OUTDATED = [1010, 1012, 1013, 1014];
// What it answers when the block that it checks transactions at lost to a finalised one meanwhile.
const BLOCK_GONE = 1002;

/** Fills the pools and the blocks with large remarks, each account's next one as soon as its last is in a block. */
export class Load {
  #network;
  #senders = Array.from({ length: SENDERS }, (_, index) => account(`//Load//${index}`));
  #sent = new Map();
  #unsubscribe;
  #rounds = Promise.resolve();
  #failure;
  #refused = 0;

  /** @param {import('./network.mjs').Network} network */
  constructor(network) {
    this.#network = network;
  }

  /** @param {import('@polkadot/keyring/types').KeyringPair} funder */
  async start(funder) {
    const api = await this.#network.api();
    const first = await nextNonce(api, funder);
    await Promise.all(this.#senders.map(({ address }, index) => submitAndInclude(
      api, api.tx.balances.transferKeepAlive(address, FUNDS), funder, { nonce: first + index },
    )));
    this.#unsubscribe = await api.rpc.chain.subscribeNewHeads((head) => {
      this.#rounds = this.#rounds.then(() => this.#fill(api, head)).catch((error) => { this.#failure ??= error; });
    });
  }

  /** Ends it; rejects when it could not go on before. */
  async stop() {
    this.#unsubscribe();
    await this.#rounds;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** How often a pool had no place for a transaction. */
  get refused() {
    return this.#refused;
  }

  async #fill(api, { hash, number }) {
    const { query } = await api.at(hash);
    const accounts = await query.system.account.multi(this.#senders.map(({ address }) => address));
    await Promise.all(this.#senders.map(async (sender, index) => {
      const nonce = accounts[index].nonce.toNumber();
      const last = this.#sent.get(sender);
      if (last?.nonce === nonce && number.toNumber() < last.at + BLOCKS_IN_POOL) return;
      const tx = await api.tx.system.remark(REMARK).signAsync(sender, { nonce, era: 0 });
      const nodes = this.#network.validators;
      const taken = await this.#send(nodes[index % nodes.length], tx.toHex());
      if (taken) this.#sent.set(sender, { nonce, at: number.toNumber() });
    }));
  }

  async #send(node, extrinsic) {
    try {
      await node.rpc('author_submitExtrinsic', extrinsic);
      return true;
    } catch (error) {
      if (error.code === POOL_FULL) this.#refused += 1;
      else if (error.code !== BLOCK_GONE && !OUTDATED.includes(error.code)) throw error;
      return false;
    }
  }
}

/**
 * How full a block is: its part of the bytes that a block may have.
 * @param {import('@polkadot/api').ApiPromise} api
 * @param {import('./node.mjs').Node} node
 */
export async function fullness(api, node, hash) {
  const { block } = await node.rpc('chain_getBlock', hash.toHex());
  const bytes = block.extrinsics.reduce((sum, extrinsic) => sum + (extrinsic.length - 2) / 2, 0);
  return bytes / api.consts.system.blockLength.max.mandatory.toNumber();
}

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { account } from '../../lib/accounts.mjs';
import { balanceAt, finalizedNumber, waitForFinalized } from '../../lib/chain.mjs';
import { MINUTES, until } from '../../lib/wait.mjs';

/** @param {import('../../lib/network.mjs').Network} network */
export function syncing(network) {
  it('lets a full node sync all blocks and agree on the state', async () => {
    const node = await network.add('full-node');
    await agreesOnState(network, node);
    await network.remove(node);
  });

  it('lets a full node warp to the finalised state and agree on it', async () => {
    const node = await network.add('warp-node', '--sync', 'warp');
    await agreesOnState(network, node);
    assert.match(node.log(), /Warp sync is complete/);
    assert.match(node.log(), /State sync is complete/);
    await network.remove(node);
  });

  it('lets a full node that takes no part in finality import blocks', async () => {
    const node = await network.add('node-without-grandpa', '--no-grandpa');
    const height = await finalizedNumber(await network.api());
    const api = await node.api();
    await until(
      `block #${height} on ${node.name}`,
      (next) => api.rpc.chain.subscribeNewHeads(next),
      (head) => head.number.toNumber() >= height,
      { timeout: 1 * MINUTES, show: (head) => `#${head.number}` },
    );
    await network.remove(node);
  });
}

async function agreesOnState(network, node) {
  const [api, nodeApi] = await Promise.all([network.api(), node.api()]);
  const synced = await waitForFinalized(nodeApi, await finalizedNumber(api));
  // One further, since after a warp there is no older state, and polkadot.js asks for the runtime at the parent.
  const header = await waitForFinalized(nodeApi, synced.number.toNumber() + 1);

  await waitForFinalized(api, header.number.toNumber());
  const { hash, stateRoot } = await api.rpc.chain.getHeader(await api.rpc.chain.getBlockHash(header.number));
  assert.equal(header.hash.toHex(), hash.toHex());
  assert.equal(header.stateRoot.toHex(), stateRoot.toHex());

  const { address } = account('//Ferdie');
  assert.equal(await balanceAt(nodeApi, hash, address), await balanceAt(api, hash, address));
}

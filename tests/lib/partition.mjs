import { waitForBestBlock } from './chain.mjs';

/**
 * The arguments of nodes whose connections the functions here make and break. Not litep2p: with it a peer that is
 * reserved no more stays, as long as there is room for others.
 */
export const RESERVED_ONLY = ['--reserved-only', '--network-backend', 'libp2p'];

/**
 * Connects each of the nodes with each other.
 * @param {import('./node.mjs').Node[]} nodes
 */
export async function connectAll(nodes) {
  await forPairs(nodes, nodes, async (node, peer) => node.rpc('system_addReservedPeer', await peer.address()));
  await havePeers(nodes, nodes.length - 1);
}

/**
 * Breaks the connections between two groups that were connected.
 * @param {import('./node.mjs').Node[][]} groups
 */
export async function part([some, others]) {
  const drop = async (node, peer) => node.rpc('system_removeReservedPeer', await peer.rpc('system_localPeerId'));
  await Promise.all([forPairs(some, others, drop), forPairs(others, some, drop)]);
  await Promise.all([some, others].map((group) => havePeers(group, group.length - 1)));
}

function forPairs(nodes, peers, act) {
  return Promise.all(nodes.flatMap((node) => peers.filter((peer) => peer !== node).map((peer) => act(node, peer))));
}

async function havePeers(nodes, count) {
  await Promise.all(nodes.map(async (node) => {
    await waitForBestBlock(await node.api(), `${node.name} to have ${count} peers`, async () =>
      (await node.rpc('system_health')).peers === count);
  }));
}

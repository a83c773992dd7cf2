import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { account } from '../lib/accounts.mjs';
import { waitForFinalizedBlock } from '../lib/chain.mjs';
import { devNode } from '../lib/node.mjs';

// What polkadot.js, PAPI, smoldot and the usual tools call.
const EXPECTED = {
  archive_v1: ['body', 'call', 'finalizedHeight', 'genesisHash', 'hashByHeight', 'header', 'storage', 'storageDiff'],
  author: [
    'hasKey', 'hasSessionKeys', 'insertKey', 'pendingExtrinsics', 'rotateKeys', 'rotateKeysWithOwner',
    'submitAndWatchExtrinsic', 'submitExtrinsic', 'unwatchExtrinsic',
  ],
  babe: ['epochAuthorship'],
  chain: [
    'getBlock', 'getBlockHash', 'getFinalizedHead', 'getHeader',
    'subscribeAllHeads', 'subscribeFinalizedHeads', 'subscribeNewHeads',
  ],
  chainHead_v1: ['body', 'call', 'continue', 'follow', 'header', 'stopOperation', 'storage', 'unfollow', 'unpin'],
  chainSpec_v1: ['chainName', 'genesisHash', 'properties'],
  grandpa: ['proveFinality', 'roundState', 'subscribeJustifications'],
  inference: [
    'drain', 'feed', 'getJob', 'getModel', 'getReceipt', 'getResult', 'getResultProof', 'listFeeds', 'listJobs', 'listModels',
    'nodeStatus', 'quote', 'subscribeJob', 'subscribeResults', 'unsubscribeJob', 'unsubscribeResults', 'validator',
  ],
  offchain: ['localStorageClear', 'localStorageGet', 'localStorageSet'],
  payment: ['queryFeeDetails', 'queryInfo'],
  state: [
    'call', 'getKeysPaged', 'getMetadata', 'getReadProof', 'getRuntimeVersion', 'getStorage', 'getStorageHash',
    'getStorageSize', 'queryStorageAt', 'subscribeRuntimeVersion', 'subscribeStorage', 'traceBlock',
  ],
  sync_state: ['genSyncSpec'],
  system: [
    'accountNextIndex', 'addReservedPeer', 'chain', 'chainType', 'dryRun', 'health', 'localListenAddresses',
    'localPeerId', 'name', 'nodeRoles', 'peers', 'properties', 'removeReservedPeer', 'reservedPeers', 'syncState',
    'version',
  ],
  transactionWatch_v1: ['submitAndWatch'],
  transaction_v1: ['broadcast', 'stop'],
};

describe('the interfaces of a node', () => {
  // The archive methods are there only when the node keeps everything.
  const node = devNode('--state-pruning', 'archive', '--blocks-pruning', 'archive');

  before(() => node.start());
  after(() => node.stop());

  for (const [prefix, names] of Object.entries(EXPECTED)) {
    it(`offers the RPC methods of ${prefix}`, async () => {
      const { methods } = await node.rpc('rpc_methods');
      const missing = names.map((name) => `${prefix}_${name}`).filter((method) => !methods.includes(method));
      assert.deepEqual(missing, []);
    });
  }

  it('takes an address in the chain\'s own format', async () => {
    const address = (await node.api()).createType('AccountId', account('//Alice').publicKey).toString();
    assert.equal(await node.rpc('system_accountNextIndex', address), 0);
  });

  it('tells Prometheus the heights of its chain', async () => {
    // The node refreshes its metrics every few seconds, so they lag behind the chain.
    await waitForFinalizedBlock(await node.api(), 'Prometheus to show both heights', async () => {
      const metrics = await node.metrics();
      return ['best', 'finalized'].every((status) => height(metrics, status) >= 1);
    });
  });

  it('tells Prometheus of its ballots', async () => {
    await waitForFinalizedBlock(await node.api(), 'Prometheus to show a ballot that was sent', async () => {
      const metrics = await node.metrics();
      return value(metrics, 'inference_ballots_sent_total') >= 1 && value(metrics, 'inference_pool_ballots') >= 0;
    });
  });
});

function value(metrics, name) {
  return Number(metrics.match(new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, 'm'))?.[1]);
}

function height(metrics, status) {
  const line = new RegExp(`^substrate_block_height\\{[^}]*status="${status}"[^}]*\\} (\\d+)$`, 'm');
  return Number(metrics.match(line)?.[1]);
}

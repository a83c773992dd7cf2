import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { runBinary } from '../lib/binary.mjs';
import { devNode, Node } from '../lib/node.mjs';

describe('the committed chain spec of the testnet', () => {
  const testnet = new Node('testnet', ['--chain', 'testnet']);
  const dev = devNode();

  before(() => Promise.all([testnet.start(), dev.start()]));
  after(() => Promise.all([testnet.stop(), dev.stop()]));

  it('boots a node at its genesis', async () => {
    const { isSyncing } = await testnet.rpc('system_health');
    assert.equal(isSyncing, false);
    const { number } = await testnet.rpc('chain_getHeader');
    assert.equal(number, '0x0');
  });

  it('holds the runtime of this binary', async () => {
    const [testnetRuntime, devRuntime] = await Promise.all([testnet, dev].map(runtime));
    assert.deepEqual(testnetRuntime, devRuntime);
  });

  it('has the properties of every network of this chain', async () => {
    const { properties } = JSON.parse(await runBinary('export-chain-spec', '--chain', 'local'));
    assert.deepEqual(await testnet.rpc('system_properties'), properties);
    const { ss58Prefix } = (await testnet.api()).consts.system;
    assert.deepEqual(properties, { tokenSymbol: 'SIB', tokenDecimals: 12, ss58Format: ss58Prefix.toNumber() });
  });

  it('says in its name that its validators\' keys are public', async () => {
    assert.match(await testnet.rpc('system_chain'), /public.*keys/i);
  });
});

async function runtime(node) {
  const api = await node.api();
  const { specName, specVersion, transactionVersion } = api.runtimeVersion;
  const pallets = api.runtimeMetadata.asLatest.pallets.map(({ index, name }) => `${index} ${name}`);
  return { version: [specName, specVersion, transactionVersion].map(String), pallets };
}

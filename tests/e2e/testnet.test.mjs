import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { runBinary } from '../lib/binary.mjs';
import { Node } from '../lib/node.mjs';

describe('the committed chain spec of the testnet', () => {
  const testnet = new Node('testnet', ['--chain', 'testnet']);
  // Of the same genesis: some constants, as an epoch's length, are the state's.
  const own = new Node('testnet-staging', ['--chain', 'testnet-staging']);

  before(() => Promise.all([testnet.start(), own.start()]));
  after(() => Promise.all([testnet.stop(), own.stop()]));

  it('boots a node at its genesis', async () => {
    const { isSyncing } = await testnet.rpc('system_health');
    assert.equal(isSyncing, false);
    const { number } = await testnet.rpc('chain_getHeader');
    assert.equal(number, '0x0');
  });

  it('holds the runtime of this binary', async () => {
    const [committed, made] = await Promise.all([testnet, own].map(runtime));
    assert.deepEqual(committed, made);
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
  const metadata = api.runtimeMetadata.asLatest;
  const pallets = metadata.pallets.map(({ index, name }) => `${index} ${name}`);
  // Without docs, or every comment would make the committed specification an old one.
  const all = JSON.stringify(metadata, (key, value) => (key === 'docs' ? undefined : value));
  const hash = createHash('sha256').update(all).digest('hex');
  return { version: [specName, specVersion, transactionVersion].map(String), pallets, metadata: hash };
}

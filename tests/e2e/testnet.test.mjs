import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { runBinary, sibyl } from '../lib/binary.mjs';
import { waitForBestBlock } from '../lib/chain.mjs';
import { waitUntilItSays } from '../lib/engine.mjs';
import { devNode, Node } from '../lib/node.mjs';
import { freePorts } from '../lib/ports.mjs';
import { scratch } from '../lib/scratch.mjs';
import { snippets } from '../lib/snippets.mjs';
import { MINUTES } from '../lib/wait.mjs';

// A peer that there is nowhere.
const OTHER_PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

const testnet = new Node('testnet', ['--chain', 'testnet']);
// Of the same genesis: some constants, as an epoch's length, are the state's.
const own = new Node('testnet-staging', ['--chain', 'testnet-staging']);
// One of four validators alone makes blocks, and nothing final.
const author = new Node('author', ['--chain', 'testnet', '--alice', '--validator']);
const foreign = devNode();
const nodes = [testnet, own, author, foreign];

before(() => Promise.all(nodes.map((node) => node.start())));
after(() => Promise.all(nodes.map((node) => node.stop())));

describe('the committed chain spec of the testnet', () => {
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

describe('a node of the testnet with bootnodes', { concurrency: true }, () => {
  const start = async (...args) => {
    const node = new Node(...args);
    nodes.push(node);
    await node.start();
    return node;
  };

  it('is started as docs/validator.md says, finds the others and syncs', async () => {
    const basePath = scratch('by-the-guide');
    const made = await sibyl('key', 'generate-node-key', '--base-path', basePath, '--chain', 'testnet');
    assert.equal(made.code, 0, made.stderr);
    const [publicPort] = await freePorts(1);
    const publicAddress = `/ip4/127.0.0.1/tcp/${publicPort}`;
    const args = wordsOf('sibyl-node --validator', {
      '~/sibyl': basePath,
      '/ip4/ADDRESS/tcp/30333/p2p/PEER_ID': await author.address(),
      '/ip4/YOUR_ADDRESS/tcp/30333': publicAddress,
    });
    const node = await start('by-the-guide', args, { storage: [], hasKey: true });

    const { number } = await waitForBestBlock(await node.api(), 'a block of the other node', (head) => head.number.toNumber() > 0);
    const hashes = await Promise.all([author, node].map((each) => each.rpc('chain_getBlockHash', number.toNumber())));
    assert.equal(hashes[0], hashes[1]);
    assert.match(node.log(), /🏷 +Node name: your name/u);
    const { externalAddresses } = await node.rpc('system_unstable_networkState');
    assert.ok(externalAddresses.some((address) => address.startsWith(`${publicAddress}/`)), `${externalAddresses}`);
    assert.deepEqual(await node.rpc('system_nodeRoles'), ['Authority']);
  });

  const LONELY = {
    'where nobody is': async () => (await author.address()).replace(/(?<=\/tcp\/)\d+/, (await freePorts(1))[0]),
    'of another peer id': async () => (await author.address()).replace(/[^/]+$/, OTHER_PEER),
    'of a chain with another genesis': () => foreign.address(),
  };
  for (const [what, addressOf] of Object.entries(LONELY)) {
    it(`says why it may be without peers, where its only bootnode has an address ${what}`, async () => {
      const address = await addressOf();
      const node = await start(what.replaceAll(' ', '-'), ['--chain', 'testnet', '--bootnodes', address]);
      const genesis = await node.rpc('chain_getBlockHash', 0);
      // It looks for a minute before it says so.
      await waitUntilItSays(node, /No peers: /, 5 * MINUTES);
      const [line] = /No peers: .*$/m.exec(node.log());
      assert.equal(line.trimEnd(), 'No peers: the bootnodes can\'t be reached, have another peer id, or are of a chain with another ' +
        `genesis than ${genesis}, which is this node's. They are ${address}`);
    });
  }
});

/** What follows the program's name in the guide's snippet that begins so, with other words in the place of some. */
function wordsOf(beginning, replacements) {
  const { text } = snippets().find(({ file, first }) => file === 'docs/validator.md' && first.startsWith(beginning));
  const [, ...words] = text.replaceAll('\\\n', ' ').match(/"[^"]*"|\S+/g).map((word) => word.replaceAll('"', ''));
  return words.map((word) => replacements[word] ?? word);
}

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

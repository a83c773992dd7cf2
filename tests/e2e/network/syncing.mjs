import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { account } from '../../lib/accounts.mjs';
import { balanceAt, finalizedNumber, waitForFinalized, waitForFinalizedBlock } from '../../lib/chain.mjs';
import { MINUTES, SECONDS, until } from '../../lib/wait.mjs';

// Without these two nothing is finalised.
const HALTED = ['charlie', 'dave'];
// In which votes that were under way arrive.
const SETTLED = 5 * SECONDS;
const ATTEMPTS = 3;
// The number of GRANDPA's message in a header.
const SCHEDULED_CHANGE = 1;

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

  // The block before the target changed the validators, so the proof has it: importing its header made the node stay at #0.
  it('lets a full node warp to the block right after a change of the validators, and download what was before', async () => {
    const halted = HALTED.map((name) => network.node(name));
    const target = await haltAfterAChange(network, halted);
    const node = await network.add('warp-node-after-a-change', '--sync', 'warp', '-l', 'sync=debug');
    await untilLogged(node, /State sync (is complete|failed)/);
    assert.match(node.log(), new RegExp(`Verified complete proof.*\\(${target}\\)`));
    assert.match(node.log(), /State sync is complete/);

    await restart(halted);
    await agreesOnState(network, node);
    await untilLogged(node, /Block history download is complete/);
    // From what signed the first change of the validators.
    assert.ok(await node.rpc('grandpa_proveFinality', 1));
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

/**
 * Stops finality right after a change of the validators, by having some of them take no part in it; returns the block that
 * stays the newest final one.
 */
async function haltAfterAChange(network, halted) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const apis = await Promise.all(network.validators.map((each) => each.api()));
    let isAfterAChange = false;
    const head = await waitForFinalizedBlock(apis[0], 'a block right after a change of the validators', (next) => {
      const isIt = isAfterAChange;
      isAfterAChange = changesValidators(next);
      return isIt;
    }, 4 * MINUTES);
    const target = head.number.toNumber();
    // Each has a proof of it to give.
    await Promise.all(apis.map((api) => waitForFinalized(api, target)));
    await restart(halted, '--no-grandpa');
    await sleep(SETTLED);
    const newest = await Promise.all(network.validators.map(async (each) => finalizedNumber(await each.api())));
    if (newest.every((number) => number === target)) return target;
    await restart(halted);
  }
  throw new Error(`Finality went on behind the change of the validators ${ATTEMPTS} times`);
}

async function restart(nodes, ...args) {
  await Promise.all(nodes.map((node) => node.kill('SIGKILL')));
  await Promise.all(nodes.map((node) => node.start(...args)));
}

function changesValidators({ digest }) {
  const isChange = ([engine, message]) => engine.isGrandpa && message.toU8a(true)[0] === SCHEDULED_CHANGE;
  return digest.logs.some((log) => log.isConsensus && isChange(log.asConsensus));
}

async function untilLogged(node, pattern) {
  const deadline = Date.now() + 2 * MINUTES;
  while (!pattern.test(node.log())) {
    assert.ok(Date.now() < deadline, `${node.name} does not log ${pattern}`);
    await sleep(SECONDS);
  }
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

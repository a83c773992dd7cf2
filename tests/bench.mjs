// `make bench`: measures an idle network of four validators and a full node. The last line is RESULT {…}.
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { binary } from './lib/binary.mjs';
import { waitForFinalized } from './lib/chain.mjs';
import { Network, VALIDATORS } from './lib/network.mjs';
import { MINUTES, until } from './lib/wait.mjs';

const WARM_UP_BLOCKS = 5;
const MEASURED_BLOCKS = 100;
const WASM = 'wbuild/sibyl-runtime/sibyl_runtime.compact.compressed.wasm';

const network = new Network();
await network.start();
const observer = await network.add('observer');
const api = await observer.api();
await waitForFinalized(api, WARM_UP_BLOCKS);

const before = importTime(await observer.metrics());
const { blocks, heights } = await countBlocks(MEASURED_BLOCKS);
const after = importTime(await observer.metrics());
const residentKib = VALIDATORS.map((name) => residentMemory(network.node(name).pid));
await network.stop();

const result = {
  binary_mib: mebibytes(statSync(binary()).size),
  runtime_compressed_kib: Math.round(statSync(join(dirname(binary()), WASM)).size / 1024),
  validator_rss_mib: mebibytes(Math.max(...residentKib) * 1024),
  empty_block_import_ms: round(((after.seconds - before.seconds) / (after.count - before.count)) * 1000),
  forks_per_100_blocks: round(((blocks - heights) / heights) * 100),
};
console.log(`RESULT ${JSON.stringify(result)}`);

/** Counts the blocks that the observer imports while its chain grows by so many heights. */
async function countBlocks(count) {
  const seen = new Map();
  await until(
    `${count} further blocks`,
    (next) => api.rpc.chain.subscribeAllHeads(next),
    (header) => {
      const height = header.number.toNumber();
      seen.set(height, (seen.get(height) ?? new Set()).add(header.hash.toHex()));
      return seen.size > count;
    },
    { timeout: 10 * MINUTES, show: (header) => `#${header.number}` },
  );
  // The newest height may still get a second block.
  const complete = [...seen.entries()].sort(([a], [b]) => a - b).slice(0, count);
  return { blocks: complete.reduce((sum, [, hashes]) => sum + hashes.size, 0), heights: complete.length };
}

/** Time that the node's import queue spent on verifying and executing blocks. */
function importTime(metrics) {
  const sum = (suffix) => [...metrics.matchAll(
    new RegExp(`^substrate_block_verification_and_import_time_${suffix}\\{[^}]*\\} (\\S+)$`, 'gm'),
  )].reduce((total, [, value]) => total + Number(value), 0);
  return { seconds: sum('sum'), count: sum('count') };
}

function residentMemory(pid) {
  const [, kib] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m);
  return Number(kib);
}

function mebibytes(bytes) {
  return round(bytes / 1024 / 1024);
}

function round(value) {
  return Math.round(value * 100) / 100;
}

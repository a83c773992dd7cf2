// What a node takes of its machine, as the system tells it.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { engineOf } from './engine.mjs';

const MEBIBYTE = 1024 * 1024;
const BLOCK = 512;
// The column of offchain storage, as the SDK numbers them.
const OFFCHAIN = /^(?:index|table)_09_/;
const ERRORS = /(?: ERROR |panicked|Essential task)/g;
const WARNINGS = /(?: WARN |⚠)/g;

/**
 * @param {import('./node.mjs').Node} node that runs
 * @param {string} basePath
 */
export function usageOf(node, basePath) {
  const log = node.log();
  const engine = engineOf(node);
  return {
    rss: memoryOf(node.pid),
    engineRss: engine === undefined ? 0 : memoryOf(engine),
    handles: handlesOf(node.pid),
    disk: diskOf(basePath, () => true),
    offchain: diskOf(basePath, (name) => OFFCHAIN.test(name)),
    errors: log.match(ERRORS)?.length ?? 0,
    warnings: log.match(WARNINGS)?.length ?? 0,
  };
}

function memoryOf(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    // It ended meanwhile.
    return 0;
  }
}

function handlesOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** What the files take of the disk, which is less than their length where they have holes. */
function diskOf(folder, accept) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !accept(entry.name)) continue;
    try {
      bytes += lstatSync(join(entry.path ?? entry.parentPath, entry.name)).blocks * BLOCK;
    } catch {
      // The node removed it meanwhile.
    }
  }
  return bytes / MEBIBYTE;
}

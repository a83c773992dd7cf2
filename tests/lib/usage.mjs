// What a node takes of its machine, as the system tells it.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { engineOf } from './engine.mjs';

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
// `getconf CLK_TCK` of every Linux.
const TICKS_PER_SECOND = 100;
const BLOCK = 512;
// The column of offchain storage, as the SDK numbers them.
const OFFCHAIN = /^(?:index|table)_09_/;
const WARNINGS = /(?: WARN |⚠)/g;

/**
 * @param {import('./node.mjs').Node} node that runs
 * @param {string} basePath
 */
export function usageOf(node, basePath) {
  const log = node.log();
  const engine = engineOf(node);
  return {
    memory: (statusOf(node.pid, 'RssAnon') + statusOf(node.pid, 'RssShmem')) / MEBIBYTE,
    // Its program and its database: the kernel drops them where it needs the room.
    mapped: statusOf(node.pid, 'RssFile') / MEBIBYTE,
    engineMemory: engine === undefined ? 0 : memoryOf(engine) / MEBIBYTE,
    handles: handlesOf(node.pid),
    disk: diskOf(basePath, () => true),
    offchain: diskOf(basePath, (name) => OFFCHAIN.test(name)),
    errors: node.troubles().length,
    warnings: log.match(WARNINGS)?.length ?? 0,
  };
}

/** Seconds of processor time that a process has had so far. */
export function processorSecondsOf(pid) {
  // What stands before is the program's name in brackets, which may have blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  const [user, system] = fields.slice(11, 13).map(Number);
  return (user + system) / TICKS_PER_SECOND;
}

/** Bytes of memory that a process has, files that are mapped among it; none where it has ended. */
export function memoryOf(pid) {
  return statusOf(pid, 'VmRSS');
}

/** A figure of a process in bytes, by its name in the kernel's `status`. */
function statusOf(pid, name) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * KIBIBYTE;
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

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LOGS = 'logs';

/** @type {string | undefined} */
let root;

/** A folder of this test process; gone when the process ends. */
export function scratch(name) {
  const path = join(scratchRoot(), name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Where a node writes its log; kept when a test of this process fails. */
export const logFile = (name) => join(scratch(LOGS), `${name}.log`);

function scratchRoot() {
  root ??= mkdtempSync(join(tmpdir(), 'sibyl-e2e-'));
  return root;
}

/** @param {number} exitCode of the test process: not 0 when a test or a hook failed. */
export function clearScratch(exitCode) {
  if (root === undefined) return;
  const failed = exitCode !== 0;
  const doomed = failed ? readdirSync(root).filter((name) => name !== LOGS).map((name) => join(root, name)) : [root];
  // A node that was killed a moment ago may still be writing: hence the retries.
  for (const path of doomed) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  if (failed) console.error(`The nodes' logs are kept in ${join(root, LOGS)}`);
}

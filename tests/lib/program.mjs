import { execFile } from 'node:child_process';

import { binary } from './binary.mjs';

/**
 * Runs the node's program with these arguments, as a user does who is at no terminal.
 * @param {string[]} args
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function sibyl(...args) {
  return new Promise((resolve) => {
    const child = execFile(binary(), args, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
    child.stdin.end();
  });
}

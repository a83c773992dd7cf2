import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The path of sibyl-node: `SIBYL_NODE`, else where cargo puts a release build.
 * @param {string} [program] another one
 */
export function binary(program = process.env.SIBYL_NODE) {
  const target = process.env.CARGO_TARGET_DIR ?? 'target';
  const path = resolve(REPOSITORY, program ?? join(target, 'release/sibyl-node'));
  if (!existsSync(path)) {
    throw new Error(`No node at ${path}: run 'make build', or name the binary in SIBYL_NODE.`);
  }
  return path;
}

/**
 * Runs a subcommand to its end and returns what it printed.
 * @param {...string} args
 */
export async function runBinary(...args) {
  const { stdout } = await promisify(execFile)(binary(), args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/**
 * Runs a subcommand as a user does who is at no terminal, whether or not it fails.
 * @param {...string} args
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function sibyl(...args) {
  return new Promise((resolve) => {
    const child = execFile(binary(), args, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
    child.stdin.end();
  });
}

/**
 * Runs a subcommand in a terminal, as util-linux's `script` makes one, and types lines into it, each once the program
 * has asked for it.
 * @param {string[]} args
 * @param {{ prompt: string, lines: string[] }} typed
 * @returns {Promise<{ code: number, shown: string }>}
 */
export function sibylInTerminal(args, { prompt, lines }) {
  const quoted = [binary(), ...args].map((arg) => `'${arg}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null']);
  let shown = '';
  let seen = 0;
  const left = [...lines];
  child.stdout.on('data', (data) => {
    shown += data;
    const at = shown.indexOf(prompt, seen);
    if (at === -1 || left.length === 0) return;
    seen = at + prompt.length;
    child.stdin.write(`${left.shift()}\n`);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, shown }));
  });
}

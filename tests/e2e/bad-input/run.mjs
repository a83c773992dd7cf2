// Runs commands that are wrong, each in a folder of its own, which is to be afterwards as it was before.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';

import { binary } from '../../lib/binary.mjs';
import { freePorts } from '../../lib/ports.mjs';
import { scratch } from '../../lib/scratch.mjs';
import { MINUTES } from '../../lib/wait.mjs';

// A busy machine has other things to do.
const TIMEOUT = 2 * MINUTES;
const AT_ONCE = 3;
const LOG_LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;
/** What a line for people has not: what Rust prints of a value, or of itself where it fails. */
const INTERNAL = /panicked|backtrace|thread '|Some\(|None\b|\bErr\(|[A-Z]\w+Error\b|[A-Z][a-z]+[A-Z]\w*\(|\([A-Z][a-z]+[A-Z]\w*\)|[A-Z]\w+ \{ \w+: |\\n|\\u\{/;
/** What a terminal obeys: in a line of ours somebody else's text has put it there. */
export const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
/** A line that is longer shows something in place of saying it. */
const LONGEST = 700;

/**
 * @typedef {object} Case
 * @property {string} what is wrong
 * @property {string | string[]} run the words after `sibyl-node`; in them `{dir}` is the case's folder, `{home}` another one, in
 *   which anything may be made, `{url}` where the node is, `{rpc}`, `{prometheus}` and `{p2p}` its ports, `{free}` a free one
 * @property {RegExp} says the one line on standard error
 * @property {number} [code] the exit code, 1 where none is said; 2 where the command line itself can't be read
 * @property {Record<string, string | Buffer | null>} [files] what the folder holds, by its name: null is a folder
 * @property {Record<string, number>} [modes] that other than usual ones have
 * @property {RegExp} [makes] names of files that may be made beside those
 * @property {RegExp} [beside] lines that may stand on standard error, too: a figure, or what goes before
 */

/**
 * A suite of commands, a test for each.
 * @param {string} where
 * @param {Case[]} cases
 * @param {import('../../lib/node.mjs').Node} [node]
 */
export function commands(where, cases, node) {
  describe(where, { concurrency: AT_ONCE }, () => {
    cases.forEach((one, index) => it(one.what, () => check(one, `${where.replaceAll(/\W/g, '-')}-${index}`, node)));
  });
}

async function check({ run, says, code = 1, files = {}, modes = {}, beside, makes }, name, node) {
  const dir = scratch(join('bad-input', name));
  const home = scratch(join('bad-input-home', name));
  for (const [path, content] of Object.entries(files)) write(join(dir, path), content);
  for (const [path, mode] of Object.entries(modes)) chmodSync(join(dir, path), mode);
  const before = contents(dir);
  const places = { dir, home, ...await placesOf(node) };
  const words = (typeof run === 'string' ? run.split(' ') : run)
    .map((word) => word.replaceAll(/\{(\w+)\}/g, (all, place) => places[place] ?? all));
  const ended = await start(words, home);
  const shown = `sibyl-node ${words.join(' ')}\n${ended.stdout}${ended.stderr}`;
  const lines = ended.stderr.split('\n').filter((line) => line !== '' && !LOG_LINE.test(line) && !beside?.test(line));
  assert.equal(lines.length, 1, `one line is to say it:\n${shown}`);
  assertClear(lines[0], says);
  assert.match(lines[0], /^Error: /);
  assert.equal(ended.stdout, '', shown);
  assert.equal(ended.code, code, shown);
  assert.deepEqual(contents(dir).filter(([path]) => !makes?.test(path)), before, 'what was there before is to be there as it was');
}

/**
 * That a line says what is wrong, and says it to people.
 * @param {string} line
 * @param {RegExp} says
 */
export function assertClear(line, says) {
  assert.match(line, says);
  assert.doesNotMatch(line, INTERNAL);
  assert.doesNotMatch(line, OBEYED);
  assert.ok(!line.includes('\n'), `it is more than one line: ${line}`);
  assert.ok(line.length <= LONGEST, `it has ${line.length} characters: ${line}`);
}

function write(path, content) {
  if (content === null) {
    mkdirSync(path, { recursive: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode: 0o600 });
}

/** Every file below a folder, with its mode and what is in it. */
function contents(folder) {
  const all = readdirSync(folder, { recursive: true }).map((name) => join(folder, name)).sort();
  return all.map((path) => {
    const file = lstatSync(path);
    return [relative(folder, path), file.mode, file.isFile() ? readFileSync(path).toString('base64') : null];
  });
}

async function placesOf(node) {
  const [free] = await freePorts(1);
  if (node === undefined) return { free };
  const [p2p, rpc, prometheus] = node.ports;
  return { free, p2p, rpc, prometheus, url: `ws://127.0.0.1:${rpc}` };
}

function start(words, home) {
  const env = { ...process.env, HOME: home, XDG_DATA_HOME: home, TMPDIR: scratch('tmp') };
  return new Promise((resolve) => {
    const options = { env, timeout: TIMEOUT, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 };
    const child = execFile(binary(), words, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code ?? `killed after ${TIMEOUT} ms`, stdout, stderr });
    });
    child.stdin.end();
  });
}

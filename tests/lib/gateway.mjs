import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import OpenAI from 'openai';

import { binary } from './binary.mjs';
import { freePorts } from './ports.mjs';
import { logFile, scratch } from './scratch.mjs';
import { MINUTES, SECONDS } from './wait.mjs';

const START_TIMEOUT = MINUTES;
const STOP_TIMEOUT = 5 * MINUTES;
const PYTHON = join(process.env.SIBYL_TESTS_VENV ?? join(homedir(), '.cache/sibyl/venv-tests'), 'bin/python');
const PROGRAM = fileURLToPath(new URL('../e2e/gateway/ask.py', import.meta.url));

/** Whether there is a Python with the package `openai`: scripts/setup.sh --tests makes one. */
export const hasPython = existsSync(PYTHON);

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A sibyl-node gateway. Its port and its state file outlive the process, so that it can be started again. */
export class Gateway {
  #args;
  #child;
  #port;

  /**
   * @param {string} name must be unique in the test process
   * @param {import('./node.mjs').Node} node the node that it asks
   * @param {...string} args beside those for the node, the port and the state file
   */
  constructor(name, node, ...args) {
    this.name = name;
    this.state = join(scratch(name), 'state.json');
    this.#args = ['--url', `ws://${node.rpcAddress}`, '--state', this.state, ...args];
  }

  /** Starts the process and waits until it listens. */
  async start() {
    [this.#port] = this.#port === undefined ? await freePorts(1) : [this.#port];
    const before = existsSync(logFile(this.name)) ? this.log().length : 0;
    const log = openSync(logFile(this.name), 'a');
    const child = spawn(binary(), ['gateway', '--listen', `127.0.0.1:${this.#port}`, ...this.#args], { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const deadline = Date.now() + START_TIMEOUT;
    while (!this.log().slice(before).includes('listening on')) {
      if (child.exitCode !== null) throw new Error(`${this.name} ended while starting:\n${this.log()}`);
      if (Date.now() > deadline) throw new Error(`${this.name} did not listen in time:\n${this.log()}`);
      await sleep(100);
    }
    return this;
  }

  /**
   * Ends the process, and resolves with its exit code, null where a signal ended it.
   * @param {NodeJS.Signals} [signal]
   */
  async stop(signal = 'SIGTERM') {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
    const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT) });
    child.kill(signal);
    const [code] = await gone;
    return code;
  }

  /** Where it is. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /**
   * OpenAI's client on it, which sends no request twice unless it is told to.
   * @param {string} [apiKey]
   * @param {Partial<import('openai').ClientOptions>} [options]
   */
  client(apiKey = 'none', options = {}) {
    return new OpenAI({ baseURL: `${this.url}/v1`, apiKey, maxRetries: 0, timeout: 5 * MINUTES, ...options });
  }

  /**
   * What Python's package does with it: see the program.
   * @param {string} apiKey
   * @param {string} what
   */
  async python(apiKey, what) {
    const env = { ...process.env, OPENAI_BASE_URL: `${this.url}/v1`, OPENAI_API_KEY: apiKey };
    return new Promise((resolve, reject) => {
      execFile(PYTHON, [PROGRAM, what], { env, timeout: 5 * MINUTES }, (error, stdout, stderr) =>
        (error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(JSON.parse(stdout))));
    });
  }

  /** A request as it is, with the key of an `Authorization` header where one is given. */
  fetch(path, { key, headers, ...options } = {}) {
    const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return fetch(this.url + path, { ...options, headers: { ...authorization, ...headers }, signal: AbortSignal.timeout(60 * SECONDS) });
  }

  log() {
    return readFileSync(logFile(this.name), 'utf8');
  }

  /** What its state file holds. */
  spending() {
    return JSON.parse(readFileSync(this.state, 'utf8'));
  }
}

/** A file of API keys. */
export function keysFile(name, ...lines) {
  const path = join(scratch(name), 'keys');
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return path;
}

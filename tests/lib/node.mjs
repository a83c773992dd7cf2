import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect as connectClient } from '@sibyl/client';

import { binary } from './binary.mjs';
import { connect } from './chain.mjs';
import { freePorts } from './ports.mjs';
import { clearScratch, logFile, scratch } from './scratch.mjs';
import { MINUTES, SECONDS } from './wait.mjs';

const START_TIMEOUT = 5 * MINUTES;
const RPC_TIMEOUT = 30 * SECONDS;
const STOP_TIMEOUT = 30 * SECONDS;
const LOG_TAIL = 15;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

process.on('exit', (code) => {
  for (const child of running) child.kill('SIGKILL');
  clearScratch(code);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** What a node answers in place of a result: the error's number and, where it has one, its name or more. */
export class RpcError extends Error {
  constructor(method, node, { code, message, data }) {
    super(`${method} on ${node}: ${message} ${data ?? ''}`);
    this.code = code;
    this.data = data;
  }
}

/** One sibyl-node process. Its ports, keys and database outlive the process, so that it can be started again. */
export class Node {
  #args;
  #ports;
  #hasKey;
  #program;
  #place;
  #child;
  #api;
  #client;

  /**
   * @param {string} name must be unique in the test process
   * @param {string[]} args beside those for ports, node key and storage
   * @param {{ storage?: string[], hasKey?: boolean, program?: string, env?: Record<string, string>, place?: Partial<Place> }}
   *   [options] `storage` in place of a base path in the scratch folder; `hasKey` where a node key was made there; `program` in
   *   place of the one under test; `env` is what its environment has besides; `place` in place of the loopback interface
   */
  constructor(name, args, options = {}) {
    const { storage = ['--base-path', scratch(name)], hasKey = false, program, env = {}, place = {} } = options;
    this.name = name;
    /** What the environment of its next run has besides. */
    this.env = env;
    this.#place = { ...HERE, ...place };
    this.#hasKey = hasKey;
    this.#program = program;
    this.#args = [...args, ...storage];
  }

  /**
   * Starts the process and waits until its RPC answers.
   * @param {...string} args for this run alone
   */
  async start(...args) {
    this.#ports ??= await freePorts(3);
    this.#shareCompiled();
    const log = openSync(logFile(this.name), 'a');
    const [command, ...prefix] = [...this.#place.command, binary(this.#program)];
    const child = spawn(command, [...prefix, ...this.#args, ...args, ...this.#fixedArgs()], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.env, TMPDIR: scratch('tmp'), ...this.#place.env },
    });
    closeSync(log);
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    await once(child, 'spawn');
    await this.#answers(child);
    return this;
  }

  /** Ends the process in good order; rejects when it had already ended by itself, or doesn't end well. */
  async stop() {
    const child = this.#child;
    if (child === undefined) return;
    await this.kill('SIGTERM');
    if (child.exitCode !== 0) throw new Error(`${this.name} did not end well: ${this.#ending(child)}`);
  }

  /**
   * Sends the signal and waits until the process is gone; rejects when it was gone before.
   * @param {NodeJS.Signals} signal
   */
  async kill(signal) {
    const child = this.#child;
    await this.#disconnect();
    if (hasEnded(child)) throw new Error(`${this.name} had ended by itself: ${this.#ending(child)}`);
    const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT) });
    child.kill(signal);
    await gone.catch(() => {
      throw new Error(`${this.name} still runs ${STOP_TIMEOUT / SECONDS} s after ${signal}`);
    });
    this.#child = undefined;
  }

  /**
   * Waits until the process ends by itself; how it did.
   * @param {number} [timeout] after which it rejects
   * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
   */
  async ended(timeout = START_TIMEOUT) {
    const child = this.#child;
    if (!hasEnded(child)) {
      await once(child, 'exit', { signal: AbortSignal.timeout(timeout) }).catch(() => {
        throw new Error(`${this.name} still runs after ${timeout / SECONDS} s`);
      });
    }
    await this.#disconnect();
    this.#child = undefined;
    return { code: child.exitCode, signal: child.signalCode };
  }

  /** Where its JSON-RPC is, without the scheme: HTTP and WebSocket have one port. */
  get rpcAddress() {
    return `${this.#place.rpc}:${this.#ports[1]}`;
  }

  /** The ports that it listens on: for other nodes, for JSON-RPC, for Prometheus. */
  get ports() {
    return this.#ports;
  }

  /** The polkadot.js API on this node: one connection, closed with the node. */
  api() {
    this.#api ??= connect(`ws://${this.rpcAddress}`);
    return this.#api.isReadyOrError;
  }

  /** Ends that connection: polkadot.js knows no runtime APIs of a runtime that came while it was connected. */
  async reconnectApi() {
    await this.#api?.disconnect();
    this.#api = undefined;
    return this.api();
  }

  /** The client library on this node: one connection, closed with the node. */
  client() {
    this.#client ??= connectClient({ url: `ws://${this.rpcAddress}` });
    return this.#client;
  }

  /**
   * One JSON-RPC call over HTTP.
   * @param {string} method
   * @param {...unknown} params
   */
  async rpc(method, ...params) {
    const response = await fetch(`http://${this.rpcAddress}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(RPC_TIMEOUT),
    });
    const { result, error } = await response.json();
    if (error) throw new RpcError(method, this.name, error);
    return result;
  }

  /** The process's id while it runs. */
  get pid() {
    return this.#child?.pid;
  }

  /** What the node tells Prometheus. */
  async metrics() {
    const response = await fetch(`http://${this.#place.rpc}:${this.#ports[2]}/metrics`);
    return response.text();
  }

  /** The multiaddress by which other nodes reach this one. */
  async address() {
    const addresses = await this.rpc('system_localListenAddresses');
    return addresses.find((address) => address.startsWith(`${this.#listenAddress()}/`));
  }

  log() {
    return readFileSync(logFile(this.name), 'utf8');
  }

  /**
   * Lines of its log that nobody should have to see.
   * @param {number} [from] what of the log is passed over, in characters
   */
  troubles(from = 0) {
    return this.log().slice(from).match(TROUBLE) ?? [];
  }

  async #disconnect() {
    await this.#api?.disconnect();
    await (await this.#client)?.close();
    this.#api = this.#client = undefined;
  }

  // Its runtime is that of all nodes here, and is compiled once for all of them.
  #shareCompiled() {
    const flag = this.#args.indexOf('--base-path');
    if (flag < 0) return;
    const basePath = this.#args[flag + 1];
    mkdirSync(basePath, { recursive: true });
    try {
      symlinkSync(COMPILED, join(basePath, 'compiled-runtimes'));
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }

  #fixedArgs() {
    const [, rpcPort, prometheusPort] = this.#ports;
    return [
      '--listen-addr', this.#listenAddress(),
      '--rpc-port', `${rpcPort}`,
      '--prometheus-port', `${prometheusPort}`,
      ...this.#hasKey ? [] : ['--node-key', createHash('sha256').update(this.name).digest('hex')],
      '--no-mdns', '--no-telemetry',
      ...this.#place.args,
    ];
  }

  #listenAddress() {
    return `/ip4/${this.#place.listen}/tcp/${this.#ports[0]}`;
  }

  async #answers(child) {
    const deadline = Date.now() + START_TIMEOUT;
    while (!(await this.#isUp())) {
      if (hasEnded(child)) throw new Error(`${this.name} ended while starting: ${this.#ending(child)}`);
      if (Date.now() > deadline) {
        throw new Error(`${this.name} did not answer within ${START_TIMEOUT / SECONDS} s: ${this.#logTail()}`);
      }
      await sleep(200);
    }
  }

  // Asks for the address, since another program may have taken the port and answer in the node's place.
  async #isUp() {
    try {
      return (await this.address()) !== undefined;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  }

  #ending({ signalCode, exitCode }) {
    return `${signalCode ?? `exit code ${exitCode}`}, ${this.#logTail()}`;
  }

  #logTail() {
    return `its log's last lines:\n${this.log().trimEnd().split('\n').slice(-LOG_TAIL).join('\n')}`;
  }
}

/**
 * Where a node runs and is reached: on this machine's loopback interface, with nothing around it.
 * @typedef {{ command: string[], env: Record<string, string>, args: string[], listen: string, rpc: string }} Place
 *   a command that the program is given to, variables and arguments of the node, the addresses for peers and for JSON-RPC
 * @type {Place}
 */
const HERE = { command: [], env: {}, args: [], listen: '127.0.0.1', rpc: '127.0.0.1' };

/** Where nodes keep compiled runtimes. */
const COMPILED = process.env.SIBYL_COMPILED_RUNTIMES ?? scratch('compiled-runtimes');

const TROUBLE = /^.*(?: ERROR |panicked|Essential task).*$/gm;

const hasEnded = ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null;

/**
 * The one-node development chain, in a folder that the node removes itself.
 * @param {...string} args
 */
export const devNode = (...args) => new Node('dev', ['--dev', ...args], { storage: ['--tmp'] });

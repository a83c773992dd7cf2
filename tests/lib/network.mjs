import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runBinary } from './binary.mjs';
import { withFurtherValidators } from './genesis.mjs';
import { Node } from './node.mjs';
import { scratch } from './scratch.mjs';

/** The genesis validators of the preset `local`; each name is also the command line's flag for its keys. */
export const VALIDATORS = ['alice', 'bob', 'charlie', 'dave'];

/** Nodes of one chain `local` on the loopback interface, all from one raw chain spec. */
export class Network {
  /** @type {Map<string, Node>} */
  #nodes = new Map();
  #spec;
  #bootnode;
  #programs;
  #further;
  #optionsOf;

  /**
   * @param {Record<string, string | undefined>} [programs] of nodes in place of the one under test, by their names
   * @param {{ further?: string[], optionsOf?: (name: string) => ConstructorParameters<typeof Node>[2] }} [options] `further`
   *   genesis validators beside the four, of well-known names; `optionsOf` further options of nodes, by their names
   */
  constructor(programs = {}, { further = [], optionsOf = () => ({}) } = {}) {
    this.#programs = programs;
    this.#further = further;
    this.#optionsOf = optionsOf;
  }

  /**
   * Starts the validators and waits until each answers.
   * @param {Record<string, string[]>} [argsOf] further arguments, by the validator's name, for its first run alone
   * @param {(name: string) => void} [started] is told of each as it answers
   */
  async start(argsOf = {}, started = () => {}) {
    const startValidator = async (name) => {
      const node = this.#create(name, [`--${name}`, '--validator']);
      await node.start(...argsOf[name] ?? []);
      started(name);
      return node;
    };
    this.#spec = join(scratch('network'), 'local.raw.json');
    await runBinary('export-chain-spec', '--chain', await this.#chain(), '--raw', '--output', this.#spec);
    const [first, ...others] = this.names;
    this.#bootnode = await (await startValidator(first)).address();
    await Promise.all(others.map(startValidator));
  }

  async stop() {
    const endings = await Promise.allSettled([...this.#nodes.values()].map((node) => node.stop()));
    const failures = endings.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
  }

  /**
   * Starts a further node.
   * @param {string} name
   * @param {...string} args
   */
  add(name, ...args) {
    return this.#create(name, args).start();
  }

  /**
   * Starts a further node on a base path whose node key was made by hand.
   * @param {string} name
   * @param {string} basePath
   * @param {...string} args
   */
  join(name, basePath, ...args) {
    return this.#create(name, args, { storage: ['--base-path', basePath], hasKey: true }).start();
  }

  /**
   * Stops a node that is needed no more.
   * @param {Node} node
   */
  async remove(node) {
    this.#nodes.delete(node.name);
    await node.stop();
  }

  /**
   * Has a node stand where that validator's was, which has ended.
   * @param {string} name
   * @param {Node} node
   */
  replace(name, node) {
    this.#nodes.delete(node.name);
    this.#nodes.set(name, node);
  }

  /** @param {string} name */
  node(name) {
    return this.#nodes.get(name);
  }

  /** The genesis validators' names. */
  get names() {
    return [...VALIDATORS, ...this.#further];
  }

  /** The genesis validators' nodes. */
  get validators() {
    return this.names.map((name) => this.node(name));
  }

  /** The polkadot.js API on the first validator. */
  api() {
    return this.node(VALIDATORS[0]).api();
  }

  /** The client library on the first validator. */
  client() {
    return this.node(VALIDATORS[0]).client();
  }

  /** The chain's name, or its specification's file. */
  async #chain() {
    if (this.#further.length === 0) return 'local';
    const plain = JSON.parse(await runBinary('export-chain-spec', '--chain', 'local'));
    const path = join(scratch('network'), 'local.plain.json');
    await writeFile(path, JSON.stringify(withFurtherValidators(plain, this.#further)));
    return path;
  }

  #create(name, args, options = {}) {
    const bootnodes = this.#bootnode === undefined ? [] : ['--bootnodes', this.#bootnode];
    const node = new Node(name, ['--chain', this.#spec, ...bootnodes, ...args], {
      program: this.#programs[name], ...this.#optionsOf(name), ...options,
    });
    this.#nodes.set(name, node);
    return node;
  }
}

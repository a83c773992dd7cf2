// Nodes in network namespaces of their own, and the links between them, which can be cut, slow and lossy. JSON-RPC goes
// another way, which is always well. The links are made by a program of ours and not by `tc netem`, which many kernels lack.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SWITCH = fileURLToPath(new URL('links.py', import.meta.url));
const TUN = '/dev/net/tun';
// Of names of devices, which have 15 characters at most.
const PREFIX = 'sbl';
// Third numbers of addresses that nothing else has.
const [RPC, PEERS] = ['10.213', '10.214'];

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

/** Why namespaces can't be had here; false where they can. */
export function lacksNamespaces() {
  if (process.getuid() !== 0) return 'network namespaces need root';
  if (!existsSync(TUN)) return `this kernel has no ${TUN}`;
  const name = `${PREFIX}-${process.pid}-try`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return false;
  } catch (error) {
    return `no network namespace can be made: ${`${error.stderr ?? error.message}`.trim()}`;
  }
}

/** So many namespaces, all linked with each other. */
export class Links {
  #names;
  #net;
  #switch;
  #answers;
  #state;

  /** @param {number} count */
  constructor(count) {
    this.#names = Array.from({ length: count }, (_, index) => `${PREFIX}-${process.pid}-${index}`);
    this.#state = { groups: [this.#names.map((_, index) => index)], loss: 0, delay: 0, jitter: 0 };
  }

  /** Makes them; what a run that was killed left behind goes first. */
  async make() {
    removeAbandoned();
    process.prependOnceListener('exit', () => this.remove());
    this.#net = await freeNet();
    const taps = this.#names.map((_, index) => `${PREFIX}t${process.pid}_${index}`);
    this.#switch = spawn('python3', [SWITCH, ...taps], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#switch.stdout })[Symbol.asyncIterator]();
    await this.#answer();
    this.#names.forEach((name, index) => {
      const inside = (...args) => ip('-n', name, ...args);
      const veth = `${PREFIX}v${process.pid}_${index}`;
      ip('netns', 'add', name);
      inside('link', 'set', 'lo', 'up');
      ip('link', 'set', taps[index], 'netns', name);
      inside('addr', 'add', `${this.#peerAddress(index)}/24`, 'dev', taps[index]);
      inside('link', 'set', taps[index], 'up');
      ip('link', 'add', veth, 'type', 'veth', 'peer', 'name', 'rpc', 'netns', name);
      ip('addr', 'add', `${RPC}.${this.#net}.${4 * index + 1}/30`, 'dev', veth);
      ip('link', 'set', veth, 'up');
      inside('addr', 'add', `${this.#rpcAddress(index)}/30`, 'dev', 'rpc');
      inside('link', 'set', 'rpc', 'up');
    });
  }

  /**
   * Where a node of this namespace runs; to be asked for once they are made.
   * @param {number} index
   */
  place(index) {
    return {
      command: ['ip', 'netns', 'exec', this.#names[index]],
      args: ['--unsafe-rpc-external', '--rpc-cors', 'all', '--rpc-methods', 'unsafe', '--prometheus-external'],
      listen: this.#peerAddress(index),
      rpc: this.#rpcAddress(index),
    };
  }

  /**
   * Cuts the links between these groups of namespaces, by their numbers.
   * @param {number[][]} groups
   */
  part(groups) {
    return this.#set({ groups });
  }

  /** Links all with each other again. */
  heal() {
    return this.#set({ groups: [this.#names.map((_, index) => index)] });
  }

  /**
   * Makes every link lose so many of its frames, and each frame wait so many seconds, give or take the jitter.
   * @param {{ loss?: number, delay?: number, jitter?: number }} weather
   */
  weather({ loss = 0, delay = 0, jitter = 0 }) {
    return this.#set({ loss, delay, jitter });
  }

  /** Removes them; nodes in them must have ended. */
  remove() {
    this.#switch?.kill('SIGKILL');
    this.#switch = undefined;
    this.#names.forEach(removeNamespace);
  }

  async #set(change) {
    Object.assign(this.#state, change);
    this.#switch.stdin.write(`${JSON.stringify(this.#state)}\n`);
    await this.#answer();
  }

  async #answer() {
    const { done } = await this.#answers.next();
    if (done) throw new Error('the program that links the namespaces has ended; its message stands above');
  }

  #peerAddress(index) {
    return `${PEERS}.${this.#net}.${index + 1}`;
  }

  #rpcAddress(index) {
    return `${RPC}.${this.#net}.${4 * index + 2}`;
  }
}

function removeNamespace(name) {
  try {
    ip('netns', 'del', name);
  } catch {
    // It is not there.
  }
}

function removeAbandoned() {
  const names = ip('netns', 'list').split('\n').map((line) => line.split(' ')[0]);
  const isAbandoned = (name) => {
    const [, pid] = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name) ?? [];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  names.filter(isAbandoned).forEach(removeNamespace);
}

/** A third number of an address that no device of this machine has. */
async function freeNet() {
  const taken = ip('-4', '-o', 'addr');
  for (let net = process.pid % 256, tries = 0; tries < 256; net = (net + 1) % 256, tries += 1) {
    if (!taken.includes(`${RPC}.${net}.`) && !taken.includes(`${PEERS}.${net}.`)) return net;
  }
  throw new Error(`every network ${RPC}.x.0 is taken`);
}

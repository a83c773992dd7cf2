// What a process takes of the machine, as Linux tells it.
import { readFileSync } from 'node:fs';

// `getconf CLK_TCK` of every Linux.
const TICKS_PER_SECOND = 100;
const KIB = 1024;

/**
 * Seconds of processor time so far, and bytes of memory at most so far and now, of a node, its engine's process not counted.
 * @param {import('./node.mjs').Node} node
 */
export function resourcesOf({ pid }) {
  // What stands before is the program's name in brackets, which may have blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  const [user, system] = fields.slice(11, 13).map(Number);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * KIB;
  return { seconds: (user + system) / TICKS_PER_SECOND, memory: bytes('VmRSS'), mostMemory: bytes('VmHWM') };
}


// Processes as the system tells of them.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * The ids of what a process has started and has not ended.
 * @param {number} pid
 * @returns {number[]}
 */
export const childrenOf = (pid) =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statOf(name)?.parent === pid).map(Number);

/**
 * Those, and what they have started.
 * @param {number} pid
 * @returns {number[]}
 */
export const descendantsOf = (pid) => childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** Whether a process has not ended: one that has is there as a zombie until somebody asks what became of it. */
export const runs = (pid) => !['Z', 'X', undefined].includes(statOf(pid)?.state);

/** A process's state and who started it; undefined where it has ended meanwhile. */
function statOf(pid) {
  try {
    // The name in brackets may have anything in it; the state and the parent follow it.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

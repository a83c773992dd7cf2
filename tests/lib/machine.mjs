// What is around a node: a disk of its own, which can be full, and a clock, which can be wrong.
import { execFileSync } from 'node:child_process';
import {
  closeSync, existsSync, fstatSync, openSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { scratch } from './scratch.mjs';

const MEBIBYTE = 1024 * 1024;
const FILLER = 'filler';
const FAKETIME = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].map((folder) => `${folder}/faketime/libfaketimeMT.so.1`);
const PATTERN = Buffer.alloc(4096, 0xa5);

/** Why a small disk can't be had here; false where it can. */
export function lacksMounts() {
  if (process.getuid() !== 0) return 'mounting a small disk needs root';
  const disk = new Disk('try', 1);
  try {
    disk.mount();
    return false;
  } catch (error) {
    return `nothing can be mounted: ${`${error.stderr ?? error.message}`.trim()}`;
  } finally {
    disk.unmount();
  }
}

/** A disk of so many mebibytes, in memory. */
export class Disk {
  #size;
  #isMounted = false;

  constructor(name, size) {
    this.#size = size;
    this.folder = scratch(`disk-${name}`);
  }

  mount() {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${this.#size}m`, 'sibyl-test', this.folder], { stdio: 'pipe' });
    this.#isMounted = true;
    // Before the scratch folder, in which it is, is removed.
    process.prependOnceListener('exit', () => this.unmount());
  }

  /** Leaves so many mebibytes of it. */
  fill(left) {
    const free = Number(execFileSync('df', ['--output=avail', '-B1', this.folder], { encoding: 'utf8' }).split('\n')[1]);
    execFileSync('fallocate', ['-l', `${Math.max(free - left * MEBIBYTE, 4096)}`, join(this.folder, FILLER)]);
  }

  clear() {
    rmSync(join(this.folder, FILLER));
  }

  /** Also while a node of it runs still. */
  unmount() {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    execFileSync('umount', ['--lazy', this.folder]);
  }
}

/** The clock of one node, by libfaketime. What measures durations is left alone, as where a clock is set. */
export class Clock {
  #file;

  /** Why there is none here; false where there is. */
  static isLacking() {
    return FAKETIME.some(existsSync) ? false : 'libfaketime is not installed: scripts/setup.sh --faults';
  }

  /** @param {string} name */
  constructor(name) {
    this.#file = join(scratch('clocks'), name);
    this.set(0);
  }

  /** The environment of a node that goes by it. */
  get env() {
    return {
      LD_PRELOAD: FAKETIME.find(existsSync),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /**
   * Sets it; the node sees it within a second.
   * @param {number} seconds that it is ahead of the machine's
   */
  set(seconds) {
    // At once: half a line would be no time.
    writeFileSync(`${this.#file}.next`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${this.#file}.next`, this.#file);
  }
}

/**
 * Overwrites the first kilobytes of each file of a folder whose name begins like this; returns how many there were.
 * @param {string} folder
 * @param {string} prefix
 */
export function damageAll(folder, prefix) {
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix));
  for (const name of names) damage(join(folder, name));
  return names.length;
}

/** Overwrites the first kilobytes of a file, and as many in its middle. */
export function damage(path) {
  const file = openSync(path, 'r+');
  const { size } = fstatSync(file);
  for (const at of [0, Math.floor(size / 2)]) writeSync(file, PATTERN, 0, Math.min(PATTERN.length, size), at);
  closeSync(file);
}

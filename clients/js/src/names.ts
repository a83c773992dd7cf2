import { SibylError } from './errors.js';

/**
 * Throws where an object has a name that is none of the known ones, since a misspelt option would silently be its
 * default.
 * @param what the object is, to complete "… has no 'x'"
 */
export function checkNames(given: object, known: readonly string[], what: string): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const nearest = nearestOf(name, known);
    const hint = nearest === undefined ? '' : `, did you mean '${nearest}'?`;
    throw new SibylError('UnknownOption', `${what} has no '${name}'${hint || ':'} It takes ${known.join(', ')}.`);
  }
}

/** The known name that takes the fewest changes, whatever its case; undefined where none is near. */
export function nearestOf(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const nearest = known
    .map((other) => ({ other, changes: distance(lower, other.toLowerCase()) }))
    .sort((a, b) => a.changes - b.changes)[0];
  const few = Math.max(2, Math.floor(name.length / 3));
  return nearest !== undefined && nearest.changes <= few ? nearest.other : undefined;
}

/** Characters to insert, to remove, to replace or to swap with the next, to come from one text to the other. */
function distance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      let changes = Math.min(last[column]! + 1, next[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1));
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwap) changes = Math.min(changes, beforeLast[column - 2]! + 1);
      next.push(changes);
    }
    beforeLast = last;
    last = next;
  }
  return last[to.length]!;
}

/** An object, and neither null, a list, nor bytes; throws otherwise. */
export function checkObject(given: unknown, what: string, expected: string): asserts given is Record<string, unknown> {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given) && !ArrayBuffer.isView(given);
  if (!isObject) throw new SibylError('InvalidArgument', `${what} is ${expected}, not ${show(given)}.`);
}

/** A value as an error shows it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return 'a list';
  if (ArrayBuffer.isView(value)) return 'bytes';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

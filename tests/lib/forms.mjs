// Whether what the documentation shows of a program is what it prints.
import assert from 'node:assert/strict';

/** What is another one each time. */
const OPEN = [
  [/0x[0-9a-f]{8,}/g, 'HASH'],
  [/\b[1-9A-HJ-NP-Za-km-z]{40,}\b/g, 'ADDRESS'],
  [/\b(alice|bob|charlie|dave)(, (alice|bob|charlie|dave))*\b/g, 'VALIDATORS'],
  [/\d+(\.\d+)?/g, 'N'],
  // One fault, or several of a kind.
  [/\b(\w+)(, \1)+\b/g, '$1'],
];
const isLeftOut = (line) => line === '' || /^\s+… .* …$/.test(line);

/** A line without what is another one each time: hashes, addresses, validators in any order, numbers. */
export const formOf = (line) => OPEN.reduce((form, [pattern, name]) => form.replaceAll(pattern, name), line.trimEnd());

/**
 * That each line of a block is of the form of a line that was printed; lines as `  … and so on …` stand for others.
 * @param {string} shown
 * @param {string} printed
 */
export function assertShows(shown, printed) {
  const forms = new Set(printed.split('\n').map(formOf));
  const others = shown.split('\n').filter((line) => !isLeftOut(line) && !forms.has(formOf(line)));
  assert.deepEqual(others, [], `no line of these forms was printed:\n${printed}`);
}

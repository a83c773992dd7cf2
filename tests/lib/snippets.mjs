// The fenced blocks of the documentation.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

const FILES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(REPOSITORY, 'docs')).filter((name) => name.endsWith('.md')).sort().map((name) => `docs/${name}`),
  'clients/js/README.md',
  'clients/console/README.md',
  'node/engine/README.md',
];
// What a program printed, formulas and drawings.
const OUTPUT = ['', 'text'];

/** @typedef {{ file: string, language: string, text: string, first: string }} Snippet `first` is its first line */

const isOutput = ({ language }) => OUTPUT.includes(language);

const blocks = () => FILES.flatMap((file) => {
  const all = [...readFileSync(join(REPOSITORY, file), 'utf8').matchAll(/^```(.*)\n([^]*?)^```$/gm)];
  return all.map(([, language, text]) => ({ file, language, text, first: text.split('\n', 1)[0] }));
});

/**
 * The snippets in reading order, other than output.
 * @returns {Snippet[]}
 */
export const snippets = () => blocks().filter((block) => !isOutput(block));

/**
 * The blocks in reading order that are no snippets: output and pictures.
 * @returns {Snippet[]}
 */
export const outputs = () => blocks().filter(isOutput);

/**
 * What a file shows as the output that begins so.
 * @param {string} file
 * @param {string} beginning
 */
export function outputOf(file, beginning) {
  const block = outputs().find((each) => each.file === file && each.first.startsWith(beginning));
  if (block === undefined) throw new Error(`${file} has no output that begins with ${beginning}`);
  return block.text;
}

/** The names in a JSON value, however deep, with the kinds of what they stand for; lists by their first entry. */
export function shapeOf(value) {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, shapeOf(each)]));
}

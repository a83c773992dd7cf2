// Writes again what the client library knows of the runtime: how jobs are laid out, and a receipt for its tests.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { decAnyMetadata, unifyMetadata } from '@polkadot-api/substrate-bindings';
import { chainFacts } from '../dist/genesis.js';
import { fromHex } from '../dist/hex.js';

import { runBinary } from '../../../tests/lib/binary.mjs';
import { MODEL, waitUntilServedBy } from '../../../tests/lib/inference.mjs';
import { devNode } from '../../../tests/lib/node.mjs';

const CLIENT = fileURLToPath(new URL('..', import.meta.url));
const QUESTION = 'Wo ist der Bahnhof?';
const LINE = 116;

const node = await devNode().start();
const folder = mkdtempSync(join(tmpdir(), 'sibyl-record-'));
try {
  const { lookup, pallets } = unifyMetadata(decAnyMetadata(fromHex(await node.rpc('state_getMetadata'))));
  const stored = (pallet, entry) => pallets.find(({ name }) => name === pallet).storage.items.find(({ name }) => name === entry).type.value.value;
  const { events } = pallets.find(({ name }) => name === 'Inference');
  const agreed = lookup[events.type].def.value.find(({ name }) => name === 'Agreed');
  const roots = {
    job: stored('Inference', 'Jobs'),
    input: stored('Inference', 'Inputs'),
    output: agreed.fields.find(({ name }) => name === 'output').type,
    model: stored('Models', 'Models'),
  };
  writeFileSync(join(CLIENT, 'src/known-types.ts'), typesFile(lookup, roots));

  await waitUntilServedBy(await node.client(), ['alice']);
  const file = join(folder, 'receipt.json');
  const ask = ['ask', QUESTION, '--model', MODEL, '--suri', '//Alice', '--yes', '--receipt', file];
  await runBinary(...ask, '--url', `ws://${node.rpcAddress}`);
  const { genesis, validators } = chainFacts(await runBinary('export-chain-spec', '--chain', 'dev', '--raw'));
  const facts = { genesis, validators: validators.map(({ key, weight }) => ({ key, weight: `${weight}` })) };
  const recorded = { chain: facts, question: QUESTION, label: 'deu', receipt: JSON.parse(readFileSync(file, 'utf8')) };
  writeFileSync(join(CLIENT, 'test/receipt.json'), `${JSON.stringify(recorded, null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true });
  await node.stop();
}

/** The types that some are made of, numbered anew, without what decides nothing. */
function typesFile(lookup, roots) {
  const numbers = new Map();
  const number = (id) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return numbers.get(id);
  };
  const names = Object.entries(roots).map(([name, id]) => `  ${name}: ${number(id)},`);
  const types = [];
  // The map grows while it is gone through.
  for (const [id] of numbers) types.push(smaller(lookup[id], number));
  const lines = types.flatMap((type, at) => wrapped(`${JSON.stringify({ id: at, ...type })},`));
  return `// Made by \`make client-layout\`, of the runtime's metadata: how jobs, what they read and say, and models are laid out.
// prettier-ignore
export const KNOWN_TYPES = {
${names.join('\n')}
  types: [
${lines.map((line) => `    ${line}`).join('\n')}
  ] as unknown[],
};
`;
}

/** A line of JSON in several, broken where no text is. */
function wrapped(line) {
  const lines = [''];
  for (const part of line.split(/(?<=,)/)) {
    if (lines.at(-1).length + part.length > LINE) lines.push('');
    lines[lines.length - 1] += part;
  }
  return lines;
}

function smaller({ path, params, def: { tag, value } }, number) {
  const field = ({ name, type }) => ({ name, type: number(type), docs: [] });
  const def = {
    composite: () => value.map(field),
    variant: () => value.map(({ name, index, fields }) => ({ name, index, fields: fields.map(field), docs: [] })),
    sequence: () => number(value),
    array: () => ({ len: value.len, type: number(value.type) }),
    tuple: () => value.map(number),
    compact: () => number(value),
    primitive: () => value,
  }[tag]();
  // polkadot-api knows options, results and accounts by their paths, and the first two by their parameters.
  const isNamed = ['Option', 'Result'].includes(path[0]);
  return {
    path: isNamed || path.at(-1) === 'AccountId32' ? path : [],
    params: isNamed ? params.map(({ name, type }) => ({ name, type: number(type) })) : [],
    def: { tag, value: def },
    docs: [],
  };
}

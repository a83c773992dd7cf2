// `make test-faults`: runs the cases one after another and writes what came of them as a table. SIBYL_FAULTS names the folder
// of rows and logs, to which a later run adds; CASES is a pattern of the cases' names, FILES of the files'.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { tableOf } from '../lib/table.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const folder = process.env.SIBYL_FAULTS ?? mkdtempSync(join(tmpdir(), 'sibyl-faults-'));
const { CASES, FILES = '' } = process.env;

// The order of importance, not of the alphabet.
const files = ['processes', 'links', 'machines'].map((name) => `${name}.test.mjs`).filter((name) => name.includes(FILES));
const unlisted = readdirSync(HERE).filter((name) => name.endsWith('.test.mjs') && !['processes', 'links', 'machines'].includes(name.split('.')[0]));
if (unlisted.length > 0) throw new Error(`tests/faults/run.mjs does not know ${unlisted.join(', ')}`);

const pattern = CASES ? ['--test-name-pattern', CASES] : [];
let code = 0;
for (const file of files) {
  const tests = spawn(process.execPath, ['--test', '--test-reporter=spec', ...pattern, join(HERE, file)], {
    stdio: 'inherit', env: { ...process.env, SIBYL_FAULTS: folder },
  });
  const [failed] = await once(tests, 'exit');
  code ||= failed ?? 1;
}

const rows = join(folder, 'rows.jsonl');
if (existsSync(rows)) {
  const table = tableOf(readFileSync(rows, 'utf8').trim().split('\n').map((line) => JSON.parse(line)));
  writeFileSync(join(folder, 'table.md'), table);
  console.log(`\n${table}`);
}
console.log(`${cpus().length} × ${cpus()[0].model}; rows, table and logs are in ${folder}`);
process.exit(code);

// Runs all tests: those that wait more than they compute two at a time, then those that fill the machine on purpose. The last
// line says which were skipped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { tooSlow } from './lib/too-slow.mjs';

const ALONE = ['e2e/inference-hardship.test.mjs', 'e2e/overload.test.mjs'];
const FOLDERS = ['../clients/js/test', '../clients/console/test', 'e2e'];

const testsIn = (of) => readdirSync(of).filter((name) => name.endsWith('.test.mjs')).sort().map((name) => join(of, name));
const together = FOLDERS.flatMap(testsIn).filter((file) => !ALONE.includes(file));
const folder = mkdtempSync(join(tmpdir(), 'sibyl-skipped-'));
const compiled = join(folder, 'compiled-runtimes');
const skipped = [];

mkdirSync(compiled);
process.env.SIBYL_COMPILED_RUNTIMES = compiled;
process.env.SIBYL_TOO_SLOW = JSON.stringify(await tooSlow(['smollm2', 'minilm']));
const code = await run(2, together) || await run(1, ALONE);
const whys = [...new Set(skipped.map(([, why]) => why))];
const told = whys.map((why) => `${why}: ${skipped.filter(([, other]) => other === why).map(([name]) => name).join(', ')}`);
console.log([`SKIPPED ${skipped.length}`, ...told].join('; '));
rmSync(folder, { recursive: true });
process.exitCode = code;

/** Runs files of tests, so many at a time; resolves with the exit code, which is not 0 where one failed. */
async function run(concurrency, files) {
  const told = join(folder, `${concurrency}`);
  const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout', '--test-reporter=./lib/skipped.mjs', `--test-reporter-destination=${told}`];
  const child = spawn(process.execPath, ['--test', `--test-concurrency=${concurrency}`, ...reporters, ...files], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  skipped.push(...readFileSync(told, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line)));
  return code ?? 1;
}

// The package as it is published: what is in it, and that TypeScript and Node.js take it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');

const CONSUMER = `
import {
  connect, formatSib, QuoteError, sib, signerFromSecret, verifyReceipt,
  type Answer, type ChainFacts, type JobResult, type Receipt, type Step,
} from '@sibyl/client';

export async function ask(text: string): Promise<JobResult> {
  const sibyl = await connect({ url: 'ws://127.0.0.1:9944' });
  const signer = signerFromSecret('//Ferdie');
  const job = await sibyl.ask('common-lingua', text, { signer, seats: 3, maxFee: sib('1.5') });
  for await (const step of job.follow()) told(step);
  return job.verify();
}

function told({ phase, seats }: Step): string {
  return \`\${phase}: \${seats.committed} of \${seats.total}\`;
}

export function label(answer: Answer): string | undefined {
  return answer.type === 'classification' ? answer.label : undefined;
}

export const why = (error: unknown): string => (error instanceof QuoteError ? error.reason : formatSib(0n));

export const signers = (receipt: Receipt, chain: ChainFacts): number => verifyReceipt(receipt, chain).proof.signers;

// @ts-expect-error A name that there is not.
export const misspelt = connect({ url: 'ws://127.0.0.1:9944' }).then((sibyl) => sibyl.quote('common-lingua', '', { drawdelay: 1 }));
// @ts-expect-error Bytes are no number.
export const wrong: Answer = { type: 'embedding', values: 'none' };
`;

/** How consumers resolve modules. */
const SETTINGS = {
  bundler: { module: 'ESNext', moduleResolution: 'bundler' },
  node16: { module: 'Node16', moduleResolution: 'Node16' },
  nodenext: { module: 'NodeNext', moduleResolution: 'NodeNext' },
};

describe('the package', () => {
  let folder, installed;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sibyl-client-'));
    const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8' });
    run('npm', ['pack', '--silent', '--pack-destination', folder], PACKAGE);
    const [filename] = readdirSync(folder);
    run('tar', ['xzf', filename], folder);
    installed = join(folder, 'package');
    mkdirSync(join(folder, 'node_modules/@sibyl'), { recursive: true });
    symlinkSync(installed, join(folder, 'node_modules/@sibyl/client'));
    // What it depends on is installed already: beside it, and beside the repository's other packages.
    symlinkSync(join(PACKAGE, 'node_modules'), join(installed, 'node_modules'));
    const others = join(PACKAGE, '../../node_modules');
    for (const name of readdirSync(others).filter((each) => each !== '@sibyl')) symlinkSync(join(others, name), join(folder, 'node_modules', name));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    writeFileSync(join(folder, 'consumer.ts'), CONSUMER);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has what it names, and neither sources nor tests', () => {
    assert.deepEqual(readdirSync(installed).filter((name) => name !== 'node_modules').sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);
    const { exports, imports, types } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const named = [exports['.'], imports['#smoldot'], { types }].flatMap(Object.values);
    for (const file of named) assert.ok(readFileSync(join(installed, file), 'utf8').length > 0, file);
  });

  for (const [name, settings] of Object.entries(SETTINGS)) {
    it(`has types for consumers that resolve as ${name}`, () => {
      const compilerOptions = { ...settings, target: 'ES2022', lib: ['ES2022', 'DOM'], strict: true, noEmit: true, types: [] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
      try {
        execFileSync(process.execPath, [TSC, '--project', folder], { encoding: 'utf8' });
      } catch ({ stdout }) {
        assert.fail(stdout);
      }
    });
  }

  it('runs in Node.js', () => {
    const program = "import * as client from '@sibyl/client'; console.log(client.formatSib(client.sib('1.5')));";
    const stdout = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder, encoding: 'utf8' });
    assert.equal(stdout, '1.5 SIB\n');
  });
});

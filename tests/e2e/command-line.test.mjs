// What the command line does without a node: the shell's completions, and the models that are installed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

import { binary, runBinary, sibyl } from '../lib/binary.mjs';
import { isInstalled, OwnModels } from '../lib/models.mjs';
import { scratch } from '../lib/scratch.mjs';

const NAME = basename(binary());
const MODEL = 'minilm';
const skip = isInstalled(MODEL) ? false : `${MODEL} is not installed: make models`;

describe('sibyl-node completions', () => {
  it('has bash complete commands, those below them, and options', async () => {
    const script = join(scratch('completions'), 'bash');
    writeFileSync(script, await runBinary('completions', 'bash'));
    const complete = async (...words) => {
      const ask = `source ${script}
        COMP_WORDS=(${NAME} ${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length}
        $(complete -p ${NAME} | sed 's/.* -F \\([^ ]*\\) .*/\\1/') ${NAME} '${words.at(-1)}' '${words.at(-2) ?? NAME}'
        printf '%s\\n' "\${COMPREPLY[@]}"`;
      return (await promisify(execFile)('bash', ['-euc', ask])).stdout.trimEnd().split('\n');
    };
    assert.deepEqual(await complete('valid'), ['validator']);
    assert.deepEqual(await complete('--bootn'), ['--bootnodes']);
    assert.deepEqual(await complete('validator', 'pay'), ['payout']);
    assert.deepEqual(await complete('models', 'install', '--wh'), ['--wheel']);
  });

  for (const shell of ['elvish', 'fish', 'powershell', 'zsh']) {
    it(`has a script for ${shell}, too`, async () => {
      const { code, stdout, stderr } = await sibyl('completions', shell);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`${NAME}[^]*payout`));
    });
  }
});

describe('sibyl-node models', { skip }, () => {
  const own = new OwnModels(MODEL, 'of-the-command-line');
  const models = (...args) => sibyl('models', ...args, '--models-path', own.folder);

  it('leaves by `pull`, which is `install`, what is installed', async () => {
    own.install();
    const [pulled, installed] = [await models('pull', MODEL), await models('install', MODEL)];
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal(pulled.stdout, `${MODEL} is already installed in ${own.folder}\n`);
    assert.equal(installed.stdout, pulled.stdout);
  });

  it('deletes all files of a model by `rm`, and tells each', async () => {
    const { code, stdout, stderr } = await models('rm', MODEL);
    assert.equal(code, 0, stderr);
    assert.deepEqual(readdirSync(own.folder), []);
    assert.match(stdout, new RegExp(`^(deleted [0-9a-f]{64} from ${own.folder}\n){${own.files.length}}$`));
    assert.match((await models('list')).stdout, new RegExp(`^${MODEL} .* not installed$`, 'm'));
    assert.match((await models('rm', MODEL)).stderr, new RegExp(`^Error: there is no '${MODEL}' to delete: `));
  });
});

// `models run` with files of models, without a chain. The models are made up: see tests/lib/tiny-model.mjs.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { runBinary } from '../lib/binary.mjs';
import { scratch } from '../lib/scratch.mjs';
import { writeTinyEmbedder, writeTinyModel } from '../lib/tiny-model.mjs';

const folder = scratch('models-run');
const store = ['--models-path', join(folder, 'store')];

describe('models run, given a GGUF file', () => {
  it('makes a vector of length 1 by an embedding model, another one for another text', async () => {
    const file = writeTinyEmbedder(join(folder, 'embedder.gguf'));
    const vectorOf = async (prompt) => (await answerOf(file, prompt)).trim().split(/\s+/).map(Number);
    const [vector, again, other] = [await vectorOf('a bad cab'), await vectorOf('a bad cab'), await vectorOf('a cab')];
    assert.equal(vector.length, 64);
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-4, `its length is ${Math.hypot(...vector)}`);
    assert.deepEqual(again, vector);
    assert.notDeepEqual(other, vector);
  });

  it('writes by a language model', async () => {
    const file = writeTinyModel(join(folder, 'writer.gguf'), 1, '{{ messages[0].content }}');
    assert.notEqual(await answerOf(file, 'hi', '--max-tokens', '5'), '');
  });
});

function answerOf(file, ...args) {
  return runBinary('models', 'run', file, ...args, ...store);
}

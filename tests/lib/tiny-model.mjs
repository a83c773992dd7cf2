// Made-up models, small enough that a file of one is written in a moment: what they say is noise, always the same.
import { writeFileSync } from 'node:fs';

const F32 = 0;
const ALIGNMENT = 32;
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 };

const LAYERS = 2;
const WIDTH = 64;
const HIDDEN = 96;
const HEAD = 32;
const HEADS = 2;
const KV_HEADS = 1;

/**
 * Writes a GGUF file of architecture llama whose tokens are the bytes.
 * @param {string} path
 * @param {number} [seed] another one is another model
 * @param {string} [template] how it reads a conversation; none where it is absent
 */
export function writeTinyModel(path, seed = 1, template = undefined) {
  const tokens = [...byteTokens(), '<s>'];
  const keys = [
    ['general.architecture', string('llama')],
    ['general.license', string('CC0-1.0')],
    ['llama.block_count', u32(LAYERS)],
    ['llama.context_length', u32(512)],
    ['llama.embedding_length', u32(WIDTH)],
    ['llama.feed_forward_length', u32(HIDDEN)],
    ['llama.attention.head_count', u32(HEADS)],
    ['llama.attention.head_count_kv', u32(KV_HEADS)],
    ['llama.attention.key_length', u32(HEAD)],
    ['llama.attention.value_length', u32(HEAD)],
    ['llama.rope.dimension_count', u32(HEAD)],
    ['llama.rope.freq_base', f32(10_000)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string('gpt-2')],
    ['tokenizer.ggml.tokens', array('string', tokens.map((token) => text(token)))],
    // The last one is a control token.
    ['tokenizer.ggml.token_type', array('i32', tokens.map((_, id) => integer(id < 256 ? 1 : 3)))],
    ['tokenizer.ggml.merges', array('string', [])],
    ['tokenizer.ggml.bos_token_id', u32(256)],
    ['tokenizer.ggml.eos_token_id', u32(256)],
    ...(template === undefined ? [] : [['tokenizer.chat_template', string(template)]]),
  ];
  const [query, kv] = [HEADS * HEAD, KV_HEADS * HEAD];
  const layers = Array.from({ length: LAYERS }, (_, layer) => [
    ['attn_norm', [WIDTH]], ['ffn_norm', [WIDTH]],
    ['attn_q', [WIDTH, query]], ['attn_k', [WIDTH, kv]], ['attn_v', [WIDTH, kv]], ['attn_output', [query, WIDTH]],
    ['ffn_gate', [WIDTH, HIDDEN]], ['ffn_up', [WIDTH, HIDDEN]], ['ffn_down', [HIDDEN, WIDTH]],
  ].map(([part, shape]) => [`blk.${layer}.${part}.weight`, shape]));
  return writeGguf(path, keys, [['token_embd.weight', [WIDTH, tokens.length]], ['output_norm.weight', [WIDTH]], ...layers.flat()], seed);
}

/**
 * Writes a GGUF file of architecture bert whose words are letters; its vectors have 64 values.
 * @param {string} path
 */
export function writeTinyEmbedder(path) {
  const letters = Array.from({ length: 26 }, (_, letter) => String.fromCharCode(97 + letter));
  const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...letters.map((letter) => `▁${letter}`), ...letters];
  const keys = [
    ['general.architecture', string('bert')],
    ['bert.block_count', u32(LAYERS)],
    ['bert.context_length', u32(64)],
    ['bert.embedding_length', u32(WIDTH)],
    ['bert.feed_forward_length', u32(HIDDEN)],
    ['bert.attention.head_count', u32(HEADS)],
    ['bert.attention.layer_norm_epsilon', f32(1e-12)],
    ['bert.attention.causal', bool(false)],
    // The mean.
    ['bert.pooling_type', u32(1)],
    ['tokenizer.ggml.model', string('bert')],
    ['tokenizer.ggml.tokens', array('string', tokens.map((token) => text(token)))],
  ];
  const linear = (name, shape) => [[`${name}.weight`, shape], [`${name}.bias`, shape.slice(1)]];
  const norm = (name) => [[`${name}.weight`, [WIDTH]], [`${name}.bias`, [WIDTH]]];
  const layers = Array.from({ length: LAYERS }, (_, layer) => [
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].flatMap((part) => linear(`blk.${layer}.${part}`, [WIDTH, WIDTH])),
    ...norm(`blk.${layer}.attn_output_norm`),
    ...linear(`blk.${layer}.ffn_up`, [WIDTH, HIDDEN]), ...linear(`blk.${layer}.ffn_down`, [HIDDEN, WIDTH]),
    ...norm(`blk.${layer}.layer_output_norm`),
  ]);
  return writeGguf(path, keys, [
    ['token_embd.weight', [WIDTH, tokens.length]], ['position_embd.weight', [WIDTH, 64]], ...norm('token_embd_norm'), ...layers.flat(),
  ], 1);
}

/** Writes a file of these keys, and of tensors of these names and shapes, which hold noise. */
function writeGguf(path, keys, tensors, seed) {
  const noise = noiseOf(seed);
  const weights = tensors.map(([name, shape]) => {
    const count = shape.reduce((product, length) => product * length, 1);
    return padded(Buffer.from(Float32Array.from({ length: count }, () => (name.includes('norm') ? 1 : noise() * 0.2)).buffer));
  });
  const offsets = weights.map((_, at) => weights.slice(0, at).reduce((sum, { length }) => sum + length, 0));
  const header = Buffer.concat([
    Buffer.from('GGUF'), integer(3), long(tensors.length), long(keys.length),
    ...keys.flatMap(([name, { type, bytes }]) => [text(name), integer(type), bytes]),
    ...tensors.flatMap(([name, shape], at) => [text(name), integer(shape.length), ...shape.map(long), integer(F32), long(offsets[at])]),
  ]);
  writeFileSync(path, Buffer.concat([padded(header), ...weights]));
  return path;
}

/** How byte-level tokenizers write the bytes: as they are where they can be seen, else as signs from U+0100 on. */
function byteTokens() {
  const isSeen = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let unseen = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isSeen(byte) ? byte : unseen++));
}

/** Numbers from -0.5 to 0.5. */
function noiseOf(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

function integer(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function long(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return { type: TYPES.f32, bytes };
}

const text = (value) => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)]);
const u32 = (value) => ({ type: TYPES.u32, bytes: integer(value) });
const bool = (value) => ({ type: TYPES.bool, bytes: Buffer.from([Number(value)]) });
const string = (value) => ({ type: TYPES.string, bytes: text(value) });
const array = (type, items) => ({ type: TYPES.array, bytes: Buffer.concat([integer(TYPES[type]), long(items.length), ...items]) });
const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);

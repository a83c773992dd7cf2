"""Section 7 of docs/arithmetic.md: language models, read from a GGUF file.

    python3 llama.py MODEL.gguf < QUESTIONS.json

QUESTIONS.json is a list of objects: `prompt` and `stops` (lists of tokens), `max_tokens`, `temperature`, `top_k`, `top_p`,
and `seed` (hex). A line of JSON for each: `tokens`, `finish`, `trace`, and `logits`, the SHA-256 of the logits behind the
prompt as little-endian floats; or `refusal`. At last a line says how many entries of the tables of angles another library
of functions might round otherwise.
"""

import hashlib
import json
import pathlib
import struct
import sys

import numpy as np
from arithmetic import (
    F32,
    ContextExceeded,
    angles,
    attention,
    chacha20,
    choose,
    half,
    outcome,
    rms_norm,
    rotate,
    silu,
)
from matrices import FORMATS, read_matrix

NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9


class Gguf:
    """A GGUF file: `values`, and `tensors` as (format, shape, bytes), the inner length first."""

    def __init__(self, data):
        self.data, self.at = data, 0
        if self.take("<4s") != b"GGUF" or self.take("<I") not in (2, 3):
            raise SystemExit("not a GGUF file of version 2 or 3")
        tensors, values = self.take("<Q"), self.take("<Q")
        self.values = {self.string(): self.value(self.take("<I")) for _ in range(values)}
        described = [self.description() for _ in range(tensors)]
        alignment = self.values.get("general.alignment", 32)
        begin = -(-self.at // alignment) * alignment
        self.tensors = {}
        for name, shape, format, offset in described:
            size, weights, _ = FORMATS[format]
            length = int(np.prod(shape)) // weights * size
            self.tensors[name] = format, shape, data[begin + offset : begin + offset + length]

    def take(self, pattern):
        (value,) = struct.unpack_from(pattern, self.data, self.at)
        self.at += struct.calcsize(pattern)
        return value

    def string(self):
        length = self.take("<Q")
        return self.take(f"<{length}s").decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            kind, length = self.take("<I"), self.take("<Q")
            return [self.value(kind) for _ in range(length)]
        return self.take(NUMBERS[kind])

    def description(self):
        name = self.string()
        shape = [self.take("<Q") for _ in range(self.take("<I"))]
        return name, shape, self.take("<I"), self.take("<Q")


class Llama:
    def __init__(self, file):
        self.file = file
        self.family = file.values["general.architecture"]
        self.layers = self.value("block_count")
        self.heads = self.value("attention.head_count")
        self.kv_heads = self.value("attention.head_count_kv", self.heads)
        self.size = self.value("attention.key_length", self.value("embedding_length") // self.heads)
        self.rotated = self.value("rope.dimension_count", self.size)
        self.epsilon = F32(self.value("attention.layer_norm_rms_epsilon"))
        self.embedding = self.matrix("token_embd.weight")
        self.output_norm = self.floats("output_norm.weight")
        tied = "output.weight" not in file.tensors
        self.output = Biased(self.embedding) if tied else self.biased("output")
        self.blocks = [Block(self, layer) for layer in range(self.layers)]
        self.tables()

    def value(self, name, default=None):
        return self.file.values.get(f"{self.family}.{name}", default)

    def matrix(self, name):
        format, (inner, _), data = self.file.tensors[name]
        return read_matrix(format, inner, data)

    def biased(self, name):
        return Biased(self.matrix(f"{name}.weight"), self.floats(f"{name}.bias"))

    def floats(self, name):
        """A tensor of floats of one dimension, if the file has it."""
        if name not in self.file.tensors:
            return None
        format, (length,), data = self.file.tensors[name]
        return read_matrix(format, length, data).weights[0]

    def tables(self):
        kind = self.value("rope.scaling.type")
        factor = 1.0
        if kind in (None, "linear"):
            factor = self.value("rope.scaling.factor", self.value("rope.scale_linear", 1.0))
        amplitude = self.value("rope.scaling.attn_factor", 1.0)
        self.context = self.value("context_length")
        factors = self.floats("rope_freqs.weight")
        long = ("rope_factors_short.weight", "rope_factors_long.weight")
        if kind == "longrope" or any(name in self.file.tensors for name in long):
            factors = self.floats(long[0])
            self.context = min(self.context, self.value("rope.scaling.original_context_length", self.context))
        self.context = min(self.context, self.value("attention.sliding_window", 0) or self.context)
        base = self.value("rope.freq_base", 10000.0)
        self.cos, self.sin, self.doubtful = angles(range(self.context), self.rotated, base, factors, factor, amplitude)


class Biased:
    """A matrix and what is added to its outputs, if anything is."""

    def __init__(self, matrix, bias=None):
        self.matrix, self.bias = matrix, bias

    def columns(self, chosen):
        return Biased(self.matrix.columns(chosen), None if self.bias is None else self.bias[chosen])

    def multiply(self, x):
        out = self.matrix.multiply(x)
        return out if self.bias is None else out + self.bias


class Block:
    """A layer's weights, in the order that section 7 begins with."""

    def __init__(self, model, layer):
        prefix = f"blk.{layer}."
        self.rotates = model.family != "smollm3" or layer % 4 != 3
        queries, keys = model.heads * model.size, model.kv_heads * model.size
        self.norms = [model.floats(f"{prefix}{name}_norm.weight") for name in ("attn", "ffn")]
        self.head_norms = [None, None]
        if model.family == "qwen3":
            self.head_norms = [model.floats(f"{prefix}attn_{part}_norm.weight") for part in "qk"]
        self.attn_output = model.biased(f"{prefix}attn_output")
        self.ffn_down = model.biased(f"{prefix}ffn_down")
        if model.family == "phi3":
            qkv, up = model.biased(f"{prefix}attn_qkv"), model.biased(f"{prefix}ffn_up")
            ends = [0, queries, queries + keys, queries + 2 * keys]
            self.qkv = [qkv.columns(slice(*pair)) for pair in zip(ends, ends[1:])]
            hidden = model.file.tensors[f"{prefix}ffn_up.weight"][1][1] // 2
            self.gate, self.up = up.columns(slice(hidden)), up.columns(slice(hidden, 2 * hidden))
            return
        self.qkv = [model.biased(f"{prefix}attn_{part}") for part in "qkv"]
        self.gate, self.up = (model.biased(f"{prefix}ffn_{part}") for part in ("gate", "up"))
        if model.family in ("llama", "smollm3"):
            for part, heads in ((0, model.heads), (1, model.kv_heads)):
                head = np.concatenate([np.arange(0, model.size, 2), np.arange(1, model.size, 2)])
                order = (np.arange(heads)[:, None] * model.size + head).reshape(-1)
                self.qkv[part] = self.qkv[part].columns(order)


class Sequence:
    """What a model has read: the keys and values of each layer."""

    def __init__(self, model):
        self.model = model
        self.length = 0
        self.keys = [np.zeros((0, model.kv_heads, model.size), F32) for _ in range(model.layers)]
        self.values = list(self.keys)

    def read(self, tokens):
        """Reads tokens; returns the last row and the logits of the last one."""
        model = self.model
        positions = np.arange(self.length, self.length + len(tokens))
        self.length += len(tokens)
        x = model.embedding.rows(np.array(tokens))
        scale = F32(1) / np.sqrt(F32(model.size))
        for layer, block in enumerate(model.blocks):
            h = rms_norm(x, block.norms[0], model.epsilon)
            q, k, v = (matrix.multiply(h).reshape(len(h), -1, model.size) for matrix in block.qkv)
            q, k = (
                part if weights is None else rms_norm(part, weights, model.epsilon)
                for part, weights in zip((q, k), block.head_norms)
            )
            if block.rotates:
                q, k = (rotate(part, model.cos[positions], model.sin[positions]) for part in (q, k))
            self.keys[layer] = np.concatenate([self.keys[layer], half(k)])
            self.values[layer] = np.concatenate([self.values[layer], half(v)])
            if layer + 1 == model.layers:
                # What the last layer adds elsewhere is not on the answer's way.
                x, q, positions = x[-1:], q[-1:], positions[-1:]
            mixed = attention(q, self.keys[layer], self.values[layer], scale, positions + 1)
            x = x + block.attn_output.multiply(mixed)
            h = rms_norm(x, block.norms[1], model.epsilon)
            h = silu(block.gate.multiply(h)) * block.up.multiply(h)
            x = x + block.ffn_down.multiply(h)
        row = rms_norm(x, model.output_norm, model.epsilon)
        return row, model.output.multiply(row)[0]


def answer(model, question):
    prompt, most = question["prompt"], question["max_tokens"]
    if len(prompt) + most > model.context:
        raise ContextExceeded(model.context)
    tokens, trace, logits = [], hashlib.blake2b(digest_size=32), None
    draws = chacha20(bytes.fromhex(question["seed"]))
    sequence, unread, finish = Sequence(model), prompt, "stop"
    while prompt:
        if len(tokens) == most:
            finish = "length"
            break
        row, now = sequence.read(unread)
        logits = now if logits is None else logits
        token = choose(now, question["temperature"], question["top_k"], question["top_p"], draws)
        trace.update(row.astype("<f4").tobytes())
        if token in question["stops"]:
            break
        tokens.append(token)
        unread = [token]
    digest = "" if logits is None else hashlib.sha256(logits.astype("<f4").tobytes()).hexdigest()
    return {"tokens": tokens, "finish": finish, "trace": trace.hexdigest(), "logits": digest}


def main():
    model = Llama(Gguf(pathlib.Path(sys.argv[1]).read_bytes()))
    for question in json.load(sys.stdin):
        print(json.dumps(outcome(answer, model, question)))
    print(json.dumps({"doubtful_angles": model.doubtful}))


if __name__ == "__main__":
    main()

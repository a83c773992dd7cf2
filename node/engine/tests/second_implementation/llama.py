"""Section 7 of docs/arithmetic.md: language models, read from a GGUF file.

    python3 llama.py MODEL.gguf < QUESTIONS.json

QUESTIONS.json is a list of objects: `prompt` and `stops` (lists of tokens), `max_tokens`, `temperature`, `top_k`, `top_p`,
and `seed` (hex). A line of JSON for each: `tokens`, their `scores`, `finish`, `trace`, and `logits`, the SHA-256 of the logits behind the
prompt as little-endian floats; or `refusal`. At last a line says how many entries of the tables of angles another library
of functions might round otherwise.
"""

import hashlib
import json
import math
import pathlib
import struct
import sys

import numpy as np
from arithmetic import (
    F32,
    ContextExceeded,
    angles,
    attention,
    bounded,
    check,
    chacha20,
    choose,
    fma,
    half,
    outcome,
    rms_norm,
    rotate,
    silu,
    softmax,
    tanh_gelu,
    yarn_factors,
)
from matrices import FORMATS, read_matrix

NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
# What a file means that does not say.
YARN = {"factor": 1.0, "yarn_beta_fast": 32.0, "yarn_beta_slow": 1.0}


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
        self.scales()
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

    def scales(self):
        """What is multiplied by numbers of the file; one where there is none."""
        self.embedding_scale = self.residual_scale = self.logit_scale = F32(1)
        self.score_scale = F32(1) / np.sqrt(F32(self.size))
        if self.family == "granite":
            self.embedding_scale = F32(self.value("embedding_scale", 0) or 1)
            self.residual_scale = F32(self.value("residual_scale", 0) or 1)
            self.score_scale = F32(self.value("attention.scale", 0) or self.score_scale)
            self.logit_scale = F32(1) / F32(self.value("logit_scale"))
        self.score_bound = self.logit_bound = None
        if self.family in ("gemma2", "gemma3"):
            width = self.value("embedding_length")
            self.embedding_scale = np.sqrt(F32(width))
            if self.layers == {"gemma2": 46, "gemma3": 62}[self.family]:
                self.score_scale = F32(1) / np.sqrt(F32(width // self.heads))
            self.logit_bound = self.value("final_logit_softcapping", 0) or None
        if self.family == "gemma2":
            self.score_bound = self.value("attn_logit_softcapping")

    def add(self, x, product):
        """x and what a part of a layer adds to it."""
        return fma(product, self.residual_scale, x)

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
        base = self.value("rope.freq_base", 10000.0)
        if kind == "yarn":
            yarn = {name: self.value(f"rope.scaling.{name}", none) for name, none in YARN.items()}
            original = self.value("rope.scaling.original_context_length", self.value("context_length"))
            factors, louder = yarn_factors(self.rotated, base, original, **yarn)
            amplitude = louder * amplitude
        window = self.value("attention.sliding_window", 4096 if self.family == "gemma2" else 0)
        has_windows = self.family in ("olmo2", "gemma2", "gemma3")
        if window and not has_windows:
            self.context = min(self.context, window)
        positions = range(self.context)
        *all, self.doubtful = angles(positions, self.rotated, base, factors, factor, amplitude)
        # Of each layer: its window, and its tables.
        self.windows, self.angles = [None] * self.layers, [all] * self.layers
        if window and has_windows:
            step = self.value("attention.sliding_window_pattern", {"olmo2": 4, "gemma2": 2, "gemma3": 6}[self.family])
            local = self.value("rope.freq_base_swa", 10000.0 if self.family == "gemma3" else base)
            scaling = (factors, factor, amplitude) if self.family == "gemma2" else ()
            *local, doubtful = angles(positions, self.rotated, local, *scaling)
            self.doubtful += doubtful
            for layer in range(self.layers):
                if step[layer] if isinstance(step, list) else step == 0 or (layer + 1) % step:
                    self.windows[layer], self.angles[layer] = window, local


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
        self.active = tanh_gelu if model.family in ("gemma2", "gemma3") else silu
        queries, keys = model.heads * model.size, model.kv_heads * model.size
        # None where the family has no such norm.
        names = ("attn_norm", "attn_q_norm", "attn_k_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
        self.norms = {name: model.floats(f"{prefix}{name}.weight") for name in names}
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
        if model.family in ("llama", "smollm3", "granite"):
            for part, heads in ((0, model.heads), (1, model.kv_heads)):
                head = np.concatenate([np.arange(0, model.size, 2), np.arange(1, model.size, 2)])
                order = (np.arange(heads)[:, None] * model.size + head).reshape(-1)
                self.qkv[part] = self.qkv[part].columns(order)

    def norm(self, name, x, epsilon):
        """The norm of rows of x, each cut into pieces as long as the norm's weights; or x, where there is none."""
        weights = self.norms[name]
        if weights is None:
            return x
        return rms_norm(x.reshape(len(x), -1, len(weights)), weights, epsilon).reshape(x.shape)


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
        x = model.embedding.rows(np.array(tokens)) * model.embedding_scale
        for layer, block in enumerate(model.blocks):
            h = block.norm("attn_norm", x, model.epsilon)
            q, k, v = (matrix.multiply(h) for matrix in block.qkv)
            q, k = block.norm("attn_q_norm", q, model.epsilon), block.norm("attn_k_norm", k, model.epsilon)
            q, k, v = (part.reshape(len(h), -1, model.size) for part in (q, k, v))
            if block.rotates:
                cos, sin = (table[positions] for table in model.angles[layer])
                q, k = (rotate(part, cos, sin) for part in (q, k))
            self.keys[layer] = np.concatenate([self.keys[layer], half(k)])
            self.values[layer] = np.concatenate([self.values[layer], half(v)])
            if layer + 1 == model.layers:
                # What the last layer adds elsewhere is not on the answer's way.
                x, q, positions = x[-1:], q[-1:], positions[-1:]
            seen = model.score_scale, positions + 1, model.windows[layer], model.score_bound
            mixed = attention(q, self.keys[layer], self.values[layer], *seen)
            x = model.add(x, block.norm("post_attention_norm", block.attn_output.multiply(mixed), model.epsilon))
            h = block.norm("ffn_norm", x, model.epsilon)
            h = block.active(block.gate.multiply(h)) * block.up.multiply(h)
            x = model.add(x, block.norm("post_ffw_norm", block.ffn_down.multiply(h), model.epsilon))
        row = rms_norm(x, model.output_norm, model.epsilon)
        return row, bounded(check(model.output.multiply(row)[0] * model.logit_scale), model.logit_bound)


def score(logits, token):
    """How likely the token is by the logits, in millionths."""
    terms = softmax(logits, 1, len(logits))[0].reshape(-1)

    def normal(value, exponent):
        shift = value.bit_length() - 64
        return (value >> shift if shift >= 0 else value << -shift), exponent + shift

    mantissa, exponent = math.frexp(float(terms[token]))
    term, at = normal(int(mantissa * 2**24), exponent - 24)
    total, below = normal(sum(int(float(term) * 2**43) for term in terms), -43)
    likelihood, at = normal((term << 64) // total, at - below - 64)
    return (likelihood * 1_000_000) >> -at


def answer(model, question):
    prompt, most = question["prompt"], question["max_tokens"]
    if len(prompt) + most > model.context:
        raise ContextExceeded(model.context)
    tokens, scores, trace, logits = [], [], hashlib.blake2b(digest_size=32), None
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
        scores.append(score(now, token))
        unread = [token]
    digest = "" if logits is None else hashlib.sha256(logits.astype("<f4").tobytes()).hexdigest()
    return {"tokens": tokens, "scores": scores, "finish": finish, "trace": trace.hexdigest(), "logits": digest}


def main():
    model = Llama(Gguf(pathlib.Path(sys.argv[1]).read_bytes()))
    for question in json.load(sys.stdin):
        print(json.dumps(outcome(answer, model, question)))
    print(json.dumps({"doubtful_angles": model.doubtful}))


if __name__ == "__main__":
    main()

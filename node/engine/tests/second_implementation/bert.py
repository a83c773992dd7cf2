"""Section 10 of docs/arithmetic.md: sentence embeddings.

    python3 bert.py MODEL.safetensors < SEQUENCES.json
    python3 bert.py MODEL.gguf < SEQUENCES.json

SEQUENCES.json is a list of lists of tokens, those around the text among them. A line of JSON for each: `embedding`, the
floats' bits; `fixed_point`; and `trace`; or `refusal`.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import safetensors_file
from arithmetic import (
    F32,
    ContextExceeded,
    attention,
    check,
    gelu,
    layer_norm,
    maximum,
    mean_over_rows,
    minimum,
    outcome,
    unit_length,
)
from llama import Gguf
from matrices import Floats, read_matrix

MEAN, CLS = 1, 2


class Safetensors:
    """A file of all-MiniLM-L6-v2's kind."""

    head, epsilon, pooling, context = 32, F32(1e-12), MEAN, 256

    def __init__(self, data):
        self.tensors = safetensors_file.read(data)
        self.layers = 1 + max(int(name.split(".")[2]) for name in self.tensors if name.startswith("encoder.layer."))
        self.context = min(self.context, len(self.floats("embeddings.position_embeddings.weight")))
        self.positions = (
            self.floats("embeddings.position_embeddings.weight") + self.floats("embeddings.token_type_embeddings.weight")[0]
        )

    def floats(self, name):
        return self.tensors[name]

    def matrix(self, name):
        return Floats(self.tensors[name])

    def names(self, layer):
        """Those of a layer: queries, keys, values, output, its norm, up, down, and the last norm."""
        name = f"encoder.layer.{layer}."
        parts = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
        parts += ["attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"]
        return [name + part for part in parts]

    embedding, embedding_norm = "embeddings.word_embeddings.weight", "embeddings.LayerNorm"


class GgufTensors:
    """A GGUF file, which says what safetensors don't."""

    def __init__(self, data):
        self.file = Gguf(data)
        self.layers, self.context = self.value("block_count"), self.value("context_length")
        self.head = self.value("embedding_length") // self.value("attention.head_count")
        self.epsilon, self.pooling = F32(self.value("attention.layer_norm_epsilon")), self.value("pooling_type")
        self.positions = self.matrix("position_embd.weight").weights
        if "token_types.weight" in self.file.tensors:
            self.positions = self.positions + self.matrix("token_types.weight").weights[0]

    def value(self, name):
        return self.file.values[f"bert.{name}"]

    def floats(self, name):
        format, shape, data = self.file.tensors[name]
        return read_matrix(format, shape[0], data).weights[0]

    def matrix(self, name):
        format, shape, data = self.file.tensors[name]
        return read_matrix(format, shape[0], data)

    def names(self, layer):
        parts = ["attn_q", "attn_k", "attn_v", "attn_output", "attn_output_norm", "ffn_up", "ffn_down", "layer_output_norm"]
        return [f"blk.{layer}.{part}" for part in parts]

    embedding, embedding_norm = "token_embd.weight", "token_embd_norm"


class Bert:
    def __init__(self, file):
        self.file = file

    def norm(self, name, x):
        return layer_norm(x, self.file.floats(f"{name}.weight"), self.file.floats(f"{name}.bias"), self.file.epsilon)

    def dense(self, name, x):
        return self.file.matrix(f"{name}.weight").multiply(x) + self.file.floats(f"{name}.bias")

    def pooled(self, tokens):
        """What the tokens' rows come to."""
        file = self.file
        if len(tokens) > file.context:
            raise ContextExceeded(file.context)
        x = file.matrix(file.embedding).rows(np.array(tokens)) + file.positions[: len(tokens)]
        x = self.norm(file.embedding_norm, x)
        scale = F32(1) / np.sqrt(F32(file.head))
        counts = np.full(len(tokens), len(tokens))
        for layer in range(file.layers):
            *projections, output, output_norm, up, down, last_norm = file.names(layer)
            q, k, v = (self.dense(part, x).reshape(len(tokens), -1, file.head) for part in projections)
            mixed = attention(q, k, v, scale, counts)
            x = self.norm(output_norm, self.dense(output, mixed) + x)
            h = gelu(self.dense(up, x))
            x = self.norm(last_norm, self.dense(down, h) + x)
        return mean_over_rows(x) if file.pooling == MEAN else x[0]


def fixed_point(embedding):
    v = minimum(maximum(embedding, F32(-1)), F32(1))
    return [int(value) for value in np.rint(v * F32(32767))]


def answer(model, tokens):
    pooled = check(model.pooled(tokens))
    embedding = unit_length(pooled)
    return {
        "embedding": [int(word) for word in embedding.view(np.uint32)],
        "fixed_point": fixed_point(embedding),
        "trace": hashlib.blake2b(pooled.astype("<f4").tobytes(), digest_size=32).hexdigest(),
    }


def main():
    data = pathlib.Path(sys.argv[1]).read_bytes()
    model = Bert(GgufTensors(data) if data.startswith(b"GGUF") else Safetensors(data))
    for tokens in json.load(sys.stdin):
        print(json.dumps(outcome(answer, model, tokens)))


if __name__ == "__main__":
    main()

"""Section 10 of docs/arithmetic.md: sentence embeddings.

    python3 bert.py MODEL.safetensors < SEQUENCES.json

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
from matrices import Floats

EPSILON = F32(1e-12)
HEAD = 32
MAX_TOKENS = 256


class Bert:
    def __init__(self, tensors):
        self.tensors = tensors
        self.layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
        self.context = min(MAX_TOKENS, len(tensors["embeddings.position_embeddings.weight"]))

    def norm(self, name, x):
        return layer_norm(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], EPSILON)

    def dense(self, name, x):
        return Floats(self.tensors[f"{name}.weight"]).multiply(x) + self.tensors[f"{name}.bias"]

    def mean(self, tokens):
        """The mean over the tokens."""
        if len(tokens) > self.context:
            raise ContextExceeded(self.context)
        words, positions, types = (
            self.tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        x = words[np.array(tokens)] + (positions[: len(tokens)] + types[0])
        x = self.norm("embeddings.LayerNorm", x)
        scale = F32(1) / np.sqrt(F32(HEAD))
        counts = np.full(len(tokens), len(tokens))
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}."
            q, k, v = (
                self.dense(f"{name}attention.self.{part}", x).reshape(len(tokens), -1, HEAD)
                for part in ("query", "key", "value")
            )
            mixed = attention(q, k, v, scale, counts)
            x = self.norm(f"{name}attention.output.LayerNorm", self.dense(f"{name}attention.output.dense", mixed) + x)
            h = gelu(self.dense(f"{name}intermediate.dense", x))
            x = self.norm(f"{name}output.LayerNorm", self.dense(f"{name}output.dense", h) + x)
        return mean_over_rows(x)


def fixed_point(embedding):
    v = minimum(maximum(embedding, F32(-1)), F32(1))
    return [int(value) for value in np.rint(v * F32(32767))]


def answer(model, tokens):
    mean = check(model.mean(tokens))
    embedding = unit_length(mean)
    return {
        "embedding": [int(word) for word in embedding.view(np.uint32)],
        "fixed_point": fixed_point(embedding),
        "trace": hashlib.blake2b(mean.astype("<f4").tobytes(), digest_size=32).hexdigest(),
    }


def main():
    model = Bert(safetensors_file.read(pathlib.Path(sys.argv[1]).read_bytes()))
    for tokens in json.load(sys.stdin):
        print(json.dumps(outcome(answer, model, tokens)))


if __name__ == "__main__":
    main()

"""Writes minilm_reference.tsv next to this file: sentences and their embeddings by a forward pass in numpy, in f64.

python3 minilm_reference.py MODEL.safetensors TOKENIZER.json   (with numpy, safetensors and tokenizers)

Tab-separated columns: a sentence as a JSON string, its tokens, the 384 values of its embedding.
"""

import json
import math
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

HEADS = 12
LAYERS = 6
EPSILON = 1e-12

SENTENCES = [
    "How do I stake tokens on the network?",
    "Instructions for delegating coins to a validator",
    "The cat sleeps on the sofa.",
    "A kitten is napping on the couch",
    "Überraschung! Der Zug nach Köln hat 25 Minuten Verspätung, 你好.",
    "Validators answer the same question independently and compare their answers by hash; where more than two thirds "
    "of them agree, the chain keeps the answer, pays those who gave it, and lets the others explain why theirs, which "
    "may differ in a single bit only, is another. Long sentences like this one fill more than one block of positions.",
    "?",
]

erf = np.vectorize(math.erf)


class Model:
    def __init__(self, path):
        self.tensors = {name: tensor.astype(np.float64) for name, tensor in load_file(path).items()}

    def linear(self, x, name):
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return scaled * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def attention(self, x, name):
        heads = [self.linear(x, f"{name}.self.{part}").reshape(len(x), HEADS, -1) for part in ("query", "key", "value")]
        query, key, value = heads
        scores = np.einsum("thd,shd->hts", query, key) / math.sqrt(query.shape[-1])
        terms = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hts,shd->thd", terms / terms.sum(-1, keepdims=True), value)
        return self.linear(mixed.reshape(x.shape), f"{name}.output.dense")

    def embed(self, ids):
        words, positions, types = (
            self.tensors[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type")
        )
        x = self.norm(words[ids] + positions[: len(ids)] + types[0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            x = self.norm(x + self.attention(x, f"{name}.attention"), f"{name}.attention.output.LayerNorm")
            hidden = self.linear(x, f"{name}.intermediate.dense")
            hidden = 0.5 * hidden * (1.0 + erf(hidden / math.sqrt(2.0)))
            x = self.norm(x + self.linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


if __name__ == "__main__":
    model, tokenizer = Model(sys.argv[1]), Tokenizer.from_file(sys.argv[2])
    tokenizer.no_padding()
    tokenizer.no_truncation()
    lines = []
    for sentence in SENTENCES:
        ids = tokenizer.encode(sentence).ids
        values = " ".join(f"{value:.8f}" for value in model.embed(ids))
        lines.append(f"{json.dumps(sentence)}\t{' '.join(map(str, ids))}\t{values}\n")
    pathlib.Path(__file__).with_name("minilm_reference.tsv").write_text("".join(lines))

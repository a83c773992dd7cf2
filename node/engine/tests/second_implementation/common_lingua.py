"""Section 11 of docs/arithmetic.md: common-lingua.

    python3 common_lingua.py WEIGHTS.safetensors < QUESTIONS.json

QUESTIONS.json has `labels`, all in the model's order, `answers`, the labels that may be answered, and `texts`. A line of
JSON for each text: `label`; `scores`, the first five as pairs of label and score; `trace`; and `doubtful_angles`, how many entries
of the tables of angles another library of functions might round otherwise; or `refusal`.
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
    angles,
    attention,
    check,
    fma,
    gelu,
    layer_norm,
    mean_over_rows,
    outcome,
    rotate,
    silu,
    softmax,
)
from matrices import Floats

CONTEXT = 512
EPSILON = F32(1e-5)
HEADS, HEAD = 4, 64
TAPS = 15
NO_BYTE = 256


class CommonLingua:
    def __init__(self, tensors):
        self.tensors = tensors
        self.cos, self.sin, self.doubtful = angles(range(CONTEXT), HEAD)

    def matrix(self, name, x):
        weights = self.tensors[f"{name}.w"].astype(F32) * self.tensors[f"{name}.scale"][:, None]
        return Floats(weights).multiply(x)

    def dense(self, name, x, columns=slice(None)):
        return Floats(self.tensors[f"{name}.weight"][columns]).multiply(x) + self.tensors[f"{name}.bias"][columns]

    def norm(self, name, x):
        return layer_norm(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], EPSILON)

    def embed(self, text):
        ids = np.full(CONTEXT, NO_BYTE)
        ids[: len(text)] = list(text)
        # Behind the text bytes are 255, and two positions beyond the last one they are 0.
        b = np.zeros(CONTEXT + 2, np.int64)
        b[:CONTEXT] = 255
        b[: len(text)] = list(text)
        trigrams = (b[:-2] * 257**2 + b[1:-1] * 257 + b[2:]) % 4096
        rows = self.tensors["ngram_embed.embed.weight"][trigrams]
        return self.matrix("ngram_proj", rows) + self.tensors["embed.weight"][ids]

    def gated(self, name, x):
        h = self.norm(f"{name}.norm2", x)
        h = silu(self.matrix(f"{name}.ffn_gate", h)) * self.matrix(f"{name}.ffn_up", h)
        return x + self.matrix(f"{name}.ffn_down", h)

    def convolve(self, name, x):
        h = self.norm(f"{name}.norm1", x)
        h = np.concatenate([np.zeros((TAPS - 1, h.shape[1]), F32), h])
        y = np.zeros_like(x)
        for tap in range(TAPS):
            y = fma(h[tap : tap + CONTEXT], self.tensors[f"{name}.conv.weight"][:, 0, tap], y)
        return x + silu(y + self.tensors[f"{name}.conv.bias"])

    def attend(self, name, x):
        q, k, v = np.split(self.matrix(f"{name}.qkv", self.norm(f"{name}.norm1", x)), 3, axis=1)
        q, k, v = (check(part).reshape(CONTEXT, HEADS, HEAD) for part in (q, k, v))
        q, k = (rotate(part, self.cos, self.sin) for part in (q, k))
        mixed = attention(q, k, v, F32(0.125), np.full(CONTEXT, CONTEXT))
        return x + self.matrix(f"{name}.out_proj", mixed)

    def features(self, text):
        x = self.embed(text)
        for layer in range(3):
            name = f"conv_layers.{layer}"
            x = self.gated(name, self.convolve(name, x))
        x = self.gated("attn_layers.0", self.attend("attn_layers.0", check(x)))
        x = self.norm("final_norm", check(x))
        return gelu(check(self.dense("head.0", mean_over_rows(x[: len(text)])[None])))

    def answer(self, text, labels, answers):
        if len(text) > CONTEXT:
            raise ContextExceeded(CONTEXT)
        features = self.features(text)
        chosen = [at for at, label in enumerate(labels) if label in answers]
        everything = check(self.dense("head.3", features))
        terms, total = softmax(everything[:, chosen], 1, [len(chosen)])
        scores = np.rint((terms / total) * F32(1_000_000)).astype(int)[0]
        # A stable sort leaves equal ones in the model's order.
        best = np.argsort(-scores, kind="stable")[:5]
        unmasked, whole = softmax(everything, 1, [len(labels)])
        known = F32(0)
        for at in chosen:
            known = known + unmasked[0, at]
        return {
            "label": "und" if known * F32(1024) < whole.item() else labels[chosen[best[0]]],
            "scores": [[labels[chosen[at]], int(scores[at])] for at in best],
            "trace": hashlib.blake2b(features.astype("<f4").tobytes(), digest_size=32).hexdigest(),
            "doubtful_angles": self.doubtful,
        }


def main():
    model = CommonLingua(safetensors_file.read(pathlib.Path(sys.argv[1]).read_bytes()))
    questions = json.load(sys.stdin)
    for text in questions["texts"]:
        print(json.dumps(outcome(model.answer, text.encode(), questions["labels"], questions["answers"])))


if __name__ == "__main__":
    main()

"""Writes smollm2_reference.tsv next to this file: questions and SmolLM2's answers by a forward pass in numpy, in f32.

python3 smollm2_reference.py SMOLLM2.gguf   (with numpy, gguf and tokenizers)

Each token is the one with the largest logit. Tab-separated columns: a question as a JSON string, the tokens of the whole
prompt, the tokens of the answer.
"""

import json
import math
import pathlib
import sys

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

LONGEST_ANSWER = 40
LAYERS, HEADS, KV_HEADS, HEAD = 30, 9, 3, 64
EPSILON, ROPE_BASE = np.float32(1e-5), 100_000.0
END_OF_TEXT, END_OF_TURN = 0, 2
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

QUESTIONS = [
    "What is the capital of France?",
    "Is this review positive or negative? \"I loved it\"",
    "Tell me about the moon.",
    "Why is the sky blue?",
    "Write a haiku about rain.",
    "What is 12 plus 30?",
    "Name three primary colours.",
    "Translate 'good morning' into Spanish.",
    "Who wrote Romeo and Juliet?",
    "What does a validator do on a blockchain?",
    "Explain photosynthesis in one sentence.",
    "Give me a recipe for pancakes.",
    "What is the largest planet?",
    "List the days of the week.",
    "How many legs does a spider have?",
    "Write a Python function that adds two numbers.",
    "What is the opposite of hot?",
    "Summarise: The cat sat on the mat and fell asleep.",
    "Which is heavier, a kilogram of feathers or a kilogram of iron?",
    "What year did the Second World War end?",
    "Describe a sunset at the sea.",
    "What is water made of?",
    "Correct this sentence: she go to school yesterday.",
    "Was kostet ein Brot?",
    "Quelle heure est-il ?",
    "¿Dónde está la biblioteca?",
    "你好，世界",
    "Give me a synonym for happy.",
    "What is the square root of 144?",
    "Tell me a joke.",
    "How do I boil an egg?",
    "What is machine learning?",
    "Write an e-mail to my landlord about a broken window.",
    "Is a tomato a fruit or a vegetable?",
    "What comes after Tuesday?",
    "Complete: once upon a time",
    "What is the speed of light?",
    "Classify as spam or not: WIN A FREE PHONE NOW!!!",
    "🙂🙂🙂",
    "x = 3; y = x * 2; what is y?",
]


def tokenizer_of(reader):
    field = lambda name: reader.fields[f"tokenizer.ggml.{name}"].contents()
    vocabulary = {token: id for id, token in enumerate(field("tokens"))}
    merges = [tuple(merge.split(" ")) for merge in field("merges")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return tokenizer


class Model:
    def __init__(self, reader):
        self.tensors = {
            tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in reader.tensors
        }
        self.begin()

    def begin(self):
        self.keys, self.values = [[np.zeros((KV_HEADS, 0, HEAD), np.float32)] * LAYERS for _ in range(2)]

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * self.tensors[f"{name}.weight"]

    def linear(self, x, name):
        return x @ self.tensors[f"{name}.weight"].T

    def heads(self, x, name, positions=None):
        x = self.linear(x, name).reshape(len(x), -1, HEAD).transpose(1, 0, 2)
        if positions is None:
            return x
        # The file has the pairs that are rotated together side by side.
        angles = positions[:, None] * ROPE_BASE ** (-np.arange(0, HEAD, 2) / HEAD)
        sine, cosine = np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).reshape(x.shape)

    def forward(self, ids):
        """The logits after these further tokens."""
        first = self.keys[0].shape[1]
        positions = np.arange(first, first + len(ids))
        x = self.tensors["token_embd.weight"][ids]
        for layer in range(LAYERS):
            name = f"blk.{layer}"
            normed = self.norm(x, f"{name}.attn_norm")
            query = self.heads(normed, f"{name}.attn_q", positions)
            self.keys[layer] = np.concatenate([self.keys[layer], self.heads(normed, f"{name}.attn_k", positions)], 1)
            self.values[layer] = np.concatenate([self.values[layer], self.heads(normed, f"{name}.attn_v")], 1)
            keys, values = (np.repeat(of[layer], HEADS // KV_HEADS, 0) for of in (self.keys, self.values))
            scores = query @ keys.transpose(0, 2, 1) / np.float32(math.sqrt(HEAD))
            scores[:, np.arange(keys.shape[1])[None, :] > positions[:, None]] = -np.inf
            terms = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = terms / terms.sum(-1, keepdims=True) @ values
            x = x + self.linear(mixed.transpose(1, 0, 2).reshape(len(ids), -1), f"{name}.attn_output")
            normed = self.norm(x, f"{name}.ffn_norm")
            gate = self.linear(normed, f"{name}.ffn_gate")
            x = x + self.linear(gate / (1 + np.exp(-gate)) * self.linear(normed, f"{name}.ffn_up"), f"{name}.ffn_down")
        output = "output" if "output.weight" in self.tensors else "token_embd"
        return self.linear(self.norm(x[-1:], "output_norm"), output)[0]


if __name__ == "__main__":
    reader = gguf.GGUFReader(sys.argv[1])
    model, tokenizer = Model(reader), tokenizer_of(reader)
    lines, nearest = [], math.inf
    for question in QUESTIONS:
        turns = [("system", SYSTEM), ("user", question)]
        text = "".join(f"<|im_start|>{role}\n{said}<|im_end|>\n" for role, said in turns) + "<|im_start|>assistant\n"
        prompt = tokenizer.encode(text, add_special_tokens=False).ids
        model.begin()
        logits, answer = model.forward(prompt), []
        while len(answer) < LONGEST_ANSWER:
            second, best = np.sort(logits)[-2:]
            nearest = min(nearest, best - second)
            token = int(logits.argmax())
            answer.append(token)
            if token in (END_OF_TEXT, END_OF_TURN):
                break
            logits = model.forward([token])
        print(json.dumps(question), json.dumps(tokenizer.decode(answer)), flush=True)
        lines.append(f"{json.dumps(question)}\t{' '.join(map(str, prompt))}\t{' '.join(map(str, answer))}\n")
    print(f"{sum(len(line.split(chr(9))[2].split()) for line in lines)} tokens; the nearest second is {nearest:.6f} below")
    pathlib.Path(__file__).with_name("smollm2_reference.tsv").write_text("".join(lines))

"""Writes pre_tokenizers.json next to this file: how texts are split by the patterns that the models' makers publish.

python3 pre_tokenizers_reference.py   (with regex 2026, tiktoken 0.14 and tokenizers 0.23, and without their dependencies
                                       mistral-common 1.13, llama-models 0.3 and qwen-agent 0.0.34)

OpenAI writes GPT-2's pattern in another way in tiktoken than it did at first. SmolLM2's tokenizer is Hugging Face's with
single digits, whose package splits by an engine of its own.
"""

import ast
import importlib.metadata
import json
import pathlib

import regex
import tiktoken_ext.openai_public as openai_public
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

TEXTS = [
    "",
    "Hello, world! It's 12345 o'clock; I'LL pay, don'T you?",
    "camelCase HTTPServer XMLHttpRequest iPhone McDONALD's ÀÉÎ straße ǅungla",
    "path/to/file//x\n\n  indented\r\n\ttabs\t\n trailing   ",
    "naïve cafe\u0301 décor e\u0301e\u0301 \u0301alone",
    "你好，世界！日本語テキスト 한국어 русский Ελληνικά עברית हिन्दी ไทย",
    "🦀🏳️‍🌈 👨‍👩‍👧 ½ ² ④ Ⅷ x² 3.14e-10 1,000,000",
    "a_b-c.d@e#f$g%h^i&j*k(l)m=n+o[p]q{r}s|t\\u:v;w\"x'y<z>",
    "<|im_start|>user\nHi<|im_end|>",
    "   \u00a0\u3000 \u200b \u2028x\u0085y",
    "ʰʱ ªº ǈ ǋ ßS Ǆǅǆ",
    "'s 'T 're'VE 'm'll'D 'x",
]


def source(package, name):
    (file,) = [file for file in importlib.metadata.files(package) if file.match(name)]
    return file.read_text()


def constant(package, name, variable):
    """What a module assigns to a variable, without running it."""
    for node in ast.walk(ast.parse(source(package, name))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == variable:
            return ast.literal_eval(node.value)
    raise KeyError(variable)


def patterns():
    openai_public.load_tiktoken_bpe = openai_public.data_gym_to_mergeable_bpe_ranks = lambda *_, **__: {}
    return {
        "gpt-4o": openai_public.o200k_base()["pat_str"],
        "tekken": json.loads(source("mistral-common", "tekken_240718.json"))["config"]["pattern"],
        "gpt-2": openai_public.gpt2()["pat_str"],
        "llama-bpe": constant("llama-models", "llama_models/llama3/tokenizer.py", "pat_str"),
        "qwen2": constant("qwen-agent", "tokenization_qwen.py", "PAT_STR"),
    }


def splits():
    for pre, pattern in patterns().items():
        yield pre, lambda text: regex.findall(pattern, text)
    smollm = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)])
    yield "smollm", lambda text: [text[start:end] for _, (start, end) in smollm.pre_tokenize_str(text)]


if __name__ == "__main__":
    cases = [
        json.dumps({"pre": pre, "text": text, "parts": split(text)}) for pre, split in splits() for text in TEXTS
    ]
    path = pathlib.Path(__file__).with_name("pre_tokenizers.json")
    path.write_text("[\n" + ",\n".join(cases) + "\n]\n")

"""Writes pre_tokenizers.json next to this file: how texts are split by the patterns that tiktoken and mistral-common have.

python3 pre_tokenizers_reference.py   (with regex 2026, tiktoken 0.14, and mistral-common 1.13 without its dependencies)
"""

import importlib.metadata
import json
import pathlib

import regex
import tiktoken_ext.openai_public as openai_public

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


def patterns():
    openai_public.load_tiktoken_bpe = lambda *_, **__: {}
    files = importlib.metadata.files("mistral-common")
    (tekken,) = [file for file in files if file.name == "tekken_240718.json"]
    return {
        "gpt-4o": openai_public.o200k_base()["pat_str"],
        "tekken": json.loads(tekken.read_text())["config"]["pattern"],
    }


if __name__ == "__main__":
    cases = [
        json.dumps({"pre": pre, "text": text, "parts": regex.findall(pattern, text)})
        for pre, pattern in patterns().items()
        for text in TEXTS
    ]
    path = pathlib.Path(__file__).with_name("pre_tokenizers.json")
    path.write_text("[\n" + ",\n".join(cases) + "\n]\n")

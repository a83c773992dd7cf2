"""Writes smollm2_ids.tsv and minilm_ids.tsv next to this file: texts and their ids by the Python package tokenizers.

python3 reference_ids.py SMOLLM2.gguf TOKENIZER.json   (with tokenizers 0.23 and gguf)
"""

import json
import pathlib
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chat(user):
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
    )


TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "a",
    "Hello",
    " Hello",
    "Hello, world!",
    "The quick brown fox jumps over the lazy dog.",
    "It's what they've said: we'll see, I'm sure, you'd agree, she's there, don't!",
    "IT'S WHAT THEY'VE SAID, WE'LL SEE",
    "0",
    "12",
    "3.14159",
    "In 2026, 1,234,567 validators agreed 99.99% of the time.",
    "What is 128+45?",
    "x12y34",
    "Roman Ⅳ, fraction ½, superscript x², circled ①, Arabic ٣, Bengali ৪, fullwidth ７",
    "   leading spaces",
    "trailing spaces   ",
    "many     spaces    between",
    "tabs\tand\nnewlines\r\nand\r\n\r\nblank lines\n\n\n",
    "    def f(x):\n        return x ** 2  # comment\n",
    "fn main() { println!(\"{}\", 1 << 20); }",
    "{\"key\": [1, 2.5e-3, null, true], \"nested\": {\"a\": \"b\"}}",
    "https://example.com/path?query=value&other=%20#fragment",
    "user@example.com",
    "<html><body class=\"x\">&nbsp;</body></html>",
    "naïve café, Ångström, señor, Übergröße, Æther, œuvre",
    "cafe\u0301 e\u0301 decomposed",
    "Grüße aus München: Straße, Fußball",
    "Привет, мир! Как дела?",
    "Γειά σου Κόσμε",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "你好,世界。今天天气很好。",
    "こんにちは世界、カタカナもあります",
    "안녕하세요 세계",
    "Zażółć gęślą jaźń",
    "🦀",
    "🦀🚀 emoji 👩‍👩‍👧‍👦 family 🏳️‍🌈 flag 🇨🇭",
    "zero\u200bwidth\u200djoiner\ufeffbom",
    "nbsp\u00a0between\u2003em space\u3000ideographic",
    "line\u2028separator\u2029paragraph\u0085next",
    "control \u0000\u0001\u0007\u001b[0m\u007f",
    "private \ue000 and last \U0010ffff and \ufffd",
    "𝕳𝖊𝖑𝖑𝖔 𝟙𝟚𝟛 math",
    "ﬁ ligature ǅ titlecase ß İstanbul ıı",
    "____ ---- ==== .... !!!! ???? ~~~~ ****",
    "don’t “quote” — em dash … ellipsis",
    "CamelCaseIdentifier snake_case_identifier SCREAMING_CASE kebab-case",
    "supercalifragilisticexpialidocious antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "How do I stake tokens on the network?",
    "Instructions for delegating coins to a validator",
    "'s 't 're 've 'm 'll 'd 'S",
    "$100 €50 £20 ¥1000 ₿0.5",
    "1️⃣ keycap, 5⃣",
    "tail of spaces before newline   \n   x",
    "[CLS] and [SEP] and [MASK] and [UNK]",
    "<|endoftext|>",
    "text<|endoftext|>more <|im_start|> x<|im_end|>",
    "<|im_start|>user\nWhat is 128+45?<|im_end|>\n",
    "<|im_start|",
    "<filename>main.rs<gh_stars>",
    chat("What is the capital of France?"),
    chat("Is this review positive or negative? \"I loved this film.\""),
    chat("Schreibe 3 Sätze über das Meer. 🌊"),
]


def smollm2(path):
    fields = {key: field.contents() for key, field in GGUFReader(path).fields.items()}
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(BPE(vocab={token: id for id, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    types = fields["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, types) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer


def minilm(path):
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # Names of control tokens in a text are plain text.
    tokenizer.encode_special_tokens = True
    return tokenizer


def write(name, tokenizer):
    lines = (f"{json.dumps(text)}\t{' '.join(map(str, tokenizer.encode(text).ids))}\n" for text in TEXTS)
    pathlib.Path(__file__).with_name(name).write_text("".join(lines))


if __name__ == "__main__":
    write("smollm2_ids.tsv", smollm2(sys.argv[1]))
    write("minilm_ids.tsv", minilm(sys.argv[2]))

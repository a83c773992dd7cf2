"""Writes sentence_piece_vocabulary.tsv and sentence_piece_ids.tsv next to this file.

python3 sentence_piece.py DOCUMENT...   (docs/*.md; with sentencepiece 0.2.3, protobuf and what reference_ids.py needs)

The first is a small model trained on the documents: a piece as a JSON string, its score and its type, by id. To have more
of what real files have, scores are rounded, so that some are equal, and every ninth piece is unused. The second is texts
as JSON strings, their ids, their ids without a space before the text, and what the former decode to.
"""

import json
import pathlib
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from reference_ids import TEXTS

USER_DEFINED = ["<think▁é>", "<t", "▁▁▁▁", "\n\n"]
OWN_TEXTS = [
    "▁",
    " ▁ ▁▁ x",
    "<think é>",
    " <think é><t<think é> a<thinker>\n\n\nb\n\n",
    "a<t b <t  c",
    "<s></s><unk><0x41>",
    "validators validator's, The Validators",
    "ééé éa aé",
    "\ufeffa\r\n\r\n\tb",
    "inference models " * 12,
]


def train(documents):
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            input=documents,
            model_prefix=f"{folder}/model",
            model_type="bpe",
            vocab_size=800,
            byte_fallback=True,
            user_defined_symbols=USER_DEFINED,
            # As Llama's.
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            split_digits=True,
            allow_whitespace_only_pieces=True,
            character_coverage=0.999,
        )
        return pathlib.Path(folder, "model.model").read_bytes()


def changed(model):
    """The model with equal scores and unused pieces."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    normal = [piece for piece in proto.pieces if piece.type == piece.NORMAL]
    for at, piece in enumerate(normal):
        piece.score = piece.score // 4
        # Characters stay: nothing could be said without them.
        if at % 9 == 0 and len(piece.piece) > 1:
            piece.type = piece.UNUSED
    return proto


def main(documents):
    proto = changed(train(documents))
    tokenizer = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    proto.normalizer_spec.add_dummy_prefix = False
    bare = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    folder = pathlib.Path(__file__).parent
    with open(folder / "sentence_piece_vocabulary.tsv", "w") as file:
        for piece in proto.pieces:
            print(json.dumps(piece.piece), f"{piece.score:g}", piece.type, sep="\t", file=file)
    with open(folder / "sentence_piece_ids.tsv", "w") as file:
        for text in TEXTS + OWN_TEXTS:
            ids, bare_ids = tokenizer.encode(text), bare.encode(text)
            columns = json.dumps(text), *(" ".join(map(str, ids)) for ids in (ids, bare_ids))
            print(*columns, json.dumps(tokenizer.decode(ids)), sep="\t", file=file)


if __name__ == "__main__":
    main(sys.argv[1:])

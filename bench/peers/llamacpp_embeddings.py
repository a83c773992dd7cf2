"""llama.cpp's embeddings by small models of random weights: llamacpp_embeddings.py MODELS OUT.

For each MODELS/NAME.gguf it writes OUT/NAME.f32, f32 in little-endian: the vectors of some texts, of length 1 each.
"""

import json

from each_file import main

# The test that reads the data has the same ones.
TEXTS = [
    "a",
    "Hello, hello. The sun is out!",
    "Crème brûlée, [SEP] 7 漢 and hello",
    "the quick brown fox jumps over the lazy dog and the dog does not mind, as it is asleep in the sun",
]


def embeddings(path):
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_ctx = 320
    parameters.n_batch = 320
    parameters.n_ubatch = 320
    parameters.n_parallel = 1
    parameters.embedding = True
    parameters.warmup = False
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    for text in TEXTS:
        reply = server.handle_embeddings({"input": text, "encoding_format": "float"})
        reply = reply if isinstance(reply, dict) else json.loads(reply)
        yield from reply["data"][0]["embedding"]


if __name__ == "__main__":
    main(embeddings)

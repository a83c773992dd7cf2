"""llama.cpp's embeddings by small models of random weights: llamacpp_embeddings.py MODELS OUT.

For each MODELS/NAME.gguf it writes OUT/NAME.f32, f32 in little-endian: the vectors of some texts, of length 1 each.
"""

import json
import pathlib
import struct
import subprocess
import sys

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


def main():
    models, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(models.glob("*.gguf")):
        # A process each: one that fails to load may take its process along.
        done = subprocess.run([sys.executable, __file__, path], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            print(f"{path.name}: failed\n{done.stdout[-500:]}{done.stderr[-1500:]}")
            continue
        values = json.loads(lines[0].removeprefix("RESULT "))
        (out / f"{path.stem}.f32").write_bytes(struct.pack(f"<{len(values)}f", *values))
        print(path.name)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(f"RESULT {json.dumps(list(embeddings(sys.argv[1])))}", flush=True)
    else:
        main()

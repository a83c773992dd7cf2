"""Writes q2_k.bin, q2_k.f32 and so on next to this file: blocks of random bytes, and the weights that ggml's own package reads
from them.

python3 quants_reference.py   (with gguf 0.19)
"""

import pathlib

import gguf
import numpy

FOLDER = pathlib.Path(__file__).parent
COLUMNS = 2
WEIGHTS = 256
# The bytes of a block, and where its half-precision floats are.
FORMATS = {
    "Q2_K": (84, (80, 82)),
    "Q3_K": (110, (108,)),
    "Q5_K": (176, (0, 2)),
    "IQ4_NL": (18, (0,)),
    "IQ4_XS": (136, (0,)),
    "MXFP4": (17, ()),
}

if __name__ == "__main__":
    for name, (size, halves) in FORMATS.items():
        kind = gguf.GGMLQuantizationType[name]
        assert gguf.GGML_QUANT_SIZES[kind][1] == size
        count = COLUMNS * WEIGHTS // gguf.GGML_QUANT_SIZES[kind][0]
        random = numpy.random.default_rng(7)
        blocks = random.integers(0, 256, (count, size), dtype=numpy.uint8)
        for at in halves:
            scales = random.uniform(-0.1, 0.1, count).astype(numpy.float16)
            blocks[:, at : at + 2] = scales.view(numpy.uint8).reshape(count, 2)
        if name == "MXFP4":
            # The exponent of a power of two; 255 is no number.
            blocks[:, 0] = random.integers(0, 255, count)
        data = blocks.reshape(COLUMNS, -1)
        weights = gguf.quants.dequantize(data, kind).astype(numpy.float32)
        (FOLDER / f"{name.lower()}.bin").write_bytes(data.tobytes())
        (FOLDER / f"{name.lower()}.f32").write_bytes(weights.tobytes())

"""How the logits of one prompt depend on how they are computed: candle's, and ours, which must not."""
import os
import struct
import subprocess
import tempfile
from pathlib import Path

PROMPT = 64
# The C library then has exp and its like without fused multiply-add, as on an older CPU.
OLDER_LIBC = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2"}

# What is done otherwise: the part of the prompt that is read at once, the environment.
CANDLE = {
    "token by token": (1, {}),
    "in parts of 8": (8, {}),
    "two threads": (PROMPT, {"RAYON_NUM_THREADS": "2"}),
    "an older CPU's C library": (PROMPT, OLDER_LIBC),
    "its kernels for an older CPU": (PROMPT, {"MISTRALRS_FORCE_AVX2": "1"}),
}
# What is done otherwise: the part, the environment, the threads, the tier.
OURS = {
    "token by token": (1, {}, "1", []),
    "in parts of 8": (8, {}, "1", []),
    "two threads": (PROMPT, {}, "2", []),
    "an older CPU's C library": (PROMPT, OLDER_LIBC, "1", []),
    "its kernels for an older CPU": (PROMPT, {}, "1", ["avx2"]),
    "the scalar reference": (PROMPT, {}, "1", ["scalar"]),
}


def differing_logits(model: Path, ours: Path, candle: Path, has_avx2: bool) -> dict:
    """For each way, how many logits differ in bits from those of the prompt at once on one thread."""

    def of_candle(part: int, environment: dict) -> bytes:
        return logits([candle, model, str(part)], [], {"RAYON_NUM_THREADS": "1"} | environment)

    def of_ours(part: int, environment: dict, threads: str, tier: list[str]) -> bytes:
        return logits([ours, model, str(part)], [threads, *tier], environment)

    first, our_first = of_candle(PROMPT, {}), of_ours(PROMPT, {}, "1", [])
    result = {"logits": len(first) // 4, "candle": {}, "ours": {}}
    for name, way in CANDLE.items():
        result["candle"][name] = count_differing(first, of_candle(*way))
    for name, way in OURS.items():
        if way[3] == ["avx2"] and not has_avx2:
            print(f"ours, {name}: SKIPPED, this CPU lacks AVX2")
            continue
        result["ours"][name] = count_differing(our_first, of_ours(*way))
    return result


def logits(command: list, options: list[str], environment: dict) -> bytes:
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([*command, out.name, *options], env=os.environ | environment, check=True)
        return Path(out.name).read_bytes()


def count_differing(a: bytes, b: bytes) -> int:
    bits = struct.Struct("<I")
    return sum(one != other for one, other in zip(bits.iter_unpack(a), bits.iter_unpack(b), strict=True))

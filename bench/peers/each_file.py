"""Numbers of each of the files made for llama.cpp, from a process for each: one that fails to load may take its process along.

    python3 PEER.py MODELS OUT     the folder of *.gguf, and where the numbers go, as 32-bit floats
"""

import json
import pathlib
import struct
import subprocess
import sys


def main(compute):
    """`compute` yields the numbers of a file."""
    if len(sys.argv) == 2:
        print(f"RESULT {json.dumps(list(compute(sys.argv[1])))}", flush=True)
        return
    models, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(models.glob("*.gguf")):
        done = subprocess.run([sys.executable, sys.argv[0], path], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            print(f"{path.name}: failed\n{done.stdout[-500:]}{done.stderr[-1500:]}")
            continue
        values = json.loads(lines[0].removeprefix("RESULT "))
        (out / f"{path.stem}.f32").write_bytes(struct.pack(f"<{len(values)}f", *values))
        print(path.name)

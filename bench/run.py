#!/usr/bin/env python3
"""The engine beside its peers, one after the other on this machine; `make bench-engine` builds what this runs.

The last line is RESULT {…}. Figures are medians of all rounds; ratios say how many times as fast ours is.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from statistics import median

import models
import report
import showcase
from report import CANDLE, LLAMACPP, NATIVE, ONNX, OURS, OURS_AVX2, Figures, rounded

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
NATIVE_REQUIREMENTS = HERE / "requirements-native.txt"
# llama.cpp for the instructions of this very CPU, without what is not measured.
NATIVE_BUILD = "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_CURL=OFF"
RUNS = 3
MINILM_RUNS = 40
PREFILL = 128
# Formats that llama.cpp has repacked kernels for, the first two of which its goals are of, and the one of the known model.
NATIVE_FORMATS = ["q4_0", "q8_0", "q4_k", "q4_1"]
# How long prompts are, and how often each is run: long ones take long.
NATIVE_PROMPTS = {128: RUNS, 512: 2, 4096: 1}
JOBS, JOB_TOKENS = 16, 64
# Shapes of bench_synthetic that llama.cpp reads too, by format.
LARGE = "llama_1b"
LARGE_SHAPES = {f"{LARGE}_q4_0": "llama_1b", f"{LARGE}_q8_0": "llama_1b_q8_0"}
# A hundred and more would take candle minutes; fewer are in its favour, since the context stays shorter.
CANDLE_DECODE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="where the engine's built examples are")
    parser.add_argument("--peers", type=Path, required=True, help="the target folder of bench/candle")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is run")
    options = parser.parse_args()
    bench = Bench(options.examples, options.peers)
    for number in range(1, options.rounds + 1):
        for threads in (1, 2):
            say(f"round {number} of {options.rounds}, threads: {threads}")
            bench.language_models(threads)
            bench.embeddings(threads)
            for form in NATIVE_FORMATS:
                bench.native(form, threads)
    say("shapes of larger models")
    synthetic = bench.synthetic()
    for form in LARGE_SHAPES:
        for threads in (1, 2):
            bench.native(form, threads)
    say("many jobs at once")
    batch = bench.batch()
    say("formats and traces")
    formats = bench.formats()
    say("how logits depend on how they are computed")
    differing = bench.showcase()
    print(report.table(bench.figures))
    print(report.native_table(bench.figures, "SmolLM2-135M", NATIVE_FORMATS, NATIVE_PROMPTS))
    print(report.native_table(bench.figures, "Llama 3.2 1B's shape", list(LARGE_SHAPES), [PREFILL]))
    print(report.memory_table(bench.memory))
    prices = report.prices_of_determinism(bench.figures, [*NATIVE_FORMATS, *LARGE_SHAPES], PREFILL)
    print(report.determinism_table(prices))
    result = bench.facts() | {"rounds": options.rounds} | report.ratios(bench.figures) | bench.engine()
    result |= synthetic | batch | formats | differing
    result |= report.native_ratios(bench.figures, NATIVE_FORMATS, NATIVE_PROMPTS)
    large = report.native_ratios(bench.figures, list(LARGE_SHAPES), [PREFILL])
    result |= {f"{LARGE}_{name}": ratio for name, ratio in large.items()}
    result["price_of_determinism"] = max(0, rounded(1 - min(ratio for *_, ratio in prices)))
    result |= {"memory": bench.memory, "figures": bench.figures.all()}
    print(f"RESULT {json.dumps(result)}")


class Bench:
    """The programs, the models and what has been measured."""

    def __init__(self, examples: Path, peers: Path):
        self.examples, self.candle = examples, peers / "release"
        self.python = python_with_requirements(peers / "venv", REQUIREMENTS, "--only-binary", ":all:")
        self.native_python = python_with_requirements(
            peers / "venv-native", NATIVE_REQUIREMENTS, "--no-binary", "llama-cpp-python", CMAKE_ARGS=NATIVE_BUILD
        )
        self.language_model, self.embedder, self.tokenizer = models.install(self.python)
        self.figures = Figures()
        self.machine = report.machine()
        # The tiers that are measured, as the examples' arguments.
        self.tiers = {OURS: []}
        if self.machine["has_avx2"]:
            self.tiers[OURS_AVX2] = ["avx2"]
        else:
            print(f"{OURS_AVX2}: SKIPPED, this CPU lacks it")
        self.ours = []
        self.llamacpp_system = None
        self.native_system = None
        self.native_files = self.requantized(peers / "native") | self.large(peers / "native")
        # Bytes that each program took for a file beyond those before it, by program and format.
        self.memory = {}

    def requantized(self, folder: Path) -> dict[str, Path]:
        """SmolLM2 in each of the formats, by llama.cpp's own hand."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {form: folder / f"smollm2-{form}.gguf" for form in NATIVE_FORMATS}
        files["q4_1"] = self.language_model
        for form, path in files.items():
            if not path.exists():
                self.native_llamacpp("quantize", self.language_model, form, path)
        return files

    def large(self, folder: Path) -> dict[str, Path]:
        """Random weights in the shape of a larger model, in each of the formats."""
        files = {form: folder / f"{form}.gguf" for form in LARGE_SHAPES}
        for form, path in files.items():
            if not path.exists():
                subprocess.run([self.examples / "bench_synthetic", "write", LARGE_SHAPES[form], path], check=True)
        return files

    def native_llamacpp(self, command: str, *arguments) -> dict:
        return run([self.native_python, HERE / "peers/llamacpp_native.py", command, *map(str, arguments)])

    def language_models(self, threads: int) -> None:
        """Prompt and decode on SmolLM2."""
        suffix = f"{threads}t"
        for program, tier in self.tiers.items():
            command = [self.examples / "bench_llm", self.language_model, *(tier or ["best"]), str(RUNS), str(threads)]
            result = run(command)
            for measure in ("prefill", "decode", "first_token_32_ms"):
                self.figures.add(program, f"{measure}_{suffix}", result[f"{measure}_{suffix}"])
            if program == OURS:
                self.figures.add(OURS, f"bandwidth_{suffix}", [result[f"bandwidth_{suffix}"]])
                self.ours.append(result)
        result = run([self.python, HERE / "peers/llamacpp.py", self.language_model, str(threads), str(RUNS)])
        self.llamacpp_system = result["system"]
        command = [self.candle / "llama", self.language_model, str(RUNS), str(PREFILL), str(CANDLE_DECODE)]
        for program, result in ((LLAMACPP, result), (CANDLE, run(command, RAYON_NUM_THREADS=str(threads)))):
            for measure in ("prefill", "decode"):
                self.figures.add(program, f"{measure}_{suffix}", result[measure])

    def native(self, form: str, threads: int) -> None:
        """One job beside llama.cpp built for this CPU, behind prompts of several lengths, and sixteen at once."""
        path = self.native_files[form]
        for prompt, runs in NATIVE_PROMPTS.items():
            suffix = f"{form}_{prompt}_{threads}t"
            is_measured = self.figures.median(OURS, f"decode_{suffix}")
            # Long ones are measured in the first round alone, and of the formats that the goals are of.
            if prompt != PREFILL and (is_measured or form not in NATIVE_FORMATS[:2]):
                continue
            ours = run([self.examples / "bench_llm", path, "best", str(runs), str(threads), str(prompt)])
            theirs = self.native_llamacpp("alone", path, threads, runs, prompt)
            self.native_system = theirs["system"]
            for measure in ("prefill", "decode"):
                self.figures.add(OURS, f"{measure}_{suffix}", ours[f"{measure}_{threads}t"])
                self.figures.add(NATIVE, f"{measure}_{suffix}", theirs[measure])
            if prompt == PREFILL and threads == 2:
                taken = {name: told["peak_bytes"] - told["resident_bytes_before"] for name, told in ((OURS, ours), (NATIVE, theirs))}
                self.memory[form] = taken | {"file": path.stat().st_size}
        suffix = f"{form}_batch{JOBS}_{threads}t"
        if self.figures.median(OURS, suffix) or form not in NATIVE_FORMATS[:2]:
            return
        ours = run([self.examples / "bench_batch", path, str(RUNS), str(threads), str(JOB_TOKENS)])
        theirs = self.native_llamacpp("batch", path, threads, RUNS, JOBS, JOB_TOKENS)
        self.figures.add(OURS, suffix, ours[f"tokens_per_second_{JOBS}_jobs_{threads}t"])
        self.figures.add(NATIVE, suffix, theirs["batch"])

    def embeddings(self, threads: int) -> None:
        """MiniLM in three shapes; a run's median is one sample."""
        suffix = f"{threads}t"
        for program, tier in self.tiers.items():
            result = run([self.examples / "bench_embed", self.embedder, self.tokenizer, *tier])
            for shape in report.MINILM_SHAPES:
                self.figures.add(program, f"minilm_{shape}_ms_{suffix}", [result[f"{shape}_ms_{suffix}"]])
        onnx = run([self.python, HERE / "peers/minilm_onnx.py", self.embedder, str(threads), str(MINILM_RUNS)])
        candle = run([self.candle / "minilm", self.embedder, str(MINILM_RUNS)], RAYON_NUM_THREADS=str(threads))
        for program, result in ((ONNX, onnx), (CANDLE, candle)):
            for shape in report.MINILM_SHAPES:
                self.figures.add(program, f"minilm_{shape}_ms_{suffix}", [median(result[shape])])

    def synthetic(self) -> dict:
        """Speed at the shapes of larger models."""
        result = run([self.examples / "bench_synthetic"], show=True)
        values = {name: median(value) if isinstance(value, list) else value for name, value in result.items()}
        return {f"synthetic_{name}": value for name, value in values.items() if name != "tier"}

    def batch(self) -> dict:
        """Many jobs at once, and ten of them beside ten one after the other."""
        result = run([self.examples / "bench_batch", self.language_model, str(RUNS)], show=True)
        values = {name: rounded(median(value)) for name, value in result.items() if isinstance(value, list)}
        return {name if name.startswith("batch") else f"batch_{name}": value for name, value in values.items()}

    def formats(self) -> dict:
        """What a format and the trace add to a step of decoding, as shares of it."""
        result = run([self.examples / "bench_formats", self.language_model, str(RUNS)], show=True)
        values = {name: median(value) if isinstance(value, list) else value for name, value in result.items()}
        return {name: round(value, 5) for name, value in values.items() if "_share_" in name}

    def showcase(self) -> dict:
        """How many logits differ, at most, and how many in which way."""
        programs = self.examples / "logits", self.candle / "logits"
        ways = showcase.differing_logits(self.language_model, *programs, self.machine["has_avx2"])
        for program in ("candle", "ours"):
            for way, count in ways[program].items():
                print(f"{program}, {way}: {count} of {ways['logits']} logits differ")
        rows = run([self.candle / "rows"])
        print(f"candle, a row alone and as one of eight: {rows['differing']} of {rows['outputs']} products differ")
        return {
            "candle_differing_logits": max(ways["candle"].values()),
            "ours_differing_logits": max(ways["ours"].values()),
            "showcase": ways | {"candle_row_alone_or_of_8": rows},
        }

    def engine(self) -> dict:
        """What is measured of ours alone."""
        last = self.ours[-1]
        facts = {name: rounded(median([run[name] for run in self.ours])) for name in ("load_seconds", "hash_seconds")}
        facts |= {
            "tier": last["tier"],
            "resident_over_file": rounded(last["resident_bytes"] / last["file_bytes"]),
            "load_peak_over_file": rounded(last["load_peak_bytes"] / last["file_bytes"]),
        }
        for suffix in ("1t", "2t"):
            bandwidth = self.figures.best(OURS, f"bandwidth_{suffix}")
            read = self.figures.median(OURS, f"decode_{suffix}") * last["bytes_per_token"]
            facts[f"first_token_32_ms_{suffix}"] = self.figures.median(OURS, f"first_token_32_ms_{suffix}")
            facts[f"bandwidth_gb_per_second_{suffix}"] = rounded(bandwidth / 1e9)
            facts[f"bandwidth_fraction_{suffix}"] = rounded(read / bandwidth)
        return facts | {"first_token_32_ms": facts["first_token_32_ms_2t"]}

    def facts(self) -> dict:
        """What was measured, and where."""
        return {
            "cpu": self.machine["cpu"],
            "commit": self.machine["commit"],
            "llamacpp_system": self.llamacpp_system,
            "llamacpp_native_system": self.native_system,
        }


def python_with_requirements(folder: Path, requirements: Path, *options: str, **environment: str) -> Path:
    """The Python of a virtual environment that has the pinned packages."""
    python, installed = folder / "bin/python", folder / requirements.name
    if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
        say(f"installing the Python packages of {requirements.name}")
        venv.create(folder, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
        subprocess.run([*pip, "--requirement", requirements], check=True, env=os.environ | environment)
        shutil.copy(requirements, installed)
    return python


def run(command: list, show: bool = False, **environment: str) -> dict:
    """Runs a program whose last line is RESULT {…}."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines or not lines[-1].startswith("RESULT "):
        sys.exit(f"{' '.join(map(str, command))} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    if show:
        print("\n".join(lines[:-1]))
    return json.loads(lines[-1].removeprefix("RESULT "))


def say(what: str) -> None:
    print(f"bench-engine: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Figures of all runs: their medians, their ratios, and the table."""
import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import median

OURS, OURS_AVX2 = "Sibyl", "Sibyl on AVX2"
LLAMACPP, ONNX, CANDLE = "llama.cpp", "ONNX Runtime", "candle"
NATIVE = "llama.cpp, native"
ROOT = Path(__file__).parent.parent
MINILM_SHAPES = ["1x32", "8x32", "1x128"]


class Figures:
    """Samples by program and measure. Tokens per second are better when larger, milliseconds when smaller."""

    def __init__(self):
        self.samples = defaultdict(list)

    def add(self, program: str, measure: str, samples: list[float]) -> None:
        self.samples[program, measure] += samples

    def median(self, program: str, measure: str) -> float | None:
        samples = self.samples.get((program, measure))
        return rounded(median(samples)) if samples else None

    def best(self, program: str, measure: str) -> float | None:
        samples = self.samples.get((program, measure))
        return rounded((min if is_time(measure) else max)(samples)) if samples else None

    def ratio(self, measure: str, ours: str, other: str) -> float | None:
        """How many times as fast ours is, by medians."""
        a, b = self.median(ours, measure), self.median(other, measure)
        if not a or not b:
            return None
        return rounded(b / a if is_time(measure) else a / b)

    def all(self) -> dict:
        """Medians and bests of everything."""
        names = {OURS: "ours", OURS_AVX2: "ours_avx2", LLAMACPP: "llamacpp", ONNX: "onnxruntime", CANDLE: "candle"}
        names[NATIVE] = "llamacpp_native"
        return {
            f"{names[program]}_{measure}": {"median": self.median(program, measure), "best": self.best(program, measure)}
            for program, measure in sorted(self.samples)
        }


def is_time(measure: str) -> bool:
    return "_ms" in measure


def rounded(value: float) -> float:
    """Three digits and more are enough."""
    return round(value, 1 if value >= 100 else 3)


def ratios(figures: Figures) -> dict:
    """Ours against each peer, the AVX2 tier too."""
    result = {}
    for prefix, ours in (("", OURS), ("avx2_", OURS_AVX2)):
        for threads in ("1t", "2t"):
            for peer, name in ((LLAMACPP, "llamacpp"), (CANDLE, "candle")):
                for measure in ("decode", "prefill"):
                    result[f"{prefix}{measure}_vs_{name}_{threads}"] = figures.ratio(f"{measure}_{threads}", ours, peer)
            for peer, name in ((ONNX, "onnxruntime"), (CANDLE, "candle")):
                each = {shape: figures.ratio(f"minilm_{shape}_ms_{threads}", ours, peer) for shape in MINILM_SHAPES}
                result |= {f"{prefix}minilm_{shape}_vs_{name}_{threads}": ratio for shape, ratio in each.items()}
                result[f"{prefix}minilm_vs_{name}_{threads}"] = geometric_mean(list(each.values()))
    return result


def native_ratios(figures: Figures, formats: list[str], prompts: list[int]) -> dict:
    """Ours against llama.cpp built for this CPU: for each format, and the mean of the first two, which the goals are of."""
    result = {}
    for threads in ("1t", "2t"):
        for prompt in prompts:
            for measure in ("decode", "prefill"):
                each = {form: figures.ratio(f"{measure}_{form}_{prompt}_{threads}", OURS, NATIVE) for form in formats}
                length = "" if prompt == next(iter(prompts)) else f"_{prompt}"
                result[f"{measure}{length}_vs_llamacpp_native_{threads}"] = geometric_mean([each[form] for form in formats[:2]])
                for form, ratio in [(form, ratio) for form, ratio in each.items() if ratio]:
                    result[f"{measure}{length}_{form}_vs_llamacpp_native_{threads}"] = ratio
        each = {form: figures.ratio(f"{form}_batch16_{threads}", OURS, NATIVE) for form in formats}
        result[f"batch16_vs_llamacpp_{threads}"] = geometric_mean([each[form] for form in formats[:2]])
        result |= {f"batch16_{form}_vs_llamacpp_{threads}": ratio for form, ratio in each.items() if ratio}
    return {name: ratio for name, ratio in result.items() if ratio}


def native_table(figures: Figures, model: str, formats: list[str], prompts: list[int]) -> str:
    """Tokens a second of ours and of llama.cpp built for this CPU."""
    lines = [f"{model} beside llama.cpp built for this CPU, tok/s", f"{'':<40}{'1 thread':>26}{'2 threads':>26}"]
    shapes = [(f"{measure} {prompt}", f"{measure}_{{}}_{prompt}") for measure in ("prefill", "decode") for prompt in prompts]
    for title, measure in [*shapes, ("16 jobs at once", "{}_batch16")]:
        for form in formats:
            if figures.median(OURS, f"{measure.format(form)}_1t") is None:
                continue
            cells = ""
            for threads in ("1t", "2t"):
                name = f"{measure.format(form)}_{threads}"
                ours, theirs, times = figures.median(OURS, name), figures.median(NATIVE, name), figures.ratio(name, OURS, NATIVE)
                cells += f"{f'{ours} / {theirs} = {times}':>26}"
            lines.append(f"  {form:<14}{title:<24}{cells}")
    return "\n".join(lines)


def memory_table(memory: dict[str, dict[str, int]]) -> str:
    """What a file takes beyond what the program had before, as multiples of the file's size."""
    lines = [f"{'Most resident memory, of 128 tokens read and 128 written':<58}{'file, MB':>12}{OURS:>12}{NATIVE:>20}"]
    for form, taken in memory.items():
        cells = f"{taken['file'] / 1e6:12.1f}{taken[OURS] / taken['file']:12.3f}{taken[NATIVE] / taken['file']:20.3f}"
        lines.append(f"  {form:<56}{cells}")
    return "\n".join(lines)


def prices_of_determinism(figures: Figures, formats: list[str], prompt: int) -> list[tuple[str, str, str, float]]:
    """Ours beside the fastest run that promises no bits, of the same file on as many threads: what was done, on how many threads, by
    which program, and how many times as fast ours is."""
    rows = [(f"{form}, {kind} {prompt}", f"{kind}_{form}_{prompt}") for kind in ("prefill", "decode") for form in formats]
    rows += [(f"MiniLM-L6, {shape} tokens", f"minilm_{shape}_ms") for shape in MINILM_SHAPES]
    prices = []
    for title, measure in rows:
        for threads in ("1t", "2t"):
            name = f"{measure}_{threads}"
            peers = {peer: figures.ratio(name, OURS, peer) for peer in (NATIVE, ONNX, CANDLE)}
            ratio, peer = min((ratio, peer) for peer, ratio in peers.items() if ratio)
            prices.append((title, threads, peer, ratio))
    return prices


def determinism_table(prices: list[tuple[str, str, str, float]]) -> str:
    """What the same bits everywhere cost, as a share of the throughput of the fastest run without them."""
    lines = [f"{'The price of determinism':<40}{'threads':>8}{'the fastest without':>22}{'ours, times':>14}{'price':>8}"]
    for title, threads, peer, ratio in prices:
        price = "none" if ratio >= 1 else f"{100 * (1 - ratio):.1f} %"
        lines.append(f"  {title:<38}{threads[0]:>8}{peer:>22}{ratio:>14}{price:>8}")
    return "\n".join(lines)


def geometric_mean(values: list[float | None]) -> float | None:
    if None in values:
        return None
    product = 1.0
    for value in values:
        product *= value
    return rounded(product ** (1 / len(values)))


def table(figures: Figures) -> str:
    """Medians, a row per program and measure, with how many times as fast ours is."""
    lines = [f"{'':<28}{'1 thread':>12}{'2 threads':>12}{'ours, times as fast':>24}"]

    def rows(title: str, measure: str, programs: list[str]) -> None:
        lines.append(title)
        for program in programs:
            cells = [figures.median(program, f"{measure}_{threads}") for threads in ("1t", "2t")]
            times = [figures.ratio(f"{measure}_{threads}", OURS, program) for threads in ("1t", "2t")]
            shown = "" if program == OURS else " / ".join("-" if ratio is None else f"{ratio:.2f}" for ratio in times)
            numbers = "".join("-".rjust(12) if cell is None else f"{cell:12.1f}" for cell in cells)
            lines.append(f"  {program:<26}{numbers}{shown:>24}")

    for measure in ("prefill", "decode"):
        rows(f"SmolLM2-135M, {measure}, tok/s", measure, [OURS, OURS_AVX2, LLAMACPP, CANDLE])
    for shape in MINILM_SHAPES:
        rows(f"MiniLM-L6, {shape} tokens, ms", f"minilm_{shape}_ms", [OURS, OURS_AVX2, ONNX, CANDLE])
    return "\n".join(lines)


def machine() -> dict:
    """The CPU and the commit."""
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    git = ["git", "-C", ROOT]
    commit = subprocess.run([*git, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    family = f"family {facts.get('cpu family')}, model {facts.get('model')}"
    return {
        "cpu": f"{facts.get('model name', 'unknown')} ({family})",
        "has_avx2": "avx2" in facts.get("flags", "").split(),
        "commit": commit + ("-dirty" if changed else ""),
    }

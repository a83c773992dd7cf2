"""llama.cpp built for this CPU, through llama-cpp-python's bindings.

llamacpp_native.py quantize FILE.gguf FORMAT OUT.gguf     writes the model in another format (q4_0, q8_0, q4_k)
llamacpp_native.py alone FILE.gguf THREADS RUNS PROMPT    one sequence: PROMPT tokens are read, then 128 are written
llamacpp_native.py batch FILE.gguf THREADS RUNS JOBS TOKENS   JOBS sequences at once, TOKENS written by each

The last line is RESULT {…}, in tokens per second. Of `alone` it has the memory, too: the most that was resident, and what
Python and its libraries had before the model was opened.
"""
import ctypes
import json
import resource
import sys
from time import perf_counter

import llama_cpp as llama
import numpy

DECODE = 128
# The prompt of each of many jobs, as examples/bench_batch.rs has it.
JOB_PROMPT = 15
FORMATS = {
    "q4_0": llama.LLAMA_FTYPE_MOSTLY_Q4_0,
    "q8_0": llama.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q4_k": llama.LLAMA_FTYPE_MOSTLY_Q4_K_S,
}


class Model:
    """A model with room for some sequences of so many positions each."""

    def __init__(self, path: str, threads: int, sequences: int, positions: int):
        model_parameters = llama.llama_model_default_params()
        model_parameters.n_gpu_layers = 0
        self.model = llama.llama_model_load_from_file(path.encode(), model_parameters)
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = sequences * positions
        parameters.n_batch = max(512, sequences)
        parameters.n_seq_max = sequences
        parameters.n_threads = parameters.n_threads_batch = threads
        self.context = llama.llama_init_from_model(self.model, parameters)
        if not self.context:
            sys.exit(f"llama.cpp makes no context of {path}")
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.part = parameters.n_batch
        self.batch = llama.llama_batch_init(self.part, 0, 1)

    def forget(self) -> None:
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)

    def decode(self, rows: list[tuple[int, int, int, bool]]) -> None:
        """Reads rows of (token, position, sequence, whether its logits are wanted), as many as fit into one batch."""
        self.batch.n_tokens = len(rows)
        for at, (token, position, sequence, wanted) in enumerate(rows):
            self.batch.token[at] = token
            self.batch.pos[at] = position
            self.batch.n_seq_id[at] = 1
            self.batch.seq_id[at][0] = sequence
            self.batch.logits[at] = wanted
        if llama.llama_decode(self.context, self.batch) != 0:
            sys.exit("llama_decode failed")

    def likeliest(self, row: int) -> int:
        logits = llama.llama_get_logits_ith(self.context, row)
        return int(numpy.ctypeslib.as_array(logits, shape=(self.vocabulary,)).argmax())


def prompt(length: int, run: int) -> list[int]:
    return [1000 + (at * 37 + run * 97) % 20_000 for at in range(length)]


def alone(path: str, threads: int, runs: int, length: int) -> dict:
    before = most_resident()
    model = Model(path, threads, 1, length + DECODE)
    result = {"prefill": [], "decode": []}
    # One more, to warm up.
    for run in range(runs + 1):
        model.forget()
        tokens = prompt(length, run)
        start = perf_counter()
        for begin in range(0, length, model.part):
            part = tokens[begin : begin + model.part]
            model.decode([(token, begin + at, 0, begin + at + 1 == length) for at, token in enumerate(part)])
        token = model.likeliest(-1)
        read = perf_counter()
        for at in range(DECODE):
            model.decode([(token, length + at, 0, True)])
            token = model.likeliest(0)
        written = perf_counter()
        if run > 0:
            result["prefill"].append(length / (read - start))
            result["decode"].append(DECODE / (written - read))
    return result | {"resident_bytes_before": before, "peak_bytes": most_resident()}


def most_resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def batch(path: str, threads: int, runs: int, jobs: int, tokens: int) -> dict:
    model = Model(path, threads, jobs, JOB_PROMPT + tokens)
    result = {"batch": []}
    for run in range(runs + 1):
        model.forget()
        start = perf_counter()
        rows = []
        for job in range(jobs):
            said = prompt(JOB_PROMPT, run * jobs + job)
            rows += [(token, at, job, at + 1 == JOB_PROMPT) for at, token in enumerate(said)]
        for begin in range(0, len(rows), model.part):
            part = rows[begin : begin + model.part]
            model.decode(part)
            begun = {row[2]: model.likeliest(at) for at, row in enumerate(part) if row[3]}
            last = begun if begin == 0 else last | begun
        for at in range(1, tokens):
            model.decode([(last[job], JOB_PROMPT + at - 1, job, True) for job in range(jobs)])
            last = {job: model.likeliest(job) for job in range(jobs)}
        if run > 0:
            result["batch"].append(jobs * tokens / (perf_counter() - start))
    return result


def quantize(path: str, form: str, out: str) -> dict:
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = FORMATS[form]
    parameters.allow_requantize = True
    if llama.llama_model_quantize(path.encode(), out.encode(), ctypes.byref(parameters)) != 0:
        sys.exit(f"llama.cpp does not write {path} in {form}")
    return {"file": out}


def main() -> None:
    command, *arguments = sys.argv[1:]
    llama.llama_backend_init()
    if command == "quantize":
        result = quantize(*arguments)
    else:
        path, *numbers = arguments
        result = {"alone": alone, "batch": batch}[command](path, *map(int, numbers))
    result["system"] = llama.llama_print_system_info().decode().strip()
    print(f"RESULT {json.dumps(result)}")


if __name__ == "__main__":
    main()

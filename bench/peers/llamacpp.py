"""llama.cpp on a GGUF: llamacpp.py FILE.gguf THREADS RUNS. The last line is RESULT {…}, in tokens per second."""
import json
import sys

import xllamacpp

PREFILL = 128
DECODE = 128

path, threads, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

parameters = xllamacpp.CommonParams()
parameters.model.path = path
parameters.n_ctx = 512
parameters.n_parallel = 1
parameters.cpuparams.n_threads = threads
parameters.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(parameters)

result = {"prefill": [], "decode": [], "system": xllamacpp.get_system_info()}
# One more, to warm up.
for run in range(runs + 1):
    reply = server.handle_completions(
        {
            "prompt": [1000 + (at * 37 + run * 97) % 20_000 for at in range(PREFILL)],
            "n_predict": DECODE,
            # The cheapest way to the likeliest token.
            "samplers": ["top_k"],
            "top_k": 1,
            "cache_prompt": False,
            "ignore_eos": True,
        }
    )
    timings = (reply if isinstance(reply, dict) else json.loads(reply))["timings"]
    assert (timings["prompt_n"], timings["predicted_n"]) == (PREFILL, DECODE), timings
    if run > 0:
        result["prefill"].append(timings["prompt_per_second"])
        result["decode"].append(timings["predicted_per_second"])
print(f"RESULT {json.dumps(result)}")
